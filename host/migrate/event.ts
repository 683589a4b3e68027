/** Moves one event, as the members of its line, by one step between schema versions. */

import { quote, quotedList, visible } from "../text/lines.ts";
import { stringOf } from "./json-members.ts";
import type { DroppedAttribute, EventStep, MigrationStep } from "./steps.ts";

/** JSON values in their spelling, by attribute. */
export type Members = ReadonlyMap<string, string>;

/** Why a line is not written. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly attribute?: string;
}

/**
 * Returns the event after the step: attributes in the target registry's order, undeclared ones after them. Or returns
 * why it cannot be migrated without loss.
 */
export function migrateEvent({ from, to, eventKey, events }: MigrationStep, members: Members): Members | Refusal {
  const name = stringOf(members.get(eventKey));
  const step = events.get(name ?? "");
  if (step !== undefined)
    return refusalOf(step, members, from.schemaVersion, to.schemaVersion) ?? afterStep(step, members);
  const value = members.get(eventKey);
  const isKnown = from.events.some((event) => event.name === name);
  const { schemaVersion, events: allowed } = isKnown ? to : from;
  const expected = `expected one of ${quotedList(allowed.map((event) => event.name))} in ${schemaVersion}`;
  if (value === undefined)
    return { code: "E_MISSING", message: `${eventKey} is missing, ${expected}`, attribute: eventKey };
  const code = name === undefined ? "E_TYPE" : "E_EVENT";
  return { code, message: `${eventKey} is ${shown(value)}, ${expected}`, attribute: eventKey };
}

function refusalOf(step: EventStep, members: Members, from: string, to: string): Refusal | undefined {
  return lossOf(step, members, to) ?? clashOf(step, members, from, to) ?? gapOf(step, members, to);
}

/** A value that the target lacks, or has no place for. */
function lossOf(step: EventStep, members: Members, to: string): Refusal | undefined {
  for (const dropped of step.dropped) {
    const { key, sameAs, json } = dropped;
    const value = members.get(key);
    if (value === undefined || isMadeAgain(dropped, value, members)) continue;
    const lost = `${key} is ${shown(value)}, and would be lost: ${to} does not have it`;
    const other = sameAs === undefined ? json && shown(json) : `what ${sameAs} is`;
    const wayOut = other === undefined ? "remove it first" : `expected ${other}`;
    return { code: "E_LOST", message: `${lost}: ${wayOut}`, attribute: key };
  }
  for (const { key, origin, unknownValues } of step.attributes) {
    if (origin.kind !== "attribute" || unknownValues.size === 0) continue;
    const value = members.get(origin.key);
    if (!unknownValues.has(stringOf(value) as string)) continue;
    const message = `${origin.key} is ${shown(value!)}, a value that ${key} cannot have in ${to}`;
    return { code: "E_LOST", message, attribute: origin.key };
  }
  return undefined;
}

/** An undeclared attribute that has the name of one of the target's. */
function clashOf(step: EventStep, members: Members, from: string, to: string): Refusal | undefined {
  for (const key of members.keys()) {
    if (step.declared.has(key) || !step.targetKeys.has(key)) continue;
    const message = `${step.event} does not declare ${key} in ${from}, but has an attribute of that name in ${to}: rename or remove it`;
    return { code: "E_CLASH", message, attribute: key };
  }
  return undefined;
}

/**
 * An attribute that the target requires, and the source does not require or have. If the line already lacks it, nothing
 * is lost.
 */
function gapOf(step: EventStep, members: Members, to: string): Refusal | undefined {
  for (const { key, isRequired, origin, isEmptyWhenAbsent } of step.attributes) {
    if (!isRequired || isEmptyWhenAbsent || origin.kind === "constant") continue;
    if (origin.kind === "attribute" && (members.has(origin.key) || step.required.has(origin.key))) continue;
    const message = `${step.event} requires ${key} in ${to}, and this line has nothing to make it from`;
    return { code: "E_MISSING", message, attribute: key };
  }
  return undefined;
}

function isMadeAgain({ sameAs, json }: DroppedAttribute, value: string, members: Members): boolean {
  const other = json ?? members.get(sameAs ?? "");
  if (other === value) return true;
  const text = stringOf(value);
  return text !== undefined && text === stringOf(other);
}

function afterStep(step: EventStep, members: Members): Members {
  const after = new Map<string, string>();
  for (const { key, origin, isAbsentWhenEmpty, isEmptyWhenAbsent } of step.attributes) {
    if (origin.kind === "none") continue;
    const value = origin.kind === "constant" ? origin.json : members.get(origin.key);
    if (value === undefined && isEmptyWhenAbsent) after.set(key, '""');
    else if (value !== undefined && !(isAbsentWhenEmpty && value === '""')) after.set(key, value);
  }
  for (const [key, value] of members) if (!step.declared.has(key)) after.set(key, value);
  return after;
}

/** A JSON value for a message: it may be as long as the line. */
export function shown(value: string): string {
  const text = stringOf(value);
  return text !== undefined ? quote(text) : visible(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
