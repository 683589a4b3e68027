import { AXIS_HEIGHT, type Picture, type Surface, xAt } from "./picture.ts";
import { clockText, dayText, sinceBootText } from "./text.ts";

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5,
  216e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6, 7776e6, 31536e6,
];

function timeText({ model }: Pick<Picture, "model">, time: number, hasMs: boolean): string {
  return model.axis === "day" && model.hasDay ? clockText(time, hasMs) : sinceBootText(time, hasMs);
}

/** The distance of the axis' lines, and the offset of local whole hours from those of UTC. */
export function stepOf(
  { range, gutter, model }: Picture,
  width: number,
): { readonly step: number; readonly shift: number } {
  const perUnit = (range.to - range.from) / (width - gutter);
  const step = STEPS.find((each) => each / perUnit >= 110) ?? STEPS.at(-1)!;
  const isDay = model.axis === "day" && model.hasDay;
  return { step, shift: isDay ? new Date(range.from).getTimezoneOffset() * 60_000 : 0 };
}

export function drawAxis({ context, width }: Surface, picture: Picture): void {
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

/** The selection, and marks. */
export function drawMoments({ context, width, height }: Surface, picture: Picture): void {
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
