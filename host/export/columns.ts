/**
 * The columns of a table of events: always the whole registry, whatever a recording has of it; before it device, boot
 * and time.
 */
import type { RegistryModel } from "../registry/model.ts";
import type { BootItem } from "./exporter.ts";
import type { ExportBoot, ExportEvent } from "./source.ts";

export type Cell = string | number | boolean | undefined;

export interface Column {
  readonly name: string;
  /** By the registry, never by the data. "time": milliseconds since 1970. */
  readonly type: "text" | "int" | "double" | "boolean" | "time";
  of(event: ExportEvent, missing: number): Cell;
}

export function columnsOf(registry: RegistryModel): readonly Column[] {
  const own = registry.attributes.filter(({ key }) =>
    registry.events.some(({ attributes }) => attributes.some((each) => each.key === key)),
  );
  // Many readers ignore the case of names.
  const taken = new Set(own.map(({ key }) => key.toLowerCase()));
  const context = (name: string, type: Column["type"], of: Column["of"]): Column => {
    while (taken.has(name)) name = `_${name}`;
    return { name, type, of };
  };
  return [
    context("device_id", "text", ({ boot }) => boot.device),
    context("boot", "int", ({ boot }) => boot.boot),
    context("boot_id", "text", ({ boot }) => boot.bootId),
    context("time", "time", ({ unixMs }) => unixMs),
    context("time_uncertainty_ms", "int", ({ unixMs, uncertaintyMs }) =>
      unixMs === undefined ? undefined : uncertaintyMs,
    ),
    context("missing_before", "int", (_event, missing) => missing),
    ...own.map(
      ({ key, type }): Column => ({
        name: key,
        type: type === "int" || type === "double" || type === "boolean" ? type : "text",
        of: ({ event }) => event[key],
      }),
    ),
  ];
}

/** How many events are missing just before the next one of a boot. */
export class MissingBefore {
  readonly #missing = new Map<ExportBoot, number>();

  add(item: BootItem): void {
    if (item.kind === "gap") this.#missing.set(item.boot, (this.#missing.get(item.boot) ?? 0) + item.missing);
  }

  take(boot: ExportBoot): number {
    const missing = this.#missing.get(boot) ?? 0;
    this.#missing.delete(boot);
    return missing;
  }
}
