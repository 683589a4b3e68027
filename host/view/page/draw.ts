/** Draws lanes, rates and the whole. What density would hide is drawn last, and is never narrower than its least width. */
import type { Colors } from "./colors.ts";
import { BEGIN, END, FOUND, type Level, type Model, REJECTED } from "./model.ts";
import { gallop, type Lanes, lowerBound } from "./order.ts";
import { Pixels } from "./pixels.ts";
import { bootText, type Row, type Rows } from "./rows.ts";
import { clockText, dayText, missing, numberText, sinceBootText } from "./text.ts";

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

  /** Pixels are shown; what follows is drawn over them, in units of the page. */
  show(): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.pixels.show(this.context);
    this.context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    this.context.font = FONT;
    this.context.textBaseline = "middle";
  }
}

/** Calls `each` for the pixels in which lane `lane` has events, with how many; pixels are of the surface, from `left`. */
function eachPixel(
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

export function drawLanes(surface: Surface, picture: Picture): void {
  const { rows, colors, scrollTop, gutter } = picture;
  const { pixels, scale } = surface;
  const left = Math.round(gutter * scale);
  const width = pixels.width - left;
  const { pixel } = colors;
  pixels.data.fill(pixel.back);
  // Beneath everything: a line over an event would hide it.
  const { step, shift } = stepOf(picture, surface.width);
  const { from, to } = picture.range;
  for (let time = Math.ceil((from - shift) / step) * step + shift; time <= to; time += step)
    pixels.rect(Math.round(xAt(picture, surface.width, time) * scale), 0, 1, pixels.height, pixel.line);
  const first = rows.indexAt(scrollTop);
  const visible: Row[] = [];
  for (let i = first; i < rows.rows.length && rows.rows[i]!.top < scrollTop + surface.height - AXIS_HEIGHT; i++)
    visible.push(rows.rows[i]!);
  const top = (row: Row) => Math.round((AXIS_HEIGHT + row.top - scrollTop) * scale);
  for (const row of visible) {
    const [y, height] = [top(row), Math.round(row.height * scale)];
    const isHead = row.kind === "device" || row.kind === "boot";
    if (isHead || row === picture.row) pixels.rect(0, y, pixels.width, height, pixel.band);
    if (row === picture.row) pixels.rect(0, y, Math.round(3 * scale), height, pixel.select);
    pixels.rect(0, y + height - 1, pixels.width, 1, pixel.band);
    if (row.series !== undefined) drawSeries(surface, picture, row, left, width, y, height);
    else drawLane(surface, picture, row, left, width, y, height);
  }
  pixels.rect(0, 0, pixels.width, Math.round(AXIS_HEIGHT * scale), pixel.back);
  surface.show();
  drawLabels(surface, picture, visible);
  drawAxis(surface, picture);
  drawMoments(surface, picture);
}

/** Lanes of which a row shows the events: boots of a device, else one. */
function lanesIn({ model, rows }: Picture, row: Row): { readonly level: Level; readonly lanes: readonly number[] } {
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

function drawLane(
  surface: Surface,
  picture: Picture,
  row: Row,
  left: number,
  width: number,
  y: number,
  height: number,
): void {
  const { model, colors, range } = picture;
  const { pixels, scale } = surface;
  const { x } = model;
  const { pixel, density } = colors;
  const perPixel = (range.to - range.from) / width;
  const at = (time: number) => left + Math.floor((time - range.from) / perPixel);
  const unit = Math.max(1, Math.round(scale));
  const middle = y + Math.round(height * 0.25);
  const bar = Math.max(2, Math.round(height * 0.5));
  const { level, lanes } = lanesIn(picture, row);
  // How long connections, and boots, lasted.
  const span = (from: number, to: number) => {
    const begin = Math.max(left, at(from));
    pixels.rect(begin, middle, Math.min(pixels.width, Math.max(at(to), begin + 1)) - begin, bar, colors.span);
  };
  if (row.kind === "client") {
    let last = -1;
    for (const connection of model.clients[row.index]!.connections) {
      const { fromX, toX } = model.connections[connection]!;
      if (fromX > range.to) break;
      if (toX < range.from || at(toX) <= last) continue;
      span(fromX, toX);
      last = at(toX);
    }
  } else if (row.kind === "connection") span(model.connections[row.index]!.fromX, model.connections[row.index]!.toX);
  for (const lane of lanes) {
    // The more in a pixel, the stronger; pixels next to each other that are alike are one rectangle.
    let from = 0;
    let to = -1;
    let strength = 0;
    const paint = () =>
      pixels.rect(from, middle, Math.max(perPixel < 1 ? unit : 1, to - from), bar, density[strength]!);
    eachPixel(level.all, lane, x, range, left, width, (px, count) => {
      const own = Math.min(density.length - 1, 31 - Math.clz32(count));
      if (px === to && own === strength) {
        to++;
        return;
      }
      if (to > from) paint();
      [from, to, strength] = [px, px + 1, own];
    });
    if (to > from) paint();
  }
  if (row.kind === "device" || row.kind === "boot") drawBoots(surface, picture, row, at, left, y, height);
  for (const boot of bootsIn(picture, row))
    drawGaps(surface, picture, boot, at, left, y, height, row.kind === "boot" || row.kind === "device");
  // A flag on its pole at the top; a foot at the bottom; a block as high as the lane.
  const beginShape = (px: number) => {
    pixels.rect(px, y + unit, unit, height - 2 * unit, pixel.begin);
    for (let i = 0; i < 4 * unit; i++) pixels.rect(px, y + unit + i, 4 * unit - i, 1, pixel.begin);
  };
  const endShape = (px: number) => {
    pixels.rect(px, y + unit, unit, height - 2 * unit, pixel.end);
    pixels.rect(px - 3 * unit, y + height - 3 * unit, 4 * unit, 2 * unit, pixel.end);
  };
  const rejectedShape = (px: number) => {
    pixels.rect(px - unit, y + Math.round(height * 0.12), 3 * unit, Math.round(height * 0.76), pixel.rejected);
    pixels.rect(px, y + Math.round(height * 0.4), unit, Math.max(1, Math.round(height * 0.2)), pixel.back);
  };
  const classes: readonly (readonly [bit: number, draw: (px: number) => void])[] = [
    [END, endShape],
    [BEGIN, beginShape],
    [REJECTED, rejectedShape],
    [FOUND, (px) => pixels.rect(px - unit, y, 3 * unit, Math.max(2, Math.round(height * 0.2)), pixel.found)],
  ];
  for (const [bit, draw] of classes)
    for (const lane of lanes) eachPixel(level.classes.get(bit)!, lane, x, range, left, width, (px) => draw(px));
}

/** A boot lasts as a line beneath its events, and begins with a post. */
function drawBoots(
  { pixels, scale }: Surface,
  picture: Picture,
  row: Row,
  at: (time: number) => number,
  left: number,
  y: number,
  height: number,
): void {
  const { model, colors } = picture;
  const unit = Math.max(1, Math.round(2 * scale));
  for (const boot of bootsIn(picture, row)) {
    const { firstMs, lastMs, events } = model.store.meta.boots[boot]!;
    if (events === 0) continue;
    const [from, to] = [at(model.xOf(boot, firstMs)), at(model.xOf(boot, lastMs))];
    if (to < left || from >= pixels.width) continue;
    const begin = Math.max(left, from);
    pixels.rect(begin, y + height - unit, Math.max(unit, Math.min(to, pixels.width) - begin), unit, colors.pixel.line);
    if (from >= left) pixels.rect(from - unit, y, unit, height, colors.pixel.text);
  }
}

function drawGaps(
  { pixels, scale }: Surface,
  { model, colors, range }: Picture,
  boot: number,
  at: (time: number) => number,
  left: number,
  y: number,
  height: number,
  isHead: boolean,
): void {
  const least = Math.round(4 * scale);
  let last = -1;
  for (const { gap, fromX, toX } of model.gapsOfBoot[boot]!) {
    if (toX < range.from || fromX > range.to) continue;
    const end = Math.max(at(toX), at(fromX) + least);
    // Many gaps of one pixel are one band.
    if (end <= last) continue;
    const begin = Math.max(left, at(fromX), last);
    const unit = isHead ? 6 : 12;
    const [period, thick] = [Math.round(unit * scale), Math.round(isHead ? 2 * scale : scale)];
    pixels.hatch(begin, y, end - begin, height, colors.pixel.lost, gap.onDevice > 0 ? 1 : -1, period, thick);
    if (isHead) pixels.rect(begin, y, end - begin, Math.round(2 * scale), colors.pixel.lost);
    last = end;
  }
}

function drawSeries(
  surface: Surface,
  picture: Picture,
  row: Row,
  left: number,
  width: number,
  y: number,
  height: number,
): void {
  const { model, range, colors } = picture;
  const series = row.series!;
  const { least, greatest } = series;
  const perPixel = (range.to - range.from) / width;
  const inner = height - Math.round(8 * surface.scale);
  const place = (value: number) =>
    y +
    height -
    Math.round(4 * surface.scale) -
    Math.round(greatest === least ? inner / 2 : ((value - least) / (greatest - least)) * inner);
  let before: number | undefined;
  let beforePixel = left;
  let i = series.from(model.x, range.from);
  if (i > 0) before = place(series.values[i - 1]!);
  while (i < series.events.length) {
    const px = Math.floor((model.x[series.events[i]!]! - range.from) / perPixel);
    if (px >= width) break;
    const next = gallop(series.events, model.x, i + 1, series.events.length, range.from + (px + 1) * perPixel);
    const [low, high] = series.range(i, next);
    // A value stays until the next one.
    if (before !== undefined) surface.pixels.rect(beforePixel, before, left + px - beforePixel, 1, colors.span);
    surface.pixels.rect(
      left + px,
      place(high),
      Math.max(1, Math.round(surface.scale)),
      Math.max(2, place(low) - place(high) + 1),
      colors.pixel.event,
    );
    before = place(series.values[next - 1]!);
    beforePixel = left + px + 1;
    i = next;
  }
}

function drawLabels({ context, height, width }: Surface, picture: Picture, visible: readonly Row[]): void {
  const { colors, gutter, scrollTop, model, range } = picture;
  context.fillStyle = colors.css.back;
  for (const row of visible) {
    const y = AXIS_HEIGHT + row.top - scrollTop;
    context.save();
    context.beginPath();
    context.rect(0, Math.max(AXIS_HEIGHT, y), gutter - 4, row.height);
    context.clip();
    context.fillStyle = row.kind === "device" || row.kind === "boot" ? colors.css.text : colors.css.faint;
    const mark = row.isOpen === undefined ? "" : row.isOpen ? "▾ " : "▸ ";
    context.fillText(`${mark}${row.label}`, 8 + row.depth * 10, y + row.height / 2);
    context.restore();
    if (row.series !== undefined) {
      context.fillStyle = colors.css.faint;
      context.fillText(numberText(row.series.greatest), gutter + 4, y + 8);
      context.fillText(numberText(row.series.least), gutter + 4, y + row.height - 8);
    }
    if (row.kind === "device") drawBootNames(context, picture, row, width, y);
    if (row.kind !== "boot") continue;
    // How many are missing, where there is room for it.
    let free = gutter;
    for (const { gap, fromX, toX } of model.gapsOfBoot[row.index]!) {
      const from = xAt(picture, width, fromX);
      if (toX < range.from || fromX > range.to || Math.max(from, gutter) < free) continue;
      const text = `−${numberText(missing(gap))}`;
      const at = Math.max(from, gutter) + 4;
      const wide = context.measureText(text).width;
      context.fillStyle = colors.css.back;
      context.fillRect(at - 1, y + 3, wide + 4, row.height - 6);
      context.fillStyle = colors.css.lost;
      context.fillText(text, at + 1, y + row.height / 2);
      free = at + wide + 8;
    }
  }
  context.fillStyle = colors.css.line;
  context.fillRect(gutter - 1, 0, 1, height);
}

/** In a device's row, which boot begins where, if there is room for it. */
function drawBootNames(context: CanvasRenderingContext2D, picture: Picture, row: Row, width: number, y: number): void {
  const { model, colors, gutter } = picture;
  const boots = bootsIn(picture, row);
  if (boots.length < 2) return;
  let free = gutter;
  for (const boot of boots) {
    const own = model.store.meta.boots[boot]!;
    const x = xAt(picture, width, model.xOf(boot, own.firstMs));
    if (own.events === 0 || x < free || x > width) continue;
    const text = bootText(own);
    const wide = context.measureText(text).width;
    context.fillStyle = colors.css.back;
    context.fillRect(x + 1, y + 3, wide + 6, row.height - 6);
    context.fillStyle = colors.css.text;
    context.fillText(text, x + 4, y + row.height / 2);
    free = x + wide + 10;
  }
}

/** Where a time stands, in units of the page. */
export function xAt({ range, gutter }: Pick<Picture, "range" | "gutter">, width: number, time: number): number {
  return gutter + ((time - range.from) / (range.to - range.from)) * (width - gutter);
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5,
  216e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6, 7776e6, 31536e6,
];

export function timeText({ model }: Pick<Picture, "model">, time: number, hasMs: boolean): string {
  return model.axis === "day" && model.hasDay ? clockText(time, hasMs) : sinceBootText(time, hasMs);
}

/** From one line of the axis to the next, and how far whole hours of whoever looks are from those of UTC. */
function stepOf({ range, gutter, model }: Picture, width: number): { readonly step: number; readonly shift: number } {
  const perUnit = (range.to - range.from) / (width - gutter);
  const step = STEPS.find((each) => each / perUnit >= 110) ?? STEPS.at(-1)!;
  const isDay = model.axis === "day" && model.hasDay;
  return { step, shift: isDay ? new Date(range.from).getTimezoneOffset() * 60_000 : 0 };
}

function drawAxis({ context, width }: Surface, picture: Picture): void {
  const { range, colors, gutter, model } = picture;
  const { step, shift } = stepOf(picture, width);
  const isDay = model.axis === "day" && model.hasDay;
  context.textBaseline = "middle";
  let day = "";
  let free = gutter;
  for (let time = Math.ceil((range.from - shift) / step) * step + shift; time <= range.to; time += step) {
    const x = xAt(picture, width, time);
    context.fillStyle = colors.css.line;
    context.fillRect(Math.round(x), AXIS_HEIGHT - 6, 1, 6);
    context.fillStyle = colors.css.faint;
    if (x < free || x + 60 > width) continue;
    const own = isDay ? dayText(time) : "";
    const text =
      step >= 864e5 && isDay
        ? own
        : `${own !== day && isDay && step < 864e5 && day === "" ? `${own} ` : ""}${timeText(picture, time, step < 1000)}`;
    day = own;
    context.fillText(text, x + 3, AXIS_HEIGHT / 2);
    free = x + 3 + context.measureText(text).width + 6;
  }
  context.fillStyle = colors.css.text;
  context.fillText(isDay ? "time of day" : model.axis === "boot" ? "since boot" : "boots in turn", 8, AXIS_HEIGHT / 2);
}

/** What is chosen, and marks. */
function drawMoments({ context, width, height }: Surface, picture: Picture): void {
  const { colors, marks, selected, selectedGap, model, gutter, rows, scrollTop } = picture;
  const line = (time: number, color: string, dash: number[]) => {
    const x = Math.round(xAt(picture, width, time)) + 0.5;
    if (x < gutter) return;
    context.strokeStyle = color;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.setLineDash([]);
  };
  for (const mark of marks) line(mark, colors.css.mark, [4, 3]);
  if (selectedGap !== undefined) {
    line(model.gaps[selectedGap]!.fromX, colors.css.select, []);
    line(model.gaps[selectedGap]!.toX, colors.css.select, []);
  }
  if (selected === undefined) return;
  line(model.x[selected]!, colors.css.select, []);
  const row = rows.rowOf(selected);
  if (row === undefined) return;
  const x = xAt(picture, width, model.x[selected]!);
  const y = AXIS_HEIGHT + row.top - scrollTop;
  if (x < gutter || y < AXIS_HEIGHT - row.height) return;
  context.strokeStyle = colors.css.select;
  context.lineWidth = 2;
  context.strokeRect(x - 5, y + 1, 10, row.height - 2);
  context.lineWidth = 1;
}

/** Events a pixel over a range, rejections in front. Returns the most in one column, of `columnWidth` units. */
export function drawRates(surface: Surface, { model, colors, range, gutter }: Picture, columnWidth: number): number {
  const { pixels, scale } = surface;
  const left = Math.round(gutter * scale);
  pixels.data.fill(colors.pixel.back);
  const wide = Math.max(1, Math.round(columnWidth * scale));
  const columns = Math.max(1, Math.floor((pixels.width - left) / wide));
  const counts = new Float64Array(columns);
  const rejected = new Float64Array(columns);
  const fill = (order: Uint32Array, into: Float64Array) =>
    eachPixel({ order, starts: Uint32Array.of(0, order.length) }, 0, model.x, range, 0, columns, (column, count) => {
      into[column] = count;
    });
  fill(model.order, counts);
  fill(model.rejected, rejected);
  let most = 0;
  for (const count of counts) most = Math.max(most, count);
  const room = pixels.height - Math.round(2 * scale);
  const unit = Math.max(2, Math.round(2 * scale));
  for (let column = 0; column < columns; column++) {
    const count = counts[column]!;
    if (count === 0) continue;
    const high = Math.max(unit, Math.round((count / most) * room));
    const x = left + column * wide;
    pixels.rect(x, pixels.height - high, Math.max(1, wide - (wide > 3 ? 1 : 0)), high, colors.density[3]!);
    if (rejected[column]! === 0) continue;
    const red = Math.max(unit, Math.round((rejected[column]! / most) * room));
    pixels.rect(x, pixels.height - red, wide, red, colors.pixel.rejected);
  }
  for (const { fromX, toX } of model.gaps) {
    if (toX < range.from || fromX > range.to) continue;
    const perPixel = (range.to - range.from) / (pixels.width - left);
    const begin = Math.max(left, left + Math.floor((fromX - range.from) / perPixel));
    const end = Math.max(begin + Math.round(3 * scale), left + Math.floor((toX - range.from) / perPixel));
    pixels.rect(begin, 0, end - begin, Math.round(3 * scale), colors.pixel.lost);
  }
  surface.show();
  return most;
}

/** The event of a row next to a place, within so many units: what density would hide first. */
export function eventAt(surface: Surface, picture: Picture, row: Row, x: number, within: number): number | undefined {
  const { model, range, gutter } = picture;
  const perUnit = (range.to - range.from) / (surface.width - gutter);
  const time = range.from + (x - gutter) * perUnit;
  const nearest = (order: Uint32Array, from: number, to: number): number | undefined => {
    const at = lowerBound(order, model.x, from, to, time);
    const near = [at - 1, at].filter((i) => i >= from && i < to).map((i) => order[i]!);
    const distance = (event: number) => Math.abs(model.x[event]! - time);
    near.sort((a, b) => distance(a) - distance(b));
    return near[0] !== undefined && distance(near[0]) <= within * perUnit ? near[0] : undefined;
  };
  if (row.series !== undefined) return nearest(row.series.events, 0, row.series.events.length);
  const { level, lanes } = lanesIn(picture, row);
  for (const { order, starts } of [level.classes.get(REJECTED)!, level.classes.get(BEGIN)!, level.all])
    for (const lane of lanes) {
      const found = nearest(order, starts[lane]!, starts[lane + 1]!);
      if (found !== undefined) return found;
    }
  return undefined;
}
