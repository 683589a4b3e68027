/** Loads a registry in Weaver's definition/2 syntax as a model, or finds all mistakes in it. */
import { Cursor, type Mapping } from "./cursor.ts";
import { fingerprintsOf } from "./fingerprint.ts";
import { layOut } from "./layout.ts";
import { linkAttributes } from "./link.ts";
import { listed, type Mistake, MistakeList, mistakesError, type Place, shown } from "./mistakes.ts";
import type { Attribute, DerivedFrom, RecordType, RegistryModel } from "./model.ts";
import { bareName, NameSpace } from "./names.ts";
import { type AttributeDraft, readAttribute } from "./read-attribute.ts";
import { type EventDraft, readEvent } from "./read-event.ts";
import { ALWAYS, type Known } from "./refs.ts";
import { YamlSource } from "./yaml-source.ts";

const ROOT_KEYS = ["file_format", "attributes", "events"];
/** Weaver's keys for other kinds of telemetry: ignored. */
const OTHER_ROOT_KEYS = [
  "attribute_groups",
  "entities",
  "entity_refinements",
  "event_refinements",
  "imports",
  "metric_refinements",
  "metrics",
  "span_refinements",
  "spans",
];

export interface RegistryRead {
  /** Undefined if there are mistakes. */
  readonly model?: RegistryModel | undefined;
  /** By place; the first hundred. */
  readonly mistakes: readonly Mistake[];
  /** Including those that are not listed. */
  readonly mistakeCount: number;
  /** Where each subject of a Change is defined, and "version", "attributes", "events". */
  readonly places: ReadonlyMap<string, Place>;
}

/**
 * Reads a registry, determines its layout, and reports every mistake in it. `file` is for messages. Never throws,
 * whatever the text; takes a second and about 200 MB at worst, for hostile text of the greatest length.
 */
export function readRegistry(text: string, file: string): RegistryRead {
  const mistakes = new MistakeList();
  const source = new YamlSource(file, mistakes);
  const root = source.read(text);
  const places = new Map<string, Place>();
  const model = root && readModel(new Cursor(source, root), places);
  const isGood = mistakes.count === 0;
  return { model: isGood ? model : undefined, mistakes: mistakes.kept, mistakeCount: mistakes.count, places };
}

/** The same, as a model. Throws TelemetryError E_REGISTRY_FILE, exit code 1, that lists the mistakes. */
export function loadRegistry(text: string, file: string): RegistryModel {
  const { model, mistakes, mistakeCount } = readRegistry(text, file);
  if (!model) throw mistakesError(mistakes, mistakeCount);
  return model;
}

function readModel(at: Cursor, places: Map<string, Place>): RegistryModel | undefined {
  const root = at.mapping([...ROOT_KEYS, ...OTHER_ROOT_KEYS]);
  if (!root) return undefined;
  root.need("file_format", "begin the file with file_format: definition/2")?.oneOf(["definition/2"]);
  const drafts = readAttributes(root);
  const attributes = linkAttributes(drafts);
  const derived = findDerived(root, drafts, attributes);
  const events = readEvents(root, { drafts, derived });
  const recordTypes = layOut(events, drafts);
  checkConstants(attributes, drafts);
  checkWriters(recordTypes, events);
  checkSpans(events);
  notePlaces(root, drafts.values(), events, derived, places);
  for (const { id, shorterThan } of recordTypes) {
    const place = places.get(`record type ${shorterThan}`);
    if (place) places.set(`record type ${id}`, place);
  }
  const byKey = new Map(attributes.map((attribute) => [attribute.key, attribute]));
  const version = byKey.get(derived.get("schema_version") ?? "")?.value;
  if (version === undefined || at.source.mistakes.count > 0) return undefined;
  return {
    schemaVersion: version,
    ...fingerprintsOf(recordTypes, byKey),
    attributes,
    events: events.map(({ model }) => model),
    recordTypes,
  };
}

function notePlaces(
  root: Mapping,
  drafts: Iterable<AttributeDraft>,
  events: readonly EventDraft[],
  derived: ReadonlyMap<DerivedFrom, string>,
  places: Map<string, Place>,
): void {
  for (const section of ["attributes", "events"]) places.set(section, root.keyAt(section).place);
  for (const { key, at, members, wire } of drafts) {
    places.set(`attribute ${key}`, at.place);
    for (const member of members) places.set(`member ${key}.${member.id}`, member.at.place);
    if (wire && derived.get("schema_version") === key) places.set("version", wire.at.place);
  }
  for (const { name, at, recordTypes } of events) {
    places.set(`event ${name}`, at.place);
    for (const type of recordTypes) places.set(`record type ${type.id}`, type.at.place);
  }
}

function readAttributes(root: Mapping): Map<string, AttributeDraft> {
  const names = new NameSpace("attribute");
  const drafts = new Map<string, AttributeDraft>();
  for (const each of root.need("attributes", "list the attributes")?.list() ?? []) {
    const draft = readAttribute(each);
    if (draft && names.add(draft.key, draft.at, draft.renamedTo?.key)) drafts.set(draft.key, draft);
  }
  names.checkNamespaces();
  return drafts;
}

function readEvents(root: Mapping, known: Known): EventDraft[] {
  const names = new NameSpace("event");
  const events: EventDraft[] = [];
  const at = root.need("events", "list the events");
  const list = at?.list() ?? [];
  if (at?.isList && list.length === 0) at.mistake("E_MISSING", "has no event", "add one");
  for (const each of list) {
    const event = readEvent(each, known);
    if (event && names.add(event.name, event.at)) events.push(event);
  }
  names.checkNamespaces();
  return events;
}

/** The attribute for each origin: one, not counting deprecated ones. */
function findDerived(
  root: Mapping,
  drafts: ReadonlyMap<string, AttributeDraft>,
  attributes: readonly Attribute[],
): Map<DerivedFrom, string> {
  const derived = new Map<DerivedFrom, string>();
  for (const { key, from, deprecated } of attributes) {
    if (from === undefined || deprecated !== undefined) continue;
    const same = derived.get(from);
    if (same === undefined) derived.set(from, key);
    else
      drafts
        .get(key)!
        .wire!.at.mistake(
          "E_DUPLICATE",
          `${shown(same)} is from: ${from} too`,
          "leave one of them out, or deprecate it",
        );
  }
  const at = root.get("attributes");
  const isWhole = [...drafts.values()].every(({ wire }) => wire);
  for (const from of ALWAYS) {
    if (!at || !isWhole || derived.has(from)) continue;
    const missing = from === "schema_version" ? '{ from: schema_version, value: "1.0.0" }' : `{ from: ${from} }`;
    at.mistake(
      "E_MISSING",
      `no attribute is from: ${from}, which every event carries`,
      `add one with wire: ${missing}`,
    );
  }
  return derived;
}

/** Each member's code has a constant, named after the attribute's key and the member's id. */
function checkConstants(attributes: readonly Attribute[], drafts: ReadonlyMap<string, AttributeDraft>): void {
  const constants = new Map<string, string>();
  for (const { key, members, sameAs } of attributes) {
    if (sameAs !== undefined) continue;
    members.forEach(({ id }, index) => {
      const constant = bareName(key + id);
      const same = constants.get(constant);
      if (same !== undefined && same !== key)
        drafts
          .get(key)!
          .members[index]!.at.mistake(
            "E_NAME",
            `${shown(key)} with ${shown(id)} makes the same constant as a member of ${shown(same)}`,
            "rename one of them",
          );
      constants.set(constant, key);
    });
  }
}

/** Each record type has a name, made of the names of its event and its optional attributes. */
function checkWriters(recordTypes: readonly RecordType[], events: readonly EventDraft[]): void {
  const at = new Map(events.flatMap(({ recordTypes }) => recordTypes.map((type) => [type.id, type] as const)));
  const names = new Map<string, RecordType>();
  for (const type of recordTypes) {
    if (type.shorterThan !== undefined) continue;
    const draft = at.get(type.id)!;
    const empty = draft.emptyText === undefined ? [] : ["empty"];
    const name = bareName([type.event, ...empty, ...type.optionals].join(""));
    const same = names.get(name);
    const isTwin = same?.event === type.event && same.optionals.join() === type.optionals.join();
    // Two with the same content have been reported already.
    if (same && !isTwin) {
      const others = listed([same.event, ...same.optionals].map(shown));
      draft.at.mistake(
        "E_NAME",
        `makes the same name as record type ${same.id} (${others})`,
        "rename an event or attribute",
      );
    } else names.set(name, type);
  }
}

/** A span that never begins contains nothing. */
function checkSpans(events: readonly EventDraft[]): void {
  const keysOf = ({ model }: EventDraft) => model.span?.keys.join(" ");
  const begun = new Set(events.filter(({ model }) => model.span?.step === "begin").map(keysOf));
  for (const event of events) {
    const keys = keysOf(event);
    if (keys === undefined || begun.has(keys)) continue;
    begun.add(keys);
    event.at.mistake(
      "E_REFERENCE",
      `no event begins its span of ${listed(event.model.span!.keys)}`,
      "give one of them step: begin with the same keys",
    );
  }
}
