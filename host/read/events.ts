/** The events of a recording one by one, with what is known of their device and boot, and the gaps between them. */
import type { DecodeItem, Gap } from "../decode/types.ts";
import { keyFrom } from "../migrate/steps.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import { bootIdText, PRIVATE } from "../packet/line-context.ts";
import { type ContextPart, contextParts, TIME_FORM } from "../registry/context.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { type FaultyLine, LineSplitter, quote } from "../text/lines.ts";
import { GapPlaces, missingOf } from "./gap-places.ts";
import { LineNumbers } from "./line-numbers.ts";
import type { Recording } from "./recording.ts";

/** Where an event comes from, as far as the recording states it. */
export interface ReadPlace {
  readonly device: string | undefined;
  readonly boot: number | undefined;
  readonly bootId: string | undefined;
  readonly reader: number;
}

export interface ReadEvent {
  readonly kind: "event";
  readonly place: ReadPlace;
  /** Including what follows its attributes. */
  readonly event: Readonly<Record<string, unknown>>;
  /** As it was written, without its end. */
  readonly line: string;
  readonly registry: RegistryModel;
  /** Milliseconds since boot; NaN if the event does not state it. */
  readonly deviceMs: number;
  /** Time of day; undefined if unknown. */
  readonly wall: { readonly unixMs: number; readonly uncertaintyMs: number } | undefined;
}

export type ReadItem =
  | ReadEvent
  /** `missing` by cause; for lines the cause is unknown. */
  | { readonly kind: "gap"; readonly place: ReadPlace; readonly missing: number; readonly causes: Gap | undefined }
  /** The record that the boot began with. */
  | { readonly kind: "boot"; readonly place: ReadPlace; readonly record: BootRecord }
  | { readonly kind: "problem"; readonly problem: Problem };

export interface ReadOptions {
  /** The registry that packets are decoded with. */
  readonly registry: RegistryModel;
  /** The versions that JSON lines may have, the newest last. */
  readonly registries: readonly RegistryModel[];
}

/**
 * Returns the events of any recording, several at a time. Fails as the recording's items do. Memory: the events of a
 * chunk.
 */
export async function* readEvents(recording: Recording, options: ReadOptions): AsyncGenerator<ReadItem[], void, void> {
  if (recording.form === "lines") {
    yield* lineEvents(recording.lines(), options.registries);
    return;
  }
  const { registry } = options;
  const lines = new EventLines([registry], false);
  for await (const item of recording.items({ registry, ...EVENT_LINES })) {
    lines.add(item);
    yield lines.take();
  }
  lines.end();
  yield lines.take();
}

async function* lineEvents(
  source: AsyncIterable<Uint8Array>,
  registries: readonly RegistryModel[],
): AsyncGenerator<ReadItem[], void, void> {
  const lines = new EventLines(registries, true);
  const splitter = new LineSplitter(lines);
  for await (const chunk of source) {
    splitter.push(chunk);
    yield lines.take();
  }
  splitter.end();
  yield lines.take();
}

/**
 * How packets are decoded for EventLines. The lines do not name the boot, and the time of day is in them even if the
 * registry has an attribute of its name.
 */
export const EVENT_LINES = { output: "lines", with: "all", gaps: true, privateTime: true } as const;

const PRIVATE_TIME = `${PRIVATE}time`;
const PRIVATE_UNCERTAINTY = `${PRIVATE}timeUncertaintyMs`;
const NO_TIME: Readonly<Record<string, unknown>> = {};

interface Keys {
  readonly registry: RegistryModel;
  readonly name: string;
  readonly time: string;
  readonly sequence: string;
  readonly events: ReadonlySet<unknown>;
  /** What may follow an event's attributes: a member that has the name of an attribute belongs to the registry. */
  readonly parts: ReadonlySet<ContextPart>;
}

/** JSON lines as events. */
export class EventLines {
  #items: ReadItem[] = [];
  readonly #findsGaps: boolean;
  readonly #versions: ReadonlyMap<unknown, Keys>;
  readonly #versionKeys: readonly string[];
  readonly #numbers = new LineNumbers();
  /** Of packets, by what names a boot. */
  readonly #gaps = new GapPlaces<string>();
  readonly #places = new Map<string, ReadPlace>();
  /** The last one, and what names it. */
  #place: ReadPlace = { device: undefined, boot: undefined, bootId: undefined, reader: 0 };
  #key = keyOf(this.#place);

  constructor(registries: readonly RegistryModel[], findsGaps: boolean) {
    this.#findsGaps = findsGaps;
    this.#versions = new Map(
      registries.map((registry) => [
        registry.schemaVersion,
        {
          registry,
          name: keyFrom(registry, "event_name"),
          time: keyFrom(registry, "time"),
          sequence: keyFrom(registry, "sequence"),
          events: new Set(registry.events.map(({ name }) => name)),
          parts: contextParts("all", registry),
        },
      ]),
    );
    this.#versionKeys = [...new Set(registries.map((registry) => keyFrom(registry, "schema_version")))].reverse();
  }

  take(): ReadItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  /** No more items of decoding come: what is missing after the last event of each boot. */
  end(): void {
    for (const [key, causes] of this.#gaps.rest())
      this.#items.push({ kind: "gap", place: this.#places.get(key)!, missing: missingOf(causes), causes });
  }

  /** Items of decoding, including lines and gaps. */
  add(item: DecodeItem): void {
    if (item.kind === "lines") {
      const { device, boot, bootId, reader } = item;
      const place = this.#same({ device, boot, bootId: bootIdText(bootId), reader });
      for (const line of Buffer.from(item.lines).toString().trimEnd().split("\n")) this.line(line, 0, 0, place);
    } else if (item.kind === "gap") {
      const { device, boot, bootId, reader, lostOnDevice, lostInTransit, beforeFirstPacket } = item;
      const place = this.#same({ device, boot, bootId: bootIdText(bootId), reader });
      this.#places.set(this.#key, place);
      this.#gaps.add(this.#key, { lostOnDevice, lostInTransit, beforeFirstPacket });
    } else if (item.kind === "boot") {
      const { device, boot, bootId, reader, record } = item;
      this.#items.push({ kind: "boot", place: { device, boot, bootId: bootIdText(bootId), reader }, record });
    } else if (item.kind === "problem") this.#items.push({ kind: "problem", problem: item.problem });
  }

  /** `known`: whose it is; undefined if the line names it. */
  line(text: string, line: number, offsetBytes: number, known?: ReadPlace): void {
    let event: Record<string, unknown>;
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("no object");
      event = value as Record<string, unknown>;
    } catch {
      if (text.trim() === "") return;
      this.#problem("E_JSON", `the line is not a JSON object: ${quote(text)}`, line, offsetBytes);
      return;
    }
    let version: unknown;
    for (const key of this.#versionKeys) version ??= event[key];
    const keys = this.#versions.get(version);
    if (keys === undefined) {
      const found = version === undefined ? "no schema version" : `the schema version ${quote(String(version))}`;
      const known = [...this.#versions.keys()].join(", ");
      this.#problem("E_VERSION", `the line has ${found}, so it is skipped; known: ${known}`, line, offsetBytes);
      return;
    }
    const place = known ?? this.#placeOf(event, keys.parts);
    const deviceMs =
      known === undefined ? this.#deviceMs(event, keys, line, offsetBytes) : (event[keys.time] as number);
    if (this.#findsGaps) this.#findGap(place, event[keys.sequence], deviceMs, keys, line, offsetBytes);
    const name = event[keys.name];
    if (!keys.events.has(name)) {
      const said =
        name === undefined
          ? "does not name its event"
          : `has the event ${quote(String(name))}, which the registry has not`;
      this.#problem("E_EVENT", `the line ${said}, so it is skipped`, line, offsetBytes);
      return;
    }
    if (known !== undefined) {
      const causes = this.#gaps.before(this.#key, event[keys.sequence] as number);
      if (causes !== undefined) this.#items.push({ kind: "gap", place: known, missing: missingOf(causes), causes });
    }
    if (known !== undefined && !keys.parts.has("time")) {
      const { [PRIVATE_TIME]: time, [PRIVATE_UNCERTAINTY]: timeUncertaintyMs, ...own } = event;
      this.#event(place, own, JSON.stringify(own), keys.registry, deviceMs, wallOf(time, timeUncertaintyMs));
      return;
    }
    const { time, timeUncertaintyMs } = keys.parts.has("time") ? event : NO_TIME;
    const wall = wallOf(time, timeUncertaintyMs);
    if (time !== undefined && wall === undefined) {
      const message = `time is ${quote(String(time))} and timeUncertaintyMs ${quote(String(timeUncertaintyMs))}, expected a time such as "2026-11-28T03:54:15.123Z" and an integer from 0: the time of day counts as unknown`;
      this.#problem("E_TIME", message, line, offsetBytes);
    }
    this.#event(place, event, text, keys.registry, deviceMs, wall);
  }

  #event(
    place: ReadPlace,
    event: Readonly<Record<string, unknown>>,
    line: string,
    registry: RegistryModel,
    deviceMs: number,
    wall: ReadEvent["wall"],
  ): void {
    this.#items.push({ kind: "event", place, event, line, registry, deviceMs, wall });
  }

  fault({ number, offsetBytes, fault }: FaultyLine): void {
    const message = fault === "too-long" ? "the line is longer than 1 MiB: it is skipped" : "the line is not UTF-8";
    this.#problem(fault === "too-long" ? "E_LINE_LENGTH" : "E_UTF8", message, number, offsetBytes);
  }

  #placeOf(event: Record<string, unknown>, parts: ReadonlySet<ContextPart>): ReadPlace {
    const hasBoot = parts.has("boot");
    const device = parts.has("device") && typeof event.device === "string" ? event.device : undefined;
    const boot = hasBoot && typeof event.boot === "number" ? event.boot : undefined;
    const bootId = hasBoot && typeof event.bootId === "string" ? event.bootId : undefined;
    const reader = hasBoot && typeof event.reader === "number" ? event.reader : 0;
    return this.#same({ device, boot, bootId, reader });
  }

  /** The same object as long as nothing changes. */
  #same(place: ReadPlace): ReadPlace {
    const last = this.#place;
    const { device, boot, bootId, reader } = place;
    if (device !== last.device || boot !== last.boot || bootId !== last.bootId || reader !== last.reader) {
      this.#place = place;
      this.#key = keyOf(place);
    }
    return this.#place;
  }

  /** NaN if the line does not say it. */
  #deviceMs(event: Record<string, unknown>, { time }: Keys, line: number, offsetBytes: number): number {
    const deviceMs = event[time];
    if (typeof deviceMs === "number" && Math.abs(deviceMs) <= Number.MAX_SAFE_INTEGER) return deviceMs;
    const said = typeof deviceMs === "number" ? `${deviceMs}` : quote(String(deviceMs));
    const found = deviceMs === undefined ? "is missing" : `is ${said}`;
    const message = `${time} ${found}, expected a number of at most 2^53 - 1: its time counts as unknown`;
    this.#problem("E_TIME", message, line, offsetBytes);
    return Number.NaN;
  }

  #findGap(
    place: ReadPlace,
    number: unknown,
    deviceMs: number,
    { sequence }: Keys,
    line: number,
    offsetBytes: number,
  ): void {
    if (typeof number !== "number") return;
    if (!Number.isSafeInteger(number) || number < 0) {
      const message = `${sequence} is ${number}, a whole number from 0 to 2^53 - 1 is allowed: no gap is counted from it`;
      this.#problem("E_SEQUENCE", message, line, offsetBytes);
      return;
    }
    const step = this.#numbers.step(this.#key, place.bootId !== undefined, number, deviceMs);
    if ("from" in step) {
      const message = `${sequence} goes back from ${step.from} to ${number} within a boot, so losses are not counted from here on: sort the lines, and remove repeated ones`;
      this.#problem("E_SEQUENCE", message, line, offsetBytes);
    } else if (step.missing > 0) this.#items.push({ kind: "gap", place, missing: step.missing, causes: undefined });
  }

  #problem(code: string, message: string, line: number, offsetBytes: number): void {
    this.#items.push({ kind: "problem", problem: { code, message, ...(line > 0 && { line, offsetBytes }) } });
  }
}

function keyOf({ device, boot, bootId, reader }: ReadPlace): string {
  return JSON.stringify([device, boot, bootId, reader]);
}

/** Undefined if it is not a time of day as lines have it. */
function wallOf(time: unknown, timeUncertaintyMs: unknown): ReadEvent["wall"] {
  if (typeof time !== "string" || !TIME_FORM.test(time)) return undefined;
  const unixMs = Date.parse(time);
  const uncertaintyMs = timeUncertaintyMs ?? 0;
  if (Number.isNaN(unixMs) || !Number.isSafeInteger(uncertaintyMs) || (uncertaintyMs as number) < 0) return undefined;
  return { unixMs, uncertaintyMs: uncertaintyMs as number };
}
