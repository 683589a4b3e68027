import { oneLineEach } from "../text/lines.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
/** Most bytes of a number: -1.2345678901234567e-308. */
export const MOST_NUMBER_BYTES = 24;
/** Most bytes for a character of one byte: \u001f. */
export const MOST_ESCAPE_BYTES = 6;
/** After the end of the output, this many bytes may be overwritten. */
export const SPARE_BYTES = 15;

/**
 * UTF-8 prepared for output: as little-endian doubles, followed by zeros up to 16 bytes. Copying eight bytes at a time
 * is several times as fast as single bytes, and short pieces are not worth a call. No eight bytes of UTF-8 are a NaN,
 * whose bits would not survive: that takes 0x7f or 0xff after a byte of 0xf0 or more.
 */
export interface Piece {
  readonly words: Float64Array;
  readonly bytes: number;
}

/** Prepares a text, or well-formed UTF-8, which is copied. */
export function pieceOf(text: string | Uint8Array): Piece {
  const utf8 = typeof text === "string" ? Buffer.from(text) : text;
  const padded = new Uint8Array(Math.ceil(utf8.length / 16) * 16);
  padded.set(utf8);
  const view = new DataView(padded.buffer);
  const words = Float64Array.from({ length: padded.length / 8 }, (_, word) => view.getFloat64(word * 8, true));
  return { words, bytes: utf8.length };
}

/** A value as JSON, without characters that end a line in other languages. */
export function jsonOf(value: unknown): string {
  return oneLineEach(JSON.stringify(value));
}

/** Growing bytes of JSON. Only reserve() checks for room: the caller reserves what a line may need. */
export class JsonOutput {
  #bytes: Buffer;
  #view: DataView;
  #end = 0;

  constructor(capacityBytes: number) {
    this.#bytes = Buffer.alloc(capacityBytes);
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes written. */
  get length(): number {
    return this.#end;
  }

  clear(): void {
    this.#end = 0;
  }

  /** Everything written from there on; valid until the next clear(). @internal */
  written(from = 0): Buffer {
    return this.#bytes.subarray(from, this.#end);
  }

  reserve(count: number): void {
    if (this.#bytes.length - this.#end >= count) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#end + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  /** Removes the last bytes written. */
  back(count: number): void {
    this.#end -= count;
  }

  piece({ words, bytes }: Piece): void {
    const view = this.#view;
    let at = this.#end;
    this.#end = at + bytes;
    for (let word = 0; word < words.length; word += 2, at += 16) {
      view.setFloat64(at, words[word]!, true);
      view.setFloat64(at + 8, words[word + 1]!, true);
    }
  }

  /** An integer from 0 to 2^53 - 1. */
  integer(value: number): void {
    if (value < 10_000) {
      const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
      this.#view.setInt32(this.#end, FOUR_DIGITS[value]! >> (32 - 8 * digits), true);
      this.#end += digits;
    } else {
      const high = Math.floor(value / 10_000);
      this.integer(high);
      this.#view.setInt32(this.#end, FOUR_DIGITS[value - high * 10_000]!, true);
      this.#end += 4;
    }
  }

  /** A dot and three digits, for 0 to 999: `.007`. */
  threeDigits(value: number): void {
    this.#view.setInt32(this.#end, (FOUR_DIGITS[value]! & ~0xff) | DOT, true);
    this.#end += 4;
  }

  /** Any finite number in the form of JSON.stringify; -0 is 0. */
  number(value: number): void {
    const absolute = Math.abs(value);
    if (absolute <= Number.MAX_SAFE_INTEGER && Number.isInteger(value)) {
      if (value < 0) this.#view.setUint8(this.#end++, MINUS);
      this.integer(absolute);
      return;
    }
    const text = String(value);
    for (let index = 0; index < text.length; index++) this.#view.setUint8(this.#end++, text.charCodeAt(index));
  }

  /** Text up to its first zero byte as a JSON string, escaped as in jsonOf(). `source` is a view of valid UTF-8. */
  text(source: DataView, from: number, stop: number): void {
    const view = this.#view;
    let at = from;
    let end = this.#end;
    /** All bytes in one word. */
    let seen = 0;
    view.setUint8(end++, QUOTE);
    while (at < stop) {
      // Four bytes at a time, up to the first that needs an escape.
      if (stop - at >= 4) {
        const word = source.getInt32(at, true);
        seen |= word;
        view.setInt32(end, word, true);
        const special = specialBytes(word);
        const plain = special === 0 ? 4 : (31 - Math.clz32(special & -special)) >> 3;
        at += plain;
        end += plain;
        if (special === 0) continue;
      }
      const byte = source.getUint8(at++);
      if (byte === 0) break;
      seen |= byte;
      view.setFloat64(end, JSON_OF_BYTE[byte]!, true);
      end += JSON_BYTES[byte]!;
    }
    view.setUint8(end++, QUOTE);
    this.#end = (seen & 0x80808080) === 0 ? end : this.#escapeLineEnds(this.#end, end);
  }

  /** Escapes the line ends of other languages in the output, which contains more than ASCII. Returns its new end. */
  #escapeLineEnds(from: number, end: number): number {
    const escaped = oneLineEach(this.#bytes.subarray(from, end));
    return typeof escaped === "string" ? from + this.#bytes.write(escaped, from) : end;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Not 0 if one of four bytes is a control character, a quote or a backslash; then its lowest bit is in the first such
 * byte.
 */
function specialBytes(word: number): number {
  const quote = word ^ (QUOTE * 0x01010101);
  const backslash = word ^ (BACKSLASH * 0x01010101);
  // Byte by byte, a subtraction borrows from the highest bit if the byte is less; only bits above a true one may be
  // false.
  const below =
    ((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash);
  return below & 0x80808080;
}

/** For each number, its last four digits as four bytes. */
const FOUR_DIGITS = Int32Array.from({ length: 10_000 }, (_, value) => {
  const digit = (power: number) => 0x30 + (Math.floor(value / power) % 10);
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});

/** For each byte of UTF-8, its form in a JSON string, as one word of a piece; and how many bytes that is. */
const JSON_OF_BYTE = new Float64Array(0x100);
const JSON_BYTES = new Uint8Array(0x100).fill(1);
for (let byte = 0; byte < 0x100; byte++) {
  const isAscii = byte < 0x80;
  const json = isAscii ? Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)) : Uint8Array.of(byte);
  JSON_OF_BYTE[byte] = pieceOf(json).words[0]!;
  JSON_BYTES[byte] = json.length;
}
