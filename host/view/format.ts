/**
 * What a page holds of a recording: its events as columns, in blocks, and a summary once the last one has been read.
 * Columns are bytes, gzipped as one stream; `view` writes it while it reads, so it does not hold a recording.
 */

/** Columns of every event: its kind, its boot, the time and number as differences from the boot's previous event. */
export const KIND = 0;
export const BOOT = 1;
export const TIME = 2;
export const SEQUENCE = 3;
export const FIRST_ATTRIBUTE = 4;

/**
 * A number as bytes of seven bits, the last one below 128. 0: there is none. 1: it follows this byte, in 8 bytes.
 * Otherwise it is zigzag, plus 2.
 */
export const ABSENT = 0;
export const WIDE = 1;
export const NARROW = 2;
/** Up to here numbers are narrow: twice as much is still exact. */
export const MOST_NARROW = 2 ** 50;

export interface PageAttribute {
  readonly key: string;
  /** word: one of PageMeta.words. text: its length is in this column, its UTF-8 in the next one. */
  readonly type: "int" | "double" | "word" | "text";
  readonly column: number;
  /** Of all texts. */
  bytes: number;
  /** Every event of the kind has it, an integer from 0 to 2^32 - 1. */
  isSmall: boolean;
}

/** An event of a registry. */
export interface PageKind {
  readonly name: string;
  readonly schemaVersion: string;
  readonly step: "begin" | "end" | "other" | null;
  readonly way: "received" | "sent" | null;
  /** Keys of attributes: the owner of a connection, its number, and so on. */
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
  /** Why the board was reset, and what became of the ring; null if the recording does not state it. */
  reset: string | null;
  /** The reason alone. */
  after: string | null;
  events: number;
  firstMs: number;
  lastMs: number;
  /** Times since boot, what to add for the time of day, and its uncertainty: at each change of a millisecond. */
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
  /** The cause is unknown. */
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
