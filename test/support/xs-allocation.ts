// Inside XS only: what calls take from the engine's heaps, by the engine's own counters.
import { ran, rounds } from "./campaign.ts";

declare const heap: {
  slots(): number;
  chunkBytes(): number;
  collections(): number;
  readonly slotBytes: number;
};
declare const gc: () => void;

export const CALLS = rounds(40_000, 10_000);
/** For calls that do allocate: few enough to need no collection. */
export const FEW_CALLS = rounds(4_000, 1_000);

export interface Allocation {
  /** Bytes on the slot heap and on the chunk heap for each call, and collections in all. */
  slotBytes: number;
  chunkBytes: number;
  collections: number;
}

/** What this many calls allocate, not counting a first call, which may set something up. */
export function allocationOf(call: () => void, calls = CALLS): Allocation {
  call();
  gc();
  const collections = heap.collections();
  const slots = heap.slots();
  const chunkBytes = heap.chunkBytes();
  for (let count = 0; count < calls; count++) call();
  const chunkBytesAfter = heap.chunkBytes();
  const slotsAfter = heap.slots();
  const collectionsAfter = heap.collections();
  ran("calls whose allocations are counted", calls);
  return {
    slotBytes: ((slotsAfter - slots) * heap.slotBytes) / calls,
    chunkBytes: (chunkBytesAfter - chunkBytes) / calls,
    collections: collectionsAfter - collections,
  };
}

export const NOTHING: Allocation = { slotBytes: 0, chunkBytes: 0, collections: 0 };

/** Bytes of a slot: 16 on a 32-bit device. */
export const slotBytes = heap.slotBytes;
