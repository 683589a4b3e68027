import type { Counters, Reader } from "./api.ts";
import { RECORD_TIME_JUMP, SLOT_BYTES, TWO_TO_32 } from "./packet-layout.ts";

/** What the emitter counts for all readers together. */
export type CallCounters = Pick<Counters, "suppressed" | "invalidArguments" | "unlistedTypes">;

export interface RingReader extends Reader {
  /** 0 <= position <= head; below tail if records were overwritten that it has not read. */
  position(): number;
}

/** What a ring needs to know of a registry. */
export interface Layout {
  /** The registry's fingerprint: the 16 bytes of a packet's uuid as four little-endian words, as int32. */
  readonly fingerprint: readonly number[];
  /** Slots of each record type, by id; ids beyond the end, including the format's own, have one. */
  readonly recordSlots: readonly number[];
}

/**
 * What readers see of a ring of 16-byte slots that holds whole records: one writer, any number of readers with their
 * own positions. A position counts slots since boot and never wraps. A record is at `position % capacitySlots`, always
 * in one piece: one that begins near the end continues into spare slots after it.
 *
 * The figures are those of the last tick() or settle(), and hold until the next event. They are fields, not functions,
 * because on XS a call costs as much as two of them.
 */
export interface Ring {
  readonly layout: Layout;
  readonly capacitySlots: number;
  /** All slots, including the spare ones; four words per slot. */
  readonly words: Int32Array;
  /** Position after the newest record. */
  head: number;
  /** Position of the oldest record. 0 <= tail <= head <= tail + capacitySlots */
  tail: number;
  evictedEvents: number;
  /** Refused events whose _lost record was evicted. */
  evictedRefused: number;
  /** From this position on each record is an event of one slot. */
  plainFrom: number;
  /** From this position on all records share the upper 32 bits of time. */
  sameHighFrom: number;
  /** Those bits, as time in ms. */
  highMs: number;
  /**
   * Reads the clock, reports a pending loss if there is room, and updates the figures. Every reader calls it before it
   * reads.
   */
  tick(): void;
  /** Updates the figures. */
  settle(): void;
  /** Events so far, including refused ones. */
  eventSeq(): number;
  /** Events refused so far. */
  discarded(): number;
  /** Time in ms since boot at the last reading of the clock. */
  nowMs(): number;
  /** Time in ms since boot of the newest record. */
  newestMs(): number;
  /** Call it when a reader's position has changed. */
  moved(): void;
  closed(reader: RingReader): void;
  /** What is counted for all readers together. */
  calls(): CallCounters;
}

/** Reads an unsigned 64-bit value at a word index; exact below 2^53. */
export function readU64(words: Int32Array, at: number): number {
  return (words[at + 1]! >>> 0) * TWO_TO_32 + (words[at]! >>> 0);
}

/** Stores an integer below 2^53 as an unsigned 64-bit value. */
export function writeU64(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = value < TWO_TO_32 ? 0 : (value / TWO_TO_32) | 0;
}

/** Word index of a position. */
export function wordAt(ring: Ring, position: number): number {
  return (position % ring.capacitySlots) * (SLOT_BYTES / 4);
}

/** Time in ms from the record with this low half of its time to the record at a word index, which follows it. */
export function elapsedMs(words: Int32Array, previousLow: number, word: number): number {
  return (words[word + 1]! & 0xff) === RECORD_TIME_JUMP ? readU64(words, word + 2) : (words[word]! - previousLow) >>> 0;
}

/** Time in ms of the record at a position; costs a walk to the head if the position is before sameHighFrom. */
export function timeAt(ring: Ring, position: number): number {
  const words = ring.words;
  const recordSlots = ring.layout.recordSlots;
  let word = wordAt(ring, position);
  let previousLow = words[word]!;
  if (position >= ring.sameHighFrom) return ring.highMs + (previousLow >>> 0);
  let time = ring.newestMs();
  for (;;) {
    position += recordSlots[words[word + 1]! & 0xff] ?? 1;
    if (position >= ring.head) return time;
    word = wordAt(ring, position);
    time -= elapsedMs(words, previousLow, word);
    previousLow = words[word]!;
  }
}
