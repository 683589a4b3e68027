import TextEncoder from "text/encoder";

const SHORT_BYTES = 256;

/**
 * Counts the bytes of a string as UTF-8, a lone surrogate as three. XS tells the length of an encoded copy only. Up to
 * 252 bytes the copy has a permanent place, and only the object that `encodeInto` returns is allocated, 48 bytes; a
 * longer string is copied as a whole, to be collected.
 */
export function utf8Length(): (text: string) => number {
  const encoder = new TextEncoder();
  const short = new Uint8Array(SHORT_BYTES);
  return (text) => {
    const written = encoder.encodeInto(text, short).written;
    short.fill(0, 0, written); // no copy of a payload that is kept out may remain
    // There was no room for another character: the string may be longer.
    return written > SHORT_BYTES - 4 ? encoder.encode(text).byteLength : written;
  };
}
