/** Rows of events for people, as tail and show print them: aligned columns, and one row for each event. */
import type picocolors from "picocolors";
import { cut, EventText, sinceBoot, widthOf } from "../decode/event-text.ts";
import type { RegistryModel } from "../registry/model.ts";
import { visible } from "../text/lines.ts";

export interface RowOptions {
  readonly colors: ReturnType<typeof picocolors.createColors>;
  /** Of the terminal; undefined: rows are not cut. */
  readonly columns: number | undefined;
  /** Whether devices have names: then there is a column for them. */
  readonly hasDevices: boolean;
  /** Print the uncertainty of each time of day, not only if it exceeds a second. */
  readonly uncertainty: boolean;
  /** Print the time since the previous event instead of the time since boot. */
  readonly delta: boolean;
}

interface Wall {
  readonly unixMs: number;
  readonly uncertaintyMs: number;
}

const TIME_CHARS = "16:43:54 ±12s".length;
const EXACT_TIME_CHARS = "16:43:54.020 ±999ms".length;
const SINCE_CHARS = "+00:01:11.324".length;
const MOST_DEVICE_CHARS = 24;
/** A narrower terminal has no room for two times. */
const NARROW_COLUMNS = 80;
const WIDE_COLUMNS = 110;
const INDENT = "  ";

export class EventRows {
  readonly #options: RowOptions;
  readonly #texts = new Map<RegistryModel, EventText>();
  #deviceChars: number;
  /** Whether times of day are known: the first row decides. */
  #hasWall: boolean | undefined;
  #beforeMs = Number.NaN;

  constructor(options: RowOptions) {
    this.#options = options;
    const { columns, hasDevices } = options;
    // Without a terminal the column grows with the names.
    this.#deviceChars =
      !hasDevices || columns === undefined ? 0 : columns < NARROW_COLUMNS ? 10 : columns < WIDE_COLUMNS ? 12 : 20;
  }

  textOf(registry: RegistryModel): EventText {
    let text = this.#texts.get(registry);
    if (text === undefined) {
      text = new EventText(registry, this.#options.colors);
      this.#texts.set(registry, text);
    }
    return text;
  }

  /** The heading above the rows. `hasWall`: times of day will be known. */
  heading(registry: RegistryModel, hasWall: boolean): string {
    this.#hasWall ??= hasWall;
    const { hasDevices, delta, columns = Number.POSITIVE_INFINITY } = this.#options;
    const parts = this.#hasWall ? ["time of day".padEnd(this.#timeChars)] : [];
    if (hasDevices) parts.push("device".padEnd(this.#deviceChars));
    if (this.#hasSince) parts.push((delta ? "since last" : "since boot").padEnd(SINCE_CHARS));
    return this.#options.colors.dim(cut([...parts, this.textOf(registry).heading].join(INDENT), columns));
  }

  /** One event, without the line break. */
  event(
    event: Readonly<Record<string, unknown>>,
    registry: RegistryModel,
    device: string | undefined,
    deviceMs: number,
    wall: Wall | undefined,
  ): string {
    this.#hasWall ??= wall !== undefined;
    const { colors, columns = Number.POSITIVE_INFINITY } = this.#options;
    const prefix = this.#prefix(device, wall);
    const since = this.#hasSince ? `${this.#since(deviceMs).padEnd(SINCE_CHARS)}${INDENT}` : "";
    const left = columns - widthOf(prefix.plain) - since.length;
    return `${prefix.shown}${colors.dim(since)}${this.textOf(registry).row(event, left)}`;
  }

  /** Log text. */
  log(text: string, device: string | undefined, wall: Wall): string {
    const { colors, columns = Number.POSITIVE_INFINITY } = this.#options;
    this.#hasWall ??= true;
    const prefix = this.#prefix(device, wall);
    return `${prefix.shown}${INDENT}${colors.dim(cut(text, columns - widthOf(prefix.plain) - INDENT.length))}`;
  }

  /**
   * `── pump-7 rebooted: boot 2 ──`: what happened between events. The caller's own text, with the names in it made
   * visible.
   */
  note(said: string): string {
    const { colors, columns = Number.POSITIVE_INFINITY } = this.#options;
    return colors.yellow(cut(`── ${said} ──`, columns));
  }

  /** The next event has no event before it. */
  restart(): void {
    this.#beforeMs = Number.NaN;
  }

  get #timeChars(): number {
    return this.#options.uncertainty ? EXACT_TIME_CHARS : TIME_CHARS;
  }

  get #hasSince(): boolean {
    const { columns = Number.POSITIVE_INFINITY, delta } = this.#options;
    return columns >= NARROW_COLUMNS || delta || this.#hasWall === false;
  }

  #since(deviceMs: number): string {
    if (!this.#options.delta) return Number.isNaN(deviceMs) ? "" : sinceBoot(deviceMs);
    const elapsedMs = deviceMs - this.#beforeMs;
    this.#beforeMs = deviceMs;
    return Number.isNaN(elapsedMs) ? "" : `+${(elapsedMs / 1000).toFixed(3)}`.padStart(SINCE_CHARS);
  }

  /** Time of day and device, each with the space after it. */
  #prefix(device: string | undefined, wall: Wall | undefined): { plain: string; shown: string } {
    const { colors, hasDevices, uncertainty, columns } = this.#options;
    const time = wall === undefined ? "" : wallText(wall, uncertainty);
    const times = this.#hasWall ? `${time.padEnd(this.#timeChars)}${INDENT}` : "";
    if (!hasDevices) return { plain: times, shown: times };
    const name = visible(device ?? "");
    if (columns === undefined)
      this.#deviceChars = Math.max(this.#deviceChars, Math.min(MOST_DEVICE_CHARS, widthOf(name)));
    const shown = shortDevice(name, columns === undefined ? MOST_LONG_DEVICE_CHARS : this.#deviceChars);
    const padded = `${shown}${" ".repeat(Math.max(0, this.#deviceChars - widthOf(shown)))}${INDENT}`;
    return { plain: times + padded, shown: times + colors.cyan(padded) };
  }
}

const MOST_LONG_DEVICE_CHARS = 64;

/** A name that is too long keeps its end, because names differ there. */
export function shortDevice(name: string, columns: number): string {
  if (widthOf(name) <= columns) return name;
  let shown = "";
  for (const character of [...name].reverse()) {
    if (widthOf(character + shown) > columns - 1) break;
    shown = character + shown;
  }
  return `…${shown}`;
}

/** `14:03:22.123`, in the local time zone; `14:03:22 ±12s` if it may be off by more than a second. */
export function wallText({ unixMs, uncertaintyMs }: Wall, always: boolean): string {
  const date = new Date(unixMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const seconds = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (uncertaintyMs > 1000) return `${seconds} ±${roughly(uncertaintyMs)}`;
  const exact = `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return always && uncertaintyMs > 0 ? `${exact} ±${uncertaintyMs}ms` : exact;
}

/** `12s`, `4m`, `9h`, `3d`: rounded up, in three characters below a hundred days. */
function roughly(ms: number): string {
  for (const [unitMs, unit, most] of [
    [1000, "s", 60],
    [60_000, "m", 60],
    [3_600_000, "h", 48],
  ] as const)
    if (Math.ceil(ms / unitMs) < most) return `${Math.ceil(ms / unitMs)}${unit}`;
  return `${Math.ceil(ms / 86_400_000)}d`;
}
