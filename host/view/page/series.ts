/** Numbers of events over time. */
import type { Model } from "./model.ts";
import { lowerBound } from "./order.ts";
import type { Values } from "./store.ts";

/** The least and greatest of this many values are computed beforehand, and of as many of those again. */
const FAN = 32;

export class Series {
  readonly label: string;
  readonly events: Uint32Array;
  readonly values: Float64Array;
  least = Number.POSITIVE_INFINITY;
  greatest = Number.NEGATIVE_INFINITY;
  /** Least and greatest by level, each of FAN of the level below. */
  readonly #levels: { readonly least: Float64Array; readonly greatest: Float64Array }[] = [];

  constructor(label: string, events: Uint32Array, values: Float64Array) {
    this.label = label;
    this.events = events;
    this.values = values;
    let below = { least: values, greatest: values };
    while (below.least.length > 1) {
      const length = Math.ceil(below.least.length / FAN);
      const level = {
        least: new Float64Array(length).fill(Infinity),
        greatest: new Float64Array(length).fill(-Infinity),
      };
      for (let i = 0; i < below.least.length; i++) {
        const at = Math.floor(i / FAN);
        level.least[at] = Math.min(level.least[at]!, below.least[i]!);
        level.greatest[at] = Math.max(level.greatest[at]!, below.greatest[i]!);
      }
      this.#levels.push(level);
      below = level;
    }
    if (values.length > 0) [this.least, this.greatest] = [below.least[0]!, below.greatest[0]!];
  }

  /** Least and greatest of values[from, to). */
  range(from: number, to: number): [least: number, greatest: number] {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    let lows: Float64Array = this.values;
    let highs: Float64Array = this.values;
    const take = (i: number) => {
      if (lows[i]! < least) least = lows[i]!;
      if (highs[i]! > greatest) greatest = highs[i]!;
    };
    for (let level = 0; from < to; level++) {
      while (from < to && from % FAN !== 0) take(from++);
      while (from < to && to % FAN !== 0) take(--to);
      if (from >= to || level >= this.#levels.length) break;
      from /= FAN;
      to /= FAN;
      ({ least: lows, greatest: highs } = this.#levels[level]!);
    }
    return [least, greatest];
  }

  /** By boot: the numbers of its events that are not keys. */
  static find(model: Model): Series[][] {
    const { store } = model;
    const found: Series[][] = store.meta.boots.map(() => []);
    for (const { page, byKey, events } of store.kinds)
      for (const key of page.series) {
        const values = byKey.get(key)!;
        const byBoot = new Map<number, number[]>();
        for (let row = 0; row < events.length; row++) {
          if (Number.isNaN(values.numbers[row]!)) continue;
          const boot = store.boot[events[row]!]!;
          const own = byBoot.get(boot);
          if (own === undefined) byBoot.set(boot, [row]);
          else own.push(row);
        }
        for (const [boot, rows] of byBoot)
          found[boot]!.push(seriesOf(model, `${page.name} ${key}`, values, events, rows));
      }
    return found;
  }

  /** The first at the time `x` on the axis, or later. */
  from(x: Float64Array, time: number): number {
    return lowerBound(this.events, x, 0, this.events.length, time);
  }
}

function seriesOf({ x }: Model, label: string, values: Values, events: Uint32Array, rows: number[]): Series {
  rows.sort((a, b) => x[events[a]!]! - x[events[b]!]! || a - b);
  return new Series(
    label,
    Uint32Array.from(rows, (row) => events[row]!),
    Float64Array.from(rows, (row) => values.numbers[row]!),
  );
}
