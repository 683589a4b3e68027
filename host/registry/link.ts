/** Relations between attributes: shared fields, renames, rules. */
import type { Cursor } from "./cursor.ts";
import { listed, nearest, shown } from "./mistakes.ts";
import type { Attribute, EnumMember } from "./model.ts";
import type { AttributeDraft, MemberDraft } from "./read-attribute.ts";

export type AttributeDrafts = ReadonlyMap<string, AttributeDraft>;

/** The draft whose `wire` counts: that of `same_as`, else its own. Undefined after a mistake. */
export function sourceOf(draft: AttributeDraft, drafts: AttributeDrafts): AttributeDraft | undefined {
  const { sameAs } = draft.wire ?? {};
  const source = sameAs ? drafts.get(sameAs.key) : draft;
  return source?.wire?.sameAs ? undefined : source;
}

/** Returns attributes in the drafts' order. Contradictions between them are added as mistakes. */
export function linkAttributes(drafts: AttributeDrafts): Attribute[] {
  for (const draft of drafts.values()) {
    checkSource(draft, drafts);
    checkRename(draft, drafts);
    checkRule(draft, drafts);
  }
  checkCycles(drafts);
  return [...drafts.values()].map((draft) => finished(draft, drafts));
}

/** The draft that a reference names, or undefined after a mistake. */
export function find(drafts: AttributeDrafts, key: string, at: Cursor): AttributeDraft | undefined {
  const found = drafts.get(key);
  if (found) return found;
  const near = at.source.mistakes.isFull ? undefined : nearest(key, drafts.keys());
  const fix = near === undefined ? "define it under attributes" : `did you mean ${shown(near)}?`;
  return at.mistake("E_REFERENCE", `no attribute has the key ${shown(key)}`, fix);
}

const mayBeEmpty = ({ type, members }: AttributeDraft): boolean =>
  type === "string" || members.some(({ value }) => value === "");

function checkSource(draft: AttributeDraft, drafts: AttributeDrafts): void {
  const { sameAs } = draft.wire ?? {};
  if (!sameAs) return;
  const { at, absentWhenEmpty } = sameAs;
  const source = find(drafts, sameAs.key, at);
  if (!source?.wire) return;
  const name = shown(source.key);
  if (source.wire.sameAs) {
    at.mistake(
      "E_REFERENCE",
      `${name} has no field of its own`,
      `name the attribute that it is the same as, ${shown(source.wire.sameAs.key)}`,
    );
    return;
  }
  const { type } = draft;
  if (
    type !== undefined &&
    source.type !== undefined &&
    type !== source.type &&
    !(type === "string" && source.type === "enum")
  )
    at.mistake("E_REFERENCE", `${name} is ${source.type}, this is ${type}`, "give both the same type");
  if (absentWhenEmpty && !mayBeEmpty(source))
    at.mistake("E_REFERENCE", `${name} is never empty`, "leave out absent_when_empty");
  if (type === "enum" && source.type === "enum") checkMembers(draft.members, source, at, absentWhenEmpty);
}

function checkMembers(
  members: readonly MemberDraft[],
  source: AttributeDraft,
  at: Cursor,
  absentWhenEmpty: boolean,
): void {
  for (const member of members) {
    const same = source.members.find(({ value }) => value === member.value);
    if (!same) {
      member.at.mistake(
        "E_REFERENCE",
        `${shown(source.key)} has no member with the value ${shown(member.value)}`,
        "add it there, or leave it out here",
      );
    } else if (member.code !== undefined && same.code !== undefined && member.code !== same.code) {
      member.codeAt!.mistake(
        "E_VALUE",
        `code ${member.code} is ${same.code} in ${shown(source.key)}`,
        "leave the code out: it follows",
      );
    }
  }
  const values = new Set(members.map(({ value }) => value));
  const missing = source.members.filter(({ value }) => !values.has(value) && !(absentWhenEmpty && value === ""));
  if (missing.length > 0)
    at.mistake(
      "E_REFERENCE",
      `${shown(source.key)} has values that are missing here: ${listed(missing.map(({ value }) => shown(value)))}`,
      "add a member for each",
    );
}

function checkRename(draft: AttributeDraft, drafts: AttributeDrafts): void {
  if (!draft.renamedTo) return;
  const { key, at } = draft.renamedTo;
  const target = find(drafts, key, at);
  if (target?.type !== undefined && draft.type !== undefined && target.type !== draft.type)
    at.mistake(
      "E_REFERENCE",
      `${shown(key)} is ${target.type}, this is ${draft.type}`,
      "a rename keeps the type: use reason: obsoleted and say what to do",
    );
}

/** Reports each circle once, at its first attribute. */
function checkCycles(drafts: AttributeDrafts): void {
  const done = new Set<string>();
  for (const start of drafts.values()) {
    const way: string[] = [];
    const onWay = new Set<string>();
    let key: string | undefined = start.key;
    while (key !== undefined && !done.has(key) && !onWay.has(key)) {
      way.push(key);
      onWay.add(key);
      key = drafts.get(key)?.renamedTo?.key;
    }
    if (key !== undefined && onWay.has(key)) {
      const circle = way.slice(way.indexOf(key));
      const said = [...circle.slice(0, 5), ...(circle.length > 5 ? ["…"] : []), key].join(" → ");
      drafts
        .get(key)!
        .renamedTo!.at.mistake(
          "E_REFERENCE",
          `renamed in a circle: ${said}`,
          "one of them must be the last: leave its deprecated out",
        );
    }
    for (const each of way) done.add(each);
  }
}

function checkRule(draft: AttributeDraft, drafts: AttributeDrafts): void {
  if (!draft.rule) return;
  const { key, value, at } = draft.rule;
  const condition = find(drafts, key, at);
  if (condition?.type !== undefined) {
    if (condition.type !== "enum")
      at.mistake("E_REFERENCE", `${shown(key)} is ${condition.type}, a condition is an enum`, "name an enum");
    else if (!condition.members.some((member) => member.value === value))
      at.mistake(
        "E_REFERENCE",
        `${shown(key)} has no value ${shown(value)}`,
        `it has ${listed(condition.members.map((member) => shown(member.value)))}`,
      );
  }
  if (draft.type !== undefined && (draft.type !== "enum" || !mayBeEmpty(draft)))
    at.mistake(
      "E_REFERENCE",
      'an attribute with this rule is an enum with a member whose value is ""',
      "add the member",
    );
}

function finished(draft: AttributeDraft, drafts: AttributeDrafts): Attribute {
  const { key, type, said, rule, renamedTo, wire } = draft;
  const { brief, note, examples, stability, deprecated, otelName, otelNote, otelTarget } = said;
  const source = sourceOf(draft, drafts);
  const derived = source?.wire?.derived;
  const sameAs = derived ? undefined : wire?.sameAs;
  const maxBytes = source?.wire?.field?.maxBytes;
  return {
    key,
    type: type ?? "string",
    brief,
    note,
    examples,
    stability,
    deprecated,
    members: draft.members.map((member) => finishedMember(member, source)),
    from: derived?.from,
    value: derived?.value,
    sameAs: sameAs?.key,
    absentWhenEmpty: sameAs?.absentWhenEmpty || undefined,
    renamedTo: renamedTo?.key,
    least: source?.wire?.least,
    most: source?.wire?.most,
    maxBytes: maxBytes || undefined,
    emptyExactlyWhen: rule && { key: rule.key, value: rule.value },
    otelName,
    otelNote,
    otelTarget,
  };
}

function finishedMember(
  { value, code, id, brief, stability, deprecated }: MemberDraft,
  source: AttributeDraft | undefined,
): EnumMember {
  const sourceCode = source?.members.find((member) => member.value === value)?.code;
  return { id, value, brief, code: sourceCode ?? code ?? 0, stability, deprecated };
}
