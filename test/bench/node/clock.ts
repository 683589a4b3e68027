import type { Clock } from "xs-telemetry";

/** A quarter of an hour after boot: all times of a run have the same number of digits. */
const START_MS = 1_000_000;

/** The clock of every case in Node: a millisecond per reading, at the price of an addition. */
export class CountingClock implements Clock {
  #ms = START_MS;

  now(): number {
    this.#ms = (this.#ms + 1) | 0;
    return this.#ms;
  }

  /** How often it was read since start(). */
  get readings(): number {
    return this.#ms - START_MS;
  }

  /** The last reading. */
  get ms(): number {
    return this.#ms;
  }

  /** Some packages read a clock once during setup. */
  start(): void {
    this.#ms = START_MS;
  }
}
