// The engine decides what counts as bytes: an object can claim anything.

/**
 * Returns the getter of a built-in prototype: it throws unless the engine made the object, ignores what a subclass
 * claims, and runs none of its code. An object, for the sake of XS: see src/moddable/platform.ts. No symbols as keys:
 * Moddable's linker strips those built-ins.
 */
function getter<Value>(prototype: object, key: string): { call(value: unknown): Value } {
  return Object(Object.getOwnPropertyDescriptor(prototype, key)!.get);
}

// Made when the module is loaded: on a device that is when it is linked, so they are in flash.
const typedArray: object = /* @__PURE__ */ Object.getPrototypeOf(Uint8Array.prototype);
const byteLengthGetter = /* @__PURE__ */ getter<number>(typedArray, "byteLength");
const byteOffsetGetter = /* @__PURE__ */ getter<number>(typedArray, "byteOffset");
const bufferGetter = /* @__PURE__ */ getter<ArrayBuffer>(typedArray, "buffer");
const bufferLengthGetter = /* @__PURE__ */ getter<number>(ArrayBuffer.prototype, "byteLength");

/**
 * Returns the number of bytes of a Uint8Array. Throws for any other object, and on some engines for a detached one.
 * Allocates nothing.
 */
export function byteLengthOf(bytes: Uint8Array): number {
  return byteLengthGetter.call(bytes);
}

/** Returns where the bytes of a Uint8Array are, whatever it claims. Throws for other objects. */
export const bufferOf = (bytes: Uint8Array): ArrayBuffer => bufferGetter.call(bytes);
export const byteOffsetOf = (bytes: Uint8Array): number => byteOffsetGetter.call(bytes);

/**
 * Returns the whole words of a Uint8Array, undefined if it is not aligned to words. Runs none of the caller's code.
 * Allocates the view.
 */
export function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  const byteOffset = byteOffsetGetter.call(bytes);
  if (byteOffset % 4 !== 0) return undefined;
  return new Int32Array(bufferGetter.call(bytes), byteOffset, byteLengthOf(bytes) >> 2);
}

/**
 * Returns the bytes of a payload; "" if it has none, undefined if it is neither a Uint8Array nor an ArrayBuffer. May
 * run the caller's code, such as a trap among its prototypes. Never throws. Allocates the view of an ArrayBuffer, else
 * nothing.
 */
export function bytesOf(payload: unknown): Uint8Array | "" | undefined {
  try {
    if (!ArrayBuffer.isView(payload))
      payload = payload instanceof ArrayBuffer && new Uint8Array(payload, 0, bufferLengthGetter.call(payload));
    if (payload instanceof Uint8Array) {
      const bytes = byteLengthGetter.call(payload);
      if (bytes === 0) return "";
      // Other arrays of numbers may claim to be bytes by their prototype, but they have nothing where the last byte
      // would be.
      if (payload[bytes - 1] !== undefined) return payload;
    }
  } catch {
    // A detached buffer, a DataView, or an object that claims to be a buffer by its prototype: the getter throws.
  }
}

/**
 * Throws TypeError unless it is a Uint8Array, RangeError if it has fewer bytes. For buffers that are passed on to be
 * filled, or sent.
 */
export function checkBytes(buffer: unknown, least: number): void {
  const bytes = bytesOf(buffer); // the view of an ArrayBuffer is another object
  if (bytes === undefined || (bytes !== "" && bytes !== buffer)) throw new TypeError("buffer must be a Uint8Array");
  checkLength(bytes === "" ? 0 : byteLengthOf(bytes), least);
}

/** Throws as checkBytes. */
export function checkLength(bytes: number, least: number): void {
  if (bytes < least) throw new RangeError(`buffer must have at least ${least} bytes, has ${bytes}`);
}
