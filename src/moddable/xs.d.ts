// What XS's compiler has and @moddable/typings 5.6 does not declare.

/** A base class whose instances are host objects with this destructor in C. */
declare function Native(name: string): new () => object;

/** A function in C. */
declare function native(name: string): (...args: unknown[]) => unknown;

/** Shows text where XS shows it, in builds that do so. */
declare function trace(text: string): void;

interface StringConstructor {
  /** Returns the text of bytes; their lead bytes must be UTF-8, or it throws. */
  fromArrayBuffer(buffer: ArrayBufferLike, byteOffset?: number, byteLength?: number): string;
}
