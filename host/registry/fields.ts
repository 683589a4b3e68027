/** `annotations.wire` of an attribute: its field, as far as the attribute alone determines it. */
import { FIRST_FIELD_BIT, SLOT_BYTES } from "../../src/ring/packet-layout.ts";
import type { Cursor, Mapping } from "./cursor.ts";
import { listed } from "./mistakes.ts";
import type { Attribute, DerivedFrom, FieldType } from "./model.ts";
import { isSemver } from "./semver.ts";

export const SLOT_BITS = SLOT_BYTES * 8;
/** Head and tail slots of the longest record. */
export const MOST_SLOTS = 8;
export const MOST_RECORD_BITS = MOST_SLOTS * SLOT_BITS;
const WORD_BITS = 32;
const MAX_TEXT_BYTES = (MOST_SLOTS - 1) * SLOT_BYTES;
/** The longest IPv6 address in text, with an IPv4 address at its end. */
const MAX_IP_BYTES = 45;
const MAX_ENUM_BITS = 8;
/** The command that places the fields of a draft. */
const LAYOUT = "xs-telemetry registry layout FILE --write";

interface Kind {
  readonly type: FieldType;
  readonly valueType: Attribute["type"];
  /** 0: the registry states it. */
  readonly widthBits: number;
  readonly least?: number;
  readonly most?: number;
  /** Keys allowed beside `type`. */
  readonly keys: readonly string[];
}

const KINDS: Readonly<Record<string, Kind>> = {
  u8: { type: "u8", valueType: "int", widthBits: 8, most: 255, keys: ["offset_bits"] },
  u16: { type: "u16", valueType: "int", widthBits: 16, most: 65_535, keys: ["offset_bits"] },
  // No limit of its own: lines may come from other programs, with numbers of more bits.
  u32: { type: "u32", valueType: "int", widthBits: 32, keys: ["offset_bits"] },
  i32: { type: "i32", valueType: "int", widthBits: 32, least: -(2 ** 31), most: 2 ** 31 - 1, keys: ["offset_bits"] },
  f32: { type: "f32", valueType: "double", widthBits: 32, keys: ["offset_bits"] },
  f64: { type: "f64", valueType: "double", widthBits: 64, keys: ["offset_bits"] },
  bool: { type: "bool", valueType: "boolean", widthBits: 1, keys: ["offset_bits"] },
  enum: { type: "enum", valueType: "enum", widthBits: 0, keys: ["offset_bits", "width_bits"] },
  token: { type: "token", valueType: "string", widthBits: 16, keys: ["offset_bits"] },
  text: { type: "text", valueType: "string", widthBits: 0, keys: ["offset_bits", "max_bytes"] },
  ip: { type: "text", valueType: "string", widthBits: 0, keys: ["offset_bits"] },
};
/** Bits of fields whose type determines them. */
export const FIELD_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(KINDS).map(([name, { widthBits }]) => [name, widthBits]),
);
/** Names that people write who know other languages. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  i8: "i32: there is no smaller one with a sign",
  i16: "i32: there is no smaller one with a sign",
  i64: "i32, or f64, which is exact up to 2^53",
  u64: "u32, or f64, which is exact up to 2^53",
};
const VALUE_TYPES: Readonly<Record<DerivedFrom, Attribute["type"]>> = {
  event_name: "string",
  time: "int",
  sequence: "int",
  schema_version: "string",
  schema_url: "string",
};
const DERIVED = Object.keys(VALUE_TYPES) as DerivedFrom[];
const WIRE_KEYS = ["type", "offset_bits", "width_bits", "max_bytes", "from", "value", "same_as", "absent_when_empty"];

/** A field with a known place in a record, except for a text without an offset of its own. */
export interface FieldDraft {
  readonly at: Cursor;
  readonly type: FieldType;
  readonly offsetBits: number | undefined;
  readonly widthBits: number;
  readonly maxBytes: number;
}

/** The content of an attribute's `wire`; one of the first three. */
export interface Wire {
  readonly at: Cursor;
  readonly field?: FieldDraft | undefined;
  readonly derived?: { readonly from: DerivedFrom; readonly value: string | undefined } | undefined;
  readonly sameAs?: { readonly key: string; readonly at: Cursor; readonly absentWhenEmpty: boolean } | undefined;
  readonly least?: number | undefined;
  readonly most?: number | undefined;
}

/** `type` is the attribute's, undefined if that is a mistake already. */
export function readWire(at: Cursor, type: Attribute["type"] | undefined): Wire | undefined {
  const wire = at.mapping(WIRE_KEYS);
  if (!wire) return undefined;
  const forms = ["type", "from", "same_as"].filter((key) => wire.get(key));
  if (forms.length !== 1) {
    const found = forms.length === 0 ? "has neither type nor from nor same_as" : `has ${listed(forms)}`;
    return at.mistake(
      "E_MISSING",
      found,
      "say one: a field's type, where the value comes from, or whose field it shares",
    );
  }
  if (forms[0] === "from") return readDerived(wire, type);
  if (forms[0] === "same_as") return readSameAs(wire);
  return readField(wire, type);
}

function readDerived(wire: Mapping, type: Attribute["type"] | undefined): Wire | undefined {
  const from = wire.get("from")!.oneOf(DERIVED);
  if (from === undefined) return undefined;
  const isConstant = from === "schema_version" || from === "schema_url";
  refuseOthers(wire, isConstant ? ["from", "value"] : ["from"], `from: ${from}`);
  if (type !== undefined && type !== VALUE_TYPES[from])
    return wire.at.mistake(
      "E_VALUE",
      `the ${from} is of type ${VALUE_TYPES[from]}, not ${type}`,
      "change the attribute's type",
    );
  if (!isConstant) return { at: wire.at, derived: { from, value: undefined } };
  const at = wire.need("value", `add the ${from.replace("_", " ")}, for example value: ${EXAMPLES[from]}`);
  const value = at?.text();
  if (at === undefined || value === undefined) return undefined;
  if (from === "schema_version" && !isSemver(value))
    return at.mistake(
      "E_VALUE",
      `${at.shown} is not a version (semver.org)`,
      'write three numbers, for example "1.0.0"',
    );
  if (from === "schema_url" && !/^https?:\/\/[^\s"<>\\]+$/.test(value))
    return at.mistake("E_VALUE", `${at.shown} is not a URL`, "write one that begins with https://");
  return { at: wire.at, derived: { from, value } };
}
const EXAMPLES = { schema_version: '"1.0.0"', schema_url: "https://example.com/schemas/1.0.0" };

function readSameAs(wire: Mapping): Wire | undefined {
  refuseOthers(wire, ["same_as", "absent_when_empty"], "same_as");
  const at = wire.get("same_as")!;
  const key = at.text();
  const flag = wire.get("absent_when_empty");
  if (flag && typeof flag.scalar !== "boolean")
    flag.mistake("E_VALUE", `must be true or false, is ${flag.shown}`, "leave it out for false");
  if (key === undefined) return undefined;
  return { at: wire.at, sameAs: { key, at, absentWhenEmpty: flag !== undefined && flag.scalar !== false } };
}

function readField(wire: Mapping, type: Attribute["type"] | undefined): Wire | undefined {
  const at = wire.get("type")!;
  const other =
    typeof at.scalar === "string" && Object.hasOwn(OTHER_NAMES, at.scalar) ? OTHER_NAMES[at.scalar] : undefined;
  if (other !== undefined) return at.mistake("E_VALUE", `there is no type ${at.shown}`, `write ${other}`);
  const name = at.oneOf(Object.keys(KINDS));
  const kind = name === undefined ? undefined : KINDS[name];
  if (name === undefined || !kind) return undefined;
  refuseOthers(wire, ["type", ...kind.keys], `type: ${name}`);
  if (type !== undefined && type !== kind.valueType) {
    const written = kind.valueType === "enum" ? "{ members: … }" : kind.valueType;
    const fitting = Object.keys(KINDS).filter((each) => KINDS[each]!.valueType === type);
    wire
      .get("type")!
      .mistake(
        "E_VALUE",
        `${name} holds ${kind.valueType}, the attribute is ${type}`,
        `change the attribute's type to ${written}, or this to ${listed(fitting, "or")}`,
      );
    return undefined;
  }
  const field = kind.type === "text" ? readText(wire, name) : readWord(wire, kind, name);
  return field && { at: wire.at, field, least: kind.least, most: kind.most };
}

function readText(wire: Mapping, name: string): FieldDraft | undefined {
  const maxBytes =
    name === "ip"
      ? MAX_IP_BYTES
      : wire.need("max_bytes", `add max_bytes: 1 to ${MAX_TEXT_BYTES}`)?.integer(1, MAX_TEXT_BYTES);
  const at = wire.get("offset_bits");
  const offsetBits = at?.integer(SLOT_BITS, MOST_RECORD_BITS - SLOT_BITS);
  if (maxBytes === undefined || (at && offsetBits === undefined)) return undefined;
  const widthBits = Math.ceil(maxBytes / SLOT_BYTES) * SLOT_BITS;
  if (at && offsetBits !== undefined) {
    if (offsetBits % SLOT_BITS !== 0)
      return misplaced(
        at,
        `a text begins at a slot, a multiple of ${SLOT_BITS}, not at ${offsetBits}`,
        offsetBits,
        SLOT_BITS,
      );
    if (offsetBits + widthBits > MOST_RECORD_BITS)
      return at.mistake(
        "E_LAYOUT",
        `${maxBytes} bytes at ${offsetBits} end beyond bit ${MOST_RECORD_BITS}, where the longest record ends`,
        `begin at ${MOST_RECORD_BITS - widthBits} or before, or lower max_bytes`,
      );
  }
  return { at: at ?? wire.get("max_bytes") ?? wire.at, type: "text", offsetBits, widthBits, maxBytes };
}

function readWord(wire: Mapping, kind: Kind, name: string): FieldDraft | undefined {
  const widthBits =
    kind.widthBits ||
    wire
      .need("width_bits", `add width_bits: 1 to ${MAX_ENUM_BITS}, or have it placed: ${LAYOUT}`)
      ?.integer(1, MAX_ENUM_BITS);
  const at = wire.need(
    "offset_bits",
    `add offset_bits: ${FIRST_FIELD_BIT} or more, the bit where the field begins, or have it placed: ${LAYOUT}`,
  );
  const offsetBits = at?.integer(FIRST_FIELD_BIT, MOST_RECORD_BITS - (widthBits || 1));
  if (!at || offsetBits === undefined || !widthBits) return undefined;
  if (kind.type !== "enum" && offsetBits % widthBits !== 0)
    return misplaced(at, `${name} begins at a multiple of ${widthBits}, not at ${offsetBits}`, offsetBits, widthBits);
  if (widthBits <= WORD_BITS && (offsetBits % WORD_BITS) + widthBits > WORD_BITS)
    return misplaced(at, `${widthBits} bits at ${offsetBits} cross a 32-bit word`, offsetBits, WORD_BITS);
  return { at, type: kind.type, offsetBits, widthBits, maxBytes: 0 };
}

function misplaced(at: Cursor, message: string, offsetBits: number, step: number): undefined {
  const next = Math.ceil(offsetBits / step) * step;
  return at.mistake(
    "E_LAYOUT",
    message,
    `the next such place is ${next <= MOST_RECORD_BITS - step ? next : next - step}`,
  );
}

function refuseOthers(wire: Mapping, allowed: readonly string[], form: string): void {
  for (const key of wire.keys)
    if (WIRE_KEYS.includes(key) && !allowed.includes(key))
      wire
        .keyAt(key)
        .mistake("E_KEY", `${key} has no meaning beside ${form}`, `leave it out; known beside it: ${listed(allowed)}`);
}
