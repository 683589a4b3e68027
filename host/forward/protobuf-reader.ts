/** Reads fields of a protobuf message, as far as answers need them. Bytes that are not protobuf have no fields. */

export interface Field {
  readonly number: number;
  /** Of the wire: 0 a varint, 1 eight bytes, 2 bytes with their length, 5 four bytes. */
  readonly type: number;
  /** Of a varint; beyond 2^53 it is not exact. */
  readonly value: number;
  readonly bytes: Uint8Array;
}

/** The fields of a message; undefined if the bytes are none as a whole. */
export function fieldsOf(message: Uint8Array): readonly Field[] | undefined {
  try {
    return [...fields(message)];
  } catch {
    return undefined;
  }
}

/** "" if there is none, or the bytes are no message. */
export function textOf(message: Uint8Array, number: number): string {
  return Buffer.from(fieldsOf(message)?.findLast((field) => field.number === number)?.bytes ?? []).toString();
}

/** Throws RangeError for bytes that are not a varint. */
function* fields(message: Uint8Array): Generator<Field, void, void> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; at < message.length; shift *= 128) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
      if (shift >= 2 ** 63) break;
    }
    throw new RangeError("no varint");
  };
  while (at < message.length) {
    const tag = varint();
    if (tag < 8 || tag >= 2 ** 32) throw new RangeError("no tag");
    const type = tag % 8;
    let value = 0;
    let bytes = message.subarray(0, 0);
    if (type === 0) value = varint();
    else {
      const length = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
      if (!(at + length <= message.length)) throw new RangeError("no field");
      bytes = message.subarray(at, at + length);
      at += length;
    }
    yield { number: Math.floor(tag / 8), type, value, bytes };
  }
}
