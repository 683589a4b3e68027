/** Decodes what an emitter recorded, without files: for unit tests, and for programs that keep packets elsewhere. */
import { StreamDecoder } from "../decode/decode.ts";
import type { DecodeItem, DecodeOptions, DecodeSummary } from "../decode/types.ts";
import type { TelemetryEvent } from "../generated/events.ts";
import { registry as emitted } from "../generated/registry.ts";
import type { DecodedEvent } from "../packet/records.ts";
import type { Problem } from "../text/errors.ts";

/** A source of packets: a reader of a Telemetry, or of a recorder for your own events. */
export interface PacketReader {
  /** Writes the next packet into `buffer`. Returns its bytes, 0 if nothing waits. */
  next(buffer: Uint8Array): number;
}

/** An object that makes such readers, as a Telemetry does. */
export interface PacketReaders {
  reader(): PacketReader & { close(): void };
}

export interface Collected<Event = TelemetryEvent> {
  /** In their order. */
  readonly events: readonly DecodedEvent<Event>[];
  /** Problems with the packets: normally none. Losses are in the summary. */
  readonly problems: readonly Problem[];
  readonly summary: DecodeSummary;
}

/** Most bytes of a packet. */
const MOST_PACKET_BYTES = 65_536;

/**
 * Passes each waiting packet to `onPacket`, in its own copy, until none waits. Returns how many. If `onPacket` itself
 * records events, their packets are passed on, too, without end if it never stops. Throws TypeError if one of the
 * arguments is of another kind, RangeError if the reader returns more bytes than its buffer has.
 *
 *     drain(telemetry.reader(), (packet) => capture.write(packet));
 */
export function drain(reader: PacketReader, onPacket: (packet: Uint8Array) => void): number {
  if (!has(reader, "next")) refuse("drain()", "a reader: telemetry.reader()", reader);
  if (typeof onPacket !== "function") refuse("drain()", "a function that takes packets, after the reader", onPacket);
  const buffer = new Uint8Array(MOST_PACKET_BYTES);
  let packets = 0;
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) {
    if (bytes > buffer.length)
      throw new RangeError(`drain(): next() returned ${bytes}, its buffer has ${buffer.length}`);
    packets++;
    onPacket(buffer.slice(0, bytes));
  }
  return packets;
}

/**
 * Returns the events that wait for a reader, or everything in the ring of a Telemetry: other readers of it miss
 * nothing. `registry`: that of your own events; default: the bundled one. Throws TypeError if `from` is neither.
 * `Event`: its type, as in decode(). `with`: as in DecodeOptions.
 *
 *     const { events } = collect(telemetry);
 *     assert.deepEqual(events.map(({ event }) => event), ["ws.connect", "msg.recv"]);
 */
export function collect<Event = TelemetryEvent>(
  from: PacketReader | PacketReaders,
  options: Partial<Pick<DecodeOptions, "registry" | "with">> = {},
): Collected<Event> {
  const { registry } = options;
  if (registry !== undefined && typeof registry?.fingerprint !== "string")
    refuse("collect()", "a registry from loadRegistry()", registry);
  if (has(from, "next")) return collectFrom<Event>(from as PacketReader, options);
  if (!has(from, "reader")) refuse("collect()", "a Telemetry or one of its readers", from);
  const reader = (from as PacketReaders).reader();
  if (!has(reader, "next") || !has(reader, "close")) refuse("collect()", "a Telemetry or one of its readers", from);
  try {
    return collectFrom<Event>(reader, options);
  } finally {
    reader.close();
  }
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
}

function refuse(who: string, wanted: string, value: unknown): never {
  throw new TypeError(`${who} expects ${wanted}, got ${value === null ? "null" : typeof value}`);
}

function collectFrom<Event>(
  reader: PacketReader,
  options: Partial<Pick<DecodeOptions, "registry" | "with">>,
): Collected<Event> {
  const decoder = new StreamDecoder<Event>({ registry: emitted, ...options, isWhole: true });
  const events: DecodedEvent<Event>[] = [];
  const problems: Problem[] = [];
  let summary = decoder.summary();
  const take = (items: readonly DecodeItem<Event>[]): void => {
    for (const item of items)
      if (item.kind === "events") events.push(...item.events);
      else if (item.kind === "problem") problems.push(item.problem);
      else if (item.kind === "summary") summary = item.summary;
  };
  const packets = drain(reader, (packet) => take(decoder.push(packet)));
  // Nothing recorded is not damage.
  if (packets > 0) take(decoder.end());
  return { events, problems, summary };
}
