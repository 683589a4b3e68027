import { MAX_TOKEN_BYTES } from "./packet-layout.ts";

/** The table of interned strings of one emitter. Token 0 is "" and not in it; a token never changes its meaning. */
export class TokenTable {
  readonly #utf8Bytes: (name: string) => number;
  readonly #bound: number;
  readonly #tokens = new Map<string, number>();
  /** The name of token 1 is the first. */
  readonly names: string[] = [];
  // As an object, for XS: see src/text.ts.
  readonly #charCodeAt: typeof String.prototype.charCodeAt = Object(String.prototype.charCodeAt);

  /** `bound`: most names, 0 to 65,535. `utf8Bytes`: bytes of a name in a packet of tokens, exact up to 64. */
  constructor(bound: number, utf8Bytes: (name: string) => number) {
    this.#bound = bound;
    this.#utf8Bytes = utf8Bytes;
  }

  /** 0 <= count <= bound; the tokens in use are 1 to count. */
  get count(): number {
    return this.names.length;
  }

  /**
   * Token of a name; -1 if it is new and the table is full or the name has more than 64 bytes.
   * Allocates for a new name, and 48 bytes on XS for one of up to 64 characters that has more bytes.
   */
  intern(name: string): number {
    if (name === "") return 0;
    const known = this.#tokens.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= this.#bound) return -1;
    if (this.#charCodeAt.call(name, MAX_TOKEN_BYTES) >= 0) return -1; // NaN unless there are more characters than that
    if (this.#utf8Bytes(name) > MAX_TOKEN_BYTES) return -1;
    this.names.push(name);
    this.#tokens.set(name, this.names.length);
    return this.names.length;
  }
}
