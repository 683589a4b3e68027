import { type Reader, Telemetry } from "xs-telemetry";
import { deepEqual, equal, throws } from "../support/assert.ts";
import { type PlainPacket, readPacket, ringCounters } from "../support/bytes.ts";
import { pretenders } from "../support/sinks.ts";

function setUp(capacityBytes = 4096, policy: "overwrite" | "discard" = "overwrite") {
  const clock = { ms: 0, now: () => clock.ms };
  return new Telemetry({ capacityBytes, policy, bootId: 3, clock });
}

function drain(reader: Reader, bytes = 256): PlainPacket[] {
  const buffer = new Uint8Array(bytes);
  const packets: PlainPacket[] = [];
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
    packets.push(readPacket(buffer.slice(0, length)));
  return packets;
}

const ids = (packets: PlainPacket[]) => packets.flatMap(({ records }) => records.map(({ clientId }) => clientId));

describe("readers", () => {
  it("begin at the oldest record in the ring and do not disturb each other", () => {
    const telemetry = setUp(256);
    for (let id = 0; id < 20; id++) telemetry.connect(id);
    const first = telemetry.reader();
    const second = telemetry.reader();
    deepEqual(ids(drain(first)), ids(drain(second)), "events");
    deepEqual(ringCounters(first.counters()), [20, 16, 4, 0, 0], "first");
    deepEqual(telemetry.counters().drained, 16, "counters() is the first reader's");
    first.close();
    const third = telemetry.reader();
    telemetry.connect(20);
    deepEqual(second.counters().pending, 1, "second");
    deepEqual(telemetry.counters().pending, 1, "counters() is the next oldest's");
    second.close();
    second.close();
    deepEqual(telemetry.counters().pending, 16, "counters() is the third's");
    deepEqual(ringCounters(first.counters()), [20, 16, 4, 0, 0], "first, as it was when it was closed");
    third.close();
    deepEqual(
      telemetry.counters(),
      {
        emitted: 21,
        drained: 0,
        overwritten: 5,
        discarded: 0,
        pending: 16,
        suppressed: 0,
        invalidArguments: 0,
        unlistedTypes: 0,
      },
      "without a reader",
    );
    equal(first.next(new Uint8Array(256)), 0, "next() of a closed reader");
  });

  it("number their packets from 1, data and tokens apart, and carry their own number", () => {
    const telemetry = setUp();
    const readers = [telemetry.reader(), telemetry.reader()];
    telemetry.connect(1).received(telemetry.messageType("a"));
    for (const [index, reader] of readers.entries()) {
      const first = drain(reader);
      telemetry.connect(2).received(telemetry.messageType(`b${index}`));
      deepEqual(
        [...first, ...drain(reader)].map(({ stream, number, reader: from }) => [stream, number, from]),
        [
          [1, 1, index],
          [0, 1, index],
          [1, 2, index],
          [0, 2, index],
        ],
        "stream, number, reader",
      );
    }
  });

  it("return 0 and send no tokens while nothing waits", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    telemetry.messageType("a");
    deepEqual(drain(reader), [], "packets");
  });

  it("send all tokens again with every 64th data packet", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    const token = telemetry.messageType("a");
    const streams: number[] = [];
    for (let count = 0; count < 140; count++) {
      telemetry.connect(1).sent(token);
      for (const { stream } of drain(reader)) streams.push(stream);
    }
    const at = (stream: number) => streams.flatMap((each, index) => (each === stream ? [index] : []));
    deepEqual(at(1), [0, 65, 130], "places of token packets");
    equal(at(0).length, 140, "data packets");
  });

  it("repeat all tokens when asked, before the next records and not while nothing waits", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    const other = telemetry.reader();
    const token = telemetry.messageType("a");
    telemetry.messageType("b");
    const connection = telemetry.connect(1);
    const told = (from: Reader) => drain(from).map(({ stream, tokens }) => [stream, ...tokens.map(({ name }) => name)]);
    deepEqual(told(reader), [[1, "a", "b"], [0]], "the first time");
    reader.repeatTokens();
    reader.repeatTokens();
    deepEqual(told(reader), [], "while nothing waits");
    connection.sent(token);
    deepEqual(told(reader), [[1, "a", "b"], [0]], "again, once");
    connection.sent(token);
    deepEqual(told(reader), [[0]], "and not a third time");
    deepEqual(told(other), [[1, "a", "b"], [0]], "another reader is not concerned");
    deepEqual(ringCounters(reader.counters()), [3, 3, 0, 0, 0], "tokens are no events");
    reader.close();
    reader.repeatTokens();
    equal(reader.next(new Uint8Array(256)), 0, "next() of a closed reader");
  });

  it("begin with the first token again when asked while they are being sent", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    for (let count = 0; count < 10; count++) telemetry.messageType(`${count}`.padEnd(64, "x"));
    telemetry.connect(1);
    const buffer = new Uint8Array(256);
    const first = () => readPacket(buffer.slice(0, reader.next(buffer))).tokens[0]!.token;
    deepEqual([first(), first()], [1, 3], "two names a packet");
    reader.repeatTokens();
    deepEqual([first(), first()], [1, 3], "again from the first");
  });

  it("go on with the tokens when asked once more before any record, so that records move", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    for (let count = 0; count < 10; count++) telemetry.messageType(`${count}`.padEnd(64, "x"));
    const buffer = new Uint8Array(256);
    const next = () => {
      const { stream, tokens } = readPacket(buffer.slice(0, reader.next(buffer)));
      reader.repeatTokens();
      return stream === 0 ? 0 : tokens[0]!.token;
    };
    for (let round = 1; round <= 3; round++) {
      telemetry.connect(1);
      const told: number[] = [];
      do told.push(next());
      while (told.at(-1) !== 0 && told.length < 20);
      deepEqual(told, round === 1 ? [1, 1, 3, 5, 7, 9, 0] : [1, 3, 5, 7, 9, 0], `round ${round}`);
    }
  });

  it("spread many tokens over packets of the buffer's size", () => {
    const telemetry = setUp(4096);
    const reader = telemetry.reader();
    const names: string[] = [];
    for (let count = 0; count < 64; count++) names.push(`${count}`.padEnd(64, "x"));
    for (const name of names) telemetry.messageType(name);
    telemetry.connect(1);
    const packets = drain(reader, 256);
    const tokens = packets.filter(({ stream }) => stream === 1).flatMap((packet) => packet.tokens);
    deepEqual(
      tokens.map(({ name }) => name),
      names,
      "names",
    );
    deepEqual(
      tokens.map(({ token }) => token),
      names.map((_, index) => index + 1),
      "tokens",
    );
  });

  it("fill a packet up to the buffer's size, 65,536 bytes at most, and leave the rest of the buffer alone", () => {
    for (const [bytes, records] of [
      [256, 10],
      [271, 10],
      [272, 11],
      [70_000, 4090],
    ] as const) {
      const telemetry = setUp(160_000);
      const reader = telemetry.reader();
      for (let id = 0; id < 9000; id++) telemetry.connect(id);
      const buffer = new Uint8Array(bytes).fill(0xaa);
      const length = reader.next(buffer);
      equal(readPacket(buffer.slice(0, length)).records.length, records, `records in ${bytes} bytes`);
      equal(
        buffer.slice(length).every((byte) => byte === 0xaa),
        true,
        "the rest is left alone",
      );
    }
  });

  it("write into a view anywhere in its buffer", () => {
    const telemetry = setUp();
    const reader = telemetry.reader();
    telemetry.connect(7, "a");
    const memory = new Uint8Array(1000).fill(0xaa);
    const length = reader.next(memory.subarray(13, 413));
    equal(readPacket(memory.slice(13, 13 + length)).records[0]!.clientId, 7, "clientId");
    equal(memory.filter((byte) => byte === 0xaa).length >= 1000 - length, true, "bytes outside");
    deepEqual([memory[12], memory[13 + length]], [0xaa, 0xaa], "neighbours");
  });

  it("refuse a buffer that is invalid or too small", () => {
    const reader = setUp().reader();
    throws(() => reader.next(undefined as unknown as Uint8Array), "TypeError", "buffer", "Uint8Array");
    for (const wrong of pretenders()) throws(() => reader.next(wrong as Uint8Array), "TypeError", "buffer");
    throws(() => reader.next(new Uint8Array(255)), "RangeError", "buffer", "256", "255");
  });

  it("under discard hold back what they have not read, the slowest of them decides", () => {
    const telemetry = setUp(256, "discard");
    for (let id = 0; id < 17; id++) telemetry.connect(id);
    equal(telemetry.counters().discarded, 1, "without a reader nothing is given up");
    const slow = telemetry.reader();
    const fast = telemetry.reader();
    drain(fast);
    telemetry.connect(17);
    equal(telemetry.counters().discarded, 2, "the slow reader holds");
    slow.close();
    telemetry.connect(18);
    equal(telemetry.counters().discarded, 2, "it is closed");
    deepEqual(ringCounters(fast.counters()), [19, 16, 0, 2, 1], "fast");
    const late = telemetry.reader();
    deepEqual(ringCounters(late.counters()), [19, 0, 2, 2, 15], "late");
    deepEqual(
      drain(late, 4096).flatMap(({ records, firstSeq }) => [firstSeq, records.length]),
      [2, 14, 16, 2],
      "what late reads",
    );
  });
});
