// What the build does with texts in device modules: XS copies their literals to the chunk heap each time a function reaches them.
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { outside } from "../bench/outside.ts";

const { hoistCompared } = (await outside("build/device.mjs")) as { hoistCompared(code: string): string };

describe("texts in device modules", () => {
  it("that checks compare with are moved out of functions, after the imports", () => {
    const code = `import a from "time";
export const f = (value) => typeof value === "string" && value !== "";
class A { field = ""; m(v) { return typeof v === "number" || a.includes("\\0"); } }
`;
    const hoisted = hoistCompared(code);
    equal(
      hoisted,
      `import a from "time";

const EMPTY_TEXT = "";

const NUL_TEXT = "\\u0000";

const TYPE_NUMBER = "number";

const TYPE_STRING = "string";

export const f = (value) => typeof value === TYPE_STRING && value !== EMPTY_TEXT;
class A { field = EMPTY_TEXT; m(v) { return typeof v === TYPE_NUMBER || a.includes(NUL_TEXT); } }
`,
    );
  });

  it("are left where they are no value in a function: names of members and of natives, other texts, the module's own code", () => {
    const code = `export const constant = "string";
export const f = () => ({ "string": 1, number: 2, text: "other", [\`string\`]: native("xs_number").call(this) });
`;
    equal(hoistCompared(code).trim(), code.trim());
  });

  it("are refused where the name is taken", () => {
    throws(
      () => hoistCompared(`const TYPE_STRING = 1; export const f = (v) => v === "string";`),
      /TYPE_STRING is a name/,
    );
  });

  it("of the shipped files are outside of functions, and constants of the sources are still constants", () => {
    const modules = readdirSync("dist/moddable", { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".js"),
    );
    ok(modules.length >= 12, modules.join());
    for (const name of modules) {
      const code = readFileSync(join("dist/moddable", name), "utf8");
      // Not again: it refuses names that it has given. Without those names, it finds nothing to move.
      const declared = code.match(/^const (?:TYPE|EMPTY|NUL)_\w+ = .*$/gm) ?? [];
      const anew = hoistCompared(code.replaceAll(/\b(TYPE|EMPTY|NUL)_([A-Z]+)\b/g, "$1$2"));
      deepEqual(anew.match(/^const (?:TYPE|EMPTY|NUL)_\w+ = .*$/gm), null, name);
      if (/xs-telemetry|recorder|privacy/.test(name)) ok(declared.length > 0, `${name}: nothing moved`);
    }
    const adapter = readFileSync("dist/moddable/websocket.js", "utf8");
    for (const constant of ['const RECEIVED = "msg.recv";', 'const SENT = "msg.send";', 'const TYPE = "type";'])
      match(adapter, new RegExp(`^${constant}$`, "m"));
  });
});
