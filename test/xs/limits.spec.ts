// Limits: a flood of messages is thinned, counted, and told where it was; what explains it stays.
import { type Connection, Reason, setEnabled, Telemetry } from "xs-telemetry";
import { deepEqual, equal, ok, random, throws } from "../support/assert.ts";
import { type PlainRecord, readPacket } from "../support/bytes.ts";
import { ran, rounds, seedFor } from "../support/campaign.ts";

const SUPPRESSED = 243;

function setUp(limits: { messagesPerSecond: number; burst: number } | undefined, capacityBytes = 4096) {
  const clock = { ms: 1000, now: () => clock.ms };
  const telemetry = new Telemetry({ capacityBytes, bootId: 9, clock, ...(limits && { limits }) });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(4096);
  const records = (): PlainRecord[] => {
    const found: PlainRecord[] = [];
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
      found.push(...readPacket(buffer.slice(0, length)).records);
    return found;
  };
  return { clock, telemetry, reader, records };
}

/** Record types, with the count of those that tell one. */
const told = (records: readonly PlainRecord[]) =>
  records.map(({ type, u64 }) => (type === SUPPRESSED ? `${u64} suppressed` : type));

describe("limits", () => {
  it("let a burst through, then a number per second; the rest is counted, and reported before the next record", () => {
    const { clock, telemetry, records, reader } = setUp({ messagesPerSecond: 2, burst: 3 });
    const type = telemetry.messageType("a");
    const connection = telemetry.connect(1);
    for (let count = 0; count < 10; count++) connection.received(type);
    deepEqual(told(records()), [1, 5, 5, 5, "7 suppressed"], "told to a reader that has read all");
    clock.ms += 499;
    connection.sent(type);
    clock.ms += 1;
    connection.sent(type, "text");
    connection.disconnected();
    deepEqual(told(records()), ["1 suppressed", 8, 4]);
    clock.ms += 1_000_000;
    for (let count = 0; count < 5; count++) connection.received(type);
    connection.connected();
    deepEqual(told(records()), [5, 5, 5, "2 suppressed", 3], "no more than the burst, however long it was quiet");
    const { emitted, drained, pending, suppressed } = reader.counters();
    deepEqual([emitted, drained, pending, suppressed], [10, 10, 0, 10], "what was not emitted is in no other counter");
  });

  it("are for messages that are accepted or sent, and nothing else", () => {
    const { telemetry, records } = setUp({ messagesPerSecond: 1, burst: 1 });
    const connections: Connection[] = [];
    for (let count = 0; count < 5; count++) {
      const connection = telemetry.connect(count);
      connection.connected();
      connection.rejected(Reason.rateLimit, 0);
      connection.rejected(Reason.sizeLimit, 0, "text");
      connection.disconnected(1008);
      connections.push(connection);
    }
    equal(records().length, 25);
    equal(telemetry.counters().suppressed, 0);
  });

  it("take an answer as two messages, of which the first may be the last that is recorded", () => {
    const { telemetry, records } = setUp({ messagesPerSecond: 1, burst: 3 });
    const connection = telemetry.connect(1);
    for (let count = 0; count < 3; count++) connection.answered(0, 0);
    deepEqual(told(records()), [1, 5, 7, 5, "3 suppressed"]);
  });

  it("count only calls while telemetry is off, and do not report them", () => {
    const { telemetry, records } = setUp({ messagesPerSecond: 1, burst: 1 });
    const connection = telemetry.connect(1);
    setEnabled(false);
    for (let count = 0; count < 3; count++) connection.answered(0, 0);
    setEnabled(true);
    connection.received(0);
    connection.received(0);
    deepEqual(told(records()), [1, 5, "1 suppressed"]);
    equal(telemetry.counters().suppressed, 7);
  });

  it("are reported like losses: also when the ring is full, in packets of any size, and over wraps of the clock", () => {
    const clock = { ms: 0x7fff_fff0, now: () => clock.ms | 0 };
    const limits = { messagesPerSecond: 1000, burst: 1 };
    const telemetry = new Telemetry({ capacityBytes: 256, policy: "discard", bootId: 1, clock, limits });
    const reader = telemetry.reader();
    const buffer = new Uint8Array(256);
    const connection = telemetry.connect(1);
    let suppressed = 0;
    let lost = 0;
    let events = 0;
    const read = (): boolean => {
      const length = reader.next(buffer);
      if (length === 0) return false;
      for (const { type, u64 } of readPacket(buffer.slice(0, length)).records)
        if (type === SUPPRESSED) suppressed += u64;
        else if (type === 240) lost += u64;
        else events++;
      return true;
    };
    for (let step = 0; step < 500; step++) {
      clock.ms += step % 3;
      connection.received(0);
      connection.received(0, "some text that takes two slots");
      if (step % 7 === 0) connection.connected();
      if (step % 20 === 0) read();
    }
    while (read());
    const counters = reader.counters();
    equal(suppressed, counters.suppressed, "each is told once");
    equal(lost, counters.discarded);
    equal(events, counters.drained);
    ok(suppressed > 400 && lost > 50, `${suppressed} suppressed, ${lost} lost`);
  });

  it("guarantee a history: burst + rate x seconds messages with a slot more each, and a slot more for each other event", () => {
    let kept = 0;
    const scenes = rounds(2000, 60);
    for (let scene = 0; scene < scenes; scene++) {
      const { below, pick } = random(seedFor(scene));
      const limits = { messagesPerSecond: 1 + below(50), burst: 1 + below(20) };
      const texts = [undefined, "x".repeat(1 + below(100))];
      const messageSlots = 1 + Math.ceil(texts[1]!.length / 16);
      const capacitySlots = 100 + below(2000);
      const others = 1 + below(20); // in the history, connects without an address: one slot each
      // docs/design.md
      const seconds = ((capacitySlots - 2 * others) / (messageSlots + 1) - limits.burst) / limits.messagesPerSecond;
      if (seconds <= 0) continue;
      const { clock, telemetry, records } = setUp(limits, capacitySlots * 16);
      const connection = telemetry.connect(1);
      for (let count = 0; count < 3 * capacitySlots; count++) connection.received(0, texts[1]);
      clock.ms += below(100_000);
      // The evidence, a flood around it, and as much time as the ring is to look back.
      const evidence: number[] = [];
      const endMs = clock.ms + Math.floor(seconds * 1000);
      for (let count = 0; count < others; count++) {
        evidence.push(100 + count);
        telemetry.connect(100 + count);
        for (let messages = below(40); messages > 0; messages--) connection.received(0, texts[1]);
      }
      while (clock.ms < endMs) {
        clock.ms = Math.min(endMs, clock.ms + 1 + below(pick([2, 30, 2000])));
        for (let messages = 1 + below(30); messages > 0; messages--) connection.sent(0, texts[1]);
      }
      const found = new Set(records().map(({ clientId, type }) => (type === 1 ? clientId : -1)));
      for (const id of evidence) ok(found.has(id), `scene ${scene}: connect ${id} is gone`);
      kept += evidence.length;
    }
    ok(kept > scenes, `${kept} events kept`);
    ran("histories that limits guarantee", scenes);
    // Without limits the same is gone.
    const { telemetry, records } = setUp(undefined, 1600);
    const connection = telemetry.connect(100);
    for (let count = 0; count < 200; count++) connection.received(0);
    ok(!records().some(({ type }) => type === 1), "without limits");
  });

  it("are whole numbers from 1 to a million, and nothing else is taken", () => {
    const make = (limits: unknown) => () => new Telemetry({ capacityBytes: 256, limits: limits as never });
    for (const wrong of [0, -1, 1.5, 1_000_001, Number.NaN]) {
      throws(make({ messagesPerSecond: wrong, burst: 1 }), "RangeError");
      throws(make({ messagesPerSecond: 1, burst: wrong }), "RangeError");
    }
    for (const wrong of [null, 5, {}, { messagesPerSecond: 1 }, { messagesPerSecond: 1, burst: 1, more: 1 }])
      throws(make(wrong), "TypeError");
  });
});
