/** Time of day from device time. */

/** That a packet whose last record is of deviceMs was here at unixMs: what the record tells of was no later. */
export interface Anchor {
  /** Milliseconds since the device's boot. */
  readonly deviceMs: number;
  /** Milliseconds since 1970, by this computer's clock. */
  readonly unixMs: number;
}

export interface WallTime {
  readonly unixMs: number;
  readonly uncertaintyMs: number;
}

/** A device's crystal, and this computer's, err by less: 50 parts in a million, 4.3 s a day. */
const DRIFT = 50e-6;
/** Anchors kept; beyond that the better one of each two neighbours. */
const MOST_ANCHORS = 512;

/** The spread of delays is that of so many anchors around the moment in question. */
const NEIGHBOURS = 9;

/**
 * Device time of one boot as time of day. Every anchor bounds the difference of the two clocks from above, as packets take
 * time to arrive and none arrives before it is made. The least of the bounds counts, each loosened by 50 ppm of the time
 * between the anchor and the moment in question. The uncertainty is that loosening, and the spread of the delays seen around
 * that moment, median over least: where delays vary by so much, the least is likely to be as much itself.
 * Holds at most 512 anchors.
 */
export class WallClock {
  /** By time of arrival. */
  #anchors: Anchor[] = [];

  add(anchor: Anchor): void {
    this.#anchors.push(anchor);
    if (this.#anchors.length > MOST_ANCHORS) this.#thin();
  }

  /** Undefined as long as there is no anchor. Costs time linear in the anchors. */
  at(deviceMs: number): WallTime | undefined {
    const anchors = this.#anchors;
    if (anchors.length === 0) return undefined;
    let least = Number.POSITIVE_INFINITY;
    let driftMs = 0;
    let before = 0;
    for (const anchor of anchors) {
      if (anchor.deviceMs < deviceMs) before++;
      const loosening = DRIFT * Math.abs(deviceMs - anchor.deviceMs);
      if (differenceOf(anchor) + loosening >= least) continue;
      least = differenceOf(anchor) + loosening;
      driftMs = loosening;
    }
    const from = Math.max(0, Math.min(before - (NEIGHBOURS >> 1), anchors.length - NEIGHBOURS));
    const delays = anchors
      .slice(from, from + NEIGHBOURS)
      .map(differenceOf)
      .sort((a, b) => a - b);
    const spreadMs = delays[delays.length >> 1]! - delays[0]!;
    return { unixMs: Math.round(deviceMs + least), uncertaintyMs: Math.max(1, Math.ceil(driftMs + spreadMs)) };
  }

  /** This computer's clock was set forward by so much, or back: what it said before is put right. */
  shift(byMs: number): void {
    this.#anchors = this.#anchors.map((anchor) => shifted(anchor, byMs));
  }

  #thin(): void {
    const kept: Anchor[] = [];
    for (let index = 0; index < this.#anchors.length; index += 2) {
      const [a, b] = [this.#anchors[index]!, this.#anchors[index + 1]];
      kept.push(b === undefined || differenceOf(a) <= differenceOf(b) ? a : b);
    }
    this.#anchors = kept;
  }
}

/** Time of day at the device's boot, at the latest. */
function differenceOf({ deviceMs, unixMs }: Anchor): number {
  return unixMs - deviceMs;
}

export function shifted({ deviceMs, unixMs }: Anchor, byMs: number): Anchor {
  return { deviceMs, unixMs: unixMs + byMs };
}

/** Less is not told from what the two clocks are read apart. */
const LEAST_STEP_MS = 500;

/** Tells that this computer's clock was set, by a clock that never is. A computer that slept looks as if it had been set forward. */
export class ClockWatch {
  #offsetMs: number | undefined;

  /** Milliseconds by which the time of day was set since the call before; 0 if it was not. `steadyMs`: of performance.now(). */
  stepMs(unixMs: number, steadyMs: number): number {
    const offsetMs = unixMs - steadyMs;
    const stepMs = Math.round(offsetMs - (this.#offsetMs ?? offsetMs));
    if (this.#offsetMs !== undefined && Math.abs(stepMs) < LEAST_STEP_MS) return 0;
    this.#offsetMs = offsetMs;
    return stepMs;
  }
}

/** At least so much better than the best before, or so long after the last: then an anchor is worth keeping. */
const BETTER_MS = 5;
const EVERY_MS = 60_000;
const MOST_STORED = 10_000;
/** As a boot grows old, a thousandth of its age is often enough. */
const AGE_SHARE = 1 / 1000;

/** Chooses the anchors that are stored of one boot: at most 10,000, and after the first day about one in a thousandth of its age. */
export class AnchorChoice {
  #stored = 0;
  #firstMs = 0;
  #lastMs = 0;
  #leastDifference = Number.POSITIVE_INFINITY;

  /** Whether this one is to be stored; then it counts as stored. */
  take(anchor: Anchor): boolean {
    const { unixMs } = anchor;
    const difference = differenceOf(anchor);
    const waitMs = Math.max(EVERY_MS, (unixMs - this.#firstMs) * AGE_SHARE);
    const isDue = unixMs - this.#lastMs >= waitMs || unixMs < this.#lastMs;
    if (this.#stored >= MOST_STORED || !(difference <= this.#leastDifference - BETTER_MS || isDue)) return false;
    if (this.#stored === 0) this.#firstMs = unixMs;
    this.#stored++;
    this.#lastMs = unixMs;
    this.#leastDifference = Math.min(this.#leastDifference, difference);
    return true;
  }

  /** As WallClock.shift. */
  shift(byMs: number): void {
    this.#firstMs += byMs;
    this.#lastMs += byMs;
    this.#leastDifference += byMs;
  }
}

/** A line of `anchors.jsonl`. */
export function formatAnchor({ deviceMs, unixMs }: Anchor): string {
  return `${JSON.stringify({ deviceMs, unixMs })}\n`;
}

/** The anchors of `anchors.jsonl`; a line that is none, as one that was cut, is passed over. */
export function parseAnchors(text: string): Anchor[] {
  return text.split("\n").flatMap((line) => {
    try {
      const { deviceMs, unixMs } = JSON.parse(line);
      return Number.isFinite(deviceMs) && Number.isFinite(unixMs) ? [{ deviceMs, unixMs }] : [];
    } catch {
      return [];
    }
  });
}
