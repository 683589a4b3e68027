import { MAX_RECORD_SLOTS, RECORD_SLOTS } from "./generated/layout.ts";
import { RECORD_LOST, RECORD_TIME_JUMP, SLOT_BYTES, TIME_JUMP_MS, TWO_TO_32 } from "./packet-layout.ts";

const SLOT_WORDS = SLOT_BYTES / 4;

/** Where counting starts, so that tests reach what would take months. */
export interface RingStart {
  /** 0 <= eventSeq <= 2^53 - 1: the number of the first event. */
  readonly eventSeq: number;
  /** 0 <= uptimeMs <= 2^53 - 1: the time at the start; its low 32 bits are what the clock reads. */
  readonly uptimeMs: number;
}

/**
 * A ring of 16-byte slots that holds whole records, one writer, any number of readers with positions of their own.
 * A position counts slots since boot and never wraps; a record stands at `position % capacitySlots`, always in one
 * piece: one that begins near the end runs on into spare slots behind it.
 *
 * State lives in closure variables: on XS one costs a fifth of an object's field.
 */
export interface Ring {
  readonly capacitySlots: number;
  /** All slots, and the spare ones; four words a slot. */
  readonly words: Int32Array;
  /** The same memory. */
  readonly bytes: Uint8Array;
  /**
   * Counts an event, reads the clock, makes room, stores the time and returns the record's first word index;
   * the caller stores the other words. -1 if the event was refused, which is counted. Allocates nothing.
   */
  reserve(slots: number): number;
  /** Reads the clock and tells a pending loss if there is room; every reader calls it before it reads. */
  tick(): void;
  /** Position behind the newest record. */
  head(): number;
  /** Position of the oldest record. 0 <= tail <= head <= tail + capacitySlots */
  tail(): number;
  /** Number of the oldest event in the ring: all those evicted, and those refused whose record was evicted. */
  tailEventSeq(): number;
  /** Refused events whose _lost record was evicted. */
  evictedRefused(): number;
  /** Events so far, refused ones too. */
  eventSeq(): number;
  /** Events refused so far. */
  discarded(): number;
  /** Time in ms since boot at the last reading of the clock. */
  uptimeMs(): number;
  /** Position from which on all records share the upper 32 bits of time. */
  sameHighFrom(): number;
  /** Time in ms of the record at a position; costs a walk to the head if the position lies before sameHighFrom(). */
  timeAt(position: number): number;
  /** Time in ms from a record with this low half of time to the record at a word index, which follows it. */
  elapsedMs(previousLow: number, at: number): number;
  /** Word index of a position. */
  wordAt(position: number): number;
  /** Under "discard": nothing from here on may be evicted. */
  protect(position: number): void;
}

/** Unsigned 64-bit value at a word index; exact below 2^53. */
export function readU64(words: Int32Array, at: number): number {
  return (words[at + 1]! >>> 0) * TWO_TO_32 + (words[at]! >>> 0);
}

/** Stores an integer below 2^53 as an unsigned 64-bit value. */
export function writeU64(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = (value / TWO_TO_32) | 0;
}

/** Slots of a record type. */
export function slotsOf(type: number): number {
  return type < RECORD_SLOTS.length ? RECORD_SLOTS[type]! : 1;
}

/** Allocates the ring: 16 bytes a slot, and as many spare slots as the longest record has tail slots. */
export function createRing(capacitySlots: number, discard: boolean, clock: () => number, start: RingStart): Ring {
  const capacityWords = capacitySlots * SLOT_WORDS;
  const buffer = new ArrayBuffer((capacitySlots + MAX_RECORD_SLOTS - 1) * SLOT_BYTES);
  const words = new Int32Array(buffer);
  const bytes = new Uint8Array(buffer);

  let head = 0;
  let tail = 0;
  let used = 0; // head - tail, kept so that positions beyond 2^31 stay off the common path
  let headWord = 0; // 0 <= headWord < capacityWords
  let tailWord = 0;
  let protectedFrom = discard ? 0 : Number.POSITIVE_INFINITY;

  let eventSeq = start.eventSeq;
  let evictedEvents = start.eventSeq;
  let evictedRefused = 0;
  let discarded = 0;

  let low = start.uptimeMs | 0; // low half of the uptime: the clock's last reading
  let high = Math.floor(start.uptimeMs / TWO_TO_32);
  let recordHigh = high; // of the newest record
  let recordLow = low;
  let sameHighFrom = 0;
  // Both 0 unless `attention`: then the next record must first say what happened since the last one.
  let idleMs = 0; // from the newest record to the last reading of the clock
  let lostPending = 0; // refused events that no record tells of yet
  let attention = false;

  /** Reads the clock; returns the ms since the last reading. A clock that goes back is taken to stand still. */
  function advance(): number {
    const now = clock() | 0;
    const step = (now - low) | 0;
    if (step <= 0) return 0;
    if (low < 0 && now >= 0) high++;
    low = now;
    return step;
  }

  function makeRoom(slots: number): boolean {
    while (capacitySlots - used < slots) {
      if (tail >= protectedFrom) return false;
      const type = words[tailWord + 1]! & 0xff;
      const evicted = slotsOf(type);
      if (type === RECORD_LOST) evictedRefused += readU64(words, tailWord + 2);
      else if (type !== RECORD_TIME_JUMP) evictedEvents++;
      tail += evicted;
      used -= evicted;
      tailWord += evicted * SLOT_WORDS;
      if (tailWord >= capacityWords) tailWord -= capacityWords;
    }
    return true;
  }

  /** Takes slots that there is room for, stores the time, returns the first word index. */
  function take(slots: number): number {
    const at = headWord;
    if (high !== recordHigh) {
      recordHigh = high;
      sameHighFrom = head;
    }
    head += slots;
    used += slots;
    headWord = at + slots * SLOT_WORDS;
    if (headWord >= capacityWords) headWord -= capacityWords;
    recordLow = low;
    words[at] = low;
    return at;
  }

  /** Writes the internal records that must precede a record of `slots`; false, and nothing written, if there is no room. */
  function settle(slots: number): boolean {
    const jumped = idleMs >= TIME_JUMP_MS;
    if (!makeRoom(slots + (jumped ? 1 : 0) + (lostPending > 0 ? 1 : 0))) return false;
    if (jumped) {
      const at = take(1);
      words[at + 1] = RECORD_TIME_JUMP;
      writeU64(words, at + 2, idleMs);
    }
    if (lostPending > 0) {
      const at = take(1);
      words[at + 1] = RECORD_LOST;
      writeU64(words, at + 2, lostPending);
      lostPending = 0;
    }
    idleMs = 0;
    attention = false;
    return true;
  }

  function elapsedMs(previousLow: number, at: number): number {
    return (words[at + 1]! & 0xff) === RECORD_TIME_JUMP ? readU64(words, at + 2) : (words[at]! - previousLow) >>> 0;
  }

  function wordAt(position: number): number {
    return (position % capacitySlots) * SLOT_WORDS;
  }

  return {
    capacitySlots,
    words,
    bytes,
    reserve(slots) {
      eventSeq++;
      const step = advance();
      if (attention) {
        idleMs += step;
        if (!settle(slots)) {
          discarded++;
          lostPending++;
          return -1;
        }
      } else if (capacitySlots - used < slots && !makeRoom(slots)) {
        discarded++;
        lostPending = 1;
        idleMs = step;
        attention = true;
        return -1;
      }
      return take(slots);
    },
    tick() {
      const step = advance();
      idleMs += step;
      if (step > 0) attention = true;
      if (lostPending > 0) settle(0);
    },
    head: () => head,
    tail: () => tail,
    tailEventSeq: () => evictedEvents + evictedRefused,
    evictedRefused: () => evictedRefused,
    eventSeq: () => eventSeq,
    discarded: () => discarded,
    uptimeMs: () => high * TWO_TO_32 + (low >>> 0),
    sameHighFrom: () => sameHighFrom,
    timeAt(position) {
      let time = recordHigh * TWO_TO_32;
      if (position >= sameHighFrom) return time + (words[wordAt(position)]! >>> 0);
      time += recordLow >>> 0;
      let at = wordAt(position);
      let previousLow = words[at]!;
      for (;;) {
        position += slotsOf(words[at + 1]! & 0xff);
        if (position >= head) return time;
        at = wordAt(position);
        time -= elapsedMs(previousLow, at);
        previousLow = words[at]!;
      }
    },
    elapsedMs,
    wordAt,
    protect(position) {
      if (discard) protectedFrom = position;
    },
  };
}
