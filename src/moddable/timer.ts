import Timer from "timer";
import type { DrainTimer } from "../drain/timer.ts";

/** Moddable's module `timer`, which every device has without a manifest. A tick allocates nothing. */
export function platformTimer(): DrainTimer {
  return {
    repeat: (callback, everyMs) => Timer.repeat(callback, everyMs),
    clear: (handle) => Timer.clear(handle as Timer),
  };
}
