/** Any valid registry, as YAML. */
import fc from "fast-check";
import { stringify } from "yaml";

export type Kind = "u8" | "u16" | "u32" | "i32" | "f32" | "f64" | "bool" | "enum" | "token" | "text" | "ip";
export const KINDS: readonly Kind[] = ["u8", "u16", "u32", "i32", "f32", "f64", "bool", "enum", "token", "text", "ip"];

export interface MemberSpec {
  readonly id: string;
  readonly value: string;
  readonly code: number;
}

export interface FieldSpec {
  /** Of the attribute that owns the field. */
  readonly key: string;
  /** Its name in events. */
  readonly name: string;
  /** A second name, absent if the value is "". */
  readonly absentName: string | undefined;
  readonly kind: Kind;
  readonly maxBytes: number;
  readonly members: readonly MemberSpec[];
  /** The rule: "" exactly when the other enum has this value. */
  readonly rule: { readonly key: string; readonly value: string } | undefined;
}

export interface EventSpec {
  readonly name: string;
  /** In the registry's order. */
  readonly fields: readonly (FieldSpec & { readonly isOptional: boolean })[];
  /** Optional attributes that one record type has together: the keys of their fields. */
  readonly combinations: readonly (readonly string[])[];
}

export interface RegistrySpec {
  readonly yaml: string;
  readonly events: readonly EventSpec[];
  readonly hasUrl: boolean;
}

/** Names that generated code, JavaScript and TSDL may stumble over. Names must differ in more than case and separators. */
const NAMES = [
  "temperature",
  "pressure_hpa",
  "type",
  "class",
  "words",
  "recorder",
  "undefined",
  "arguments",
  "Object",
  "layout",
  "lw.client.id",
  "status",
  "is_status",
  "default",
  "string",
  "integer",
  "a.b.c",
  "text",
  "textBytes",
  "this",
  "floats",
  "Telemetry",
  "u8",
  "token",
  "x1",
  "timestamp",
];

const EVENT_NAMES = ["reading", "button.pressed", "token", "delete", "counters", "a.b.c", "Reader", "recorder"];
const VALUES = ["", "ok", "two words", 'quo"te \\', "naïve ☃ 😀", "true", "0", "__proto__"];
const MEMBER_IDS = ["none", "ok", "class", "new", "a_b", "x1", "Up", "name"];
const MOST_ATTRIBUTES = 12;
const RECORD_BITS = 1024;
const SLOT_BITS = 128;
const FIXED_WIDTHS: Readonly<Record<string, number>> = { u8: 8, u16: 16, u32: 32, i32: 32, f32: 32, f64: 64, bool: 1 };

interface Draft extends FieldSpec {
  readonly widthBits: number;
  readonly isText: boolean;
  readonly offsetBits: number | undefined;
}

const rawAttribute = fc.record({
  kind: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...KINDS) }, fc.constant<Kind>("enum")),
  place: fc.nat(),
  isFarOff: fc.boolean(),
  bits: fc.integer({ min: 1, max: 8 }),
  values: fc.shuffledSubarray(VALUES, { minLength: 1 }),
  codes: fc.uniqueArray(fc.nat(255), { minLength: VALUES.length, maxLength: VALUES.length }),
  maxBytes: fc.integer({ min: 1, max: 112 }),
  isRenamed: fc.boolean(),
  hasAbsent: fc.boolean(),
  hasRule: fc.boolean(),
});

type RawAttribute = typeof rawAttribute extends fc.Arbitrary<infer T> ? T : never;

const rawEvent = fc.record({
  uses: fc.array(fc.constantFrom<Use[]>("required", "optional", undefined), {
    minLength: MOST_ATTRIBUTES,
    maxLength: MOST_ATTRIBUTES,
  }),
  together: fc.array(fc.nat(), { maxLength: 4 }),
  hasShorter: fc.boolean(),
});

const raw = fc.record({
  attributes: fc.array(rawAttribute, { maxLength: MOST_ATTRIBUTES }),
  events: fc.array(rawEvent, { minLength: 1, maxLength: 4 }),
  names: fc.shuffledSubarray(NAMES, { minLength: NAMES.length }),
  eventNames: fc.shuffledSubarray(EVENT_NAMES, { minLength: EVENT_NAMES.length }),
  firstId: fc.nat(238),
  hasUrl: fc.boolean(),
});

export const registries: fc.Arbitrary<RegistrySpec> = raw.map(
  ({ attributes, events, names, eventNames, firstId, hasUrl }) => {
    const uses = events.map((event) => chosen(attributes, event.uses));
    const drafts: (Draft | undefined)[] = [];
    attributes.forEach((attribute, index) => {
      const neighbours = uses.filter((use) => use[index]).map((use) => drafts.filter((_, other) => use[other]));
      const condition = drafts.findIndex(
        (each, other) => isCondition(each) && uses.every((use) => !use[index] || use[other] === "required"),
      );
      const room = RECORD_BITS - textSlots(attributes, uses, index) * SLOT_BITS;
      drafts.push(draft(attribute, names[index]!, drafts[condition], neighbours.flat(), room));
    });
    let id = firstId;
    const nextId = () => {
      id = (id + 7) % 239;
      return id + 1;
    };
    const built = events.map((event, number) => {
      const fields = drafts.flatMap((each, index) => {
        const use = uses[number]![index];
        return each && use ? { ...each, isOptional: use === "optional" } : [];
      });
      return eventOf(eventNames[number]!, fields, event.together, nextId);
    });
    const taken = new Set(built.flatMap(({ recordTypes }) => recordTypes.map((type) => type.id)));
    built.forEach(({ recordTypes, textSlots: slotsById }, number) => {
      for (const type of events[number]!.hasShorter ? recordTypes : [])
        Object.assign(type, shorterTypes((slotsById.get(type.id) ?? 0) - 1, taken));
    });
    const used = drafts.filter((each) => each !== undefined);
    const document = {
      file_format: "definition/2",
      attributes: [...derived(hasUrl), ...used.flatMap(attributesOf)],
      events: built.map(({ recordTypes, spec }) => ({
        name: spec.name,
        stability: "stable",
        brief: `What ${spec.name} is.`,
        attributes: refs(spec.fields, hasUrl),
        annotations: { wire: { record_types: recordTypes } },
      })),
    };
    return { yaml: stringify(document), events: built.map(({ spec }) => spec), hasUrl };
  },
);

/** `shorter_from`, with as many consecutive free ids; nothing if there are none. */
function shorterTypes(count: number, taken: Set<number>): { shorter_from?: number } {
  for (let from = 1; count > 0 && from + count <= 240; from++) {
    const ids = Array.from({ length: count }, (_, nth) => from + nth);
    if (ids.some((id) => taken.has(id))) continue;
    for (const id of ids) taken.add(id);
    return { shorter_from: from };
  }
  return {};
}

type Use = "required" | "optional" | undefined;
const isText = ({ kind }: { readonly kind: Kind }) => kind === "text" || kind === "ip";
const slotsOf = ({ kind, maxBytes }: RawAttribute) => Math.ceil((kind === "ip" ? 45 : maxBytes) / 16);

/** The requirement level of each attribute in an event: at most one text is required, and then there is no other. */
function chosen(attributes: readonly RawAttribute[], wished: readonly Use[]): Use[] {
  const uses = wished.slice(0, attributes.length);
  const texts = attributes.flatMap((attribute, index) => (isText(attribute) && uses[index] ? [index] : []));
  const required = texts.find((index) => uses[index] === "required");
  for (const index of texts) if (required !== undefined && index !== required) uses[index] = undefined;
  return uses;
}

/** Slots of the longest text in an event that has this attribute. */
function textSlots(attributes: readonly RawAttribute[], uses: readonly Use[][], index: number): number {
  const others = uses.filter((use) => use[index]).flatMap((use) => attributes.filter((_, other) => use[other]));
  return Math.max(0, ...others.filter(isText).map(slotsOf));
}

const isCondition = (each: Draft | undefined) =>
  each?.kind === "enum" && each.rule === undefined && each.name === each.key;

/** An attribute at a place without neighbours; undefined if there is none. */
function draft(
  attribute: RawAttribute,
  key: string,
  condition: Draft | undefined,
  neighbours: readonly (Draft | undefined)[],
  roomBits: number,
): Draft | undefined {
  const { kind, place, isFarOff, values, codes, isRenamed, hasAbsent } = attribute;
  const maxBytes = kind === "ip" ? 45 : kind === "text" ? attribute.maxBytes : 0;
  const widthBits = isText(attribute)
    ? slotsOf(attribute) * SLOT_BITS
    : (FIXED_WIDTHS[kind] ?? (kind === "token" ? 16 : attribute.bits));
  const members =
    kind !== "enum"
      ? []
      : values
          .slice(0, 2 ** widthBits)
          .map((value, index) => ({ id: MEMBER_IDS[index]!, value, code: distinct(codes, widthBits)[index]! }));
  const mayBeEmpty = kind === "token" || isText(attribute) || members.some(({ value }) => value === "");
  const hasRule = attribute.hasRule && condition !== undefined && kind === "enum" && mayBeEmpty && members.length > 1;
  const common = {
    key,
    name: isRenamed ? `new.${key.replaceAll(".", "_")}` : key,
    absentName: mayBeEmpty && hasAbsent ? `absent.${key.replaceAll(".", "_")}` : undefined,
    kind,
    isText: isText(attribute),
    widthBits,
    maxBytes,
    members,
    rule: hasRule
      ? { key: condition.key, value: condition.members[place % condition.members.length]!.value }
      : undefined,
  };
  if (common.isText) return { ...common, offsetBits: isFarOff ? RECORD_BITS - widthBits : undefined };
  const step = kind === "enum" ? 1 : widthBits;
  const free: number[] = [];
  for (let at = Math.ceil(40 / step) * step; at + widthBits <= roomBits; at += step) {
    const crosses = widthBits <= 32 && (at % 32) + widthBits > 32;
    const overlaps = neighbours.some(
      (each) =>
        each?.offsetBits !== undefined &&
        !each.isText &&
        at < each.offsetBits + each.widthBits &&
        each.offsetBits < at + widthBits,
    );
    if (!crosses && !overlaps) free.push(at);
  }
  const offsetBits = free[place % (isFarOff ? free.length : Math.min(free.length, 4))];
  return offsetBits === undefined ? undefined : { ...common, offsetBits };
}

/** Codes that fit, all different. */
function distinct(codes: readonly number[], bits: number): number[] {
  const found = new Set(codes.map((code) => code % 2 ** bits));
  for (let code = 0; code < Math.min(2 ** bits, VALUES.length); code++) found.add(code);
  return [...found];
}

const TYPES: Readonly<Record<string, string>> = {
  f32: "double",
  f64: "double",
  bool: "boolean",
  token: "string",
  text: "string",
  ip: "string",
};

/** The attribute as the registry defines it, and those that share its field. */
function attributesOf({
  key,
  name,
  absentName,
  kind,
  maxBytes,
  members,
  rule,
  offsetBits,
  widthBits,
}: Draft): object[] {
  const common = { stability: "stable", brief: `What ${key} is, in units.` };
  const rules = rule && { empty_exactly_when: { [rule.key]: rule.value } };
  const membersAs = (withCodes: boolean) =>
    members.map(({ id, value, code }) => ({
      id,
      value,
      brief: `${id}.`,
      stability: "stable",
      ...(withCodes && { annotations: { wire: { code } } }),
    }));
  const type = (withCodes: boolean) => (kind === "enum" ? { members: membersAs(withCodes) } : (TYPES[kind] ?? "int"));
  const wire = {
    type: kind,
    ...(offsetBits !== undefined && { offset_bits: offsetBits }),
    ...(kind === "enum" && { width_bits: widthBits }),
    ...(kind === "text" && { max_bytes: maxBytes }),
  };
  const isRenamed = name !== key;
  return [
    {
      key,
      type: type(true),
      ...common,
      ...(isRenamed && { deprecated: { reason: "renamed", renamed_to: name } }),
      annotations: { wire, ...(rules && !isRenamed && { rules }) },
    },
    ...(isRenamed
      ? [{ key: name, type: type(false), ...common, annotations: { wire: { same_as: key }, ...(rules && { rules }) } }]
      : []),
    ...(absentName
      ? [
          {
            key: absentName,
            type: "string",
            ...common,
            annotations: { wire: { same_as: key, absent_when_empty: true } },
          },
        ]
      : []),
  ];
}

export const SCHEMA_URL = "https://example.com/schemas/1.2.3";
export const SCHEMA_VERSION = "1.2.3";

const DERIVED = [
  { key: "event", type: "string", wire: { from: "event_name" } },
  { key: "uptime.ms", type: "int", wire: { from: "time" } },
  { key: "number", type: "int", wire: { from: "sequence" } },
  { key: "schema.version", type: "string", wire: { from: "schema_version", value: SCHEMA_VERSION } },
  { key: "schema.url", type: "string", wire: { from: "schema_url", value: SCHEMA_URL } },
];

function derived(hasUrl: boolean): object[] {
  return DERIVED.slice(0, hasUrl ? 5 : 4).map(({ key, type, wire }) => ({
    key,
    type,
    stability: "stable",
    brief: `Every event's ${key}.`,
    annotations: { wire },
  }));
}

/** Keys of an event's attributes in order, each with its field. */
export function attributeOrder(
  fields: EventSpec["fields"],
  hasUrl: boolean,
): { readonly key: string; readonly field?: EventSpec["fields"][number] }[] {
  const own = fields.flatMap((field, index) => {
    const absent = field.absentName ? [{ key: field.absentName, field }] : [];
    const named = { key: field.name, field };
    return index % 2 === 0 ? [...absent, named] : [named, ...absent];
  });
  const constants = DERIVED.slice(0, hasUrl ? 5 : 4).map(({ key }) => ({ key }));
  // In the middle, so that there are values before, between and after them.
  const middle = own.length >> 1;
  return [...own.slice(0, middle), ...constants, ...own.slice(middle)];
}

function refs(fields: EventSpec["fields"], hasUrl: boolean): object[] {
  return attributeOrder(fields, hasUrl).map(({ key, field }) => ({
    ref: key,
    requirement_level: field && (field.isOptional || key === field.absentName) ? "recommended" : "required",
  }));
}

function eventOf(
  name: string,
  fields: readonly (Draft & { readonly isOptional: boolean })[],
  together: readonly number[],
  nextId: () => number,
) {
  const optional = fields.filter(({ isOptional }) => isOptional);
  const subsets = together.map((bits) => {
    const some = optional.filter((_, index) => (bits >> index) & 1);
    const text = some.find((field) => field.isText);
    return some.filter((field) => !field.isText || field === text);
  });
  const sets = new Map<string, readonly Draft[]>();
  for (const set of [[], ...optional.map((field) => [field]), ...subsets])
    sets.set(set.map(({ key }) => key).join(), set);
  const combinations = [...sets.values()];
  const textSlots = new Map<number, number>();
  const recordTypes = combinations.flatMap((set) => {
    const text = set.find((field) => field.isText) ?? fields.find((field) => field.isText && !field.isOptional);
    const names = set.map((field) => field.name);
    const carried = { ...(names.length > 0 && { with: names.length === 1 ? names[0] : names }) };
    if (!text) return [{ id: nextId(), ...carried }];
    const others = names.filter((each) => each !== text.name);
    const id = nextId();
    textSlots.set(id, Math.ceil(text.maxBytes / 16));
    return [
      { id, ...carried },
      { id: nextId(), ...(others.length > 0 && { with: others }), with_empty: text.name },
    ];
  });
  const spec: EventSpec = { name, fields, combinations: combinations.map((set) => set.map(({ key }) => key)) };
  return { recordTypes, spec, textSlots };
}
