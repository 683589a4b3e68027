/** What stats needs of the events of a registry: which attributes it reads, prepared once. */
import type { Attribute, EventModel, RegistryModel } from "../registry/model.ts";

export interface EventPlan {
  readonly name: string;
  /** Events so far. */
  count: number;
  /** Its part in a span, such as a connection. */
  readonly step: "begin" | "end" | "other" | undefined;
  /** The owner of the span, and its number; undefined if it has no such keys. */
  readonly ownerKey: string | undefined;
  readonly numberKey: string | undefined;
  readonly way: "received" | "sent" | undefined;
  readonly typeKey: string | undefined;
  readonly reasonKey: string | undefined;
  readonly payloadKey: string | undefined;
  /** Its other values: enums, booleans, numbers. */
  readonly values: readonly ValuePlan[];
}

export interface ValuePlan {
  readonly key: string;
  readonly kind: "word" | "int" | "double";
}

export function eventPlans(registry: RegistryModel): ReadonlyMap<string, EventPlan> {
  return new Map(registry.events.map((event) => [event.name, planOf(event, registry)]));
}

function planOf(event: EventModel, registry: RegistryModel): EventPlan {
  const attributes = event.attributes.map(({ key }) => registry.attributes.find((each) => each.key === key)!);
  /** The attribute with this name in records, whatever the version calls it. */
  const named = (key: string) =>
    attributes.find((each) => (each.key === key || each.sameAs === key) && each.absentWhenEmpty !== true)?.key;
  const { span } = event;
  const keys = span?.keys ?? [];
  const isValue = ({ key, from, value, maxBytes }: Attribute) =>
    from === undefined && value === undefined && maxBytes === undefined && !keys.includes(key);
  const step = span === undefined ? undefined : span.step === "begin" || span.step === "end" ? span.step : "other";
  return {
    name: event.name,
    count: 0,
    step,
    ownerKey: keys.length > 1 ? keys[0] : undefined,
    numberKey: keys.at(-1),
    way: event.name === "msg.recv" ? "received" : event.name === "msg.send" ? "sent" : undefined,
    typeKey: named("msgType"),
    reasonKey: named("reason"),
    payloadKey: named("payloadSummary"),
    values: attributes.filter(isValue).flatMap(({ key, type, absentWhenEmpty }): ValuePlan[] => {
      if (absentWhenEmpty === true) return [];
      if (type === "int" || type === "double") return [{ key, kind: type }];
      return type === "enum" || type === "boolean" ? [{ key, kind: "word" }] : [];
    }),
  };
}
