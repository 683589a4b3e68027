/** Changes of events: their attributes and names. */
import type { ChangeList } from "./changes.ts";
import { diffOtel, diffStanding, diffWords } from "./diff-standing.ts";
import type { EventModel, RegistryModel } from "./model.ts";

export function diffEvents(a: RegistryModel, b: RegistryModel, list: ChangeList): void {
  const later = new Map(b.events.map((event) => [event.name, event]));
  const earlier = new Set(a.events.map(({ name }) => name));
  const renames = new Map(b.attributes.map(({ key, renamedTo }) => [key, renamedTo]));
  for (const before of a.events) {
    const after = later.get(before.name);
    if (after) diffEvent(before, after, renames, list);
    else
      list.forbidden(
        `event ${before.name}`,
        "is gone",
        "traces and packets that have it can no longer be read",
        "keep it, with deprecated: { reason: … }",
      );
  }
  for (const { name } of b.events)
    if (!earlier.has(name)) list.minor(`event ${name}`, "is added", "nothing existing changes");
}

function diffEvent(
  before: EventModel,
  after: EventModel,
  renames: ReadonlyMap<string, string | undefined>,
  list: ChangeList,
): void {
  const subject = `event ${before.name}`;
  const carried = new Map(after.attributes.map((each) => [each.key, each]));
  const matched = new Set<string>();
  for (const { key, required } of before.attributes) {
    const now = renamed(key, carried, renames);
    const same = now === undefined ? undefined : carried.get(now);
    if (now === undefined || !same) {
      list.forbidden(
        subject,
        `no longer carries ${key}`,
        "readers find nothing, and lines cannot be migrated back",
        "keep it, or rename it: deprecated: { reason: renamed, renamed_to: … }",
      );
      continue;
    }
    matched.add(now);
    if (now !== key)
      list.breaking(
        subject,
        `${key} is called ${now}`,
        "readers look for the old name",
        "`xs-telemetry migrate` rewrites traces",
      );
    if (required !== same.required)
      list.breaking(
        subject,
        `${now} is ${same.required ? "required, was optional" : "optional, was required"}`,
        same.required ? "events of devices in the field may not have it" : "readers rely on it",
        required ? "keep it required" : "keep it optional",
      );
  }
  for (const { key, required } of after.attributes)
    if (!matched.has(key))
      list.minor(subject, `carries ${key}, ${required ? "required" : "optional"}`, "everything else stays as it was");
  const order = (event: EventModel) =>
    event.attributes
      .map(({ key }) => renamed(key, carried, renames))
      .filter((key) => key !== undefined && matched.has(key));
  if (order(before).join(" ") !== order(after).join(" "))
    list.patch(subject, "its attributes have another order", "the order of keys has no meaning in JSON");
  diffWords(subject, before, after, list);
  if (JSON.stringify(roleOf(before, carried, renames)) !== JSON.stringify(roleOf(after, carried, renames)))
    list.minor(subject, "is another step of a span, or of another span", "sequence checks treat it differently");
  diffStanding(subject, before, after, list);
  diffOtel(subject, before, after, list);
}

/** The name under which the event has the attribute, if it does. */
function renamed(
  key: string,
  carried: ReadonlyMap<string, unknown>,
  renames: ReadonlyMap<string, string | undefined>,
): string | undefined {
  let name: string | undefined = key;
  while (name !== undefined && !carried.has(name)) name = renames.get(name);
  return name;
}

/** The span's step, with the names of the later version. */
function roleOf(
  { span }: EventModel,
  carried: ReadonlyMap<string, unknown>,
  renames: ReadonlyMap<string, string | undefined>,
): unknown {
  const name = (key: string) => renamed(key, carried, renames) ?? key;
  const { step, keys, beforeReady } = span ?? {};
  return span && [step, keys?.map(name), beforeReady && [name(beforeReady.key), beforeReady.value]];
}
