/** Computes the time of day from device time. */
import { uptime } from "node:os";

/** A packet whose last record is from deviceMs was here at unixMs: the recorded moment was no later. */
export interface Anchor {
  /** Milliseconds since the device's boot. */
  readonly deviceMs: number;
  /** Milliseconds since 1970, by this computer's clock. */
  readonly unixMs: number;
  /**
   * By how much more it may be wrong, because it is unknown whether the clock was set unnoticed, or the computer slept.
   * Default 0.
   */
  readonly uncertaintyMs?: number;
}

export interface WallTime {
  readonly unixMs: number;
  readonly uncertaintyMs: number;
}

/** The clocks of device and computer differ by less than this: 50 parts per million, 4.3 s a day. */
const DRIFT = 50e-6;
/** Anchors that are kept; beyond that the best one of each of 256 periods of the boot. */
const MOST_ANCHORS = 512;

/** The spread of delays is computed from this many anchors around the moment in question. */
const NEIGHBOURS = 9;

/**
 * Converts device time of one boot to time of day. Every anchor gives an upper bound for the difference of the two
 * clocks, because packets take time to arrive. The lowest bound counts, after each is loosened by 50 ppm of the time
 * between the anchor and the moment in question. The uncertainty is that loosening, plus the spread of the delays seen
 * around that moment, median minus minimum: if delays vary by that much, the minimum is probably as large. Holds at
 * most 512 anchors.
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

  /**
   * This computer's clock was set forward by this much, or back: its earlier readings are corrected with the next
   * anchor, which shows that the boot continues.
   */
  shift(byMs: number, isSure = true): void {
    this.#sets.add(byMs, isSure);
  }

  /** The best one of each period of equal length: old times stay as precise as new ones. */
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

/** The latest possible time of day of the device's boot. */
function differenceOf({ deviceMs, unixMs }: Anchor): number {
  return unixMs - deviceMs;
}

/**
 * By how much this computer's clock was set since the last anchor of a boot. The next anchor decides: without one the
 * boot may have ended, and its anchors stay. The device's clock keeps running, so an anchor that comes too early for a
 * clock that was set forward shows that it was not set: the computer, or its virtual machine, slept.
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

  /**
   * The correction of the anchors before this one; undefined if they are right. `leastDifference`: their least time of
   * day minus device time. Asked once.
   */
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

/** Smaller steps cannot be distinguished from the time between reading the two clocks. */
const LEAST_STEP_MS = 500;
/** Some systems count their uptime in seconds. */
const UPTIME_STEP_MS = 1500;

/** Milliseconds since this computer was started, including sleep; undefined if unknown. */
function systemUptimeMs(): number | undefined {
  try {
    return uptime() * 1000;
  } catch {
    return undefined;
  }
}

/**
 * Detects that this computer's clock was set, by comparing it with a clock that never is. On some systems that clock
 * stops while the computer sleeps, which then looks as if the clock had been set forward; the system's uptime does not
 * stop.
 */
export class ClockWatch {
  /** Milliseconds that the computer slept before the last call of stepMs(), as far as known. */
  sleptMs = 0;
  /** Whether sleep could be distinguished from a clock that was set. */
  isSure = true;
  readonly #uptimeMs: () => number | undefined;
  #offsetMs: number | undefined;
  #sleepMs: number | undefined;

  /** `uptimeMs`: of a clock that counts sleep. */
  constructor(uptimeMs: () => number | undefined = systemUptimeMs) {
    this.#uptimeMs = uptimeMs;
  }

  /**
   * Milliseconds by which the time of day was set since the previous call; 0 if it was not. `steadyMs`: from
   * performance.now().
   */
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

/** An anchor is worth keeping if it is at least this much better than the best one, or this long after the last. */
const BETTER_MS = 5;
const EVERY_MS = 60_000;
/** As a boot grows older, a thousandth of its age is often enough. */
const AGE_SHARE = 1 / 1000;
/**
 * Limit for anchors that are not due: with a device's clock that runs wild each anchor is better than the one before,
 * and one that overtakes another makes time go back.
 */
const MOST_EARLY = 4096;
/** Limit for a file of anchors: these, and those that are due in 68 years, each with the longest numbers in JSON. */
export const MOST_ANCHORS_BYTES = 2 << 20;

/**
 * Chooses the anchors of one boot that are stored. One is due every minute, and after the first 17 hours each time the
 * boot has become a thousandth older. An anchor with a delay shorter by 5 ms than the best one before it is stored at
 * once. The drift of the two clocks, which changes the difference as long as the boot lasts, does not count as a better
 * delay. Of anchors that are not due it stores at most 4,096.
 */
export class AnchorChoice {
  #firstMs: number | undefined;
  #lastMs = 0;
  #early = 0;
  /** The stored one that bounds the present most closely. */
  #best: Anchor | undefined;

  /** Whether this one should be stored; if so, it counts as stored. */
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

  /** Earlier anchors were corrected by this much. */
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

/** Parses the anchors of `anchors.jsonl`; an invalid line, such as one that was cut, is skipped. */
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
