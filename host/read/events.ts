/** The events of a recording one by one, with what is known of their device and boot, and the gaps between them. */
import type { DecodeItem, Gap } from "../decode/types.ts";
import { keyFrom } from "../migrate/steps.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import { bootIdText } from "../packet/line-context.ts";
import { type ContextPart, contextParts } from "../registry/context.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { type FaultyLine, LineSplitter, quote } from "../text/lines.ts";
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
  for await (const item of recording.items({ registry, output: "lines", with: "all", gaps: true })) {
    lines.add(item);
    yield lines.take();
  }
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

/** Most boots in lines whose numbers are followed to find gaps. */
const MOST_FOLLOWED = 16_384;

interface Keys {
  readonly registry: RegistryModel;
  readonly time: string;
  readonly sequence: string;
  /** What may follow an event's attributes: a member that has the name of an attribute belongs to the registry. */
  readonly parts: ReadonlySet<ContextPart>;
}

/** JSON lines as events. */
export class EventLines {
  #items: ReadItem[] = [];
  readonly #findsGaps: boolean;
  readonly #versions: ReadonlyMap<unknown, Keys>;
  readonly #versionKeys: readonly string[];
  /** For each place, the number of the next event; least recently used first. */
  readonly #next = new Map<string, number>();
  #place: ReadPlace = { device: undefined, boot: undefined, bootId: undefined, reader: 0 };

  constructor(registries: readonly RegistryModel[], findsGaps: boolean) {
    this.#findsGaps = findsGaps;
    this.#versions = new Map(
      registries.map((registry) => [
        registry.schemaVersion,
        {
          registry,
          time: keyFrom(registry, "time"),
          sequence: keyFrom(registry, "sequence"),
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

  /** Items of decoding, including lines and gaps. */
  add(item: DecodeItem): void {
    if (item.kind === "lines") {
      for (const line of Buffer.from(item.lines).toString().trimEnd().split("\n")) this.line(line, 0, 0);
    } else if (item.kind === "gap") {
      const { device, boot, bootId, reader, lostOnDevice, lostInTransit, beforeFirstPacket } = item;
      const place = { device, boot, bootId: bootIdText(bootId), reader };
      const missing = lostOnDevice + lostInTransit + beforeFirstPacket;
      this.#items.push({ kind: "gap", place, missing, causes: { lostOnDevice, lostInTransit, beforeFirstPacket } });
    } else if (item.kind === "boot") {
      const { device, boot, bootId, reader, record } = item;
      this.#items.push({ kind: "boot", place: { device, boot, bootId: bootIdText(bootId), reader }, record });
    } else if (item.kind === "problem") this.#items.push({ kind: "problem", problem: item.problem });
  }

  line(text: string, line: number, offsetBytes: number): void {
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
    const place = this.#placeOf(event, keys.parts);
    const number = event[keys.sequence];
    if (typeof number === "number" && !(Number.isSafeInteger(number) && number >= 0)) {
      const message = `${keys.sequence} is ${number}, a whole number from 0 to 2^53 - 1 is allowed: no gap is counted from it`;
      this.#problem("E_SEQUENCE", message, line, offsetBytes);
    } else if (this.#findsGaps) this.#findGap(place, number);
    const { time, timeUncertaintyMs } = event;
    const unixMs = keys.parts.has("time") && typeof time === "string" ? Date.parse(time) : Number.NaN;
    const deviceMs = event[keys.time];
    const isTime = typeof deviceMs === "number" && Math.abs(deviceMs) <= Number.MAX_SAFE_INTEGER;
    if (typeof deviceMs === "number" && !isTime) {
      const message = `${keys.time} is ${deviceMs}, expected at most 2^53 - 1: its time counts as unknown`;
      this.#problem("E_TIME", message, line, offsetBytes);
    }
    this.#items.push({
      kind: "event",
      place,
      event,
      line: text,
      registry: keys.registry,
      deviceMs: isTime ? deviceMs : Number.NaN,
      wall: Number.isNaN(unixMs)
        ? undefined
        : { unixMs, uncertaintyMs: typeof timeUncertaintyMs === "number" ? timeUncertaintyMs : 0 },
    });
  }

  fault({ number, offsetBytes, fault }: FaultyLine): void {
    const message = fault === "too-long" ? "the line is longer than 1 MiB: it is skipped" : "the line is not UTF-8";
    this.#problem(fault === "too-long" ? "E_LINE_LENGTH" : "E_UTF8", message, number, offsetBytes);
  }

  /** The same object as long as nothing changes. */
  #placeOf(event: Record<string, unknown>, parts: ReadonlySet<ContextPart>): ReadPlace {
    const hasBoot = parts.has("boot");
    const device = parts.has("device") && typeof event.device === "string" ? event.device : undefined;
    const boot = hasBoot && typeof event.boot === "number" ? event.boot : undefined;
    const bootId = hasBoot && typeof event.bootId === "string" ? event.bootId : undefined;
    const reader = hasBoot && typeof event.reader === "number" ? event.reader : 0;
    const last = this.#place;
    if (device !== last.device || boot !== last.boot || bootId !== last.bootId || reader !== last.reader)
      this.#place = { device, boot, bootId, reader };
    return this.#place;
  }

  #findGap(place: ReadPlace, number: unknown): void {
    if (typeof number !== "number") return;
    const key = JSON.stringify([place.device, place.boot, place.bootId, place.reader]);
    const next = this.#next.get(key);
    if (next !== undefined && number > next)
      this.#items.push({ kind: "gap", place, missing: number - next, causes: undefined });
    if (next === undefined && this.#next.size >= MOST_FOLLOWED) this.#next.delete(this.#next.keys().next().value!);
    this.#next.set(key, number + 1);
  }

  #problem(code: string, message: string, line: number, offsetBytes: number): void {
    this.#items.push({ kind: "problem", problem: { code, message, ...(line > 0 && { line, offsetBytes }) } });
  }
}
