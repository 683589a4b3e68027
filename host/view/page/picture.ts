/** What is drawn, and the positions of times and rows in it. */
import type { Colors } from "./colors.ts";
import type { Level, Model } from "./model.ts";
import { gallop, type Lanes, lowerBound } from "./order.ts";
import { Pixels } from "./pixels.ts";
import type { Row, Rows } from "./rows.ts";

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Picture {
  readonly model: Model;
  readonly rows: Rows;
  readonly colors: Colors;
  readonly range: Range;
  readonly scrollTop: number;
  readonly gutter: number;
  readonly selected: number | undefined;
  readonly selectedGap: number | undefined;
  readonly row: Row | undefined;
  readonly marks: readonly number[];
}

export const AXIS_HEIGHT = 24;
const FONT = "12px system-ui, sans-serif";

/** A canvas at the screen's resolution, its size and scale. */
export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;
  scale = 1;
  pixels = new Pixels(1, 1);

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false })!;
  }

  fit(width: number, height: number): void {
    const scale = Math.min(2, window.devicePixelRatio || 1);
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    if (w !== this.canvas.width || h !== this.canvas.height) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.pixels = new Pixels(w, h);
    }
    [this.width, this.height, this.scale] = [width, height, scale];
  }

  /** Shows pixels; what follows is drawn over them, in units of the page. */
  show(): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.pixels.show(this.context);
    this.context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    this.context.font = FONT;
    this.context.textBaseline = "middle";
  }
}

/**
 * Calls `each` for the pixels in which lane `lane` has events, with their number; pixels of the surface, from `left`.
 */
export function eachPixel(
  { order, starts }: Lanes,
  lane: number,
  x: Float64Array,
  range: Range,
  left: number,
  width: number,
  each: (pixel: number, count: number, at: number) => void,
): void {
  const perPixel = (range.to - range.from) / width;
  const end = starts[lane + 1]!;
  let at = lowerBound(order, x, starts[lane]!, end, range.from);
  while (at < end) {
    const pixel = Math.floor((x[order[at]!]! - range.from) / perPixel);
    if (pixel >= width) return;
    const next = gallop(order, x, at + 1, end, range.from + (pixel + 1) * perPixel);
    each(left + pixel, next - at, at);
    at = next;
  }
}

/** Lanes whose events a row shows: boots of a device, else one. */
export function lanesIn(
  { model, rows }: Picture,
  row: Row,
): { readonly level: Level; readonly lanes: readonly number[] } {
  if (row.kind === "device") return { level: model.boots, lanes: rows.devices[row.index]!.boots };
  const level = row.kind === "boot" ? model.boots : row.kind === "client" ? model.byClient : model.byConnection;
  return { level, lanes: [row.index] };
}

export function bootsIn({ model, rows }: Pick<Picture, "model" | "rows">, row: Row): readonly number[] {
  if (row.kind === "device") return rows.devices[row.index]!.boots;
  if (row.kind === "boot") return [row.index];
  if (row.kind === "client") return [model.clients[row.index]!.boot];
  if (row.kind === "connection") return [model.clients[model.connections[row.index]!.client]!.boot];
  return [model.store.boot[row.series!.events[0]!]!];
}

/** The position of a time, in units of the page. */
export function xAt({ range, gutter }: Pick<Picture, "range" | "gutter">, width: number, time: number): number {
  return gutter + ((time - range.from) / (range.to - range.from)) * (width - gutter);
}
