import TextEncoder from "text/encoder";
import Time from "time";
import type { Encoder } from "../text.ts";

/** Milliseconds since boot as a signed 32-bit integer, negative after 24.86 days. */
export function platformClock(): number {
  return Time.ticks;
}

export function createEncoder(): Encoder {
  return new TextEncoder();
}

/** 32 random bits. */
export function randomBootId(): number {
  return Math.floor(Math.random() * 4_294_967_296);
}
