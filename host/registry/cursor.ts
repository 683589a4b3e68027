/** Reads a registry's YAML: every value knows its place, and an error in it is a mistake, not an exception. */
import { isMap, isScalar, isSeq, type Node, Scalar } from "yaml";
import { listed, type MistakeCode, nearest, type Place, shown } from "./mistakes.ts";
import type { YamlSource } from "./yaml-source.ts";

/**
 * Control characters except tab and line feed, lone surrogates, and characters that invisibly change direction or end a
 * line.
 */
const UNFIT = /(?![\t\n])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u;

/** Characters allowed where a name is. */
const LABELS = ["key", "name", "ref", "id"];

/** A value in the document, and the path to it. Each read returns undefined after it has added a mistake. */
export class Cursor {
  readonly source: YamlSource;
  /** "attributes.ip.annotations.wire" */
  readonly path: string;
  readonly #node: Node;

  constructor(source: YamlSource, node: Node, path = "") {
    this.source = source;
    this.#node = node;
    this.path = path;
  }

  get place(): Place {
    return this.source.placeAt(this.#offset);
  }

  get #offset(): number {
    return this.#node.range?.[0] ?? 0;
  }

  /** For messages: the value of a scalar, or the kind of anything else. */
  get shown(): string {
    if (isScalar(this.#node)) return shown(this.#node.value);
    return isSeq(this.#node) ? "a list" : "a mapping";
  }

  get isMapping(): boolean {
    return isMap(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  /** The value of a scalar of any type; undefined for a list or mapping. */
  get scalar(): unknown {
    return isScalar(this.#node) ? this.#node.value : undefined;
  }

  mistake(code: MistakeCode, message: string, fix: string): undefined {
    this.source.fail(this.#offset, code, this.path === "" ? message : `${this.path}: ${message}`, fix);
    return undefined;
  }

  /** With the keys that it may have; any, if they are not given. Unknown ones are mistakes. */
  mapping(known?: readonly string[]): Mapping | undefined {
    if (!isMap(this.#node)) return this.mistake("E_VALUE", `must be a mapping, is ${this.shown}`, "write `key: value`");
    const entries = new Map<string, { key: Cursor; value: Cursor }>();
    for (const { key, value } of this.#node.items) {
      const name = (key as { value: string }).value;
      const path = this.path === "" ? name : `${this.path}.${name}`;
      const at = new Cursor(this.source, key as Node, this.path);
      entries.set(name, {
        key: at,
        value: new Cursor(this.source, (value as Node | null) ?? nothingAt(key as Node), path),
      });
      if (known && !known.includes(name)) unknownKey(at, name, known);
    }
    return new Mapping(this, entries);
  }

  list(): Cursor[] | undefined {
    if (!isSeq(this.#node))
      return this.mistake("E_VALUE", `must be a list, is ${this.shown}`, "write `- ` before each");
    return this.#node.items.map((item, index) => {
      const node = item as Node;
      return new Cursor(this.source, node, `${this.path}.${labelOf(node) ?? index + 1}`);
    });
  }

  /** Not empty unless `mayBeEmpty`. */
  text(mayBeEmpty = false): string | undefined {
    const value = this.scalar;
    if (typeof value !== "string") {
      return this.mistake(
        "E_VALUE",
        `must be text, is ${this.shown}`,
        isScalar(this.#node) ? "put it in quotes" : "write one value",
      );
    }
    const unfit = UNFIT.exec(value);
    if (unfit)
      return this.mistake("E_VALUE", `${shown(value)} has the character ${codePoint(unfit[0])}`, "leave it out");
    if (value === "" && !mayBeEmpty)
      return this.mistake("E_VALUE", "must not be empty", "say it in a word or a sentence");
    return value;
  }

  integer(least: number, most: number): number | undefined {
    const value = this.scalar;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.mistake(
      "E_VALUE",
      `must be an integer from ${least} to ${most}, is ${this.shown}`,
      "choose one in that range",
    );
  }

  oneOf<const T extends string>(allowed: readonly T[]): T | undefined {
    const value = this.scalar;
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    const near = typeof value === "string" ? nearest(value, allowed) : undefined;
    return this.mistake(
      "E_VALUE",
      `must be ${listed(allowed, "or")}, is ${this.shown}`,
      near === undefined ? "choose one of them" : `did you mean ${near}?`,
    );
  }
}

/** The entries of a mapping. null counts as absent, as in Weaver. */
export class Mapping {
  readonly at: Cursor;
  readonly #entries: ReadonlyMap<string, { key: Cursor; value: Cursor }>;

  constructor(at: Cursor, entries: ReadonlyMap<string, { key: Cursor; value: Cursor }>) {
    this.at = at;
    this.#entries = entries;
  }

  get keys(): string[] {
    return [...this.#entries.keys()];
  }

  get(key: string): Cursor | undefined {
    const value = this.#entries.get(key)?.value;
    return value?.scalar === null ? undefined : value;
  }

  /** The place of the key. */
  keyAt(key: string): Cursor {
    return this.#entries.get(key)?.key ?? this.at;
  }

  /** Absence is a mistake. */
  need(key: string, fix: string): Cursor | undefined {
    return this.get(key) ?? this.keyAt(key).mistake("E_MISSING", `has no ${key}`, fix);
  }

  text(key: string, otherwise: string): string;
  text(key: string): string | undefined;
  text(key: string, otherwise?: string): string | undefined {
    return this.get(key)?.text(true) ?? otherwise;
  }
}

/** `{ key }` has no value at all. */
function nothingAt({ range }: Node): Scalar {
  const nothing = new Scalar(null);
  if (range) nothing.range = range;
  return nothing;
}

function unknownKey(at: Cursor, name: string, known: readonly string[]): void {
  const near = at.source.mistakes.isFull ? undefined : nearest(name, known);
  const fix = near === undefined ? `known here: ${listed(known)}` : `did you mean ${shown(near)}?`;
  at.mistake("E_KEY", `unknown key ${shown(name)}`, fix);
}

function labelOf(node: Node): string | undefined {
  if (isScalar(node) && typeof node.value === "string" && node.value.length <= 60) return node.value;
  if (!isMap(node)) return undefined;
  for (const { key, value } of node.items) {
    const label = isScalar(value) ? value.value : undefined;
    const isName = (typeof label === "string" && label.length <= 60) || typeof label === "number";
    if (isName && LABELS.includes((key as { value: string }).value)) return String(label);
  }
  return undefined;
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
