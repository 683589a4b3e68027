/** Changes of attributes and of enum members. */
import type { ChangeList } from "./changes.ts";
import { diffOtel, diffStanding, diffWords } from "./diff-standing.ts";
import { shown } from "./mistakes.ts";
import type { Attribute, EnumMember, RegistryModel } from "./model.ts";

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
    if (!earlier.has(key)) list.minor(`attribute ${key}`, "is added", "nothing existing changes");
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
    list.forbidden(subject, `is ${after.type}, was ${before.type}`, "values in old traces have the old type", asNew);
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
      "readers rely on the other",
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
  // A first one is reported with the deprecation that it is part of.
  if (before.renamedTo === undefined || before.renamedTo === after.renamedTo) return;
  // a → b, then b → c: a → c says the same.
  let last: string | undefined = before.renamedTo;
  while (last !== undefined && last !== after.renamedTo) last = later.get(last)?.renamedTo;
  if (last === undefined)
    list.forbidden(
      subject,
      `was renamed to ${before.renamedTo}, which is no longer stated`,
      "lines could no longer be migrated as released versions do",
      `keep renamed_to: ${before.renamedTo}`,
    );
  else list.patch(subject, `is renamed to ${after.renamedTo}, as ${before.renamedTo} is`, "it leads to the same name");
}

function diffRule(before: Attribute, after: Attribute, list: ChangeList): void {
  const subject = `attribute ${before.key}`;
  const said = ({ emptyExactlyWhen: rule }: Attribute) =>
    rule && `empty exactly when ${rule.key} is ${shown(rule.value)}`;
  const [was, is] = [said(before), said(after)];
  if (was === is) return;
  if (is === undefined) list.minor(subject, `need no longer be ${was}`, "everything valid stays valid");
  else
    list.breaking(subject, `must be ${is}`, "valid events may become invalid", "let the devices follow the rule first");
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
      list.minor(`member ${after.key}.${member.id}`, "is added", "existing members keep their codes");
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
