// Registries changed at random, line by line and word by word, through everything that the registry commands do. Many remain registries:
// then everything is generated from them, and they are compared with the original in both directions.
import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ctfMetadata } from "../../host/capture/ctf-metadata.ts";
import { referenceDocument, schemaDocument } from "../../host/generate/documents.ts";
import { generatedFiles } from "../../host/generate/own-registry.ts";
import { diffRegistries, leastBump } from "../../host/registry/diff.ts";
import { checkEvolution } from "../../host/registry/evolution.ts";
import { loadRegistry, readRegistry } from "../../host/registry/load.ts";
import { formatMistake, MOST_MISTAKES } from "../../host/registry/mistakes.ts";
import { SCAFFOLD } from "../../host/registry/scaffold.ts";
import { random } from "../support/assert.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

const FILE = "my.yaml";
const TEXTS = [
  SMALL_REGISTRY,
  SCAFFOLD,
  ...["registry/1.0.0.yaml", "registry/2.0.0.yaml", "examples/sensor/sensor.yaml"].map((path) =>
    readFileSync(path, "utf8"),
  ),
];
/** Replaces a value. */
const WORDS = [
  "0",
  "1",
  "255",
  "256",
  "-1",
  "65536",
  "4294967296",
  "1e9",
  "~",
  "true",
  '""',
  "[]",
  "{}",
  "text",
  "u8",
  "f64",
  "bool",
  "int",
  "stable",
  "constructor",
  "__proto__",
  '"\\u202e"',
  '"*/"',
  "a".repeat(300),
];
/** By how much the output may exceed the registry's text: one line for each place where a name is used. */
const MOST_GROWTH = 400;

function mutated(text: string, { below, pick }: ReturnType<typeof random>): string {
  const lines = text.split("\n");
  for (let count = 1 + below(2); count > 0; count--) {
    const at = below(lines.length);
    const line = lines[at]!;
    const words = [...line.matchAll(/[\w.]+/g)];
    const word = words.length > 0 ? pick(words) : undefined;
    const put = (by: string) => {
      if (word) lines[at] = line.slice(0, word.index) + by + line.slice(word.index + word[0].length);
    };
    switch (below(9)) {
      case 0: // gone
        lines.splice(at, 1 + below(4));
        break;
      case 1: // twice
        lines.splice(below(lines.length), 0, ...lines.slice(at, at + 1 + below(8)));
        break;
      case 2: {
        // changed places
        const other = below(lines.length);
        [lines[at], lines[other]] = [lines[other]!, line];
        break;
      }
      case 3: // deeper, or less deep
        lines[at] = below(2) ? `  ${line}` : line.replace(/^ {2}/, "");
        break;
      case 4: // another number
        put(word && /^\d+$/.test(word[0]) ? String(Number(word[0]) + pick([-1, 1, 8, 32])) : pick(WORDS));
        break;
      case 5: // another word of it
        put(pick([...lines[below(lines.length)]!.matchAll(/[\w.]+/g)].map(([found]) => found).concat("x")));
        break;
      case 6: // a character
        lines[at] =
          line.slice(0, below(line.length + 1)) +
          pick([":", "-", "{", "]", '"', "#", "\t", "\0", "é", "\u2028"]) +
          line.slice(below(line.length + 1));
        break;
      default: // another name
        put(word ? `${word[0]}${pick(["_", "2", ".b", "é"])}` : "x");
    }
  }
  return lines.join("\n");
}

describe("registries that were changed at random", () => {
  const originals = TEXTS.map((text) => loadRegistry(text, FILE));

  it("are refused with places in the text, or everything is made of them: nothing else is thrown, and nothing is without bounds", function () {
    this.timeout(1_800_000);
    const seed = seedFor(81);
    const dice = random(seed);
    let good = 0;
    for (const round of campaign("registries changed at random", 20_000, 200)) {
      const index = dice.below(TEXTS.length);
      const text = mutated(TEXTS[index]!, dice);
      try {
        const read = readRegistry(text, FILE);
        equal(read.model === undefined, read.mistakeCount > 0);
        ok(read.mistakes.length <= MOST_MISTAKES);
        for (const mistake of read.mistakes)
          ok(/^my\.yaml:\d+:\d+: E_[A-Z_]+: ./.test(formatMistake(mistake)), formatMistake(mistake));
        const { model } = read;
        if (!model) continue;
        good++;
        const original = originals[index]!;
        for (const [a, b] of [
          [original, model],
          [model, original],
        ] as const)
          leastBump(diffRegistries(a, b), a.schemaVersion);
        equal(diffRegistries(model, model).length, 0);
        checkEvolution(
          { ...readRegistry(TEXTS[index]!, FILE), file: FILE, model: original },
          { ...read, file: FILE, model },
        );
        const wanted = { output: "a.ts", types: "b.ts", schema: "c.json", metadata: "d", docs: "e.md" };
        const made = [
          ...generatedFiles(text, FILE, wanted).map(([, file]) => file),
          referenceDocument(model, FILE),
          JSON.stringify(schemaDocument(model)),
          ctfMetadata(model),
        ];
        for (const file of made)
          ok(file.length > 0 && file.length < text.length * MOST_GROWTH, `${file.length} characters of ${text.length}`);
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${(error as Error).stack}\n${text}`);
      }
    }
    ok(good > 0, `${good} were still registries`);
  });
});
