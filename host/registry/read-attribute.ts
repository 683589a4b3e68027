/** An attribute of the registry, and the enum members in it. */
import type { Cursor, Mapping } from "./cursor.ts";
import { readWire, type Wire } from "./fields.ts";
import { listed, nearest, shown } from "./mistakes.ts";
import type { Attribute, Deprecation, EnumMember, OtelTarget, Stability } from "./model.ts";
import { NameSpace, readId, readName } from "./names.ts";

const ATTRIBUTE_KEYS = ["key", "type", "stability", "brief", "note", "examples", "deprecated", "annotations"];
const MEMBER_KEYS = ["id", "value", "stability", "brief", "note", "deprecated", "annotations"];
/** Ours; other tools may have theirs beside them. */
const ANNOTATIONS = ["wire", "rules", "otel", "span"];
const TYPES = ["int", "double", "boolean", "string"] as const;
/** From the least binding to the most. */
export const STABILITIES = [
  "deprecated",
  "development",
  "alpha",
  "beta",
  "release_candidate",
  "stable",
] as const satisfies readonly Stability[];
const TARGETS = ["attribute", "log_record", "scope", "resource"] as const satisfies readonly OtelTarget[];
const DEPRECATIONS = ["renamed", "obsoleted", "uncategorized", "unspecified"] as const satisfies readonly Deprecation[];

export interface MemberDraft extends Omit<EnumMember, "code"> {
  readonly at: Cursor;
  readonly codeAt: Cursor | undefined;
  /** Undefined if another attribute's member states it. */
  readonly code: number | undefined;
}

export interface AttributeDraft {
  readonly at: Cursor;
  readonly key: string;
  /** Undefined after a mistake. */
  readonly type: Attribute["type"] | undefined;
  readonly members: readonly MemberDraft[];
  readonly wire: Wire | undefined;
  readonly rule: { readonly key: string; readonly value: string; readonly at: Cursor } | undefined;
  readonly renamedTo: { readonly key: string; readonly at: Cursor } | undefined;
  /** Everything that it states by itself. */
  readonly said: Pick<
    Attribute,
    "brief" | "note" | "examples" | "stability" | "deprecated" | "otelName" | "otelNote" | "otelTarget"
  >;
}

export function readAttribute(at: Cursor): AttributeDraft | undefined {
  const entry = at.mapping(ATTRIBUTE_KEYS);
  if (!entry) return undefined;
  const keyAt = entry.need("key", "add the attribute's name");
  const key = readName(keyAt);
  const typeAt = entry.need("type", `add type: ${listed([...TYPES, "{ members: … }"], "or")}`);
  const membersAt = typeAt?.isMapping ? typeAt.mapping(["members"])?.need("members", "list them") : undefined;
  const type = typeAt?.isMapping ? "enum" : typeAt?.oneOf(TYPES);
  const annotations = readAnnotations(entry);
  const wireAt = annotations?.need("wire", "add wire: { type: … }, { from: … } or { same_as: … }");
  const otel = annotations?.get("otel")?.mapping(["name", "note", "target"]);
  const wire = wireAt && readWire(wireAt, type);
  const deprecation = readDeprecation(entry);
  const members = membersAt ? readMembers(membersAt, wire) : [];
  const brief = entry.need("brief", "say in a sentence what it means")?.text();
  const said = {
    brief: brief ?? "",
    note: entry.text("note", ""),
    examples: readExamples(entry.get("examples"), type),
    stability: readStability(entry, true),
    deprecated: deprecation?.reason,
    otelName: otel?.text("name", "") ?? "",
    otelNote: otel?.text("note", "") ?? "",
    otelTarget: otel?.get("target")?.oneOf(TARGETS),
  };
  if (!keyAt || key === undefined) return undefined;
  return { at: keyAt, key, type, members, wire, rule: readRule(annotations), renamedTo: deprecation?.renamedTo, said };
}

/** Of an attribute, event or member. A key that resembles one of ours is a typing mistake. */
export function readAnnotations(entry: Mapping): Mapping | undefined {
  const at = entry.need("annotations", "add annotations: { wire: … }");
  const annotations = at?.mapping();
  for (const name of annotations?.keys ?? []) {
    const near = ANNOTATIONS.includes(name) ? undefined : nearest(name, ANNOTATIONS);
    if (near)
      annotations!.keyAt(name).mistake("E_KEY", `unknown annotation ${shown(name)}`, `did you mean ${shown(near)}?`);
  }
  return annotations;
}

export function readStability(entry: Mapping, isNeeded: boolean): Stability | undefined {
  const at = isNeeded ? entry.need("stability", "add stability: development, or stable") : entry.get("stability");
  return at?.oneOf(STABILITIES);
}

export function readDeprecation(
  entry: Mapping,
): { reason: Deprecation | undefined; renamedTo: AttributeDraft["renamedTo"] } | undefined {
  const deprecated = entry.get("deprecated")?.mapping(["reason", "renamed_to", "note"]);
  if (!deprecated) return undefined;
  const reason = deprecated.need("reason", `add reason: ${listed(DEPRECATIONS, "or")}`)?.oneOf(DEPRECATIONS);
  deprecated.text("note");
  if (reason !== "renamed") {
    if (reason !== undefined) deprecated.need("note", "say what to use instead");
    return { reason, renamedTo: undefined };
  }
  const at = deprecated.need("renamed_to", "name its replacement");
  const key = at?.text();
  return { reason, renamedTo: at && key !== undefined ? { key, at } : undefined };
}

function readMembers(at: Cursor, wire: Wire | undefined): MemberDraft[] {
  const list = at.list() ?? [];
  if (at.isList && list.length === 0) at.mistake("E_MISSING", "has no members", "add one, or make the type string");
  const ids = new NameSpace("member");
  const values = new Set<string>();
  const codes = new Map<number, MemberDraft>();
  const members: MemberDraft[] = [];
  const bits = wire?.field?.type === "enum" ? wire.field.widthBits : undefined;
  for (const each of list) {
    const member = readMember(each, wire?.sameAs === undefined);
    if (!member || !ids.add(member.id, member.at)) continue;
    if (values.has(member.value))
      member.at.mistake("E_DUPLICATE", `a second member has the value ${shown(member.value)}`, "leave one of them out");
    values.add(member.value);
    const { code, codeAt } = member;
    if (code !== undefined && codeAt) {
      const same = codes.get(code);
      if (same)
        codeAt.mistake(
          "E_DUPLICATE",
          `code ${code} is that of ${same.id} too`,
          `the next free code is ${nextFree(codes)}`,
        );
      else codes.set(code, member);
      if (bits !== undefined && code >= 2 ** bits)
        codeAt.mistake(
          "E_LAYOUT",
          `code ${code} of ${shown(member.value)} does not fit ${bits} bits`,
          `set width_bits to ${Math.floor(Math.log2(code)) + 1} in a registry that is not released, or use a code up to ${2 ** bits - 1}`,
        );
    }
    members.push(member);
  }
  return members;
}

const nextFree = (codes: ReadonlyMap<number, unknown>): number => {
  let code = 0;
  while (codes.has(code)) code++;
  return code;
};

function readMember(at: Cursor, needsCode: boolean): MemberDraft | undefined {
  const entry = at.mapping(MEMBER_KEYS);
  if (!entry) return undefined;
  const id = readId(entry.need("id", "add the member's name for programs"));
  const value = entry.get("value")?.text(true) ?? id;
  const annotations = needsCode ? readAnnotations(entry) : entry.get("annotations")?.mapping();
  const wireAt = needsCode ? annotations?.need("wire", "add wire: { code: … }") : annotations?.get("wire");
  const wire = wireAt?.mapping(["code"]);
  const codeAt = needsCode ? wire?.need("code", "add the number that stands for it in records") : wire?.get("code");
  const code = codeAt?.integer(0, 255);
  entry.text("note");
  if (value === undefined) return undefined;
  return {
    at,
    codeAt,
    // Without an id it still stands for its value, which others refer to.
    id: id ?? value,
    value,
    brief: entry.text("brief", id ?? value),
    code,
    stability: readStability(entry, false),
    deprecated: readDeprecation(entry)?.reason,
  };
}

/** One example or a list of them, of the attribute's type. */
function readExamples(at: Cursor | undefined, type: Attribute["type"] | undefined): (string | number | boolean)[] {
  if (!at) return [];
  const wanted = type === "enum" ? "string" : type;
  const examples: (string | number | boolean)[] = [];
  for (const each of (at.isList ? at.list() : [at]) ?? []) {
    const value = each.scalar;
    const isNumber = typeof value === "number" && (wanted === "double" || Number.isInteger(value));
    const found = isNumber ? wanted : typeof value;
    if (wanted !== undefined && (found !== wanted || (isNumber && wanted !== "int" && wanted !== "double")))
      each.mistake(
        "E_VALUE",
        `an example must have the attribute's type, ${wanted}; this is ${each.shown}`,
        wanted === "string" ? "put it in quotes" : "change it",
      );
    else if (typeof value !== "string" || each.text(true) !== undefined)
      examples.push(value as string | number | boolean);
  }
  return examples;
}

function readRule(annotations: Mapping | undefined): AttributeDraft["rule"] {
  const at = annotations?.get("rules")?.mapping(["empty_exactly_when"])?.get("empty_exactly_when");
  const condition = at?.mapping();
  if (!at || !condition) return undefined;
  const [key, ...others] = condition.keys;
  if (key === undefined || others.length > 0)
    return at.mistake("E_VALUE", `has ${condition.keys.length} conditions`, "write one, for example { result: ok }");
  const value = condition.get(key)?.text(true);
  return value === undefined ? undefined : { key, value, at };
}
