// What policies do with payloads.
import { type Payload, type Privacy, Reason, setEnabled, type Token } from "xs-telemetry";
import { type IpPolicy, type PayloadPolicy, privacy } from "xs-telemetry/privacy";
import * as recorder from "xs-telemetry/recorder";
import { deepEqual, equal } from "../support/assert.ts";
import { both, type Emitting, none, RING, setUp, watch, wrong } from "../support/private-telemetry.ts";

describe("payload policies", () => {
  it('"keep" records what no policy does', () => {
    for (const policies of [undefined, {}, both("keep"), { payloads: {} }]) {
      const { connection, texts } = setUp(policies);
      connection.received(0, "in");
      connection.sent(0, new Uint8Array([0x6f, 0x75, 0x74]));
      connection.sent(0, "");
      deepEqual(texts(), ["none", "in", "out", ""]);
    }
  });

  it("leave the emitter where they keep everything, and its connections where they keep payloads", () => {
    const emitter = {} as Parameters<Privacy["protect"]>[0];
    equal(
      privacy({ ...both("keep"), ip: "keep" }).protect(emitter, () => true),
      emitter,
      "emitter",
    );
    equal(setUp({ ip: "omit" }).connection.constructor.name, setUp().connection.constructor.name, "connection");
  });

  it('"omit" records the event without a payload', () => {
    const { connection, texts, telemetry } = setUp(both("omit"));
    for (const payload of ["in", "", new Uint8Array(3), new ArrayBuffer(3), wrong(5), undefined]) {
      connection.received(0, payload);
      connection.rejected(Reason.authFailed, 0, payload);
      connection.sent(0, payload);
    }
    deepEqual(texts(), none(19));
    equal(telemetry.counters().invalidArguments, 0, "invalidArguments");
  });

  it("hold for one event without the other", () => {
    const { connection, texts } = setUp({ payloads: { "msg.recv": "omit" } });
    connection.received(0, "in");
    connection.rejected(Reason.sizeLimit, 0, "no");
    connection.sent(0, "out");
    deepEqual(texts(), ["none", "none", "none", "out"]);
    const other = setUp({ payloads: { "msg.send": "length" } });
    other.connection.received(0, "in");
    other.connection.sent(0, "out");
    deepEqual(other.texts(), ["none", "in", "[3 bytes]"]);
  });

  it("are as they were when privacy() was called", () => {
    const options: { payloads: { "msg.recv"?: PayloadPolicy }; ip?: IpPolicy } = { payloads: { "msg.recv": "omit" } };
    options.ip = "omit";
    const made = privacy(options);
    options.payloads["msg.recv"] = options.ip = "keep";
    const { telemetry, texts } = setUp(undefined, { privacy: made });
    telemetry.connect(2, "10.0.0.1").received(0, "secret");
    deepEqual(texts(), none(3));
  });

  it("may serve several emitters, of which each is on its own", () => {
    const made = privacy(
      both((payload) => {
        if (payload === "outer") second.connection.received(0, "inner");
        return payload;
      }),
    );
    const [first, second] = [0, 1].map(() => setUp(undefined, { privacy: made })) as [Emitting, Emitting];
    first.connection.received(0, "outer");
    deepEqual(first.texts(), ["none", "outer"]);
    deepEqual(second.texts(), ["none", "inner"]);
  });

  it("follow the one switch, whichever module it is taken from", () => {
    const policies = privacy({ ...both("omit"), ip: "truncate" });
    const { telemetry, texts } = watch(new recorder.Telemetry({ ...RING, privacy: policies }));
    recorder.setEnabled(false);
    telemetry.connect(2, "10.0.0.1").received(0, "off");
    recorder.setEnabled(true);
    setEnabled(false);
    telemetry.connect(3, "10.0.0.1").received(0, "off");
    setEnabled(true);
    telemetry.connect(4, "10.0.0.1").received(0, "on");
    deepEqual(texts(), ["none", "10.0.0.0/24", "none"]);
  });

  it("leave the calls without a payload, their tokens and reasons as they are", () => {
    const options = both("length");
    const [plain, private_] = [setUp(), setUp(options)].map(({ telemetry, connection, records }) => {
      const token = telemetry.messageType("getStatus");
      connection.connected();
      connection.received(token);
      connection.rejected(Reason.rateLimit, token);
      connection.rejected(99 as Reason, token);
      connection.sent(token);
      connection.sent(77 as Token);
      connection.answered(token, 77 as Token);
      connection.disconnected();
      return { records: records(), counters: telemetry.counters() };
    });
    deepEqual(private_, plain);
  });
});

describe('payload policy "length"', () => {
  it("says how many bytes of UTF-8 a string has", () => {
    const { connection, texts } = setUp(both("length"));
    texts();
    const units = (...codes: number[]) => String.fromCharCode(...codes);
    const cases: [string, number][] = [
      ["", 0],
      ["a", 1],
      ['{"type":"getStatus"}', 20],
      ["é€😀", 9],
      ["\0", 1],
      ["a\0\0b", 4],
      [units(0xd83d), 3],
      [units(0xde00, 0xd83d), 6],
      [units(0xd83d, 0xde00), 4],
      ["\ud83d".concat("\ude00"), 4],
      [`${units(0xd83d, 0xd83d, 0xde00)}x`, 8],
      [units(0xffff, 0x80, 0x7ff, 0x800), 10],
    ];
    // Around every length at which the counting, or the text, changes: digits, and what encodeInto is given on XS.
    const endings: [string, number][] = [
      ["", 0],
      ["é", 2],
      ["€", 3],
      ["😀", 4],
      ["\0", 1],
    ];
    endings.push([units(0xd83d), 3], [units(0xd83d, 0xde00), 4]);
    for (const base of [9, 10, 99, 100, 240, 252, 253, 255, 256, 257, 999, 1000, 4096, 65_536, 1_000_000])
      for (const [end, bytes] of endings) cases.push(["a".repeat(base) + end, base + bytes]);
    for (const [text, bytes] of cases) {
      connection.received(0, text);
      deepEqual(texts(), [`[${bytes} bytes]`], `text of ${text.length} units`);
    }
  });

  it("says how many bytes there are, whatever they are, and whatever a class says", () => {
    const { connection, texts, telemetry } = setUp(both("length"));
    texts();
    class Lying extends Uint8Array {
      override get length(): number {
        throw new Error("length is asked");
      }
      override get byteLength(): number {
        return 5;
      }
    }
    const buffer = new ArrayBuffer(300);
    const cases: [Payload, number][] = [
      [new Uint8Array(0), 0],
      [new Uint8Array([0xff]), 1],
      [new Uint8Array(buffer, 7, 100), 100],
      [buffer, 300],
      [new ArrayBuffer(0), 0],
      [new Uint8Array(1_000_000), 1_000_000],
      [new Lying(12), 12],
    ];
    for (const [payload, bytes] of cases) {
      connection.sent(0, payload);
      deepEqual(texts(), [`[${bytes} bytes]`], `${bytes} bytes`);
    }
    equal(telemetry.counters().invalidArguments, 0, "invalidArguments");
  });

  it("leaves out, and counts, what is no payload", () => {
    const { connection, texts, telemetry } = setUp(both("length"));
    for (const value of [null, 5, {}, [], new Int16Array(2), new DataView(new ArrayBuffer(2)), () => 1, Symbol("s")])
      connection.received(0, wrong(value));
    deepEqual(texts(), none(9));
    equal(telemetry.counters().invalidArguments, 8, "invalidArguments");
  });
});

describe("a redactor", () => {
  it("gets the caller's payload and the event, and says what is recorded", () => {
    const seen: unknown[] = [];
    const { connection, texts } = setUp(
      both((payload, event) => {
        seen.push(payload, event);
        return event === "msg.send" ? undefined : typeof payload === "string" ? `${payload}!` : payload;
      }),
    );
    const bytes = new Uint8Array([0x68, 0x69]);
    connection.received(0, "in");
    connection.rejected(Reason.parseError, 0, bytes);
    connection.sent(0, bytes.buffer);
    connection.received(0);
    connection.received(0, "");
    deepEqual(texts(), ["none", "in!", "hi", "none", "none", "!"]);
    const expected = ["in", "msg.recv", bytes, "msg.recv", bytes.buffer, "msg.send", "", "msg.recv"];
    equal(seen.length, expected.length, "arguments");
    for (let index = 0; index < expected.length; index++) equal(seen[index], expected[index], `argument ${index}`);
  });

  it("that throws, or returns what is no payload, leaves the payload out, and is counted", () => {
    const results: (() => unknown)[] = [
      () => {
        throw new Error("redactor");
      },
      () => {
        throw undefined;
      },
      () => null,
      () => 5,
      () => true,
      () => ({ toString: () => "secret" }),
      () => ["secret"],
      () => Promise.resolve("secret"),
      () => new Int8Array(3),
      () => Object.create(Uint8Array.prototype),
    ];
    for (let index = 0; index < results.length; index++) {
      const { connection, texts, telemetry } = setUp(both(results[index] as PayloadPolicy));
      connection.received(0, "secret");
      connection.sent(0, "secret");
      deepEqual(texts(), ["none", "none", "none"], `result ${index}`);
      equal(telemetry.counters().invalidArguments, 2, `invalidArguments of result ${index}`);
    }
  });

  it("never sees what is no payload", () => {
    let calls = 0;
    const { connection, texts, telemetry } = setUp(
      both((payload) => {
        calls++;
        return payload;
      }),
    );
    connection.received(0, wrong({}));
    connection.sent(0, wrong(5));
    deepEqual(texts(), ["none", "none", "none"]);
    equal(calls, 0, "calls");
    equal(telemetry.counters().invalidArguments, 2, "invalidArguments");
  });

  it("that emits events has them recorded first, without their payloads", () => {
    let other: { sent(type: number, payload: string): void; received(type: number, payload: string): void } | undefined;
    const { connection, texts, telemetry } = setUp(
      both((payload, event) => {
        if (event === "msg.recv") other!.received(0, "again");
        else other!.sent(0, "again");
        return payload;
      }),
    );
    other = connection;
    connection.received(0, "outer");
    connection.sent(0, "outer");
    deepEqual(texts(), ["none", "none", "outer", "none", "outer"]);
    equal(telemetry.counters().invalidArguments, 2, "invalidArguments");
  });

  it("that emits events has their payloads left out whatever the other event's policy", () => {
    for (const policy of ["keep", "length", "omit", (payload: Payload) => payload] as const) {
      let other: { sent(type: number, payload: string): void } | undefined;
      const { connection, texts, telemetry } = setUp({
        payloads: {
          "msg.recv": (payload) => {
            other!.sent(0, "secret");
            return payload;
          },
          "msg.send": policy,
        },
      });
      other = connection;
      connection.received(0, "outer");
      deepEqual(texts(), ["none", "none", "outer"], String(policy));
      equal(telemetry.counters().invalidArguments, 1, String(policy));
    }
  });

  it("that makes telemetry go off records nothing, and works again afterwards", () => {
    const { connection, texts, telemetry } = setUp(
      both((payload) => {
        if (payload === "off") setEnabled(false);
        return payload;
      }),
    );
    connection.received(0, "off");
    setEnabled(true);
    connection.received(0, "on");
    deepEqual(texts(), ["none", "on"]);
    equal(telemetry.counters().suppressed, 1, "suppressed");
  });
});

describe("policies while nothing is recorded", () => {
  it("ask no redactor, and count as without them", () => {
    let calls = 0;
    const redactor = (payload: Payload) => {
      calls++;
      return payload;
    };
    const counted = [setUp(), setUp({ ...both(redactor), ip: "truncate" })].map(({ telemetry, connection }) => {
      setEnabled(false);
      connection.received(0, "x");
      connection.rejected(Reason.rateLimit, 0, "x");
      connection.sent(0, wrong(5));
      telemetry.connect(2, "10.0.0.1").received(0, "x");
      setEnabled(true);
      connection.rejected(99 as Reason, 0, "x");
      return telemetry.counters();
    });
    deepEqual(counted[1], counted[0]);
    equal(calls, 0, "calls");
  });
});
