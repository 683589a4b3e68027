/** Lines that follow a schema version, as the registry says it, for property tests. */
import fc from "fast-check";
import type { Attribute, RegistryModel } from "../../host/registry/model.ts";

type Value = string | number | boolean;

/** Canonical JSON lines of any event of the version: attributes in the registry's order, no spaces. */
export function eventLines(registry: RegistryModel): fc.Arbitrary<string> {
  const byKey = new Map(registry.attributes.map((attribute) => [attribute.key, attribute]));
  return fc.oneof(
    ...registry.events.map((event) => {
      const attributes = event.attributes.map(({ key }) => byKey.get(key)!);
      const optional = event.attributes.filter(({ required }) => !required).map(({ key }) => key);
      const values = Object.fromEntries(
        attributes.map((attribute) => [attribute.key, anyValue(attribute, event.name)]),
      );
      return fc
        .tuple(fc.record(values), fc.subarray(optional))
        .map(([all, kept]) => JSON.stringify(follow(all, attributes, new Set(kept), optional)));
    }),
  );
}

function anyValue({ from, value, type, members }: Attribute, event: string): fc.Arbitrary<Value> {
  if (from === "event_name") return fc.constant(event);
  if (value !== undefined) return fc.constant(value);
  if (type === "int") return fc.oneof(fc.maxSafeNat(), fc.nat(3));
  if (type === "double") return fc.double({ noNaN: true, noDefaultInfinity: true });
  if (type === "boolean") return fc.boolean();
  if (type === "enum") return fc.constantFrom(...members.map((member) => member.value));
  return fc.oneof(fc.string({ unit: "grapheme", maxLength: 30 }), fc.constant(""));
}

/** The rules that tie attributes to each other, and what is left out. */
function follow(
  all: Record<string, Value>,
  attributes: readonly Attribute[],
  kept: ReadonlySet<string>,
  optional: readonly string[],
): Record<string, Value> {
  const values = { ...all };
  for (const { key, emptyExactlyWhen: rule, members, absentWhenEmpty } of attributes) {
    if (rule === undefined || absentWhenEmpty) continue;
    const some = members.find(({ value }) => value !== "")!.value;
    if (values[rule.key] === rule.value) values[key] = "";
    else if (values[key] === "") values[key] = some;
  }
  for (const attribute of attributes) {
    const twin = attributes.find((other) => other !== attribute && other.sameAs === attribute.sameAs);
    if (attribute.absentWhenEmpty && twin !== undefined) values[attribute.key] = values[twin.key]!;
  }
  const isThere = ({ key, absentWhenEmpty }: Attribute) =>
    absentWhenEmpty ? values[key] !== "" : kept.has(key) || !optional.includes(key);
  return Object.fromEntries(attributes.filter(isThere).map(({ key }) => [key, values[key]!]));
}
