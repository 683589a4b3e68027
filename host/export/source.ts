/** What every export reads: the events of a recording, each once, and the gaps between them. */
import { PACKET_HEADER_BYTES, SLOT_BYTES, STREAM_DATA } from "../../src/ring/packet-layout.ts";
import type { DecodeItem, DecodeSummary, Gap, PacketReader, PacketSink } from "../decode/types.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import { JsonOutput } from "../packet/json-output.ts";
import { type BootPlace, bootIdText, type TimeOf, timeText } from "../packet/line-context.ts";
import type { PacketHeader } from "../packet/packet.ts";
import type { CheckedPacket, RecordDecoder, RecordTally } from "../packet/records.ts";
import { type ReadItem, type ReadPlace, readEvents } from "../read/events.ts";
import { followFolder } from "../read/follow.ts";
import { GapPlaces, missingOf } from "../read/gap-places.ts";
import { goodPart } from "../read/good-part.ts";
import type { Recording } from "../read/recording.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";

/** One boot of one device: the same object in all items about it. */
export interface ExportBoot {
  /** From 0, in the order of the recording. */
  readonly index: number;
  readonly device: string | undefined;
  readonly boot: number | undefined;
  readonly bootId: string | undefined;
  /** How many earlier boots of the device have the same id; absent for none, which is usual. */
  readonly twin?: number;
  /**
   * Why the board was reset, and what became of the previous boot's ring; known before the boot's first event, if the
   * recording has it.
   */
  reset?: BootRecord;
}

export type Values = Readonly<Record<string, string | number | boolean>>;

export interface ExportEvent {
  readonly kind: "event";
  readonly boot: ExportBoot;
  /** The registry's attributes. */
  readonly event: Values;
  /** Whole milliseconds since boot; if a line does not state it, those of the event before, or 0. */
  readonly deviceMs: number;
  /** Whole milliseconds since 1970; undefined if the time of day is unknown. */
  readonly unixMs: number | undefined;
  readonly uncertaintyMs: number;
}

export interface ExportGap {
  readonly kind: "gap";
  readonly boot: ExportBoot;
  readonly missing: number;
  /** For lines the cause is unknown. */
  readonly causes: Gap | undefined;
}

/** How full the ring was when a packet was made, just before the packet's events. */
export interface ExportRing {
  readonly kind: "ring";
  readonly boot: ExportBoot;
  /** 0 to 1. */
  readonly fill: number;
}

export type ExportItem =
  | ExportEvent
  | ExportGap
  | ExportRing
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "summary"; readonly summary: DecodeSummary };

/** The boots of a recording. For each boot only its first reader counts: others repeat its events. */
class Boots {
  readonly #boots = new Map<string, { readonly boot: ExportBoot; readonly reader: number }>();
  /** By device and boot id. */
  readonly #ofId = new Map<string, number>();
  readonly #byPlace = new WeakMap<object, ExportBoot | undefined>();
  /** Events of further readers. */
  repeated = 0;

  /** Undefined for a further reader. */
  of(place: BootPlace | ReadPlace): ExportBoot | undefined {
    if (this.#byPlace.has(place)) return this.#byPlace.get(place);
    const { device, boot, reader } = place;
    const bootId = typeof place.bootId === "number" ? bootIdText(place.bootId) : place.bootId;
    const key = JSON.stringify([device, boot, bootId]);
    let known = this.#boots.get(key);
    if (known === undefined) {
      const id = JSON.stringify([device, bootId]);
      const twin = this.#ofId.get(id) ?? 0;
      this.#ofId.set(id, twin + 1);
      known = { boot: { index: this.#boots.size, device, boot, bootId, ...(twin > 0 && { twin }) }, reader };
      this.#boots.set(key, known);
    }
    const own = known.reader === reader ? known.boot : undefined;
    this.#byPlace.set(place, own);
    return own;
  }

  repetitions(): ExportItem[] {
    const count = this.repeated;
    if (count === 0) return [];
    const message = `${count} events of further readers not exported: they repeat those of the first reader of their boot`;
    return [{ kind: "problem", problem: { code: "W_READER", message, count } }];
  }
}

/**
 * The items of any recording, some at a time, in the order of its bytes. Lines of another schema version than the registry's are a
 * problem, E_VERSION, as is damage that ends the recording. Fails as the recording's items do otherwise. Memory: what a chunk gives, and a little for each boot.
 */
export async function* exportItems(
  recording: Recording,
  registry: RegistryModel,
): AsyncGenerator<readonly ExportItem[], void, void> {
  const boots = new Boots();
  const gaps = new GapPlaces<ExportBoot>();
  const ofDamage = (problem: Problem) => ({ kind: "problem", problem }) as const;
  if (recording.form === "lines") {
    const items = readEvents(recording, { registry, registries: [registry] });
    yield* readItems(
      goodPart(items, (problem) => [ofDamage(problem)]),
      registry,
      boots,
    );
    return;
  }
  let sink: ExportSink | undefined;
  const items = recording.items({
    registry,
    output: (records, timeOf) => {
      sink = new ExportSink(records, timeOf, boots, gaps);
      return sink;
    },
  });
  for await (const item of goodPart(items, ofDamage)) {
    const found = sink?.takeFound() ?? [];
    if (item.kind === "problem" || item.kind === "summary") found.push(item);
    yield found;
  }
  const found = sink?.takeFound() ?? [];
  for (const [boot, gap] of gaps.rest()) found.push(gapItem(boot, gap));
  yield [...found, ...boots.repetitions()];
}

function gapItem(boot: ExportBoot, causes: Gap): ExportGap {
  return { kind: "gap", boot, missing: missingOf(causes), causes };
}

/**
 * Returns the items of a capture folder, and what is added to it from then on. Fails, and ends, as followFolder;
 * `caughtUp` is called when everything that was there has been given.
 */
export async function* followedItems(
  path: string,
  registry: RegistryModel,
  caughtUp: () => void,
  ended: AbortSignal,
): AsyncGenerator<readonly ExportItem[], void, void> {
  const items = followFolder(path, { registry, registries: [registry] }, caughtUp, ended);
  yield* readItems(items, registry, new Boots());
}

async function* readItems(
  source: AsyncIterable<ReadItem[]>,
  registry: RegistryModel,
  boots: Boots,
): AsyncGenerator<readonly ExportItem[], void, void> {
  const keys = new Set(registry.attributes.map(({ key }) => key));
  /** Without a time, an event is where the one before it is. */
  const lastMs = new WeakMap<ExportBoot, number>();
  for await (const items of source) {
    const found: ExportItem[] = [];
    for (const item of items) {
      if (item.kind === "problem") {
        found.push(item);
        continue;
      }
      const boot = boots.of(item.place);
      if (item.kind === "boot") {
        if (boot !== undefined) boot.reset ??= item.record;
      } else if (item.kind === "gap") {
        if (boot !== undefined) found.push({ kind: "gap", boot, missing: item.missing, causes: item.causes });
      } else if (boot === undefined) boots.repeated++;
      else {
        const { deviceMs, wall, event } = item;
        const ms = Number.isFinite(deviceMs) ? Math.floor(deviceMs) : (lastMs.get(boot) ?? 0);
        lastMs.set(boot, ms);
        const own = Object.fromEntries(
          Object.entries(event).filter(([key, value]) => keys.has(key) && isValue(value)),
        ) as Values;
        found.push({
          kind: "event",
          boot,
          event: own,
          deviceMs: ms,
          unixMs: wall?.unixMs,
          uncertaintyMs: wall?.uncertaintyMs ?? 0,
        });
      }
    }
    yield found;
  }
  yield boots.repetitions();
}

function isValue(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

const SECOND_MS = 1000;
const NO_LINES = new Uint8Array(0);

/** Turns packets into items. The stream of decoded items has only a sign that something was found. */
class ExportSink implements PacketSink {
  readonly #records: RecordDecoder;
  readonly #timeOf: (place: BootPlace) => TimeOf | undefined;
  readonly #boots: Boots;
  readonly #gaps: GapPlaces<ExportBoot>;
  readonly #lines = new JsonOutput(64 * 1024);
  #found: ExportItem[] = [];

  constructor(
    records: RecordDecoder,
    timeOf: (place: BootPlace) => TimeOf | undefined,
    boots: Boots,
    gaps: GapPlaces<ExportBoot>,
  ) {
    this.#records = records;
    this.#timeOf = timeOf;
    this.#boots = boots;
    this.#gaps = gaps;
  }

  packet(packet: CheckedPacket, { place, names }: PacketReader, tally: RecordTally): void {
    const { header } = packet;
    const boot = this.#boots.of(place);
    const lines = this.#lines;
    lines.clear();
    this.#records.write(packet, names, tally, lines);
    if (boot === undefined) {
      this.#boots.repeated += packet.checked.events;
      return;
    }
    if (header.ringCapacitySlots > 0) {
      const own = (header.contentBytes - PACKET_HEADER_BYTES) / SLOT_BYTES;
      const fill = Math.min(1, (header.ringPendingSlots + own) / header.ringCapacitySlots);
      this.#found.push({ kind: "ring", boot, fill });
    }
    const events = JSON.parse(`[${lines.written().toString().trimEnd().replaceAll("\n", ",")}]`) as Values[];
    const timeOf = this.#timeOf(place);
    let second = -1;
    let offsetMs = Number.NaN;
    let uncertaintyMs = 0;
    let index = 0;
    this.#records.visit(packet, this.#records.tally(), (_shape, _at, deviceMs, eventSeq) => {
      const event = events[index++]!;
      const gap = this.#gaps.before(boot, eventSeq);
      if (gap !== undefined) this.#found.push(gapItem(boot, gap));
      // As in lines: the time of day is computed once for each second since boot.
      const ownSecond = Math.floor(deviceMs / SECOND_MS);
      if (timeOf !== undefined && ownSecond !== second) {
        second = ownSecond;
        const time = timeOf(second * SECOND_MS);
        offsetMs = time === undefined ? Number.NaN : time.unixMs - second * SECOND_MS;
        uncertaintyMs = time?.uncertaintyMs ?? 0;
      }
      const unixMs = Math.floor(deviceMs + offsetMs);
      // What lines cannot say is unknown.
      const isKnown = timeText(unixMs) !== undefined && Number.isSafeInteger(uncertaintyMs);
      this.#found.push({
        kind: "event",
        boot,
        event,
        deviceMs,
        unixMs: isKnown ? unixMs : undefined,
        uncertaintyMs: isKnown ? uncertaintyMs : 0,
      });
    });
  }

  gap(gap: DecodeItem & Gap & { readonly kind: "gap" }, header: PacketHeader): void {
    if (header.streamId !== STREAM_DATA) return;
    const { device, boot, bootId, reader, lostOnDevice, lostInTransit, beforeFirstPacket } = gap;
    const own = this.#boots.of({ device, boot, bootId, reader });
    if (own === undefined) return;
    this.#gaps.add(own, { lostOnDevice, lostInTransit, beforeFirstPacket });
  }

  boot({ device, boot, bootId, reader, record }: DecodeItem & { readonly kind: "boot" }): void {
    const own = this.#boots.of({ device, boot, bootId, reader });
    if (own !== undefined) own.reset ??= record;
  }

  problem(problem: Problem): void {
    this.#found.push({ kind: "problem", problem });
  }

  /** A sign that something was found, so that it is taken while the recording is read. */
  take(): DecodeItem[] {
    return this.#found.length === 0 ? [] : [{ kind: "batch", lines: NO_LINES, count: 0 }];
  }

  takeFound(): ExportItem[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }
}
