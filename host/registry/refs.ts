/** The attributes that an event refers to. */
import type { Cursor, Mapping } from "./cursor.ts";
import { type AttributeDrafts, find, sourceOf } from "./link.ts";
import { listed, nearest, shown } from "./mistakes.ts";
import type { DerivedFrom } from "./model.ts";
import type { AttributeDraft } from "./read-attribute.ts";

const REF_KEYS = ["ref", "requirement_level", "brief", "note", "examples", "stability", "deprecated", "annotations"];
const LEVELS = ["required", "recommended", "opt_in"] as const;
const CONDITIONS = ["conditionally_required", "recommended", "opt_in"];
/** Attributes that every event has by itself. */
export const ALWAYS = ["event_name", "time", "sequence", "schema_version"] as const satisfies readonly DerivedFrom[];

/** The existing attributes, and the key of the one for each origin. */
export interface Known {
  readonly drafts: AttributeDrafts;
  readonly derived: ReadonlyMap<DerivedFrom, string>;
}

export interface RefDraft {
  readonly at: Cursor;
  readonly key: string;
  readonly required: boolean;
  readonly draft: AttributeDraft;
}

export interface Refs {
  /** In the registry's order. */
  readonly byKey: ReadonlyMap<string, RefDraft>;
  /** False if one of them has a mistake: something that seems missing may be what the mistake meant. */
  readonly isWhole: boolean;
}

export function readRefs(entry: Mapping, known: Known): Refs {
  const at = entry.need("attributes", "list the attributes that the event carries: - ref: …");
  const byKey = new Map<string, RefDraft>();
  const list = at?.list();
  let isWhole = list !== undefined;
  for (const each of list ?? []) {
    const ref = readRef(each, known.drafts);
    const same = ref && byKey.get(ref.key);
    if (!ref) isWhole = false;
    else if (same) {
      const line = same.at.place.line;
      ref.at.mistake("E_DUPLICATE", `${shown(ref.key)} is already in line ${line}`, "leave one of them out");
    } else {
      byKey.set(ref.key, ref);
      checkAbsence(ref);
    }
  }
  const refs = { byKey, isWhole };
  if (at) checkOrigins(at, refs, known);
  return refs;
}

/** The attribute that a value in the event names, or undefined after a mistake. */
export function findRef(at: Cursor, refs: Refs): RefDraft | undefined {
  const key = at.text();
  if (key === undefined) return undefined;
  const ref = refs.byKey.get(key);
  if (ref || !refs.isWhole || at.source.mistakes.isFull) return ref;
  const near = nearest(key, refs.byKey.keys());
  const fix = near === undefined ? "list it among the event's attributes" : `did you mean ${shown(near)}?`;
  return at.mistake("E_REFERENCE", `the event has no attribute ${shown(key)}`, fix);
}

function readRef(at: Cursor, drafts: AttributeDrafts): RefDraft | undefined {
  if (at.isMapping && at.mapping()?.get("ref_group"))
    return at.mistake("E_KEY", "ref_group is not read here", "list the group's attributes by ref");
  const entry = at.mapping(REF_KEYS);
  const refAt = entry?.need("ref", "name an attribute's key");
  const key = refAt?.text();
  const levelAt = entry?.get("requirement_level");
  const required = levelAt?.isMapping ? readCondition(levelAt) : levelAt?.oneOf(LEVELS) === "required";
  if (!refAt || key === undefined) return undefined;
  const draft = find(drafts, key, refAt);
  return draft && { at: refAt, key, required, draft };
}

/** `{ conditionally_required: when }`: optional, like every level but "required". */
function readCondition(at: Cursor): false {
  const entry = at.mapping(CONDITIONS)!;
  const fix = "write { conditionally_required: when }";
  if (entry.keys.length !== 1) at.mistake("E_VALUE", `must have one of ${listed(CONDITIONS, "or")}`, fix);
  for (const key of entry.keys) entry.get(key)?.text();
  return false;
}

function checkAbsence({ at, key, required, draft }: RefDraft): void {
  if (!required || !draft.wire?.sameAs?.absentWhenEmpty) return;
  at.mistake(
    "E_VALUE",
    `${shown(key)} is absent when it is empty, so it is not required`,
    "write requirement_level: recommended",
  );
}

/** An attribute that is not a field is in every event, required, and once. */
function checkOrigins(at: Cursor, { byKey, isWhole }: Refs, { drafts, derived }: Known): void {
  const origins = new Map<DerivedFrom, string>();
  for (const { at, key, required, draft } of byKey.values()) {
    const from = sourceOf(draft, drafts)?.wire?.derived?.from;
    if (from === undefined) continue;
    const same = origins.get(from);
    origins.set(from, key);
    // Two that are both in use are reported where they are defined.
    const isNamed = draft.said.deprecated === undefined && derived.get(from) !== key;
    if (same !== undefined && !isNamed)
      at.mistake("E_DUPLICATE", `${shown(same)} is from: ${from} too`, "leave one of them out");
    if (!required)
      at.mistake("E_VALUE", `${shown(key)} is in every event, so it is required`, "write requirement_level: required");
  }
  if (!isWhole) return;
  for (const from of ALWAYS) {
    // What the whole registry lacks is reported once, there.
    const key = derived.get(from);
    if (key === undefined || origins.has(from)) continue;
    const fix = `add { ref: ${key}, requirement_level: required }`;
    at.mistake("E_MISSING", `has no attribute from: ${from}, which every event carries`, fix);
  }
}
