/** Registries with changes, in the form of test/registry-*.txt: a kind, the expected message, and `-` lines to replace by `+` lines. */
import { ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SMALL_REGISTRY } from "./small-registry.ts";

export interface RegistryCase {
  readonly kind: string;
  /** The lines before the changes. */
  readonly told: readonly string[];
  /** The registry with the changes, without the mark. */
  readonly text: string;
  /** `line:column` of the mark, if there is one. */
  readonly place: string | undefined;
}

const MARK = "‸";

export function readRegistryCases(path: string): RegistryCase[] {
  const cases: RegistryCase[] = [];
  let kind = "";
  for (const block of readFileSync(path, "utf8").split(/\n\n+/).slice(1)) {
    const lines = block.trimEnd().split("\n");
    if (lines[0]!.startsWith("# ")) {
      kind = lines[0]!.slice(2);
      continue;
    }
    const told: string[] = [];
    while (lines.length > 0 && !lines[0]!.startsWith("- ")) told.push(lines.shift()!);
    const marked = changed(SMALL_REGISTRY, lines);
    cases.push({ kind, told, text: marked.replace(MARK, ""), place: placeOfMark(marked) });
  }
  return cases;
}

function changed(registry: string, changes: string[]): string {
  let text = registry;
  while (changes.length > 0) {
    const [from, to] = [takeLines(changes, "-"), takeLines(changes, "+")];
    ok(text.includes(from), `the registry has no ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}

/** The lines at the front that begin with the sign, without it. */
function takeLines(lines: string[], sign: string): string {
  const taken: string[] = [];
  while (lines[0]?.startsWith(sign)) taken.push(lines.shift()!.slice(2));
  ok(taken.length > 0, `a line beginning with ${sign} before ${lines[0]}`);
  return taken.join("\n");
}

function placeOfMark(text: string): string | undefined {
  const at = text.indexOf(MARK);
  const before = text.slice(0, at).split("\n");
  return at < 0 ? undefined : `${before.length}:${before.at(-1)!.length + 1}`;
}
