/**
 * The events of the visible range as a table, for users who do not see the lanes, and for copying. Gaps and boots are
 * rows of it.
 */
import { deviceText, said, timesOf, whoText } from "./describe.ts";
import { h, isolated } from "./dom.ts";
import { type Model, REJECTED } from "./model.ts";
import { lowerBound } from "./order.ts";
import { bootText } from "./rows.ts";
import { gapText, numberText } from "./text.ts";

const MOST_ROWS = 100;
const HEAD = ["time of day", "since boot", "device", "boot", "client/connection", "event", "what"];

export class Table {
  readonly element: HTMLElement;
  readonly #body = h("tbody");
  readonly #caption = h("caption");
  readonly #earlier: HTMLButtonElement;
  readonly #later: HTMLButtonElement;
  readonly #model: Model;
  readonly #go: (event: number) => void;
  #from = 0;
  #to = 0;
  #first = 0;
  #key = "";

  constructor(model: Model, go: (event: number) => void) {
    this.#model = model;
    this.#go = go;
    this.#earlier = h("button", { type: "button", click: () => this.#page(-MOST_ROWS) }, "◂ earlier");
    this.#later = h("button", { type: "button", click: () => this.#page(MOST_ROWS) }, "later ▸");
    const head = h("thead", {}, h("tr", {}, ...HEAD.map((text) => h("th", { scope: "col" }, text))));
    const scroller = h("div", {
      class: "scroller",
      tabindex: "0",
      role: "region",
      "aria-label": "Table of the visible range",
    });
    scroller.append(h("table", {}, this.#caption, head, this.#body));
    this.element = h("section", { class: "table", "aria-label": "Events of the visible range" });
    this.element.append(h("p", { class: "buttons" }, this.#earlier, this.#later), scroller);
  }

  show(range: { readonly from: number; readonly to: number }, selected: number | undefined, isChanged: boolean): void {
    const { order, x } = this.#model;
    const from = lowerBound(order, x, 0, order.length, range.from);
    const to = lowerBound(order, x, from, order.length, range.to);
    const key = `${from} ${to} ${selected} ${range.from} ${range.to}`;
    if (key === this.#key && !isChanged) return;
    this.#key = key;
    const isMoved = from !== this.#from || to !== this.#to || isChanged;
    [this.#from, this.#to] = [from, to];
    if (isMoved) this.#first = from;
    if (selected !== undefined) {
      let at = lowerBound(order, x, from, to, x[selected]!);
      while (at < to && order[at] !== selected && x[order[at]!] === x[selected]) at++;
      if (order[at] === selected && at < to && (at < this.#first || at >= this.#first + MOST_ROWS))
        this.#first = Math.max(from, at - MOST_ROWS / 2);
    }
    this.#fill(range, selected);
  }

  #page(by: number): void {
    this.#first = Math.max(this.#from, Math.min(this.#first + by, Math.max(this.#from, this.#to - 1)));
    const { x, order } = this.#model;
    this.#fill({ from: x[order[this.#from]!] ?? 0, to: x[order[this.#to - 1]!] ?? 0 }, undefined);
  }

  #fill(range: { readonly from: number; readonly to: number }, selected: number | undefined): void {
    const model = this.#model;
    const { order, x, store } = model;
    const end = Math.min(this.#to, this.#first + MOST_ROWS);
    const isFirst = this.#first === this.#from;
    const isLast = end === this.#to;
    const lowest = isFirst ? range.from : x[order[this.#first]!]!;
    const highest = isLast ? range.to : x[order[end - 1]!]!;
    // Rows that are not events, at their time: before the event that follows.
    const notes: { readonly x: number; readonly text: string; readonly boot: number }[] = [];
    for (const { gap, toX } of model.gaps)
      if (toX >= lowest && toX <= highest) notes.push({ x: toX, text: gapText(gap), boot: gap.boot });
    store.meta.boots.forEach((own, boot) => {
      const begin = model.xOf(boot, own.firstMs);
      if (own.events > 0 && begin >= lowest && begin <= highest)
        notes.push({ x: begin, text: `${bootText(own)} begins here`, boot });
    });
    notes.sort((a, b) => a.x - b.x);
    const rows: HTMLElement[] = [];
    let note = 0;
    const noteRow = ({ text, boot }: { readonly text: string; readonly boot: number }) =>
      h(
        "tr",
        { class: "note" },
        h("td", { colspan: "2" }),
        isolated(deviceText(model, boot), "td"),
        h("td", { colspan: "4" }, text),
      );
    for (let at = this.#first; at < end; at++) {
      const event = order[at]!;
      while (note < notes.length && notes[note]!.x <= x[event]!) rows.push(noteRow(notes[note++]!));
      rows.push(this.#row(event, event === selected));
    }
    while (note < notes.length && rows.length < 3 * MOST_ROWS) rows.push(noteRow(notes[note++]!));
    this.#body.replaceChildren(...rows);
    const count = this.#to - this.#from;
    this.#caption.textContent =
      count === 0
        ? "No event in the visible range"
        : `Events ${numberText(this.#first - this.#from + 1)} to ${numberText(end - this.#from)} of ${numberText(count)} in the visible range`;
    this.#earlier.disabled = isFirst;
    this.#later.disabled = isLast;
  }

  #row(event: number, isSelected: boolean): HTMLElement {
    const model = this.#model;
    const { store } = model;
    const boot = store.boot[event]!;
    const times = timesOf(model, event);
    const isRejected = (model.flags[event]! & REJECTED) !== 0;
    const row = h("tr", { ...(isSelected && { "aria-current": "true" }), ...(isRejected && { class: "rejected" }) });
    const button = h("button", { type: "button", class: "time", click: () => this.#go(event) }, times.boot);
    row.append(
      h("td", {}, times.day === "" ? "" : `${times.day} ${times.clock}`),
      h("td", {}, button),
      isolated(deviceText(model, boot), "td"),
      h("td", {}, String(store.meta.boots[boot]!.boot ?? "")),
      isolated(whoText(model, event), "td"),
      isolated(store.kinds[store.kind[event]!]!.page.name, "td"),
      isolated(said(model, event), "td"),
    );
    return row;
  }
}
