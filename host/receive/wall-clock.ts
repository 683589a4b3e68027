/** Time of day from device time. */
import { uptime } from "node:os";

/** That a packet whose last record is of deviceMs was here at unixMs: what the record tells of was no later. */
export interface Anchor {
  /** Milliseconds since the device's boot. */
  readonly deviceMs: number;
  /** Milliseconds since 1970, by this computer's clock. */
  readonly unixMs: number;
  /** It may be off by so much more, as it is unknown whether the clock was set unnoticed, or the computer slept. Default 0. */
  readonly uncertaintyMs?: number;
}

export interface WallTime {
  readonly unixMs: number;
  readonly uncertaintyMs: number;
}

/** A device's crystal, and this computer's, err by less: 50 parts in a million, 4.3 s a day. */
const DRIFT = 50e-6;
/** Anchors kept; beyond that the best one of each of 256 stretches of the boot. */
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
  #sets = new ClockSets();

  add(anchor: Anchor): void {
    const move = this.#sets.take(anchor, Math.min(...this.#anchors.map(differenceOf)));
    if (move !== undefined) this.#anchors = this.#anchors.map(move);
    this.#anchors.push(anchor);
    if (this.#anchors.length > MOST_ANCHORS) this.#thin();
  }

  /** Undefined as long as there is no anchor. Costs time linear in the anchors. */
  at(deviceMs: number): WallTime | undefined {
    const anchors = this.#anchors;
    if (anchors.length === 0) return undefined;
    let least = Number.POSITIVE_INFINITY;
    let driftMs = 0;
    let doubtMs = 0;
    let before = 0;
    for (const anchor of anchors) {
      if (anchor.deviceMs < deviceMs) before++;
      const loosening = DRIFT * Math.abs(deviceMs - anchor.deviceMs);
      if (differenceOf(anchor) + loosening >= least) continue;
      least = differenceOf(anchor) + loosening;
      driftMs = loosening;
      doubtMs = anchor.uncertaintyMs ?? 0;
    }
    const from = Math.max(0, Math.min(before - (NEIGHBOURS >> 1), anchors.length - NEIGHBOURS));
    const delays = anchors
      .slice(from, from + NEIGHBOURS)
      .map(differenceOf)
      .sort((a, b) => a - b);
    const spreadMs = delays[delays.length >> 1]! - delays[0]!;
    return {
      unixMs: Math.round(deviceMs + least),
      uncertaintyMs: Math.max(1, Math.ceil(driftMs + spreadMs + doubtMs)),
    };
  }

  /** This computer's clock was set forward by so much, or back: what it said before is put right with the next anchor, which shows that the boot goes on. */
  shift(byMs: number, isSure = true): void {
    this.#sets.add(byMs, isSure);
  }

  /** The best one of each stretch of equal length: what is old stays as well known as what is new. */
  #thin(): void {
    const times = this.#anchors.map(({ deviceMs }) => deviceMs);
    const firstMs = Math.min(...times);
    const stretchMs = Math.max(1, (Math.max(...times) - firstMs) / (MOST_ANCHORS / 2));
    const best = new Map<number, Anchor>();
    for (const anchor of this.#anchors) {
      const stretch = Math.floor((anchor.deviceMs - firstMs) / stretchMs);
      const kept = best.get(stretch);
      if (kept === undefined || differenceOf(anchor) < differenceOf(kept)) best.set(stretch, anchor);
    }
    this.#anchors = [...best.values()];
  }
}

/** Time of day at the device's boot, at the latest. */
function differenceOf({ deviceMs, unixMs }: Anchor): number {
  return unixMs - deviceMs;
}

/**
 * What this computer's clock was set by since the last anchor of a boot. The next anchor decides: without one the boot may have ended, and its anchors stay. The
 * device's own clock goes on, so an anchor that comes too early for a clock that was set forward shows that it was not: the computer, or
 * whatever it runs on, slept.
 */
export class ClockSets {
  #byMs = 0;
  #isSure = true;

  get isPending(): boolean {
    return this.#byMs !== 0;
  }

  add(byMs: number, isSure: boolean): void {
    this.#byMs += byMs;
    this.#isSure &&= isSure;
  }

  /** How the anchors before this one are put right; undefined if they are right. `leastDifference`: of them, time of day less device time. Asked once. */
  take(anchor: Anchor, leastDifference: number): ((before: Anchor) => Anchor) | undefined {
    const byMs = this.#byMs;
    const isSure = this.#isSure;
    this.#byMs = 0;
    this.#isSure = true;
    const toleranceMs = LEAST_STEP_MS + DRIFT * anchor.deviceMs;
    if (byMs === 0 || differenceOf(anchor) < leastDifference + byMs - toleranceMs) return undefined;
    return ({ deviceMs, unixMs, uncertaintyMs = 0 }) => {
      const doubtMs = uncertaintyMs + (isSure ? 0 : Math.abs(byMs));
      return { deviceMs, unixMs: unixMs + byMs, ...(doubtMs > 0 && { uncertaintyMs: doubtMs }) };
    };
  }
}

/** Less is not told from what the clocks are read apart. */
const LEAST_STEP_MS = 500;
/** Some systems count their uptime in seconds. */
const UPTIME_STEP_MS = 1500;

/** Milliseconds since this computer was started, those that it slept among them; undefined where nobody says. */
function systemUptimeMs(): number | undefined {
  try {
    return uptime() * 1000;
  } catch {
    return undefined;
  }
}

/**
 * Tells that this computer's clock was set, by a clock that never is. That one stands still on some systems while the computer sleeps, which
 * then looks as if the clock had been set forward; the system's uptime does not.
 */
export class ClockWatch {
  /** Milliseconds that the computer slept before the call of stepMs() before, as far as they are known. */
  sleptMs = 0;
  /** Whether sleep could be told from a clock that was set. */
  isSure = true;
  readonly #uptimeMs: () => number | undefined;
  #offsetMs: number | undefined;
  #sleepMs: number | undefined;

  /** `uptimeMs`: as a clock that counts sleep has it. */
  constructor(uptimeMs: () => number | undefined = systemUptimeMs) {
    this.#uptimeMs = uptimeMs;
  }

  /** Milliseconds by which the time of day was set since the call before; 0 if it was not. `steadyMs`: of performance.now(). */
  stepMs(unixMs: number, steadyMs: number): number {
    this.sleptMs = 0;
    const offsetMs = unixMs - steadyMs;
    const movedMs = Math.round(offsetMs - (this.#offsetMs ?? offsetMs));
    if (this.#offsetMs !== undefined && Math.abs(movedMs) < LEAST_STEP_MS) return 0;
    const uptimeMs = this.#uptimeMs();
    const sleepMs = uptimeMs === undefined ? undefined : uptimeMs - steadyMs;
    const sleptMs = Math.round((sleepMs ?? 0) - (this.#sleepMs ?? sleepMs ?? 0));
    this.isSure = sleepMs !== undefined && (this.#offsetMs === undefined || this.#sleepMs !== undefined);
    this.#offsetMs = offsetMs;
    this.#sleepMs = sleepMs;
    if (sleptMs < UPTIME_STEP_MS) return movedMs;
    this.sleptMs = sleptMs;
    const setMs = movedMs - sleptMs;
    return Math.abs(setMs) < UPTIME_STEP_MS ? 0 : setMs;
  }
}

/** At least so much better than the best before, or so long after the last: then an anchor is worth keeping. */
const BETTER_MS = 5;
const EVERY_MS = 60_000;
/** As a boot grows old, a thousandth of its age is often enough. */
const AGE_SHARE = 1 / 1000;
/** Of those that are not due: a device's clock that runs wild makes each anchor better than the one before, one that overtakes another makes time go back. */
const MOST_EARLY = 4096;
/** Of a file of anchors: these, those that are due in 68 years, each with numbers as long as JSON has them. */
export const MOST_ANCHORS_BYTES = 2 << 20;

/**
 * Chooses the anchors that are stored of one boot. One is due every minute, and after the first 17 hours each time the boot
 * is a thousandth older. One whose delay was shorter by 5 ms than that of the best before it is stored at once. The drift of
 * the two clocks, which changes the difference for as long as the boot lasts, is no better delay. Of those that are not due it stores 4,096 at most.
 */
export class AnchorChoice {
  #firstMs: number | undefined;
  #lastMs = 0;
  #early = 0;
  /** The one stored that bounds the present most closely. */
  #best: Anchor | undefined;

  /** Whether this one is to be stored; then it counts as stored. */
  take(anchor: Anchor): boolean {
    const { unixMs } = anchor;
    this.#firstMs ??= unixMs;
    const waitMs = Math.max(EVERY_MS, (unixMs - this.#firstMs) * AGE_SHARE);
    const isDue = unixMs - this.#lastMs >= waitMs;
    const best = this.#best ?? { deviceMs: anchor.deviceMs, unixMs: Number.POSITIVE_INFINITY };
    const loosening = DRIFT * Math.abs(anchor.deviceMs - best.deviceMs);
    const shorterByMs = differenceOf(best) - differenceOf(anchor);
    const isBetter = unixMs < this.#lastMs || shorterByMs - loosening >= BETTER_MS;
    if (!isDue && (!isBetter || this.#early === MOST_EARLY)) return false;
    if (!isDue) this.#early++;
    this.#lastMs = unixMs;
    if (shorterByMs + loosening >= 0) this.#best = anchor;
    return true;
  }

  /** Anchors before were put right by so much. */
  shift(byMs: number): void {
    if (this.#firstMs !== undefined) this.#firstMs += byMs;
    this.#lastMs += byMs;
    if (this.#best !== undefined) this.#best = { ...this.#best, unixMs: this.#best.unixMs + byMs };
  }
}

/** A line of `anchors.jsonl`. */
export function formatAnchor({ deviceMs, unixMs, uncertaintyMs }: Anchor): string {
  return `${JSON.stringify({ deviceMs, unixMs, uncertaintyMs })}\n`;
}

/** The anchors of `anchors.jsonl`; an invalid line, such as one that was cut, is passed over. */
export function parseAnchors(text: string): Anchor[] {
  return text.split("\n").flatMap((line) => {
    try {
      const { deviceMs, unixMs, uncertaintyMs } = JSON.parse(line);
      if (!Number.isFinite(deviceMs) || !Number.isFinite(unixMs)) return [];
      return [uncertaintyMs > 0 ? { deviceMs, unixMs, uncertaintyMs: Number(uncertaintyMs) } : { deviceMs, unixMs }];
    } catch {
      return [];
    }
  });
}
