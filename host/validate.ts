/**
 * Schema checks: does each event follow the registry? Driven by tables made once from RegistryModels, so that a line
 * costs one pass over the attributes that its event declares, a fraction of what JSON.parse costs before.
 *
 * Codes are stable. Their first letter is the severity without `strict`, which turns warnings into errors.
 * Of duplicate keys the last one counts, as in JSON.parse.
 */
import { type Problem, TelemetryError } from "./errors.ts";
import { type FaultyLine, invalidUtf8Offset, LineSplitter, MAX_LINE_BYTES, quote, visible } from "./lines.ts";
import type { Attribute, EventModel, RegistryModel } from "./registry/model.ts";

export type Severity = "error" | "warning";

/** What each code means. */
export const ISSUE_CODES = {
  E_JSON: "the line is no JSON",
  E_NOT_OBJECT: "the line is JSON, but no object",
  E_LINE_LENGTH: "the line is longer than 1 MiB",
  E_UTF8: "the line is not UTF-8",
  E_EMPTY: "there is no event at all",
  E_EVENT: "the registry has no such event",
  E_VERSION: "the schema version is not known, or not the one asked for",
  E_MISSING: "a required attribute is missing",
  E_TYPE: "a value is of the wrong JSON type",
  E_RANGE: "an integer is negative, fractional or beyond 2^53 - 1",
  E_ENUM: "a value is none of those allowed",
  E_RULE: "two attributes contradict each other",
  W_UNDECLARED: "the event does not declare the attribute",
  W_TEXT_LENGTH: "a text has more bytes than declared",
} as const;
export type IssueCode = keyof typeof ISSUE_CODES;

export interface Issue {
  /** From 1. Of events that come as objects: which one. */
  readonly line: number;
  readonly severity: Severity;
  /** One of ISSUE_CODES; of a capture also a code of the decoder's. */
  readonly code: string;
  /** The event's name as it stands there, cut when long; null without one. */
  readonly event: string | null;
  /** The attribute's name, cut when long; null when no single one is at fault. */
  readonly attribute: string | null;
  /** What stands there and what was expected; values are escaped and cut. */
  readonly message: string;
}

/** What `checks` may name. */
export const CHECKS = ["schema"] as const;
export type Check = (typeof CHECKS)[number];

export interface ValidateOptions {
  /** The versions accepted: one model each, the newest last. At least one. */
  readonly registries: readonly RegistryModel[];
  /** Default: all of CHECKS. */
  readonly checks?: readonly Check[];
  /** Warnings become errors. Default false. */
  readonly strict?: boolean;
  /** Every event must have this version. */
  readonly schemaVersion?: string;
}

type EmptyRule = NonNullable<Attribute["emptyExactlyWhen"]>;

/** An attribute as an event has it, ready to be compared with. */
interface AttributeTable {
  readonly key: string;
  /** In the event's attributes. */
  readonly index: number;
  readonly isRequired: boolean;
  readonly type: Attribute["type"];
  /** Infinity without a bound. */
  readonly maxBytes: number;
  readonly members: ReadonlySet<string>;
  readonly emptyRule: EmptyRule | undefined;
  readonly expected: string;
}

interface EventTable {
  readonly name: string;
  /** In the registry's order. */
  readonly attributes: readonly AttributeTable[];
  readonly byKey: ReadonlyMap<string, AttributeTable>;
  readonly requiredCount: number;
}

interface VersionTable {
  readonly schemaVersion: string;
  readonly eventKey: string;
  readonly versionKey: string;
  readonly events: ReadonlyMap<unknown, EventTable>;
}

const LONGEST_NAME = 100;

/**
 * Checks the events of one trace; a new one for the next. The constructor throws TelemetryError (exit code 2) when
 * `schemaVersion` is not known.
 *
 *     const validator = new Validator({ registries: [registry] });
 *     for await (const issue of validator.lines(createReadStream("trace.jsonl"))) console.log(issue);
 *     console.log(validator.eventCount, validator.isValid);
 */
export class Validator {
  /** JSON objects seen, whatever is wrong with them. */
  eventCount = 0;
  errorCount = 0;
  warningCount = 0;

  readonly #versions: ReadonlyMap<unknown, VersionTable>;
  readonly #newest: VersionTable;
  readonly #onlyVersion: string | undefined;
  readonly #warning: Severity;
  readonly #checksSchema: boolean;
  #issues: Issue[] = [];
  #hasLines = false;
  /** Where the event that is, or was, checked stands, and its name: for what is reported. */
  #line = 0;
  #event: string | null = null;

  constructor(options: ValidateOptions) {
    const tables = options.registries.map(versionTable);
    this.#versions = new Map(tables.map((table) => [table.schemaVersion, table]));
    this.#onlyVersion = options.schemaVersion;
    this.#warning = options.strict ? "error" : "warning";
    this.#checksSchema = (options.checks ?? CHECKS).includes("schema");
    const wanted = options.schemaVersion;
    const newest = wanted === undefined ? tables.at(-1) : this.#versions.get(wanted);
    if (newest === undefined) {
      const known = this.#knownVersions();
      throw new TelemetryError("E_VERSION", `schema version ${quote(String(wanted))} is not known; known: ${known}`, 2);
    }
    this.#newest = newest;
  }

  /** No error so far. */
  get isValid(): boolean {
    return this.errorCount === 0;
  }

  /**
   * Checks JSON lines and yields what is wrong, in the order of the lines. Blank lines are ignored; a line that cannot
   * be read is an issue, and the rest goes on. Fails only as the source fails. Memory: one line and one chunk's issues.
   */
  async *lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Issue, void, void> {
    const splitter = new LineSplitter({
      line: (text, number, offsetBytes) => this.checkLine(text, number, offsetBytes),
      fault: (line) => this.#reportFault(line),
    });
    for await (const chunk of source) {
      splitter.push(chunk);
      if (this.#issues.length > 0) yield* this.takeIssues();
    }
    splitter.end();
    if (!this.#hasLines) {
      this.#startLine(1);
      this.#report("E_EMPTY", null, "there is no event in it, expected one JSON object a line");
    }
    yield* this.takeIssues();
  }

  /** Checks events that are objects already and yields what is wrong; `line` counts them from 1. */
  async *events(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<Issue, void, void> {
    let number = 0;
    for await (const event of source) {
      number += 1;
      this.checkEvent(event, number);
      if (this.#issues.length > 0) yield* this.takeIssues();
    }
  }

  /** Checks one line without its end. Issues wait for takeIssues. Never throws. */
  checkLine(text: string, line: number, offsetBytes = 0): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      if (text.trim() === "") return;
      this.#startLine(line);
      const said = visible((error as Error).message);
      this.#report("E_JSON", null, `the line, from byte ${offsetBytes}, is no JSON: ${said}; it is ${quote(text)}`);
      return;
    }
    this.checkEvent(value, line);
  }

  /** Checks one event. Issues wait for takeIssues. Never throws. */
  checkEvent(value: unknown, line: number): void {
    this.#startLine(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#report("E_NOT_OBJECT", null, `the line is ${describe(value)}, expected a JSON object`);
      return;
    }
    this.eventCount += 1;
    if (this.#checksSchema) this.#checkSchema(value as Record<string, unknown>);
  }

  /** Adds what somebody else found before the line that comes next, as the decoder of a capture does. */
  addProblem({ code, message, attribute }: Problem): void {
    const checked = this.#line;
    this.#startLine(checked + 1);
    this.#report(code, attribute ?? null, visible(message));
    this.#line = checked;
  }

  /** The issues found since the last call, in order; they are the caller's. */
  takeIssues(): Issue[] {
    const issues = this.#issues;
    this.#issues = [];
    return issues;
  }

  #checkSchema(object: Record<string, unknown>): void {
    const named = object[this.#newest.versionKey];
    const version = this.#versions.get(named) ?? this.#newest;
    const name = object[version.eventKey];
    const event = version.events.get(name);
    this.#event = event !== undefined ? event.name : typeof name === "string" ? shortName(name) : null;
    if (typeof named === "string" && named !== (this.#onlyVersion ?? version.schemaVersion)) {
      this.#reportVersion(version, named);
      // What an unknown version demands is not known either.
      if (named !== version.schemaVersion) return;
    }
    if (event !== undefined) {
      this.#checkAttributes(object, event, version);
    } else {
      this.#reportEventName(version, name);
      if (named === undefined) this.#reportMissing(version.versionKey, quote(version.schemaVersion));
    }
  }

  /** The hot path. Walking the object's keys is several times cheaper than asking for each declared one. */
  #checkAttributes(object: Record<string, unknown>, event: EventTable, version: VersionTable): void {
    const attributes = event.attributes;
    let requiredCount = 0;
    let next = 0;
    for (const key in object) {
      // Keys come in the registry's order as a rule; only where they do not must they be looked up.
      let attribute = attributes[next] as AttributeTable | undefined;
      if (attribute === undefined || attribute.key !== key) attribute = event.byKey.get(key);
      const value = object[key];
      if (attribute === undefined) {
        this.#reportUndeclared(key, value, event, version);
        continue;
      }
      next = attribute.index + 1;
      if (value === undefined) continue;
      if (attribute.isRequired) requiredCount += 1;
      if (attribute.type === "int") {
        if (typeof value !== "number") this.#reportValue("E_TYPE", attribute, value);
        else if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER && Number.isInteger(value))) {
          this.#reportValue("E_RANGE", attribute, value);
        }
      } else if (typeof value !== "string") {
        this.#reportValue("E_TYPE", attribute, value);
      } else if (attribute.type === "enum") {
        if (!attribute.members.has(value)) this.#reportValue("E_ENUM", attribute, value);
        else if (attribute.emptyRule !== undefined) this.#checkEmptyRule(object, event, attribute, value);
      } else if (value.length * 3 > attribute.maxBytes) {
        // Only here must bytes be counted: a code unit is at most three.
        this.#checkTextLength(value, attribute);
      }
    }
    if (requiredCount !== event.requiredCount) {
      for (const { key, isRequired, expected } of attributes) {
        if (isRequired && own(object, key) === undefined) this.#reportMissing(key, expected);
      }
    }
  }

  #checkTextLength(value: string, attribute: AttributeTable): void {
    const bytes = Buffer.byteLength(value);
    if (bytes <= attribute.maxBytes) return;
    const found = `${attribute.key} has ${bytes} bytes of UTF-8`;
    this.#report("W_TEXT_LENGTH", attribute.key, `${found}, expected at most ${attribute.maxBytes}: ${quote(value)}`);
  }

  #checkEmptyRule(object: Record<string, unknown>, event: EventTable, attribute: AttributeTable, value: string): void {
    const rule = attribute.emptyRule as EmptyRule;
    const other = object[rule.key];
    if ((value === "") === (other === rule.value)) return;
    // What is missing or no member of its enum is reported as such: nothing follows from it.
    const otherTable = event.byKey.get(rule.key);
    if (otherTable === undefined || typeof other !== "string" || !otherTable.members.has(other)) return;
    const expected = other === rule.value ? '""' : "one that is not empty";
    const key = attribute.key;
    this.#report("E_RULE", key, `${key} is ${quote(value)}, expected ${expected} as ${rule.key} is ${quote(other)}`);
  }

  #startLine(line: number): void {
    this.#hasLines = true;
    this.#line = line;
    this.#event = null;
  }

  #reportFault(line: FaultyLine): void {
    this.#startLine(line.number);
    if (line.fault === "too-long") {
      const found = `the line, from byte ${line.offsetBytes}, has ${line.lengthBytes} bytes`;
      this.#report("E_LINE_LENGTH", null, `${found}, expected at most ${MAX_LINE_BYTES}: it was passed over`);
    } else {
      const at = invalidUtf8Offset(line.bytes);
      const found = at < line.bytes.length ? `0x${line.bytes[at].toString(16).padStart(2, "0")}` : "the end";
      this.#report("E_UTF8", null, `the line is not UTF-8: ${found} at byte ${line.offsetBytes + at}`);
    }
  }

  #reportVersion(version: VersionTable, named: string): void {
    const expected =
      this.#onlyVersion === undefined ? `a known version: ${this.#knownVersions()}` : quote(this.#onlyVersion);
    this.#report("E_VERSION", version.versionKey, `${version.versionKey} is ${quote(named)}, expected ${expected}`);
  }

  #reportEventName(version: VersionTable, name: unknown): void {
    const expected = `one of ${quotedList(version.events.keys())}`;
    if (name === undefined) this.#reportMissing(version.eventKey, expected);
    else {
      const code = typeof name === "string" ? "E_EVENT" : "E_TYPE";
      this.#report(code, version.eventKey, `${version.eventKey} is ${describe(name)}, expected ${expected}`);
    }
  }

  #reportMissing(key: string, expected: string): void {
    this.#report("E_MISSING", key, `${key} is missing, expected ${expected}`);
  }

  #reportValue(code: IssueCode, attribute: AttributeTable, value: unknown): void {
    this.#report(code, attribute.key, `${attribute.key} is ${describe(value)}, expected ${attribute.expected}`);
  }

  #reportUndeclared(key: string, value: unknown, event: EventTable, version: VersionTable): void {
    const found = `${visible(shortName(key))} is ${describe(value)}`;
    const said = `${found}, but ${event.name} has no such attribute in ${version.schemaVersion}`;
    this.#report("W_UNDECLARED", shortName(key), said);
  }

  #report(code: string, attribute: string | null, message: string): void {
    const severity = code.startsWith("W_") ? this.#warning : "error";
    if (severity === "error") this.errorCount += 1;
    else this.warningCount += 1;
    this.#issues.push({ line: this.#line, severity, code, event: this.#event, attribute, message });
  }

  #knownVersions(): string {
    return quotedList(this.#versions.keys());
  }
}

function versionTable(registry: RegistryModel): VersionTable {
  const keyFrom = (from: Attribute["from"]) =>
    registry.attributes.find((attribute) => attribute.from === from)?.key ?? "";
  return {
    schemaVersion: registry.schemaVersion,
    eventKey: keyFrom("event_name"),
    versionKey: keyFrom("schema_version"),
    events: new Map(registry.events.map((event) => [event.name, eventTable(event, registry)])),
  };
}

function eventTable(event: EventModel, registry: RegistryModel): EventTable {
  const attributes = event.attributes.map(({ key, required }, index): AttributeTable => {
    const attribute = registry.attributes.find((each) => each.key === key);
    if (attribute === undefined) throw new Error(`event ${event.name}: attribute ${key} is not in the registry`);
    const values = attribute.members.map((member) => member.value);
    const expectedOf = {
      int: `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
      double: "a finite number",
      boolean: "true or false",
      string: attribute.from === "schema_version" ? quote(registry.schemaVersion) : "a string",
      enum: `one of ${quotedList(values)}`,
    };
    return {
      key,
      index,
      isRequired: required,
      type: attribute.type,
      maxBytes: attribute.maxBytes ?? Number.POSITIVE_INFINITY,
      members: new Set(values),
      emptyRule: attribute.emptyExactlyWhen,
      expected: expectedOf[attribute.type],
    };
  });
  return {
    name: event.name,
    attributes,
    byKey: new Map(attributes.map((attribute) => [attribute.key, attribute])),
    requiredCount: attributes.filter((attribute) => attribute.isRequired).length,
  };
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function quotedList(values: Iterable<unknown>): string {
  return Array.from(values, (value) => quote(String(value))).join(", ");
}

function shortName(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

/** A value for a message. What holds other values is only named: it may be as deep as the line is long. */
function describe(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}
