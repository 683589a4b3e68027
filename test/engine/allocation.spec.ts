// Runs inside XS only: what calls take from the engine's heaps, by the engine's own counters.
import { type Connection, type Policy, Reason, Telemetry } from "xs-telemetry";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";

declare const heap: {
  slots(): number;
  chunkBytes(): number;
  collections(): number;
  readonly slotBytes: number;
};
declare const gc: () => void;

const CALLS = 10_000;
/** Of calls that do allocate: few enough to need no collection. */
const FEW_CALLS = 1_000;

interface Allocation {
  /** Bytes on the slot heap and on the chunk heap for each call, and collections in all. */
  slotBytes: number;
  chunkBytes: number;
  collections: number;
}

/** What so many calls allocate; the first call, which may set something up, is made before. */
function allocationOf(call: () => void, calls = CALLS): Allocation {
  call();
  gc();
  const collections = heap.collections();
  const slots = heap.slots();
  const chunkBytes = heap.chunkBytes();
  for (let count = 0; count < calls; count++) call();
  const chunkBytesAfter = heap.chunkBytes();
  const slotsAfter = heap.slots();
  return {
    slotBytes: ((slotsAfter - slots) * heap.slotBytes) / calls,
    chunkBytes: (chunkBytesAfter - chunkBytes) / calls,
    collections: heap.collections() - collections,
  };
}

const NOTHING: Allocation = { slotBytes: 0, chunkBytes: 0, collections: 0 };
let held: unknown;

function setUp(policy: Policy): { connection: Connection; token: number; telemetry: Telemetry } {
  // The platform's clock, as shipped; a small ring, so that it is full nearly all the time.
  const telemetry = new Telemetry({ capacityBytes: 1024, policy });
  return { telemetry, connection: telemetry.connect(1, "10.0.0.1"), token: telemetry.messageType("getStatus") };
}

describe("allocation", () => {
  it("is seen by the check if a call allocates a single slot", () => {
    const numbers = [1];
    const found = allocationOf(() => {
      held = numbers[Symbol.iterator];
    });
    deepEqual(found, NOTHING, "a call that allocates nothing");
    const one = allocationOf(() => {
      held = {};
    }, FEW_CALLS);
    equal(one.slotBytes / heap.slotBytes, 1, "slots of an empty object");
    throws(
      () => deepEqual(one, NOTHING, "a call that allocates one slot"),
      "Error",
      "slotBytes",
      String(heap.slotBytes),
    );
    ok(held, "held");
  });

  for (const policy of ["overwrite", "discard"] as const) {
    describe(`of calls with a token and no payload, ${policy}`, () => {
      const { connection, token } = setUp(policy);
      const calls: Record<string, () => void> = {
        connected: () => connection.connected(),
        received: () => connection.received(token),
        rejected: () => connection.rejected(Reason.rateLimit, token),
        sent: () => connection.sent(token),
        disconnected: () => connection.disconnected(),
      };
      for (const [name, call] of Object.entries(calls))
        it(`${name}: 0 bytes, no collection`, () => deepEqual(allocationOf(call), NOTHING, name));
    });
  }

  it("of a message type that is known, or refused by a full table: 0 bytes", () => {
    const telemetry = new Telemetry({ capacityBytes: 1024, messageTypes: 1 });
    telemetry.messageType("a");
    deepEqual(
      allocationOf(() => telemetry.messageType("a")),
      NOTHING,
      "known",
    );
    deepEqual(
      allocationOf(() => telemetry.messageType("b")),
      NOTHING,
      "refused",
    );
  });

  it("of draining an empty ring: 0 bytes", () => {
    const { telemetry } = setUp("overwrite");
    const reader = telemetry.reader();
    const buffer = new Uint8Array(1024);
    while (reader.next(buffer) > 0);
    deepEqual(
      allocationOf(() => reader.next(buffer)),
      NOTHING,
      "next",
    );
  });

  it("of a packet: one view", () => {
    const { telemetry, connection, token } = setUp("overwrite");
    const reader = telemetry.reader();
    const buffer = new Uint8Array(1024);
    while (reader.next(buffer) > 0);
    const found = allocationOf(() => {
      connection.received(token);
      reader.next(buffer);
    }, FEW_CALLS);
    const view = allocationOf(() => {
      held = buffer.subarray(1, 2);
    }, FEW_CALLS);
    // Every 64th packet is followed by one of tokens.
    ok(
      found.slotBytes >= view.slotBytes && found.slotBytes < view.slotBytes * 1.1,
      `slot bytes ${found.slotBytes}, a view's ${view.slotBytes}`,
    );
    equal(found.collections, 0, "collections");
  });

  // The floor from TypeScript: the object that encodeInto returns, three slots. docs/design.md states these figures.
  const texts: Record<string, string> = {
    "20 characters": "x".repeat(20),
    "100 characters": "x".repeat(100),
    "100 with é": "é".repeat(100),
    "20 with NUL": "a\0".repeat(10),
  };
  for (const [name, text] of Object.entries(texts)) {
    it(`of a payload of ${name}: 3 slots`, () => {
      const { connection, token } = setUp("overwrite");
      deepEqual(
        allocationOf(() => connection.received(token, text), FEW_CALLS),
        { ...NOTHING, slotBytes: 3 * heap.slotBytes },
        "received",
      );
      deepEqual(
        allocationOf(() => connection.sent(token, text), FEW_CALLS),
        { ...NOTHING, slotBytes: 3 * heap.slotBytes },
        "sent",
      );
    });
  }

  it("of a payload of bytes: 0 bytes", () => {
    const { connection, token } = setUp("overwrite");
    const bytes = new Uint8Array(100).fill(0x61);
    deepEqual(
      allocationOf(() => connection.received(token, bytes)),
      NOTHING,
      "received",
    );
  });
});
