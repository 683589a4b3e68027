/** Names of generated TypeScript. */

/** Words that cannot name a variable in a module, or would hide a name that generated code uses. */
export const RESERVED_WORDS: readonly string[] = (
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
  "finally for function if implements import in instanceof interface let new null package private protected public " +
  "return static super switch this throw true try typeof undefined var void while with yield " +
  "ArrayBuffer Object Uint8Array"
).split(" ");

const wordsOf = (name: string): string[] => name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");

/** "lw.conn.epoch" -> "LwConnEpoch" */
export function pascalCase(name: string): string {
  return wordsOf(name)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");
}

/** "lw.conn.epoch" -> "lwConnEpoch" */
export function camelCase(name: string): string {
  const joined = pascalCase(name);
  return joined.slice(0, 1).toLowerCase() + joined.slice(1);
}

/** Identifiers of one scope. A name that is taken gets a `_` at its end: same names, same identifiers. */
export class Identifiers {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  take(name: string): string {
    let identifier = /^[A-Za-z]/.test(name) ? name : `_${name}`;
    while (this.#taken.has(identifier)) identifier += "_";
    this.#taken.add(identifier);
    return identifier;
  }

  /** Makes identifiers for a scope within this one, with some names of its own. */
  within(taken: Iterable<string>): Identifiers {
    return new Identifiers([...this.#taken, ...taken]);
  }
}

/** A property's name as written in an object or interface. */
export const propertyName = (name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name);

/** A doc comment, whatever the lines contain. */
export function docComment(lines: readonly string[], indent = ""): string {
  const safe = lines.map((line) => line.replace(/\s+/g, " ").trim().replaceAll("*/", "*\\/"));
  if (safe.length === 1) return `${indent}/** ${safe[0]} */`;
  return [`${indent}/**`, ...safe.map((line) => `${indent} * ${line}`), `${indent} */`].join("\n");
}
