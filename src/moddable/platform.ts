import TextEncoder from "text/encoder";
import Time from "time";
import type { Encoder } from "../text.ts";

/**
 * The clock: milliseconds since boot as a signed 32-bit integer, negative after 24.86 days.
 * Time.ticks is a getter in C; called by itself it costs a third of a function that asks Time for it.
 */
export function platformClock(): () => number {
  return Object.getOwnPropertyDescriptor(Time, "ticks")?.get ?? (() => Time.ticks);
}

/** `encodeInto` allocates the object that it returns. */
export function createEncoder(): Encoder {
  // `indexOf` as an object: XS would box the bare method, and the string if asked for a method of its own, at each call.
  return { encoder: new TextEncoder(), indexOf: Object(String.prototype.indexOf) };
}

/** 32 random bits. */
export function randomBootId(): number {
  return Math.floor(Math.random() * 4_294_967_296);
}
