/**
 * The step that brings an event from one schema version to the next or the previous one, according to the registries.
 */
import type { Attribute, DerivedFrom, EventModel, RegistryModel } from "../registry/model.ts";

/** Where an attribute of the target gets its value. */
export type Origin =
  /**
   * From an attribute of the source, with the same name or another; with `again`, another attribute is moved from it,
   * too.
   */
  | { readonly kind: "attribute"; readonly key: string; readonly again: boolean }
  /** Every event of the target version has it, as JSON. */
  | { readonly kind: "constant"; readonly json: string }
  | { readonly kind: "none" };

export interface TargetAttribute {
  readonly key: string;
  readonly isRequired: boolean;
  readonly origin: Origin;
  /** The target leaves it out if it is "". */
  readonly isAbsentWhenEmpty: boolean;
  /** The source leaves it out if it is "", so a missing one is "". */
  readonly isEmptyWhenAbsent: boolean;
  /** Values that are allowed in the source version and not in the target version. */
  readonly unknownValues: ReadonlySet<string>;
}

/** An attribute of the source that becomes no attribute of the target. */
export interface DroppedAttribute {
  readonly key: string;
  /**
   * The value that can be dropped without loss: equal to another attribute, or to what every event of the source
   * version has, as JSON.
   */
  readonly sameAs?: string;
  readonly json?: string;
}

export interface EventStep {
  readonly event: string;
  readonly declared: ReadonlySet<string>;
  readonly required: ReadonlySet<string>;
  /** In the target registry's order. */
  readonly attributes: readonly TargetAttribute[];
  readonly targetKeys: ReadonlySet<string>;
  readonly dropped: readonly DroppedAttribute[];
}

export interface MigrationStep {
  readonly from: RegistryModel;
  readonly to: RegistryModel;
  /** The attribute of `from` with the event's name. */
  readonly eventKey: string;
  /** Events that both versions have. */
  readonly events: ReadonlyMap<string, EventStep>;
}

/**
 * Returns the step between two versions, whatever lies between them; `newer` is the later one, which says what was
 * renamed.
 */
export function migrationStep(from: RegistryModel, to: RegistryModel, newer: RegistryModel): MigrationStep {
  const events = new Map<string, EventStep>();
  for (const source of from.events) {
    const target = to.events.find(({ name }) => name === source.name);
    if (target !== undefined) events.set(source.name, eventStep(source, target, { from, to, newer }));
  }
  return { from, to, eventKey: keyFrom(from, "event_name"), events };
}

/** The attribute with this `from`: of an old and a new name the new one; "" if there is none. */
export function keyFrom({ attributes }: RegistryModel, from: DerivedFrom): string {
  const found = attributes.filter((attribute) => attribute.from === from);
  return (found.find(({ renamedTo }) => renamedTo === undefined) ?? found[0])?.key ?? "";
}

interface Versions {
  readonly from: RegistryModel;
  readonly to: RegistryModel;
  readonly newer: RegistryModel;
}

function eventStep(source: EventModel, target: EventModel, versions: Versions): EventStep {
  const sourceAttributes = attributesOf(versions.from, source);
  const targetAttributes = attributesOf(versions.to, target);
  const isUpward = versions.to === versions.newer;
  const older = isUpward ? sourceAttributes : targetAttributes;
  const newerKeys = new Set((isUpward ? target : source).attributes.map(({ key }) => key));
  /** Keys of the target by those of the source, and the reverse. */
  const moved = new Map<string, string>();
  const origins = new Map<string, string>();
  for (const { key, value } of older.values()) {
    const newKey = newName(versions.newer, key);
    const [sourceKey, targetKey] = isUpward ? [key, newKey] : [newKey, key];
    if (value !== undefined || !newerKeys.has(newKey) || moved.has(sourceKey) || origins.has(targetKey)) continue;
    moved.set(sourceKey, targetKey);
    origins.set(targetKey, sourceKey);
  }

  const originOf = (attribute: Attribute): Origin => {
    if (attribute.value !== undefined) return { kind: "constant", json: JSON.stringify(attribute.value) };
    const key = origins.get(attribute.key);
    if (key !== undefined) return { kind: "attribute", key, again: false };
    const twin = twinOf(attribute, targetAttributes, origins);
    return twin === undefined ? { kind: "none" } : { kind: "attribute", key: origins.get(twin)!, again: true };
  };
  return {
    event: source.name,
    declared: new Set(sourceAttributes.keys()),
    required: requiredKeys(source),
    attributes: [...targetAttributes.values()].map((attribute): TargetAttribute => {
      const origin = originOf(attribute);
      const before = origin.kind === "attribute" ? sourceAttributes.get(origin.key) : undefined;
      const isRequired = requiredKeys(target).has(attribute.key);
      return {
        key: attribute.key,
        isRequired,
        origin,
        isAbsentWhenEmpty: attribute.absentWhenEmpty === true,
        isEmptyWhenAbsent: before?.absentWhenEmpty === true && isRequired,
        unknownValues: before === undefined ? new Set() : lostMembers(before, attribute),
      };
    }),
    targetKeys: new Set(targetAttributes.keys()),
    dropped: [...sourceAttributes.values()]
      .filter(({ key }) => !moved.has(key))
      .map((attribute) => {
        const { key, value } = attribute;
        if (value !== undefined) return { key, json: JSON.stringify(value) };
        const sameAs = twinOf(attribute, sourceAttributes, moved);
        return sameAs === undefined ? { key } : { key, sameAs };
      }),
  };
}

/** An event's attributes by key, in the registry's order. */
function attributesOf(registry: RegistryModel, event: EventModel): Map<string, Attribute> {
  const byKey = new Map(registry.attributes.map((attribute) => [attribute.key, attribute]));
  return new Map(event.attributes.map(({ key }) => [key, byKey.get(key)!]));
}

function requiredKeys(event: EventModel): Set<string> {
  return new Set(event.attributes.filter(({ required }) => required).map(({ key }) => key));
}

/** The attribute, among those that are moved, with its value in the same field of a record. */
function twinOf(
  attribute: Attribute,
  attributes: ReadonlyMap<string, Attribute>,
  moved: ReadonlyMap<string, string>,
): string | undefined {
  const field = ({ key, sameAs }: Attribute) => sameAs ?? key;
  for (const other of attributes.values())
    if (moved.has(other.key) && field(other) === field(attribute)) return other.key;
  return undefined;
}

/** The newer version's name for an attribute of the older. */
function newName(newer: RegistryModel, key: string): string {
  let name = key;
  // At most as many renames as there are attributes: so a cycle of them ends.
  for (let left = newer.attributes.length; left > 0; left--) {
    const renamedTo = newer.attributes.find((attribute) => attribute.key === name)?.renamedTo;
    if (renamedTo === undefined) break;
    name = renamedTo;
  }
  return name;
}

function lostMembers(before: Attribute, after: Attribute): ReadonlySet<string> {
  if (after.type !== "enum") return new Set();
  const values = new Set(before.members.map(({ value }) => value));
  if (after.absentWhenEmpty) values.delete("");
  for (const { value } of after.members) values.delete(value);
  return values;
}
