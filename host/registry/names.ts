/** Which names are allowed, and which cannot be used together. */
import type { Cursor } from "./cursor.ts";
import { shown } from "./mistakes.ts";

/** Tools cut longer ones, and could not make metadata of them in bounded time. */
const MAX_NAME_CHARACTERS = 100;
const NAME = /^[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z0-9]+)*$/;
const ID = /^[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*$/;

/** The name of an attribute or event: words of letters and digits, joined by dots and underscores. */
export function readName(at: Cursor | undefined): string | undefined {
  return readNamed(at, NAME, "words of letters and digits with . or _ between them, the first of them a letter");
}

/** A member's id: like a name, but without dots. */
export function readId(at: Cursor | undefined): string | undefined {
  return readNamed(at, ID, "words of letters and digits with _ between them, the first of them a letter");
}

function readNamed(at: Cursor | undefined, pattern: RegExp, rule: string): string | undefined {
  const name = at?.text();
  if (at === undefined || name === undefined) return undefined;
  if (name.length > MAX_NAME_CHARACTERS) {
    return at.mistake(
      "E_NAME",
      `has ${name.length} characters, at most ${MAX_NAME_CHARACTERS} are allowed`,
      "shorten it",
    );
  }
  if (!pattern.test(name)) return at.mistake("E_NAME", `${shown(name)} is not a name`, `write ${rule}`);
  // Many programs that read events keep tables of attributes and events in objects.
  if (name in Object.prototype) {
    return at.mistake("E_NAME", `${shown(name)} is a property of every JavaScript object`, "choose another name");
  }
  return name;
}

/** What generated identifiers preserve of a name: `msgType`, `msg_type`, `MSG_TYPE` and `msg.type` are the same. */
export function bareName(name: string): string {
  return name.replace(/[._]/g, "").toLowerCase();
}

/** Names of one kind, with their places; adding one that conflicts with an earlier one is a mistake. */
export class NameSpace {
  readonly #what: string;
  readonly #names = new Map<string, Cursor>();
  readonly #bare = new Map<string, string>();
  readonly #renamedTo = new Map<string, string | undefined>();

  constructor(what: string) {
    this.#what = what;
  }

  get names(): IterableIterator<string> {
    return this.#names.keys();
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** `renamedTo`: the name that replaces it, which it may resemble. Returns false if the name already exists. */
  add(name: string, at: Cursor, renamedTo?: string): boolean {
    const same = this.#names.get(name);
    if (same) {
      at.mistake(
        "E_DUPLICATE",
        `a second ${this.#what} ${shown(name)}, the first is in line ${same.place.line}`,
        "rename one of them",
      );
      return false;
    }
    this.#names.set(name, at);
    this.#renamedTo.set(name, renamedTo);
    const like = this.#bare.get(bareName(name));
    if (like === undefined) this.#bare.set(bareName(name), name);
    else if (like !== renamedTo && this.#renamedTo.get(like) !== name) {
      const line = this.#names.get(like)!.place.line;
      at.mistake(
        "E_NAME",
        `${shown(name)} and ${shown(like)} in line ${line} differ in case and separators alone, so generated code has one identifier for both`,
        "rename one of them",
      );
    }
    return true;
  }

  /** No name is also a namespace of another: OpenTelemetry forbids it, and nested objects have no room for both. */
  checkNamespaces(): void {
    for (const [name, at] of this.#names) {
      for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
        const space = name.slice(0, dot);
        const other = this.#names.get(space);
        if (!other) continue;
        at.mistake(
          "E_NAME",
          `${shown(space)} in line ${other.place.line} is a name, so it cannot be a namespace`,
          `rename one of them, for example ${shown(name.replaceAll(".", "_"))}`,
        );
      }
    }
  }
}
