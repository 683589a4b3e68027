/** Versions later than the bundled ones, for specs of several versions. */
import type { Attribute, EventAttribute, EventModel, RegistryModel } from "../../host/registry/model.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
export interface Draft {
  attributes: Mutable<Attribute>[];
  events: (Mutable<Omit<EventModel, "attributes">> & { attributes: Mutable<EventAttribute>[] })[];
}

/** A copy with another version, changed. */
export function edited(registry: RegistryModel, schemaVersion: string, edit: (draft: Draft) => void): RegistryModel {
  const draft = JSON.parse(JSON.stringify(registry)) as Draft & { schemaVersion: string };
  for (const attribute of draft.attributes)
    attribute.value = attribute.value?.replace(registry.schemaVersion, schemaVersion);
  edit(draft);
  return { ...(draft as object), schemaVersion } as RegistryModel;
}

/** 3.0.0: a renamed attribute, a new attribute, a new event, and a new value. */
export function laterVersion(registry: RegistryModel): RegistryModel {
  return edited(registry, "3.0.0", ({ attributes, events }) => {
    const find = (key: string) => attributes.find((attribute) => attribute.key === key)!;
    attributes.unshift({ ...find("lw.msg.payload_summary"), key: "lw.msg.summary" });
    find("lw.msg.payload_summary").renamedTo = "lw.msg.summary";
    attributes.push({ ...find("client.id"), key: "lw.msg.bytes", sameAs: undefined });
    for (const key of ["lw.msg.reason", "error.type"]) {
      const attribute = find(key);
      attribute.members = [...attribute.members, { id: "quota", value: "quota", code: 5, brief: "Over its quota." }];
    }
    for (const event of events)
      for (const attribute of event.attributes)
        if (attribute.key === "lw.msg.payload_summary") attribute.key = "lw.msg.summary";
    events.find(({ name }) => name === "msg.send")!.attributes.push({ key: "lw.msg.bytes", required: false });
    events.push({ ...events.find(({ name }) => name === "ws.connected")!, name: "ws.error" });
  });
}
