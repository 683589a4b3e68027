// The XS host links as Moddable's linker does: which literals and function bodies are copied when they are reached, and which are in flash.
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outside } from "../bench/outside.ts";

interface Recorded {
  source: string;
  /** The functions of the module in a linked image that preloads it. */
  preloaded: { name: string; code: string }[];
  /** The module's code in one that does not. */
  loaded: string;
}

interface Linked {
  /** Name and size of each opcode, as XS has them. */
  opcodes: [name: string, size: number][];
  preloaded: string;
  loaded: string;
}

interface Instruction {
  readonly name: string;
  readonly at: number;
  /** After it. For a function body: where the body begins. */
  readonly end: number;
  /** For a function body, the bytes that follow. */
  readonly bodyBytes: number;
  /** What a text says. */
  readonly text: string;
}

const { xsHost } = await outside("build/xs/setup.mjs");
const folder = "test/linker";
const recorded: Recorded = JSON.parse(readFileSync(`${folder}/forms.json`, "utf8"));
const run = async (...args: string[]) => JSON.parse(execFileSync(await xsHost(), args, { encoding: "utf8" }));
const linked: Linked = await run("--linked", `${folder}/${recorded.source}`);

function* instructions(hex: string): Generator<Instruction> {
  const code = Buffer.from(hex, "hex");
  const number = (at: number, bytes: number) => code.readUIntLE(at, bytes);
  for (let at = 0; at < code.length; ) {
    const [name, size] = linked.opcodes[code[at]!]!;
    const operand = at + 1;
    let end = at + size; // its own size,
    if (size === 0) end = operand + 2; // or a name's id,
    if (size < 0) end = operand - size + number(operand, -size); // or a text and its length
    const isBody = /^code(_|$)/.test(name);
    yield {
      name,
      at,
      end,
      bodyBytes: isBody ? number(operand, size - 1) : 0,
      text: /^string(_|$)/.test(name) ? code.toString("latin1", operand - size, end - 1) : "",
    };
    at = end;
  }
}

/** The instructions that may be archived: their names, and the text. The length of a body depends on the compiler. */
function formsOf(hex: string): string[] {
  return [...instructions(hex)]
    .filter(({ name }) => /^(string|code)(_|$)/.test(name))
    .map(({ name, text }) => (text ? `${name} ${text}` : name.replace(/_[124]$/, "")));
}

/** The bodies of the functions that a module's own code makes: those that are not nested in another function. */
function functionsOf(hex: string): string[] {
  const found: string[] = [];
  let moduleEnd = 0;
  let functionEnd = 0;
  for (const { at, end, bodyBytes } of instructions(hex)) {
    if (bodyBytes === 0 || at < functionEnd) continue;
    if (at >= moduleEnd) moduleEnd = end + bodyBytes;
    else {
      functionEnd = end + bodyBytes;
      found.push(hex.slice(end * 2, functionEnd * 2));
    }
  }
  return found;
}

describe("the XS host's forms of literals and functions", () => {
  it("of a module that is not preloaded are those of a linked image: all archived", () => {
    const forms = formsOf(recorded.loaded);
    ok(forms.length > 30, `${forms.length} forms`);
    ok(
      forms.every((form) => /^(string|code)_archive/.test(form)),
      forms.join("\n"),
    );
    deepEqual(formsOf(linked.loaded), forms);
  });

  it("of a preloaded module's functions are those of a linked image: none archived", () => {
    const forms = recorded.preloaded.map(({ code }) => formsOf(code));
    equal(forms.length, 13, "functions");
    ok(!forms.flat().some((form) => form.includes("archive")), forms.flat().join("\n"));
    for (const kind of [
      "string short",
      "string_2 a literal",
      "code",
      "string in a closure",
      "string of a private field",
    ])
      ok(
        forms.flat().some((form) => form.startsWith(kind)),
        kind,
      );
    const sorted = (all: string[][]) => all.map((some) => some.join("\n")).sort();
    deepEqual(sorted(functionsOf(linked.preloaded).map(formsOf)), sorted(forms));
  });

  it("of what a preloaded module's own code makes are archived: constants and functions that lie in flash", () => {
    const own = functionsOf(linked.preloaded).reduce((rest, body) => rest.replace(body, ""), linked.preloaded);
    const bodies = own.length / 2;
    ok(bodies > 0 && linked.preloaded.length > own.length, "functions were taken out");
    // Without the functions the code cannot be traversed; with them in their archived form all of it is archived.
    const archived = functionsOf(linked.loaded).reduce((rest, body) => rest.replace(body, ""), linked.loaded);
    equal(own, archived);
  });

  it("make a module given by a name copy each literal that it reaches and each closure's code; the main module copies none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "xs-forms-"));
    const cases = `
      const around = "a constant";
      export const cases = {
        "a literal": () => "a literal",
        "a comparison": (value) => value === "a literal",
        "a constant around the function": () => around,
        "a function around the function": () => named,
        "a closure": () => () => 1,
      };
      function named() {}`;
    writeFileSync(join(folder, "named.js"), cases);
    writeFileSync(
      join(folder, "main.js"),
      `import { cases as preloaded } from "named";
      ${cases.replace("export ", "")}
      const chunkBytesOf = (call) => {
        call(1);
        const before = heap.chunkBytes();
        call(1);
        return heap.chunkBytes() - before;
      };
      const found = {};
      for (const name of Object.keys(cases)) found[name] = [chunkBytesOf(preloaded[name]) > 0, chunkBytesOf(cases[name]) > 0];
      print(JSON.stringify(found));`,
    );
    const found = await run("--module", `named=${join(folder, "named.js")}`, join(folder, "main.js"));
    rmSync(folder, { recursive: true });
    deepEqual(found, {
      "a literal": [true, false],
      "a comparison": [true, false],
      "a constant around the function": [false, false],
      "a function around the function": [false, false],
      "a closure": [true, false],
    });
  });
});
