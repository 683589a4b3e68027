import TextEncoder from "text/encoder";

const SHORT_BYTES = 256;

/**
 * Counts the bytes of a string as UTF-8, a lone surrogate as three. XS tells that of an encoded copy only: up to 252 bytes the copy
 * stays, and the object that `encodeInto` returns is allocated, 48 bytes; a longer string is copied whole, to be collected.
 */
export function utf8Length(): (text: string) => number {
  const encoder = new TextEncoder();
  const short = new Uint8Array(SHORT_BYTES);
  return (text) => {
    const written = encoder.encodeInto(text, short).written;
    short.fill(0, 0, written); // a payload that is kept out stays nowhere
    // Less than a character was left: there may be more of the string.
    return written > SHORT_BYTES - 4 ? encoder.encode(text).byteLength : written;
  };
}
