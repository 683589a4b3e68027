/** The bytes of a payload; "" if it has none, undefined if it is neither a Uint8Array nor an ArrayBuffer. Never throws. */
export type BytesOf = (payload: unknown) => Uint8Array | "" | undefined;

export function bytesReader(): BytesOf {
  // The getter of the internal type: it tells a Uint8Array from all that passes for one, and runs no code of the caller's.
  // As an object, for XS: see src/text.ts.
  const typeOf: { call(value: unknown): string | undefined } = Object(
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get,
  );
  return (payload) => {
    let bytes: Uint8Array | undefined;
    if (typeOf.call(payload) === "Uint8Array") bytes = payload as Uint8Array;
    else {
      try {
        // A pretender's byteLength throws.
        if (payload instanceof ArrayBuffer) bytes = new Uint8Array(payload, 0, payload.byteLength);
      } catch {
        // A detached buffer, or an object that pretends to be one.
      }
    }
    // Not its length, which could be the caller's code. Nothing is there, too, if its buffer is detached.
    return bytes && bytes[0] === undefined ? "" : bytes;
  };
}
