/** Changes of what is defined: attributes, enum members, events. */
import type { ChangeList } from "./diff.ts";
import { listed, shown } from "./mistakes.ts";
import type { Attribute, EnumMember, EventModel, RegistryModel, Stability } from "./model.ts";
import { STABILITIES } from "./read-attribute.ts";

export function diffAttributes(a: RegistryModel, b: RegistryModel, list: ChangeList): void {
  const later = new Map(b.attributes.map((attribute) => [attribute.key, attribute]));
  const earlier = new Set(a.attributes.map(({ key }) => key));
  for (const before of a.attributes) {
    const after = later.get(before.key);
    const subject = `attribute ${before.key}`;
    if (after) diffAttribute(before, after, later, list);
    else
      list.forbidden(
        subject,
        "is gone",
        "traces and packets that have it can no longer be read",
        "keep it, with deprecated: { reason: … }",
      );
  }
  for (const { key } of b.attributes)
    if (!earlier.has(key)) list.minor(`attribute ${key}`, "is added", "nothing that was there changes");
}

function diffAttribute(
  before: Attribute,
  after: Attribute,
  later: ReadonlyMap<string, Attribute>,
  list: ChangeList,
): void {
  const subject = `attribute ${before.key}`;
  const asNew = "add an attribute with another name, and deprecate this one";
  if (before.type !== after.type)
    list.forbidden(subject, `is ${after.type}, was ${before.type}`, "values of old traces are of the old type", asNew);
  if (originOf(before) !== originOf(after))
    list.forbidden(
      subject,
      `its value is ${originOf(after)}, was ${originOf(before)}`,
      "the same packets would have other values",
      asNew,
    );
  if (before.absentWhenEmpty !== after.absentWhenEmpty)
    list.breaking(
      subject,
      after.absentWhenEmpty ? "is absent when it is empty" : "is there when it is empty",
      "whoever reads it counts on the other",
      "say so in the changelog",
    );
  diffRename(before, after, later, list);
  diffRule(before, after, list);
  diffStanding(subject, before, after, list);
  diffOtel(subject, before, after, list);
  diffWords(subject, before, after, list);
  diffMembers(before, after, list);
}

const originOf = ({ from, sameAs, key }: Attribute): string =>
  from !== undefined ? `from: ${from}` : sameAs === undefined ? `the field ${key}` : `that of ${sameAs}`;

function diffRename(
  before: Attribute,
  after: Attribute,
  later: ReadonlyMap<string, Attribute>,
  list: ChangeList,
): void {
  const subject = `attribute ${before.key}`;
  // A first one is told with the deprecation that it is part of.
  if (before.renamedTo === undefined || before.renamedTo === after.renamedTo) return;
  // a → b, then b → c: a → c says the same.
  let last: string | undefined = before.renamedTo;
  while (last !== undefined && last !== after.renamedTo) last = later.get(last)?.renamedTo;
  if (last === undefined)
    list.forbidden(
      subject,
      `was renamed to ${before.renamedTo}, which is no longer said`,
      "lines could not be migrated on the way that released versions go",
      `keep renamed_to: ${before.renamedTo}`,
    );
  else list.patch(subject, `is renamed to ${after.renamedTo}, as ${before.renamedTo} is`, "it comes to the same name");
}

function diffRule(before: Attribute, after: Attribute, list: ChangeList): void {
  const subject = `attribute ${before.key}`;
  const said = ({ emptyExactlyWhen: rule }: Attribute) =>
    rule && `empty exactly when ${rule.key} is ${shown(rule.value)}`;
  const [was, is] = [said(before), said(after)];
  if (was === is) return;
  if (is === undefined) list.minor(subject, `need no longer be ${was}`, "what was valid still is");
  else
    list.breaking(
      subject,
      `must be ${is}`,
      "events that were valid may not be",
      "let the devices follow the rule first",
    );
}

interface Standing {
  readonly stability?: Stability | undefined;
  readonly deprecated?: string | undefined;
  readonly renamedTo?: string | undefined;
}

/** What stands there for people. */
interface Words {
  readonly brief: string;
  readonly note?: string;
  readonly examples?: readonly unknown[];
  readonly otelNote?: string | undefined;
}

function diffWords(subject: string, before: Words, after: Words, list: ChangeList): void {
  const changed: string[] = [];
  if (before.brief !== after.brief) changed.push("brief");
  if (before.note !== after.note) changed.push("note");
  if (JSON.stringify(before.examples) !== JSON.stringify(after.examples)) changed.push("examples");
  if ((before.otelNote ?? "") !== (after.otelNote ?? "")) changed.push("note on OpenTelemetry");
  if (changed.length > 0) list.patch(subject, `other words in ${listed(changed)}`);
}

/** Stability and deprecation. */
function diffStanding(subject: string, before: Standing, after: Standing, list: ChangeList): void {
  if (before.deprecated !== after.deprecated && before.deprecated === undefined)
    list.minor(
      subject,
      after.renamedTo === undefined
        ? `is deprecated (${after.deprecated})`
        : `is deprecated: renamed to ${after.renamedTo}`,
      "it can still be read",
    );
  else if (before.deprecated !== after.deprecated)
    list.patch(
      subject,
      after.deprecated === undefined ? "is no longer deprecated" : `is deprecated as ${after.deprecated}`,
    );
  const [was, is] = [before.stability, after.stability];
  if (was === is || was === undefined || is === undefined) return;
  if (STABILITIES.indexOf(is) > STABILITIES.indexOf(was))
    list.patch(subject, `is ${is}, was ${was}`, "it promises more");
  else if (is === "deprecated" && after.deprecated !== undefined) return;
  else
    list.forbidden(
      subject,
      `is ${is}, was ${was}`,
      "a promise that was given is taken back",
      is === "deprecated" ? "say with deprecated: { reason: … } what takes its place" : `leave stability: ${was}`,
    );
}

function diffOtel(
  subject: string,
  before: Pick<EventModel, "otelName">,
  after: Pick<EventModel, "otelName">,
  list: ChangeList,
): void {
  const [was, is] = [before.otelName ?? "", after.otelName ?? ""];
  if (was !== is && was !== "")
    list.breaking(
      subject,
      is === "" ? `has no OpenTelemetry name, was ${was}` : `its OpenTelemetry name is ${is}, was ${was}`,
      "what is exported has another name from then on",
      "let dashboards and alerts look for both names before",
    );
  else if (was !== is) list.minor(subject, `has the OpenTelemetry name ${is}`, "it had none");
}

function diffMembers(before: Attribute, after: Attribute, list: ChangeList): void {
  const later = new Map(after.members.map((member) => [member.value, member]));
  const codes = new Map(after.members.map((member) => [member.code, member]));
  for (const member of before.members) {
    const same = later.get(member.value);
    if (same) diffMember(`member ${before.key}.${member.id}`, member, same, list);
    else if (before.type === after.type)
      goneMember(`member ${before.key}.${member.id}`, member, codes.get(member.code), list);
  }
  const earlier = new Set(before.members.map(({ value }) => value));
  for (const member of after.members)
    if (!earlier.has(member.value) && before.type === after.type)
      list.minor(`member ${after.key}.${member.id}`, "is added", "what was there keeps its code");
}

function goneMember(
  subject: string,
  { value, code }: EnumMember,
  taken: EnumMember | undefined,
  list: ChangeList,
): void {
  const what = taken
    ? `code ${code} means ${shown(taken.value)}, was ${shown(value)}`
    : `the value ${shown(value)} is gone`;
  const why = taken ? "devices in the field send that code with the old meaning" : "devices in the field send it";
  list.forbidden(subject, what, why, taken ? `give ${shown(taken.value)} a code of its own` : "keep it, deprecated");
}

function diffMember(subject: string, before: EnumMember, after: EnumMember, list: ChangeList): void {
  if (before.code !== after.code)
    list.forbidden(
      subject,
      `its code is ${after.code}, was ${before.code}`,
      "devices in the field send the old code",
      `keep code: ${before.code}`,
    );
  if (before.id !== after.id)
    list.breaking(
      subject,
      `its id is ${after.id}`,
      "generated constants have another name, so programs that use them no longer compile",
      "rename them there",
    );
  diffWords(subject, before, after, list);
  diffStanding(subject, before, after, list);
}

export function diffEvents(a: RegistryModel, b: RegistryModel, list: ChangeList): void {
  const later = new Map(b.events.map((event) => [event.name, event]));
  const earlier = new Set(a.events.map(({ name }) => name));
  const renames = new Map(b.attributes.map(({ key, renamedTo }) => [key, renamedTo]));
  for (const before of a.events) {
    const after = later.get(before.name);
    if (after) diffEvent(before, after, renames, list);
    else
      list.forbidden(
        `event ${before.name}`,
        "is gone",
        "traces and packets that have it can no longer be read",
        "keep it, with deprecated: { reason: … }",
      );
  }
  for (const { name } of b.events)
    if (!earlier.has(name)) list.minor(`event ${name}`, "is added", "nothing that was there changes");
}

function diffEvent(
  before: EventModel,
  after: EventModel,
  renames: ReadonlyMap<string, string | undefined>,
  list: ChangeList,
): void {
  const subject = `event ${before.name}`;
  const carried = new Map(after.attributes.map((each) => [each.key, each]));
  const matched = new Set<string>();
  for (const { key, required } of before.attributes) {
    const now = renamed(key, carried, renames);
    const same = now === undefined ? undefined : carried.get(now);
    if (now === undefined || !same) {
      list.forbidden(
        subject,
        `no longer carries ${key}`,
        "whoever reads it finds nothing, and lines cannot be migrated back",
        "keep it, or rename it: deprecated: { reason: renamed, renamed_to: … }",
      );
      continue;
    }
    matched.add(now);
    if (now !== key)
      list.breaking(
        subject,
        `${key} is called ${now}`,
        "whoever reads it looks for the old name",
        "`xs-telemetry migrate` rewrites traces",
      );
    if (required !== same.required)
      list.breaking(
        subject,
        `${now} is ${same.required ? "required, was optional" : "optional, was required"}`,
        same.required ? "events of devices in the field may not have it" : "whoever reads it counts on it",
        required ? "keep it required" : "keep it optional",
      );
  }
  for (const { key, required } of after.attributes)
    if (!matched.has(key))
      list.minor(subject, `carries ${key}, ${required ? "required" : "optional"}`, "what was there is there as before");
  const order = (event: EventModel) =>
    event.attributes
      .map(({ key }) => renamed(key, carried, renames))
      .filter((key) => key !== undefined && matched.has(key));
  if (order(before).join(" ") !== order(after).join(" "))
    list.patch(subject, "its attributes have another order", "JSON says nothing with the order of keys");
  diffWords(subject, before, after, list);
  if (JSON.stringify(roleOf(before, carried, renames)) !== JSON.stringify(roleOf(after, carried, renames)))
    list.minor(subject, "is another step of a span, or of another span", "sequence checks judge it anew");
  diffStanding(subject, before, after, list);
  diffOtel(subject, before, after, list);
}

/** The name under which the event carries the attribute, if it does. */
function renamed(
  key: string,
  carried: ReadonlyMap<string, unknown>,
  renames: ReadonlyMap<string, string | undefined>,
): string | undefined {
  let name: string | undefined = key;
  while (name !== undefined && !carried.has(name)) name = renames.get(name);
  return name;
}

/** The span's step with names as the later version has them. */
function roleOf(
  { span }: EventModel,
  carried: ReadonlyMap<string, unknown>,
  renames: ReadonlyMap<string, string | undefined>,
): unknown {
  const name = (key: string) => renamed(key, carried, renames) ?? key;
  const { step, keys, beforeReady } = span ?? {};
  return span && [step, keys?.map(name), beforeReady && [name(beforeReady.key), beforeReady.value]];
}
