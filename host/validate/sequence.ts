/**
 * Sequence checks: do the events of a boot follow one another as they must? Time never goes back, numbers rise and their
 * gaps are losses, events stand within their spans. Driven by the registry alone; see docs/validation.md.
 */

import type { IssueLog, Place } from "./issues.ts";
import { SpanChecker } from "./sequence-spans.ts";
import type { EventTable, VersionTable } from "./tables.ts";

/** How far a boot has come. */
interface Boot {
  readonly spans: SpanChecker;
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

export class SequenceChecker {
  readonly #log: IssueLog;
  #boot: Boot;
  #suspended: Suspended | undefined;
  #areBootsKnown = false;

  constructor(log: IssueLog) {
    this.#log = log;
    this.#boot = newBoot(log);
  }

  /** What comes next is of another boot. Called once, boots are no longer guessed from numbers and times. */
  beginBoot(): void {
    this.#areBootsKnown = true;
    this.#suspended = undefined;
    this.#boot = newBoot(this.#log);
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
    if (this.#suspended !== undefined) this.#settle(this.#suspended, number, time);
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

  /** False if the number does not rise: where the event belongs is not known. */
  #checkNumber(number: number, time: number, event: EventTable, version: VersionTable): boolean {
    const boot = this.#boot;
    if (boot.number < 0) {
      begin(boot, number, event);
      boot.unread = 0; // a line that cannot be read before it is none of those behind it
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
      this.#log.report("E_TIME", key, `${key} is ${time}, expected ${before} or more: the event before has it`);
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
    if (this.#areBootsKnown || (fitsNumber && fitsTime)) {
      this.#reportStray(number, time, version);
      return false;
    }
    const place = { line: this.#log.line, event: this.#log.event };
    this.#suspended = { boot, place, sequenceKey: version.sequenceKey, number };
    this.#boot = newBoot(this.#log);
    begin(this.#boot, number, event);
    this.#boot.timeMs = time;
    return true;
  }

  /** What comes behind the first event of a boot tells whether it was one: if the boot before goes on, it stood at a wrong place. */
  #settle({ boot, place, sequenceKey, number }: Suspended, next: number, nextTime: number): void {
    this.#suspended = undefined;
    const goesOn = next === boot.number + 1 && nextTime >= boot.timeMs;
    if (!goesOn || next === number + 1) return;
    this.#boot = boot;
    boot.spans.addBlindSpot();
    const said = `${sequenceKey} is ${number}, expected more than ${boot.number}, which the event before has`;
    this.#log.report("E_SEQUENCE", sequenceKey, said, place);
  }

  #reportStray(number: number, time: number, { sequenceKey }: VersionTable): void {
    this.#boot.strayNumber = number;
    this.#boot.strayTimeMs = time;
    const said = `${sequenceKey} is ${number}, expected more than ${this.#boot.number}, which was there before`;
    this.#log.report("E_SEQUENCE", sequenceKey, said);
  }

  #reportLoss(missing: number, before: number, number: number, { sequenceKey }: VersionTable): void {
    const lost = missing === 1 ? "1 event is missing" : `${missing} events are missing`;
    this.#log.report("W_LOSS", sequenceKey, `${sequenceKey} is ${number}, expected ${before + 1}: ${lost}`);
  }
}

function newBoot(log: IssueLog): Boot {
  return {
    spans: new SpanChecker(log),
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
  if (number > 0 || (span !== undefined && span.step !== "begin")) boot.spans.addBlindSpot();
}

/** A count as JSON has it, -1 for what is none: that is the schema checks' matter. */
function asCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value) ? value : -1;
}
