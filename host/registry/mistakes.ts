/** The mistakes in a registry: each with its place, the rule and the way out. */
import { TelemetryError } from "../text/errors.ts";
import { visible } from "../text/lines.ts";

/** Stable, for programs. docs/registry-syntax.md explains each. */
export const MISTAKE_CODES = {
  E_YAML: "not a YAML document that a registry may be",
  E_KEY: "an unknown, doubled or misplaced key",
  E_MISSING: "something that every registry must state is missing",
  E_VALUE: "a value of the wrong type or out of range",
  E_NAME: "an invalid name, or one that clashes with another",
  E_DUPLICATE: "an id, code, value or reference given twice",
  E_REFERENCE: "a reference to nothing, to the wrong thing or in a circle",
  E_LAYOUT: "a field at an impossible place",
  E_RECORD_TYPE: "record types that do not fit their event",
  E_EVOLUTION: "a change that a released version does not allow",
} as const;
export type MistakeCode = keyof typeof MISTAKE_CODES;

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
}

export interface Mistake extends Place {
  readonly file: string;
  readonly code: MistakeCode;
  /** What is wrong, where in the registry, and the value. */
  readonly message: string;
  /** The way out. */
  readonly fix: string;
}

/** The most mistakes that are kept for one file; further ones are counted. */
export const MOST_MISTAKES = 100;

/** The mistakes found so far. Reading continues after a mistake, so that all are reported at once. */
export class MistakeList {
  readonly #kept: Mistake[] = [];
  #count = 0;

  /** All, including the dropped ones. */
  get count(): number {
    return this.#count;
  }

  /** By place. */
  get kept(): readonly Mistake[] {
    return [...this.#kept].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  get isFull(): boolean {
    return this.#kept.length >= MOST_MISTAKES;
  }

  add(mistake: Mistake): void {
    this.#count++;
    if (!this.isFull) this.#kept.push(mistake);
  }
}

/** `my.yaml:12:7: E_KEY: attributes.ip: unknown key "breif"; did you mean "brief"?` */
export function formatMistake({ file, line, column, code, message, fix }: Mistake): string {
  return visible(`${file}:${line}:${column}: ${code}: ${message}; ${fix}`);
}

/** The mistakes as one error, exit code 1. `count` is their number, if not all are in the list. */
export function mistakesError(mistakes: readonly Mistake[], count = mistakes.length): TelemetryError {
  const more = count > mistakes.length ? [`… and ${count - mistakes.length} more`] : [];
  return new TelemetryError("E_REGISTRY_FILE", [...mistakes.map(formatMistake), ...more].join("\n"), 1);
}

/** A value for a message: as JSON, cut. */
export function shown(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= 60 ? text : `${text.slice(0, 60)}… (${text.length} characters)`;
}

/** "a", "a and b", "a, b and c" */
export function listed(names: readonly (string | number)[], last = "and"): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${last} ${names.at(-1)}`;
}

/** The most names that are compared with an unknown one, and their most characters: it is only a hint. */
const MOST_COMPARED = 500;
const MOST_CHARACTERS = 40;

/** The known name nearest to an unknown one, if one is near: at most a third of its letters differ. */
export function nearest(unknown: string, known: Iterable<string>): string | undefined {
  if (unknown.length > MOST_CHARACTERS) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(unknown.length / 3)) + 1;
  let compared = 0;
  for (const name of known) {
    if (++compared > MOST_COMPARED) break;
    if (Math.abs(name.length - unknown.length) >= least) continue;
    const steps = distance(unknown.toLowerCase(), name.toLowerCase());
    if (steps < least) [best, least] = [name, steps];
  }
  return best;
}

/** The number of letters to insert, drop, replace, or swap with the next, to turn one into the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let steps = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps = Math.min(steps, before[j - 2]! + 1);
      row.push(steps);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
