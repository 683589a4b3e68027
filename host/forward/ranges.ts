/** Ranges of whole numbers as pairs [from, to), in order, never adjacent. */

/** Beyond this, the shortest ranges are forgotten: their events are sent again, never left out. */
export const MOST_RANGES = 1000;

/** Returns how many ranges begin at or before a number. */
function beginning(ranges: readonly number[], seq: number): number {
  let [low, high] = [0, ranges.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle * 2]! <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isIn(ranges: readonly number[], seq: number): boolean {
  const before = beginning(ranges, seq);
  return before > 0 && seq < ranges[before * 2 - 1]!;
}

/** Adds a range; adjacent ones become one. Returns how many other numbers were forgotten because there were too many ranges. */
export function addTo(ranges: number[], seq: number): number {
  const at = beginning(ranges, seq) * 2;
  if (at > 0 && seq < ranges[at - 1]!) return 0;
  const isAfter = at > 0 && ranges[at - 1] === seq;
  const isBefore = ranges[at] === seq + 1;
  if (isAfter && isBefore) ranges.splice(at - 1, 2);
  else if (isAfter) ranges[at - 1] = seq + 1;
  else if (isBefore) ranges[at] = seq;
  else ranges.splice(at, 0, seq, seq + 1);
  return ranges.length > 2 * MOST_RANGES ? forgetShortest(ranges, at) : 0;
}

/** Forgets the shortest range, but never the one at `kept`: it has just begun, and could never grow. Returns how many numbers it had. */
function forgetShortest(ranges: number[], kept: number): number {
  let [shortest, least] = [0, Number.POSITIVE_INFINITY];
  for (let at = 0; at < ranges.length; at += 2) {
    const length = ranges[at + 1]! - ranges[at]!;
    if (at !== kept && length < least) [shortest, least] = [at, length];
  }
  ranges.splice(shortest, 2);
  return least;
}
