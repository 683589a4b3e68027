const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** Most bytes that an integer takes: the digits of 2^53 - 1. */
export const MOST_DIGITS = 16;
/** Most bytes that a character of one byte takes: \u001f. */
export const MOST_ESCAPE_BYTES = 6;
/** Behind a piece, as many bytes of output may be overwritten with zeros. */
export const SPARE_BYTES = 3;

/** Text prepared for output: its UTF-8 in little-endian words, zeros behind it. Copying words is thrice as fast as bytes. */
export interface Piece {
  readonly words: Int32Array;
  readonly bytes: number;
}

/** Prepares a text. */
export function pieceOf(text: string): Piece {
  const utf8 = Buffer.from(text);
  const padded = Buffer.alloc(Math.ceil(utf8.length / 4) * 4);
  utf8.copy(padded);
  const words = Int32Array.from({ length: padded.length / 4 }, (_, word) => padded.readInt32LE(word * 4));
  return { words, bytes: utf8.length };
}

/** Growing bytes of JSON. Nothing but reserve() checks for room: the caller reserves what a line may take. */
export class Output {
  #bytes: Buffer;
  #view: DataView;
  #end = 0;

  constructor(capacityBytes: number) {
    this.#bytes = Buffer.alloc(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, capacityBytes);
  }

  clear(): void {
    this.#end = 0;
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  reserve(count: number): void {
    if (this.#bytes.length - this.#end >= count) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#end + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset, larger.length);
  }

  byte(value: number): void {
    this.#bytes[this.#end++] = value;
  }

  piece({ words, bytes }: Piece): void {
    const view = this.#view;
    const end = this.#end;
    for (let word = 0; word < words.length; word++) view.setInt32(end + word * 4, words[word]!, true);
    this.#end = end + bytes;
  }

  /** An integer from 0 to 2^53 - 1. */
  integer(value: number): void {
    if (value < 1e9) {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      this.#digits(value, digits);
    } else {
      const high = Math.floor(value / 1e9);
      this.integer(high);
      this.#digits(value - high * 1e9, 9);
    }
  }

  /** Text up to its first zero byte as a JSON string, escaped as JSON.stringify does. */
  text(source: Uint8Array, from: number, stop: number): void {
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = QUOTE;
    for (let at = from; at < stop; at++) {
      const byte = source[at]!;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) {
        bytes[end++] = byte;
      } else if (byte === 0) {
        break;
      } else {
        this.#end = end;
        this.piece(ESCAPES[byte]!);
        end = this.#end;
      }
    }
    bytes[end++] = QUOTE;
    this.#end = end;
  }

  /** The last digits of an integer below 2^31. */
  #digits(value: number, digits: number): void {
    const bytes = this.#bytes;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      const rest = (value / 10) | 0;
      bytes[at] = 0x30 + value - rest * 10;
      value = rest;
    }
    this.#end += digits;
  }
}

/** By code, what stands for an ASCII character in a JSON string. */
const ESCAPES: readonly Piece[] = Array.from({ length: 0x80 }, (_, code) =>
  pieceOf(JSON.stringify(String.fromCharCode(code)).slice(1, -1)),
);
