import { drawAxis, drawMoments, stepOf } from "./draw-axis.ts";
import { drawLane, drawSeries } from "./draw-lane.ts";
import { BEGIN, REJECTED } from "./model.ts";
import { lowerBound } from "./order.ts";
import { AXIS_HEIGHT, bootsIn, lanesIn, type Picture, type Surface, xAt } from "./picture.ts";
import { bootText, type Row } from "./rows.ts";
import { missing, numberText } from "./text.ts";

export function drawLanes(surface: Surface, picture: Picture): void {
  const { rows, colors, scrollTop, gutter } = picture;
  const { pixels, scale } = surface;
  const left = Math.round(gutter * scale);
  const width = pixels.width - left;
  const { pixel } = colors;
  pixels.data.fill(pixel.back);
  // Beneath everything else: a line over an event would hide it.
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
    // The number of missing events, if there is room for it.
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

/** In a device's row, the number of each boot at its beginning, if there is room for it. */
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

/** The event of a row next to a position, within this many units: first the kind that density would hide. */
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

/** The gap of a row at a position, or within this many units of it; -1 if there is none. */
export function gapAt({ width }: Surface, picture: Picture, row: Row, x: number, within: number): number {
  const { model, range, gutter } = picture;
  const perUnit = (range.to - range.from) / (width - gutter);
  const time = range.from + (x - gutter) * perUnit;
  const near = within * perUnit;
  const boots = bootsIn(picture, row);
  return model.gaps.findIndex(
    ({ gap, fromX, toX }) => boots.includes(gap.boot) && time >= fromX - near && time <= toX + near,
  );
}
