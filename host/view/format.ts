/**
 * What a page holds of a recording: its events as columns, in blocks, and what is known of all of them once the last one has been read.
 * Columns are bytes, gzipped as one stream; `view` writes it while it reads, and so does not hold a recording.
 */

/** Columns that every event has: its kind, its boot, the time and number as differences from the boot's event before. */
export const KIND = 0;
export const BOOT = 1;
export const TIME = 2;
export const SEQUENCE = 3;
export const FIRST_ATTRIBUTE = 4;

/** A number as so many bytes of seven bits, the last one below 128. 0: there is none. 1: it comes after this byte, in 8 bytes. Else it is zigzag, and 2 more. */
export const ABSENT = 0;
export const WIDE = 1;
export const NARROW = 2;
/** Up to here numbers are narrow: twice as much is still exact. */
export const MOST_NARROW = 2 ** 50;

export interface PageAttribute {
  readonly key: string;
  /** word: one of PageMeta.words. text: its length is in this column, and its UTF-8 in the next one. */
  readonly type: "int" | "double" | "word" | "text";
  readonly column: number;
  /** Of all texts. */
  bytes: number;
  /** Every event of the kind has it, a whole number from 0 to 2^32 - 1. */
  isSmall: boolean;
}

/** An event of a registry. */
export interface PageKind {
  readonly name: string;
  readonly schemaVersion: string;
  readonly step: "begin" | "end" | "other" | null;
  readonly way: "received" | "sent" | null;
  /** Keys of attributes: who a connection belongs to, its number, and so on. */
  readonly owner: string | null;
  readonly number: string | null;
  readonly messageType: string | null;
  readonly reason: string | null;
  readonly result: string | null;
  /** Numbers that are drawn as series. */
  readonly series: readonly string[];
  readonly attributes: readonly PageAttribute[];
  count: number;
}

export interface PageBoot {
  readonly device: string | null;
  readonly boot: number | null;
  readonly bootId: string | null;
  readonly reader: number;
  /** Why the board was reset before it, and what became of the ring; null if the recording does not say it. */
  reset: string | null;
  /** The reason alone. */
  after: string | null;
  events: number;
  firstMs: number;
  lastMs: number;
  /** Since boot, what is to be added for the time of day, and how far that may be off: where it changes by a millisecond. */
  readonly anchors: (readonly [ms: number, offsetMs: number, uncertaintyMs: number])[];
}

/** Events that are missing in a boot, between two times since boot. */
export interface PageGap {
  readonly boot: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly onDevice: number;
  readonly inTransit: number;
  readonly beforeFirst: number;
  /** Nobody knows the cause. */
  readonly unexplained: number;
}

export interface PageMeta {
  readonly title: string;
  readonly events: number;
  /** The greatest number of an event. */
  readonly mostSeq: number;
  readonly kinds: readonly PageKind[];
  readonly boots: readonly PageBoot[];
  readonly words: readonly string[];
  readonly gaps: readonly PageGap[];
  /** What was wrong in the recording, by code. */
  readonly problems: Readonly<Record<string, number>>;
}
