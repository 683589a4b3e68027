/** Time of day of what a capture folder holds, from the anchors that stand beside the packets. */
import { join } from "node:path";
import { ANCHORS_FILE } from "../capture/folder.ts";
import { readSmall } from "../capture/regular-file.ts";
import { type Anchor, parseAnchors, WallClock } from "../receive/wall-clock.ts";
import type { ClockOf } from "./contexts.ts";
import type { Trace } from "./merge.ts";

/** 10,000 anchors, and their numbers as long as JSON has them. */
const MOST_ANCHOR_BYTES = 1 << 20;

/** Reads the anchors of a boot of these traces, which are one device's, when they are asked for. What cannot be read is not known. */
export function clocksOf(traces: readonly Trace[], root: string): ClockOf {
  return ({ bootId }) => {
    const anchors = traces
      .flatMap(({ chains }) => chains.flat())
      .filter((boot) => boot.bootId === undefined || boot.bootId === bootId)
      .flatMap(({ path }) => anchorsIn(path, root))
      .sort((a, b) => a.unixMs - b.unixMs);
    if (anchors.length === 0) return undefined;
    const clock = new WallClock();
    for (const anchor of anchors) clock.add(anchor);
    return (deviceMs) => clock.at(deviceMs);
  };
}

function anchorsIn(folder: string, root: string): Anchor[] {
  try {
    return parseAnchors(readSmall(join(folder, ANCHORS_FILE), root, MOST_ANCHOR_BYTES)?.toString() ?? "");
  } catch {
    return [];
  }
}
