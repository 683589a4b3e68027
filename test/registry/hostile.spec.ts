import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { readRegistryText, registryText } from "../../host/registry/file.ts";
import { readRegistry } from "../../host/registry/load.ts";
import { formatMistake } from "../../host/registry/mistakes.ts";
import { runs } from "../support/properties.ts";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

const MOST_BYTES = 1024 * 1024;
const told = (text: string): string[] => readRegistry(text, "my.yaml").mistakes.map(formatMistake);

describe("text that is no registry", () => {
  const cases: [what: string, text: string, told: RegExp][] = [
    ["is empty", "", /^my\.yaml:1:1: E_YAML: the document is empty; `xs-telemetry registry new` writes one/],
    ["has comments alone", "# nothing\n", /^my\.yaml:1:1: E_YAML: the document is empty/],
    ["is null", "~\n", /^my\.yaml:1:1: E_YAML: the document is empty/],
    ["is a list", "- a\n- b\n", /^my\.yaml:1:1: E_VALUE: must be a mapping, is a list/],
    ["is a word", "registry\n", /^my\.yaml:1:1: E_VALUE: must be a mapping, is "registry"/],
    ["is no YAML", "a: 1\nattributes: [\n", /^my\.yaml:3:1: E_YAML: not valid YAML: /],
    ["has an open quote", 'a: "b\nc: d\n', /^my\.yaml:\d:\d+: E_YAML: not valid YAML: /],
    ["is indented by tabs", "attributes:\n\t- key: a\n", /^my\.yaml:2:1: E_YAML: not valid YAML: Tabs are not allowed/],
    ["has a second document", "a: 1\n---\nb: 2\n", /^my\.yaml:2:1: E_YAML: a second document begins/],
    ["has an anchor", "a: &x 1\nb: 2\n", /^my\.yaml:1:4: E_YAML: "&x" is an anchor; write the value out/],
    ["has an alias", "a: 1\nb: *x\n", /^my\.yaml:2:4: E_YAML: "\*x" is an alias; write the value out/],
    ["merges", "a: 1\n<<: *x\n", /^my\.yaml:2:5: E_YAML: "\*x" is an alias/],
    ["has a tag", "a: !!binary aGk=\n", /^my\.yaml:1:4: E_YAML: "!!binary" is a tag; leave it out/],
    ["has a directive", "%YAML 1.1\n---\na: 1\n", /^my\.yaml:1:1: E_YAML: "%YAML 1\.1" is a directive; leave it out/],
    ["has text behind the document", "a: 1\n...\nb: 2\n", /^my\.yaml:3:1: E_YAML: /],
    ["is UTF-16", Buffer.from("a: 1\n", "utf16le").toString(), /^my\.yaml:1:1: E_/],
    ["is of zeros", "\0".repeat(100), /^my\.yaml:1:1: E_VALUE: must be a mapping, is "\\u0000/],
  ];
  for (const [what, text, expected] of cases)
    it(`is refused if it ${what}`, () => {
      const { model, mistakes } = readRegistry(text, "my.yaml");
      equal(model, undefined);
      match(mistakes.map(formatMistake).join("\n"), expected);
    });

  it("is refused before it is built, if it is too long, too deep or too much", () => {
    deepEqual(told(`a: ${"b".repeat(MOST_BYTES)}`), [
      "my.yaml:1:1: E_YAML: the file has 1048579 bytes, at most 1048576 are allowed; split the registry",
    ]);
    deepEqual(told(`a: ${"ä".repeat(MOST_BYTES / 2)}`).length, 1, "bytes, not characters");
    const deep = /^my\.yaml:1:\d+: E_YAML: more than 32 nested lists and mappings/;
    for (const text of ["[", "{a: ", "- ", "? "]) match(told(text.repeat(MOST_BYTES / text.length)).join("\n"), deep);
    const nested = Array.from({ length: 1000 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("");
    match(told(nested).join("\n"), /^my\.yaml:32:\d+: E_YAML: more than 32/);
    const many = /^my\.yaml:\d+:\d+: E_YAML: more than 300000 tokens; split the registry$/;
    for (const text of ["- a\n", '"', ","]) match(told(`[${text.repeat(MOST_BYTES / 64)}`).join("\n"), /E_YAML/);
    match(told("- a\n".repeat(MOST_BYTES / 4)).join("\n"), many);
    const bomb = `a: &a [x,x]\n${Array.from({ length: 20 }, (_, index) => `k${index}: &b${index} [*a,*a]\n`).join("")}`;
    match(told(bomb).join("\n"), /^my\.yaml:1:4: E_YAML: "&a" is an anchor/);
  }).timeout(60_000);

  it("is read up to a hundred mistakes of syntax, and not beyond", () => {
    const { Error: RealError } = globalThis;
    let made = 0;
    // What the parser's errors contain.
    globalThis.Error = new Proxy(RealError, {
      construct(target, args, newTarget) {
        made++;
        return Reflect.construct(target, args, newTarget);
      },
    });
    try {
      const texts = [
        `[${",".repeat(190_000)}`,
        `{${",".repeat(190_000)}}`,
        `a:\n  b: [${"[,],".repeat(30_000)}]\n`,
        `["${"\\z".repeat(500_000)}"]`,
        `{${"? ".repeat(90_000)}}`,
        `- {a: "${"\\z".repeat(150)}"}\n`.repeat(1000),
      ];
      for (const text of texts) {
        const { model, mistakes, mistakeCount } = readRegistry(text, "my.yaml");
        equal(model, undefined);
        equal(mistakeCount, 100, text.slice(0, 20));
        equal(mistakes.filter(({ message }) => message === "no further mistakes of syntax are listed").length, 1);
      }
      ok(made < 100, `${made} errors were made`);
    } finally {
      globalThis.Error = RealError;
    }
  });

  it("has as many mistakes as there are, but shows a hundred, whatever it is full of", () => {
    const attributes = Array.from({ length: 5000 }, (_, index) => `  - { key: a${index}, tpye: x }\n`).join("");
    const events = Array.from(
      { length: 2000 },
      () => "  - { name: e, attributes: [ { ref: no }, { ref: nothing } ] }\n",
    ).join("");
    const { mistakes, mistakeCount } = readRegistry(`attributes:\n${attributes}events:\n${events}`, "my.yaml");
    equal(mistakes.length, 100);
    ok(mistakeCount > 20_000, `${mistakeCount}`);
  }).timeout(60_000);
});

describe("a registry with any change of its characters", () => {
  const place = fc.nat({ max: SMALL_REGISTRY.length });
  const piece = fc.oneof(
    fc.constantFrom(
      "",
      "\n",
      " ",
      "\t",
      ":",
      "- ",
      "[",
      "]",
      "{",
      "}",
      '"',
      "#",
      "&a",
      "*a",
      "|\n",
      "\0",
      "~",
      "-1",
      "1e99",
      "__proto__",
    ),
    fc.string({ unit: "binary", maxLength: 5 }),
  );

  it("is read or refused with places in the text, and nothing else happens", () => {
    const check = (text: string) => {
      const { model, mistakes, mistakeCount } = readRegistry(text, "my.yaml");
      equal(model === undefined, mistakeCount > 0);
      const lines = text.split("\n");
      for (const { line, column, message, fix } of mistakes) {
        ok(line >= 1 && line <= lines.length, `line ${line}`);
        ok(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column} in line ${line}`);
        ok(message !== "" && fix !== "");
      }
    };
    check(`"${SMALL_REGISTRY}`); // a quote that lines without quotes end
    fc.assert(
      fc.property(place, fc.nat({ max: 30 }), piece, (at, length, inserted) =>
        check(SMALL_REGISTRY.slice(0, at) + inserted + SMALL_REGISTRY.slice(at + length)),
      ),
      runs(1000, 80),
    );
  }).timeout(60_000);
});

describe("a registry's file", () => {
  const folder = mkdtempSync(join(tmpdir(), "registry-"));
  after(() => rmSync(folder, { recursive: true }));

  it("must be UTF-8, and at most 1 MiB", () => {
    const path = join(folder, "my.yaml");
    writeFileSync(path, SMALL_REGISTRY);
    equal(readRegistryText(path), SMALL_REGISTRY);
    throws(() => registryText(Buffer.from("a: 1\nb: \xe4\n", "latin1"), "my.yaml"), {
      code: "E_REGISTRY_FILE",
      exitCode: 1,
      message: "my.yaml:2:1: E_YAML: not UTF-8: 0xe4 at byte 8; save the file as UTF-8",
    });
    throws(
      () => registryText(Buffer.from("a: \xe2\x82", "latin1"), "my.yaml"),
      /my\.yaml:1:1: E_YAML: not UTF-8: 0xe2 at byte 3/,
    );
    writeFileSync(path, Buffer.alloc(MOST_BYTES + 1, "a"));
    throws(() => readRegistryText(path), {
      code: "E_REGISTRY_FILE",
      message: /my\.yaml:1:1: E_YAML: the file has more than 1048576 bytes/,
    });
  });

  it("must be there, and a file", () => {
    throws(() => readRegistryText(join(folder, "none.yaml")), { code: "E_NOT_FOUND", exitCode: 2 });
    throws(() => readRegistryText(folder), { code: "E_IS_DIRECTORY", exitCode: 2 });
  });

  it("is read to its bound alone, if it has no end", () => {
    throws(() => readRegistryText("/dev/zero"), { code: "E_REGISTRY_FILE", message: /more than 1048576 bytes/ });
  });
});
