/** Reads fields of a protobuf message, as far as answers need them. Bytes that are not protobuf have no fields. */

type Field = { readonly number: number; readonly type: number; readonly value: number; readonly bytes: Uint8Array };

/** Whether bytes are a message, whatever its fields; an empty one is. */
export function isMessage(bytes: Uint8Array): boolean {
  try {
    for (const { number } of fields(bytes)) if (number < 1) return false;
    return true;
  } catch {
    return false;
  }
}

/** The first message with this number; undefined if there is none. */
export function firstMessage(message: Uint8Array, number: number): Uint8Array | undefined {
  return first(message, number, 2)?.bytes;
}

/** "" if there is none. */
export function firstText(message: Uint8Array, number: number): string {
  return Buffer.from(firstMessage(message, number) ?? []).toString();
}

/** An integer, 0 if there is none; beyond 2^53 it is not exact. */
export function firstNumber(message: Uint8Array, number: number): number {
  return first(message, number, 0)?.value ?? 0;
}

function first(message: Uint8Array, number: number, type: number): Field | undefined {
  try {
    for (const field of fields(message)) if (field.number === number && field.type === type) return field;
  } catch {
    // It is cut, or not protobuf at all.
  }
  return undefined;
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
    if (tag >= 2 ** 32) throw new RangeError("no tag");
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
