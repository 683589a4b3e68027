// Valid decoded events of any registry, for property tests.
import fc from "fast-check";
import type { Attribute, EventModel, RegistryModel } from "../../host/registry/model.ts";

export type Json = Record<string, unknown>;

/** Any event of the registry, or one of those named: every required attribute, any choice of the others, in the registry's order. */
export function arbitraryEvent(model: RegistryModel, names?: readonly string[]): fc.Arbitrary<Json> {
  const events = model.events.filter(({ name }) => names === undefined || names.includes(name));
  return fc.oneof(...events.map((event) => eventOf(model, event)));
}

function eventOf(model: RegistryModel, event: EventModel): fc.Arbitrary<Json> {
  const byKey = new Map(model.attributes.map((attribute) => [attribute.key, attribute]));
  const attributes = event.attributes.map(({ key, required }) => ({ attribute: byKey.get(key)!, required }));
  // Attributes that share a field have one value.
  const wireKeys = [...new Set(attributes.map(({ attribute }) => wireKey(attribute)))];
  const values = wireKeys.map((key) => {
    const sharing = attributes.map(({ attribute }) => attribute).filter((attribute) => wireKey(attribute) === key);
    return arbitraryValue(sharing.find(({ absentWhenEmpty }) => !absentWhenEmpty) ?? sharing[0]!, model, event.name);
  });
  const choices = fc.tuple(fc.tuple(...values), fc.array(fc.boolean(), sized(attributes.length)), fc.nat());
  return choices.map(([drawn, isThere, pick]) => {
    const byWireKey = new Map(wireKeys.map((key, index) => [key, drawn[index]]));
    for (const { attribute } of attributes) obeyEmptyRule(attribute, byWireKey, byKey, pick);
    const carried = attributes.filter(({ attribute, required }, index) => {
      if (attribute.absentWhenEmpty) return byWireKey.get(wireKey(attribute)) !== "";
      return required || isThere[index];
    });
    return Object.fromEntries(carried.map(({ attribute }) => [attribute.key, byWireKey.get(wireKey(attribute))]));
  });
}

/** The key of the value in a record. */
export function wireKey({ key, sameAs }: Attribute): string {
  return sameAs ?? key;
}

function obeyEmptyRule(
  attribute: Attribute,
  values: Map<string, unknown>,
  byKey: ReadonlyMap<string, Attribute>,
  pick: number,
): void {
  const rule = attribute.emptyExactlyWhen;
  if (rule === undefined) return;
  const isEmpty = values.get(wireKey(byKey.get(rule.key)!)) === rule.value;
  const others = attribute.members.map(({ value }) => value).filter((value) => value !== "");
  values.set(wireKey(attribute), isEmpty ? "" : others[pick % others.length]);
}

/** A value of the attribute, in its place's range. */
export function arbitraryValue(attribute: Attribute, model: RegistryModel, event: string): fc.Arbitrary<unknown> {
  const origin = attribute.from ?? model.attributes.find(({ key }) => key === attribute.sameAs)?.from;
  if (origin === "event_name") return fc.constant(event);
  if (attribute.value !== undefined) return fc.constant(attribute.value);
  const field = model.recordTypes.flatMap(({ fields }) => fields).find(({ key }) => key === wireKey(attribute));
  switch (attribute.type) {
    case "int": {
      const least = attribute.least ?? 0;
      const most = field === undefined ? Number.MAX_SAFE_INTEGER : least + 2 ** field.widthBits - 1;
      return fc.maxSafeInteger().map((value) => least + (Math.abs(value) % (most - least + 1)));
    }
    case "double": {
      const finite = { noNaN: true, noDefaultInfinity: true };
      // -0 is decoded as 0.
      return (field?.type === "f32" ? fc.float(finite) : fc.double(finite)).map((value) => value + 0);
    }
    case "boolean":
      return fc.boolean();
    case "enum":
      return fc.constantFrom(...attribute.members.map(({ value }) => value));
    case "string":
      return arbitraryText(attribute.maxBytes ?? 64);
  }
}

/** Text of at most this many bytes of UTF-8, without U+0000: what a record can hold. */
export function arbitraryText(maxBytes: number): fc.Arbitrary<string> {
  const unit = fc.oneof(fc.constantFrom('"', "\\", "\n", "ü", "😀", "{", ":", ","), fc.string({ unit: "binary" }));
  return fc.array(unit, { maxLength: 40 }).map((units) => {
    let text = "";
    let bytes = 0;
    for (const character of units.join("").replaceAll("\0", "")) {
      bytes += Buffer.byteLength(character);
      if (bytes > maxBytes) break;
      text += character;
    }
    return text;
  });
}

function sized(length: number): { minLength: number; maxLength: number } {
  return { minLength: length, maxLength: length };
}
