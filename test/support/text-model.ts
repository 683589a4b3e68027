// The text rules of docs/format.md, plainly: it shares no code with src/ or host/.

const REPLACEMENT = [0xef, 0xbf, 0xbd];

const isIn = (byte: number | undefined, least: number, most: number) =>
  byte !== undefined && byte >= least && byte <= most;

/** The length of a character by its lead byte: 0 if it is not one. */
const countOf = (first: number) =>
  first < 0x80 ? 1 : first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

/**
 * Unicode's table of well-formed bytes: whether this byte may follow `index` others that begin with the lead byte. `halves`: those of surrogate pairs
 * are characters, too, as in a string of XS.
 */
function belongs(byte: number | undefined, first: number, index: number, halves: boolean): boolean {
  if (index > 1) return isIn(byte, 0x80, 0xbf);
  if (first === 0xe0) return isIn(byte, 0xa0, 0xbf);
  if (first === 0xed && !halves) return isIn(byte, 0x80, 0x9f);
  if (first === 0xf0) return isIn(byte, 0x90, 0xbf);
  if (first === 0xf4) return isIn(byte, 0x80, 0x8f);
  return isIn(byte, 0x80, 0xbf);
}

/** How many bytes from `at` on are a character, or the most that could have begun one; at least 1. */
function begunBytes(bytes: ArrayLike<number>, at: number, halves: boolean): number {
  const first = bytes[at]!;
  const count = countOf(first);
  let begun = 1;
  while (begun < count && belongs(bytes[at + begun], first, begun, halves)) begun++;
  return begun;
}

/** Half a surrogate pair, as XS keeps it in a string. */
const isHalf = (bytes: ArrayLike<number>, at: number, least: number, most: number) =>
  bytes[at] === 0xed && isIn(bytes[at + 1], least, most) && isIn(bytes[at + 2], 0x80, 0xbf);

/** Adds the character at `at`, or its replacement, to a text of at most this many bytes. Returns false if there is no room. */
function add(
  text: number[],
  bytes: ArrayLike<number>,
  at: number,
  count: number,
  isCharacter: boolean,
  most: number,
): boolean {
  if (text.length + (isCharacter ? count : 3) > most) return false;
  if (!isCharacter) text.push(...REPLACEMENT);
  else for (let index = 0; index < count; index++) text.push(bytes[at + index]!);
  return true;
}

/** The text of bytes in a record with this much room. */
export function textOfBytes(bytes: ArrayLike<number>, most: number): number[] {
  const text: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const count = begunBytes(bytes, at, false);
    const isCharacter = bytes[at] !== 0 && count === countOf(bytes[at]!);
    if (!add(text, bytes, at, count, isCharacter, most)) break;
    at += count;
  }
  return text;
}

/** The text of a string of XS that is kept as these bytes: it ends at the first zero. */
export function textOfString(bytes: ArrayLike<number>, most: number): number[] {
  const text: number[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    if (isHalf(bytes, at, 0xa0, 0xaf) && isHalf(bytes, at + 3, 0xb0, 0xbf)) {
      const high = ((bytes[at + 1]! & 15) << 6) | (bytes[at + 2]! & 63);
      const low = ((bytes[at + 4]! & 15) << 6) | (bytes[at + 5]! & 63);
      const code = 0x10000 + ((high << 10) | low);
      const pair = [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
      if (!add(text, pair, 0, 4, true, most)) break;
      at += 6;
      continue;
    }
    const isNul = bytes[at] === 0xc0 && bytes[at + 1] === 0x80;
    const count = isNul ? 2 : begunBytes(bytes, at, true);
    const isCharacter = !isNul && !isHalf(bytes, at, 0xa0, 0xbf) && count === countOf(bytes[at]!);
    if (bytes[at]! >= 0xf0 && text.length + 4 > most) break;
    if (!add(text, bytes, at, count, isCharacter, most)) break;
    at += count;
  }
  return text;
}

/** The bytes of such a string as `encode` of text/encoder counts them: U+0000 one, a pair four, all others as they are. */
export function lengthOfString(bytes: ArrayLike<number>): number {
  let length = 0;
  for (let at = 0; at < bytes.length && bytes[at] !== 0; at++, length++) {
    if (bytes[at] === 0xc0 && bytes[at + 1] === 0x80) at++;
    else if (isHalf(bytes, at, 0xa0, 0xaf) && isHalf(bytes, at + 3, 0xb0, 0xbf)) {
      at += 5;
      length += 3;
    }
  }
  return length;
}

/** Whether String.fromArrayBuffer makes a string of these bytes: each lead byte has its count of others, and no other is alone. */
export function isTaken(bytes: ArrayLike<number>): boolean {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const count = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (count === 0) return false;
    for (let index = at + 1; index < at + count; index++) if (!isIn(bytes[index], 0x80, 0xbf)) return false;
    at += count;
  }
  return true;
}
