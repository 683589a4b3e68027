import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { schemaDocument } from "../../host/generate/documents.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { TelemetryError } from "../../host/text/errors.ts";
import { ISSUE_CODES, type Issue, type ValidateOptions, Validator } from "../../host/validate/validate.ts";
import { arbitraryEvent } from "../support/arbitrary-events.ts";
import { random } from "../support/assert.ts";
import { rounds as roundsOf, seedFor } from "../support/campaign.ts";
import { OWN } from "../support/own-model.ts";
import { runs } from "../support/properties.ts";

type Json = Record<string, unknown>;
type Settings = Omit<ValidateOptions, "registries"> & { registries?: readonly RegistryModel[] };

const COMMON = { ts_mono_ms: 71323, connEpoch: 0, eventSeq: 1, clientId: 4 };
const CONNECT = { event: "ws.connect", ...COMMON, ip: "192.168.0.25", schemaVersion: "1.0.0" };
const CONNECTED = { event: "ws.connected", ...COMMON, schemaVersion: "1.0.0" };
const DISCONNECT = { event: "ws.disconnect", ...COMMON, schemaVersion: "1.0.0" };
const MESSAGE = { msgType: "getStatus", result: "ok", reason: "" };
const RECEIVED = { event: "msg.recv", ...COMMON, ...MESSAGE, payloadSummary: '{"a":1}', schemaVersion: "1.0.0" };
const REJECTED = { ...RECEIVED, result: "rejected", reason: "parse_error", msgType: "" };
const SENT = { event: "msg.send", ...COMMON, msgType: "x", schemaVersion: "1.0.0" };
const GOOD = [CONNECT, CONNECTED, DISCONNECT, RECEIVED, REJECTED, SENT];

/** The same as 1.0.0 but for one name: enough to tell two versions apart. */
const NEXT: RegistryModel = JSON.parse(
  JSON.stringify(registry).replaceAll('"clientId"', '"client.id"').replace('"1.0.0"', '"2.0.0"'),
);

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function validate(trace: string | Uint8Array, settings: Settings = {}, chunkBytes = 1000) {
  // Each line by itself: what they are to one another is sequence.spec.ts's matter.
  const validator = new Validator({ registries: [registry], checks: ["schema"], ...settings });
  const issues: Issue[] = [];
  const bytes = typeof trace === "string" ? Buffer.from(trace) : trace;
  for await (const issue of validator.lines(chunksOf(bytes, chunkBytes))) issues.push(issue);
  return { issues, validator };
}

/** `line code attribute`, one after the other. */
async function brief(trace: string | Uint8Array, settings: Settings = {}): Promise<string[]> {
  const { issues } = await validate(trace, settings);
  return issues.map(({ line, code, attribute }) => `${line} ${code} ${attribute ?? "-"}`);
}

const briefOf = (event: unknown, settings: Settings = {}) => brief(`${JSON.stringify(event)}\n`, settings);

function without(event: Json, key: string): Json {
  const { [key]: _, ...rest } = event;
  return rest;
}

describe("validate", () => {
  it("finds nothing wrong with good events, in any order of their keys, with and without what is optional", async () => {
    const reversed = GOOD.map((event) => Object.fromEntries(Object.entries(event).reverse()));
    const bare = [without(CONNECT, "ip"), without(RECEIVED, "payloadSummary"), without(REJECTED, "payloadSummary")];
    const lines = [...GOOD, ...reversed, ...bare].map((event) => JSON.stringify(event)).join("\n");
    const { issues, validator } = await validate(lines, { strict: true });
    assert.deepEqual(issues, []);
    assert.equal(validator.eventCount, GOOD.length * 2 + 3);
    assert.equal(validator.isValid, true);
  });

  it("reports each required attribute that is missing, and only that", async () => {
    for (const event of GOOD as Json[]) {
      for (const { key, required } of registry.events.find(({ name }) => name === event.event)!.attributes) {
        assert.deepEqual(
          await briefOf(without(event, key)),
          required ? [`1 E_MISSING ${key}`] : [],
          `${event.event} ${key}`,
        );
      }
    }
  });

  it("reports a value of the wrong type, in every attribute, and only that", async () => {
    for (const event of GOOD as Json[]) {
      for (const [key, value] of Object.entries(event)) {
        const wrong =
          typeof value === "number" ? ["4", "", null, true, [], {}, [4]] : [4, null, false, [], {}, [value]];
        for (const other of wrong) {
          assert.deepEqual(
            await briefOf({ ...event, [key]: other }),
            [`1 E_TYPE ${key}`],
            `${key} ${JSON.stringify(other)}`,
          );
        }
      }
    }
  });

  it("takes integers from 0 to 2^53 - 1, however they are written, and no other number", async () => {
    for (const key of Object.keys(COMMON)) {
      const line = (number: string) => JSON.stringify({ ...SENT, [key]: "N" }).replace('"N"', number);
      for (const good of ["0", "-0", "1.0", "1e3", "9007199254740991", "90071992547409910e-1", "-0.0", "1e-400"]) {
        assert.deepEqual(await brief(line(good)), [], good);
      }
      for (const bad of ["-1", "0.5", "1e400", "-1e400", "9007199254740992", "9007199254740993", "1e16", "1.5e-300"]) {
        assert.deepEqual(await brief(line(bad)), [`1 E_RANGE ${key}`], bad);
      }
    }
  });

  it("takes every value of an enum and no other", async () => {
    for (const reason of ["rate_limit", "size_limit", "parse_error", "auth_failed"]) {
      assert.deepEqual(await briefOf({ ...REJECTED, reason }), []);
    }
    for (const reason of ["Parse_error", "parse_error ", "unknown", "toString", "__proto__"]) {
      assert.deepEqual(await briefOf({ ...REJECTED, reason }), ["1 E_ENUM reason"], reason);
    }
    for (const result of ["", "OK", "fail"]) {
      assert.deepEqual(await briefOf({ ...RECEIVED, result }), ["1 E_ENUM result"], result);
    }
  });

  it("wants reason empty exactly when result is ok", async () => {
    assert.deepEqual(await briefOf({ ...RECEIVED, reason: "rate_limit" }), ["1 E_RULE reason"]);
    assert.deepEqual(await briefOf({ ...REJECTED, reason: "" }), ["1 E_RULE reason"]);
    // Nothing follows from a result that is not there, or is none: that is said, and that alone.
    assert.deepEqual(await briefOf(without({ ...RECEIVED, reason: "rate_limit" }, "result")), ["1 E_MISSING result"]);
  });

  it("lists the known events when it meets another, whatever it is called", async () => {
    for (const event of ["ws.connec", "", "toString", "__proto__", "constructor", "x".repeat(100_000)]) {
      assert.deepEqual(await briefOf({ ...SENT, event }), ["1 E_EVENT event"], event.slice(0, 20));
    }
    const { issues } = await validate('{"event":"ws.foo","schemaVersion":"1.0.0"}');
    const known = '"ws.connect", "ws.connected", "ws.disconnect", "msg.recv", "msg.send"';
    assert.equal(issues[0].message, `event is "ws.foo", expected one of ${known}`);
    assert.equal(issues[0].event, "ws.foo");
    assert.deepEqual(await briefOf({}), ["1 E_MISSING event", "1 E_MISSING schemaVersion"]);
    assert.deepEqual(await briefOf({ event: ["msg.send"], schemaVersion: "1.0.0" }), ["1 E_TYPE event"]);
  });

  it("lists the known schema versions when it meets another, and judges nothing else by it", async () => {
    const { issues } = await validate(JSON.stringify({ event: "ws.moved", schemaVersion: "9.0.0" }), {
      registries: [registry, NEXT],
    });
    assert.equal(issues.length, 1);
    assert.equal(issues[0].code, "E_VERSION");
    assert.equal(issues[0].message, 'schemaVersion is "9.0.0", expected a known version: "1.0.0", "2.0.0"');
    assert.deepEqual(await briefOf({ ...SENT, schemaVersion: "" }), ["1 E_VERSION schemaVersion"]);
  });

  it("judges each event by the version it names, and by the one whose names it uses when it names none", async () => {
    const registries = [registry, NEXT];
    const renamed = { event: "ws.connected", ...without(COMMON, "clientId"), "client.id": 4, schemaVersion: "2.0.0" };
    assert.deepEqual(await brief(`${JSON.stringify(renamed)}\n${JSON.stringify(CONNECTED)}`, { registries }), []);
    assert.deepEqual(await briefOf({ ...CONNECTED, schemaVersion: "2.0.0" }, { registries }), [
      "1 W_UNDECLARED clientId",
      "1 E_MISSING client.id",
    ]);
    // Without a version: by the one whose names it uses.
    assert.deepEqual(await briefOf(without(renamed, "schemaVersion"), { registries }), ["1 E_MISSING schemaVersion"]);
    assert.deepEqual(await briefOf(without(CONNECTED, "schemaVersion"), { registries }), ["1 E_MISSING schemaVersion"]);
    assert.deepEqual(await briefOf({ ...CONNECTED, schemaVersion: 1 }, { registries }), ["1 E_TYPE schemaVersion"]);
  });

  it("wants one version of all when told, and refuses to begin with one it does not know", async () => {
    const settings = { registries: [registry, NEXT], schemaVersion: "2.0.0" };
    const { issues } = await validate(JSON.stringify(CONNECTED), settings);
    assert.deepEqual(
      issues.map(({ code, message }) => [code, message]),
      [["E_VERSION", 'schemaVersion is "1.0.0", expected "2.0.0"']],
    );
    assert.deepEqual(await briefOf({ ...CONNECTED, clientId: "x" }, settings), [
      "1 E_VERSION schemaVersion",
      "1 E_TYPE clientId",
    ]);
    assert.throws(
      () => new Validator({ registries: [registry], schemaVersion: "3" }),
      (error) => error instanceof TelemetryError && error.exitCode === 2 && error.message.includes('known: "1.0.0"'),
    );
  });

  it("warns of undeclared attributes and of text over its bound in bytes; `strict` makes errors of them", async () => {
    const cases: [Json, string][] = [
      [{ ...CONNECT, result: "ok" }, "1 W_UNDECLARED result"],
      [{ ...DISCONNECT, ip: "0.0.0.0" }, "1 W_UNDECLARED ip"],
      [{ ...SENT, "": 1 }, "1 W_UNDECLARED "],
      [{ ...SENT, payloadSummary: "x".repeat(101) }, "1 W_TEXT_LENGTH payloadSummary"],
      [{ ...SENT, payloadSummary: "ü".repeat(51) }, "1 W_TEXT_LENGTH payloadSummary"],
      [{ ...SENT, payloadSummary: "😀".repeat(26) }, "1 W_TEXT_LENGTH payloadSummary"],
      [{ ...SENT, payloadSummary: "\ud800".repeat(34) }, "1 W_TEXT_LENGTH payloadSummary"],
      [{ ...CONNECT, ip: "1".repeat(46) }, "1 W_TEXT_LENGTH ip"],
    ];
    for (const [event, expected] of cases) {
      const lax = await validate(JSON.stringify(event));
      assert.deepEqual(await briefOf(event), [expected]);
      assert.deepEqual(
        [lax.issues[0].severity, lax.validator.isValid, lax.validator.warningCount],
        ["warning", true, 1],
      );
      const strict = await validate(JSON.stringify(event), { strict: true });
      assert.deepEqual([strict.issues[0].severity, strict.issues[0].code], ["error", lax.issues[0].code]);
      assert.deepEqual([strict.validator.isValid, strict.validator.errorCount], [false, 1]);
    }
    for (const payloadSummary of ["x".repeat(100), "ü".repeat(50), "😀".repeat(25), "\ud800".repeat(33), ""]) {
      assert.deepEqual(await briefOf({ ...SENT, payloadSummary }), []);
    }
    assert.deepEqual(await briefOf({ ...SENT, msgType: "x".repeat(10_000) }), []);
  });

  it("says what stands there and what was expected, escaped and short", async () => {
    const { issues } = await validate(
      [
        { ...SENT, clientId: "4" },
        { ...SENT, clientId: -1 },
        without(SENT, "msgType"),
        { ...REJECTED, reason: "" },
        { ...SENT, "a\x1b[31m": "\u202e\n" },
        { ...SENT, [`k${"x".repeat(300_000)}`]: "y".repeat(300_000) },
      ]
        .map((event) => JSON.stringify(event))
        .join("\n"),
    );
    assert.deepEqual(
      issues.slice(0, 5).map(({ message }) => message),
      [
        'clientId is "4", expected an integer from 0 to 9007199254740991',
        "clientId is -1, expected an integer from 0 to 9007199254740991",
        "msgType is missing, expected a string",
        'reason is "", expected one that is not empty as result is "rejected"',
        'a\\u001b[31m is "\\u202e\\n", but msg.send has no such attribute in 1.0.0',
      ],
    );
    assert.deepEqual(issues[0], {
      line: 1,
      severity: "error",
      code: "E_TYPE",
      event: "msg.send",
      attribute: "clientId",
      message: 'clientId is "4", expected an integer from 0 to 9007199254740991',
    });
    assert.ok(JSON.stringify(issues[5]).length < 600);
  });

  it("tells lines that are no event and checks the others, whatever the line ends", async () => {
    const good = JSON.stringify(SENT);
    const bad = JSON.stringify({ ...SENT, clientId: "4" });
    const trace = ["", good, "  \t", "no JSON", "[1]", "null", "4", '"x"', bad, good.slice(0, -1), good];
    const expected = [
      "4 E_JSON -",
      "5 E_NOT_OBJECT -",
      "6 E_NOT_OBJECT -",
      "7 E_NOT_OBJECT -",
      "8 E_NOT_OBJECT -",
      "9 E_TYPE clientId",
      "10 E_JSON -",
    ];
    assert.deepEqual(await brief(trace.join("\n")), expected);
    assert.deepEqual(await brief(`\ufeff${trace.join("\r\n")}\r\n`), expected);
    const { issues, validator } = await validate(trace.join("\n"));
    assert.equal(validator.eventCount, 3);
    assert.match(issues[0].message, /^the line, from byte \d+, is no JSON: .*; it is "no JSON"$/);
    assert.equal(issues[1].message, "the line is an array, expected a JSON object");
  });

  it("tells lines that are too long or not UTF-8 and goes on", async () => {
    const good = `${JSON.stringify(SENT)}\n`;
    const trace = Buffer.concat([
      Buffer.from(`${good}{"event":"${"x".repeat(10_000_000)}"}\n${good}`),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from(good),
      Buffer.from('{"event":"ü').subarray(0, -1),
    ]);
    const { issues, validator } = await validate(trace, {}, 65_536);
    assert.deepEqual(
      issues.map(({ line, code }) => [line, code]),
      [
        [2, "E_LINE_LENGTH"],
        [4, "E_UTF8"],
        [6, "E_UTF8"],
      ],
    );
    assert.match(issues[0].message, /has 10000012 bytes, expected at most 1048576/);
    assert.match(issues[1].message, /not UTF-8: 0xff at byte \d+$/);
    assert.match(issues[2].message, /not UTF-8: the end at byte \d+$/);
    assert.equal(validator.eventCount, 3);
  });

  it("takes nothing for something: a trace without one event is an error", async () => {
    for (const trace of ["", "\n", "\r\n  \n", "\ufeff"]) assert.deepEqual(await brief(trace), ["1 E_EMPTY -"]);
  });

  it("checks events as objects too, and counts them", async () => {
    const validator = new Validator({ registries: [registry], checks: ["schema"] });
    const found: string[] = [];
    const events = [SENT, { ...SENT, clientId: Number.NaN }, null, 4n, { ...SENT, clientId: undefined }];
    for await (const { line, code } of validator.events(events)) found.push(`${line} ${code}`);
    assert.deepEqual(found, ["2 E_RANGE", "3 E_NOT_OBJECT", "4 E_NOT_OBJECT", "5 E_MISSING"]);
    assert.equal(validator.eventCount, 3);
  });

  it("reads keys of Object's own as keys like any other, in events and in registries", async () => {
    const line = JSON.stringify(SENT).slice(0, -1);
    assert.deepEqual(await brief(`${line},"__proto__":1,"constructor":{},"toString":null}`), [
      "1 W_UNDECLARED __proto__",
      "1 W_UNDECLARED constructor",
      "1 W_UNDECLARED toString",
    ]);
    assert.deepEqual(await brief('{"__proto__":{"event":"msg.send"}}'), [
      "1 E_MISSING event",
      "1 E_MISSING schemaVersion",
    ]);
    const odd: RegistryModel = JSON.parse(JSON.stringify(registry).replaceAll('"clientId"', '"constructor"'));
    assert.deepEqual(await briefOf(without(SENT, "clientId"), { registries: [odd] }), ["1 E_MISSING constructor"]);
    assert.deepEqual(
      await brief(JSON.stringify({ ...without(SENT, "clientId"), constructor: 1 }), { registries: [odd] }),
      [],
    );
    const proto: RegistryModel = JSON.parse(JSON.stringify(registry).replaceAll('"clientId"', '"__proto__"'));
    const protoLine = JSON.stringify(SENT).replace('"clientId"', '"__proto__"');
    assert.deepEqual(await brief(protoLine, { registries: [proto] }), []);
    assert.deepEqual(await briefOf(without(SENT, "clientId"), { registries: [proto] }), ["1 E_MISSING __proto__"]);
  });

  it("counts the last of duplicate keys, as JSON.parse does, and warns of them", async () => {
    const line = JSON.stringify(SENT);
    const twice = line.replace('"clientId":4', '"clientId":"x","clientId":4');
    const { issues } = await validate(twice);
    assert.equal(issues[0]!.message, "clientId stands 2 times; the last counts: it is 4, expected a key once");
    assert.deepEqual(
      issues.map(({ severity, code }) => [severity, code]),
      [["warning", "W_DUPLICATE"]],
    );
    assert.deepEqual(await brief(line.replace('"clientId":4', '"clientId":4,"clientId":"x"')), [
      "1 E_TYPE clientId",
      "1 W_DUPLICATE clientId",
    ]);
  });

  for (const model of [...registries, OWN]) {
    it(`agrees with the JSON Schema of ${model.schemaVersion} on good, mutated and hostile lines`, () => {
      const file = `registry/${model.schemaVersion}.schema.json`;
      const schema = model === OWN ? schemaDocument(OWN) : JSON.parse(readFileSync(file, "utf8"));
      const conforms = new Ajv2020({ strict: false }).compile(schema);
      const mirrors = model.attributes.filter(({ absentWhenEmpty }) => absentWhenEmpty).map(({ key }) => key);
      const texts = [
        "",
        "ok",
        "rejected",
        "parse_error",
        "msg.recv",
        "fine",
        "heat",
        "x".repeat(200),
        "\\ud800",
        "__proto__",
      ];
      const numbers = ["0", "-0", "1", "-1", "1.0", "1.5", "1e400", "9007199254740991", "9007199254740992", "1e15"];
      const others = ["null", "true", "[]", "{}", '["ok"]', "[[[{}]]]"];
      const values = [...[...texts, model.schemaVersion].map((text) => `"${text}"`), ...numbers, ...others];
      const keys = [...model.attributes.map(({ key }) => key), "other", "__proto__", "constructor"];
      const doubles = model.attributes.filter(({ type }) => type === "double").map(({ key }) => key);
      const drop = fc.record({ kind: fc.constant("drop" as const), at: fc.nat() });
      const set = fc.record({ kind: fc.constant("set" as const), at: fc.nat(), value: fc.constantFrom(...values) });
      const add = fc.record({
        kind: fc.constant("add" as const),
        at: fc.nat(),
        key: fc.constantFrom(...keys),
        value: fc.constantFrom(...values),
      });
      const validator = new Validator({ registries: [model], checks: ["schema"] });
      let valid = 0;
      let rounds = 0;
      fc.assert(
        fc.property(arbitraryEvent(model), fc.array(fc.oneof(drop, set, add), { maxLength: 2 }), (event, mutations) => {
          const entries = Object.entries(event).map(([key, value]) => [key, JSON.stringify(value)]);
          for (const mutation of mutations) {
            const at = mutation.at % entries.length;
            if (mutation.kind === "drop") entries.splice(at, 1);
            else if (mutation.kind === "set") entries[at] = [entries[at]![0]!, mutation.value];
            else entries.splice(at, 0, [mutation.key, mutation.value]);
          }
          const line = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`;
          validator.checkLine(line, 1);
          const errors = validator.takeIssues().filter(({ severity }) => severity === "error");
          // What JSON Schema cannot say: that one attribute is what another is, that a number is finite.
          const beyond = errors.filter(
            ({ code, attribute }) =>
              (code === "E_RULE" && mirrors.includes(attribute!)) ||
              (code === "E_RANGE" && doubles.includes(attribute!)),
          );
          const expected = conforms(JSON.parse(line));
          rounds += 1;
          if (expected) valid += 1;
          if (expected) assert.deepEqual(errors, beyond, line);
          else assert.ok(errors.length > 0, line);
        }),
        runs(28000, 2500),
      );
      assert.ok(
        valid > rounds / 10 && valid < (rounds * 9) / 10,
        `${valid} of ${rounds} were valid: nothing is compared`,
      );
    });
  }

  it("does not break on random bytes, cut lines, deep nesting and huge objects", async () => {
    const seed = seedFor(11);
    const { below, pick } = random(seed);
    const deep = 100_000;
    const nested = [
      `{"event":${"[".repeat(deep)}${"]".repeat(deep)}}`,
      `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`,
      "[".repeat(deep),
      JSON.stringify({ ...SENT, clientId: { a: [{}] } }).replace("[{}]", `${"[".repeat(deep)}${"]".repeat(deep)}`),
      `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":${i}`).join(",")}}`,
      '{"event":"\\ud800\\udc00\\ud800","schemaVersion":"\\udc00"}',
    ];
    for (const line of nested) {
      const { issues } = await validate(line);
      assert.ok(issues.length > 0);
      for (const issue of issues) assert.ok(JSON.stringify(issue).length < 1000);
    }
    const lines = GOOD.map((event) => JSON.stringify(event));
    for (let round = 0; round < roundsOf(3000, 300); round++) {
      const pieces: Buffer[] = [];
      for (let count = below(8); count >= 0; count--) {
        const line = Buffer.from(pick(lines));
        const flipped = Buffer.from(line);
        flipped[below(line.length)] = below(256);
        const noise = Buffer.from(Array.from({ length: below(30) }, () => below(256)));
        pieces.push(pick([line, line.subarray(0, below(line.length)), flipped, noise]), Buffer.from("\n"));
      }
      const trace = Buffer.concat(pieces);
      const context = `seed ${seed}, round ${round}: ${trace.toString("hex")}`;
      const whole = await validate(trace, {}, trace.length);
      const cut = await validate(trace, {}, 1 + below(20));
      assert.deepEqual(cut.issues, whole.issues, context);
      let previous = 1;
      for (const { line, code, severity } of whole.issues) {
        assert.ok(line >= previous && Object.hasOwn(ISSUE_CODES, code), context);
        assert.equal(severity, code.startsWith("W_") ? "warning" : "error", context);
        previous = line;
      }
    }
  });

  it("keeps memory bounded over millions of lines, good and bad", async () => {
    const good = `${JSON.stringify(RECEIVED)}\n`;
    const block = Buffer.from(`${good.repeat(400)}{}\n`);
    async function* trace(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 1500; i++) yield block;
    }
    const validator = new Validator({ registries: [registry], checks: ["schema"] });
    const before = process.memoryUsage().rss; // what other specs have left behind
    let issues = 0;
    let most = 0;
    for await (const _ of validator.lines(trace())) {
      issues += 1;
      if (issues % 500 === 0) most = Math.max(most, process.memoryUsage().rss);
    }
    assert.deepEqual([issues, validator.eventCount], [3000, 1500 * 401]);
    assert.ok(most - before < 300e6, `${most - before} bytes more resident`);
  });
});
