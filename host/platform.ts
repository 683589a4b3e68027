import { randomInt } from "node:crypto";
import type { Encode } from "../src/text.ts";

/** The clock: milliseconds since the process started, from Node's monotonic clock, as a signed 32-bit integer. */
export function platformClock(): () => number {
  return () => performance.now() | 0;
}

/** Costs encodeInto of what fits, and a search of the whole string for U+0000. */
export function createEncoder(): Encode {
  const encoder = new TextEncoder();
  return (value, into) => {
    const { read, written } = encoder.encodeInto(value, into);
    // As many bytes as characters: all ASCII, so that only U+0000 can be wrong with it.
    return written === read && !value.includes("\0") ? written : ~written;
  };
}

/** 48 random bits. */
export function randomBootId(): number {
  return randomInt(2 ** 48 - 1);
}
