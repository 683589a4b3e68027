// An incident: what was before it and so much of what came after stays in the ring until somebody has read it.
import { setEnabled, Telemetry } from "xs-telemetry";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { readPacket, ringCounters } from "../support/bytes.ts";

function setUp(options: Partial<ConstructorParameters<typeof Telemetry>[0]> = {}) {
  const clock = { ms: 1000, now: () => clock.ms | 0 };
  const telemetry = new Telemetry({ capacityBytes: 512, bootId: 9, clock, ...options });
  const records = (reader = telemetry.reader()) => {
    const buffer = new Uint8Array(4096);
    const found: { type: number; clientId: number; u64: number }[] = [];
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
      found.push(...readPacket(buffer.slice(0, length)).records);
    return found;
  };
  return { clock, telemetry, records };
}

describe("a ring that is frozen", () => {
  it("keeps what came before and N more events, whatever comes; refused events are counted, and reported afterwards", () => {
    const { telemetry, records } = setUp();
    for (let id = 0; id < 100; id++) telemetry.connect(id);
    telemetry.freeze(12);
    for (let id = 100; id < 1000; id++) telemetry.connect(id);
    const ids = (found: readonly { clientId: number }[]) => found.map(({ clientId }) => clientId);
    const incident: number[] = [];
    for (let id = 80; id < 112; id++) incident.push(id);
    deepEqual(ids(records()), incident, "20 before, 12 after");
    deepEqual(ids(records()), incident, "to another reader, and nothing was written meanwhile");
    deepEqual(ringCounters(telemetry.counters()), [1000, 32, 80, 888, 0], "identity");
    telemetry.thaw();
    telemetry.connect(1000);
    const after = records();
    deepEqual(
      after.slice(-2).map(({ type, clientId, u64 }) => (type === 240 ? `${u64} lost` : clientId)),
      ["888 lost", 1000],
    );
    equal(after.length, 32);
  });

  it("reports refused events to the next drain, too, once it is thawed", () => {
    const { telemetry, records } = setUp();
    const reader = telemetry.reader();
    telemetry.freeze(0);
    for (let count = 0; count < 5; count++) telemetry.connect(1);
    equal(records(reader).length, 0);
    telemetry.thaw();
    deepEqual(
      records(reader).map(({ type, u64 }) => [type, u64]),
      [[240, 5]],
    );
    deepEqual(ringCounters(reader.counters()), [5, 0, 0, 5, 0]);
  });

  it("keeps the first incident: freezing again changes nothing", () => {
    const { telemetry } = setUp();
    telemetry.freeze(3);
    telemetry.connect(1);
    telemetry.freeze(1000);
    for (let count = 0; count < 5; count++) telemetry.connect(2);
    equal(telemetry.counters().discarded, 3);
    telemetry.thaw();
    telemetry.thaw();
    telemetry.freeze(1);
    for (let count = 0; count < 5; count++) telemetry.connect(2);
    equal(telemetry.counters().discarded, 7, "a new one after thaw()");
  });

  it("refuses every kind of call, under either policy, with and without limits, and while it is off none", () => {
    for (const policy of ["overwrite", "discard"] as const)
      for (const limits of [undefined, { messagesPerSecond: 1, burst: 2 }]) {
        const { telemetry } = setUp({ policy, ...(limits && { limits }) });
        const connection = telemetry.connect(1);
        telemetry.freeze(0);
        connection.connected();
        connection.received(0);
        connection.sent(0, "text");
        connection.answered(0, 0);
        connection.rejected(1, 0, new Uint8Array(50));
        connection.disconnected(1000);
        telemetry.connect(2, "192.168.0.1");
        setEnabled(false);
        connection.connected();
        setEnabled(true);
        const { emitted, discarded, suppressed, pending } = telemetry.counters();
        deepEqual([emitted, discarded, suppressed, pending], limits ? [7, 6, 3, 1] : [9, 8, 1, 1]);
      }
  });

  it("brings an invalid count into range, and counts it", () => {
    for (const [count, more] of [
      [-1, 0],
      [Number.NaN, 0],
      [2.9, 2],
      ["5", 0],
      [undefined, 0],
      [Number.POSITIVE_INFINITY, 8],
    ] as const) {
      const { telemetry } = setUp();
      telemetry.freeze(count as number);
      for (let each = 0; each < 8; each++) telemetry.connect(1);
      const { discarded, invalidArguments } = telemetry.counters();
      deepEqual([discarded, invalidArguments], [8 - more, 1], String(count));
    }
    ok(true, "nothing was thrown");
  });
});
