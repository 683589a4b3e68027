import { type Connection, enabled, Reason, setEnabled, type Token } from "xs-telemetry";
import { deepEqual, equal, toHex } from "../support/assert.ts";
import { setUp, textOf } from "../support/connections.ts";

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

  it("emits nothing for a reason that is not one of the four", () => {
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
});
