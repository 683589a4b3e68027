// The emitter started where a real device comes only after months: by its own settings, not those of Telemetry.
import { createEmitter } from "#emitter";
import type { Connection } from "../../src/ring/api.ts";
import { guardClock } from "../../src/ring/clock.ts";
import { setEnabled } from "../../src/ring/switch.ts";
import { deepEqual, equal } from "../support/assert.ts";
import { type PlainPacket, readPacket, ringCounters } from "../support/bytes.ts";

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
const LOST = 240;
const TIME_JUMP = 241;

function setUp({ slots = 64, discard = false, eventSeq = 0, uptimeMs = 0 } = {}) {
  const clock = { ms: uptimeMs };
  const emitter = createEmitter({
    capacitySlots: slots,
    discard,
    clock: guardClock({ now: () => clock.ms }, uptimeMs | 0),
    uptimeMs,
    eventSeq,
    bootId: 1,
    messageTypes: 0,
  });
  const connections = new Map<number, Connection>();
  /** A connection whose ws.connect is not recorded. */
  const connection = (id: number) => {
    let found = connections.get(id);
    if (!found) {
      setEnabled(false);
      found = emitter.connect(id, undefined);
      setEnabled(true);
      connections.set(id, found);
    }
    return found;
  };
  const newReader = (bufferBytes = 65536) => {
    const reader = emitter.reader();
    const drain = () => {
      const packets: PlainPacket[] = [];
      const buffer = new Uint8Array(bufferBytes);
      for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
        packets.push(readPacket(buffer.slice(0, length)));
      return packets;
    };
    return { reader, drain, records: () => drain().flatMap((packet) => packet.records) };
  };
  return {
    clock,
    newReader,
    emit: (id = 1) => connection(id).connected(),
    emitLong: () => connection(1).sent(0, "x".repeat(100)),
  };
}

describe("time", () => {
  for (const start of [TWO_31 - 2, TWO_32 - 2, 3 * TWO_32 - 2, 2 ** 52 - 2]) {
    it(`is exact across ${start + 2} ms, and packets end where its upper half changes`, () => {
      const { clock, emit, newReader } = setUp({ uptimeMs: start });
      const reader = newReader();
      const times: number[] = [];
      for (let count = 0; count < 5; count++) {
        emit();
        times.push(clock.ms);
        clock.ms++;
      }
      const packets = reader.drain();
      deepEqual(
        packets.flatMap(({ records }) => records).map(({ time }) => time),
        times,
        "times",
      );
      for (const { begin, end, records } of packets)
        deepEqual([records[0]!.time, records.at(-1)!.time], [begin, end], "begin and end");
      equal(packets.length, start === TWO_31 - 2 ? 1 : 2, "packets");
    });
  }

  it("is exact over several wraps while idle, if draining reads the clock once in 24 days", () => {
    const { clock, emit, newReader } = setUp();
    const reader = newReader();
    emit();
    const day = 86_400_000;
    for (let days = 0; days < 200; days += 24) {
      clock.ms += 24 * day;
      reader.drain();
    }
    emit();
    const jump = 9 * 24 * day;
    clock.ms += 5;
    emit();
    const packets = reader.drain();
    deepEqual(
      packets.map(({ begin, end, firstSeq, records }) => [begin, end, firstSeq, ...records.map(({ type }) => type)]),
      [[jump, jump + 5, 1, TIME_JUMP, 3, 3]],
      "packets",
    );
    equal(packets[0]!.records[0]!.u64, jump, "elapsed");
  });

  it("keeps records months apart exact that wait in the ring for their reader", () => {
    const { clock, emit, newReader } = setUp();
    const ticking = newReader();
    const times: number[] = [];
    const steps = [1, TWO_31 - 1, TWO_31, TWO_31 - 1, TWO_32, 5, 3 * TWO_32 + 7, TWO_31 - 1, TWO_31 - 1, TWO_31 - 1, 0];
    for (const step of steps) {
      for (let left = step; left > 0; left -= TWO_31 - 1) {
        clock.ms += Math.min(left, TWO_31 - 1);
        if (left > TWO_31 - 1) ticking.reader.next(new Uint8Array(256));
      }
      emit();
      times.push(clock.ms);
    }
    const late = newReader();
    const events = late.records().filter(({ type }) => type !== TIME_JUMP);
    deepEqual(
      events.map(({ time }) => time),
      times,
      "times",
    );
  });

  it("marks a jump of 2^31 ms, and none that is shorter", () => {
    for (const [elapsed, types] of [
      [TWO_31 - 1, [3, 3]],
      [TWO_31, [3, TIME_JUMP, 3]],
    ] as const) {
      const { clock, emit, newReader } = setUp();
      const reader = newReader();
      emit();
      clock.ms = 1000;
      reader.reader.next(new Uint8Array(256)); // reads the clock, and the first record
      clock.ms = elapsed;
      emit();
      const rest = reader.records().map(({ type }) => type);
      deepEqual([3, ...rest], types, `types after ${elapsed} ms`);
    }
  });

  it("is exact for a reader that was overtaken around a change of the upper half", () => {
    for (let before = 0; before < 40; before++) {
      const { clock, emit, newReader } = setUp({ slots: 16, uptimeMs: TWO_32 - 20 });
      const reader = newReader(256);
      const times: number[] = [];
      for (let count = 0; count < before; count++) {
        emit();
        times.push(clock.ms++);
        if (count === 3) reader.reader.next(new Uint8Array(256));
      }
      const seen = reader.records().map(({ time }) => time);
      deepEqual(seen, times.slice(times.length - seen.length), `times after ${before} events`);
    }
  });

  it("stands still with the clock, and when the clock goes back", () => {
    const { clock, emit, newReader } = setUp({ uptimeMs: 500 });
    const reader = newReader();
    for (const ms of [500, 500, 400, 100, 501]) {
      clock.ms = ms;
      emit();
    }
    deepEqual(
      reader.records().map(({ time }) => time),
      [500, 500, 500, 500, 501],
      "times",
    );
  });
});

describe("event numbers", () => {
  it("are exact beyond 2^32", () => {
    for (const start of [TWO_32 - 3, 2 ** 52]) {
      const { emit, newReader } = setUp({ eventSeq: start });
      const reader = newReader();
      for (let count = 0; count < 6; count++) emit();
      const [packet] = reader.drain();
      deepEqual(
        [packet!.firstSeq, packet!.records.length, packet!.discarded],
        [start, 6, start],
        "first number, events, lost before",
      );
    }
  });
});

describe("a full ring", () => {
  it("gives up the oldest records under overwrite, and reports to each reader how many it missed", () => {
    const { emit, newReader } = setUp({ slots: 16 });
    const reader = newReader();
    for (let count = 0; count < 20; count++) emit(count);
    deepEqual(ringCounters(reader.reader.counters()), [20, 0, 4, 0, 16], "counters");
    const packets = reader.drain();
    deepEqual(
      packets.map(({ firstSeq, discarded }) => [firstSeq, discarded]),
      [
        [4, 4],
        [16, 4],
      ],
      "packets, cut at the ring's end",
    );
    deepEqual(
      packets.flatMap(({ records }) => records).map(({ clientId }) => clientId),
      [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
      "events",
    );
  });

  it("refuses events under discard, and says at their place how many", () => {
    const { clock, emit, newReader } = setUp({ slots: 16, discard: true });
    const { reader } = newReader();
    const other = newReader();
    const next = (bytes: number) => {
      const buffer = new Uint8Array(bytes);
      return readPacket(buffer.slice(0, reader.next(buffer)));
    };
    for (let count = 0; count < 20; count++) emit(count);
    deepEqual(ringCounters(reader.counters()), [20, 0, 0, 4, 16], "counters");
    const first = next(256);
    deepEqual([first.firstSeq, first.records.length, first.discarded], [0, 10, 0], "what was stored");
    emit(20);
    equal(reader.counters().discarded, 5, "refused while the slower reader holds everything back");
    other.reader.close();
    clock.ms += 10;
    emit(21);
    const rest = next(65536);
    deepEqual([rest.firstSeq, rest.records.length, rest.discarded], [10, 6, 0], "up to the ring's end");
    const last = next(65536);
    deepEqual(
      last.records.map(({ type, time }) => [type, time]),
      [
        [LOST, 10],
        [3, 10],
      ],
      "the loss and the event behind it",
    );
    deepEqual(
      [last.firstSeq, last.discarded, last.records[0]!.u64, last.records[1]!.clientId],
      [16, 5, 5, 21],
      "numbers",
    );
    deepEqual(ringCounters(reader.counters()), [22, 17, 0, 5, 0], "counters");
  });

  it("under discard gives up what the reader has read, and nothing of what it has not", () => {
    for (const read of [256, 272, 288]) {
      const { emit, newReader } = setUp({ slots: 16, discard: true });
      const { reader, records } = newReader();
      for (let count = 0; count < 16; count++) emit(count);
      reader.next(new Uint8Array(read));
      const { drained } = reader.counters();
      for (let count = 16; count < 40; count++) emit(count);
      deepEqual(ringCounters(reader.counters()), [40, drained, 0, 24 - drained, 16], "counters");
      const ids = records()
        .filter(({ type }) => type !== LOST)
        .map(({ clientId }) => clientId);
      equal(ids.length, 16, "events");
      deepEqual(
        ids,
        ids.map((_, index) => drained + index),
        `events after ${drained}`,
      );
    }
  });

  it("reports a loss at the very end when it is drained, without another event", () => {
    const { emit, newReader } = setUp({ slots: 16, discard: true });
    const reader = newReader();
    for (let count = 0; count < 19; count++) emit(count);
    const [stored, loss, ...more] = reader.drain();
    deepEqual([stored!.firstSeq, stored!.discarded, stored!.records.length], [0, 0, 16], "what was stored");
    deepEqual(
      [loss!.firstSeq, loss!.discarded, loss!.records.length, loss!.records[0]!.type, loss!.records[0]!.u64],
      [16, 3, 1, LOST, 3],
      "the loss",
    );
    equal(more.length, 0, "further packets");
    emit();
    equal(reader.drain()[0]!.firstSeq, 19, "the next event's number");
  });

  it("keeps a long record that runs past the ring's end in one piece", () => {
    for (let shift = 0; shift < 16; shift++) {
      const { emit, emitLong, newReader } = setUp({ slots: 16 });
      const reader = newReader();
      for (let count = 0; count < shift; count++) emit();
      reader.drain();
      emitLong();
      emit(77);
      const records = reader.records();
      deepEqual(
        records.map(({ type }) => type),
        [8, 3],
        `types after ${shift} slots`,
      );
      equal(records[1]!.clientId, 77, "the record behind it");
    }
  });
});
