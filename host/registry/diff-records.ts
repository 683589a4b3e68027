/** Changes of record types: the meaning of the bytes that devices send. */
import type { ChangeList } from "./changes.ts";
import { listed } from "./mistakes.ts";
import type { Field, RecordType, RegistryModel } from "./model.ts";

export function diffRecordTypes(a: RegistryModel, b: RegistryModel, list: ChangeList): void {
  const later = new Map(b.recordTypes.map((type) => [type.id, type]));
  const earlier = new Set(a.recordTypes.map(({ id }) => id));
  for (const before of a.recordTypes) {
    const after = later.get(before.id);
    if (after) diffRecordType(before, after, list);
    else
      list.forbidden(
        `record type ${before.id}`,
        "is gone",
        "devices in the field send it",
        `keep { id: ${before.id} } in ${before.event}`,
      );
  }
  for (const { id, event } of b.recordTypes)
    if (!earlier.has(id)) list.minor(`record type ${id}`, `is added to ${event}`, "the id was free");
}

function diffRecordType(before: RecordType, after: RecordType, list: ChangeList): void {
  const subject = `record type ${before.id}`;
  const why = "devices in the field send it with the old meaning";
  const wayOut = "leave it as it is, and take the next free id for what is new";
  if (before.event !== after.event) {
    list.forbidden(subject, `is ${after.event}, was ${before.event}`, why, wayOut);
    return;
  }
  const was = new Map(before.fields.map((field) => [field.key, fieldText(field)]));
  const is = new Map(after.fields.map((field) => [field.key, fieldText(field)]));
  const lost = [...was.keys()].filter((key) => !is.has(key));
  const found = [...is.keys()].filter((key) => !was.has(key));
  const moved = [...was].filter(([key, text]) => is.has(key) && is.get(key) !== text);
  const changes = [
    ...(lost.length > 0 ? [`no longer holds ${listed(lost)}`] : []),
    ...(found.length > 0 ? [`holds ${listed(found)} too`] : []),
    ...moved.map(([key, text]) => `${key} is ${is.get(key)}, was ${text}`),
  ];
  if (changes.length === 0 && before.slots !== after.slots)
    changes.push(`is ${after.slots * 16} bytes long, was ${before.slots * 16}`);
  if (changes.length > 0) list.forbidden(subject, changes.join("; "), why, wayOut);
}

function fieldText({ type, offsetBits, widthBits, maxBytes }: Field): string {
  if (type !== "text") return `${type} of ${widthBits} bits at ${offsetBits}`;
  return widthBits === 0 ? "an empty text" : `text of ${maxBytes} bytes at ${offsetBits}`;
}
