const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The members of a JSON object, by name. */
export interface JsonMembers {
  /**
   * In their spelling, so that a moved value is not parsed and written again: a number could lose what a double cannot
   * hold.
   */
  readonly values: Map<string, string>;
  /** A repeated name, whose last value counts, as in JSON.parse; undefined if there is none. */
  readonly repeated: string | undefined;
}

/** For a text that JSON.parse accepts as an object. Never throws; linear in the text. */
export function readMembers(text: string): JsonMembers {
  const values = new Map<string, string>();
  let repeated: string | undefined;
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = endOfString(text, at);
    const name = stringOf(text.slice(at, nameEnd))!;
    const start = skipSpace(text, text.indexOf(":", nameEnd) + 1);
    const end = endOfValue(text, start);
    if (values.has(name)) repeated ??= name;
    values.set(name, text.slice(start, end));
    at = skipSpace(text, skipSpace(text, end) + 1); // past the comma; past the end, where the object ends
  }
  return { values, repeated };
}

/** The text that a JSON value is; undefined if it is not a text, or is missing. */
export function stringOf(value: string | undefined): string | undefined {
  if (value?.charCodeAt(0) !== QUOTE) return undefined;
  return value.includes("\\") ? JSON.parse(value) : value.slice(1, -1);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first === "{" || first === "[") return endOfNested(text, start);
  let at = start;
  while (!isEndOfScalar(text.charCodeAt(at))) at++;
  return at;
}

/** A comma, a closing brace, or space. */
function isEndOfScalar(code: number): boolean {
  return code === 0x2c || code === 0x7d || code <= 0x20;
}

function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let run = quote;
    while (text.charCodeAt(run - 1) === BACKSLASH) run--;
    if ((quote - run) % 2 === 0) return quote + 1;
  }
}

function endOfNested(text: string, start: number): number {
  const mark = /["{}[\]]/g;
  let depth = 0;
  mark.lastIndex = start;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    if (found[0] === '"') mark.lastIndex = endOfString(text, found.index);
    else if (found[0] === "{" || found[0] === "[") depth++;
    else if (--depth === 0) return mark.lastIndex;
  }
  return text.length;
}
