/**
 * Sequence checks: are the events of a boot in a valid order? Time never goes back, numbers rise and their gaps are
 * losses, events are within their spans. Driven by the registry alone; see docs/validation.md.
 */

import type { IssueLog, Place } from "./issues.ts";
import { SpanChecker } from "./sequence-spans.ts";
import type { EventTable, VersionTable } from "./tables.ts";

/** Most boots that are followed at once; beyond that, the least recently continued one is forgotten. */
export const MOST_BOOTS = 16_384;
/** Most boots whose losses are kept separately. */
const MOST_LOSSES = 10_000;

/** Events that are missing in a boot. */
export interface BootLosses {
  /** What the lines state of device, boot, boot id and reader. */
  readonly device: string | undefined;
  readonly boot: number | undefined;
  readonly bootId: string | undefined;
  readonly reader: number | undefined;
  readonly missing: number;
  readonly gaps: number;
  /** Events from the first to the last one here, including missing ones. */
  readonly total: number;
  /** Of the first gap. */
  readonly line: number;
}

/** The state of a boot. */
interface Boot {
  readonly spans: SpanChecker;
  /** Its first event's number, -1 if there was none. */
  first: number;
  missing: number;
  gaps: number;
  gapLine: number;
  /** Of the previous event; -1 if there was none. */
  timeMs: number;
  number: number;
  /** Lines since then that may be events with an unreadable number. */
  unread: number;
  /** The last event, if its number did not rise: the next ones may continue from there. */
  strayNumber: number;
  strayTimeMs: number;
  /** The last gap: numbers from and below, and the times on its two sides. */
  gapFrom: number;
  gapTo: number;
  gapFromMs: number;
  gapToMs: number;
}

/** A boot that seems to be over, and the event that seems to begin the next one. */
interface Suspended {
  readonly boot: Boot;
  readonly place: Place;
  readonly sequenceKey: string;
  readonly number: number;
}

/** What the lines state of their boot, and the state of that boot. */
interface Stream {
  readonly place: Pick<BootLosses, "device" | "boot" | "bootId" | "reader">;
  readonly areBootsKnown: boolean;
  boot: Boot;
  suspended: Suspended | undefined;
}

export class SequenceChecker {
  readonly #log: IssueLog;
  /** By what lines state of device and boot; least recently used first. */
  readonly #streams = new Map<string, Stream>();
  /** Of the previous event: usually also of this one. */
  #stream: Stream;
  #key = "";
  /** What the previous event states of its boot. */
  readonly #lastValues: unknown[] = [];
  #hasForgotten = false;
  #isTold = false;
  /** Of boots that are no longer followed. */
  readonly #losses: BootLosses[] = [];

  constructor(log: IssueLog) {
    this.#log = log;
    this.#stream = newStream({ device: undefined, boot: undefined, bootId: undefined, reader: undefined }, false, log);
    this.#streams.set("", this.#stream);
  }

  /** The following events are from another boot. Once called, boots are no longer guessed from numbers and times. */
  beginBoot(): void {
    for (const { place, boot } of this.#streams.values()) this.#keepLosses(place, boot);
    this.#streams.clear();
    this.#key = "";
    this.#lastValues.length = 0;
    this.#stream = newStream(this.#stream.place, true, this.#log);
    this.#streams.set("", this.#stream);
  }

  /** Missing events, boot by boot, in the order in which the boots ended or were last seen; the first 10,000 boots. */
  losses(): readonly BootLosses[] {
    const open = [...this.#streams.values()].flatMap(({ place, boot }) => lossesOf(place, boot) ?? []);
    return [...this.#losses, ...open].slice(0, MOST_LOSSES);
  }

  /** A line that may have been any event, and cannot be read. */
  skip(): void {
    this.#boot.unread += 1;
    this.#boot.spans.addBlindSpot();
  }

  /** An event of a known name and version, whatever is wrong with its attributes. Its place is that of the log. */
  check(object: Record<string, unknown>, event: EventTable, version: VersionTable): void {
    const time = asCount(object[version.timeKey]);
    const number = asCount(object[version.sequenceKey]);
    this.#follow(object, version, number);
    if (this.#stream.suspended !== undefined) this.#settle(this.#stream.suspended, number, time);
    const boot = this.#boot;
    let hasPlace = true;
    if (number >= 0 && number <= boot.number && time >= 0 && time < boot.timeMs) {
      hasPlace = this.#goesBack(number, time, event, version);
    } else {
      if (number < 0) this.skip();
      else hasPlace = this.#checkNumber(number, time, event, version);
      if (time >= 0) this.#checkTime(time, version);
    }
    if (!hasPlace) boot.spans.addBlindSpot();
    else if (event.span !== undefined) this.#boot.spans.check(object, event.span, event.name);
  }

  get #boot(): Boot {
    return this.#stream.boot;
  }

  /** Switches to the boot that the line states; lines that state nothing form a boot of their own. */
  #follow(object: Record<string, unknown>, { placeKeys }: VersionTable, number: number): void {
    const last = this.#lastValues;
    let isSame = true;
    for (let index = 0; index < placeKeys.length; index++)
      if (object[placeKeys[index]!] !== last[index]) isSame = false;
    if (isSame) return;
    let key = "";
    for (const [index, name] of placeKeys.entries()) {
      const value = object[name];
      last[index] = value;
      if (value === undefined) continue;
      // Values that are neither texts nor numbers are reported by the schema checks; they say nothing here.
      if (typeof value === "string") key += `${name}${JSON.stringify(value)}`;
      else if (typeof value === "number") key += `${name}${value}`;
    }
    if (key === this.#key) return;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      const text = (name: string) => (placeKeys.includes(name) ? textOf(object[name]) : undefined);
      const count = (name: string) => (placeKeys.includes(name) ? countOf(object[name]) : undefined);
      const place = { device: text("device"), boot: count("boot"), bootId: text("bootId"), reader: count("reader") };
      stream = newStream(place, place.boot !== undefined, this.#log);
      if (this.#streams.size >= MOST_BOOTS) this.#forgetOldest();
      // Boots normally come one after the other, and a forgotten one is over.
      if (number > 0) this.#tellForgotten();
    } else this.#streams.delete(key);
    this.#streams.set(key, stream);
    this.#stream = stream;
    this.#key = key;
  }

  #forgetOldest(): void {
    const [key, { place, boot }] = this.#streams.entries().next().value!;
    this.#keepLosses(place, boot);
    this.#streams.delete(key);
    this.#hasForgotten = true;
  }

  /** A boot that is new here does not begin with its first event: it may be one that was forgotten. Reported once. */
  #tellForgotten(): void {
    if (!this.#hasForgotten || this.#isTold) return;
    this.#isTold = true;
    const said = `more than ${MOST_BOOTS} boots alternate: the least recent ones are no longer checked`;
    this.#log.report("W_FORGOTTEN", null, said);
  }

  #keepLosses(place: Stream["place"], boot: Boot): void {
    const losses = lossesOf(place, boot);
    if (losses !== undefined && this.#losses.length < MOST_LOSSES) this.#losses.push(losses);
  }

  /** Returns false if the number does not rise: then it is unknown where the event belongs. */
  #checkNumber(number: number, time: number, event: EventTable, version: VersionTable): boolean {
    const boot = this.#boot;
    if (boot.number < 0) {
      begin(boot, number, event);
      boot.unread = 0; // an unreadable line before it is none of the events after it
      return true;
    }
    let before = boot.number;
    if (number <= before) {
      before = boot.strayNumber;
      if (before < 0 || number <= before) {
        boot.unread += 1;
        this.#reportStray(number, time, version);
        return false;
      }
    }
    const missing = number - before - 1;
    if (missing > 0) {
      boot.spans.addBlindSpot();
      boot.gapFrom = before + 1;
      boot.gapTo = number;
      boot.gapFromMs = boot.timeMs;
      boot.gapToMs = time;
      if (missing > boot.unread) this.#reportLoss(missing - boot.unread, before, number, version);
    }
    boot.number = number;
    boot.unread = 0;
    boot.strayNumber = -1;
    return true;
  }

  #checkTime(time: number, version: VersionTable): void {
    const before = this.#boot.timeMs;
    if (time < before) {
      const key = version.timeKey;
      this.#log.report("E_TIME", key, `${key} is ${time}, expected ${before} or more, as in the previous event`);
    }
    this.#boot.timeMs = time;
  }

  /**
   * Number and time both go back. Returns true for the first event of another boot, false for one that comes too late.
   */
  #goesBack(number: number, time: number, event: EventTable, version: VersionTable): boolean {
    const boot = this.#boot;
    if (boot.strayNumber >= 0 && number > boot.strayNumber && time >= boot.strayTimeMs) {
      // It follows the one that went back before.
      boot.strayNumber = number;
      boot.strayTimeMs = time;
      return false;
    }
    const fitsNumber = number >= boot.gapFrom && number < boot.gapTo;
    const fitsTime = time >= boot.gapFromMs && time <= boot.gapToMs;
    if (this.#stream.areBootsKnown || (fitsNumber && fitsTime)) {
      this.#reportStray(number, time, version);
      return false;
    }
    const place = { line: this.#log.line, event: this.#log.event };
    this.#stream.suspended = { boot, place, sequenceKey: version.sequenceKey, number };
    this.#stream.boot = newBoot(this.#log);
    begin(this.#boot, number, event);
    this.#boot.timeMs = time;
    return true;
  }

  /**
   * The events after the first one of a boot show whether it was one: if the previous boot continues, that event was
   * misplaced.
   */
  #settle({ boot, place, sequenceKey, number }: Suspended, next: number, nextTime: number): void {
    this.#stream.suspended = undefined;
    const goesOn = next === boot.number + 1 && nextTime >= boot.timeMs;
    if (!goesOn || next === number + 1) {
      this.#keepLosses(this.#stream.place, boot);
      return;
    }
    this.#stream.boot = boot;
    boot.spans.addBlindSpot();
    const said = `${sequenceKey} is ${number}, expected more than ${boot.number}, as in the previous event`;
    this.#log.report("E_SEQUENCE", sequenceKey, said, place);
  }

  #reportStray(number: number, time: number, { sequenceKey }: VersionTable): void {
    this.#boot.strayNumber = number;
    this.#boot.strayTimeMs = time;
    const said = `${sequenceKey} is ${number}, expected more than ${this.#boot.number}, which came before`;
    this.#log.report("E_SEQUENCE", sequenceKey, said);
  }

  #reportLoss(missing: number, before: number, number: number, { sequenceKey }: VersionTable): void {
    const boot = this.#boot;
    if (boot.gaps === 0) boot.gapLine = this.#log.line;
    boot.missing += missing;
    boot.gaps += 1;
    const lost = missing === 1 ? "1 event is missing" : `${missing} events are missing`;
    this.#log.report("W_LOSS", sequenceKey, `${sequenceKey} is ${number}, expected ${before + 1}: ${lost}`);
  }
}

function newStream(place: Stream["place"], areBootsKnown: boolean, log: IssueLog): Stream {
  return { place, areBootsKnown, boot: newBoot(log), suspended: undefined };
}

function lossesOf(place: Stream["place"], boot: Boot): BootLosses | undefined {
  const { missing, gaps, gapLine: line, first, number } = boot;
  return gaps === 0 ? undefined : { ...place, missing, gaps, total: number - first + 1, line };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function newBoot(log: IssueLog): Boot {
  return {
    spans: new SpanChecker(log),
    first: -1,
    missing: 0,
    gaps: 0,
    gapLine: 0,
    timeMs: -1,
    number: -1,
    unread: 0,
    strayNumber: -1,
    strayTimeMs: -1,
    gapFrom: -1,
    gapTo: -1,
    gapFromMs: -1,
    gapToMs: -1,
  };
}

/** Number 0 has none before it. But an event that continues a span has one. */
function begin(boot: Boot, number: number, { span }: EventTable): void {
  boot.number = number;
  boot.first = number;
  if (number > 0 || (span !== undefined && span.step !== "begin")) boot.spans.addBlindSpot();
}

/** A count as in JSON, -1 for an invalid one, which the schema checks report. */
function asCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value) ? value : -1;
}
