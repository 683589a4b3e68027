import TextEncoder from "text/encoder";
import Time from "time";
import type { Encoder } from "../ring/text.ts";

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

/**
 * 53 bits that tell this boot from the device's others. `uptimeMs`: what a clock of the user's reads, else 0. How many of them nobody
 * can foresee:
 * - ESP32, ESP8266: 52. Math.random reads the chip's generator, 31 bits each time.
 * - Linux targets, simulators: Math.random begins alike with each start, and Date.now() is the wall clock, 35 bits within a year.
 * - Pico, nRF52, Zephyr: Math.random begins alike too. Once the time of day has been set, as above. Before, Date.now() counts from
 *   boot: the milliseconds until a Telemetry is made vary by few bits or none. Give a `bootId` there, or make it later.
 *
 * Where all else is alike, no two milliseconds of the time of day have one id, nor two of a clock's readings.
 */
export function randomBootId(uptimeMs: number): number {
  const timeOfDay = Date.now();
  // The factor is odd, so that each reading has a product of its own, and spreads them: a later time does not undo a later reading.
  const low = Math.imul((Math.random() * 4_294_967_296) ^ uptimeMs, 0x2c1b_3c6d) ^ timeOfDay;
  const high = ((Math.random() * 0x20_0000) ^ (timeOfDay / 4_294_967_296)) & 0x1f_ffff;
  return high * 4_294_967_296 + (low >>> 0);
}
