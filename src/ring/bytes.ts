// What counts as bytes is asked of the engine: an object may say of itself what it likes.

/**
 * A getter of a built-in prototype itself: it throws unless the engine made the object as such, sees through what a subclass says, and
 * runs no code of its. As an object, for XS: see src/moddable/platform.ts. No key that is a symbol: Moddable's linker strips those built-ins.
 */
function getter<Value>(prototype: object, key: string): { call(value: unknown): Value } {
  return Object(Object.getOwnPropertyDescriptor(prototype, key)!.get);
}

// Made when the module is loaded: on a device that is when it is linked, and they lie in flash.
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype);
const lengthGetter = getter<number>(typedArray, "length");
const byteLengthGetter = getter<number>(typedArray, "byteLength");
const byteOffsetGetter = getter<number>(typedArray, "byteOffset");
const bufferGetter = getter<ArrayBuffer>(typedArray, "buffer");
const bufferLengthGetter = getter<number>(ArrayBuffer.prototype, "byteLength");

/** How many bytes there are in a Uint8Array, and no other object. Throws for a detached one on some engines. Allocates nothing. */
export function byteLengthOf(bytes: Uint8Array): number {
  return byteLengthGetter.call(bytes);
}

/** Where a Uint8Array's bytes are, whatever it says itself. Throws for other objects. */
export const bufferOf = (bytes: Uint8Array): ArrayBuffer => bufferGetter.call(bytes);
export const byteOffsetOf = (bytes: Uint8Array): number => byteOffsetGetter.call(bytes);

/** The whole words of a Uint8Array, undefined if it does not begin at one. Runs no code of the caller's. Allocates the view. */
export function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  const byteOffset = byteOffsetGetter.call(bytes);
  if (byteOffset % 4 !== 0) return undefined;
  return new Int32Array(bufferGetter.call(bytes), byteOffset, byteLengthOf(bytes) >> 2);
}

/** Whether it is a Uint8Array. May run code of the caller's, a trap among its prototypes. Never throws, allocates nothing. */
export function isBytes(value: unknown): value is Uint8Array {
  try {
    // Other numbers, and a DataView, may pass for bytes by their prototype, but not by their length.
    return (
      ArrayBuffer.isView(value) &&
      value instanceof Uint8Array &&
      lengthGetter.call(value) === byteLengthGetter.call(value)
    );
  } catch {
    return false; // a DataView, or a detached buffer
  }
}

/** Throws TypeError unless it is a Uint8Array, RangeError if it has less than so many bytes. For whoever is handed packets. */
export function checkBytes(buffer: unknown, least: number): void {
  if (!isBytes(buffer)) throw new TypeError("buffer must be a Uint8Array");
  const bytes = byteLengthOf(buffer);
  if (bytes < least) throw new RangeError(`buffer must have at least ${least} bytes, has ${bytes}`);
}

/**
 * The bytes of a payload; "" if it has none, undefined if it is neither a Uint8Array nor an ArrayBuffer. May run code of the caller's,
 * as isBytes. Never throws. Allocates the view of an ArrayBuffer, else nothing.
 */
export function bytesOf(payload: unknown): Uint8Array | "" | undefined {
  let bytes: Uint8Array | undefined;
  if (isBytes(payload)) bytes = payload;
  else
    try {
      if (payload instanceof ArrayBuffer) bytes = new Uint8Array(payload, 0, bufferLengthGetter.call(payload));
    } catch {
      // A detached buffer, or an object that passes for one by its prototype.
    }
  // Not its length, which could be the caller's code. Nothing is there, too, if its buffer is detached.
  return bytes && bytes[0] === undefined ? "" : bytes;
}
