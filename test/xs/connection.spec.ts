import { type Connection, enabled, Reason, setEnabled, Telemetry, type Token } from "xs-telemetry";
import { deepEqual, equal, ok, throws, toHex } from "../support/assert.ts";
import { type PlainPacket, readPacket } from "../support/bytes.ts";
import { frozenBuiltins } from "../support/frozen.ts";

function setUp(options: Partial<ConstructorParameters<typeof Telemetry>[0]> = {}) {
  const clock = { ms: 1000, now: () => clock.ms };
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 9, clock, ...options });
  const reader = telemetry.reader();
  const drain = (): PlainPacket[] => {
    const packets: PlainPacket[] = [];
    const buffer = new Uint8Array(1024);
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
      packets.push(readPacket(buffer.slice(0, length)));
    return packets;
  };
  const records = () => drain().flatMap((packet) => packet.records);
  return { clock, telemetry, reader, drain, records };
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "none" : String.fromCharCode(...bytes);
}

describe("Telemetry and Connection", () => {
  it("records each call as one record of its own type", () => {
    const { clock, telemetry, records } = setUp();
    const getStatus = telemetry.messageType("getStatus");
    const connection = telemetry.connect(7, "192.168.0.25");
    clock.ms += 5;
    connection.connected();
    connection.received(getStatus);
    connection.received(getStatus, "{}");
    connection.rejected(Reason.rateLimit, getStatus);
    connection.rejected(Reason.authFailed, 0, "x");
    connection.sent(getStatus);
    connection.sent(getStatus, "pong");
    connection.disconnected();
    telemetry.connect(8);
    const seen = records();
    deepEqual(
      seen.map(({ type, code, token, time, clientId, connEpoch }) => [type, code, token, time, clientId, connEpoch]),
      [
        [2, 0, 0, 1000, 7, 0],
        [3, 0, 0, 1005, 7, 0],
        [5, 0x00, 1, 1005, 7, 0],
        [6, 0x00, 1, 1005, 7, 0],
        [5, 0x11, 1, 1005, 7, 0],
        [6, 0x41, 0, 1005, 7, 0],
        [7, 0, 1, 1005, 7, 0],
        [8, 0, 1, 1005, 7, 0],
        [4, 0, 0, 1005, 7, 0],
        [1, 0, 0, 1005, 8, 1],
      ],
      "records",
    );
    deepEqual(
      [0, 3, 5, 7].map((index) => textOf(seen[index]!.text)),
      ["192.168.0.25", "{}", "x", "pong"],
      "texts",
    );
  });

  it("records an answer as received() and sent() at one reading of the clock, wherever the records fall", () => {
    for (const policy of ["overwrite", "discard"] as const)
      for (const isOn of [true, false])
        for (let before = 0; before < 40; before++) {
          const play = (answer: (connection: Connection, type: Token) => void) => {
            let readings = 0;
            // A half of 2^32 ms ends in the middle.
            const now = () => (0x7fff_fff0 + readings++) | 0;
            const { telemetry, drain } = setUp({ capacityBytes: 256, policy, clock: { now } });
            const type = telemetry.messageType("a");
            const connection = telemetry.connect(1);
            drain();
            for (let count = 0; count < before; count++) connection.connected();
            const readingsBefore = readings;
            setEnabled(isOn);
            answer(connection, type);
            setEnabled(true);
            const taken = readings - readingsBefore;
            readings = 0x100;
            connection.disconnected();
            return { taken, packets: drain(), counters: telemetry.counters() };
          };
          const answered = play((connection, type) => connection.answered(type, 0));
          equal(answered.taken, isOn ? 1 : 0, "readings of the clock");
          const apart = play((connection, type) => {
            connection.received(type);
            connection.sent(0);
          });
          deepEqual(answered.counters, apart.counters, `counters after ${before} records, ${policy}`);
          const what = ({ packets }: typeof apart) =>
            packets.flatMap(({ records }) =>
              records.map(({ type, code, token, clientId }) => [type, code, token, clientId]),
            );
          deepEqual(what(answered), what(apart), `records after ${before} records, ${policy}`);
          const times = answered.packets.flatMap(({ records }) => records.map(({ time }) => time));
          const at = what(answered).findIndex(([type], index, all) => type === 5 && all[index + 1]?.[0] === 7);
          if (isOn && policy === "overwrite")
            equal(times[at], times[at + 1], `time of the answer after ${before} records`);
        }
  });

  it("writes the bytes of docs/format.md, field by field", () => {
    const { telemetry, reader } = setUp({ capacityBytes: 256 });
    telemetry.messageType("unused");
    const type = telemetry.messageType("ping");
    telemetry.connect(0x01020304).rejected(Reason.sizeLimit, type, "hé");
    const buffer = new Uint8Array(300).fill(0xee);
    const tokens = reader.next(buffer);
    equal(
      toHex(buffer.slice(96, tokens)),
      "0100" +
        "0600" +
        "756e75736564" + // token 1, 6 bytes, "unused"
        "0200" +
        "0400" +
        "70696e67" + // token 2, 4 bytes, "ping"
        "0000000000000000000000000000", // zeros to a multiple of 16
      "token packet",
    );
    const length = reader.next(buffer);
    equal(
      toHex(buffer.slice(0, length)),
      "c11ffcc1" + // magic
        toHex(buffer.slice(4, 20)) + // uuid: compared with the registry's elsewhere
        "00000000" + // stream_id: data
        "e803000000000000" + // timestamp_begin: 1000
        "e803000000000000" + // timestamp_end
        "80040000" + // content_size: 144 bytes
        "80040000" + // packet_size
        "0000000000000000" + // events_discarded
        "0100000000000000" + // packet_seq_num
        "0900000000000000" + // boot_id
        "0000000000000000" + // first_event_seq
        "00000000" + // reader
        "01000000" + // wire_format
        "00000000" + // ring_pending_slots
        "10000000" + // ring_capacity_slots: 16
        "e8030000" +
        "01" +
        "00" +
        "0000" +
        "04030201" +
        "00000000" + // ws.connect
        "e8030000" +
        "0c" +
        "21" +
        "0200" +
        "04030201" +
        "00000000" + // msg.recv with a text of one slot, rejected (1), size_limit (2), token 2
        "68c3a9" +
        "00".repeat(13), // text, zero-filled
      "data packet",
    );
    equal(buffer[length], 0xee, "the byte behind the packet");
  });

  it("counts connection epochs from 0, one more for each connection", () => {
    const { telemetry, records } = setUp();
    for (let count = 0; count < 3; count++) telemetry.connect(5).disconnected();
    deepEqual(
      records().map(({ connEpoch }) => connEpoch),
      [0, 0, 1, 1, 2, 2],
      "epochs",
    );
  });

  it("gives the same message type the same token, and bounds the table", () => {
    const { telemetry } = setUp({ messageTypes: 2 });
    equal(telemetry.messageType(""), 0, "empty");
    equal(telemetry.messageType("a"), 1, "first");
    equal(telemetry.messageType("x".repeat(65)), 0, "65 bytes");
    equal(telemetry.messageType("é".repeat(33)), 0, "66 bytes");
    equal(telemetry.messageType("é".repeat(32)), 2, "64 bytes");
    equal(telemetry.messageType("a"), 1, "again");
    equal(telemetry.messageType("c"), 0, "beyond the bound");
    equal(telemetry.counters().unlistedTypes, 3, "unlistedTypes");
    equal(telemetry.messageType(5 as unknown as string), 0, "no string");
    equal(telemetry.counters().invalidArguments, 1, "invalidArguments");
    equal(setUp({ messageTypes: 0 }).telemetry.messageType("a"), 0, "no table");
  });

  it("returns at once while telemetry is off, and counts the calls as suppressed", () => {
    const { telemetry, records } = setUp();
    const connection = telemetry.connect(1);
    equal(enabled, true, "enabled");
    setEnabled(false);
    equal(enabled, false, "enabled");
    try {
      connection.connected();
      connection.received(0, "x");
      connection.rejected(Reason.parseError, 0);
      connection.rejected(99 as Reason, 0);
      connection.sent(0);
      connection.disconnected();
      telemetry.connect(Number.NaN);
    } finally {
      setEnabled(true);
    }
    telemetry.connect(3);
    const { emitted, suppressed, invalidArguments } = telemetry.counters();
    deepEqual([emitted, suppressed, invalidArguments], [2, 7, 0], "emitted, suppressed, invalidArguments");
    deepEqual(
      records().map(({ clientId, connEpoch }) => [clientId, connEpoch]),
      [
        [1, 0],
        [3, 2],
      ],
      "records",
    );
  });

  it("emits nothing for a reason that is none of the four", () => {
    const { telemetry, records } = setUp();
    const connection = telemetry.connect(1);
    const bad: unknown[] = [0, 5, 1.5, -1, Number.NaN, "rate_limit", undefined, null, {}, Symbol("x"), true];
    for (const reason of bad) connection.rejected(reason as Reason, 0);
    const { emitted, suppressed, invalidArguments } = telemetry.counters();
    deepEqual(
      [emitted, suppressed, invalidArguments],
      [1, bad.length, bad.length],
      "emitted, suppressed, invalidArguments",
    );
    equal(records().length, 1, "records");
  });

  it("records a wrong argument as what it can be, counts it, and never throws", () => {
    const hostile = {
      valueOf() {
        throw new Error("valueOf");
      },
      toString() {
        throw new Error("toString");
      },
      get length() {
        throw new Error("length");
      },
    };
    const values: unknown[] = [
      null,
      true,
      -1,
      1.5,
      Number.NaN,
      Infinity,
      2 ** 40,
      10n,
      Symbol("s"),
      "text",
      {},
      [],
      () => 0,
      hostile,
    ];
    const { telemetry, drain, records } = setUp({ capacityBytes: 65536 });
    const connection = telemetry.connect(1);
    let invalid = 0;
    const expectInvalid = (count: number, what: string) => {
      invalid += count;
      equal(telemetry.counters().invalidArguments, invalid, `invalidArguments after ${what}`);
    };
    for (const value of values) {
      const what = typeof value === "symbol" ? "a symbol" : value === hostile ? "a hostile object" : String(value);
      connection.received(value as Token);
      connection.sent(value as Token);
      connection.rejected(Reason.rateLimit, value as Token);
      expectInvalid(3, `token ${what}`);
      connection.answered(value as Token, 0);
      connection.answered(0, value as Token);
      expectInvalid(2, `token ${what} of an answer`);
      connection.received(0, value as string);
      connection.sent(0, value as string);
      expectInvalid(typeof value === "string" ? 0 : 2, `payload ${what}`);
      telemetry.connect(1, value as string);
      expectInvalid(typeof value === "string" ? 0 : 1, `ip ${what}`);
      telemetry.messageType(value as string);
      expectInvalid(typeof value === "string" ? 0 : 1, `type ${what}`);
    }
    drain();
    for (const value of values) telemetry.connect(value as number);
    deepEqual(
      records().map(({ clientId }) => clientId),
      [0, 0, 0, 1, 0, 0xffffffff, 0xffffffff, 0, 0, 0, 0, 0, 0, 0],
      "client ids",
    );
    expectInvalid(values.length, "client ids");
    connection.received(undefined as unknown as Token, undefined);
    expectInvalid(1, "no token");
    telemetry.connect(0xffffffff, undefined);
    expectInvalid(0, "the greatest client id");
  });

  it("takes a token that was never given out as unknown", () => {
    const { telemetry, records } = setUp();
    const connection: Connection = telemetry.connect(1);
    telemetry.messageType("a");
    connection.received(1 as Token);
    connection.received(2 as Token);
    deepEqual(
      records().map(({ token }) => token),
      [0, 1, 0],
      "tokens",
    );
    equal(telemetry.counters().invalidArguments, 1, "invalidArguments");
  });

  it("says which option is wrong, its value and what is allowed", () => {
    const make = (options: unknown) => () => new Telemetry(options as ConstructorParameters<typeof Telemetry>[0]);
    throws(make(undefined), "TypeError", "options", "undefined");
    throws(make(null), "TypeError", "options", "null");
    throws(make({}), "TypeError", "capacityBytes", "undefined");
    throws(make({ capacityBytes: "16k" }), "TypeError", "capacityBytes", '"16k"');
    for (const value of [Number.NaN, 0, -16, 255, 1000.5, 268435457, Number.POSITIVE_INFINITY])
      throws(make({ capacityBytes: value }), "RangeError", "capacityBytes", String(value), "256", "268435456");
    throws(make({ capacityBytes: 256, policy: "drop" }), "TypeError", "policy", '"drop"', '"overwrite"', '"discard"');
    throws(make({ capacityBytes: 256, capacity: 1 }), "TypeError", '"capacity"', "capacityBytes", "messageTypes");
    for (const value of [null, 5, {}, { now: 5 }, () => 0])
      throws(make({ capacityBytes: 256, clock: value }), "TypeError", "clock", "now()");
    throws(make({ capacityBytes: 256, clock: { now: () => "late" } }), "TypeError", "clock.now()", '"late"');
    for (const now of [Date.parse("2026-05-01T12:00:00Z"), 1e12, -(2 ** 31) - 1])
      throws(
        make({ capacityBytes: 256, clock: { now: () => now } }),
        "TypeError",
        "clock.now()",
        "ms since boot, from -2^31 to 10^12",
        String(now),
      );
    for (const now of [-(2 ** 31), 2 ** 32, 999_999_999_999]) make({ capacityBytes: 256, clock: { now: () => now } })();
    throws(make({ capacityBytes: 256, bootId: "a" }), "TypeError", "bootId", '"a"');
    for (const value of [-1, 1.5, 2 ** 53, Number.NaN])
      throws(make({ capacityBytes: 256, bootId: value }), "RangeError", "bootId", String(value));
    for (const value of [-1, 65536, 0.5])
      throws(make({ capacityBytes: 256, messageTypes: value }), "RangeError", "messageTypes", String(value));
  });

  it("uses whole slots of the capacity", () => {
    const { telemetry, drain } = setUp({ capacityBytes: 271 });
    telemetry.connect(1);
    equal(drain()[0]!.capacitySlots, 16, "slots");
  });

  it("works with the platform's clock and boot id", () => {
    const telemetry = new Telemetry({ capacityBytes: 256 });
    const reader = telemetry.reader();
    telemetry.connect(1);
    const buffer = new Uint8Array(256);
    const packet = readPacket(buffer.slice(0, reader.next(buffer)));
    ok(packet.begin >= 0 && packet.begin < 2 ** 32, `time ${packet.begin}`);
    ok(Number.isSafeInteger(packet.bootId), `boot id ${packet.bootId}`);
  });

  /** The boot id where Math.random begins alike with each start, as on Moddable's Linux targets, Pico, nRF52 and Zephyr. */
  function bootIdAt(timeOfDay: number, uptimeMs?: number): number {
    const { random } = Math;
    const { now } = Date;
    let state = 1;
    Math.random = () => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    Date.now = () => timeOfDay;
    try {
      const telemetry = new Telemetry({
        capacityBytes: 256,
        ...(uptimeMs === undefined ? {} : { clock: { now: () => uptimeMs } }),
      });
      telemetry.connect(1);
      const buffer = new Uint8Array(256);
      const { bootId } = readPacket(buffer.slice(0, telemetry.reader().next(buffer)));
      ok(Number.isSafeInteger(bootId) && bootId >= 0, `boot id ${bootId}`);
      return bootId;
    } finally {
      Math.random = random;
      Date.now = now;
    }
  }

  it("has another boot id at another time of day, where Math.random begins alike with each boot", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const start = 1_790_000_000_000;
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      ids.add(bootIdAt(start + index)); // restarted at once
      ids.add(bootIdAt(start + 200 + index * 86_400_123));
      ids.add(bootIdAt(index)); // nobody has set the time: Date.now() counts from boot
    }
    equal(ids.size, 600, "ids");
    return undefined;
  });

  it("has another boot id at another reading of the clock, where the time of day stands still too", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      ids.add(bootIdAt(0, index));
      ids.add(bootIdAt(0, -1 - index));
    }
    equal(ids.size, 400, "ids");
    return undefined;
  });

  it("has another boot id for each Telemetry of a boot", () => {
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      const telemetry = new Telemetry({ capacityBytes: 256, clock: { now: () => 5 } });
      telemetry.connect(1);
      const buffer = new Uint8Array(256);
      ids.add(readPacket(buffer.slice(0, telemetry.reader().next(buffer))).bootId);
    }
    equal(ids.size, 200, "ids");
  });

  it("takes a clock that throws or gives no number as standing still", () => {
    const answers: (() => number)[] = [
      () => 50,
      () => 60,
      () => {
        throw new Error("clock");
      },
      () => 10n as unknown as number,
      () => 40,
      () => 70.9,
      () => 80,
    ];
    let index = 0;
    const { telemetry, records } = setUp({ clock: { now: () => answers[Math.min(index++, answers.length - 1)]!() } });
    const connection = telemetry.connect(1);
    for (let count = 0; count < 4; count++) connection.connected();
    deepEqual(
      records().map(({ time }) => time),
      [60, 60, 60, 60, 70],
      "times",
    );
  });

  it("does not take a reading that is no number for a wrap of the clock", () => {
    const { clock, telemetry, records } = setUp();
    const connection = telemetry.connect(1);
    const late = 2 ** 31 + 5;
    for (const ms of [2 ** 30, 2 ** 31, late, Number.NaN, Number.POSITIVE_INFINITY, late]) {
      clock.ms = ms;
      connection.connected();
    }
    deepEqual(
      records().map(({ time }) => time),
      [1000, 2 ** 30, 2 ** 31, late, late, late, late],
      "times",
    );
  });
});
