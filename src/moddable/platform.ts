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
  // `includes` as an object: XS would box the bare method, and the string if asked for a method of its own, at each call.
  return { encoder: new TextEncoder(), includes: Object(String.prototype.includes) };
}

/**
 * 53 bits that tell this boot from the device's others. `uptimeMs`: what a clock of the user's reads, else 0. How many of them nobody
 * can foresee:
 * - ESP32, ESP8266: all 53. Math.random reads the chip's generator, 31 bits each time.
 * - Linux targets, simulators: Math.random begins alike with each start. Starts in two milliseconds differ, for Date.now() is the
 *   wall clock: 35 bits within a year.
 * - Pico, nRF52, Zephyr: Math.random begins alike too. Once the time of day has been set, as above. Before, Date.now() counts from
 *   boot: the milliseconds until a Telemetry is made vary by few bits or none. Give a `bootId` there, or make it later.
 */
export function randomBootId(uptimeMs: number): number {
  const timeOfDay = Date.now();
  const words = [
    Math.random() * 4_294_967_296,
    Math.random() * 4_294_967_296,
    timeOfDay,
    timeOfDay / 4_294_967_296,
    uptimeMs,
  ];
  let low = 0;
  let high = 0;
  // Each step is one to one: if all words are alike but one of the last three, the ids differ for certain.
  for (let index = 0; index < words.length; index++) {
    low = Math.imul(low ^ words[index]!, 0x2c1b3c6d) + 0x297a2d39;
    low ^= low >>> 15;
    high = Math.imul(high ^ low, 0x5bd1e995) ^ words[index]!;
  }
  return (high & 0x1f_ffff) * 4_294_967_296 + (low >>> 0);
}
