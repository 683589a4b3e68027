import { BEGIN, END, FOUND, REJECTED } from "./model.ts";
import { gallop } from "./order.ts";
import { bootsIn, eachPixel, lanesIn, type Picture, type Surface } from "./picture.ts";
import type { Row } from "./rows.ts";

export function drawLane(
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
  // The duration of connections and boots.
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
    // The more events in a pixel, the stronger; equal pixels next to each other form one rectangle.
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

/** A boot is a line beneath its events that begins with a post. */
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
    // Many gaps of one pixel form one band.
    if (end <= last) continue;
    const begin = Math.max(left, at(fromX), last);
    const unit = isHead ? 6 : 12;
    const [period, thick] = [Math.round(unit * scale), Math.round(isHead ? 2 * scale : scale)];
    pixels.hatch(begin, y, end - begin, height, colors.pixel.lost, gap.onDevice > 0 ? 1 : -1, period, thick);
    if (isHead) pixels.rect(begin, y, end - begin, Math.round(2 * scale), colors.pixel.lost);
    last = end;
  }
}

export function drawSeries(
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
