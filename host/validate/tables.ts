/** RegistryModels as tables to check events with: made once, so that a line costs one pass over its attributes. */

import { type ContextAttribute, contextAttributes } from "../registry/context.ts";
import type { Attribute, EventModel, RegistryModel } from "../registry/model.ts";
import { quote, quotedList, visible } from "../text/lines.ts";

type EmptyRule = NonNullable<Attribute["emptyExactlyWhen"]>;

/** An attribute as an event has it, prepared for comparing. */
export interface AttributeTable {
  readonly key: string;
  /** Its index in the event's attributes. */
  readonly index: number;
  readonly isRequired: boolean;
  readonly type: Attribute["type"];
  /** Least value of an int. */
  readonly least: number;
  readonly most: number;
  /** Infinity without a limit. */
  readonly maxBytes: number;
  /** The required form of a string. */
  readonly pattern: RegExp | undefined;
  readonly members: ReadonlySet<unknown>;
  /** The only allowed value, if the registry states one. */
  readonly constant: string | undefined;
  readonly emptyRule: EmptyRule | undefined;
  /** For an attribute that is left out if it would be "": the attributes of the event with the same value. */
  readonly mirrors: readonly string[] | undefined;
  readonly expected: string;
}

/** An event's part in a span, with the names for messages. */
export interface SpanTable {
  readonly step: "begin" | "ready" | "inside" | "end";
  /** Spans of the same kind have the same keys, whatever a schema version calls them. */
  readonly kind: string;
  /** The keys but the last: the owner of the span. */
  readonly owners: readonly AttributeTable[];
  /** The key that rises from one begin to the next of the same owner. */
  readonly number: AttributeTable;
  /** The value with which the event may also precede ready. */
  readonly beforeReady: { readonly attribute: AttributeTable; readonly value: string } | undefined;
  /** Events of this kind, for messages; without a ready event nothing can be on its wrong side. */
  readonly begins: string;
  readonly ready: string | undefined;
  readonly ends: string;
}

export interface EventTable {
  readonly name: string;
  /** In the registry's order. */
  readonly attributes: readonly AttributeTable[];
  readonly byKey: ReadonlyMap<string, AttributeTable>;
  readonly requiredCount: number;
  /** The keys of attributes that are left out if they would be "". */
  readonly absentWhenEmpty: readonly AttributeTable[];
  /** The keys of texts that may need escapes in JSON. */
  readonly freeTexts: readonly string[];
  /** The fewest characters of a pair in JSON. */
  readonly leastPairChars: number;
  readonly span: SpanTable | undefined;
}

export interface VersionTable {
  readonly schemaVersion: string;
  readonly eventKey: string;
  readonly versionKey: string;
  readonly timeKey: string;
  readonly sequenceKey: string;
  /** After the event's own attributes: what distinguishes its boot from others. */
  readonly placeKeys: readonly string[];
  readonly events: ReadonlyMap<unknown, EventTable>;
}

export function versionTable(registry: RegistryModel): VersionTable {
  const originOf = ({ from, sameAs }: Attribute) =>
    from ?? registry.attributes.find((attribute) => attribute.key === sameAs)?.from;
  const keyFrom = (from: Attribute["from"]) => {
    const keys = registry.attributes.filter((attribute) => originOf(attribute) === from);
    // Of an old and a new name, events have the new one.
    return (keys.find(({ renamedTo }) => renamedTo === undefined) ?? keys[0])?.key ?? "";
  };
  return {
    schemaVersion: registry.schemaVersion,
    eventKey: keyFrom("event_name"),
    versionKey: keyFrom("schema_version"),
    timeKey: keyFrom("time"),
    sequenceKey: keyFrom("sequence"),
    placeKeys: contextAttributes(registry)
      .filter(({ isPlace }) => isPlace)
      .map(({ key }) => key),
    events: new Map(registry.events.map((event) => [event.name, eventTable(event, registry)])),
  };
}

function eventTable(event: EventModel, registry: RegistryModel): EventTable {
  const own = event.attributes.map(({ key, required }, index): AttributeTable => {
    const attribute = attributeOf(registry, key, event);
    return {
      ...attributeTable(attribute, index, registry),
      isRequired: required && !attribute.absentWhenEmpty,
      mirrors: attribute.absentWhenEmpty ? mirrorsOf(attribute, event, registry) : undefined,
    };
  });
  const attributes = [
    ...own,
    ...contextAttributes(registry).map((each, index) => contextTable(each, own.length + index)),
  ];
  return {
    name: event.name,
    attributes,
    byKey: new Map(attributes.map((attribute) => [attribute.key, attribute])),
    requiredCount: attributes.filter((attribute) => attribute.isRequired).length,
    absentWhenEmpty: attributes.filter((attribute) => attribute.mirrors !== undefined),
    freeTexts: own
      .filter(({ key, type, constant }) => type === "string" && constant === undefined && !isName(registry, key))
      .map(({ key }) => key)
      .concat(contextAttributes(registry).flatMap(({ key }) => (key === "device" ? [key] : []))),
    // Quotes, colon, comma, and a value of one character.
    leastPairChars: Math.min(...own.map(({ key }) => key.length)) + 5,
    span: spanTable(event, registry),
  };
}

function attributeTable(attribute: Attribute, index: number, registry: RegistryModel): AttributeTable {
  const { key, type, least = 0, most = Number.MAX_SAFE_INTEGER, value } = attribute;
  const values = attribute.members.map((member) => member.value);
  const expectedOf = {
    int: `an integer from ${least} to ${most}`,
    double: "a finite number",
    boolean: "true or false",
    string: attribute.from === "schema_version" ? quote(registry.schemaVersion) : "a string",
    enum: `one of ${quotedList(values)}`,
  };
  // The version that an event names is looked up first.
  const constant = attribute.from === "schema_version" ? undefined : value;
  return {
    key,
    index,
    isRequired: false,
    type,
    least,
    most,
    maxBytes: attribute.maxBytes ?? Number.POSITIVE_INFINITY,
    pattern: undefined,
    members: new Set(values),
    constant,
    emptyRule: attribute.emptyExactlyWhen,
    mirrors: undefined,
    expected: constant === undefined ? expectedOf[type] : quote(constant),
  };
}

function contextTable(
  { key, type, least = 0, most = 0, pattern, expected }: ContextAttribute,
  index: number,
): AttributeTable {
  const none = { constant: undefined, emptyRule: undefined, mirrors: undefined, members: new Set() };
  return {
    ...none,
    key,
    index,
    isRequired: false,
    type,
    least,
    most,
    maxBytes: Number.POSITIVE_INFINITY,
    pattern,
    expected,
  };
}

/** An event's name, or a version: one that the registry knows. */
function isName(registry: RegistryModel, key: string): boolean {
  const from = registry.attributes.find((attribute) => attribute.key === key)?.from;
  return from === "event_name" || from === "schema_version";
}

function attributeOf(registry: RegistryModel, key: string, event: EventModel): Attribute {
  const attribute = registry.attributes.find((each) => each.key === key);
  if (attribute === undefined) throw new Error(`event ${event.name}: attribute ${key} is not in the registry`);
  return attribute;
}

/** The key of the value in a record: the same in every schema version. */
function wireKey({ key, sameAs }: Attribute): string {
  return sameAs ?? key;
}

function mirrorsOf(attribute: Attribute, event: EventModel, registry: RegistryModel): readonly string[] {
  return event.attributes
    .map(({ key }) => attributeOf(registry, key, event))
    .filter((other) => other !== attribute && wireKey(other) === wireKey(attribute))
    .map(({ key }) => key);
}

function spanTable(event: EventModel, registry: RegistryModel): SpanTable | undefined {
  const { span } = event;
  if (span === undefined || span.keys.length === 0) return undefined;
  const kindOf = ({ keys }: { readonly keys: readonly string[] }) =>
    JSON.stringify(keys.map((key) => wireKey(attributeOf(registry, key, event))));
  const kind = kindOf(span);
  const named = (step: SpanTable["step"]) =>
    registry.events.filter((other) => other.span?.step === step && kindOf(other.span) === kind).map(({ name }) => name);
  const keys = span.keys.map((key) => attributeTable(attributeOf(registry, key, event), 0, registry));
  const { beforeReady } = span;
  return {
    step: span.step,
    kind,
    owners: keys.slice(0, -1),
    number: keys[keys.length - 1],
    beforeReady: beforeReady && {
      attribute: attributeTable(attributeOf(registry, beforeReady.key, event), 0, registry),
      value: beforeReady.value,
    },
    begins: named("begin").join(" or "),
    ready: named("ready").join(" or ") || undefined,
    ends: named("end").join(" or "),
  };
}

/** Whether its attribute can have a value: nothing follows from invalid ones. */
export function isUsable({ type, least, most, members }: AttributeTable, value: unknown): boolean {
  switch (type) {
    case "int":
      return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    case "double":
      return Number.isFinite(value);
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
    case "enum":
      return members.has(value);
  }
}

const LONGEST_NAME = 100;

export function shortName(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

/** A name from a line, for a message. */
export function shownName(name: string): string {
  return visible(shortName(name));
}

/** A value for a message. A value that contains others is only named: it may be as deep as the line is long. */
export function describe(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}
