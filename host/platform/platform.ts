import { randomInt } from "node:crypto";
import type { Encoder } from "../../src/ring/text.ts";

/** The clock: milliseconds since the process started, from Node's monotonic clock, as a signed 32-bit integer. */
export function platformClock(): () => number {
  return () => performance.now() | 0;
}

export function createEncoder(): Encoder {
  return { encoder: new TextEncoder(), indexOf: String.prototype.indexOf };
}

/** 48 random bits from the system's generator: clock and time of day could not improve them. */
export function randomBootId(_uptimeMs: number): number {
  return randomInt(2 ** 48 - 1);
}
