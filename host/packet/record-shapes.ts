import { FIRST_FIELD_BIT, MAX_TOKEN_BYTES, SLOT_BYTES } from "../../src/ring/packet-layout.ts";
import type { EnumMember, Field, FieldType, RecordType, RegistryModel } from "../registry/model.ts";
import { jsonOf, MOST_ESCAPE_BYTES, MOST_NUMBER_BYTES, type Piece, pieceOf, SPARE_BYTES } from "./json-output.ts";

/** One attribute of a record type: where its value is, and what precedes it in a JSON line. */
export interface Step {
  readonly key: string;
  /** A bool is an enum of two values. */
  readonly kind: "time" | "sequence" | Exclude<FieldType, "bool">;
  /** From the record's first byte. */
  readonly offset: number;
  /** Enum: its lowest bit in that byte, and a mask of its width. */
  readonly shift: number;
  readonly mask: number;
  /** Enum: JSON of its values, by code. */
  readonly jsonValues: readonly (Piece | undefined)[];
  /** Enum: its values by code; for a bool, as words. */
  readonly values: readonly (string | undefined)[];
  /** Text: most bytes, and bytes of its tail slots. */
  readonly maxBytes: number;
  readonly tailBytes: number;
  /** Key, punctuation, and the constants before it. */
  readonly prefix: Piece;
  /** Where the value is; undefined for time and sequence. */
  readonly field: Field | undefined;
}

/** An attribute that a JSON line lacks if its value is "". */
export interface Omissible {
  readonly kind: "omissible";
  readonly offset: 0;
  /** The constants before it. */
  readonly prefix: Piece;
  /** Its prefix is the key. */
  readonly step: Step;
  /** After the value: a comma if it is not certain that something precedes it. */
  readonly suffix: Piece;
}

/** "`key` is empty exactly when `condition` has `value`", in codes. */
export interface Rule {
  readonly enumeration: Step;
  readonly emptyCode: number;
  readonly condition: Step | undefined;
  readonly conditionCode: number;
  readonly text: string;
}

/** The text after the last attribute of a JSON line, in the form of an attribute without a value. */
export interface End {
  readonly kind: "end";
  readonly offset: 0;
  readonly prefix: Piece;
}

/**
 * Enums and tokens that are adjacent in a JSON line, within one word of the record, and the line's end if it follows.
 * They have few values, so the JSON of all of them is remembered by that word.
 */
export interface Run {
  readonly kind: "run";
  /** Of the word, from the record's first byte. */
  readonly offset: number;
  /** Empty: each of the steps has its own. */
  readonly prefix: Piece;
  readonly steps: (Step | Omissible | End)[];
  /** Their bits in the word. */
  mask: number;
  /** By their bits in the word. */
  readonly known: Map<number, Piece>;
}

export type Part = Step | Omissible | Run | End;

/** Bits of a word, which begins this many bytes after the record's first. */
export interface WordBits {
  readonly offset: number;
  readonly mask: number;
}

export interface Shape {
  readonly type: RecordType;
  readonly bytes: number;
  /** Bits of the head slot's words 1 to 3 that must be 0. */
  readonly unused: readonly number[];
  /** Bits after the head slot that must be 0, not counting those of a text. */
  readonly unusedInTail: readonly WordBits[];
  /** Attributes that can have invalid bytes. */
  readonly fallible: readonly Step[];
  readonly rules: readonly Rule[];
  /** All attributes but constants, in order. */
  readonly steps: readonly Step[];
  /** The same and the line's end, in the form that is written. */
  readonly parts: readonly Part[];
  /** No JSON line of this record type is longer. */
  readonly mostLineBytes: number;
}

/** What decoding a record type needs, prepared once. */
export function prepare(type: RecordType, model: RegistryModel): Shape {
  const attributes = new Map(model.attributes.map((attribute) => [attribute.key, attribute]));
  /** The members of the attribute that owns the field: they have the codes. */
  const membersOf = (key: string): readonly EnumMember[] => {
    const { sameAs, members } = attributes.get(key)!;
    return sameAs === undefined ? members : attributes.get(sameAs)!.members;
  };
  const steps: Step[] = [];
  const parts: Part[] = [];
  let pending = "{"; // JSON since the last value
  let separator = ""; // a comma as soon as an attribute certainly precedes it
  let mostLineBytes = 0;
  for (const { key } of model.events.find(({ name }) => name === type.event)!.attributes) {
    const { from, sameAs, value, absentWhenEmpty = false } = attributes.get(key)!;
    const field = type.fields.find((candidate) => candidate.key === (sameAs ?? key));
    if (from === undefined && field === undefined) continue; // optional, and not in this record type
    const name = `${jsonOf(key)}:`;
    if (from === "event_name" || from === "schema_version" || from === "schema_url") {
      const constant = from === "event_name" ? type.event : (value ?? model.schemaVersion);
      pending += `${separator}${name}${jsonOf(constant)}`;
      separator = ",";
      continue;
    }
    const before = pieceOf(pending);
    const prefix = pieceOf(`${absentWhenEmpty ? "" : pending}${separator}${name}`);
    const step = stepOf(key, from ?? field!, membersOf(key), prefix);
    const suffix = pieceOf(separator === "" ? "," : "");
    steps.push(step);
    addPart(parts, absentWhenEmpty ? { kind: "omissible", offset: 0, prefix: before, step, suffix } : step, step);
    mostLineBytes += before.bytes + prefix.bytes + mostValueBytes(step) + suffix.bytes;
    pending = "";
    if (!absentWhenEmpty) separator = ",";
  }
  const suffix = pieceOf(`${pending}}\n`);
  const last = parts.at(-1);
  (last?.kind === "run" ? last.steps : parts).push({ kind: "end", offset: 0, prefix: suffix });
  return {
    type,
    bytes: type.slots * SLOT_BYTES,
    ...unusedBits(type),
    fallible: steps.filter(isFallible),
    rules: steps.flatMap((step) => {
      const rule = attributes.get(step.key)!.emptyExactlyWhen;
      if (!rule) return [];
      const code = (key: string, value: string) => membersOf(key).find((member) => member.value === value)?.code ?? -1;
      return {
        enumeration: step,
        emptyCode: code(step.key, ""),
        condition: steps.find(({ key }) => key === rule.key),
        conditionCode: code(rule.key, rule.value),
        text: `${step.key} is "" exactly when ${rule.key} is ${JSON.stringify(rule.value)}`,
      };
    }),
    steps,
    parts,
    mostLineBytes: mostLineBytes + suffix.bytes + SPARE_BYTES,
  };
}

function stepOf(key: string, place: "time" | "sequence" | Field, members: readonly EnumMember[], prefix: Piece): Step {
  const field = typeof place === "string" ? undefined : place;
  const { offsetBits = 0, widthBits = 0, maxBytes = 0, type } = field ?? {};
  const jsonValues: (Piece | undefined)[] = type === "bool" ? [pieceOf("false"), pieceOf("true")] : [];
  const values: (string | undefined)[] = type === "bool" ? ["false", "true"] : [];
  for (const { code, value } of members) {
    jsonValues[code] = pieceOf(jsonOf(value));
    values[code] = value;
  }
  return {
    key,
    kind: type === undefined ? (place as "time" | "sequence") : type === "bool" ? "enum" : type,
    offset: offsetBits >> 3,
    shift: offsetBits & 7,
    mask: 2 ** Math.min(widthBits, 8) - 1,
    jsonValues,
    values,
    maxBytes,
    tailBytes: type === "text" ? widthBits / 8 : 0,
    prefix,
    field,
  };
}

/** Most bytes of its value as JSON. */
function mostValueBytes({ kind, jsonValues, tailBytes }: Step): number {
  if (kind === "token" || kind === "text")
    return 2 + MOST_ESCAPE_BYTES * (kind === "token" ? MAX_TOKEN_BYTES : tailBytes);
  return jsonValues.reduce((most, value) => Math.max(most, value?.bytes ?? 0), MOST_NUMBER_BYTES);
}

/** Whether it can have invalid bytes. */
function isFallible({ kind, jsonValues, mask }: Step): boolean {
  if (kind === "enum") return Object.keys(jsonValues).length <= mask;
  return kind === "text" || kind === "f32" || kind === "f64";
}

/** Adds a part, to the previous run if it belongs there. */
function addPart(parts: Part[], part: Step | Omissible, { kind, field }: Step): void {
  if (field === undefined || (kind !== "enum" && kind !== "token")) {
    parts.push(part);
    return;
  }
  const offset = (field.offsetBits >> 5) * 4;
  let run = parts.at(-1);
  if (run?.kind !== "run" || run.offset !== offset) {
    run = { kind: "run", offset, prefix: pieceOf(""), steps: [], mask: 0, known: new Map() };
    parts.push(run);
  }
  run.steps.push(part);
  run.mask |= bitsOf(field, field.offsetBits >> 5);
}

function unusedBits({ slots, fields }: RecordType): Pick<Shape, "unused" | "unusedInTail"> {
  const words = new Array<number>((slots * SLOT_BYTES) / 4).fill(-1);
  words[0] = 0; // the time
  words[1] = -1 << (FIRST_FIELD_BIT & 31); // the record type is in the lowest byte
  for (const field of fields)
    for (let word = field.offsetBits >> 5; word * 32 < field.offsetBits + field.widthBits; word++)
      words[word]! &= ~bitsOf(field, word);
  return {
    unused: words.slice(1, SLOT_BYTES / 4),
    unusedInTail: words
      .map((mask, word) => ({ offset: word * 4, mask }))
      .filter(({ offset, mask }) => offset >= SLOT_BYTES && mask !== 0),
  };
}

/** The bits of a field in a word. */
function bitsOf({ offsetBits, widthBits }: Field, word: number): number {
  const from = Math.max(offsetBits - word * 32, 0);
  const to = Math.min(offsetBits + widthBits - word * 32, 32);
  return to - from === 32 ? -1 : (2 ** (to - from) - 1) << from;
}

/** Code of an enum in the record that begins at `at`. */
export function codeOf({ offset, shift, mask }: Step, bytes: Uint8Array, at: number): number {
  const low = bytes[at + offset]!;
  // A field that continues into the next byte; none leaves its word.
  const high = mask << shift > 0xff ? bytes[at + offset + 1]! << 8 : 0;
  return ((low | high) >> shift) & mask;
}

/** The value of a number field, or a token, in the record at `record`. */
export function numberIn({ kind, offset }: Step, bytes: Uint8Array, view: DataView, record: number): number {
  const at = record + offset;
  switch (kind) {
    case "u8":
      return bytes[at]!;
    case "u16":
    case "token":
      return view.getUint16(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
    default:
      return view.getUint32(at, true);
  }
}

/** Bytes of a text in the record at `at`: zeros fill the rest of its slots. */
export function textBytes({ offset, tailBytes }: Step, bytes: Uint8Array, at: number): number {
  let length = tailBytes;
  while (length > 0 && bytes[at + offset + length - 1] === 0) length--;
  return length;
}
