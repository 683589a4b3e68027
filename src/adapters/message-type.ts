/**
 * Finds the type that a message states. Where there are natives, src/moddable/native/telemetryMessageType.c finds the
 * same.
 *
 * The type is the first string value of a key `type` in the outermost JSON object, else of the first key `method`.
 * Whatever follows it is not read, so the message need not be valid JSON. The search covers the first 512 characters of
 * a text, or the first 512 bytes, which must be UTF-8 up to a zero; and the first 40 members of the object.
 *
 * The built-ins search in C: a message is split at its quotes, and each piece is compared as a whole. The rest is
 * bounded to MOST_STEPS steps: one for each character outside of strings, two for each string, six for each backslash
 * before a quote or in a key or a name. In Node that is more than the 512 characters can need; XS gives up sooner,
 * which is counted.
 */

import { headOf, isCut, MOST_STEPS, textOf } from "#message-head";
import type { Token } from "../ring/api.ts";
import { bytesOf } from "../ring/bytes.ts";

const STRING_STEPS = 2;
const QUOTE_STEPS = 6;
const ESCAPE_STEPS = 6;
const MOST_MEMBERS = 40;
/** For a key with escapes that means "type", or "method". */
const LEAST_ESCAPED = 9;
const MOST_ESCAPED = 36;
const MOST_REMEMBERED = 8;
/** More than the pieces, or the parts of a string, that this many steps allow. */
const MOST_PIECES = MOST_STEPS + 3;
const MOST_PARTS = MOST_STEPS / 6 + 2;

const TYPE = "type";
const METHOD = "method";
const QUOTE_TEXT = '"';
/** The character after each character. */
const BEHIND_QUOTE = "#";
const BACKSLASH_TEXT = "\\";
const UNICODE = "u";
const HEXADECIMAL = "0x";
const UNICODE_ESCAPE = '"\\u';
const ESCAPED = '"/bfnrt';
const MEANT = '"/\b\f\n\r\t';

const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

// What may come next; up to KEY a string may.
const VALUE = 0;
const REST_OF_VALUE = 1; // not a string
const KEY = 2;
const COLON_BEHIND_KEY = 3;
const COMMA_BEHIND_STRING = 4;
const OBJECT = 5;
/**
 * For each character that may be expected: the character as a text, its code, and what follows it. No piece is a quote;
 * an entry without a character is not a step.
 */
const COMMON: readonly string[] = Object.freeze(['"', '"', '"', ":", ",", "{"]);
const CODES: readonly number[] = Object.freeze([-1, -1, -1, 0x3a, 0x2c, 0x7b]);
const BEHIND: readonly number[] = Object.freeze([VALUE, REST_OF_VALUE, KEY, VALUE, KEY, KEY]);

// Objects, for the sake of XS: see src/moddable/platform.ts. Made when the module is loaded: on a device they are in
// flash.
const charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);
const indexOf: typeof String.prototype.indexOf = Object(String.prototype.indexOf);
const endsWith: typeof String.prototype.endsWith = Object(String.prototype.endsWith);
const slice: typeof String.prototype.slice = Object(String.prototype.slice);
const split: { call(text: string, separator: string, limit: number): string[] } = Object(String.prototype.split);

/** Returns "" if there is none, or if the message is neither text nor bytes; undefined if the search was given up. */
export type FindMessageType = (message: unknown) => string | undefined;

/**
 * For the type that was found last: how many pieces of the message, split at its quotes, end before it does; 0 if none
 * was found, or a method.
 */
export let piecesOfType = 0;

/** See FindMessageType. Allocates the pieces of the message's beginning. */
export function findMessageType(message: unknown): string | undefined {
  let head: string | undefined;
  if (typeof message === "string") head = headOf(message);
  else {
    const bytes = bytesOf(message);
    if (bytes === undefined || bytes === "") return "";
    head = textOf(bytes);
    if (head === undefined) return "";
  }
  return head === undefined ? undefined : find(head);
}

/**
 * Searches the beginning of a message. One function with its own variables: on XS a call costs as much as ten
 * comparisons.
 */
function find(head: string): string | undefined {
  const pieces = split.call(head, QUOTE_TEXT, MOST_PIECES);
  const last = pieces.length - 1;
  let steps = MOST_STEPS;
  let expected = OBJECT;
  let depth = 0;
  let isType = false;
  let isMethod = false;
  let members = 0;
  let method: string | undefined;
  let isOver = false; // the end of the searched part
  piecesOfType = 0;
  search: for (let index = 0; ; index++) {
    // Outside of strings. Most messages have only three different characters there.
    const outside = pieces[index]!;
    if (outside === COMMON[expected]) {
      steps--;
      expected = BEHIND[expected]!;
    } else {
      let at = 0;
      let code = charCodeAt.call(outside, 0);
      for (;;) {
        while (code <= 0x20) {
          if (code !== 0x20) if (code !== 0x0a) if (code !== 0x0d) if (code !== 0x09) break;
          if (--steps < 0) break search;
          code = charCodeAt.call(outside, ++at);
        }
        if (!(code >= 0)) break; // NaN after the end
        if (expected <= REST_OF_VALUE) {
          expected = REST_OF_VALUE;
          for (;;) {
            if (code >= OPENING_BRACKET) {
              if (code === OPENING_BRACKET) depth++;
              else if (code === OPENING_BRACE) depth++;
              else if (code === CLOSING_BRACKET) depth--;
              else if (code === CLOSING_BRACE) {
                if (depth === 0) break search;
                depth--;
              }
            } else if (code === COMMA) {
              if (depth === 0) break;
            } else if (!(code >= 0)) break;
            if (--steps < 0) break search;
            code = charCodeAt.call(outside, ++at);
          }
          if (code !== COMMA) break;
          expected = KEY;
        } else {
          if (code !== CODES[expected]) break search;
          expected = BEHIND[expected]!;
        }
        if (--steps < 0) break search;
        code = charCodeAt.call(outside, ++at);
      }
    }
    if (steps < 0) break;
    isOver = index >= last;
    if (isOver || expected > KEY) break;

    if (expected === KEY)
      if (++members > MOST_MEMBERS) {
        steps = -1;
        break;
      }
    // A string.
    let text = pieces[++index]!;
    isOver = index >= last;
    steps -= STRING_STEPS;
    if (steps < 0 || isOver) break;
    while (endsWith.call(pieces[index]!, BACKSLASH_TEXT)) {
      const backslashes = backslashesBehind(pieces[index]!, steps);
      steps -= QUOTE_STEPS * backslashes;
      if (steps < 0) break search;
      if ((backslashes & 1) === 0) break;
      text += QUOTE_TEXT + pieces[++index]!;
      isOver = index >= last;
      if (isOver) break search;
    }
    if (expected === REST_OF_VALUE) continue;
    const isValue = expected === VALUE;
    if (isValue) {
      expected = COMMA_BEHIND_STRING;
      if (!isType) if (!isMethod) continue;
    }
    // A key with an escape has this many characters if it means one of the words.
    const length = isValue ? LEAST_ESCAPED : text.length;
    if (length >= LEAST_ESCAPED)
      if (length <= MOST_ESCAPED)
        if (indexOf.call(text, BACKSLASH_TEXT) >= 0) {
          steps -= ESCAPE_STEPS * (split.call(text, BACKSLASH_TEXT, MOST_PARTS).length - 1);
          if (steps < 0) break;
          text = meaningOf(text);
        }
    if (!isValue) {
      isType = text === TYPE;
      isMethod = method === undefined && text === METHOD;
      expected = COLON_BEHIND_KEY;
    } else if (isType) {
      piecesOfType = index + 1;
      return text;
    } else method = text;
  }
  return method ?? (steps < 0 || (isOver && isCut) ? undefined : "");
}

/**
 * Returns the token of a message's type. Does not ask `tokenOf` for a text that begins like one of the last ones with a
 * token, up to its type: comparisons alone find those.
 */
export function rememberTexts(tokenOf: (type: string | undefined) => Token): (message: unknown) => Token {
  const begins: string[] = [];
  const ends: string[] = []; // the first text after those that begin alike
  const tokens: Token[] = [];
  let last = 0;
  let oldest = 0;
  return (message) => {
    const isText = typeof message === "string";
    if (isText) {
      const count = tokens.length;
      let index = last; // texts often alternate, and an answer has the type of its message
      for (let tried = 0; tried < count; tried++) {
        if (message >= begins[index]!)
          if (message < ends[index]!) {
            last = index;
            return tokens[index]!;
          }
        index = index + 1 < count ? index + 1 : 0;
      }
    }
    const type = findMessageType(message);
    const token = type === "" ? 0 : tokenOf(type);
    if (isText && token > 0 && piecesOfType > 0) {
      const pieces = split.call(message, QUOTE_TEXT, piecesOfType);
      let begin = pieces[0]!;
      for (let index = 1; index < piecesOfType; index++) begin += QUOTE_TEXT + pieces[index]!;
      begins[oldest] = begin + QUOTE_TEXT;
      ends[oldest] = begin + BEHIND_QUOTE;
      tokens[oldest] = token;
      last = oldest;
      oldest = oldest < MOST_REMEMBERED - 1 ? oldest + 1 : 0;
    }
    return token;
  };
}

/** Returns how many backslashes a piece ends with, or more than there are steps. */
function backslashesBehind(piece: string, steps: number): number {
  let count = 0;
  for (let last = piece.length - 1; count <= steps && charCodeAt.call(piece, last) === BACKSLASH; last--) count++;
  return count;
}

/**
 * Returns what a string with escapes means; "" if one of them is wrong. Each half of a surrogate pair is a character.
 */
function meaningOf(name: string): string {
  const parts = split.call(name, BACKSLASH_TEXT, MOST_PARTS);
  let meaning = parts[0]!;
  for (let index = 1; index < parts.length; index++) {
    const part = parts[index]!;
    if (part === "") {
      // An escaped backslash may be followed by another one, but a string does not end with one.
      meaning += BACKSLASH_TEXT + parts[++index]!;
      continue;
    }
    const letter = slice.call(part, 0, 1);
    if (letter !== UNICODE) {
      const known = indexOf.call(ESCAPED, letter);
      if (known < 0) return "";
      meaning += slice.call(MEANT, known, known + 1) + slice.call(part, 1);
      continue;
    }
    const digits = slice.call(part, 1, 5);
    // JSON.parse gets only digits and white space: for a string that is not UTF-8, XS's writes beyond its memory.
    if (Number.isNaN(Number(HEXADECIMAL + digits))) return "";
    try {
      meaning += JSON.parse(UNICODE_ESCAPE + digits + QUOTE_TEXT) + slice.call(part, 5);
    } catch {
      return "";
    }
  }
  return meaning;
}
