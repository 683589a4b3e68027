import { createEncoder } from "#platform";
import type { Counters, Reader, RecordEmitter, Records, Token } from "./ring/api.ts";
import { bytesOf } from "./ring/bytes.ts";
import { createEmitter } from "./ring/emitter.ts";
import { MAX_RECORD_SLOTS, SLOT_BYTES } from "./ring/packet-layout.ts";
import type { Layout } from "./ring/ring.ts";
import { enabled } from "./ring/switch.ts";
import { createText, MAX_TEXT_TAIL_BYTES } from "./ring/text.ts";
import { checkOptions, RING_OPTIONS, type RingOptions } from "./telemetry.ts";

// Everything that xs-telemetry exports: whoever uses both may import both from here.
export * from "./index.ts";
export type { Layout } from "./ring/ring.ts";
export type { RingOptions } from "./telemetry.ts";

const SLOT_WORDS = SLOT_BYTES / 4;
const MAX_SINGLE = 3.4028234663852886e38;

/** NaN counts as 0. -0 becomes 0. */
function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value || 0, least), most);
}

/** The text at the end of a record, for one attribute. */
export interface TextField {
  /**
   * Takes a string, or bytes as UTF-8. Cuts it at a code point to the most bytes that the attribute may have; U+0000
   * and invalid parts become U+FFFD. Returns its bytes, 0 if it is empty; -1, and counted, for a value of another type.
   * Never throws. Allocates nothing except what `encodeInto` does for a string on XS: 48 bytes.
   */
  put(value: unknown): number;
  /** The text, zero-filled to the slots of the longest one. */
  readonly words: Int32Array;
  /** Its first slots, by their number. */
  readonly slots: readonly Int32Array[];
}

/**
 * A ring and its packets for the records of any registry: the basis of the writers that `xs-telemetry registry
 * generate` makes. A writer calls begin(), fills the words of its record, and calls commit(), with nothing in between.
 *
 * The constructor throws as Telemetry's does; it and text() allocate. Nothing that writers call throws, blocks or
 * allocates on XS.
 */
export class Recorder {
  /**
   * The record being written, from its first word, which is its time and not for the writer. It is as the last writer
   * left it.
   */
  readonly words: Int32Array;
  /** The same memory. */
  readonly floats: Float32Array;
  readonly doubles: Float64Array;

  readonly #emitter: RecordEmitter;
  readonly #records: Records;
  /** The words of a record of this many slots, from word 1 on. */
  readonly #fields: readonly Int32Array[];

  /**
   * `layout` is generated, and trusted: its records have 1 to 8 slots. `options`: as Telemetry's, without `privacy`.
   */
  constructor(layout: Layout, options: RingOptions) {
    this.#emitter = createEmitter(checkOptions(options, RING_OPTIONS), layout);
    this.#records = this.#emitter.records();
    const draft = new ArrayBuffer(MAX_RECORD_SLOTS * SLOT_BYTES);
    this.words = new Int32Array(draft);
    this.floats = new Float32Array(draft);
    this.doubles = new Float64Array(draft);
    const fields: Int32Array[] = [];
    for (let slots = 1; slots <= MAX_RECORD_SLOTS; slots++)
      fields[slots] = new Int32Array(draft, 4, slots * SLOT_WORDS - 1);
    this.#fields = fields;
  }

  /** Begins a record: reads the clock. Returns false, and counts the call as suppressed, while telemetry is off. */
  begin(): boolean {
    if (!enabled) {
      this.#records.count(1, 0);
      return false;
    }
    this.#records.begin();
    return true;
  }

  /**
   * Puts the record into the ring, or counts it as discarded: that many slots of `words`, and the text after them, 1 to
   * 8 slots together. `shorterFrom`: the record takes as many slots as the text's bytes need, as put() returned them;
   * if those are fewer than the longest text takes, the record type is this one for one slot, the next for two, and so
   * on. Costs a copy of them.
   */
  commit(slots: number, text?: TextField, bytes = 0, shorterFrom = 0): void {
    let tail = text?.words;
    if (text && shorterFrom > 0) {
      const needed = (bytes + SLOT_BYTES - 1) >> 4;
      const shorter = text.slots[needed];
      if (shorter !== undefined && shorter !== tail) {
        tail = shorter;
        this.words[1] = (this.words[1]! & ~0xff) | (shorterFrom + needed - 1);
      }
    }
    const all = tail ? slots + tail.length / SLOT_WORDS : slots;
    this.#records.write(all, this.#fields[slots]!, tail);
  }

  /**
   * Call it instead of commit() if an argument cannot be recorded: nothing is emitted. Counted as suppressed and
   * invalid.
   */
  refuse(): void {
    this.#records.count(1, 1);
  }

  /** Counts an argument as invalid that the record has no place for. */
  leaveOut(): void {
    this.#records.count(0, 1);
  }

  /**
   * Returns an integer in range. Another number is brought into range, anything else counts as 0; both are counted as
   * invalid.
   */
  integer(value: unknown, least: number, most: number): number {
    if (typeof value === "number" && value >= least && value <= most && Math.floor(value) === value) return value + 0;
    this.#records.count(0, 1);
    return typeof value === "number" ? within(Math.trunc(value), least, most) : within(0, least, most);
  }

  /** Returns a number that a float32 can hold; other values as in integer(). */
  single(value: unknown): number {
    return this.#real(value, MAX_SINGLE);
  }

  /** Returns a finite number; other values as in integer(). */
  double(value: unknown): number {
    return this.#real(value, Number.MAX_VALUE);
  }

  #real(value: unknown, most: number): number {
    if (typeof value === "number" && value >= -most && value <= most) return value + 0;
    this.#records.count(0, 1);
    return typeof value === "number" ? within(value, -most, most) : 0;
  }

  /** Returns 1 or 0. Anything but a boolean is converted as in JavaScript, and counted. */
  flag(value: unknown): number {
    if (typeof value !== "boolean") this.#records.count(0, 1);
    return value ? 1 : 0;
  }

  /** Returns a token in use; 0, and counted, for everything else. */
  token(value: unknown): Token {
    return this.#records.tokenOf(value);
  }

  /** Makes a text of at most that many bytes, 1 to 112, for the end of records. */
  text(maxBytes: number): TextField {
    const memory = new ArrayBuffer(MAX_TEXT_TAIL_BYTES);
    const text = createText(createEncoder(), memory, 0);
    const into = text.destination(maxBytes);
    const slots: Int32Array[] = [];
    const most = Math.ceil(maxBytes / SLOT_BYTES);
    for (let count = 1; count <= most; count++) slots[count] = new Int32Array(memory, 0, count * SLOT_WORDS);
    const records = this.#records;
    return {
      words: slots[most]!,
      slots,
      put(value) {
        if (typeof value === "string") return value === "" ? 0 : text.fromString(value, into);
        const bytes = bytesOf(value);
        if (bytes === undefined) records.count(0, 1);
        return bytes === undefined ? -1 : bytes === "" ? 0 : text.fromBytes(bytes, into);
      },
    };
  }

  /** As Telemetry.messageType. */
  messageType(name: string): Token {
    return this.#emitter.messageType(name);
  }

  /** As Telemetry.reader. */
  reader(): Reader {
    return this.#emitter.reader();
  }

  /** As Telemetry.counters. */
  counters(): Counters {
    return this.#emitter.counters();
  }
}
