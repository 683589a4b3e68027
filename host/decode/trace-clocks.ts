/** Times of day for the content of a capture folder, from the anchors beside the packets. */
import { join } from "node:path";
import { ANCHORS_FILE } from "../capture/folder.ts";
import { readSmall } from "../capture/regular-file.ts";
import { type Anchor, MOST_ANCHORS_BYTES, parseAnchors, WallClock } from "../receive/wall-clock.ts";
import type { Problem } from "../text/errors.ts";
import type { ClockOf } from "./contexts.ts";
import type { Trace } from "./merge.ts";

/**
 * Reads the anchors of a boot of these traces, which belong to one device, when they are needed. Unreadable ones are
 * reported as `W_NO_TIME`.
 */
export function clocksOf(traces: readonly Trace[], root: string, onProblem: (problem: Problem) => void): ClockOf {
  return ({ bootId }) => {
    const anchors = traces
      .flatMap(({ chains }) => chains.flat())
      .filter((boot) => boot.bootId === undefined || boot.bootId === bootId)
      .flatMap(({ path }) => anchorsIn(path, root, onProblem))
      .sort((a, b) => a.unixMs - b.unixMs);
    if (anchors.length === 0) return undefined;
    const clock = new WallClock();
    for (const anchor of anchors) clock.add(anchor);
    return (deviceMs) => clock.at(deviceMs);
  };
}

function anchorsIn(folder: string, root: string, onProblem: (problem: Problem) => void): Anchor[] {
  const file = join(folder, ANCHORS_FILE);
  try {
    return parseAnchors(readSmall(file, root, MOST_ANCHORS_BYTES)?.toString() ?? "");
  } catch (error) {
    onProblem({
      code: "W_NO_TIME",
      message: `${(error as Error).message}; without it the time of day is unknown`,
      file,
    });
    return [];
  }
}
