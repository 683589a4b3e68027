/**
 * Orders of events: by time, and by time within a lane. An order in a lane is a precomputed sum: the number in a pixel
 * is a difference.
 */

/** By event; -1: in none. */
export type LaneOf = Int32Array | Uint32Array | Uint16Array;

/** Events by lane, in each by time: those of lane n are order[starts[n]] to order[starts[n + 1] - 1]. */
export interface Lanes {
  readonly order: Uint32Array;
  readonly starts: Uint32Array;
}

/** Events of an order, lane by lane; those of lane -1 are left out. The order stays within a lane. */
export function lanesOf(order: Uint32Array, laneOf: LaneOf, lanes: number): Lanes {
  const starts = new Uint32Array(lanes + 1);
  for (let i = 0; i < order.length; i++) {
    const lane = laneOf[order[i]!]!;
    if (lane >= 0) starts[lane + 1]!++;
  }
  for (let lane = 0; lane < lanes; lane++) starts[lane + 1]! += starts[lane]!;
  // One lane is the order itself.
  if (lanes === 1 && starts[1] === order.length) return { order, starts };
  const next = starts.slice();
  const sorted = new Uint32Array(starts[lanes]!);
  for (let i = 0; i < order.length; i++) {
    const event = order[i]!;
    const lane = laneOf[event]!;
    if (lane >= 0) sorted[next[lane]!++] = event;
  }
  return { order: sorted, starts };
}

/** Those with a flag set, in the same lanes. */
export function chosen({ order, starts }: Lanes, flags: Uint8Array, bit: number): Lanes {
  const own = new Uint32Array(starts.length);
  let count = 0;
  for (let i = 0; i < order.length; i++) if ((flags[order[i]!]! & bit) !== 0) count++;
  const kept = new Uint32Array(count);
  let at = 0;
  for (let lane = 0; lane + 1 < starts.length; lane++) {
    own[lane] = at;
    for (let i = starts[lane]!; i < starts[lane + 1]!; i++) {
      const event = order[i]!;
      if ((flags[event]! & bit) !== 0) kept[at++] = event;
    }
  }
  own[starts.length - 1] = at;
  return { order: kept, starts: own };
}

/** All events by time: each boot's normally are, and are merged. */
export function byTime(boot: LaneOf, boots: number, x: Float64Array): Uint32Array {
  const all = new Uint32Array(boot.length);
  for (let i = 0; i < all.length; i++) all[i] = i;
  const { order, starts } = lanesOf(all, boot, boots);
  let runs: [number, number][] = [];
  for (let lane = 0; lane < boots; lane++) {
    const [from, to] = [starts[lane]!, starts[lane + 1]!];
    if (from === to) continue;
    for (let i = from + 1; i < to; i++)
      if (x[order[i]!]! < x[order[i - 1]!]!) {
        order.subarray(from, to).sort((a, b) => x[a]! - x[b]! || a - b);
        break;
      }
    runs.push([from, to]);
  }
  let source: Uint32Array = order;
  let target: Uint32Array = runs.length > 1 && all === order ? new Uint32Array(all.length) : all;
  while (runs.length > 1) {
    const merged: [number, number][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [from, middle] = runs[i]!;
      const end = runs[i + 1]?.[1] ?? middle;
      merge(source, target, x, from, middle, end);
      merged.push([from, end]);
    }
    runs = merged;
    [source, target] = [target, source];
  }
  return source;
}

function merge(
  source: Uint32Array,
  target: Uint32Array,
  x: Float64Array,
  from: number,
  middle: number,
  end: number,
): void {
  let a = from;
  let b = middle;
  for (let at = from; at < end; at++)
    target[at] = b >= end || (a < middle && x[source[a]!]! <= x[source[b]!]!) ? source[a++]! : source[b++]!;
}

/** The first of order[from, to) whose time is `time` or later. */
export function lowerBound(order: Uint32Array, x: Float64Array, from: number, to: number, time: number): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (x[order[middle]!]! < time) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The same, if it is near: in steps that double. */
export function gallop(order: Uint32Array, x: Float64Array, from: number, to: number, time: number): number {
  let step = 1;
  let before = from;
  let at = from;
  while (at < to && x[order[at]!]! < time) {
    before = at + 1;
    at += step;
    step *= 2;
  }
  return lowerBound(order, x, before, Math.min(at, to), time);
}
