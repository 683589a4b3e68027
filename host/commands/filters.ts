/** Which events tail and show print. */
import type { Command } from "commander";
import type { RegistryModel } from "../registry/model.ts";
import { quotedList } from "../text/lines.ts";
import { integerFrom, usage } from "./source.ts";

export interface FilterOptions {
  readonly event?: readonly string[];
  readonly client?: readonly number[];
  readonly reason?: readonly string[];
  readonly device?: readonly string[];
}

export function addFilterOptions(command: Command): Command {
  return command
    .option("--event <name>", "only events of this name; repeat for more", gathered(String))
    .option("--client <id>", "only events of this client; repeat for more", gathered(integerFrom(0, 2 ** 32 - 1)))
    .option("--reason <name>", "only events with this reason; repeat for more", gathered(String))
    .option("--device <name>", "only this device; repeat for more", gathered(String));
}

function gathered<T>(parse: (text: string) => T) {
  return (text: string, before: readonly T[] = []) => [...before, parse(text)];
}

/**
 * Returns a function that says whether an event is shown. Throws TelemetryError E_USAGE if the registry has no such
 * event, client or reason.
 */
export function filterOf(options: FilterOptions, registry: RegistryModel): (event: object) => boolean {
  const tests: [key: string, wanted: readonly unknown[]][] = [];
  const add = (flag: string, key: string | undefined, wanted: readonly unknown[], known?: readonly string[]) => {
    if (key === undefined) throw usage(`${flag}: the registry has no attribute of that kind`);
    const unknown = known && wanted.filter((value) => !known.includes(String(value)));
    if (known && unknown!.length > 0)
      throw usage(`${flag} ${quotedList(unknown!)} is not in the registry; it has ${quotedList(known)}`);
    tests.push([key, wanted]);
  };
  const { attributes } = registry;
  const standingFor = (key: string) =>
    attributes.find((attribute) => attribute.key === key || attribute.sameAs === key);
  const { event, client, reason } = options;
  if (event)
    add(
      "--event",
      attributes.find(({ from }) => from === "event_name")?.key,
      event,
      registry.events.map(({ name }) => name),
    );
  if (client) add("--client", standingFor("clientId")?.key, client);
  if (reason) {
    const attribute = standingFor("reason");
    add(
      "--reason",
      attribute?.key,
      reason,
      attribute?.members.map(({ value }) => value).filter((value) => value !== ""),
    );
  }
  return (event) => {
    const values = event as Readonly<Record<string, unknown>>;
    return tests.every(([key, wanted]) => wanted.includes(values[key]));
  };
}
