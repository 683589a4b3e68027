/** What validation finds: codes, and the log that the checks write to. */

export type Severity = "error" | "warning";

/**
 * The meaning of each code. Codes are stable. The first letter is the severity without `strict`, which turns warnings
 * into errors, except those of UNALTERED.
 */
export const ISSUE_CODES = {
  E_JSON: "the line is not JSON",
  E_NOT_OBJECT: "the line is JSON, but not an object",
  E_LINE_LENGTH: "the line is longer than 1 MiB",
  E_UTF8: "the line is not UTF-8",
  E_PACKETS: "the file holds packets, not JSON lines",
  E_EMPTY: "there is no event at all",
  E_NOT_FOUND: "there is no such file",
  E_READ: "the file cannot be read",
  E_EVENT: "the registry has no such event",
  E_VERSION: "the schema version is not known, or not the one asked for",
  E_MISSING: "a required attribute is missing",
  E_TYPE: "a value is of the wrong JSON type",
  E_RANGE: "a number is out of its range, or fractional where an integer is expected",
  E_ENUM: "the value is not one of those allowed",
  E_RULE: "two attributes contradict each other",
  E_TIME: "time goes back within a boot",
  E_SEQUENCE: "the event's number does not increase within a boot",
  E_SPAN: "the event is outside its span: before its beginning, or after its end",
  E_ORDER: "the event is on the wrong side of its span's ready event, or is a second one",
  E_EPOCH: "a span begins with a number that is not greater than the previous one",
  W_UNDECLARED: "the event does not declare the attribute",
  W_TEXT_LENGTH: "a text has more bytes than its declared maximum",
  W_DUPLICATE: "a key occurs more than once; the last one counts",
  W_LOSS: "events are missing",
  W_FORGOTTEN: "too many spans are open at once: the oldest are no longer checked",
} as const;
export type IssueCode = keyof typeof ISSUE_CODES;

/** Warnings even with `strict`: what happened on the way here, or in this program, is not an error in the events. */
const UNALTERED: ReadonlySet<string> = new Set<IssueCode>(["W_LOSS", "W_FORGOTTEN"]);

export interface Issue {
  /** From 1. For events that are objects: their number. */
  readonly line: number;
  readonly severity: Severity;
  /** One of ISSUE_CODES; for a capture also a code of the decoder. */
  readonly code: string;
  /** The event's name as it is, cut if long; null if there is none. */
  readonly event: string | null;
  /** The attribute's name, cut if long; null if no single one is at fault. */
  readonly attribute: string | null;
  /** What is there and what was expected; values are escaped and cut. */
  readonly message: string;
  /** For a recording that is not lines: where the event is in it. */
  readonly place?: EventPlace;
}

/** An event's place in a recording, as far as the event states it. */
export interface EventPlace {
  readonly device?: string;
  readonly boot?: number;
  readonly eventSeq?: number;
  /** Milliseconds since boot. */
  readonly timeMs?: number;
  /** Time of day. */
  readonly time?: string;
}

/** Where an issue belongs. */
export interface Place {
  readonly line: number;
  readonly event: string | null;
  readonly place?: EventPlace | undefined;
}

/** Issues until they are taken, and their number. */
export class IssueLog {
  errorCount = 0;
  warningCount = 0;
  /** Where the checked event is, and its name. */
  line = 0;
  event: string | null = null;
  /** Returns the place, for recordings without lines. */
  placeOf: (() => EventPlace) | undefined;

  readonly #isStrict: boolean;
  #issues: Issue[] = [];

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  get place(): EventPlace | undefined {
    return this.placeOf?.();
  }

  get isEmpty(): boolean {
    return this.#issues.length === 0;
  }

  startLine(line: number): void {
    this.line = line;
    this.event = null;
    this.placeOf = undefined;
  }

  report(code: string, attribute: string | null, message: string, at: Place = this): void {
    const { line, event, place } = at;
    const isWarning = code.startsWith("W_") && !(this.#isStrict && !UNALTERED.has(code));
    if (isWarning) this.warningCount += 1;
    else this.errorCount += 1;
    const severity = isWarning ? "warning" : "error";
    this.#issues.push({ line, severity, code, event, attribute, message, ...(place !== undefined && { place }) });
  }

  /** The issues since the last call, in order; they belong to the caller. */
  take(): Issue[] {
    const issues = this.#issues;
    this.#issues = [];
    return issues;
  }
}
