import { createHash } from "node:crypto";
import { LineCounter, parseDocument } from "yaml";
import { FIRST_FIELD_BIT, FIRST_INTERNAL_RECORD_TYPE, SLOT_BYTES } from "../../src/packet-layout.ts";
import { TelemetryError } from "../errors.ts";
import type {
  Attribute,
  DerivedFrom,
  EnumMember,
  EventModel,
  Field,
  FieldType,
  RecordType,
  RegistryModel,
} from "./model.ts";

const DERIVED: readonly DerivedFrom[] = ["event_name", "time", "sequence", "schema_version", "schema_url"];
const WIDTH_BITS: Readonly<Record<string, number>> = { u8: 8, u16: 16, u32: 32, token: 16 };
const SLOT_BITS = SLOT_BYTES * 8;

type Path = readonly (string | number)[];
type Fields = Record<string, unknown>;

/**
 * Reads a registry in Weaver's definition/2 syntax and settles its layout.
 * Throws TelemetryError E_REGISTRY_FILE with file, line, column, rule and value.
 */
export function loadRegistry(text: string, file: string): RegistryModel {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });

  function fail(path: Path, message: string): never {
    let range: [number, number, number] | null | undefined;
    for (let depth = path.length; depth >= 0 && !range; depth--) {
      const node = document.getIn(path.slice(0, depth), true) as
        | { range?: [number, number, number] | null }
        | undefined;
      range = node?.range;
    }
    const { line, col } = lines.linePos(range?.[0] ?? 0);
    throw new TelemetryError(
      "E_REGISTRY_FILE",
      `${file}:${line}:${col}: ${path.length > 0 ? `${path.join(".")}: ` : ""}${message}`,
      1,
    );
  }

  const syntaxError = document.errors[0];
  if (syntaxError) {
    const { line, col } = lines.linePos(syntaxError.pos[0]);
    throw new TelemetryError("E_REGISTRY_FILE", `${file}:${line}:${col}: not valid YAML: ${syntaxError.message}`, 1);
  }

  function fieldsAt(value: unknown, path: Path): Fields {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      fail(path, `must be a mapping, is ${JSON.stringify(value)}`);
    return value as Fields;
  }
  function listAt(value: unknown, path: Path): unknown[] {
    if (!Array.isArray(value)) fail(path, `must be a list, is ${JSON.stringify(value)}`);
    return value;
  }
  function textAt(value: unknown, path: Path): string {
    if (typeof value !== "string") fail(path, `must be a string, is ${JSON.stringify(value)}`);
    return value;
  }
  function integerAt(value: unknown, path: Path, least: number, most: number): number {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      fail(path, `must be an integer from ${least} to ${most}, is ${JSON.stringify(value)}`);
    return value as number;
  }
  function annotationsAt(holder: Fields, path: Path, name: string): Fields {
    const annotations = holder.annotations === undefined ? {} : fieldsAt(holder.annotations, [...path, "annotations"]);
    return annotations[name] === undefined ? {} : fieldsAt(annotations[name], [...path, "annotations", name]);
  }

  let parsed: unknown;
  try {
    parsed = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    fail([], `not usable YAML: ${(error as Error).message}; write values out instead of aliases`);
  }
  const root = fieldsAt(parsed, []);
  if (root.file_format !== "definition/2")
    fail(["file_format"], `must be definition/2, is ${JSON.stringify(root.file_format)}`);

  let schemaVersion: string | undefined;
  const wires = new Map<string, { type: FieldType; offsetBits: number; widthBits: number; maxBytes: number }>();

  const attributes = listAt(root.attributes, ["attributes"]).map((value, index): Attribute => {
    const path = ["attributes", index];
    const holder = fieldsAt(value, path);
    const key = textAt(holder.key, [...path, "key"]);
    const wire = annotationsAt(holder, path, "wire");
    const wirePath = [...path, "annotations", "wire"];
    const otel = annotationsAt(holder, path, "otel");
    const members = membersAt(holder.type, [...path, "type"]);
    const type = members.length > 0 ? "enum" : textAt(holder.type, [...path, "type"]);
    if (type !== "int" && type !== "string" && type !== "enum")
      fail([...path, "type"], `must be int, string or members, is ${JSON.stringify(type)}`);

    let from: DerivedFrom | undefined;
    let fixed: string | undefined;
    let maxBytes: number | undefined;
    if (wire.from !== undefined) {
      from = DERIVED.find((known) => known === wire.from);
      if (!from) fail([...wirePath, "from"], `must be one of ${DERIVED.join(", ")}, is ${JSON.stringify(wire.from)}`);
      if (from === "schema_version" || from === "schema_url") fixed = textAt(wire.value, [...wirePath, "value"]);
      if (from === "schema_version") schemaVersion = fixed;
    } else if (wire.type === "text") {
      maxBytes = integerAt(wire.max_bytes, [...wirePath, "max_bytes"], 1, 112);
      const tailBytes = Math.ceil(maxBytes / SLOT_BYTES) * SLOT_BYTES;
      wires.set(key, { type: "text", offsetBits: SLOT_BITS, widthBits: tailBytes * 8, maxBytes });
    } else {
      const wireType = textAt(wire.type, [...wirePath, "type"]);
      const widthBits =
        wireType === "enum" ? integerAt(wire.width_bits, [...wirePath, "width_bits"], 1, 8) : WIDTH_BITS[wireType];
      if (!widthBits)
        fail([...wirePath, "type"], `must be u8, u16, u32, enum, token or text, is ${JSON.stringify(wireType)}`);
      const offsetBits = integerAt(
        wire.offset_bits,
        [...wirePath, "offset_bits"],
        FIRST_FIELD_BIT,
        SLOT_BITS - widthBits,
      );
      if (wireType !== "enum" && offsetBits % widthBits !== 0)
        fail([...wirePath, "offset_bits"], `must be a multiple of ${widthBits}, is ${offsetBits}`);
      if (Math.floor(offsetBits / 32) !== Math.floor((offsetBits + widthBits - 1) / 32))
        fail(
          [...wirePath, "offset_bits"],
          `the field must not cross a 32-bit word, is ${widthBits} bits at ${offsetBits}`,
        );
      for (const member of members)
        if (member.code >= 2 ** widthBits)
          fail(wirePath, `code ${member.code} of ${JSON.stringify(member.value)} does not fit ${widthBits} bits`);
      wires.set(key, { type: wireType as FieldType, offsetBits, widthBits, maxBytes: 0 });
    }

    const rule = annotationsAt(holder, path, "rules").empty_exactly_when;
    const [condition] = rule === undefined ? [] : Object.entries(fieldsAt(rule, [...path, "annotations", "rules"]));
    return {
      key,
      type,
      brief: textAt(holder.brief, [...path, "brief"]),
      note: holder.note === undefined ? "" : textAt(holder.note, [...path, "note"]),
      examples: (holder.examples as (string | number)[] | undefined) ?? [],
      members,
      from,
      value: fixed,
      maxBytes,
      emptyExactlyWhen: condition && {
        key: condition[0],
        value: textAt(condition[1], [...path, "annotations", "rules"]),
      },
      otelName: otel.name === undefined ? "" : textAt(otel.name, [...path, "annotations", "otel", "name"]),
      otelNote: otel.note === undefined ? "" : textAt(otel.note, [...path, "annotations", "otel", "note"]),
    };
  });

  function membersAt(value: unknown, path: Path): EnumMember[] {
    if (value === null || typeof value !== "object") return [];
    return listAt((value as Fields).members, [...path, "members"]).map((entry, index) => {
      const memberPath = [...path, "members", index];
      const member = fieldsAt(entry, memberPath);
      return {
        id: textAt(member.id, [...memberPath, "id"]),
        value: textAt(member.value, [...memberPath, "value"]),
        brief: textAt(member.brief, [...memberPath, "brief"]),
        code: integerAt(
          annotationsAt(member, memberPath, "wire").code,
          [...memberPath, "annotations", "wire", "code"],
          0,
          255,
        ),
      };
    });
  }

  const byKey = new Map(attributes.map((attribute) => [attribute.key, attribute]));
  if (byKey.size !== attributes.length) fail(["attributes"], "an attribute key stands twice");
  if (schemaVersion === undefined) fail(["attributes"], "no attribute has wire: { from: schema_version, value: … }");

  const recordTypes: RecordType[] = [];
  const events = listAt(root.events, ["events"]).map((value, index): EventModel => {
    const path = ["events", index];
    const holder = fieldsAt(value, path);
    const name = textAt(holder.name, [...path, "name"]);
    const refs = listAt(holder.attributes, [...path, "attributes"]).map((entry, position) => {
      const refPath = [...path, "attributes", position];
      const ref = fieldsAt(entry, refPath);
      const key = textAt(ref.ref, [...refPath, "ref"]);
      if (!byKey.has(key)) fail([...refPath, "ref"], `no attribute has the key ${JSON.stringify(key)}`);
      return { key, required: ref.requirement_level === "required" };
    });
    const typesPath = [...path, "annotations", "wire", "record_types"];
    listAt(annotationsAt(holder, path, "wire").record_types, typesPath).forEach((entry, position) => {
      const type = fieldsAt(entry, [...typesPath, position]);
      const how = type.with_empty === undefined ? "with" : "with_empty";
      const optional = type[how] === undefined ? undefined : textAt(type[how], [...typesPath, position, how]);
      if (optional !== undefined && !refs.some(({ key, required }) => key === optional && !required))
        fail([...typesPath, position, how], `${JSON.stringify(optional)} is not an optional attribute of ${name}`);
      const fields = refs
        .filter(({ key, required }) => (required || key === optional) && wires.has(key))
        .map(({ key }): Field => {
          const wire = wires.get(key)!;
          if (how === "with" || key !== optional) return { key, ...wire };
          if (wire.type !== "text") fail([...typesPath, position, how], `${JSON.stringify(key)} is no text`);
          return { key, ...wire, widthBits: 0, maxBytes: 0 };
        })
        .sort((a, b) => a.offsetBits - b.offsetBits);
      let endBits = FIRST_FIELD_BIT;
      for (const field of fields) {
        if (field.offsetBits < endBits) fail([...typesPath, position], `${field.key} overlaps the field before it`);
        endBits = field.offsetBits + field.widthBits;
      }
      recordTypes.push({
        id: integerAt(type.id, [...typesPath, position, "id"], 1, FIRST_INTERNAL_RECORD_TYPE - 1),
        event: name,
        slots: Math.max(1, Math.ceil(endBits / SLOT_BITS)),
        fields,
        optionals: optional === undefined ? [] : [optional],
      });
    });
    return { name, brief: textAt(holder.brief, [...path, "brief"]), attributes: refs };
  });
  recordTypes.sort((a, b) => a.id - b.id);
  recordTypes.forEach((type, index) => {
    if (recordTypes[index + 1]?.id === type.id) fail(["events"], `record type id ${type.id} stands twice`);
  });

  return { schemaVersion, fingerprint: fingerprintOf(recordTypes, byKey), attributes, events, recordTypes };
}

/** A hash over all that the bytes of a record mean, shaped as an RFC 9562 version 8 UUID; 32 hex digits. */
function fingerprintOf(recordTypes: readonly RecordType[], attributes: ReadonlyMap<string, Attribute>): string {
  const layout = recordTypes.map(({ id, event, slots, fields }) => [
    id,
    event,
    slots,
    fields.map(({ key, type, offsetBits, widthBits, maxBytes }) => [
      key,
      type,
      offsetBits,
      widthBits,
      maxBytes,
      attributes.get(key)!.members.map(({ code, value }) => [code, value]),
    ]),
  ]);
  const bytes = createHash("sha256")
    .update(JSON.stringify(["xs-telemetry wire format 1", layout]))
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex");
}
