import { build, type Histogram } from "hdr-histogram-js";

/** Values up to 2^53 - 1, distinguished to 1 %. */
const OPTIONS = { bitBucketSize: 64, autoResize: true, numberOfSignificantValueDigits: 2 } as const;

/** Figures of many numbers. Percentiles are right to within 1 %, the others exact; null if there are no numbers. */
export interface Spread {
  readonly count: number;
  readonly least: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly greatest: number | null;
}

/** Many numbers, in a few KB. `unit`: the resolution for small ones: 1 for integers, 1e-6 for others. */
export class Numbers {
  readonly #unit: number;
  count = 0;
  #sum = 0;
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;
  #above: Histogram | undefined;
  /** For numbers below 0, by their absolute value. */
  #below: Histogram | undefined;

  constructor(unit = 1) {
    this.#unit = unit;
  }

  add(value: number): void {
    this.count++;
    this.#sum += value;
    if (value < this.#least) this.#least = value;
    if (value > this.#greatest) this.#greatest = value;
    const steps = Math.min(Math.round(Math.abs(value) / this.#unit), Number.MAX_SAFE_INTEGER);
    if (value < 0) {
      this.#below ??= build(OPTIONS);
      this.#below.recordValue(steps);
    } else {
      this.#above ??= build(OPTIONS);
      this.#above.recordValue(steps);
    }
  }

  spread(): Spread {
    const { count } = this;
    if (count === 0) return { count, least: null, mean: null, p50: null, p90: null, p99: null, greatest: null };
    return {
      count,
      least: this.#least,
      mean: this.#sum / count,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
      greatest: this.#greatest,
    };
  }

  #percentile(share: number): number {
    const below = this.#below?.totalCount ?? 0;
    const rank = Math.max(1, Math.ceil(share * this.count));
    const value =
      rank <= below
        ? -this.#below!.getValueAtPercentile((100 * (below - rank + 1)) / below) * this.#unit
        : this.#above!.getValueAtPercentile((100 * (rank - below)) / (this.count - below)) * this.#unit;
    return Math.min(this.#greatest, Math.max(this.#least, value));
  }
}
