import TextEncoder from "text/encoder";
import Time from "time";
import type { Encode } from "../text.ts";

/**
 * The clock: milliseconds since boot as a signed 32-bit integer, negative after 24.86 days.
 * Time.ticks is a getter in C; called by itself it costs a third of a function that asks Time for it.
 */
export function platformClock(): () => number {
  return Object.getOwnPropertyDescriptor(Time, "ticks")?.get ?? (() => Time.ticks);
}

/** Costs encodeInto of what fits, and a search of the whole string for U+0000. Allocates the object that encodeInto returns. */
export function createEncoder(): Encode {
  const encoder = new TextEncoder();
  // As an object: XS would box the bare method, and the string if asked for a method of its own, at each call.
  const includes: typeof String.prototype.includes = Object(String.prototype.includes);
  return (value, into) => {
    const result = encoder.encodeInto(value, into);
    const written = result.written;
    // As many bytes as characters: all ASCII, so that only U+0000 can be wrong with it.
    if (written === result.read) if (!includes.call(value, "\0")) return written;
    return ~written;
  };
}

/** 32 random bits. */
export function randomBootId(): number {
  return Math.floor(Math.random() * 4_294_967_296);
}
