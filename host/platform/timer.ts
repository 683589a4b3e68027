import type { DrainTimer } from "../../src/drain/timer.ts";

/** Node's intervals. They keep the process alive until they are cleared. */
export function platformTimer(): DrainTimer {
  return {
    repeat: (callback, everyMs) => setInterval(callback, everyMs),
    clear: (handle) => clearInterval(handle as NodeJS.Timeout),
  };
}
