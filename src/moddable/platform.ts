import TextEncoder from "text/encoder";
import Time from "time";
import type { Encoder } from "../ring/text.ts";

/**
 * The clock: milliseconds since boot as a signed 32-bit integer, negative after 24.86 days. Time.ticks is a getter in
 * C; calling it directly costs a third of a function that asks Time for it.
 */
export function platformClock(): () => number {
  return Object.getOwnPropertyDescriptor(Time, "ticks")?.get ?? (() => Time.ticks);
}

/** `encodeInto` allocates the object that it returns. */
export function createEncoder(): Encoder {
  // `indexOf` as an object: at each call, XS would box the bare method, or the string if the method is called on it.
  return { encoder: new TextEncoder(), indexOf: Object(String.prototype.indexOf) };
}

/**
 * Returns 53 bits that distinguish this boot from others of the device. `uptimeMs`: the reading of a user's clock, else
 * 0. How many of the bits are unpredictable:
 * - ESP32, ESP8266: 52. Math.random reads the chip's generator, 31 bits each time.
 * - Linux targets, simulators: Math.random starts alike each time, and Date.now() is the wall clock, 35 bits within a
 *   year.
 * - Pico, nRF52, Zephyr: Math.random starts alike, too. Once the time of day has been set, as above. Before that,
 *   Date.now() counts from boot: the milliseconds until a Telemetry is made vary by a few bits or not at all. Give a
 *   `bootId` there, or make the Telemetry later.
 *
 * With everything else alike, no two milliseconds of the time of day give the same id, and no two readings of a clock
 * do.
 */
export function randomBootId(uptimeMs: number): number {
  const timeOfDay = Date.now();
  // The factor is odd, so each reading has its own product, and spreads them: a later time does not undo a later
  // reading.
  const low = Math.imul((Math.random() * 4_294_967_296) ^ uptimeMs, 0x2c1b_3c6d) ^ timeOfDay;
  const high = ((Math.random() * 0x20_0000) ^ (timeOfDay / 4_294_967_296)) & 0x1f_ffff;
  return high * 4_294_967_296 + (low >>> 0);
}
