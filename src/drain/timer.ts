/** The part of a platform's timers that a drainer needs. */
export interface DrainTimer {
  /** Calls `callback` every `everyMs` ms until it is cleared. Returns the argument of clear(). */
  repeat(callback: () => void, everyMs: number): unknown;
  clear(handle: unknown): void;
}
