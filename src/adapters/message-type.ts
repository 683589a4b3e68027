import { bytesOf } from "../ring/bytes.ts";

/** Characters or bytes of a message that are looked at. */
const MOST_UNITS = 512;
/** Of a name as it is written: 64 bytes, each of which may be an escape of six characters. */
const MOST_NAME_UNITS = 384;
/** Of the beginning of a message that is remembered. */
const MOST_KNOWN_UNITS = 96;
/** A key that has escapes and means "method" has no more. */
const MOST_KEY_UNITS = 36;

const TYPE = "type";
const METHOD = "method";
const QUOTE = 0x22;
const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
/** Behind the end, or the bound: no character. */
const END = -1;

// As objects, for XS: see src/moddable/platform.ts. Made when the module is loaded: on a device they lie in flash.
const charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);
const startsWith: typeof String.prototype.startsWith = Object(String.prototype.startsWith);

/**
 * The type of a message: the first string that is the value of a key `type` of a JSON object, else that of `method`; "" if there is
 * none, or the message is none: text, or bytes as UTF-8. Never throws.
 */
export type FindMessageType = (message: unknown) => string;

/** How a message with a type began, up to the type's end. */
interface Beginning {
  /** "" if the message was bytes, or there was none. */
  text: string;
  readonly bytes: Uint8Array;
  /** Of the bytes, those that count; -1 if the message was text, 0 if there was none. */
  length: number;
  name: string;
}

// The message that is looked at, one at a time whoever asks: nothing of it is kept. In variables of the module, and read by functions of
// the module, so that an adapter takes no RAM for them.
let text = "";
let bytes: Uint8Array | undefined;
let at = 0;
// Of the string that was read last, between its quotes.
let start = 0;
let end = 0;
let isEscaped = false;

function unit(index: number): number {
  if (index >= MOST_UNITS) return END;
  if (bytes !== undefined) return bytes[index] ?? END;
  const code = charCodeAt.call(text, index);
  return code >= 0 ? code : END; // NaN behind the end
}

/** The next character that is no white space; `at` is where it stands. */
function next(): number {
  let code = unit(at);
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = unit(++at);
  return code;
}

/** Reads the string whose quote is at `at`. False if it does not end in time. */
function readString(): boolean {
  start = ++at;
  isEscaped = false;
  for (;;) {
    const code = unit(at);
    if (code === END) return false;
    if (code === QUOTE) {
      end = at++;
      return true;
    }
    if (code === BACKSLASH) {
      isEscaped = true;
      at++;
    }
    at++;
  }
}

/** Reads a value that is no string, up to the comma or brace behind it, whatever is in it. False if it does not end in time. */
function skipValue(): boolean {
  let depth = 0;
  for (;;) {
    const code = unit(at);
    if (code === END) return false;
    if (code === QUOTE) {
      if (!readString()) return false;
      continue;
    }
    if (depth === 0 && (code === COMMA || code === CLOSING_BRACE)) return true;
    if (code === OPENING_BRACE || code === OPENING_BRACKET) depth++;
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth--;
    at++;
  }
}

/** Whether the string that was read last is this word, which has no escapes. */
function isWord(word: string): boolean {
  if (isEscaped) return end - start <= MOST_KEY_UNITS && meaningOf(start, end, true) === word;
  if (end - start !== word.length) return false;
  for (let index = 0; index < word.length; index++)
    if (unit(start + index) !== charCodeAt.call(word, index)) return false;
  return true;
}

/** What a string between quotes means; "" if it is too long for a type, or wrong. */
function meaningOf(from: number, to: number, hasEscapes: boolean): string {
  if (to - from > MOST_NAME_UNITS) return "";
  const written = bytes === undefined ? text.slice(from, to) : fromUtf8(bytes, from, to);
  return hasEscapes ? unescaped(written) : written;
}

/** What the message's type is; `keep` is called with that of a key `type`, and remembers how the message began. */
function find(keep: (name: string) => string): string {
  let methodFrom = 0;
  let methodTo = 0;
  let isMethodEscaped = false;
  at = 0;
  if (next() !== OPENING_BRACE) return "";
  do {
    at++;
    if (next() !== QUOTE || !readString()) break;
    const isType = isWord(TYPE);
    const isMethod = !isType && methodTo === 0 && isWord(METHOD);
    if (next() !== COLON) break;
    at++;
    if (next() !== QUOTE) {
      if (!skipValue()) break;
      continue;
    }
    if (!readString()) break;
    if (isType) return keep(meaningOf(start, end, isEscaped));
    if (isMethod) {
      methodFrom = start;
      methodTo = end;
      isMethodEscaped = isEscaped;
    }
  } while (next() === COMMA);
  return methodTo > 0 ? meaningOf(methodFrom, methodTo, isMethodEscaped) : "";
}

/**
 * Made when the program runs, for it keeps objects. A call looks at no more than the first 512 characters, or bytes, of a message, and
 * parses nothing: what stands behind the type, and whether it is JSON at all, is not asked. It costs in proportion to what it looks at,
 * and allocates the name, and for an ArrayBuffer a view of it. `remembered`: how many beginnings are kept, 1 or more, some 300 bytes
 * each; a message that has one of them up to its type costs a comparison, and allocates no name.
 */
export function createMessageType(remembered = 1): FindMessageType {
  // Messages of one type come in runs: what the last one began with is tried first. It stands in variables, for XS.
  const known: Beginning[] = [];
  while (known.length < remembered)
    known.push({ text: "", bytes: new Uint8Array(MOST_KNOWN_UNITS), length: 0, name: "" });
  let lastText = "";
  let lastBytes = known[0]!.bytes;
  let lastLength = 0;
  let lastName = "";
  let oldest = 0;

  /** Whether a message begins as the last one did. Asks and changes as little as it can: most messages get no further. */
  function isAgain(message: unknown): boolean {
    if (typeof message === "string") return lastLength < 0 && startsWith.call(message, lastText);
    let left = lastLength;
    if (left <= 0 || !ArrayBuffer.isView(message) || !(message instanceof Uint8Array)) return false;
    // From its end on: that is where the types of one application differ. Behind its own end a message has nothing.
    const expected = lastBytes;
    do left--;
    while (left >= 0 && message[left] === expected[left]);
    return left < 0;
  }

  /** From here on, the message began as this one. */
  function take(beginning: Beginning): void {
    lastText = beginning.text;
    lastBytes = beginning.bytes;
    lastLength = beginning.length;
    lastName = beginning.name;
  }

  /** Remembers how the message began, in the place of what has been known for longest. */
  function keep(name: string): string {
    if (at > MOST_KNOWN_UNITS) return name;
    const beginning = known[oldest]!;
    oldest = oldest + 1 < remembered ? oldest + 1 : 0;
    beginning.name = name;
    beginning.text = bytes === undefined ? text.slice(0, at) : "";
    beginning.length = bytes === undefined ? -1 : at;
    for (let index = 0; index < beginning.length; index++) beginning.bytes[index] = bytes![index]!;
    take(beginning);
    return name;
  }

  /** As a FindMessageType, of a message that does not begin as the last one did. */
  function look(message: unknown): string {
    try {
      const looked = typeof message === "string" ? message : bytesOf(message);
      if (looked === undefined || looked === "") return "";
      // What is remembered and fits is then the last. A subclass's length may be code that asks in its turn: this comes first.
      for (let index = 0; index < remembered; index++) {
        take(known[index]!);
        if (isAgain(looked)) return lastName;
      }
      if (typeof looked === "string") text = looked;
      else bytes = looked;
      return find(keep);
    } catch {
      return "";
    } finally {
      // A message is not kept alive.
      text = "";
      bytes = undefined;
    }
  }

  return (message) => (isAgain(message) ? lastName : look(message));
}

/** Of which escapes are made. */
const ESCAPE_LETTERS = '"\\/bfnrtu0123456789abcdefABCDEF';

/**
 * What a string with escapes means; "" if it has a wrong one. JSON.parse gets nothing but escapes: XS's counts the bytes of characters
 * as they should be, and copies those that are there, so that a string that is not UTF-8, as a text frame may be, has it write behind
 * its memory. indexOf and slice go by bytes.
 */
function unescaped(written: string): string {
  let meaning = "";
  let at = 0;
  for (let from = written.indexOf("\\"); from >= 0; from = written.indexOf("\\", at)) {
    meaning += written.slice(at, from);
    at = from;
    do {
      const length = written.slice(at + 1, at + 2) === "u" ? 6 : 2;
      for (const end = at + length; ++at < end; ) {
        const letter = written.slice(at, at + 1);
        if (letter === "" || ESCAPE_LETTERS.indexOf(letter) < 0) return "";
      }
    } while (written.slice(at, at + 1) === "\\");
    try {
      meaning += JSON.parse(`"${written.slice(from, at)}"`);
    } catch {
      return "";
    }
  }
  return meaning + written.slice(at);
}

/** The text of bytes; "" if they are no UTF-8. */
function fromUtf8(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  let isAscii = true;
  for (let index = from; index < to; index++) {
    const byte = bytes[index]!;
    if (byte >= 0x80) isAscii = false;
    text += byte >= 0x80 || byte === PERCENT ? `%${byte.toString(16)}` : String.fromCharCode(byte);
  }
  try {
    return isAscii && text.indexOf("%") < 0 ? text : decodeURIComponent(text);
  } catch {
    return "";
  }
}
