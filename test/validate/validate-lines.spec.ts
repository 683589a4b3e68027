// What the validator does with lines, whatever their events: broken, long, endless, hostile.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { schemaDocument } from "../../host/generate/documents.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { ISSUE_CODES, Validator } from "../../host/validate/validate.ts";
import { arbitraryEvent } from "../support/arbitrary-events.ts";
import { random } from "../support/assert.ts";
import { rounds as roundsOf, seedFor } from "../support/campaign.ts";
import { OWN } from "../support/own-model.ts";
import { runs } from "../support/properties.ts";
import { brief, GOOD, RECEIVED, SENT, validate } from "../support/validating.ts";

describe("validate", () => {
  it("reports lines that are not events and checks the others, whatever the line ends", async () => {
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
    assert.match(issues[0].message, /^the line, from byte \d+, is not JSON: .*; it is "no JSON"$/);
    assert.equal(issues[1].message, "the line is an array, expected a JSON object");
  });

  it("reports lines that are too long or not UTF-8 and continues", async () => {
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

  it("counts the last of duplicate keys, as JSON.parse does, and warns of them", async () => {
    const line = JSON.stringify(SENT);
    const twice = line.replace('"clientId":4', '"clientId":"x","clientId":4');
    const { issues } = await validate(twice);
    assert.equal(issues[0]!.message, "clientId occurs 2 times; the last one counts: it is 4, expected each key once");
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
          // What JSON Schema cannot express: that one attribute equals another, that a number is finite.
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
    const before = process.memoryUsage().rss; // leftovers of other specs
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
