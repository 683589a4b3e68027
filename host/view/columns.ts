import { ABSENT, MOST_NARROW, NARROW, WIDE } from "./format.ts";

const FIRST_BYTES = 4096;
/** Of a varint, and of a wide number. */
const SPARE_BYTES = 16;

/** Bytes of one column, until a block is written. */
export class Column {
  readonly id: number;
  length = 0;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  constructor(id: number) {
    this.id = id;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(SPARE_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.length++] = rest;
  }

  /** An integer, or NaN for none. */
  int(value: number): void {
    if (value >= 0 && value <= MOST_NARROW) this.varint(2 * value + NARROW);
    else if (value < 0 && value >= -MOST_NARROW) this.varint(-2 * value - 1 + NARROW);
    else if (Number.isNaN(value)) this.byte(ABSENT);
    else this.wide(value);
  }

  /** Any number: it takes nine bytes. */
  wide(value: number): void {
    this.byte(WIDE);
    this.double(value);
  }

  double(value: number): void {
    this.#reserve(SPARE_BYTES);
    this.length = this.#bytes.writeDoubleLE(value, this.length);
  }

  copy(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    this.#bytes.set(bytes.subarray(from, to), this.length);
    this.length += to - from;
  }

  /** The content, preceded by the column's id and length; then it is empty. @internal */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(8 + this.length);
    taken.writeUInt32LE(this.id, 0);
    taken.writeUInt32LE(this.length, 4);
    this.#bytes.copy(taken, 8, 0, this.length);
    this.length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.length + bytes));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}
