// The constants of a registry's layout, by the names that device code uses.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { layoutHeader } from "../../host/generate/c.ts";
import { layoutSource } from "../../host/generate/typescript.ts";
import { loadRegistry } from "../../host/registry/load.ts";

const files = readdirSync("registry").filter((name) => name.endsWith(".yaml"));
const load = (name: string) => loadRegistry(readFileSync(`registry/${name}`, "utf8"), name);
const namesIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, name]) => name!).sort();
const inTypeScript = (name: string) => namesIn(layoutSource(load(name), name), /^export const (\w+)/gm);
const inC = (name: string) => namesIn(layoutHeader(load(name), name), /^#define (\w+)/gm);

describe("the names of the layout's constants", () => {
  it("are those of the first version, whichever version devices emit: renamed attributes keep theirs", () => {
    ok(files.length >= 2, files.join());
    const first = inTypeScript("1.0.0.yaml");
    ok(first.includes("RECORD_WS_CONNECT_IP") && first.includes("MSG_TYPE_SHIFT"));
    for (const name of files) {
      for (const [found, before] of [
        [inTypeScript(name), first],
        [inC(name), inC("1.0.0.yaml")],
      ] as const)
        deepEqual(
          before.filter((constant) => !found.includes(constant)),
          [],
          `${name} has all of them`,
        );
    }
  });

  it("are there once each", () => {
    for (const name of files)
      for (const names of [inTypeScript(name), inC(name)]) equal(new Set(names).size, names.length, name);
  });
});
