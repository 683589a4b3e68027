/**
 * Milliseconds since boot as a 32-bit integer, wrap allowed: only its low 32 bits count. The emitter extends it to 64
 * bits, exactly, if it is read at least once in 24 days (draining reads it). A clock that goes back counts as standing
 * still. Do not use the time of day: it goes back, and jumps when it is set.
 */
export interface Clock {
  now(): number;
}

/**
 * Makes a user's clock a function that never throws nor goes back: where the clock does, or returns no number, time
 * stands still.
 */
export function guardClock(clock: Clock, first: number): () => number {
  let last = first;
  return () => {
    try {
      const now = clock.now();
      if (typeof now === "number" && now - now === 0 && ((now - last) | 0) > 0) last = now | 0; // finite, and later
    } catch {
      // The emission path never throws; the last reading stands.
    }
    return last;
  };
}
