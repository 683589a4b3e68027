// What XS's compiler knows and @moddable/typings 5.6 does not.

/** A base class whose instances are host objects with this destructor in C. */
declare function Native(name: string): new () => object;

/** A function in C. */
declare function native(name: string): (...args: unknown[]) => unknown;

/** Shows text where XS shows it, in builds that do. */
declare function trace(text: string): void;

interface StringConstructor {
  /** The text of bytes, which have to be UTF-8 by their lead bytes. Throws for others. */
  fromArrayBuffer(buffer: ArrayBufferLike, byteOffset?: number, byteLength?: number): string;
}
