/**
 * A getter of TypedArray's prototype itself: it sees through what a subclass says, and runs no code of its.
 * As an object, for XS: see src/moddable/platform.ts. No key that is a symbol: Moddable's linker strips those built-ins.
 */
function getter(key: string): { call(value: unknown): number } {
  return Object(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), key)!.get);
}

// Made when the module is loaded: on a device that is when it is linked, and they lie in flash.
const lengthGetter = getter("length");
const byteLengthGetter = getter("byteLength");

/** How many bytes there are in what bytesOf() returned. Allocates nothing. */
export function byteLengthOf(bytes: Uint8Array): number {
  return byteLengthGetter.call(bytes);
}

/**
 * The bytes of a payload; "" if it has none, undefined if it is neither a Uint8Array nor an ArrayBuffer. Never throws.
 * Allocates the view of an ArrayBuffer, else nothing.
 */
export function bytesOf(payload: unknown): Uint8Array | "" | undefined {
  let bytes: Uint8Array | undefined;
  try {
    if (ArrayBuffer.isView(payload)) {
      // Other numbers, and a DataView, may pass for bytes by their prototype, but not by their length.
      if (payload instanceof Uint8Array && lengthGetter.call(payload) === byteLengthGetter.call(payload))
        bytes = payload;
    } else if (payload instanceof ArrayBuffer) bytes = new Uint8Array(payload, 0, payload.byteLength);
  } catch {
    // A detached buffer, or an object that pretends to be one: its byteLength throws.
  }
  // Not its length, which could be the caller's code. Nothing is there, too, if its buffer is detached.
  return bytes && bytes[0] === undefined ? "" : bytes;
}
