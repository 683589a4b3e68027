// Fields of a draft get their places, and the file states them.
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layOutDraft } from "../../host/registry/draft-layout.ts";
import { loadRegistry, readRegistry } from "../../host/registry/load.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { run } from "../support/command.ts";
import { randomIntegers } from "../support/packets.ts";

const SENSOR = readFileSync("examples/sensor/sensor.yaml", "utf8");
/** Without a place, or a width, for any field of bits. */
const DRAFT = SENSOR.replaceAll(/, offset_bits: \d+/g, "").replace(/, width_bits: \d+/, "");

describe("the layout of a draft", () => {
  it("places every field, within its events alone, and keeps all else of the text", () => {
    const { mistakes } = readRegistry(DRAFT, "draft.yaml");
    ok(mistakes.length > 8 && mistakes.every(({ code, fix }) => code === "E_MISSING" && /registry layout/.test(fix)));
    const { text, placed } = layOutDraft(DRAFT, "draft.yaml");
    equal(text.replaceAll(/, (offset|width)_bits: \d+/g, ""), DRAFT);
    equal(placed.length, 10);
    const sizes = (source: string) =>
      loadRegistry(source, "it").recordTypes.map(({ id, fields }) => [
        id,
        Math.ceil(Math.max(...fields.map(({ offsetBits, widthBits }) => offsetBits + widthBits)) / 128),
      ]);
    deepEqual(sizes(text), sizes(SENSOR), "no record is longer than by hand");
    deepEqual(
      placed.filter(({ key }) => ["severity", "component", "pin"].includes(key)),
      [
        { key: "pin", type: "u8", offsetBits: 40, widthBits: 8 },
        { key: "severity", type: "enum", offsetBits: 40, widthBits: 4 },
        { key: "component", type: "token", offsetBits: 48, widthBits: 16 },
      ],
    );
  });

  it("never moves what has a place, and does nothing to a registry that is laid out", () => {
    deepEqual(layOutDraft(SENSOR, "it"), { text: SENSOR, placed: [] });
    const { text } = layOutDraft(DRAFT, "it");
    deepEqual(layOutDraft(text, "it").text, text);
    const half = SENSOR.replace("type: f32, offset_bits: 96", "type: f32");
    deepEqual(layOutDraft(half, "it").placed, [
      { key: "humidity_percent", type: "f32", offsetBits: 96, widthBits: 32 },
    ]);
  });

  it("writes into mappings of lines, with comments, line ends and a byte order mark, as into braces", () => {
    const block = `\ufeff${SENSOR.replace(
      "    annotations: { wire: { type: f32, offset_bits: 96 } }",
      "    annotations:\r\n      wire:\r\n        # of the air\r\n        type: f32 # percent\r\n",
    )}`;
    const { text, placed } = layOutDraft(block, "it");
    deepEqual([placed.length, placed[0]!.offsetBits], [1, 96]);
    match(text, /type: f32 # percent\r?\n {8}offset_bits: 96/);
    loadRegistry(text, "it");
  });

  it("lays out whatever events share, so that the registry is good", () => {
    const random = randomIntegers(seedFor(77));
    const types = ["u8", "u16", "u32", "i32", "f32", "f64", "bool", "token"];
    const valueTypes: Record<string, string> = { f32: "double", f64: "double", bool: "boolean", token: "string" };
    for (let round = 0; round < rounds(2000, 60); round++) {
      const keys = Array.from({ length: 1 + random(20) }, (_, index) => `key${index}`);
      const attributes = keys.map((key) => {
        const type = types[random(types.length)]!;
        return `  - { key: ${key}, type: ${valueTypes[type] ?? "int"}, stability: stable, brief: b, examples: [${type === "token" ? "a" : type === "bool" ? "true" : 1}], annotations: { wire: { type: ${type} } } }`;
      });
      const events = Array.from({ length: 1 + random(4) }, (_, index) => {
        const own = keys.filter(() => random(3) > 0);
        const refs = ["event", "uptime_ms", "number", ...own, "schema_version"].map(
          (ref) => `      - { ref: ${ref}, requirement_level: required }`,
        );
        return `  - name: e.${index}\n    stability: stable\n    brief: b\n    attributes:\n${refs.join("\n")}\n    annotations: { wire: { record_types: [{ id: ${index + 1} }] } }`;
      });
      const head = SENSOR.slice(0, SENSOR.indexOf("  - key: temperature_c"));
      const draft = `${head}${attributes.join("\n")}\n\nevents:\n${events.join("\n")}\n`;
      const { text } = layOutDraft(draft, "it");
      const { mistakes } = readRegistry(text, "it");
      // An attribute that no event has is another mistake.
      deepEqual(
        mistakes.filter(({ code }) => ["E_LAYOUT", "E_OVERLAP", "E_MISSING"].includes(code)),
        [],
        `round ${round}\n${text}`,
      );
    }
  });

  it("says that a record is full, and what is no YAML", () => {
    const keys = Array.from({ length: 17 }, (_, index) => `k${index}`);
    const attributes = keys.map(
      (key) => `  - { key: ${key}, type: double, stability: stable, brief: b, annotations: { wire: { type: f64 } } }`,
    );
    const refs = keys.map((key) => `      - { ref: ${key}, requirement_level: required }`);
    const full = `file_format: definition/2\nattributes:\n${attributes.join("\n")}\nevents:\n  - name: e\n    attributes:\n${refs.join("\n")}\n`;
    throws(() => layOutDraft(full, "it"), /E_LAYOUT.*no room for 64 bits is left/);
    throws(() => layOutDraft("a: [", "it"), /E_YAML/);
  });

  it("is what the command prints, and writes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-layout-"));
    try {
      const file = join(folder, "my.yaml");
      writeFileSync(file, DRAFT);
      const shown = await run(["registry", "layout", file]);
      equal(shown.status, 0, shown.stderr);
      match(shown.stdout, /^temperature_c: f32, 32 bits at 64$/m);
      equal(readFileSync(file, "utf8"), DRAFT, "nothing is written");
      const wrote = await run(["registry", "layout", file, "--write"]);
      equal(wrote.status, 0, wrote.stderr);
      equal((await run(["registry", "check", file])).status, 0);
      const again = await run(["registry", "layout", file, "--write"]);
      match(again.stderr, /every field already has its place/);
      const bad = await run(["registry", "layout", "-"], DRAFT.replace("type: f32", "type: i8"));
      deepEqual([bad.status, bad.stdout], [1, ""]);
      match(bad.stderr, /there is no type "i8"; write i32/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
