/** Versions of one registry read each other's packets: record type ids and places are only ever added. */
import type { EventModel, Field, RecordType, RegistryModel } from "./model.ts";

/** Returns the same models, oldest first, each with what it can read of the others' packets. */
export function relate(models: readonly RegistryModel[]): RegistryModel[] {
  return models.map((model) => {
    const others = models.filter((other) => other !== model && canRead(model, other));
    const own = new Set([model.fingerprint, ...(model.earlierFingerprints ?? [])]);
    const fingerprints = [
      ...new Set(others.flatMap((other) => [other.fingerprint, ...(other.earlierFingerprints ?? [])])),
    ];
    const added = new Map<number, RecordType>();
    for (const type of others.flatMap(({ recordTypes }) => recordTypes))
      if (!model.recordTypes.some(({ id }) => id === type.id)) added.set(type.id, { ...type, optionals: [] });
    const foreign = fingerprints.filter((each) => !own.has(each));
    if (foreign.length === 0) return model;
    return { ...model, related: { fingerprints: foreign, recordTypes: [...added.values()] } };
  });
}

/**
 * Whether each record of the other can become an event of the model, leaving out only attributes that the model does
 * not have.
 */
function canRead(model: RegistryModel, other: RegistryModel): boolean {
  return other.recordTypes.every((type) => {
    const event = model.events.find(({ name }) => name === type.event);
    const same = model.recordTypes.find(({ id }) => id === type.id);
    if (event === undefined || (same !== undefined && layoutOf(same) !== layoutOf(type))) return false;
    const carried = fieldKeys(model, event);
    return (
      type.fields.every((field) => !carried.has(field.key) || hasCodes(model, other, field)) &&
      [...carried].every(([key, required]) => !required || type.fields.some((field) => field.key === key))
    );
  });
}

const layoutOf = ({ event, slots, fields }: RecordType): string =>
  JSON.stringify([
    event,
    slots,
    fields.map((field) => [field.key, field.type, field.offsetBits, field.widthBits, field.maxBytes]),
  ]);

/** By the key of the field: whether the event requires it. */
function fieldKeys({ attributes }: RegistryModel, event: EventModel): Map<string, boolean> {
  const keys = new Map<string, boolean>();
  for (const { key, required } of event.attributes) {
    const { from, sameAs = key } = attributes.find((attribute) => attribute.key === key)!;
    if (from === undefined) keys.set(sameAs, required || keys.get(sameAs) === true);
  }
  return keys;
}

/** Whether the model has each value of an enum that the other may send. */
function hasCodes(model: RegistryModel, other: RegistryModel, { key }: Field): boolean {
  const membersOf = ({ attributes }: RegistryModel) =>
    attributes.find((attribute) => attribute.key === key)?.members ?? [];
  return membersOf(other).every(({ code, value }) =>
    membersOf(model).some((member) => member.code === code && member.value === value),
  );
}
