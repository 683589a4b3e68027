/** The page: its parts, the selection, the visible range, and input. */
import { visible } from "../../text/visible.ts";
import { type Colors, readColors, switchScheme } from "./colors.ts";
import { said, timesOf } from "./describe.ts";
import { fillDetails } from "./details.ts";
import { h } from "./dom.ts";
import { drawLanes, eventAt, gapAt } from "./draw.ts";
import { drawRange, drawRates } from "./draw-rates.ts";
import { filterBar } from "./filters.ts";
import { helpDialog } from "./help.ts";
import type { Filter, Model } from "./model.ts";
import { extentOf, gapInCircle, inCircle, nextIn, nextOf } from "./moves.ts";
import { AXIS_HEIGHT, type Picture, type Range, Surface } from "./picture.ts";
import { type Row, Rows } from "./rows.ts";
import { Table } from "./table.ts";
import { countedText, durationText, gapText, numberText } from "./text.ts";
import { toolbar } from "./toolbar.ts";
import { rangeText, totalsText } from "./totals.ts";

const LEAST_RANGE_MS = 5;
/** Units of a column of rates. */
export const RATE_UNITS = 4;
const GUTTER_UNITS = 190;
/** A table is filled when nothing has moved for this time. */
const QUIET_MS = 150;

export class View {
  readonly model: Model;
  readonly rows: Rows;
  readonly table: Table;
  readonly whole: Surface;
  readonly rates: Surface;
  readonly lanes: Surface;
  readonly scroller: HTMLElement;
  readonly search: HTMLInputElement;
  readonly help = helpDialog();
  range: Range;
  selected: number | undefined;
  selectedGap: number | undefined;
  row: Row | undefined;
  marks: number[] = [];
  readonly #spacer = h("div", { class: "spacer" });
  readonly #details = h("aside", { class: "details", "aria-live": "polite", "aria-label": "Details" });
  readonly #status = h("p", { class: "status", role: "status" });
  readonly #ratesText = h("span", { class: "rates-text" });
  readonly #rangeText = h("p", { class: "range" });
  readonly #axisButton: HTMLButtonElement;
  #colors: Colors;
  #isAsked = false;
  #wholeKey: readonly unknown[] = [];
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #isTableOld = true;

  constructor(model: Model, app: HTMLElement) {
    this.model = model;
    this.rows = new Rows(model);
    this.range = { from: model.fromX, to: model.toX };
    this.#colors = readColors();
    this.table = new Table(model, (event) => this.go(event));
    const slider = {
      tabindex: "0",
      role: "slider",
      "aria-label": "Overview: the visible range",
      "aria-valuemin": "0",
      "aria-valuemax": "1000",
    };
    this.whole = new Surface(h("canvas", { class: "whole", ...slider }));
    this.rates = new Surface(
      h("canvas", { class: "rates", role: "img", "aria-label": "Events over time, in the visible range" }),
    );
    const label =
      "Lanes. Arrow keys choose a lane and move in time, W and S zoom, n and p go from event to event, ? shows all keys";
    this.lanes = new Surface(h("canvas", { class: "lanes", tabindex: "0", role: "application", "aria-label": label }));
    this.scroller = h("div", { class: "lanes-scroller" }, this.lanes.canvas, this.#spacer);
    this.search = h("input", {
      type: "search",
      placeholder: "Search types and payloads (/)",
      "aria-label": "Search types and payloads",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.#axisButton = h("button", { type: "button", title: "t", click: () => this.switchAxis() }, "Since boot");
    this.#axisButton.disabled = !model.hasDay;
    const tools = toolbar(this, this.#axisButton);
    const header = h("header", {}, h("h1", { class: "isolated" }, visible(model.store.meta.title)), totalsText(model));
    const seen = h("section", { class: "seen", "aria-label": "Lanes over time" });
    seen.append(this.whole.canvas, h("div", { class: "rates-box" }, this.rates.canvas, this.#ratesText), this.scroller);
    const below = h("div", { class: "below" }, this.#details, this.table.element);
    const filters = filterBar(model, (filter) => this.setFilter(filter));
    app.replaceChildren(header, tools, filters, this.#rangeText, seen, this.#status, below, this.help);
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#searchNow(), 150);
    });
    this.scroller.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(seen);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolor());
    fillDetails(this.#details, model, undefined, undefined, [], () => {});
  }

  get gutter(): number {
    return Math.min(GUTTER_UNITS, Math.round(this.scroller.clientWidth * 0.3));
  }

  get picture(): Picture {
    const { model, rows, range, gutter, selected, selectedGap, row, marks } = this;
    return {
      model,
      rows,
      range,
      gutter,
      selected,
      selectedGap,
      row,
      marks,
      colors: this.#colors,
      scrollTop: this.scroller.scrollTop,
    };
  }

  /** At the next frame. */
  draw(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.drawNow();
    });
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.table.show(this.range, this.selected, this.#isTableOld);
      this.#isTableOld = false;
    }, QUIET_MS);
  }

  drawNow(): void {
    const { model, range, rows } = this;
    const width = this.scroller.clientWidth;
    this.#spacer.style.height = `${Math.max(0, rows.height + AXIS_HEIGHT - this.scroller.clientHeight)}px`;
    this.whole.fit(width, 44);
    this.rates.fit(width, 56);
    this.lanes.fit(width, this.scroller.clientHeight);
    const picture = this.picture;
    drawLanes(this.lanes, picture);
    const most = drawRates(this.rates, picture, RATE_UNITS);
    const columns = Math.max(1, Math.floor((width - picture.gutter) / RATE_UNITS));
    const perSecond = (most * columns * 1000) / (range.to - range.from);
    this.#ratesText.textContent =
      most === 0 ? "no events" : `at most ${numberText(Number(perSecond.toPrecision(2)))} a second`;
    this.#drawWhole(picture);
    this.#rangeText.textContent = rangeText(model, range);
  }

  #drawWhole(picture: Picture): void {
    const { model, range, whole } = this;
    const all = { from: model.fromX, to: model.toX };
    // Its content seldom changes; the position of the range, often.
    const key = [model.order, this.#colors, whole.pixels, model.axis];
    if (key.some((part, i) => part !== this.#wholeKey[i])) {
      drawRates(whole, { ...picture, range: all, gutter: 0 }, 2);
      this.#wholeKey = key;
    } else whole.show();
    drawRange(whole, all, range, this.#colors);
    const middle = (range.from + range.to) / 2;
    whole.canvas.setAttribute("aria-valuenow", String(Math.round((1000 * (middle - all.from)) / (all.to - all.from))));
    whole.canvas.setAttribute("aria-valuetext", rangeText(model, range));
  }

  /** Shows a range, within the whole. */
  see(range: Range): void {
    const { model } = this;
    const most = model.toX - model.fromX;
    const length = Math.min(most, Math.max(LEAST_RANGE_MS, range.to - range.from));
    const middle = (range.from + range.to) / 2;
    const from = Math.min(Math.max(middle - length / 2, model.fromX), model.toX - length);
    this.range = { from, to: from + length };
    this.draw();
  }

  seeWhole(): void {
    this.see({ from: this.model.fromX, to: this.model.toX });
  }

  /** `at`: the point that stays where it is. */
  zoom(factor: number, at = this.#focus()): void {
    const { from, to } = this.range;
    this.see({ from: at - (at - from) * factor, to: at + (to - at) * factor });
  }

  /** By a part of the visible range. */
  pan(part: number): void {
    const { from, to } = this.range;
    const by = (to - from) * part;
    this.see({ from: from + by, to: to + by });
  }

  /** The selection, if it is visible, else the middle. */
  #focus(): number {
    const { from, to } = this.range;
    const at = this.selected === undefined ? Number.NaN : this.model.x[this.selected]!;
    return at >= from && at <= to ? at : (from + to) / 2;
  }

  /** Selects an event, and moves the visible range so that it shows it. */
  go(event: number | undefined): void {
    this.selected = event;
    this.selectedGap = undefined;
    if (event !== undefined) {
      const row = this.rows.rowOf(event);
      this.row = row === undefined || row.kind === "boot" ? this.rows.reveal(event) : row;
      this.#bring(this.model.x[event]!, this.row);
      const { page } = this.model.store.kinds[this.model.store.kind[event]!]!;
      this.say(`${visible(page.name)}, ${timesOf(this.model, event).boot}: ${said(this.model, event)}`);
    }
    this.#showDetails();
  }

  goGap(gap: number): void {
    const { gap: own, fromX, toX } = this.model.gaps[gap]!;
    this.selected = undefined;
    this.selectedGap = gap;
    this.row = this.rows.rows.find(({ kind, index }) => kind === "boot" && index === own.boot) ?? this.row;
    this.#bring((fromX + toX) / 2, this.row);
    this.say(gapText(own));
    this.#showDetails();
  }

  #showDetails(): void {
    fillDetails(this.#details, this.model, this.selected, this.selectedGap, this.marks, (event) => this.go(event));
    this.draw();
  }

  #bring(x: number, row: Row | undefined): void {
    const { from, to } = this.range;
    const length = to - from;
    if (x < from + length * 0.02 || x > to - length * 0.02) this.see({ from: x - length / 2, to: x + length / 2 });
    if (row !== undefined) this.#bringRow(row);
  }

  #bringRow(row: Row): void {
    const { scroller } = this;
    if (row.top < scroller.scrollTop) scroller.scrollTop = row.top;
    const bottom = row.top + row.height + AXIS_HEIGHT;
    if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
  }

  chooseRow(by: number): void {
    const { rows } = this.rows;
    const at = this.row === undefined ? -1 : rows.findIndex(({ key }) => key === this.row!.key);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next === undefined) return;
    this.row = next;
    this.#bringRow(next);
    this.say(next.isOpen === undefined ? next.label : `${next.label}, ${next.isOpen ? "open" : "closed"}`);
    this.draw();
  }

  toggleRow(row = this.row): void {
    if (row === undefined) return;
    this.rows.toggle(row);
    this.row = this.rows.rows.find(({ key }) => key === row.key);
    this.draw();
  }

  /** The next event, or the previous one, of the selected event's connection; of the selected lane if there is none. */
  step(by: 1 | -1): void {
    const { model } = this;
    if (this.selected !== undefined) {
      const { order, from, to, at } = model.neighbours(this.selected);
      const next = at + by;
      if (next >= from && next < to) this.go(order[next]!);
      else this.say(by > 0 ? "This was the last one" : "This was the first one");
      return;
    }
    const row = this.row;
    const middle = by > 0 ? this.range.from : this.range.to;
    let found: number | undefined;
    if (row !== undefined) found = nextIn(model, this.rows, row, middle, by);
    else found = nextOf(model, model.order, middle, by);
    if (found !== undefined) this.go(found);
  }

  /** From the selection, or the visible range, the next of some events, in a circle. */
  #circle(order: Uint32Array, by: 1 | -1, what: string): void {
    const { model, selected } = this;
    if (order.length === 0) {
      this.say(`${what}: none`);
      return;
    }
    const at = inCircle(model, order, selected, this.range.from, by);
    this.go(order[at]!);
    this.say(`${what}: ${numberText(at + 1)} of ${numberText(order.length)}`);
  }

  nextRejected(by: 1 | -1): void {
    this.#circle(this.model.rejected, by, "rejections");
  }

  find(by: 1 | -1): void {
    this.#searchNow();
    if (this.search.value !== "") this.#circle(this.model.found, by, "found");
  }

  nextGap(by: 1 | -1): void {
    const { gaps } = this.model;
    if (gaps.length === 0) {
      this.say("no gap: no event is missing");
      return;
    }
    this.goGap(gapInCircle(this.model, this.selectedGap, this.range.from, by));
  }

  #searched = "";
  #searchNow(): void {
    const text = this.search.value;
    if (text === this.#searched) return;
    this.#searched = text;
    this.model.search(text);
    this.say(text === "" ? "" : `found: ${countedText(this.model.found.length, "event")}`);
    this.draw();
  }

  setFilter(filter: Filter): void {
    this.model.setFilter(filter);
    this.say(`${countedText(this.model.order.length, "event")} shown`);
    this.#isTableOld = true;
    if (this.selected !== undefined) this.#showDetails();
    this.draw();
  }

  switchAxis(): void {
    const { model } = this;
    if (!model.hasDay) return;
    model.setAxis(model.axis === "day" ? "boot" : "day");
    this.#axisButton.textContent = model.axis === "day" ? "Since boot" : "Time of day";
    this.rows.arrange();
    this.marks = [];
    this.#isTableOld = true;
    this.seeWhole();
    if (this.selected !== undefined) this.go(this.selected);
  }

  /** To the selection: its connection, or the gap. */
  focus(): void {
    const range = extentOf(this.model, this.selected, this.selectedGap);
    if (range === undefined) return;
    const margin = Math.max(20, (range.to - range.from) * 0.05);
    this.see({ from: range.from - margin, to: range.to + margin });
  }

  mark(): void {
    const x = this.#focus();
    const known = this.marks.indexOf(x);
    if (known >= 0) this.marks.splice(known, 1);
    else this.marks.push(x);
    const [a, b] = this.marks.slice(-2);
    this.say(
      b === undefined
        ? countedText(this.marks.length, "mark")
        : `between the last two marks: ${durationText(Math.abs(b - a!))}`,
    );
    this.#showDetails();
  }

  /** What is at a position of the lanes: selected, or opened. */
  clickLanes(x: number, y: number): void {
    if (y < AXIS_HEIGHT) return;
    const row = this.rows.at(y - AXIS_HEIGHT + this.scroller.scrollTop);
    if (row === undefined) return;
    this.row = row;
    if (x < this.gutter) {
      this.toggleRow(row);
      return;
    }
    const event = eventAt(this.lanes, this.picture, row, x, 5);
    const gap = event === undefined ? gapAt(this.lanes, this.picture, row, x, 5) : -1;
    if (event !== undefined) this.go(event);
    else if (gap >= 0) this.goGap(gap);
    else this.go(undefined);
  }

  say(text: string): void {
    this.#status.textContent = text;
  }

  switchScheme(): void {
    switchScheme();
    this.#recolor();
  }

  #recolor(): void {
    this.#colors = readColors();
    this.draw();
  }
}
