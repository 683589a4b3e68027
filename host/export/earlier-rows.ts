/** What earlier exports wrote of boots that have one id, or none, and which events of a boot repeat it. */
import { createHash } from "node:crypto";
import type { ParquetValue } from "./part-file.ts";

/** So many events in a row that stand there as they are: it is the same boot. Boots begin alike. */
const ENOUGH = 1000;

export class EarlierRows<Row> {
  /** Events that are not to be written again. */
  repeated = 0;
  /** What rows say, by the event's number. */
  readonly #said = new Map<number, Set<string>>();
  /** Rows that stand there, while it is not known whether of the same boot. */
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

  /** Takes a boot's next event; returns what is to be written now. */
  next(number: number | undefined, said: string, row: Row): readonly Row[] {
    const known = number === undefined ? undefined : this.#said.get(number);
    if (known === undefined || this.#isSame === false) return [row];
    if (known.has(said)) {
      this.#held.push(row);
      if (this.#isSame || this.#held.length >= ENOUGH) this.end();
      return [];
    }
    // The number is that of another event. What has been alike so far is of another boot, too.
    const rows = [...this.#held, row];
    this.#held = [];
    this.#isSame ??= false;
    return rows;
  }

  /** Nothing spoke against it. */
  end(): void {
    this.repeated += this.#held.length;
    this.#held = [];
    this.#isSame = true;
  }
}

/** What values say, in a few bytes. */
export function digestOf(values: readonly (ParquetValue | null)[]): string {
  const text = values.map((value) =>
    value === undefined || value === null ? "-" : `${String(value).length}:${value}`,
  );
  return createHash("sha1").update(text.join()).digest("base64");
}
