import type { Colors } from "./colors.ts";
import { eachPixel, type Picture, type Range, type Surface } from "./picture.ts";

/** Events per pixel over a range, rejections in front. Returns the most in one column, of `columnWidth` units. */
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

/** The overview: the visible range, with its two ends as handles. */
export function drawRange({ context, width, height }: Surface, whole: Range, range: Range, { css }: Colors): void {
  const at = (time: number) => ((time - whole.from) / (whole.to - whole.from)) * width;
  const [from, to] = [at(range.from), Math.max(at(range.to), at(range.from) + 3)];
  context.fillStyle = css.select;
  context.globalAlpha = 0.15;
  context.fillRect(from, 0, to - from, height);
  context.globalAlpha = 1;
  context.fillRect(from - 1, 0, 2, height);
  context.fillRect(to - 1, 0, 2, height);
  context.fillRect(from - 4, height / 2 - 8, 8, 16);
  context.fillRect(to - 4, height / 2 - 8, 8, 16);
}
