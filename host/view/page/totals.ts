/** A summary of everything, at the top: when, how long, how much, what is missing. */
import { visible } from "../../text/visible.ts";
import { h } from "./dom.ts";
import type { Model } from "./model.ts";
import type { Range } from "./picture.ts";
import { clockText, countedText, dayText, durationText, missing, numberText, sinceBootText } from "./text.ts";

export function totalsText(model: Model): HTMLElement {
  const { meta } = model.store;
  const { boots, gaps, problems, events } = meta;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  boots.forEach((own, boot) => {
    const [first, last] = [model.wall(boot, own.firstMs), model.wall(boot, own.lastMs)];
    if (own.events === 0 || first === undefined || last === undefined) return;
    from = Math.min(from, first.unixMs);
    to = Math.max(to, last.unixMs);
  });
  const devices = new Set(boots.map(({ device }) => device)).size;
  const lost = gaps.reduce((sum, gap) => sum + missing(gap), 0);
  const parts = [
    from > to ? "time of day unknown" : `${dayText(from)} ${clockText(from, false)}, ${durationText(to - from)}`,
    `${countedText(events, "event")} of ${countedText(devices, "device")}, ${countedText(boots.length, "boot")}, ${countedText(model.connections.length, "connection")}`,
    lost === 0 ? "no event is missing" : `${countedText(lost, "event")} missing in ${countedText(gaps.length, "gap")}`,
  ];
  const damages = Object.entries(problems).map(([code, count]) => `${visible(code)} ${numberText(count)}`);
  const totals = h("p", { class: "totals" }, parts.join(" · "));
  if (damages.length > 0) totals.append(h("strong", {}, ` · wrong in the recording: ${damages.join(", ")}`));
  return totals;
}

export function rangeText({ axis, hasDay }: Model, { from, to }: Range): string {
  const length = durationText(to - from);
  if (axis === "day" && hasDay)
    return `${dayText(from)} ${clockText(from)} to ${dayText(to) === dayText(from) ? "" : `${dayText(to)} `}${clockText(to)}, ${length}`;
  return `${sinceBootText(from)} to ${sinceBootText(to)}, ${length}`;
}
