const HEAD_CHARACTERS = 512;
/** More than any message can need: a backslash is at most twelve. */
export const MOST_STEPS = 12 * HEAD_CHARACTERS;

const CHARACTER_BYTES = 4;

/** Whether the message is longer than what the last call returned. */
export let isCut = false;

/** The first 512 characters of a text. */
export function headOf(text: string): string | undefined {
  isCut = text.length > HEAD_CHARACTERS;
  return isCut ? text.slice(0, HEAD_CHARACTERS) : text;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of the first 512 bytes, up to a zero; undefined if they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  let length = bytes.length;
  isCut = length > HEAD_CHARACTERS;
  if (isCut) {
    length = HEAD_CHARACTERS; // no character is cut
    while (length > HEAD_CHARACTERS - CHARACTER_BYTES && (bytes[length]! & 0xc0) === 0x80) length--;
  }
  try {
    const text = decoder.decode(bytes.subarray(0, length));
    const end = text.indexOf("\0");
    return end < 0 ? text : text.slice(0, end);
  } catch {
    return undefined;
  }
}
