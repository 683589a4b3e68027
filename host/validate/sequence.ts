/**
 * Sequence checks: do the events of a boot follow one another as they must? Time never goes back, numbers rise and their
 * gaps are losses, events stand within their spans. Driven by the registry alone; see docs/validation.md.
 */

import type { IssueLog, Place } from "./issues.ts";
import { SpanChecker } from "./sequence-spans.ts";
import type { EventTable, VersionTable } from "./tables.ts";

/** Boots that are followed at once; beyond that, what went on least lately is forgotten. */
export const MOST_BOOTS = 16_384;
/** Boots whose losses are kept one by one. */
const MOST_LOSSES = 10_000;

/** Events that are missing in a boot. */
export interface BootLosses {
  /** What the lines say of device, boot, boot id and reader. */
  readonly device: string | undefined;
  readonly boot: number | undefined;
  readonly bootId: string | undefined;
  readonly reader: number | undefined;
  readonly missing: number;
  readonly gaps: number;
  /** Events from the first to the last one here, those that are missing among them. */
  readonly total: number;
  /** Of the first gap. */
  readonly line: number;
}

/** How far a boot has come. */
interface Boot {
  readonly spans: SpanChecker;
  /** Its first event's number, -1 if there was none. */
  first: number;
  missing: number;
  gaps: number;
  gapLine: number;
  /** Of the event before; -1 if there was none. */
  timeMs: number;
  number: number;
  /** Lines since then that may be events whose number nobody could read. */
  unread: number;
  /** The event whose number did not rise, if it was the last: the next ones may go on from there. */
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

/** What the lines say of where they belong, and how far that has come. */
interface Stream {
  readonly place: Pick<BootLosses, "device" | "boot" | "bootId" | "reader">;
  readonly areBootsKnown: boolean;
  boot: Boot;
  suspended: Suspended | undefined;
}

export class SequenceChecker {
  readonly #log: IssueLog;
  /** By what lines say of device and boot; least lately used first. */
  readonly #streams = new Map<string, Stream>();
  /** Of the event before: as a rule also of this one. */
  #stream: Stream;
  #key = "";
  /** Of the event before, what it says of its boot. */
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

  /** What comes next is of another boot. Called once, boots are no longer guessed from numbers and times. */
  beginBoot(): void {
    for (const { place, boot } of this.#streams.values()) this.#keepLosses(place, boot);
    this.#streams.clear();
    this.#key = "";
    this.#lastValues.length = 0;
    this.#stream = newStream(this.#stream.place, true, this.#log);
    this.#streams.set("", this.#stream);
  }

  /** What is missing, boot by boot, in the order in which they ended or were seen last; the first 10,000 of them. */
  losses(): readonly BootLosses[] {
    const open = [...this.#streams.values()].flatMap(({ place, boot }) => lossesOf(place, boot) ?? []);
    return [...this.#losses, ...open].slice(0, MOST_LOSSES);
  }

  /** A line that may have been any event, and cannot be read. */
  skip(): void {
    this.#boot.unread += 1;
    this.#boot.spans.addBlindSpot();
  }

  /** An event of a known name and version, whatever is wrong with its attributes. It stands where the log stands. */
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

  /** Goes on with the boot that the line says; what says nothing is one of its own. */
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
      // What is no text and no number is told by the schema checks; it tells nothing.
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
      // As a rule boots come one after the other, and one that is forgotten is over.
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

  /** A boot that is new here does not begin with its first event: it may be one that was forgotten. Said once. */
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

  /** False if the number does not rise: where the event belongs is not known. */
  #checkNumber(number: number, time: number, event: EventTable, version: VersionTable): boolean {
    const boot = this.#boot;
    if (boot.number < 0) {
      begin(boot, number, event);
      boot.unread = 0; // a line that cannot be read before it is none of those after it
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

  /** Number and time both go back: the first event of another boot, or one that stands too late: false. */
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

  /** What comes after the first event of a boot tells whether it was one: if the boot before goes on, it stood at a wrong place. */
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

/** Number 0 has none before it. Yet what goes on with a span has one. */
function begin(boot: Boot, number: number, { span }: EventTable): void {
  boot.number = number;
  boot.first = number;
  if (number > 0 || (span !== undefined && span.step !== "begin")) boot.spans.addBlindSpot();
}

/** A count as JSON has it, -1 for what is none: that is the schema checks' matter. */
function asCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value) ? value : -1;
}
