/** An event of the registry: its attributes, its record types, and its part in a span. */
import { FIRST_INTERNAL_RECORD_TYPE } from "../../src/ring/packet-layout.ts";
import type { Cursor } from "./cursor.ts";
import { type AttributeDrafts, sourceOf } from "./link.ts";
import { shown } from "./mistakes.ts";
import type { EventModel } from "./model.ts";
import { readName } from "./names.ts";
import { readAnnotations, readDeprecation, readStability } from "./read-attribute.ts";
import { readSpan } from "./read-span.ts";
import { findRef, type Known, type RefDraft, type Refs, readRefs } from "./refs.ts";

const EVENT_KEYS = [
  "name",
  "stability",
  "brief",
  "note",
  "attributes",
  "requirement_level",
  "entity_associations",
  "deprecated",
  "annotations",
];
export const MOST_RECORD_TYPES = FIRST_INTERNAL_RECORD_TYPE - 1;

export interface RecordTypeDraft {
  readonly at: Cursor;
  readonly id: number;
  /** Optional attributes of the record type, including the empty text. */
  readonly carried: ReadonlySet<string>;
  readonly emptyText: string | undefined;
  /** The first id of the record types for texts that take fewer slots. */
  readonly shorter: { readonly at: Cursor; readonly from: number } | undefined;
}

export interface EventDraft {
  readonly at: Cursor;
  readonly name: string;
  readonly refs: Refs;
  readonly recordTypes: readonly RecordTypeDraft[];
  readonly recordTypesAt: Cursor;
  /** False if it has a mistake: something that seems missing may be what the mistake meant. */
  readonly isWhole: boolean;
  readonly model: EventModel;
}

export function readEvent(at: Cursor, known: Known): EventDraft | undefined {
  const { mistakes } = at.source;
  const before = mistakes.count;
  const entry = at.mapping(EVENT_KEYS);
  if (!entry) return undefined;
  const nameAt = entry.need("name", "add the event's name");
  const name = readName(nameAt);
  const brief = entry.need("brief", "say in a sentence what happened")?.text() ?? "";
  const stability = readStability(entry, true);
  entry.text("note");
  const refs = readRefs(entry, known);
  const annotations = readAnnotations(entry);
  const otel = annotations?.get("otel")?.mapping(["name", "note"]);
  const wire = annotations?.need("wire", "add wire: { record_types: [{ id: 1 }] }")?.mapping(["record_types"]);
  const typesAt = wire?.need("record_types", "add record_types: [{ id: 1 }]");
  const recordTypes = typesAt ? readRecordTypes(typesAt, refs, known.drafts) : [];
  const model = {
    name: name ?? "",
    brief,
    stability,
    deprecated: readDeprecation(entry)?.reason,
    span: annotations && readSpan(annotations, refs),
    otelName: otel?.text("name"),
    otelNote: otel?.text("note"),
    attributes: [...refs.byKey.values()].map(({ key, required }) => ({ key, required })),
  };
  const isWhole = mistakes.count === before;
  if (!nameAt || name === undefined) return undefined;
  return { at: nameAt, name, refs, recordTypes, recordTypesAt: typesAt ?? at, isWhole, model };
}

function readRecordTypes(at: Cursor, refs: Refs, drafts: AttributeDrafts): RecordTypeDraft[] {
  const list = at.list();
  if (list?.length === 0) at.mistake("E_MISSING", "has no record type", "add { id: 1 }, with an id that no other has");
  if (list && list.length > MOST_RECORD_TYPES)
    at.mistake("E_RECORD_TYPE", `has ${list.length} record types`, `a registry has ${MOST_RECORD_TYPES} at most`);
  return (list ?? []).slice(0, MOST_RECORD_TYPES).flatMap((each) => readRecordType(each, refs, drafts) ?? []);
}

function readRecordType(at: Cursor, refs: Refs, drafts: AttributeDrafts): RecordTypeDraft | undefined {
  const entry = at.mapping(["id", "with", "with_empty", "shorter_from"]);
  if (!entry) return undefined;
  const idAt = entry.need("id", "add id: the number that records of this type carry");
  const id = idAt?.integer(1, MOST_RECORD_TYPES);
  const carried = new Set<string>();
  const withAt = entry.get("with");
  for (const each of (withAt?.isList ? withAt.list() : withAt && [withAt]) ?? []) {
    const ref = findRef(each, refs);
    if (!ref) continue;
    checkCarried(each, ref, drafts);
    if (carried.has(ref.key)) each.mistake("E_DUPLICATE", `${shown(ref.key)} is listed twice`, "leave one of them out");
    carried.add(ref.key);
  }
  const emptyAt = entry.get("with_empty");
  const empty = emptyAt && findRef(emptyAt, refs);
  if (emptyAt && empty) {
    checkEmpty(emptyAt, empty, drafts);
    if (carried.has(empty.key))
      emptyAt.mistake("E_DUPLICATE", `${shown(empty.key)} is already in with`, "leave it out there");
    if (!empty.required) carried.add(empty.key);
  }
  const shorterAt = entry.get("shorter_from");
  const from = shorterAt?.integer(1, MOST_RECORD_TYPES);
  if (!idAt || id === undefined || (emptyAt && !empty) || (shorterAt && from === undefined)) return undefined;
  const shorter = shorterAt && from !== undefined ? { at: shorterAt, from } : undefined;
  return { at: idAt, id, carried, emptyText: empty?.key, shorter };
}

function checkCarried(at: Cursor, { key, required, draft }: RefDraft, drafts: AttributeDrafts): void {
  const { sameAs } = draft.wire ?? {};
  const source = sourceOf(draft, drafts);
  let why: string | undefined;
  if (required) why = "is required, so every record type carries it";
  else if (sameAs?.absentWhenEmpty) why = `follows from ${shown(sameAs.key)}`;
  else if (source?.wire && !source.wire.field) why = "is not a field of a record";
  if (why !== undefined) at.mistake("E_RECORD_TYPE", `${shown(key)} ${why}`, "leave it out here");
}

function checkEmpty(at: Cursor, { key, draft }: RefDraft, drafts: AttributeDrafts): void {
  const source = sourceOf(draft, drafts);
  if (!source?.wire || source.wire.field?.type === "text") return;
  const fix = "with_empty names an attribute whose wire type is text or ip";
  at.mistake("E_RECORD_TYPE", `${shown(key)} is not a text`, fix);
}
