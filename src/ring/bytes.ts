// What counts as bytes is asked of the engine: an object may say of itself what it likes.

/**
 * A getter of a built-in prototype itself: it throws unless the engine made the object as such, sees through what a subclass says, and
 * runs no code of its. As an object, for XS: see src/moddable/platform.ts. No key that is a symbol: Moddable's linker strips those built-ins.
 */
function getter<Value>(prototype: object, key: string): { call(value: unknown): Value } {
  return Object(Object.getOwnPropertyDescriptor(prototype, key)!.get);
}

// Made when the module is loaded: on a device that is when it is linked, and they lie in flash.
const typedArray: object = /* @__PURE__ */ Object.getPrototypeOf(Uint8Array.prototype);
const byteLengthGetter = /* @__PURE__ */ getter<number>(typedArray, "byteLength");
const byteOffsetGetter = /* @__PURE__ */ getter<number>(typedArray, "byteOffset");
const bufferGetter = /* @__PURE__ */ getter<ArrayBuffer>(typedArray, "buffer");
const bufferLengthGetter = /* @__PURE__ */ getter<number>(ArrayBuffer.prototype, "byteLength");

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

/**
 * The bytes of a payload; "" if it has none, undefined if it is neither a Uint8Array nor an ArrayBuffer. May run code of the caller's, a
 * trap among its prototypes. Never throws. Allocates the view of an ArrayBuffer, else nothing.
 */
export function bytesOf(payload: unknown): Uint8Array | "" | undefined {
  try {
    if (!ArrayBuffer.isView(payload))
      payload = payload instanceof ArrayBuffer && new Uint8Array(payload, 0, bufferLengthGetter.call(payload));
    if (payload instanceof Uint8Array) {
      const bytes = byteLengthGetter.call(payload);
      if (bytes === 0) return "";
      // Other numbers may pass for bytes by their prototype, but where the last byte would be they have none.
      if (payload[bytes - 1] !== undefined) return payload;
    }
  } catch {
    // A detached buffer, a DataView, or what passes for a buffer by its prototype: the getter throws.
  }
}

/** Throws TypeError unless it is a Uint8Array, RangeError if it has less than so many bytes. For what is handed on to be filled, or sent. */
export function checkBytes(buffer: unknown, least: number): void {
  const bytes = bytesOf(buffer); // of an ArrayBuffer it is a view, another object
  if (bytes === undefined || (bytes !== "" && bytes !== buffer)) throw new TypeError("buffer must be a Uint8Array");
  checkLength(bytes === "" ? 0 : byteLengthOf(bytes), least);
}

/** Throws as checkBytes. */
export function checkLength(bytes: number, least: number): void {
  if (bytes < least) throw new RangeError(`buffer must have at least ${least} bytes, has ${bytes}`);
}
