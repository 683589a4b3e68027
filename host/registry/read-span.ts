/** `annotations.span` of an event: its part in a section of events that belong together. */
import type { Cursor, Mapping } from "./cursor.ts";
import { listed, shown } from "./mistakes.ts";
import type { SpanRole } from "./model.ts";
import { findRef, type Refs } from "./refs.ts";

const STEPS = ["begin", "ready", "inside", "end"] as const satisfies readonly SpanRole["step"][];

export function readSpan(annotations: Mapping, refs: Refs): SpanRole | undefined {
  const span = annotations.get("span")?.mapping(["keys", "step", "before_ready"]);
  if (!span) return undefined;
  const step = span.need("step", `add step: ${listed(STEPS, "or")}`)?.oneOf(STEPS);
  const keysAt = span.need("keys", "list the attributes that tell one span from another");
  const keys = keysAt ? readKeys(keysAt, refs) : [];
  const beforeAt = span.get("before_ready");
  if (beforeAt && step !== undefined && step !== "inside")
    beforeAt.mistake(
      "E_KEY",
      `before_ready says nothing with step: ${step}`,
      "leave it out; it goes with step: inside",
    );
  const beforeReady = beforeAt && readBeforeReady(beforeAt, refs);
  return step === undefined || keys.length === 0 ? undefined : { step, keys, beforeReady };
}

function readKeys(at: Cursor, refs: Refs): string[] {
  const list = at.list();
  const keys = new Set<string>();
  for (const each of list ?? []) {
    const ref = findRef(each, refs);
    if (!ref) continue;
    if (!ref.required)
      each.mistake(
        "E_REFERENCE",
        `${shown(ref.key)} is not required here`,
        "a span's keys stand in each of its events",
      );
    if (ref.draft.wire?.derived)
      each.mistake(
        "E_REFERENCE",
        `${shown(ref.key)} is from: ${ref.draft.wire.derived.from}`,
        "a span's keys are fields, whose values its events share",
      );
    if (keys.has(ref.key)) each.mistake("E_DUPLICATE", `${shown(ref.key)} is listed twice`, "leave one of them out");
    keys.add(ref.key);
  }
  if (list?.length === 0) at.mistake("E_MISSING", "has no key", "name one, for example the connection's number");
  const last = refs.byKey.get([...keys].at(-1) ?? "");
  if (last?.draft.type !== undefined && last.draft.type !== "int")
    at.mistake(
      "E_REFERENCE",
      `${shown(last.key)} is ${last.draft.type}, but the last key rises from span to span`,
      "put an int last",
    );
  return [...keys];
}

function readBeforeReady(at: Cursor, refs: Refs): SpanRole["beforeReady"] {
  const condition = at.mapping();
  if (!condition) return undefined;
  const [key, ...others] = condition.keys;
  if (key === undefined || others.length > 0)
    return at.mistake("E_VALUE", `has ${condition.keys.length} conditions`, "write one: { attribute: value }");
  const value = condition.get(key)?.text(true);
  const draft = refs.byKey.get(key)?.draft;
  if (value === undefined || (!draft && !refs.isWhole)) return undefined;
  if (!draft)
    return at.mistake("E_REFERENCE", `the event has no attribute ${shown(key)}`, "name an enum of this event");
  if (draft.type !== undefined && !draft.members.some((member) => member.value === value))
    return at.mistake(
      "E_REFERENCE",
      `${shown(key)} has no value ${shown(value)}`,
      "name a member of this event's enum",
    );
  return { key, value };
}
