import {
  RECORD_BOOT,
  RECORD_LOST,
  RECORD_SUPPRESSED,
  RECORD_TIME_JUMP,
  SLOT_BYTES,
  STREAM_DATA,
} from "../../src/ring/packet-layout.ts";
import { RESET_REASONS, RING_FATES } from "../packet/boot-record.ts";
import { bootIdDigits } from "../packet/packet.ts";
import type { Field, RecordType, RegistryModel } from "../registry/model.ts";

/** What a boot adds to the metadata; without it the text has only what the registry says. */
export interface CtfMetadataOptions {
  /** 0 <= bootId <= 2^53 - 1 */
  readonly bootId?: number;
  /** The reader's number, from 0. */
  readonly reader?: number;
  /** Names of tokens from 1 to 65,535; "" for one that is used and has no name. Treated as hostile. */
  readonly tokens?: ReadonlyMap<number, string>;
}

const SLOT_BITS = SLOT_BYTES * 8;
/** The event header, time and record type, ends here; fields begin here or later. */
const HEADER_END_BIT = 40;
/** Integers up to this size represent unused bits. */
const MOST_UNUSED_BITS = 32;

const INTERNAL_RECORDS: readonly { id: number; name: string; payload: Payload }[] = [
  { id: RECORD_LOST, name: "_lost", payload: { align: 32, declarations: ["u64 _count;"] } },
  { id: RECORD_TIME_JUMP, name: "_time_jump", payload: { align: 32, declarations: ["u64 _elapsedMs;"] } },
  {
    id: RECORD_BOOT,
    name: "_boot",
    payload: {
      align: 8,
      declarations: [
        ...[codes("reset", RESET_REASONS), codes("ring", RING_FATES)],
        ...["u8 _unused_56;", "u32 _keptEvents;", "u32 _givenUpEvents;"],
      ],
    },
  },
  { id: RECORD_SUPPRESSED, name: "_suppressed", payload: { align: 32, declarations: ["u64 _count;"] } },
];

/** An enum that only one record has: its values are declared there. */
function codes(field: string, values: readonly string[]): string {
  return `enum : u8 { ${values.map((value, code) => `${tsdlString(value)} = ${code}`).join(", ")} } _${field};`;
}

/** Declared where a registry uses them. */
const SOME_TYPES = [
  { type: "i32", tsdl: "typealias integer { size = 32; align = 8; signed = true; } := i32;" },
  { type: "f32", tsdl: "typealias floating_point { exp_dig = 8; mant_dig = 24; align = 8; } := f32;" },
  { type: "f64", tsdl: "typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := f64;" },
  {
    type: "bool",
    tsdl: 'enum bool : integer { size = 1; align = 1; signed = false; } { "false" = 0, "true" = 1 };',
  },
] as const;

/**
 * Returns CTF 1.8 metadata (TSDL) for the data packets of one boot and reader. The same arguments give the same text.
 * No name, whatever it contains, can leave its string: see tsdlString. Costs time and space linear in the tokens.
 */
export function ctfMetadata(model: RegistryModel, options: CtfMetadataOptions = {}): string {
  const identifiers = fieldIdentifiers(model);
  const enums = model.attributes.filter(({ members }) => members.length > 0);
  const fields = model.recordTypes.flatMap((type) => type.fields);
  const widths = new Map(fields.map((field) => [field.key, field.widthBits]));
  const tokens = [...(options.tokens ?? [])].sort(([a], [b]) => a - b);

  // No uuid in `trace`: readers merge traces with the same UUID, and would read every boot with the tokens of one.
  const out = [
    "/* CTF 1.8 */",
    "",
    ...[8, 16, 32, 64].map((size) => `typealias integer { size = ${size}; align = 8; signed = false; } := u${size};`),
    ...SOME_TYPES.filter(({ type }) => fields.some((field) => field.type === type)).map(({ tsdl }) => tsdl),
    "typealias integer { size = 8; align = 8; signed = false; encoding = UTF8; } := utf8;",
    "typealias integer { size = 64; align = 8; signed = false; base = 16; } := hex64;",
    "",
    "trace {",
    "  major = 1;",
    "  minor = 8;",
    "  byte_order = le;",
    "  packet.header := struct { u32 magic; u8 uuid[16]; u32 stream_id; };",
    "};",
    "",
    "env {",
    `  schemaVersion = ${tsdlString(model.schemaVersion)};`,
    `  registry = ${tsdlString(model.fingerprint)};`,
    ...(options.bootId === undefined ? [] : [`  boot_id = ${tsdlString(bootIdDigits(options.bootId))};`]),
    ...(options.reader === undefined ? [] : [`  reader = ${options.reader};`]),
    "};",
    "",
    "clock {",
    "  name = uptime;",
    '  description = "milliseconds since the device booted";',
    "  freq = 1000;",
    "};",
    "",
    "typealias integer { size = 32; align = 8; signed = false; map = clock.uptime.value; } := time32;",
    "typealias integer { size = 64; align = 8; signed = false; map = clock.uptime.value; } := time64;",
    "",
    "stream {",
    `  id = ${STREAM_DATA};`,
    `  event.header := struct { time32 timestamp; u8 id; } align(${SLOT_BITS});`,
    "  packet.context := struct {",
    "    time64 timestamp_begin;",
    "    time64 timestamp_end;",
    "    u32 content_size;",
    "    u32 packet_size;",
    "    u64 events_discarded;",
    "    u64 packet_seq_num;",
    "    hex64 boot_id;",
    "    u64 first_event_seq;",
    "    u32 reader;",
    "    u32 wire_format;",
    "    u32 ring_pending_slots;",
    "    u32 ring_capacity_slots;",
    "  };",
    "};",
    "",
    "enum token : u16 {",
    [[0, ""] as const, ...tokens].map(([token, name]) => `  ${tsdlString(name)} = ${token}`).join(",\n"),
    "};",
  ];
  for (const { key, members } of enums) {
    const width = widths.get(key);
    if (width === undefined) continue;
    out.push("", `enum ${identifiers.get(key)} : integer { size = ${width}; align = 1; signed = false; } {`);
    out.push(members.map(({ value, code }) => `  ${tsdlString(value)} = ${code}`).join(",\n"), "};");
  }
  const known = new Set(identifiers.keys());
  const related = (model.related?.recordTypes ?? []).map((type) => ({
    ...type,
    fields: type.fields.filter(({ key }) => known.has(key)),
  }));
  for (const type of [...model.recordTypes, ...related])
    out.push("", ...eventClass(type.id, type.event, payload(type, identifiers)));
  for (const { id, name, payload } of INTERNAL_RECORDS) out.push("", ...eventClass(id, name, payload));
  return `${out.join("\n")}\n`;
}

/**
 * Returns a string literal that stays one whatever the text is: everything but letters, digits and harmless punctuation
 * becomes octal escapes of its UTF-8, three digits each, so that no following character can become part of one.
 */
export function tsdlString(text: string): string {
  const escaped = text.replace(/[^ !#-)+-.0-[\]-~]/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join(""),
  );
  return `"${escaped}"`;
}

interface Payload {
  /** Alignment of the struct in bits: makes it begin where its first field is. */
  readonly align: number;
  readonly declarations: readonly string[];
}

function eventClass(id: number, name: string, { align, declarations }: Payload): string[] {
  return [
    "event {",
    `  name = ${tsdlString(name)};`,
    `  id = ${id};`,
    `  stream_id = ${STREAM_DATA};`,
    "  fields := struct {",
    ...declarations.map((declaration) => `    ${declaration}`),
    `  } align(${align});`,
    "};",
  ];
}

/**
 * Declares the fields of a record type at the registry's offsets. The struct's alignment gives the place of the first
 * field; bits that no alignment can skip become fields named unused_…, of which the bundled registry has none.
 */
function payload({ fields, slots }: RecordType, identifiers: ReadonlyMap<string, string>): Payload {
  const begin = fields[0]?.offsetBits ?? HEADER_END_BIT;
  const reaches = (align: number) => Math.ceil(HEADER_END_BIT / align) * align === begin;
  const align = [8, 16, 32, 64, 128].find(reaches);
  const declarations: string[] = [];
  let at = align === undefined ? HEADER_END_BIT : begin;

  function passOver(end: number): void {
    while (at < end) {
      const size = Math.min(end - at, MOST_UNUSED_BITS);
      declarations.push(`integer { size = ${size}; align = 1; signed = false; } _unused_${at};`);
      at += size;
    }
  }
  for (const field of fields) {
    passOver(field.offsetBits);
    declarations.push(declaration(field, identifiers.get(field.key)!));
    at = field.offsetBits + field.widthBits;
  }
  passOver(slots * SLOT_BITS); // the content of a packet ends with the last field, or readers look for another event
  return { align: align ?? 8, declarations };
}

function declaration({ type, widthBits }: Field, identifier: string): string {
  switch (type) {
    case "enum":
      return `enum ${identifier} ${identifier};`;
    case "token":
    case "bool":
      return `enum ${type} ${identifier};`;
    case "text":
      return `utf8 ${identifier}[${widthBits / 8}];`;
    default:
      return `${type} ${identifier};`;
  }
}

/** TSDL identifiers of the fields. Readers drop the leading `_`, which distinguishes keys from TSDL's keywords. */
function fieldIdentifiers(model: RegistryModel): Map<string, string> {
  const taken = new Set<string>();
  const identifiers = new Map<string, string>();
  const keys = new Set(model.recordTypes.flatMap(({ fields }) => fields).map(({ key }) => key));
  for (const { key } of model.attributes) {
    if (!keys.has(key)) continue;
    let identifier = `_${key.replace(/[^A-Za-z0-9_]/g, "_")}`;
    while (taken.has(identifier)) identifier += "_";
    taken.add(identifier);
    identifiers.set(key, identifier);
  }
  return identifiers;
}
