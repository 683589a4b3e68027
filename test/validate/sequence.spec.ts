// The order of a boot's events, mistake by mistake.
import assert from "node:assert/strict";
import { registry } from "../../host/generated/registry.ts";
import { MOST_OPEN_SPANS } from "../../host/validate/sequence-spans.ts";
import { type ValidateOptions, Validator } from "../../host/validate/validate.ts";
import type { Json } from "../support/arbitrary-events.ts";
import { OWN } from "../support/own-model.ts";
import { issuesOf, message, Trace } from "../support/traces.ts";

const brief = (lines: readonly unknown[], options: Partial<ValidateOptions> = {}) =>
  issuesOf(lines, options).map(({ line, code, attribute }) => `${line} ${code} ${attribute ?? "-"}`);

/** Two clients, with a reconnect: nothing is wrong with it. */
function good(): Json[] {
  return new Trace()
    .add("ws.connect", 4, 0)
    .add("msg.recv", 4, 0, message("auth_failed"))
    .add("ws.connected", 4, 0)
    .add("msg.recv", 4, 0)
    .add("ws.connect", 5, 1)
    .add("msg.send", 4, 0)
    .add("ws.connected", 5, 1)
    .add("ws.disconnect", 4, 0)
    .add("msg.recv", 5, 1)
    .add("ws.connect", 4, 2)
    .add("ws.connected", 4, 2)
    .add("msg.recv", 4, 2, message("rate_limit"))
    .add("ws.disconnect", 4, 2)
    .add("ws.disconnect", 5, 1).events;
}

const changed = (index: number, change: Json) =>
  good().map((event, at) => (at === index ? { ...event, ...change } : event));
const without = (...indices: number[]) => good().filter((_, index) => !indices.includes(index));
/** As if the event had never happened: the next one takes its number. */
const never = (index: number) => without(index).map((event, eventSeq) => ({ ...event, eventSeq }));

describe("sequence checks", () => {
  it("find nothing wrong with a good trace, nor with one that begins anywhere in it", () => {
    const events = good();
    for (let from = 0; from < events.length; from++) assert.deepEqual(brief(events.slice(from)), [], `from ${from}`);
  });

  it("report time that goes back, once, and go on from there", () => {
    assert.deepEqual(brief(changed(5, { ts_mono_ms: 3 })), ["6 E_TIME ts_mono_ms"]);
    assert.deepEqual(brief(changed(5, { ts_mono_ms: 9999 })), ["7 E_TIME ts_mono_ms"]);
    const [issue] = issuesOf(changed(5, { ts_mono_ms: 3 }));
    assert.equal(issue!.message, "ts_mono_ms is 3, expected 140 or more, as in the previous event");
    assert.deepEqual(brief(good().map((event) => ({ ...event, ts_mono_ms: 7 }))), []);
  });

  it("report a number that does not rise, once, whether it is too small or the one before too great", () => {
    for (const eventSeq of [0, 3, 4]) assert.deepEqual(brief(changed(5, { eventSeq })), ["6 E_SEQUENCE eventSeq"]);
    assert.deepEqual(brief(changed(5, { eventSeq: 999 })), ["6 W_LOSS eventSeq", "7 E_SEQUENCE eventSeq"]);
    // A connect with the number of the previous event, and all others after it: only that one is wrong.
    const late = good().map((event, index) => ({ ...event, eventSeq: index < 9 ? index : index - 1 }));
    assert.deepEqual(brief(late), ["10 E_SEQUENCE eventSeq"]);
    const [issue] = issuesOf(changed(5, { eventSeq: 3 }));
    assert.equal(issue!.message, "eventSeq is 3, expected more than 4, which came before");
  });

  it("report a repeated event, and two that have changed places", () => {
    const twice = good();
    twice.splice(6, 0, twice[5]!);
    assert.deepEqual(brief(twice), ["7 E_SEQUENCE eventSeq"]);
    const repeated = good();
    repeated.splice(9, 0, repeated[3]!);
    assert.deepEqual(brief(repeated), ["10 E_SEQUENCE eventSeq"]);
    for (let at = 0; at < 13; at++) {
      const swapped = good();
      [swapped[at], swapped[at + 1]] = [swapped[at + 1]!, swapped[at]!];
      // A trace may begin with any number: no loss before the first.
      const expected = [`${at + 1} W_LOSS eventSeq`, `${at + 2} E_SEQUENCE eventSeq`].slice(at === 0 ? 1 : 0);
      assert.deepEqual(brief(swapped), expected, `at ${at}`);
    }
  });

  it("report losses with their size as warnings, which they stay under `strict`", () => {
    for (const strict of [false, true]) {
      const issues = issuesOf(without(3, 4, 5, 9), { strict });
      assert.deepEqual(
        issues.map(({ line, severity, code, attribute, message }) => ({ line, severity, code, attribute, message })),
        [
          [4, "eventSeq is 6, expected 3: 3 events are missing"] as const,
          [7, "eventSeq is 10, expected 9: 1 event is missing"] as const,
        ].map(([line, message]) => ({ line, severity: "warning", code: "W_LOSS", attribute: "eventSeq", message })),
      );
    }
  });

  it("take a line that cannot be read for the event that is missing, and for no loss", () => {
    for (const broken of ["no JSON", "[]", '{"event":"ws.moved"}', '{"event":"msg.send","schemaVersion":"9.0.0"}'])
      for (let at = 0; at < 14; at++) {
        const lines: unknown[] = good();
        lines[at] = broken;
        const found = issuesOf(lines).filter(({ line }) => line !== at + 1);
        assert.deepEqual(found, [], `${broken} at ${at}`);
        lines.splice(at, 1, "no JSON", "no JSON either");
        const others = issuesOf(lines).filter(({ code }) => code !== "E_JSON");
        assert.deepEqual(others, []);
      }
    const lines: unknown[] = without(3, 4, 5);
    lines[2] = "no JSON";
    assert.match(
      issuesOf(lines)
        .map(({ message }) => message)
        .join(),
      /eventSeq is 6, expected 2: 3 events are missing/,
    );
  });

  it("want messages and the handshake between a connect and its disconnect", () => {
    const late = good();
    const last = late.at(-1)!;
    for (const name of ["msg.recv", "msg.send", "ws.connected", "ws.disconnect"]) {
      const event = new Trace().add(name, 4, 2).events[0]!;
      const lines = [...good(), { ...event, eventSeq: 14, ts_mono_ms: last.ts_mono_ms }];
      assert.deepEqual(brief(lines), ["15 E_SPAN connEpoch"], name);
    }
    // Never connected: each connection is reported once.
    assert.deepEqual(brief(never(4)), ["6 E_SPAN connEpoch"]);
    assert.deepEqual(brief(changed(4, { clientId: 6 })), ["7 E_SPAN connEpoch"]);
    assert.deepEqual(
      issuesOf(never(4))[0]!.message,
      "ws.connected of clientId 5, connEpoch 1 comes without a ws.connect before it, expected after one",
    );
  });

  it("require messages after the handshake, except those that authentication refused", () => {
    for (const reason of ["rate_limit", "size_limit", "parse_error"]) {
      // The first handshake of a boot shows that there are any.
      assert.deepEqual(brief(changed(1, message(reason))), ["3 E_ORDER -"], reason);
    }
    assert.deepEqual(brief(changed(1, message(""))), ["3 E_ORDER -"]);
    const lines = good();
    lines[10] = { ...lines[10], ...lines[11], eventSeq: 10, ts_mono_ms: lines[10]!.ts_mono_ms };
    lines[11] = { ...good()[10], eventSeq: 11, ts_mono_ms: good()[11]!.ts_mono_ms };
    assert.deepEqual(brief(lines), ["11 E_ORDER -"]);
    assert.match(issuesOf(lines)[0]!.message, /^msg\.recv of clientId 4, connEpoch 2 comes before ws\.connected/);
    const second = good();
    second[8] = { ...second[6], eventSeq: 8, ts_mono_ms: second[8]!.ts_mono_ms };
    assert.deepEqual(brief(second), ["9 E_ORDER -"]);
    assert.match(issuesOf(second)[0]!.message, /^a second ws\.connected of clientId 5, connEpoch 1, expected one$/);
  });

  it("do not require a handshake if the device reports none", () => {
    const events = good()
      .filter(({ event }) => event !== "ws.connected")
      .map((event, eventSeq) => ({ ...event, eventSeq }));
    assert.deepEqual(brief(events), []);
  });

  it("require a greater epoch of a client that reconnects, whatever was lost, and report only that", () => {
    assert.deepEqual(brief(changed(9, { connEpoch: 0 })), ["10 E_EPOCH connEpoch"]);
    assert.deepEqual(
      issuesOf(changed(9, { connEpoch: 0 }))[0]!.message,
      "connEpoch is 0 in ws.connect of clientId 4, expected more than 0, which came before",
    );
    const lost = changed(9, { connEpoch: 0 }).filter((_, index) => index !== 7 && index !== 8);
    assert.deepEqual(brief(lost), ["8 W_LOSS eventSeq", "8 E_EPOCH connEpoch"]);
    // Seen in a message only, as its connect was before the first record.
    const late = new Trace(100).add("msg.recv", 4, 7).add("ws.connect", 4, 7).events;
    assert.deepEqual(brief(late), ["2 E_EPOCH connEpoch"]);
  });

  describe("after a loss", () => {
    it("take a connection for granted whose connect may be lost", () => {
      assert.deepEqual(brief(without(4)), ["5 W_LOSS eventSeq"]);
      assert.deepEqual(brief(without(4, 6)), ["5 W_LOSS eventSeq", "6 W_LOSS eventSeq"]);
      assert.deepEqual(brief(without(9, 10)), ["10 W_LOSS eventSeq"]);
    });

    it("do not take a line before the first event for one that is missing after it", () => {
      const trace = new Trace().add("ws.connect", 1, 0).lose(1).add("msg.recv", 1, 0);
      const text = ["noise", ...trace.events.map((event) => JSON.stringify(event))].join("\n");
      const validator = new Validator({ registries: [registry] });
      text.split("\n").forEach((line, index) => {
        validator.checkLine(line, index + 1);
      });
      const found = validator.takeIssues().map(({ line, code }) => `${line} ${code}`);
      assert.deepEqual(found, ["1 E_JSON", "3 W_LOSS"]);
    });

    it("know that what has ended does not go on, and that no connect is lost where nothing is", () => {
      const trace = new Trace().add("ws.connect", 1, 0).add("ws.disconnect", 1, 0).lose(5).add("msg.recv", 1, 0);
      assert.deepEqual(brief(trace.events), ["3 W_LOSS eventSeq", "3 E_SPAN connEpoch"]);
      // Begun after the loss: a message of the next one has no place where it could have begun.
      const next = new Trace().lose(5).add("ws.connect", 1, 3).add("ws.disconnect", 1, 3).add("msg.recv", 1, 4);
      assert.deepEqual(brief(next.events), ["3 E_SPAN connEpoch"]);
      // Before a connect with no unseen events before it, no smaller one can have begun, and no earlier one that has ended continues.
      const smaller = new Trace().add("ws.connect", 1, 5).lose(5).add("msg.recv", 1, 3);
      assert.deepEqual(brief(smaller.events), ["2 W_LOSS eventSeq", "2 E_SPAN connEpoch"]);
      const earlier = new Trace().add("ws.connect", 1, 0).add("ws.disconnect", 1, 0).add("ws.connect", 1, 1);
      earlier.add("ws.disconnect", 1, 1).lose(5).add("msg.recv", 1, 0);
      assert.deepEqual(brief(earlier.events), ["5 W_LOSS eventSeq", "5 E_SPAN connEpoch"]);
      const between = new Trace().add("ws.connect", 1, 0).lose(5).add("ws.connect", 1, 3).add("msg.recv", 1, 2);
      assert.deepEqual(brief(between.events), ["2 W_LOSS eventSeq"]);
    });

    it("know that several connects may be lost in one place, in any order of what is seen of them", () => {
      const trace = new Trace().add("ws.connect", 1, 0).lose(9).add("msg.recv", 1, 5);
      trace.add("msg.recv", 1, 7).add("msg.recv", 1, 6).add("ws.disconnect", 1, 5).add("ws.connect", 1, 8);
      assert.deepEqual(brief(trace.events), ["2 W_LOSS eventSeq"]);
    });

    it("know that a handshake after a message is wrong, and that an unseen one is not", () => {
      const trace = new Trace().add("ws.connect", 1, 0).lose(1).add("msg.recv", 1, 0).add("ws.connected", 1, 0);
      assert.deepEqual(brief(trace.events), ["2 W_LOSS eventSeq", "3 E_ORDER -"]);
      const shown = new Trace().add("ws.connect", 2, 0).add("ws.connected", 2, 0).add("ws.connect", 1, 1).lose(1);
      assert.deepEqual(brief(shown.add("msg.recv", 1, 1).events), ["4 W_LOSS eventSeq"]);
    });
  });

  describe("over boots", () => {
    const boot = (from: number, count = 5, ms = 0) =>
      new Trace(from, ms).add("ws.connect", 1, 0).fill(count, 1, 0).events;

    it("take number and time that both go back for another boot, which knows nothing of the one before", () => {
      assert.deepEqual(brief([...boot(0), ...boot(0), ...boot(0)]), []);
      // Whose first events were overwritten, or whose last event is its only one.
      assert.deepEqual(brief([...boot(0, 50), ...boot(9), ...boot(3)]), []);
      assert.deepEqual(brief([...boot(0, 9), ...boot(4, 0)]), []);
    });

    it("take neither alone for another boot", () => {
      const later = boot(0, 5, 10_000);
      assert.deepEqual(brief([...boot(0, 9), ...later]).slice(0, 1), ["11 E_SEQUENCE eventSeq"]);
      assert.deepEqual(brief([...boot(0, 9), ...boot(10, 0)]), ["11 E_TIME ts_mono_ms", "11 E_EPOCH connEpoch"]);
    });

    it("find losses within each boot, and none between them", () => {
      const lines = [...boot(0, 9), ...boot(0, 9).filter((_, index) => index !== 4), ...boot(0, 2)];
      assert.deepEqual(brief(lines), ["15 W_LOSS eventSeq"]);
    });

    it("guess nothing when boots are known", () => {
      const validator = new Validator({ registries: [registry] });
      let line = 0;
      for (const events of [boot(0, 3), boot(100, 3), boot(0, 3, 5000)]) {
        validator.beginBoot();
        for (const event of events) validator.checkEvent(event, ++line);
      }
      assert.deepEqual(validator.takeIssues(), []);
      for (const event of boot(2, 0)) validator.checkEvent(event, ++line);
      assert.deepEqual(
        validator.takeIssues().map(({ code }) => code),
        ["E_SEQUENCE"],
      );
    });
  });

  it("say nothing of values that the schema checks refuse, and nothing that follows from them", () => {
    const wrong = [-1, 0.5, "4", null, [], {}, true, 2 ** 53];
    for (let index = 0; index < 14; index++)
      for (const key of ["ts_mono_ms", "eventSeq", "clientId", "connEpoch"])
        for (const value of wrong) {
          const found = brief(changed(index, { [key]: value }));
          assert.equal(found.length, 1, `${index} ${key} ${JSON.stringify(value)}: ${found}`);
          assert.match(found[0]!, new RegExp(`^${index + 1} E_(TYPE|RANGE) ${key}$`));
        }
    for (const reason of ["bogus", 4]) {
      const found = brief(changed(1, { reason }));
      assert.deepEqual(found, [`2 E_${typeof reason === "string" ? "ENUM" : "TYPE"} reason`]);
    }
  });

  it("follow the names of each version, in one trace of both", () => {
    const run = (name: string, n: number, id: number, more: Json = {}) => {
      const own = { "board.id": 7, "board.slot": "left", "run.id": id };
      const url = { schemaVersion: "7.0.0", schemaUrl: "https://example.com/schemas/7.0.0" };
      return { event: name, up_ms: n * 10, n, ...own, ...more, ...url };
    };
    const reading = { celsius: 20.5, offset: -3, is_on: true, state: "fine", cause: "" };
    const tick = (name: string, n: number, id: number) => ({
      ...run(`tick.${name}`, n, 0),
      "tick.id": id,
      "board.id": undefined,
      "board.slot": undefined,
      "run.id": undefined,
    });
    const lines = [
      run("run.begin", 0, 1),
      tick("begin", 1, -5),
      run("run.ready", 2, 1),
      run("run.reading", 3, 1, reading),
      tick("inside", 4, -5),
      { ...run("run.begin", 5, 1), "board.slot": "right" },
      { event: "ws.connect", ts_mono_ms: 55, connEpoch: 0, eventSeq: 6, clientId: 7, schemaVersion: "1.0.0" },
      tick("end", 7, -5),
      run("run.end", 8, 1),
    ];
    const registries = [registry, OWN];
    assert.deepEqual(brief(lines, { registries }), []);
    const more = [tick("begin", 9, -6), run("run.reading", 10, 1, reading), run("run.begin", 11, 1)];
    assert.deepEqual(brief([...lines, ...more], { registries }), [
      "10 E_EPOCH tick.id",
      "11 E_SPAN run.id",
      "12 E_EPOCH run.id",
    ]);
  });

  it("are left out when they are not asked for, and are all there is when nothing else is", () => {
    const lines = [...changed(5, { ts_mono_ms: 3 }), { event: "msg.send" }];
    assert.deepEqual(
      brief(lines, { checks: ["schema"] }).map((each) => each.split(" ")[1]),
      Array(6).fill("E_MISSING"),
    );
    assert.deepEqual(brief(lines, { checks: ["sequence"] }), ["6 E_TIME ts_mono_ms"]);
  });

  it("follow a bounded number of spans, say once that they forget the oldest, and call none of its events wrong", () => {
    const trace = new Trace();
    const count = MOST_OPEN_SPANS * 3;
    for (let client = 0; client < count; client++) trace.add("ws.connect", client, client);
    for (let client = 0; client < count; client += 1000) trace.add("msg.recv", client, client);
    assert.deepEqual(brief(trace.events), [`${MOST_OPEN_SPANS + 1} W_FORGOTTEN -`]);
    const one = new Trace();
    for (let epoch = 0; epoch < count; epoch++) one.add("ws.connect", 1, epoch);
    for (let epoch = 0; epoch < count; epoch += 1000) one.add("ws.disconnect", 1, epoch);
    assert.deepEqual(brief(one.events), [`${MOST_OPEN_SPANS + 1} W_FORGOTTEN -`]);
  });

  it("remember a bounded number of clients, those with an open connection longest", () => {
    const trace = new Trace().add("ws.connect", 0, 0).add("ws.connected", 0, 0);
    for (let client = 1; client < MOST_OPEN_SPANS * 3; client++)
      trace.add("ws.connect", client, client).add("ws.disconnect", client, client);
    trace.add("msg.recv", 0, 0).add("ws.disconnect", 0, 0).add("msg.recv", 0, 0);
    assert.deepEqual(brief(trace.events), [`${trace.events.length} E_SPAN connEpoch`]);
  });
});
