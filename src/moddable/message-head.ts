import { bufferOf, byteLengthOf, byteOffsetOf } from "../ring/bytes.ts";

/** Limits a search to 110,000 instructions on RV32, whatever the message is. */
export const MOST_STEPS = 20;

const HEAD_CHARACTERS = 512;
/** XS's string methods read a string to its end; charCodeAt reads only as far as it must. */
const MOST_CHARACTERS = 4096;
const CHARACTER_BYTES = 4;

// Objects: see platform.ts.
const charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);
const slice: typeof String.prototype.slice = Object(String.prototype.slice);

/** Whether the message is longer than what the last call returned. */
export let isCut = false;

/** Returns the first 512 characters of a text; undefined if it is so long that they are not read. */
export function headOf(text: string): string | undefined {
  if (charCodeAt.call(text, MOST_CHARACTERS) >= 0) return undefined;
  isCut = text.length > HEAD_CHARACTERS;
  return isCut ? slice.call(text, 0, HEAD_CHARACTERS) : text;
}

/** Returns the text of the first 512 bytes, up to a zero; undefined if their lead bytes are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  let length = byteLengthOf(bytes);
  isCut = length > HEAD_CHARACTERS;
  if (isCut) {
    length = HEAD_CHARACTERS; // no character is cut
    while (length > HEAD_CHARACTERS - CHARACTER_BYTES && (bytes[length]! & 0xc0) === 0x80) length--;
  }
  try {
    return String.fromArrayBuffer(bufferOf(bytes), byteOffsetOf(bytes), length);
  } catch {
    return undefined;
  }
}
