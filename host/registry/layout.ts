/** Record types: the places of their fields, and whether they cover everything that their event can have. */
import { FIRST_FIELD_BIT } from "../../src/ring/packet-layout.ts";
import type { Cursor } from "./cursor.ts";
import { type FieldDraft, MOST_RECORD_BITS, MOST_SLOTS, SLOT_BITS } from "./fields.ts";
import { type AttributeDrafts, sourceOf } from "./link.ts";
import { listed, shown } from "./mistakes.ts";
import type { Field, RecordType } from "./model.ts";
import { type EventDraft, MOST_RECORD_TYPES, type RecordTypeDraft } from "./read-event.ts";
import type { RefDraft, Refs } from "./refs.ts";

/** An attribute of an event with the field that it has in a record. */
interface Carried {
  /** Of the attribute that owns the field. */
  readonly key: string;
  readonly field: FieldDraft;
}

/** Record types of all events, by id. */
export function layOut(events: readonly EventDraft[], drafts: AttributeDrafts): RecordType[] {
  const ids = new Map<number, Cursor>();
  const clashes = new Set<string>();
  const types: RecordType[] = [];
  const withShorter: [type: RecordType, shorter: NonNullable<RecordTypeDraft["shorter"]>][] = [];
  for (const event of events) {
    for (const draft of event.recordTypes) {
      const same = ids.get(draft.id);
      if (same) {
        const fix = draft.at.source.mistakes.isFull ? "" : `the next free id is ${nextFreeId(events, drafts)}`;
        draft.at.mistake("E_DUPLICATE", `record type id ${draft.id} is already in line ${same.place.line}`, fix);
        // A registry with more has duplicate ids.
        if (ids.size === MOST_RECORD_TYPES) return types;
        continue;
      }
      ids.set(draft.id, draft.at);
      const type = layOutOne(event, draft, drafts, clashes);
      types.push(type);
      if (draft.shorter) withShorter.push([type, draft.shorter]);
    }
    if (event.isWhole) checkCovered(event, events, drafts);
  }
  for (const [type, shorter] of withShorter) types.push(...layOutShorter(type, shorter, ids, events, drafts));
  return types.sort((a, b) => a.id - b.id);
}

/** How many record types there are for texts that take fewer slots than the longest. */
function shorterCount({ carried, emptyText }: RecordTypeDraft, refs: Refs, drafts: AttributeDrafts): number {
  if (emptyText !== undefined) return 0;
  for (const ref of refs.byKey.values()) {
    const field = ref.required || carried.has(ref.key) ? carriedField(ref, drafts)?.field : undefined;
    if (field?.type === "text") return field.widthBits / SLOT_BITS - 1;
  }
  return 0;
}

/** The first of this many consecutive ids that no record type has. */
function nextFreeId(events: readonly EventDraft[], drafts: AttributeDrafts, count = 1): number | string {
  const used = new Set<number>();
  for (const { recordTypes, refs } of events)
    for (const draft of recordTypes) {
      used.add(draft.id);
      const { shorter } = draft;
      if (shorter) for (let nth = shorterCount(draft, refs, drafts); nth-- > 0; ) used.add(shorter.from + nth);
    }
  let free = 0;
  for (let id = 1; id <= MOST_RECORD_TYPES; id++) {
    free = used.has(id) ? 0 : free + 1;
    if (free === count) return id - count + 1;
  }
  return `none: a registry has ${MOST_RECORD_TYPES} at most`;
}

/** The same record type for a text of one tail slot, of two, and so on, up to one less than the longest takes. */
function layOutShorter(
  full: RecordType,
  { at, from }: NonNullable<RecordTypeDraft["shorter"]>,
  ids: Map<number, Cursor>,
  events: readonly EventDraft[],
  drafts: AttributeDrafts,
): RecordType[] {
  const text = full.fields.at(-1);
  const count = text?.type === "text" ? text.widthBits / SLOT_BITS - 1 : 0;
  if (!text || count < 1)
    return (
      at.mistake("E_RECORD_TYPE", "has no text of more than 16 bytes, which could be shorter", "leave it out") ?? []
    );
  const types: RecordType[] = [];
  for (let slots = 1; slots <= count; slots++) {
    const id = from + slots - 1;
    const same = ids.get(id);
    if (same || id > MOST_RECORD_TYPES) {
      const free = at.source.mistakes.isFull ? "" : nextFreeId(events, drafts, count);
      const what = same ? `is already in line ${same.place.line}` : "is more than a registry has";
      at.mistake(
        "E_DUPLICATE",
        `takes ${count} ids from ${from} on, and ${id} ${what}`,
        `the next ${count} free ids begin at ${free}`,
      );
      return [];
    }
    ids.set(id, at);
    const widthBits = slots * SLOT_BITS;
    types.push({
      ...full,
      id,
      slots: full.slots - count - 1 + slots,
      fields: [...full.fields.slice(0, -1), { ...text, widthBits, maxBytes: widthBits / 8 }],
      shorterThan: full.id,
    });
  }
  return types;
}

function carriedField(ref: RefDraft, drafts: AttributeDrafts): Carried | undefined {
  const source = sourceOf(ref.draft, drafts);
  return source?.wire?.field && { key: source.key, field: source.wire.field };
}

function layOutOne(
  event: EventDraft,
  draft: RecordTypeDraft,
  drafts: AttributeDrafts,
  clashes: Set<string>,
): RecordType {
  const byKey = new Map<string, FieldDraft>();
  for (const ref of event.refs.byKey.values()) {
    const carried = ref.required || draft.carried.has(ref.key) ? carriedField(ref, drafts) : undefined;
    if (carried) byKey.set(carried.key, carried.field);
  }
  const texts = [...byKey].filter(([, { type }]) => type === "text");
  if (texts.length > 1) {
    const names = listed(texts.map(([key]) => shown(key)));
    draft.at.mistake(
      "E_RECORD_TYPE",
      `carries the texts ${names}, a record has room for one`,
      "give each a record type of its own: at most one of them is required",
    );
  }
  const fields: Field[] = [];
  for (const [key, { type, offsetBits, widthBits }] of byKey)
    if (type !== "text" && offsetBits !== undefined) fields.push({ key, type, offsetBits, widthBits, maxBytes: 0 });
  fields.sort((a, b) => a.offsetBits - b.offsetBits);
  checkOverlaps(fields, byKey, event.name, clashes);
  const endBits = Math.max(FIRST_FIELD_BIT, ...fields.map((field) => field.offsetBits + field.widthBits));
  let slots = Math.ceil(endBits / SLOT_BITS);
  const [text] = texts;
  if (text) {
    const [key, field] = text;
    const isEmpty = draft.emptyText !== undefined;
    const offsetBits = isEmpty ? slots * SLOT_BITS : (field.offsetBits ?? slots * SLOT_BITS);
    const widthBits = isEmpty ? 0 : field.widthBits;
    checkText(key, field, offsetBits, endBits, slots, event.name, clashes);
    fields.push({ key, type: "text", offsetBits, widthBits, maxBytes: isEmpty ? 0 : field.maxBytes });
    slots = (offsetBits + widthBits) / SLOT_BITS;
  }
  const optionals = [...event.refs.byKey.values()].filter((ref) => draft.carried.has(ref.key)).map(({ key }) => key);
  return { id: draft.id, event: event.name, slots, fields, optionals };
}

/** Two attributes that overlap do so in every record with both: it is reported once. */
function checkOverlaps(
  fields: readonly Field[],
  drafts: ReadonlyMap<string, FieldDraft>,
  event: string,
  clashes: Set<string>,
): void {
  let before: Field | undefined;
  for (const field of fields) {
    if (before && field.offsetBits < before.offsetBits + before.widthBits) {
      const pair = `${before.key} ${field.key}`;
      const { at } = drafts.get(field.key)!;
      if (!clashes.has(pair) && !at.source.mistakes.isFull) {
        const free = nextFreePlace(field, fields);
        const none = "no place is left for it: leave one of the event's attributes out";
        const fix = free === undefined ? none : `the next free place is ${free}`;
        at.mistake("E_LAYOUT", `${bitsOf(field)} overlaps ${bitsOf(before)} in ${event}`, fix);
      }
      clashes.add(pair);
    }
    if (!before || field.offsetBits + field.widthBits > before.offsetBits + before.widthBits) before = field;
  }
}

function bitsOf({ key, offsetBits, widthBits }: Field): string {
  const last = offsetBits + widthBits - 1;
  return `${key} (${last > offsetBits ? `bits ${offsetBits} to ${last}` : `bit ${offsetBits}`})`;
}

/** The first place after the field's own, or else the first of all, where there is no other field. */
function nextFreePlace(field: Field, fields: readonly Field[]): number | undefined {
  const { widthBits } = field;
  const step = field.type === "enum" ? 1 : widthBits;
  const others = fields.filter((other) => other !== field);
  const isFree = (at: number) =>
    (widthBits > 32 || (at % 32) + widthBits <= 32) &&
    others.every((other) => at + widthBits <= other.offsetBits || other.offsetBits + other.widthBits <= at);
  const places: number[] = [];
  for (let at = Math.ceil(FIRST_FIELD_BIT / step) * step; at + widthBits <= MOST_RECORD_BITS; at += step)
    if (isFree(at)) places.push(at);
  return places.find((at) => at > field.offsetBits) ?? places[0];
}

function checkText(
  key: string,
  field: FieldDraft,
  offsetBits: number,
  endBits: number,
  slots: number,
  event: string,
  clashes: Set<string>,
): void {
  const said = `${key} ${event}`;
  if (clashes.has(said)) return;
  if (field.offsetBits !== undefined && field.offsetBits < endBits) {
    clashes.add(said);
    field.at.mistake(
      "E_LAYOUT",
      `a text is last, but fields of ${event} end at bit ${endBits}`,
      `the next free place is ${slots * SLOT_BITS}, or leave offset_bits out`,
    );
  } else if (offsetBits + field.widthBits > MOST_RECORD_BITS && !clashes.has(key)) {
    clashes.add(key);
    const left = (MOST_RECORD_BITS - offsetBits) / 8;
    field.at.mistake(
      "E_LAYOUT",
      `${field.maxBytes} bytes after the other fields of ${event} make a record of more than ${MOST_SLOTS} slots`,
      left > 0 ? `max_bytes can be ${left}` : "leave a field out",
    );
  }
}

/**
 * Every call of the event's writer has a record type: without the optional attributes, with each, with its text empty.
 */
function checkCovered(event: EventDraft, events: readonly EventDraft[], drafts: AttributeDrafts): void {
  const { recordTypes, recordTypesAt: at, name } = event;
  const refs = event.refs.byKey;
  const fieldOf = (key: string) => carriedField(refs.get(key)!, drafts);
  const isText = (key: string) => fieldOf(key)?.field.type === "text";
  const lacks = (what: string, entry: string) => {
    if (at.source.mistakes.isFull) return;
    at.mistake(
      "E_RECORD_TYPE",
      `no record type of ${name} is for ${what}`,
      `add { id: ${nextFreeId(events, drafts)}${entry} }`,
    );
  };

  const nameOf = (carried: ReadonlySet<string>, isEmpty: boolean) => `${[...carried].sort().join(" ")}|${isEmpty}`;
  const combinations = new Map<string, RecordTypeDraft>();
  for (const type of recordTypes) {
    const combination = nameOf(type.carried, type.emptyText !== undefined);
    const same = combinations.get(combination);
    if (same) type.at.mistake("E_DUPLICATE", `carries the same as record type ${same.id}`, "leave one of them out");
    else combinations.set(combination, type);
  }
  if (!combinations.has(nameOf(new Set(), false))) lacks("the event without optional attributes", "");

  const covered = new Set(recordTypes.flatMap((type) => [...type.carried]).map((key) => fieldOf(key)?.key));
  for (const { key, required, draft } of refs.values()) {
    const field = required || draft.wire?.sameAs?.absentWhenEmpty ? undefined : fieldOf(key);
    if (field && !covered.has(field.key)) lacks(`${shown(key)}, which is not required`, `, with: ${key}`);
  }

  const requiredText = [...refs.values()].find(({ key, required }) => required && isText(key))?.key;
  for (const { carried, emptyText } of combinations.values()) {
    const texts = [...carried].filter(isText);
    const text = emptyText ?? texts[0] ?? requiredText;
    // A record type with two texts has been reported already.
    if (text === undefined || texts.length > 1 || combinations.has(nameOf(carried, emptyText === undefined))) continue;
    const others = [...carried].filter((key) => key !== text);
    const together = others.length > 0 ? ` together with ${listed(others)}` : "";
    const keys = emptyText === undefined ? others : [...carried];
    const list = keys.length === 0 ? "" : `, with: ${keys.length === 1 ? keys[0] : `[${keys.join(", ")}]`}`;
    if (emptyText === undefined) lacks(`an empty ${shown(text)}${together}`, `${list}, with_empty: ${text}`);
    else lacks(`${shown(text)} that is not empty${together}`, list);
  }
}
