/** From one event, or gap, to the next: in a lane, or among all, in a circle; and their extent. */
import type { Model } from "./model.ts";
import { gallop, lowerBound } from "./order.ts";
import { bootsIn, type Range } from "./picture.ts";
import type { Row, Rows } from "./rows.ts";

/** 1: the first event at a time or later; -1: the last one before it. */
export function nextOf(model: Model, order: Uint32Array, time: number, by: 1 | -1): number | undefined {
  const at = lowerBound(order, model.x, 0, order.length, time);
  return by > 0 ? order[at] : order[at - 1];
}

/** The same in a row's lanes. */
export function nextIn(model: Model, rows: Rows, row: Row, time: number, by: 1 | -1): number | undefined {
  if (row.series !== undefined) return nextOf(model, row.series.events, time, by);
  const level = row.kind === "client" ? model.byClient : row.kind === "connection" ? model.byConnection : model.boots;
  const lanes = row.kind === "device" || row.kind === "boot" ? bootsIn({ model, rows }, row) : [row.index];
  const { order, starts } = level.all;
  const found = lanes.flatMap(
    (lane) => nextOf(model, order.subarray(starts[lane]!, starts[lane + 1]!), time, by) ?? [],
  );
  found.sort((a, b) => by * (model.x[a]! - model.x[b]!));
  return found[0];
}

/**
 * Where in the non-empty `order` the next event is: after the selection, or else from a time on. After the last comes
 * the first.
 */
export function inCircle(
  model: Model,
  order: Uint32Array,
  selected: number | undefined,
  time: number,
  by: 1 | -1,
): number {
  const from = selected === undefined ? time : model.x[selected]!;
  let at = lowerBound(order, model.x, 0, order.length, from);
  if (selected !== undefined) {
    const end = gallop(order, model.x, at, order.length, from + 1e-9);
    const own = order.subarray(at, end).indexOf(selected);
    if (own >= 0) at += own + (by > 0 ? 1 : -1);
    else if (by < 0) at--;
    else at = end;
  } else if (by < 0) at--;
  return (at + order.length) % order.length;
}

/** The same among gaps; there must be one. */
export function gapInCircle({ gaps }: Model, selected: number | undefined, time: number, by: 1 | -1): number {
  const order = gaps.map((_, gap) => gap).sort((a, b) => gaps[a]!.toX - gaps[b]!.toX);
  const own = selected === undefined ? -1 : order.indexOf(selected);
  const next = own >= 0 ? own + by : by > 0 ? order.findIndex((gap) => gaps[gap]!.toX >= time) : order.length - 1;
  return order[(Math.max(next, by > 0 ? 0 : -1) + order.length) % order.length]!;
}

/** The extent of the selection: an event's connection, or the event alone; a gap. */
export function extentOf(model: Model, selected: number | undefined, gap: number | undefined): Range | undefined {
  if (gap !== undefined) return { from: model.gaps[gap]!.fromX, to: model.gaps[gap]!.toX };
  if (selected === undefined) return undefined;
  const connection = model.connections[model.connectionOf[selected]!];
  const x = model.x[selected]!;
  return connection ? { from: connection.fromX, to: connection.toX } : { from: x, to: x };
}
