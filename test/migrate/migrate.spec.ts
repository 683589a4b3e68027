import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { readMembers } from "../../host/migrate/json-members.ts";
import { type Draft, edited } from "../support/later-version.ts";

import { END1, END2, eventLines, migrated, one, PAIRS, parsed, refusal, V1, V2, V3 } from "../support/migrating.ts";

const clone = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("migrate", () => {
  it("brings every event of 1.0.0 to 2.0.0, and back", async () => {
    for (const [older, newer] of PAIRS) {
      equal(await one(older, "2.0.0"), newer);
      equal(await one(newer, "1.0.0"), older);
    }
  });

  it("leaves a line that has the version already as it is", async () => {
    const spaced = ` { "event" : "nobody knows it", "schemaVersion" : "1.0.0", "schemaVersion" : "1.0.0" }`;
    equal(await one(spaced, "1.0.0"), spaced);
  });

  it("gives the same bytes back and forth, whatever the version's events hold, and what it gives is valid", async () => {
    const accepts = new Ajv2020().compile(JSON.parse(readFileSync("registry/2.0.0.schema.json", "utf8")));
    await fc.assert(
      fc.asyncProperty(eventLines(V1), async (line) => {
        const newer = await one(line, "2.0.0");
        ok(accepts(JSON.parse(newer)), `${newer}: ${JSON.stringify(accepts.errors)}`);
        equal(await one(newer, "1.0.0"), line);
      }),
    );
    await fc.assert(
      fc.asyncProperty(eventLines(V2), async (line) => equal(await one(await one(line, "1.0.0"), "2.0.0"), line)),
    );
  });

  it("gives the same bytes back over several versions, and takes them one after the other", async () => {
    for (const [start, end] of [
      [V1, V3],
      [V3, V1],
    ] as const) {
      await fc.assert(
        fc.asyncProperty(eventLines(start), async (line) => {
          const { lines, problems } = await migrated(line, end.schemaVersion);
          fc.pre(problems.length === 0); // what only the later version has
          equal(lines[0], await one(await one(line, "2.0.0"), end.schemaVersion));
          equal(await one(lines[0]!, start.schemaVersion), line);
        }),
      );
    }
  });

  it("renames over two versions, each saying its own", async () => {
    const line = PAIRS[5]![0];
    const { lines } = await migrated(line, "3.0.0");
    ok(lines[0]!.includes('"lw.msg.summary":"{\\"a\\":1}"'), lines[0]);
    ok(!lines[0]!.includes("payload"), lines[0]);
  });

  it("puts attributes in the registry's order and undeclared ones after them, values unchanged", async () => {
    const extras = fc.dictionary(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor", "7", "", "payload", "lw")),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(
        eventLines(V1),
        extras,
        fc.infiniteStream(fc.nat(100)),
        fc.boolean(),
        async (line, more, order, spaces) => {
          const known = new Set([...V1.attributes, ...V2.attributes].map(({ key }) => key));
          const undeclared = Object.entries(more).filter(([key]) => !known.has(key));
          const all = [...parsed(line), ...undeclared].map((entry) => ({ entry, at: order.next().value }));
          const shuffled = all.sort((a, b) => a.at - b.at).map(({ entry }) => entry);
          const gap = spaces ? " \t" : "";
          const text = `${gap}{${gap}${shuffled.map(([key, value]) => `${JSON.stringify(key)}${gap}:${gap}${JSON.stringify(value)}`).join(`${gap},${gap}`)}${gap}}${gap}`;
          const newer = await one(text, "2.0.0");
          const found = [...readMembers(newer).values].map(([key, value]) => [key, JSON.parse(value)]);
          const strangers = shuffled.filter(([key]) => undeclared.some(([other]) => other === key));
          deepEqual(found, [
            ...parsed(await one(line, "2.0.0")),
            ...strangers.map(([key, value]) => [key, clone(value)]),
          ]);
          const back = [...readMembers(await one(newer, "1.0.0")).values].map(([key, value]) => [
            key,
            JSON.parse(value),
          ]);
          deepEqual(back, [...parsed(line), ...strangers.map(([key, value]) => [key, clone(value)])]);
        },
      ),
    );
  });

  it("leaves numbers, escapes and nested values as they are spelled", async () => {
    for (const value of [
      "9007199254740993",
      "1e3",
      "1.0",
      "-0",
      "0.1e-7",
      "1E400",
      '"\\u0041\\/"',
      '{ "b": [1.0, "}"] }',
    ]) {
      const line = PAIRS[3]![0].replace('"clientId":4', `"clientId":${value}`).replace(/}$/, `,"extra":${value}}`);
      const newer = await one(line, "2.0.0");
      ok(newer.includes(`"client.id":${value},`) && newer.endsWith(`,"extra":${value}}`), newer);
      equal(await one(newer, "1.0.0"), line);
    }
  });

  it("lets text over its bound, wrong types and what is missing go as they are: judging is validate's work", async () => {
    const long = "x".repeat(5000);
    const line = `{"event":"msg.recv","ts_mono_ms":"soon","clientId":null,"result":"perhaps","payloadSummary":"${long}",${END1}}`;
    const newer = await one(line, "2.0.0");
    equal(
      newer,
      `{"event":"msg.recv","monotonic.timestamp":"soon","client.id":null,"lw.msg.result":"perhaps","lw.msg.payload_summary":"${long}",${END2}}`,
    );
    equal(await one(newer, "1.0.0"), line);
  });

  it("takes the last value of a repeated name, as JSON.parse does, and reports it", async () => {
    const line = PAIRS[3]![0].replace('"clientId":4', '"clientId":3,"clientId":4');
    const { lines, problems } = await migrated(line, "2.0.0");
    deepEqual(lines, [PAIRS[3]![1]]);
    deepEqual(
      problems.map(({ code, line: number, message }) => [code, number, message]),
      [
        [
          "W_DUPLICATE",
          1,
          '"clientId" occurs more than once: the last value counts, as in JSON.parse; the others are left out',
        ],
      ],
    );
  });

  it("leaves error.type out on the way back, and makes it where it was missing", async () => {
    const [older, newer] = PAIRS[6]!;
    equal(await one(newer.replace(',"error.type":"rate_limit"', ""), "1.0.0"), older);
    equal(await one(newer.replace('"error.type":"rate_limit"', '"error.type":"rate\\u005flimit"'), "1.0.0"), older);
  });
});

describe("migrate between versions of any kind", () => {
  const find = (draft: Draft, key: string) => draft.attributes.find((attribute) => attribute.key === key)!;

  it("makes an empty text of what the newer version leaves out where it is empty", async () => {
    const sparing = edited(V2, "2.1.0", (draft) => {
      find(draft, "lw.msg.type").absentWhenEmpty = true;
      for (const { attributes } of draft.events)
        for (const attribute of attributes) if (attribute.key === "lw.msg.type") attribute.required = false;
    });
    const older = PAIRS[5]![0];
    const newer = await one(older, "2.1.0", [V1, V2, sparing]);
    ok(!newer.includes("lw.msg.type"), newer);
    equal(await one(newer, "1.0.0", [V1, V2, sparing]), older);
    equal(await one(PAIRS[6]![0], "2.1.0", [V1, sparing]), PAIRS[6]![1].replaceAll("2.0.0", "2.1.0"));
  });

  it("follows names that were renamed more than once, and ends where they go in a circle", async () => {
    const line = await one(PAIRS[5]![0], "3.0.0", [V1, V3]);
    equal(line, await one(PAIRS[5]![0], "3.0.0"));
    equal(await one(line, "1.0.0", [V1, V3]), PAIRS[5]![0]);
    const circular = edited(V2, "2.1.0", (draft) => {
      find(draft, "client.id").renamedTo = "clientId";
    });
    match(await refusal(PAIRS[3]![0], "2.1.0", [V1, circular]), /^E_LOST clientId/);
  });

  it("takes the first of two attributes that became one, and names a line that has the other", async () => {
    const merged = edited(V2, "2.1.0", (draft) => {
      find(draft, "payloadSummary").renamedTo = "lw.msg.type";
    });
    const versions = [V1, merged];
    match(
      await refusal(PAIRS[5]![0], "2.1.0", versions),
      /^E_LOST payloadSummary: payloadSummary is "\{.*remove it first$/,
    );
    const newer = await one(PAIRS[6]![0], "2.1.0", versions);
    equal(newer, PAIRS[6]![1].replaceAll("2.0.0", "2.1.0"));
    equal(await one(newer, "1.0.0", versions), PAIRS[6]![0]);
  });

  it("wants no member for what is left out where it is empty", async () => {
    const strict = edited(V2, "2.1.0", (draft) => {
      const attribute = find(draft, "error.type");
      attribute.members = attribute.members.filter(({ value }) => value !== "");
    });
    equal(await one(PAIRS[5]![0], "2.1.0", [V1, strict]), PAIRS[5]![1].replaceAll("2.0.0", "2.1.0"));
  });
});
