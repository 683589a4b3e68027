/** The content of the page, read into typed arrays: an event is its index, in the order of the recording. */
import {
  BOOT,
  FIRST_ATTRIBUTE,
  KIND,
  NARROW,
  type PageAttribute,
  type PageKind,
  type PageMeta,
  SEQUENCE,
  TIME,
  WIDE,
} from "../format.ts";

const ABSENT_TEXT = 0x8000_0000;
const UNKNOWN = 0xffff_ffff;
const UTF8 = new TextDecoder();

/** Values of one attribute of a kind, by row: the number of the event among those of its kind. */
export interface Values {
  readonly page: PageAttribute;
  /**
   * int, double: NaN if there is none. word: 0 if there is none, else the word's number plus 1. text: where it begins.
   */
  numbers: Uint8Array | Uint16Array | Uint32Array | Float64Array;
  readonly bytes: Uint8Array;
  /** Instead of numbers: the value is stored elsewhere. */
  derived: ((row: number) => string | number | undefined) | undefined;
}

export interface Kind {
  readonly page: PageKind;
  readonly values: readonly Values[];
  readonly byKey: ReadonlyMap<string, Values>;
  /** By row. */
  readonly events: Uint32Array;
}

export class Store {
  readonly meta: PageMeta;
  readonly kinds: readonly Kind[];
  readonly kind: Uint8Array;
  readonly boot: Uint16Array | Uint32Array;
  readonly row: Uint32Array;
  /** Since boot. */
  readonly ms: Float64Array;
  /** NaN, or UNKNOWN: unknown. */
  readonly #seq: Uint32Array | Float64Array;

  constructor(meta: PageMeta) {
    this.meta = meta;
    const { events } = meta;
    this.kind = new Uint8Array(events);
    this.boot = meta.boots.length < 2 ** 16 ? new Uint16Array(events) : new Uint32Array(events);
    this.row = new Uint32Array(events);
    this.ms = new Float64Array(events);
    this.#seq = meta.mostSeq < UNKNOWN ? new Uint32Array(events) : new Float64Array(events);
    this.kinds = meta.kinds.map((page) => {
      const values = page.attributes.map((attribute) => ({
        page: attribute,
        numbers: numbersOf(attribute, page.count, meta.words.length),
        bytes: new Uint8Array(attribute.type === "text" ? attribute.bytes : 0),
        derived: undefined,
      }));
      const byKey = new Map(values.map((each) => [each.page.key, each]));
      return { page, values, byKey, events: new Uint32Array(page.count) };
    });
  }

  /** The event's number; NaN: unknown. */
  seq(event: number): number {
    const number = this.#seq[event]!;
    return number === UNKNOWN && this.#seq instanceof Uint32Array ? Number.NaN : number;
  }

  setSeq(event: number, number: number): void {
    this.#seq[event] = Number.isNaN(number) && this.#seq instanceof Uint32Array ? UNKNOWN : number;
  }

  /** The value of an event's attribute; undefined if it has none. */
  value(event: number, key: string | null): string | number | undefined {
    const values = key === null ? undefined : this.kinds[this.kind[event]!]!.byKey.get(key);
    return values && this.valueAt(values, this.row[event]!);
  }

  valueAt({ page, numbers, bytes, derived }: Values, row: number): string | number | undefined {
    if (derived !== undefined) return derived(row);
    const number = numbers[row]!;
    if (page.type === "word") return number === 0 ? undefined : this.meta.words[number - 1]!;
    if (page.type !== "text") return Number.isNaN(number) ? undefined : number;
    if (number >= ABSENT_TEXT) return undefined;
    const end = numbers[row + 1]! % ABSENT_TEXT;
    return UTF8.decode(bytes.subarray(number, end));
  }
}

function numbersOf({ type, isSmall }: PageAttribute, count: number, words: number): Values["numbers"] {
  if (type === "text") return new Uint32Array(count + 1);
  if (type === "word")
    return words < 255 ? new Uint8Array(count) : words < 65_535 ? new Uint16Array(count) : new Uint32Array(count);
  return isSmall ? new Uint32Array(count) : new Float64Array(count);
}

/** Bytes of a stream, in pieces of a given length. */
class Taker {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk = new Uint8Array(0);
  #at = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Fills all of `whole`; false at the end. */
  async take(whole: Uint8Array): Promise<boolean> {
    const bytes = whole.length;
    let filled = 0;
    while (filled < bytes) {
      if (this.#at === this.#chunk.length) {
        const { done, value } = await this.#reader.read();
        if (done) {
          if (filled > 0) throw new Error("the page's data ends in the middle");
          return false;
        }
        this.#chunk = value as Uint8Array<ArrayBuffer>;
        this.#at = 0;
      }
      const part = this.#chunk.subarray(this.#at, this.#at + bytes - filled);
      whole.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    return true;
  }
}

class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 0x80;
    do {
      byte = bytes[this.at++]!;
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
    } while (byte >= 0x80);
    return value;
  }

  int(): number {
    const code = this.varint();
    if (code >= NARROW) return code % 2 === 0 ? (code - NARROW) / 2 : -(code - NARROW + 1) / 2;
    return code === WIDE ? this.double() : Number.NaN;
  }

  double(): number {
    this.at += 8;
    return this.#view.getFloat64(this.at - 8, true);
  }
}

/** Reads the events of a page. `onProgress`: how many of them, 0 to 1. */
export async function readStore(
  meta: PageMeta,
  stream: ReadableStream<Uint8Array>,
  onProgress: (part: number) => void = () => {},
): Promise<Store> {
  const store = new Store(meta);
  const taker = new Taker(stream);
  const state = new BlockState(store);
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  /** By column, reused for each block. */
  const buffers: Uint8Array[] = [];
  while (await taker.take(head)) {
    const [events, columns] = [view.getUint32(0, true), view.getUint32(4, true)];
    const readers: (Reader | undefined)[] = [];
    for (let i = 0; i < columns; i++) {
      await taker.take(head);
      const [id, length] = [view.getUint32(0, true), view.getUint32(4, true)];
      if ((buffers[id]?.length ?? 0) < length) buffers[id] = new Uint8Array(Math.ceil(length * 1.25));
      const bytes = buffers[id]?.subarray(0, length) ?? new Uint8Array(0);
      await taker.take(bytes);
      readers[id] = new Reader(bytes);
    }
    state.block(events, readers);
    onProgress(state.events / store.meta.events);
  }
  return store;
}

class BlockState {
  readonly #store: Store;
  readonly #lastMs: Float64Array;
  readonly #nextSeq: Float64Array;
  readonly #rows: Uint32Array;
  readonly #textEnds = new Map<Values, number>();
  events = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#lastMs = new Float64Array(store.meta.boots.length);
    this.#nextSeq = new Float64Array(store.meta.boots.length);
    this.#rows = new Uint32Array(store.kinds.length);
  }

  block(events: number, readers: readonly (Reader | undefined)[]): void {
    const { kind, boot, row, ms, kinds } = this.#store;
    const lastMs = this.#lastMs;
    const nextSeq = this.#nextSeq;
    const rows = this.#rows;
    const before = rows.slice();
    const [kindBytes, boots, times, numbers] = [KIND, BOOT, TIME, SEQUENCE].map((id) => readers[id]!) as [
      Reader,
      Reader,
      Reader,
      Reader,
    ];
    for (let i = 0, event = this.events; i < events; i++, event++) {
      const own = kindBytes.bytes[i]!;
      const place = boots.varint();
      kind[event] = own;
      boot[event] = place;
      ms[event] = lastMs[place]! += times.int();
      const number = nextSeq[place]! + numbers.int();
      this.#store.setSeq(event, number);
      if (!Number.isNaN(number)) nextSeq[place] = number + 1;
      kinds[own]!.events[rows[own]!] = event;
      row[event] = rows[own]!++;
    }
    this.events += events;
    kinds.forEach(({ values }, index) => {
      for (const each of values) this.#values(each, before[index]!, rows[index]!, readers);
    });
  }

  #values(values: Values, from: number, to: number, readers: readonly (Reader | undefined)[]): void {
    const { page, numbers, bytes } = values;
    const reader = readers[page.column];
    if (reader === undefined || page.column < FIRST_ATTRIBUTE) return;
    if (page.type === "double") for (let row = from; row < to; row++) numbers[row] = reader.double();
    else if (page.type === "int") for (let row = from; row < to; row++) numbers[row] = reader.int();
    else if (page.type === "word") {
      for (let row = from; row < to; row++) {
        const word = reader.int();
        numbers[row] = Number.isNaN(word) ? 0 : word + 1;
      }
    } else {
      let end = this.#textEnds.get(values) ?? 0;
      const texts = readers[page.column + 1];
      if (texts !== undefined) bytes.set(texts.bytes, end);
      for (let row = from; row < to; row++) {
        const length = reader.int();
        numbers[row] = Number.isNaN(length) ? end + ABSENT_TEXT : end;
        if (!Number.isNaN(length)) end += length;
      }
      numbers[to] = end;
      this.#textEnds.set(values, end);
    }
  }
}
