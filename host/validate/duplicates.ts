/**
 * Finds keys that occur more than once in a line. JSON.parse silently keeps the last. The line's length tells whether
 * there can be one: every pair takes room, so a line that is hardly longer than its pairs need has no other. Only a
 * longer line (spaces, unnecessary escapes) is searched.
 */

/** Fewest characters of an integer's JSON: 1000 may be written 1e3. */
export function leastIntegerChars(value: number): number {
  if (value < 0) return 1 + leastIntegerChars(-value);
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value % 1000 === 0) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  if (value < 100_000_000) return 8;
  if (value > Number.MAX_SAFE_INTEGER) return 3; // as 1e99 or 1e999
  return String(value).length;
}

const encoder = new TextEncoder();
/** Longer texts are examined piece by piece. */
const PIECE_CHARS = 1024;
const piece = new Uint8Array(PIECE_CHARS * 3);

/**
 * The fewest characters that the escapes required by JSON add to a text. By way of bytes: reading a string character by
 * character costs twice as much.
 */
export function leastEscapeChars(text: string): number {
  let added = 0;
  for (let from = 0; from < text.length; from += PIECE_CHARS) {
    const part = text.length <= PIECE_CHARS ? text : text.slice(from, from + PIECE_CHARS);
    const { written } = encoder.encodeInto(part, piece);
    for (let at = 0; at < written; at++) {
      const byte = piece[at];
      // A quote, a backslash, or a control character; some have a short form.
      if (byte === 0x22 || byte === 0x5c || byte < 0x20) added += 1;
    }
  }
  return added;
}

/**
 * Counts the keys that occur more than once in a line that JSON.parse accepts as an object; its own keys, not those of
 * values.
 */
export function duplicateKeys(line: string): Map<string, number> {
  const counts = new Map<string, number>();
  const duplicates = new Map<string, number>();
  let depth = 0;
  let isKey = false;
  for (let at = 0; at < line.length; at++) {
    switch (line.charCodeAt(at)) {
      case 0x22: {
        const end = stringEnd(line, at);
        if (isKey) {
          const key: string = JSON.parse(line.slice(at, end));
          const count = (counts.get(key) ?? 0) + 1;
          counts.set(key, count);
          if (count > 1) duplicates.set(key, count);
          isKey = false;
        }
        at = end - 1;
        break;
      }
      case 0x7b: // {
      case 0x5b: // [
        depth += 1;
        isKey = depth === 1;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1;
        break;
      case 0x2c: // ,
        isKey = depth === 1;
        break;
    }
  }
  return duplicates;
}

/** The position after the closing quote of the string that begins at `start`. */
function stringEnd(line: string, start: number): number {
  for (let at = line.indexOf('"', start + 1); ; at = line.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (line.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}
