/**
 * Validates traces: do the events conform to the registry, each by itself and one after the other? docs/validation.md
 * has codes and rules. Driven by tables made once from RegistryModels, so that a line costs a fraction of its
 * JSON.parse.
 */

import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import {
  type FaultyLine,
  invalidUtf8Offset,
  LineSplitter,
  MAX_LINE_BYTES,
  quote,
  quotedList,
  visible,
} from "../text/lines.ts";
import { type EventPlace, type Issue, IssueLog } from "./issues.ts";
import { SchemaChecker } from "./schema.ts";
import { type BootLosses, SequenceChecker } from "./sequence.ts";
import { describe, shortName, type VersionTable, versionTable } from "./tables.ts";

export { type EventPlace, ISSUE_CODES, type Issue, type IssueCode, type Severity } from "./issues.ts";
export type { BootLosses } from "./sequence.ts";

/** The names that `checks` accepts: each event by itself; the order of the events of a boot. */
export const CHECKS = ["schema", "sequence"] as const;
export type Check = (typeof CHECKS)[number];

export interface ValidateOptions {
  /** The accepted versions: one model each, the newest last. At least one. */
  readonly registries: readonly RegistryModel[];
  /** Default: all of CHECKS. */
  readonly checks?: readonly Check[];
  /** Warnings become errors, except those of losses. Default false. */
  readonly strict?: boolean;
  /** Required version of every event. */
  readonly schemaVersion?: string;
  /** The lines belong to a recording without lines: issues state where the event is in it. Default false. */
  readonly isRecording?: boolean;
}

/** The first bytes of a packet: see docs/format.md. */
const PACKET_MAGIC = Buffer.from("c11ffcc1", "hex");

/**
 * Checks the events of one trace; use a new one for the next. The constructor throws TelemetryError (exit code 2) if
 * `schemaVersion` is unknown.
 *
 *     const validator = new Validator({ registries: [registry] });
 *     for await (const issue of validator.lines(createReadStream("trace.jsonl"))) console.log(issue);
 *     console.log(validator.eventCount, validator.isValid);
 */
export class Validator {
  /** JSON objects seen, whatever is wrong with them. */
  eventCount = 0;

  readonly #versions: ReadonlyMap<unknown, VersionTable>;
  readonly #newest: VersionTable;
  readonly #olderVersionKeys: readonly string[];
  readonly #onlyVersion: string | undefined;
  readonly #log: IssueLog;
  readonly #schema: SchemaChecker;
  readonly #checksSchema: boolean;
  readonly #sequence: SequenceChecker | undefined;
  readonly #isRecording: boolean;
  #hasLines = false;
  #isPackets = false;

  constructor(options: ValidateOptions) {
    const tables = options.registries.map(versionTable);
    this.#versions = new Map(tables.map((table) => [table.schemaVersion, table]));
    const wanted = options.schemaVersion;
    const newest = wanted === undefined ? tables.at(-1) : this.#versions.get(wanted);
    if (newest === undefined) {
      const known = this.#knownVersions();
      throw new TelemetryError("E_VERSION", `schema version ${quote(String(wanted))} is unknown; known: ${known}`, 2);
    }
    this.#newest = newest;
    const versionKeys = new Set(tables.map(({ versionKey }) => versionKey));
    this.#olderVersionKeys = [...versionKeys].filter((key) => key !== newest.versionKey);
    this.#onlyVersion = wanted;
    this.#isRecording = options.isRecording ?? false;
    const checks = options.checks ?? CHECKS;
    this.#log = new IssueLog(options.strict ?? false);
    this.#schema = new SchemaChecker(this.#log);
    this.#checksSchema = checks.includes("schema");
    this.#sequence = checks.includes("sequence") ? new SequenceChecker(this.#log) : undefined;
  }

  get errorCount(): number {
    return this.#log.errorCount;
  }

  get warningCount(): number {
    return this.#log.warningCount;
  }

  /** The last line in which something was found, event or issue; 0 before the first. */
  get line(): number {
    return this.#log.line;
  }

  /** Missing events by boot; W_LOSS has them gap by gap. */
  losses(): readonly BootLosses[] {
    return this.#sequence?.losses() ?? [];
  }

  /** No error so far. */
  get isValid(): boolean {
    return this.errorCount === 0;
  }

  /**
   * Checks JSON lines and yields issues, in the order of the lines. Blank lines are ignored; an unreadable line is an
   * issue, and the rest continues, except in a file of packets. Fails only if the source fails. Memory: one line, one
   * chunk's issues, and the open spans.
   */
  async *lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Issue, void, void> {
    const splitter = new LineSplitter({
      line: (text, number, offsetBytes) => this.checkLine(text, number, offsetBytes),
      fault: (line) => this.#reportFault(line),
    });
    for await (const chunk of source) {
      splitter.push(chunk);
      if (!this.#log.isEmpty) yield* this.takeIssues();
      if (this.#isPackets) return;
    }
    splitter.end();
    if (!this.#hasLines) {
      this.#startLine(1);
      this.#log.report("E_EMPTY", null, "there is no event in it, expected one JSON object per line");
    }
    yield* this.takeIssues();
  }

  /** Checks events that are objects already and yields issues; `line` counts them from 1. */
  async *events(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<Issue, void, void> {
    let number = 0;
    for await (const event of source) {
      number += 1;
      this.checkEvent(event, number);
      if (!this.#log.isEmpty) yield* this.takeIssues();
    }
  }

  /** Checks one line without its end. Issues wait for takeIssues. Never throws. */
  checkLine(text: string, line: number, offsetBytes = 0): void {
    if (this.#isPackets) return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      if (text.trim() === "") return;
      this.#startLine(line);
      const said = visible((error as Error).message);
      this.#log.report(
        "E_JSON",
        null,
        `the line, from byte ${offsetBytes}, is not JSON: ${said}; it is ${quote(text)}`,
      );
      this.#sequence?.skip();
      return;
    }
    this.#check(value, line, text);
  }

  /** Checks one event. Issues wait for takeIssues. Never throws. */
  checkEvent(value: unknown, line: number): void {
    this.#check(value, line, undefined);
  }

  /** The following events are from another boot. Once called, boots are no longer guessed from numbers and times. */
  beginBoot(): void {
    this.#sequence?.beginBoot();
  }

  /** Adds a problem that somebody else found before the next line, such as the decoder of a capture. */
  addProblem({ code, message, attribute }: Problem): void {
    this.#hasLines = true;
    const place = this.#isRecording ? {} : undefined;
    this.#log.report(code, attribute ?? null, visible(message), { line: this.#log.line + 1, event: null, place });
  }

  /** The issues found since the last call, in order; they belong to the caller. */
  takeIssues(): Issue[] {
    return this.#log.take();
  }

  #check(value: unknown, line: number, text: string | undefined): void {
    this.#startLine(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#log.report("E_NOT_OBJECT", null, `the line is ${describe(value)}, expected a JSON object`);
      this.#sequence?.skip();
      return;
    }
    this.eventCount += 1;
    const object = value as Record<string, unknown>;
    let named = object[this.#newest.versionKey];
    // An older version may have another name for it.
    if (named === undefined)
      for (const key of this.#olderVersionKeys) if (Object.hasOwn(object, key)) named ??= object[key];
    const version = this.#versions.get(named) ?? this.#versionOf(object, named);
    const name = object[version.eventKey];
    const event = version.events.get(name);
    this.#log.event = event !== undefined ? event.name : typeof name === "string" ? shortName(name) : null;
    if (this.#isRecording) this.#log.placeOf = () => placeOf(object, version);
    // What an unknown version requires is also unknown.
    const isKnown = typeof named !== "string" || named === version.schemaVersion;
    if (this.#checksSchema) {
      if (typeof named === "string" && named !== (this.#onlyVersion ?? version.schemaVersion)) {
        this.#reportVersion(version, named);
      }
      if (!isKnown) {
        // That is reported.
      } else if (event !== undefined) {
        this.#schema.check(object, event, version.schemaVersion, text);
      } else {
        this.#reportEventName(version, name);
        if (named === undefined) this.#schema.reportMissing(version.versionKey, quote(version.schemaVersion));
      }
    }
    if (this.#sequence === undefined) return;
    if (isKnown && event !== undefined) this.#sequence.check(object, event, version);
    else this.#sequence.skip();
  }

  /**
   * The version to check an event against that names no known one: the one whose names it uses, in doubt the newest.
   */
  #versionOf(object: Record<string, unknown>, named: unknown): VersionTable {
    let fits = this.#newest;
    if (typeof named === "string" || this.#onlyVersion !== undefined) return fits;
    let most = -1;
    for (const version of this.#versions.values()) {
      const event = version.events.get(object[version.eventKey]);
      const known = event === undefined ? 0 : Object.keys(object).filter((key) => event.byKey.has(key)).length;
      if (known < most) continue;
      most = known;
      fits = version;
    }
    return fits;
  }

  #startLine(line: number): void {
    this.#hasLines = true;
    this.#log.startLine(line);
  }

  #reportFault(line: FaultyLine): void {
    if (this.#isPackets) return;
    this.#startLine(line.number);
    this.#sequence?.skip();
    if (line.number === 1 && PACKET_MAGIC.equals(line.bytes.subarray(0, PACKET_MAGIC.length))) {
      this.#isPackets = true;
      const wayOut = "`xs-telemetry decode FILE | xs-telemetry validate -`, or validate its capture folder";
      this.#log.report("E_PACKETS", null, `the file holds packets, expected JSON lines: ${wayOut}`);
    } else if (line.fault === "too-long") {
      const found = `the line, from byte ${line.offsetBytes}, has ${line.lengthBytes} bytes`;
      this.#log.report("E_LINE_LENGTH", null, `${found}, expected at most ${MAX_LINE_BYTES}: it was skipped`);
    } else {
      const at = invalidUtf8Offset(line.bytes);
      const found = at < line.bytes.length ? `0x${line.bytes[at].toString(16).padStart(2, "0")}` : "the end";
      this.#log.report("E_UTF8", null, `the line is not UTF-8: ${found} at byte ${line.offsetBytes + at}`);
    }
  }

  #reportVersion({ versionKey }: VersionTable, named: string): void {
    const expected =
      this.#onlyVersion === undefined ? `a known version: ${this.#knownVersions()}` : quote(this.#onlyVersion);
    this.#log.report("E_VERSION", versionKey, `${versionKey} is ${quote(named)}, expected ${expected}`);
  }

  #reportEventName(version: VersionTable, name: unknown): void {
    const key = version.eventKey;
    const expected = `one of ${quotedList(version.events.keys())}`;
    if (name === undefined) this.#schema.reportMissing(key, expected);
    else {
      const code = typeof name === "string" ? "E_EVENT" : "E_TYPE";
      this.#log.report(code, key, `${key} is ${describe(name)}, expected ${expected}`);
    }
  }

  #knownVersions(): string {
    return quotedList(this.#versions.keys());
  }
}

function placeOf(object: Record<string, unknown>, { sequenceKey, timeKey, placeKeys }: VersionTable): EventPlace {
  const { [sequenceKey]: eventSeq, [timeKey]: timeMs, device, boot, time } = object;
  return {
    ...(placeKeys.includes("device") && typeof device === "string" && { device }),
    ...(placeKeys.includes("boot") && typeof boot === "number" && { boot }),
    ...(typeof eventSeq === "number" && { eventSeq }),
    ...(typeof timeMs === "number" && { timeMs }),
    ...(typeof time === "string" && { time }),
  };
}
