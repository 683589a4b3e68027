import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { migrate } from "../../host/migrate/migrate.ts";
import { MAX_LINE_BYTES } from "../../host/text/lines.ts";
import { edited } from "../support/later-version.ts";

import { ALL, chunksOf, END1, migrated, one, PAIRS, refusal, V1, V2 } from "../support/migrating.ts";

describe("migrate reports lines that cannot be migrated, and leaves them out", () => {
  const cases: [string, string, string, string][] = [
    ["no JSON", '{"event":', "2.0.0", 'E_JSON -: the line is not JSON: .*; it is "\\{\\\\"event\\\\":"'],
    ["no object", "[1,2]", "2.0.0", 'E_NOT_OBJECT -: the line is "\\[1,2\\]", expected a JSON object'],
    ["null", "null", "1.0.0", "E_NOT_OBJECT"],
    [
      "a line without a version",
      '{"event":"ws.connected"}',
      "2.0.0",
      'E_MISSING schemaVersion: schemaVersion is missing, expected a known version: "1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0"',
    ],
    [
      "an unknown version",
      PAIRS[3]![0].replace("1.0.0", "0.9.0"),
      "2.0.0",
      'E_VERSION schemaVersion: schemaVersion is "0.9.0", expected a known version: "1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0"',
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
      "E_CLASH client.id: ws.connected does not declare client.id in 1.0.0, but has an attribute of that name in 2.0.0: rename or remove it",
    ],
    ["the same on the way back", PAIRS[3]![1].replace("}", ',"clientId":5}'), "1.0.0", "E_CLASH clientId"],
    ["an undeclared error.type", PAIRS[6]![0].replace("}", ',"error.type":"x"}'), "2.0.0", "E_CLASH error.type"],
    [
      "an error.type that says something else",
      PAIRS[6]![1].replace('"error.type":"rate_limit"', '"error.type":"timeout"'),
      "1.0.0",
      'E_LOST error.type: error.type is "timeout", and would be lost: 1.0.0 does not have it: expected what lw.msg.reason is',
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
      'E_LOST lw.msg.reason: lw.msg.reason is "quota", a value that reason cannot have in 1.0.0',
    ],
    [
      "an attribute that only the later version has",
      PAIRS[7]![1]
        .replaceAll("2.0.0", "3.0.0")
        .replace('"schemaVersion"', '"lw.msg.bytes":12,"schemaVersion"')
        .replace("payload_summary", "summary"),
      "2.0.0",
      "E_LOST lw.msg.bytes: lw.msg.bytes is 12, and would be lost: 2.0.0 does not have it: remove it first",
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
        equal(error.message, 'schema version "2.0" is unknown; known: "1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0"');
        return true;
      },
    );
  });
});
