/** The selection in words, and links from it. */
import { visible } from "../../text/visible.ts";
import { deviceText, timesOf } from "./describe.ts";
import { h, isolated } from "./dom.ts";
import type { Model } from "./model.ts";
import { bootText } from "./rows.ts";
import { durationText, gapText, numberText, sinceBootText } from "./text.ts";

export function fillDetails(
  into: HTMLElement,
  model: Model,
  event: number | undefined,
  gap: number | undefined,
  marks: readonly number[],
  go: (event: number) => void,
): void {
  const list = h("dl");
  const add = (name: string, value: string | Node) => {
    list.append(
      h("dt", {}, isolated(visible(name))),
      typeof value === "string" ? isolated(value, "dd") : h("dd", {}, value),
    );
  };
  const { store } = model;
  const link = (text: string, to: number) => h("button", { type: "button", click: () => go(to) }, text);
  if (gap !== undefined) {
    const { gap: own } = model.gaps[gap]!;
    add("gap", gapText(own));
    add(
      "between",
      `${sinceBootText(own.fromMs)} and ${sinceBootText(own.toMs)}, ${durationText(own.toMs - own.fromMs)}`,
    );
    add("boot", `${deviceText(model, own.boot)} ${bootText(store.meta.boots[own.boot]!)}`);
    into.replaceChildren(h("h2", {}, `Gap ${gap + 1} of ${model.gaps.length}`), list);
    return;
  }
  if (event === undefined) {
    into.replaceChildren(
      h("h2", {}, "Details"),
      h("p", {}, "Choose an event: click it, go to it with n and p, or choose it in the table. Press ? for all keys."),
    );
    return;
  }
  const boot = store.boot[event]!;
  const { page, values } = store.kinds[store.kind[event]!]!;
  const times = timesOf(model, event);
  const wall = model.wall(boot, store.ms[event]!);
  add(
    "time of day",
    wall === undefined
      ? "not known"
      : `${times.day} ${times.clock} (±${numberText(wall.uncertaintyMs)} ms), ${utcText(wall.unixMs)}`,
  );
  add("since boot", `${times.boot}, ${numberText(store.ms[event]!)} ms`);
  const place = store.meta.boots[boot]!;
  add("device", place.device === null ? "without a name" : visible(place.device));
  add("boot", `${bootText(place)}${place.bootId === null ? "" : `, id ${visible(place.bootId)}`}`);
  if (place.reset !== null) add("booted after", visible(place.reset));
  add("number", Number.isNaN(store.seq(event)) ? "not known" : numberText(store.seq(event)));
  for (const each of values) {
    const value = store.valueAt(each, store.row[event]!);
    if (value !== undefined)
      add(each.page.key, typeof value === "number" ? String(value) : value === "" ? '""' : visible(value));
  }
  const answer = model.answer(event);
  if (answer === "lost") add("answer", "unknown: events are missing after it");
  else if (answer === "none") add("answer", "none on this connection");
  else if (answer !== undefined) {
    const text = `after ${durationText(answer.ms)}`;
    const note = h(
      "span",
      {},
      link(text, answer.event),
      " the next message sent on its connection: it is the answer only if the firmware answers in order",
    );
    add("answer", note);
  }
  const { order, from, to, at } = model.neighbours(event);
  const isOfConnection = model.connectionOf[event]! >= 0;
  const buttons = h("p", { class: "buttons" });
  if (at > from)
    buttons.append(link(`◂ previous of its ${isOfConnection ? "connection" : "lane"} (p)`, order[at - 1]!));
  if (at + 1 < to) buttons.append(link(`next of its ${isOfConnection ? "connection" : "lane"} (n) ▸`, order[at + 1]!));
  if (marks.length > 0) {
    const mark = marks.at(-1)!;
    const difference = model.x[event]! - mark;
    add("from the last mark", `${difference < 0 ? "−" : "+"}${durationText(Math.abs(difference))}`);
  }
  add("schema version", visible(page.schemaVersion));
  into.replaceChildren(h("h2", {}, isolated(visible(page.name))), list, buttons);
}

function utcText(unixMs: number): string {
  const date = new Date(unixMs);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}
