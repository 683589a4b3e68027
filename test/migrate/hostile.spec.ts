import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import { migrate } from "../../host/migrate/migrate.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import { Validator } from "../../host/validate/validate.ts";

import { ALL, eventLines, migrated, one, PAIRS, V1, V2, V3 } from "../support/migrating.ts";

describe("migrate with hostile input", () => {
  it("never throws, and every line that is not blank is either printed or named, once", async () => {
    const piece = fc.oneof(
      fc.json(),
      eventLines(V1),
      eventLines(V2),
      eventLines(V3),
      fc.tuple(eventLines(V1), fc.nat(), fc.string({ unit: "binary", maxLength: 3 })).map(([line, at, text]) => {
        const place = at % line.length;
        return line.slice(0, place) + text + line.slice(place + text.length);
      }),
      fc.string({ unit: "binary" }),
      fc.constantFrom("", " ", "{}", '{"schemaVersion":"1.0.0"}', '{"__proto__":{"schemaVersion":"1.0.0"}}'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { minLength: 1 }),
        fc.constantFrom("1.0.0", "2.0.0", "3.0.0"),
        fc.integer({ min: 1, max: 300 }),
        async (pieces, to, chunkBytes) => {
          // Lone surrogates become U+FFFD, and breaks more lines, when text becomes bytes.
          const bytes = Buffer.from(pieces.join("\n"));
          const text = bytes.toString();
          const expected = text
            .replace(/^\ufeff/, "")
            .split("\n")
            .filter((line) => line.trim() !== "").length;
          const { lines, problems } = await migrated(bytes, to, ALL, chunkBytes);
          const errors = problems.filter(({ code }) => code.startsWith("E_") && code !== "E_EMPTY");
          equal(lines.length + errors.length, expected);
          deepEqual(await migrated(bytes, to), { lines, problems }, "however the bytes are cut");
          for (const line of lines) equal(JSON.parse(line).schemaVersion, to);
        },
      ),
    );
  });

  it("reads a line as deep, or with as many names or escapes, as its length allows", async () => {
    const size = 200_000;
    const deep = `${"[".repeat(size)}${"]".repeat(size)}`;
    const many = Array.from({ length: 20_000 }, (_, index) => `"k${index}":${index}`).join(",");
    const escaped = `"${"\\\\".repeat(size)}${'\\"'.repeat(size)}"`;
    for (const extra of [`"deep":${deep}`, many, `"escaped":${escaped}`]) {
      const line = PAIRS[3]![0].replace("}", `,${extra}}`);
      const newer = await one(line, "2.0.0");
      equal(newer, PAIRS[3]![1].replace("}", `,${extra}}`));
      equal(await one(newer, "1.0.0"), line);
    }
  });

  it("gives lines on before the source ends, and takes no more of it than is asked for", async () => {
    let chunks = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        chunks++;
        yield Buffer.from(`${PAIRS[3]![0]}\n`);
      }
    }
    let items = 0;
    for await (const item of migrate(endless(), { to: "2.0.0", registries: ALL })) {
      equal(item.kind, "lines");
      if (++items === 50) break;
    }
    equal(chunks, 50);
  });

  it("fails as its source fails", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("{");
      throw new Error("the disk is gone");
    }
    await rejects(async () => {
      for await (const item of migrate(broken(), { to: "2.0.0", registries: ALL })) equal(item, undefined);
    }, /the disk is gone/);
  });
});

describe("migrate, with other names for event and version", () => {
  it("goes both ways", async () => {
    const keys = [
      ["t", "int", "{ from: time }"],
      ["seq", "int", "{ from: sequence }"],
      ["a", "int", "{ type: u8, offset_bits: 40 }"],
    ];
    const attribute = (key: string, type: string, wire: string, more = "") =>
      `  - { key: ${key}, type: ${type}, stability: stable, brief: b, ${more}annotations: { wire: ${wire} } }\n`;
    const names = (event: string, version: string, value: string, to?: readonly [string, string]) => {
      const renamed = (name: string) => (to ? `deprecated: { reason: renamed, renamed_to: ${name} }, ` : "");
      const constant = `{ from: schema_version, value: "${value}" }`;
      const first = attribute(event, "string", "{ from: event_name }", renamed(to?.[0] ?? ""));
      return first + attribute(version, "string", constant, renamed(to?.[1] ?? ""));
    };
    const registryOf = (attributes: string, event: string, version: string) => {
      const refs = [event, "t", "seq", "a", version].map((key) => `{ ref: ${key}, requirement_level: required }`);
      const fields = keys.map(([key, type, wire]) => attribute(key!, type!, wire!)).join("");
      const wire = "annotations: { wire: { record_types: [{ id: 1 }] } }";
      const text = `file_format: definition/2\nattributes:\n${attributes}${fields}events:\n  - { name: e.one, stability: stable, brief: b, attributes: [${refs}], ${wire} }\n`;
      return loadRegistry(text, `${version}.yaml`);
    };
    const older = registryOf(names("event", "ver", "1.0.0"), "event", "ver");
    const renamed = names("event", "ver", "1.0.0", ["ev.name", "schema.v"]) + names("ev.name", "schema.v", "2.0.0");
    const newer = registryOf(renamed, "ev.name", "schema.v");
    const line = '{"event":"e.one","t":0,"seq":0,"a":3,"ver":"1.0.0"}';
    const there = await one(line, "2.0.0", [older, newer]);
    equal(there, '{"ev.name":"e.one","t":0,"seq":0,"a":3,"schema.v":"2.0.0"}');
    equal(await one(there, "1.0.0", [older, newer]), line);
    const validator = new Validator({ registries: [older, newer], checks: ["schema"] });
    for (const [index, text] of [line, there, line.replace("1.0.0", "9.9.9")].entries())
      validator.checkLine(text, index + 1);
    deepEqual(
      validator.takeIssues().map((issue) => `${issue.line} ${issue.code}`),
      ["3 E_VERSION"],
    );
  });
});
