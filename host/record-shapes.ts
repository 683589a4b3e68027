import { MAX_TOKEN_BYTES, SLOT_BYTES } from "../src/packet-layout.ts";
import { MOST_DIGITS, MOST_ESCAPE_BYTES, type Piece, pieceOf, SPARE_BYTES } from "./json-output.ts";
import type { FieldType, RecordType, RegistryModel } from "./registry/model.ts";

/** One attribute of a record type: where its value stands, and what precedes it in a JSON line. */
export interface Step {
  readonly key: string;
  readonly kind: "time" | "sequence" | FieldType;
  /** From the record's first byte. */
  readonly offset: number;
  /** Enum: its lowest bit in that byte, and as many ones as it has bits. */
  readonly shift: number;
  readonly mask: number;
  /** Enum: JSON of its values, by code. */
  readonly jsonValues: readonly (Piece | undefined)[];
  /** Text: most bytes, and bytes of its tail slots. */
  readonly maxBytes: number;
  readonly tailBytes: number;
  /** Key, punctuation, and the constants before it. */
  readonly prefix: Piece;
}

/** "`key` is empty exactly when `condition` has `value`", in codes. */
export interface Rule {
  readonly enumeration: Step;
  readonly emptyCode: number;
  readonly condition: Step | undefined;
  readonly conditionCode: number;
  readonly text: string;
}

/** What stands behind the last attribute of a JSON line, as if it were an attribute without a value. */
export interface End {
  readonly kind: "end";
  readonly offset: 0;
  readonly prefix: Piece;
}

/**
 * Enums and tokens that stand next to each other in a JSON line, within one word of the head slot, and the line's end if it
 * follows. They take few values, so the JSON of all of them is remembered by that word.
 */
export interface Run {
  readonly kind: "run";
  /** Of the word, from the record's first byte. */
  readonly offset: number;
  /** Empty: each of the steps has its own. */
  readonly prefix: Piece;
  readonly steps: (Step | End)[];
  /** Bits of the word that are theirs. */
  mask: number;
  /** By the word's bits that are theirs. */
  readonly known: Map<number, Piece>;
}

export interface Shape {
  readonly type: RecordType;
  readonly bytes: number;
  /** Bits of the head slot's words 1 to 3 that must be 0. */
  readonly unused: readonly number[];
  /** Attributes that bytes can make wrong. */
  readonly fallible: readonly Step[];
  readonly rules: readonly Rule[];
  /** All attributes but constants, in order. */
  readonly steps: readonly Step[];
  /** The same and the line's end, as they are written. */
  readonly parts: readonly (Step | Run | End)[];
  /** No JSON line of this record type is longer. */
  readonly mostLineBytes: number;
}

/** What decoding a record type needs, settled once. */
export function prepare(type: RecordType, model: RegistryModel): Shape {
  const attributes = new Map(model.attributes.map((attribute) => [attribute.key, attribute]));
  const event = model.events.find(({ name }) => name === type.event)!;
  const steps: Step[] = [];
  let pending = "{"; // JSON since the last step's value
  let mostLineBytes = 0;
  for (const { key } of event.attributes) {
    const { from, members, value } = attributes.get(key)!;
    const field = type.fields.find((candidate) => candidate.key === key);
    if (from === undefined && field === undefined) continue; // optional, and not in this record type
    pending += `${pending === "{" ? "" : ","}${JSON.stringify(key)}:`;
    if (from === "event_name" || from === "schema_version" || from === "schema_url") {
      pending += JSON.stringify(from === "event_name" ? type.event : (value ?? model.schemaVersion));
      continue;
    }
    const jsonValues: (Piece | undefined)[] = [];
    for (const { code, value } of members) jsonValues[code] = pieceOf(JSON.stringify(value));
    const { offsetBits = 0, widthBits = 0, maxBytes = 0 } = field ?? {};
    const kind = from ?? field!.type;
    const tailBytes = kind === "text" ? widthBits / 8 : 0;
    const prefix = pieceOf(pending);
    pending = "";
    steps.push({
      key,
      kind,
      offset: offsetBits >> 3,
      shift: offsetBits & 7,
      mask: 2 ** Math.min(widthBits, 8) - 1,
      jsonValues,
      maxBytes,
      tailBytes,
      prefix,
    });
    const mostJson = jsonValues.reduce((most, value) => Math.max(most, value?.bytes ?? 0), MOST_DIGITS);
    const mostText = kind === "token" ? MAX_TOKEN_BYTES : tailBytes;
    mostLineBytes += prefix.bytes + mostJson + mostText * MOST_ESCAPE_BYTES;
  }
  const suffix = pieceOf(`${pending}}\n`);
  return {
    type,
    bytes: type.slots * SLOT_BYTES,
    unused: unusedBits(type),
    fallible: steps.filter(({ kind }) => kind === "enum" || kind === "text"),
    rules: steps.flatMap((step) => {
      const rule = attributes.get(step.key)!.emptyExactlyWhen;
      if (!rule) return [];
      const code = (key: string, value: string) =>
        attributes.get(key)!.members.find((member) => member.value === value)?.code;
      return {
        enumeration: step,
        emptyCode: code(step.key, "") ?? -1,
        condition: steps.find(({ key }) => key === rule.key),
        conditionCode: code(rule.key, rule.value) ?? -1,
        text: `${step.key} is "" exactly when ${rule.key} is ${JSON.stringify(rule.value)}`,
      };
    }),
    steps,
    parts: partsOf(steps, type, suffix),
    mostLineBytes: mostLineBytes + suffix.bytes + SPARE_BYTES,
  };
}

function partsOf(steps: readonly Step[], { fields }: RecordType, suffix: Piece): (Step | Run | End)[] {
  const parts: (Step | Run | End)[] = [];
  for (const step of steps) {
    const { offsetBits = 0, widthBits = 0 } = fields.find(({ key }) => key === step.key) ?? {};
    const word = offsetBits >> 5;
    const isWithinWord = offsetBits + widthBits <= (word + 1) * 32;
    if ((step.kind !== "enum" && step.kind !== "token") || !isWithinWord) {
      parts.push(step);
      continue;
    }
    let run = parts.at(-1);
    if (run?.kind !== "run" || run.offset !== word * 4) {
      run = { kind: "run", offset: word * 4, prefix: pieceOf(""), steps: [], mask: 0, known: new Map() };
      parts.push(run);
    }
    run.steps.push(step);
    run.mask |= (2 ** widthBits - 1) << (offsetBits & 31);
  }
  const last = parts.at(-1);
  (last?.kind === "run" ? last.steps : parts).push({ kind: "end", offset: 0, prefix: suffix });
  return parts;
}

function unusedBits(type: RecordType): number[] {
  const unused = [0xffffff00 | 0, -1, -1]; // the record type is in the lowest byte of word 1
  for (const { offsetBits, widthBits } of type.fields)
    for (let bit = offsetBits; bit < Math.min(offsetBits + widthBits, SLOT_BYTES * 8); bit++)
      unused[(bit >> 5) - 1]! &= ~(1 << (bit & 31));
  return unused;
}

/** Code of an enum in the record that begins at `at`. */
export function codeOf({ offset, shift, mask }: Step, bytes: Uint8Array, at: number): number {
  const low = bytes[at + offset]!;
  // A field that runs on into the next byte; none leaves the head slot.
  const high = mask << shift > 0xff ? bytes[at + offset + 1]! << 8 : 0;
  return ((low | high) >> shift) & mask;
}
