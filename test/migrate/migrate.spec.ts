import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { registries } from "../../host/generated/registry.ts";
import { readMembers } from "../../host/migrate/json-members.ts";
import { migrate } from "../../host/migrate/migrate.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import type { Problem } from "../../host/text/errors.ts";
import { MAX_LINE_BYTES } from "../../host/text/lines.ts";
import { Validator } from "../../host/validate/validate.ts";
import { arbitraryEvent } from "../support/arbitrary-events.ts";
import { type Draft, edited, laterVersion } from "../support/later-version.ts";

const eventLines = (version: RegistryModel) => arbitraryEvent(version).map((event) => JSON.stringify(event));
const [V1, V2] = registries as [RegistryModel, RegistryModel];
const V3 = laterVersion(V2);
const ALL = [V1, V2, V3];

const HEAD1 = '"ts_mono_ms":71324,"connEpoch":2,"eventSeq":9,"clientId":4';
const HEAD2 = '"monotonic.timestamp":71324,"lw.conn.epoch":2,"lw.event.seq":9,"client.id":4';
const END1 = '"schemaVersion":"1.0.0"';
const END2 = '"schemaVersion":"2.0.0","schemaUrl":"https://xs-telemetry.invalid/schemas/2.0.0"';
/** The same events in either version. */
const PAIRS: readonly (readonly [string, string])[] = [
  [
    `{"event":"ws.connect",${HEAD1},"ip":"192.168.0.25",${END1}}`,
    `{"event":"ws.connect",${HEAD2},"client.address":"192.168.0.25",${END2}}`,
  ],
  [`{"event":"ws.connect",${HEAD1},"ip":"",${END1}}`, `{"event":"ws.connect",${HEAD2},"client.address":"",${END2}}`],
  [`{"event":"ws.connect",${HEAD1},${END1}}`, `{"event":"ws.connect",${HEAD2},${END2}}`],
  [`{"event":"ws.connected",${HEAD1},${END1}}`, `{"event":"ws.connected",${HEAD2},${END2}}`],
  [`{"event":"ws.disconnect",${HEAD1},${END1}}`, `{"event":"ws.disconnect",${HEAD2},${END2}}`],
  [
    `{"event":"msg.recv",${HEAD1},"msgType":"","result":"ok","reason":"","payloadSummary":"{\\"a\\":1}",${END1}}`,
    `{"event":"msg.recv",${HEAD2},"lw.msg.type":"","lw.msg.result":"ok","lw.msg.reason":"","lw.msg.payload_summary":"{\\"a\\":1}",${END2}}`,
  ],
  [
    `{"event":"msg.recv",${HEAD1},"msgType":"x","result":"rejected","reason":"rate_limit",${END1}}`,
    `{"event":"msg.recv",${HEAD2},"lw.msg.type":"x","lw.msg.result":"rejected","lw.msg.reason":"rate_limit","error.type":"rate_limit",${END2}}`,
  ],
  [
    `{"event":"msg.send",${HEAD1},"msgType":"status","payloadSummary":"",${END1}}`,
    `{"event":"msg.send",${HEAD2},"lw.msg.type":"status","lw.msg.payload_summary":"",${END2}}`,
  ],
];

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

interface Outcome {
  readonly lines: string[];
  readonly problems: Problem[];
}

async function migrated(
  trace: string | Uint8Array,
  to: string,
  versions: readonly RegistryModel[] = ALL,
  chunkBytes = 1 << 20,
): Promise<Outcome> {
  let text = "";
  let count = 0;
  const problems: Problem[] = [];
  for await (const item of migrate(chunksOf(Buffer.from(trace), chunkBytes), { to, registries: versions })) {
    if (item.kind === "problem") problems.push(item.problem);
    else {
      text += item.lines;
      count += item.count;
    }
  }
  const lines = text.split("\n");
  equal(lines.pop(), "", "every line is ended");
  equal(lines.length, count);
  return { lines, problems };
}

/** The one line that becomes of it. */
async function one(line: string, to: string, versions: readonly RegistryModel[] = ALL): Promise<string> {
  const { lines, problems } = await migrated(line, to, versions);
  deepEqual(problems, []);
  equal(lines.length, 1);
  return lines[0]!;
}

/** `code attribute: message` of the one problem, with which the line stays behind. */
async function refusal(line: string, to: string, versions: readonly RegistryModel[] = ALL): Promise<string> {
  const { lines, problems } = await migrated(line, to, versions);
  deepEqual(lines, []);
  equal(problems.length, 1, JSON.stringify(problems));
  const [{ code, attribute = "-", message, line: number, offsetBytes }] = problems as [Problem];
  deepEqual([number, offsetBytes], [1, 0]);
  return `${code} ${attribute}: ${message}`;
}

const parsed = (line: string) => Object.entries(JSON.parse(line) as object);

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

  it("puts attributes in the registry's order and undeclared ones behind them, values as they are", async () => {
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

  it("takes the last value of a name that stands twice, as JSON.parse does, and says so", async () => {
    const line = PAIRS[3]![0].replace('"clientId":4', '"clientId":3,"clientId":4');
    const { lines, problems } = await migrated(line, "2.0.0");
    deepEqual(lines, [PAIRS[3]![1]]);
    deepEqual(
      problems.map(({ code, line: number, message }) => [code, number, message]),
      [
        [
          "W_DUPLICATE",
          1,
          '"clientId" stands twice: the last value counts, as in JSON.parse, and the others are left out',
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
      /^E_LOST payloadSummary: payloadSummary is "\{.*take it out first$/,
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

const clone = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("migrate names what cannot go, and leaves it behind", () => {
  const cases: [string, string, string, string][] = [
    ["no JSON", '{"event":', "2.0.0", 'E_JSON -: the line is no JSON: .*; it is "\\{\\\\"event\\\\":"'],
    ["no object", "[1,2]", "2.0.0", 'E_NOT_OBJECT -: the line is "\\[1,2\\]", expected a JSON object'],
    ["null", "null", "1.0.0", "E_NOT_OBJECT"],
    [
      "a line without a version",
      '{"event":"ws.connected"}',
      "2.0.0",
      'E_MISSING schemaVersion: schemaVersion is missing, expected a known version: "1.0.0", "2.0.0", "3.0.0"',
    ],
    [
      "an unknown version",
      PAIRS[3]![0].replace("1.0.0", "0.9.0"),
      "2.0.0",
      'E_VERSION schemaVersion: schemaVersion is "0.9.0", expected a known version: "1.0.0", "2.0.0", "3.0.0"',
    ],
    ["a version that is no text", '{"schemaVersion":1}', "2.0.0", "E_TYPE schemaVersion: schemaVersion is 1, expected"],
    [
      "an event that the line's version does not have",
      PAIRS[3]![0].replace("ws.connected", "ws.opened"),
      "2.0.0",
      'E_EVENT event: event is "ws.opened", expected one of "ws.connect", .* in 1.0.0',
    ],
    ["a line without an event", `{${END1}}`, "2.0.0", "E_MISSING event: event is missing, expected one of"],
    ["an event that is no text", `{"event":[],${END1}}`, "2.0.0", "E_TYPE event: event is \\[\\], expected one of"],
    [
      "an undeclared attribute with a name of the target's",
      PAIRS[3]![0].replace("}", ',"client.id":5}'),
      "2.0.0",
      "E_CLASH client.id: ws.connected does not declare client.id in 1.0.0 and has an attribute of that name in 2.0.0: rename it",
    ],
    ["the same on the way back", PAIRS[3]![1].replace("}", ',"clientId":5}'), "1.0.0", "E_CLASH clientId"],
    ["an undeclared error.type", PAIRS[6]![0].replace("}", ',"error.type":"x"}'), "2.0.0", "E_CLASH error.type"],
    [
      "an error.type that says something else",
      PAIRS[6]![1].replace('"error.type":"rate_limit"', '"error.type":"timeout"'),
      "1.0.0",
      'E_LOST error.type: error.type is "timeout", and 1.0.0 leaves it out, so that it would be lost: expected what lw.msg.reason is',
    ],
    [
      "an error.type that is no text",
      PAIRS[6]![1].replace('"error.type":"rate_limit"', '"error.type":7'),
      "1.0.0",
      "E_LOST",
    ],
    [
      "an error.type without a reason",
      PAIRS[6]![1].replace('"lw.msg.reason":"rate_limit",', ""),
      "1.0.0",
      "E_LOST error.type",
    ],
    [
      "another schema's URL",
      PAIRS[3]![1].replace("xs-telemetry.invalid", "example.com"),
      "1.0.0",
      'E_LOST schemaUrl: schemaUrl is "https://example.com/schemas/2.0.0", .* expected "https://xs-telemetry.invalid/schemas/2.0.0"',
    ],
    [
      "an event that only the later version has",
      PAIRS[3]![1].replaceAll("2.0.0", "3.0.0").replace("ws.connected", "ws.error"),
      "2.0.0",
      'E_EVENT event: event is "ws.error", expected one of .* in 2.0.0',
    ],
    [
      "a value that only the later version has",
      PAIRS[6]![1].replaceAll("2.0.0", "3.0.0").replaceAll("rate_limit", "quota"),
      "1.0.0",
      'E_LOST lw.msg.reason: lw.msg.reason is "quota", which lw.msg.reason cannot be in 2.0.0',
    ],
    [
      "an attribute that only the later version has",
      PAIRS[7]![1]
        .replaceAll("2.0.0", "3.0.0")
        .replace('"schemaVersion"', '"lw.msg.bytes":12,"schemaVersion"')
        .replace("payload_summary", "summary"),
      "2.0.0",
      "E_LOST lw.msg.bytes: lw.msg.bytes is 12, and 2.0.0 leaves it out, so that it would be lost: take it out first",
    ],
  ];
  for (const [name, line, to, expected] of cases)
    it(name, async () => match(await refusal(line, to), new RegExp(`^${expected}`)));

  it("an attribute that the target requires and nothing gives, or the source need not have", async () => {
    const demanding = edited(V2, "2.1.0", (draft) => {
      const event = draft.events.find(({ name }) => name === "ws.connect")!;
      for (const attribute of event.attributes) attribute.required = true;
      const sent = draft.events.find(({ name }) => name === "msg.send")!;
      draft.attributes.push({
        ...draft.attributes.find(({ key }) => key === "client.id")!,
        key: "lw.x",
        sameAs: undefined,
      });
      sent.attributes.push({ key: "lw.x", required: true });
    });
    const versions = [V1, V2, demanding];
    match(
      await refusal(PAIRS[2]![0], "2.1.0", versions),
      /^E_MISSING client\.address: ws\.connect requires client\.address in 2\.1\.0/,
    );
    match(await refusal(PAIRS[7]![0], "2.1.0", versions), /^E_MISSING lw\.x: msg\.send requires lw\.x in 2\.1\.0/);
    ok((await one(PAIRS[0]![0], "2.1.0", versions)).includes('"client.address":"192.168.0.25"'));
  });

  it("and goes on with the good ones, each problem with its line and byte", async () => {
    const [older, newer] = PAIRS[3]!;
    const trace = `\ufeff${older}\r\n\n  \r\nnonsense\n${older.replace("1.0.0", "4.0.0")}\n${newer}\n${older}`;
    const { lines, problems } = await migrated(trace, "2.0.0");
    deepEqual(lines, [newer, newer, newer]);
    const kinds: string[] = [];
    for await (const { kind } of migrate(chunksOf(Buffer.from(trace), 1 << 20), { to: "2.0.0", registries: ALL }))
      kinds.push(kind);
    deepEqual(kinds, ["lines", "problem", "problem", "lines", "lines"], "in their order");
    const atNonsense = 3 + older.length + 2 + 1 + 4;
    deepEqual(
      problems.map(({ code, line, offsetBytes }) => [code, line, offsetBytes]),
      [
        ["E_JSON", 4, atNonsense],
        ["E_VERSION", 5, atNonsense + 9],
      ],
    );
  });

  it("a line that is not UTF-8, cut mid-character, or too long", async () => {
    const [older, newer] = PAIRS[0]!;
    const bytes = Buffer.concat([
      Buffer.from(`${older}\n{"a":"`),
      Uint8Array.of(0xff, 0x0a, 0x7b, 0x22),
      Buffer.alloc(MAX_LINE_BYTES, "x"),
      Buffer.from(`\n${older}\n{"a":"`),
      Uint8Array.of(0xe2, 0x82),
    ]);
    const { lines, problems } = await migrated(bytes, "2.0.0");
    deepEqual(lines, [newer, newer]);
    deepEqual(
      problems.map(({ code, line }) => [code, line]),
      [
        ["E_UTF8", 2],
        ["E_LINE_LENGTH", 3],
        ["E_UTF8", 5],
      ],
    );
  });

  it("a file without any event", async () => {
    for (const nothing of ["", "\n", "\ufeff\r\n \n"])
      deepEqual(
        (await migrated(nothing, "2.0.0")).problems.map(({ code }) => code),
        ["E_EMPTY"],
      );
  });

  it("a version to go to that is not known, before anything is read", () => {
    throws(
      () => migrate(chunksOf(Buffer.from("x"), 1), { to: "2.0", registries: ALL }),
      (error: Error & { code?: string; exitCode?: number }) => {
        deepEqual([error.code, error.exitCode], ["E_VERSION", 2]);
        equal(error.message, 'schema version "2.0" is not known; known: "1.0.0", "2.0.0", "3.0.0"');
        return true;
      },
    );
  });
});

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
