import { MAX_TOKEN_BYTES } from "./packet-layout.ts";
import type { Text } from "./text.ts";

const EMPTY = "";

/** The table of interned strings of one emitter. Token 0 is "" and not in it; a token never changes its meaning. */
export class TokenTable {
  readonly #text: Text;
  readonly #bound: number;
  readonly #tokens = new Map<string, number>();
  readonly #names: string[] = [];
  // As an object, for XS: see src/text.ts.
  readonly #charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);

  /** `bound`: most names, 0 to 65,535. */
  constructor(text: Text, bound: number) {
    this.#text = text;
    this.#bound = bound;
  }

  /** 0 <= count <= bound; the tokens in use are 1 to count. */
  get count(): number {
    return this.#names.length;
  }

  /** The name of a token from 1 to count. */
  name(token: number): string {
    return this.#names[token - 1]!;
  }

  /**
   * Token of a name; -1 if it is new and the table is full or the name has more than 64 bytes.
   * Allocates for a new name, and 48 bytes on XS for one of up to 64 characters that has more bytes.
   */
  intern(name: string): number {
    if (name === EMPTY) return 0;
    const known = this.#tokens.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= this.#bound) return -1;
    if (this.#charCodeAt.call(name, MAX_TOKEN_BYTES) >= 0) return -1; // NaN unless there are more characters than that
    if (this.#text.fromString(name, this.#text.payload) > MAX_TOKEN_BYTES) return -1;
    this.#names.push(name);
    this.#tokens.set(name, this.#names.length);
    return this.#names.length;
  }
}
