import type { Clock } from "xs-telemetry";

/** A quarter of an hour after boot: all of a run's times have as many digits. */
const START_MS = 1_000_000;

/** The clock that every case in Node is given: a millisecond a reading, at the price of an addition. */
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

  /** Some packages read a clock once to set up. */
  start(): void {
    this.#ms = START_MS;
  }
}
