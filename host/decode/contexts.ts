import { type BootPlace, LineContext, type TimeOf } from "../packet/line-context.ts";
import { type ContextPart, contextParts } from "../registry/context.ts";
import type { DecodeOptions } from "./types.ts";

/** Converts a boot's time to the time of day, if that is known. */
export type ClockOf = (place: BootPlace) => TimeOf | undefined;

/** Which packets are being read, and what is therefore added to their events. */
export class Contexts {
  readonly #parts: ReadonlySet<ContextPart>;
  readonly #isAuto: boolean;
  readonly #isTimePrivate: boolean;
  /** There is more than one boot: known beforehand, or seen. */
  areMany = false;
  #device: string | undefined;
  #clockOf: ClockOf | undefined;
  #boots = 0;
  #lines = new WeakMap<BootPlace, LineContext>();
  #clocks = new WeakMap<BootPlace, { readonly timeOf: TimeOf | undefined }>();

  constructor({ with: choice = "auto", registry, privateTime = false }: DecodeOptions) {
    const parts = contextParts(choice, registry);
    this.#isTimePrivate = privateTime && !parts.has("time");
    this.#parts = this.#isTimePrivate ? new Set([...parts, "time"]) : parts;
    this.#isAuto = choice === "auto";
  }

  /** What follows comes from this device; its boots are counted from 0. `areMany`: there are several boots in all. */
  begin(device: string | undefined, clockOf?: ClockOf, areMany = false): void {
    this.areMany ||= areMany || this.#boots > 0;
    this.#device = device;
    this.#clockOf = clockOf;
    this.#boots = 0;
  }

  /** Another boot of the device. */
  boot(bootId: number, reader: number): BootPlace {
    this.#boots++;
    if (this.#boots > 1) this.areMany = true;
    return { device: this.#device, boot: this.#boots, bootId, reader };
  }

  /** What lines of a boot get after their attributes from now on; undefined: nothing. */
  lineOf(place: BootPlace): LineContext | undefined {
    if (this.#parts.size === 0 || (this.#isAuto && !this.areMany)) return undefined;
    let line = this.#lines.get(place);
    if (line === undefined) {
      line = new LineContext(place, this.#parts, this.timeOf(place), this.#isTimePrivate);
      this.#lines.set(place, line);
    }
    return line;
  }

  /** The clock of a boot has become more precise. */
  renew(place: BootPlace): void {
    this.#lines.get(place)?.renew();
  }

  /** Converts a boot's time to the time of day; undefined if that is unknown. */
  timeOf(place: BootPlace): TimeOf | undefined {
    let clock = this.#clocks.get(place);
    if (clock === undefined) {
      clock = { timeOf: this.#clockOf?.(place) };
      this.#clocks.set(place, clock);
    }
    return clock.timeOf;
  }
}
