/** What a drainer needs of a platform's timers. */
export interface DrainTimer {
  /** Calls `callback` every `everyMs` ms until it is cleared. Returns what clear() takes. */
  repeat(callback: () => void, everyMs: number): unknown;
  clear(handle: unknown): void;
}
