import { bufferOf, byteLengthOf, byteOffsetOf } from "../ring/bytes.ts";

/** Of a search, which then takes no more than 110,000 instructions on RV32, whatever the message. */
export const MOST_STEPS = 20;

const HEAD_CHARACTERS = 512;
/** XS's methods of strings read a string to its end; charCodeAt reads as far as it has to. */
const MOST_CHARACTERS = 4096;
const CHARACTER_BYTES = 4;

// As objects: see platform.ts.
const charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);
const slice: typeof String.prototype.slice = Object(String.prototype.slice);

/** Whether there is more of the message than the last call has returned. */
export let isCut = false;

/** The first 512 characters of a text; undefined if it has so many that they are not looked at. */
export function headOf(text: string): string | undefined {
  if (charCodeAt.call(text, MOST_CHARACTERS) >= 0) return undefined;
  isCut = text.length > HEAD_CHARACTERS;
  return isCut ? slice.call(text, 0, HEAD_CHARACTERS) : text;
}

/** The text of the first 512 bytes, up to a zero; undefined if they are no UTF-8, by their lead bytes. */
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
