/** Rows of earlier exports for boots with one id, or none, and which events of a boot repeat them. */
import { createHash } from "node:crypto";
import type { ParquetValue } from "./part-file.ts";

/** After this many equal events in a row it is the same boot. Fewer prove nothing, because boots begin alike. */
const ENOUGH = 1000;

export class EarlierRows<Row> {
  /** The number of events that are not written again. */
  repeated = 0;
  /** The digests of the rows, by the event's number. */
  readonly #said = new Map<number, Set<string>>();
  /** Equal events, held until it is known whether they belong to the same boot. */
  #held: Row[] = [];
  #isSame: boolean | undefined;

  add(number: number, said: string): void {
    const known = this.#said.get(number);
    if (known === undefined) this.#said.set(number, new Set([said]));
    else known.add(said);
  }

  has(number: number): boolean {
    return this.#said.has(number);
  }

  /** Takes a boot's next event. Returns the events to write now. */
  next(number: number | undefined, said: string, row: Row): readonly Row[] {
    const known = number === undefined ? undefined : this.#said.get(number);
    if (known === undefined || this.#isSame === false) return [row];
    if (known.has(said)) {
      this.#held.push(row);
      if (this.#isSame || this.#held.length >= ENOUGH) this.end();
      return [];
    }
    // Another event has this number, so the equal ones before it belong to another boot, too.
    const rows = [...this.#held, row];
    this.#held = [];
    this.#isSame ??= false;
    return rows;
  }

  /** No event differed: all held events are repetitions. */
  end(): void {
    this.repeated += this.#held.length;
    this.#held = [];
    this.#isSame = true;
  }
}

/** Returns a short digest of values. */
export function digestOf(values: readonly (ParquetValue | null)[]): string {
  const text = values.map((value) =>
    value === undefined || value === null ? "-" : `${String(value).length}:${value}`,
  );
  return createHash("sha1").update(text.join()).digest("base64");
}
