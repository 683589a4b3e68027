// Runs inside XS only: what the flash store takes from the engine's heaps.
import { type Flash, FlashStore } from "xs-telemetry/flash";
import { deepEqual } from "../support/assert.ts";
import { packetOf } from "../support/flash-scenario.ts";
import { allocationOf, FEW_CALLS, NOTHING, slotBytes } from "../support/xs-allocation.ts";

/** Flash whose calls allocate nothing. */
function quietFlash(blockLength: number, blocks: number): Flash {
  const bytes = new Uint8Array(blockLength * blocks).fill(0xff);
  const status = { blockLength, blocks };
  return {
    read(buffer, at) {
      for (let index = 0; index < buffer.length; index++) buffer[index] = bytes[at + index]!;
    },
    write(buffer, at) {
      for (let index = 0; index < buffer.length; index++) bytes[at + index] = buffer[index]!;
    },
    eraseBlock(start, end) {
      for (let at = start * blockLength; at < end * blockLength; at++) bytes[at] = 0xff;
    },
    status: () => status,
  };
}

describe("allocation of the flash store", () => {
  // Blocks are begun, given up and marked in between.
  const store = new FlashStore({ flash: quietFlash(512, 4), maxPacketBytes: 256 });
  const packet = packetOf(1, 100);
  const buffer = new Uint8Array(256);
  const ONE_VIEW = { ...NOTHING, slotBytes: 4 * slotBytes };

  it("of a packet written: the view that the flash's write takes, 64 bytes", () => {
    deepEqual(
      allocationOf(() => store.write(packet, 100), FEW_CALLS),
      ONE_VIEW,
      "write",
    );
  });

  it("of a packet written and read: the same", () => {
    const call = () => {
      store.write(packet, 100);
      store.next(buffer);
    };
    deepEqual(allocationOf(call, FEW_CALLS), ONE_VIEW, "write and next");
  });

  it("of nothing to read: 0 bytes", () => {
    while (store.next(buffer) > 0);
    deepEqual(
      allocationOf(() => store.next(buffer)),
      NOTHING,
      "next",
    );
  });
});
