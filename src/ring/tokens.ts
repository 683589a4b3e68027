import { MAX_TOKEN_BYTES } from "./packet-layout.ts";

/** Measures a name. */
export interface NameMeasure {
  /** Bytes of a name in a packet of tokens, exact up to 64. */
  utf8Bytes(name: string): number;
}

/** The table of interned strings of one emitter. Token 0 is "" and not in it; a token never changes its meaning. */
export class TokenTable {
  /** The name of token 1 is the first. */
  readonly names: string[] = [];
  private readonly tokens = new Map<string, number>();
  private readonly bound: number;

  /** `bound`: most names, 0 to 65,535. */
  constructor(bound: number) {
    this.bound = bound;
  }

  /** 0 <= count <= bound; the tokens in use are 1 to count. */
  get count(): number {
    return this.names.length;
  }

  /**
   * Returns the token of a name; -1 if it is new and the table is full or the name has more than 64 bytes. Allocates
   * for a new name; in src/ring/emitter.ts also for one of up to 64 characters with more bytes than characters, 48
   * bytes on XS.
   */
  intern(name: string, measure: NameMeasure): number {
    if (name === "") return 0;
    const known = this.tokens.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= this.bound) return -1;
    if (measure.utf8Bytes(name) > MAX_TOKEN_BYTES) return -1;
    this.names.push(name);
    this.tokens.set(name, this.names.length);
    return this.names.length;
  }
}
