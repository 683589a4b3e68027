const NS_PER_MS = 1e6;

/** Writes protobuf: varints, texts, messages within messages, into one growing buffer. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #end = 0;

  get length(): number {
    return this.#end;
  }

  /** Everything that was written, valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Returns a copy of everything that was written, and forgets it. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    return taken;
  }

  /** An unsigned integer, at most 2^53 - 1. */
  uint(field: number, value: number): void {
    this.#tag(field, 0);
    this.#varint(value);
  }

  /** An int64 or int32: negative ones take 10 bytes. */
  int(field: number, value: number): void {
    this.#tag(field, 0);
    if (value >= 0) this.#varint(value);
    else this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
  }

  /** An unsigned 64-bit integer. */
  bigUint(field: number, value: bigint): void {
    this.#tag(field, 0);
    this.#bigVarint(value);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  /** At most 2^53 - 1. */
  fixed64(field: number, value: number): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#end = this.#bytes.writeUInt32LE(value % 2 ** 32, this.#end);
    this.#end = this.#bytes.writeUInt32LE(Math.floor(value / 2 ** 32), this.#end);
  }

  /** Milliseconds, at most 2^64 / 10^6, as nanoseconds: more than a number can hold exactly. */
  fixed64Nanoseconds(field: number, ms: number): void {
    this.#tag(field, 1);
    this.#reserve(8);
    const high = Math.floor(ms / 2 ** 20) * NS_PER_MS;
    const low = (high % 2 ** 12) * 2 ** 20 + (ms % 2 ** 20) * NS_PER_MS;
    this.#end = this.#bytes.writeUInt32LE(low % 2 ** 32, this.#end);
    this.#end = this.#bytes.writeUInt32LE(Math.floor(high / 2 ** 12) + Math.floor(low / 2 ** 32), this.#end);
  }

  text(field: number, value: string): void {
    this.#tag(field, 2);
    const bytes = Buffer.byteLength(value);
    this.#varint(bytes);
    this.#reserve(bytes);
    this.#end += this.#bytes.write(value, this.#end);
  }

  /** Fields that were written elsewhere. */
  fields(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** A message, or bytes, written elsewhere. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  /** A message, written by `write`. */
  message(field: number, write: () => void): void {
    const from = this.begin(field);
    write();
    this.finish(from);
  }

  /** Begins a message; returns the argument for finish(). */
  begin(field: number): number {
    this.#tag(field, 2);
    this.#reserve(1);
    return ++this.#end;
  }

  finish(from: number): void {
    const length = this.#end - from;
    if (length < 0x80) {
      this.#bytes[from - 1] = length;
      return;
    }
    // Its length needs more than the reserved byte.
    let more = 0;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 128)) more++;
    this.#reserve(more);
    this.#bytes.copyWithin(from + more, from, this.#end);
    const end = this.#end + more;
    this.#end = from - 1;
    this.#varint(length);
    this.#end = end;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(8);
    while (value >= 0x80) {
      this.#bytes[this.#end++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#end++] = value;
  }

  #bigVarint(value: bigint): void {
    this.#reserve(10);
    while (value >= 0x80n) {
      this.#bytes[this.#end++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.#bytes[this.#end++] = Number(value);
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length - this.#end >= bytes) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + bytes));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}
