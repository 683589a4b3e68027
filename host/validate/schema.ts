/** Schema checks: does an event conform to the registry? */
import { quote } from "../text/lines.ts";
import { duplicateKeys, leastEscapeChars, leastIntegerChars } from "./duplicates.ts";
import type { IssueCode, IssueLog } from "./issues.ts";
import { type AttributeTable, describe, type EventTable, isUsable, shortName, shownName } from "./tables.ts";

type Event = Record<string, unknown>;

/** The characters of a pair besides its key and value: quotes, colon, comma. */
const PAIR_CHARS = 4;
/** The characters of an object besides its pairs: braces, minus the comma that the last pair does not have. */
const OBJECT_CHARS = 1;

export class SchemaChecker {
  readonly #log: IssueLog;

  constructor(log: IssueLog) {
    this.#log = log;
  }

  /**
   * Checks an event of a known name and version. `line` is its text, if there is one: repeated keys are found there.
   * The hot path. Walking the object's keys is several times cheaper than looking up each declared one.
   */
  check(object: Event, event: EventTable, version: string, line: string | undefined): void {
    const attributes = event.attributes;
    let requiredCount = 0;
    let next = 0;
    // The fewest characters that the pairs need; NaN if unknown.
    let leastChars = OBJECT_CHARS;
    for (const key in object) {
      // Keys normally come in the registry's order; only if they do not, they must be looked up.
      let attribute = attributes[next] as AttributeTable | undefined;
      if (attribute === undefined || attribute.key !== key) attribute = event.byKey.get(key);
      const value = object[key];
      if (attribute === undefined) {
        leastChars = Number.NaN;
        this.#reportUndeclared(key, value, event, version);
        continue;
      }
      next = attribute.index + 1;
      if (value === undefined) continue;
      if (attribute.isRequired) requiredCount += 1;
      leastChars += key.length + PAIR_CHARS;
      if (attribute.type === "int") {
        if (typeof value !== "number") this.#reportValue("E_TYPE", attribute, value);
        else if (!(value >= attribute.least && value <= attribute.most && Number.isInteger(value))) {
          this.#reportValue("E_RANGE", attribute, value);
        }
        leastChars += typeof value === "number" ? leastIntegerChars(value) : Number.NaN;
      } else if (typeof value === "string") {
        leastChars += value.length + 2;
        this.#checkString(object, event, attribute, value);
      } else {
        leastChars = Number.NaN;
        this.#checkOther(attribute, value);
      }
    }
    if (requiredCount !== event.requiredCount) this.#checkRequired(object, attributes);
    for (const attribute of event.absentWhenEmpty) this.#checkMirror(object, event, attribute);
    // There is room for another pair, or it is unknown.
    if (line !== undefined && !(line.length - leastChars < event.leastPairChars))
      this.#checkDuplicates(object, event, line, leastChars);
  }

  #checkString(object: Event, event: EventTable, attribute: AttributeTable, value: string): void {
    if (attribute.type === "enum") {
      if (!attribute.members.has(value)) this.#reportValue("E_ENUM", attribute, value);
      else if (attribute.emptyRule !== undefined && attribute.mirrors === undefined)
        this.#checkEmptyRule(object, event, attribute, value);
    } else if (attribute.type !== "string") {
      this.#reportValue("E_TYPE", attribute, value);
    } else if (attribute.constant !== undefined) {
      if (value !== attribute.constant) this.#reportValue("E_ENUM", attribute, value);
    } else if (value.length * 3 > attribute.maxBytes) {
      // Only here must bytes be counted: a code unit is at most three.
      this.#checkTextLength(value, attribute);
    } else if (attribute.pattern !== undefined && !attribute.pattern.test(value)) {
      this.#reportValue("E_ENUM", attribute, value);
    }
  }

  #checkOther(attribute: AttributeTable, value: unknown): void {
    const isRightType =
      (attribute.type === "double" && typeof value === "number") ||
      (attribute.type === "boolean" && typeof value === "boolean");
    if (!isRightType) this.#reportValue("E_TYPE", attribute, value);
    else if (!isUsable(attribute, value)) this.#reportValue("E_RANGE", attribute, value);
  }

  #checkRequired(object: Event, attributes: readonly AttributeTable[]): void {
    for (const { key, isRequired, expected } of attributes) {
      if (isRequired && own(object, key) === undefined) this.reportMissing(key, expected);
    }
  }

  #checkTextLength(value: string, attribute: AttributeTable): void {
    const bytes = Buffer.byteLength(value);
    if (bytes <= attribute.maxBytes) return;
    const found = `${attribute.key} has ${bytes} bytes of UTF-8`;
    this.#log.report(
      "W_TEXT_LENGTH",
      attribute.key,
      `${found}, expected at most ${attribute.maxBytes}: ${quote(value)}`,
    );
  }

  #checkEmptyRule(object: Event, event: EventTable, attribute: AttributeTable, value: string): void {
    if (!breaksEmptyRule(object, event, attribute, value)) return;
    const rule = attribute.emptyRule!;
    const other = own(object, rule.key);
    const expected = other === rule.value ? '""' : "one that is not empty";
    const said = `${attribute.key} is ${quote(value)}, expected ${expected} as ${rule.key} is ${describe(other)}`;
    this.#log.report("E_RULE", attribute.key, said);
  }

  /** An attribute that is left out if it would be "", and otherwise equals its mirrors. */
  #checkMirror(object: Event, event: EventTable, attribute: AttributeTable): void {
    const { key, emptyRule } = attribute;
    const value = own(object, key);
    // An invalid value has been reported, and nothing follows from it.
    if (value !== undefined && !isUsable(attribute, value)) return;
    let expected: unknown;
    let cause: string | undefined;
    for (const mirror of attribute.mirrors!) {
      const table = event.byKey.get(mirror)!;
      const other = own(object, mirror);
      if (!isUsable(table, other)) continue;
      // Reported there; nothing follows from it either.
      if (breaksEmptyRule(object, event, table, other as string)) return;
      if (value === undefined ? other === "" : value === other && value !== "") return;
      expected = other === "" ? "it to be absent" : describe(other);
      cause = mirror;
      break;
    }
    if (cause === undefined) {
      const isWrong = breaksEmptyRule(object, event, attribute, (value as string | undefined) ?? "");
      if (!isWrong && value !== "") return;
      expected = isWrong && (value === undefined || value === "") ? "one that is not empty" : "it to be absent";
      cause = emptyRule?.key;
    }
    const found = value === undefined ? "is missing" : `is ${describe(value)}`;
    const because = cause === undefined ? "where it is empty" : `as ${cause} is ${describe(own(object, cause))}`;
    this.#log.report("E_RULE", key, `${key} ${found}, expected ${expected} ${because}`);
  }

  /** There is room for a pair that the object does not have, unless escapes take it. */
  #checkDuplicates(object: Event, event: EventTable, line: string, leastChars: number): void {
    let chars = leastChars;
    for (const key of event.freeTexts) {
      const value = object[key];
      if (typeof value === "string") chars += leastEscapeChars(value);
    }
    if (line.length - chars < event.leastPairChars) return;
    for (const [key, count] of duplicateKeys(line)) {
      const said = `${shownName(key)} occurs ${count} times; the last one counts: it is ${describe(own(object, key))}`;
      this.#log.report("W_DUPLICATE", shortName(key), `${said}, expected each key once`);
    }
  }

  reportMissing(key: string, expected: string): void {
    this.#log.report("E_MISSING", key, `${key} is missing, expected ${expected}`);
  }

  #reportValue(code: IssueCode, attribute: AttributeTable, value: unknown): void {
    this.#log.report(code, attribute.key, `${attribute.key} is ${describe(value)}, expected ${attribute.expected}`);
  }

  #reportUndeclared(key: string, value: unknown, event: EventTable, version: string): void {
    const found = `${shownName(key)} is ${describe(value)}`;
    this.#log.report("W_UNDECLARED", shortName(key), `${found}, but ${event.name} has no such attribute in ${version}`);
  }
}

/** Whether the attribute is empty where its rule requires a value, or the reverse. */
function breaksEmptyRule(object: Event, event: EventTable, { emptyRule }: AttributeTable, value: string): boolean {
  if (emptyRule === undefined) return false;
  const other = own(object, emptyRule.key);
  if ((value === "") === (other === emptyRule.value)) return false;
  // A missing value, or one that is not a member of its enum, is reported as such: nothing follows from it.
  const table = event.byKey.get(emptyRule.key);
  return table !== undefined && isUsable(table, other);
}

function own(object: Event, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
