import assert from "node:assert/strict";
import { registry } from "../../host/generated/registry.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { TelemetryError } from "../../host/text/errors.ts";
import { Validator } from "../../host/validate/validate.ts";
import {
  brief,
  briefOf,
  COMMON,
  CONNECT,
  CONNECTED,
  DISCONNECT,
  GOOD,
  type Json,
  NEXT,
  RECEIVED,
  REJECTED,
  SENT,
  validate,
  without,
} from "../support/validating.ts";

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
    // Nothing follows from a missing or invalid result: that is reported, and only that.
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

  it("requires one version of all events if asked to, and refuses to begin with an unknown one", async () => {
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

  it("says what is there and what was expected, escaped and short", async () => {
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
});
