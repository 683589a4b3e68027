/** The events of a recording as OpenTelemetry's LogRecords, with the registry's OpenTelemetry names; docs/otel.md. */
import { keyFrom } from "../migrate/steps.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { BootItem } from "./exporter.ts";
import type { OtlpIdentity } from "./otlp-identity.ts";
import type { ExportBoot, ExportEvent, ExportGap } from "./source.ts";

export interface OtlpAttribute {
  readonly key: string;
  readonly value: string | number | boolean;
  /** By the registry, not by the value: 2 may be a double. */
  readonly isDouble: boolean;
}

/** The device that recorded: the same object for all of its records. */
export interface OtlpResource {
  readonly attributes: readonly OtlpAttribute[];
}

/** The scope of all names. */
export interface OtlpScope {
  readonly name: string;
  readonly version: string;
  /** "" if the registry has none. */
  readonly schemaUrl: string;
}

export interface OtlpRecord {
  readonly resource: OtlpResource;
  /** Undefined if the time of day is unknown, or not one that OTLP can express. */
  readonly unixMs: number | undefined;
  readonly observedMs: number;
  /** 0: none. */
  readonly severity: number;
  /** "": none. */
  readonly body: string;
  readonly eventName: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly boot: ExportBoot;
  /** What it describes: an event; a loss before one; or, at the end of a recording, a loss after one. */
  readonly kind: "event" | "lost before" | "lost after";
  /**
   * The event's number since boot; for a loss, that of the next event. Undefined if the recording does not state it.
   */
  readonly seq: number | undefined;
  /** For a loss: the number of the event before. */
  readonly after: number | undefined;
  /** Of an event, what the recording says. */
  readonly content?: ExportEvent["event"];
}

const LOST = "xs_telemetry.lost";
const WARN = 13;
/** Nanoseconds since 1970, of which 0 stands for unknown, have 64 bits, which end in 2554. */
const MOST_OTLP_MS = 18_446_744_073_709;
/** OpenTelemetry has it for errors only. */
const ERROR_TYPE = "error.type";

/** Names besides the registry's own. */
const OURS = {
  uid: "log.record.uid",
  session: "session.id",
  uncertainty: "xs_telemetry.time_uncertainty_ms",
} as const;

interface Named {
  readonly name: string;
  readonly isDouble: boolean;
}

/** Makes records from items, in their order. Memory: a little for each boot. */
export class OtlpRecords {
  readonly scope: OtlpScope;
  /** Events with a time that OTLP cannot express. */
  inexpressible = 0;
  readonly #identity: OtlpIdentity;
  readonly #now: () => number;
  /** By the registry's key. */
  readonly #attributes = new Map<string, Named>();
  readonly #resourceKeys = new Map<string, Named>();
  readonly #events: ReadonlyMap<string, { readonly name: string; readonly keys: readonly string[] }>;
  readonly #ours: typeof OURS;
  readonly #eventKey: string;
  readonly #sequenceKey: string;
  readonly #resources = new Map<ExportBoot, Map<string, OtlpResource>>();
  /** What is missing before the next event of a boot. */
  readonly #gaps = new Map<ExportBoot, ExportGap[]>();
  readonly #last = new Map<ExportBoot, { readonly seq: number | undefined; readonly resource: OtlpResource }>();

  /** `now`: milliseconds since 1970, for the time of observation. */
  constructor(registry: RegistryModel, identity: OtlpIdentity, now: () => number = Date.now) {
    this.#identity = identity;
    this.#now = now;
    this.#eventKey = keyFrom(registry, "event_name");
    this.#sequenceKey = keyFrom(registry, "sequence");
    const url = registry.attributes.find(({ from }) => from === "schema_url");
    this.scope = { name: "xs-telemetry", version: registry.schemaVersion, schemaUrl: url?.value ?? "" };
    const taken = new Set<string>();
    for (const { key, type, from, otelName, otelTarget } of registry.attributes) {
      if (from === "event_name" || from === "schema_version" || from === "schema_url") continue;
      // If two attributes share a name, the later one keeps its key.
      let name = otelName === "" || taken.has(otelName) ? key : otelName;
      while (taken.has(name)) name = `_${name}`;
      taken.add(name);
      (otelTarget === "resource" ? this.#resourceKeys : this.#attributes).set(key, {
        name,
        isDouble: type === "double",
      });
    }
    this.#ours = Object.fromEntries(
      Object.entries(OURS).map(([each, name]) => {
        while (taken.has(name)) name = `_${name}` as typeof name;
        return [each, name];
      }),
    ) as typeof OURS;
    this.#events = new Map(
      registry.events.map(({ name, otelName, span }) => [name, { name: otelName || name, keys: span?.keys ?? [] }]),
    );
  }

  /** Returns the records of an item. A loss comes before the next event of its boot. */
  of(item: BootItem): OtlpRecord[] {
    if (item.kind === "event") return this.#eventRecords(item);
    if (item.kind === "gap") this.#gaps.set(item.boot, [...(this.#gaps.get(item.boot) ?? []), item]);
    return [];
  }

  /** Returns what is missing after the last event of each boot. */
  end(): OtlpRecord[] {
    const records = [...this.#gaps].map(([boot, gaps]) => {
      const { seq, resource } = this.#last.get(boot) ?? { seq: undefined, resource: this.#resourceOf(boot) };
      return this.#lost(gaps, resource, "lost after", { seq: undefined, after: seq }, undefined);
    });
    this.#gaps.clear();
    return records;
  }

  #eventRecords({ boot, event, unixMs, uncertaintyMs }: ExportEvent): OtlpRecord[] {
    const isExpressible = unixMs === undefined || (unixMs > 0 && unixMs <= MOST_OTLP_MS);
    if (!isExpressible) this.inexpressible++;
    const time = isExpressible ? unixMs : undefined;
    const sequence = event[this.#sequenceKey];
    const seq = Number.isSafeInteger(sequence) && (sequence as number) >= 0 ? (sequence as number) : undefined;
    const resource = this.#resourceOf(boot, event);
    const attributes: OtlpAttribute[] = [];
    for (const key in event) {
      const named = this.#attributes.get(key);
      const value = event[key]!;
      if (named === undefined || (named.name === ERROR_TYPE && value === "")) continue;
      attributes.push({ key: named.name, value, isDouble: named.isDouble });
    }
    const own = String(event[this.#eventKey]);
    const { name, keys } = this.#events.get(own) ?? { name: own, keys: [] };
    const add = (key: string, value: string | number) => attributes.push({ key, value, isDouble: false });
    if (boot.bootId !== undefined) {
      if (keys.length > 0) add(this.#ours.session, [bootName(boot), ...keys.map((key) => part(event[key]))].join("/"));
      if (seq !== undefined) add(this.#ours.uid, this.#uid(boot, String(seq)));
    }
    if (time !== undefined && uncertaintyMs > 0) add(this.#ours.uncertainty, uncertaintyMs);
    const gaps = this.#gaps.get(boot);
    this.#gaps.delete(boot);
    const after = this.#last.get(boot)?.seq;
    this.#last.set(boot, { seq, resource });
    const record: OtlpRecord = {
      resource,
      unixMs: time,
      observedMs: this.#now(),
      severity: 0,
      body: "",
      eventName: name,
      attributes,
      boot,
      kind: "event",
      seq,
      after: undefined,
      content: event,
    };
    return gaps === undefined ? [record] : [this.#lost(gaps, resource, "lost before", { seq, after }, time), record];
  }

  #lost(
    gaps: readonly ExportGap[],
    resource: OtlpResource,
    kind: "lost before" | "lost after",
    { seq, after }: Pick<OtlpRecord, "seq" | "after">,
    unixMs: number | undefined,
  ): OtlpRecord {
    const { boot } = gaps[0]!;
    const attributes: OtlpAttribute[] = [];
    const add = (key: string, value: string | number) => attributes.push({ key, value, isDouble: false });
    const sum = (of: (gap: ExportGap) => number) => gaps.reduce((all, gap) => all + of(gap), 0);
    const missing = sum((gap) => gap.missing);
    add(`${LOST}.events`, missing);
    const causes = [
      ["on_device", "lostOnDevice"],
      ["in_transit", "lostInTransit"],
      ["before_first_packet", "beforeFirstPacket"],
    ] as const;
    for (const [name, cause] of causes) {
      const count = sum((gap) => gap.causes?.[cause] ?? 0);
      if (count > 0) add(`${LOST}.${name}`, count);
    }
    if (boot.bootId !== undefined)
      add(this.#ours.uid, this.#uid(boot, `${kind.replace(" ", "-")}-${seq ?? after ?? "nothing"}`));
    return {
      resource,
      unixMs,
      observedMs: this.#now(),
      severity: WARN,
      body: `${missing} ${missing === 1 ? "event" : "events"} lost`,
      eventName: LOST,
      attributes,
      boot,
      kind,
      seq,
      after,
    };
  }

  #uid(boot: ExportBoot, last: string): string {
    return `${part(boot.device ?? "")}/${bootName(boot)}/${last}`;
  }

  #resourceOf(boot: ExportBoot, event: ExportEvent["event"] = {}): OtlpResource {
    let resources = this.#resources.get(boot);
    if (resources === undefined) {
      resources = new Map();
      this.#resources.set(boot, resources);
    }
    const own: OtlpAttribute[] = [];
    for (const [key, { name, isDouble }] of this.#resourceKeys) {
      const value = event[key];
      if (value !== undefined) own.push({ key: name, value, isDouble });
    }
    const said = own.length === 0 ? "" : JSON.stringify(own);
    let resource = resources.get(said);
    if (resource === undefined) {
      const attributes = new Map(own.map((each) => [each.key, each]));
      const add = (key: string, value: string | number | undefined) => {
        if (value !== undefined && !attributes.has(key)) attributes.set(key, { key, value, isDouble: false });
      };
      const { device, bootId, reset } = boot;
      add("service.name", this.#identity.serviceName);
      if (bootId !== undefined) add("service.instance.id", `${part(device ?? "")}/${bootName(boot)}`);
      add("device.id", device);
      add("xs_telemetry.boot.number", boot.boot);
      add("xs_telemetry.boot.id", bootId);
      add("xs_telemetry.boot.reset", reset?.reset);
      add("xs_telemetry.boot.ring", reset?.ring);
      for (const [key, value] of this.#identity.attributes) add(key, value);
      resource = { attributes: [...attributes.values()] };
      resources.set(said, resource);
    }
    return resource;
  }
}

/** A boot's id, which distinguishes it from all others of its device. */
export function bootName({ bootId, twin }: ExportBoot): string | undefined {
  return twin === undefined ? bootId : `${bootId}-${twin + 1}`;
}

/** For a text whose parts are separated by slashes. */
function part(value: unknown): string {
  const text = String(value);
  return text.includes("/") || text.includes("%") ? text.replaceAll("%", "%25").replaceAll("/", "%2F") : text;
}
