// What decoding is given, and what it brings.
import type { TelemetryEvent } from "../generated/events.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import type { BootPlace, TimeOf } from "../packet/line-context.ts";
import type { PacketHeader } from "../packet/packet.ts";
import type { CheckedPacket, DecodedEvent, RecordDecoder, RecordTally, TokenNames } from "../packet/records.ts";
import type { ContextChoice } from "../registry/context.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";

export interface DecodeOptions {
  /** Packets of another one are refused. */
  readonly registry: RegistryModel;
  /**
   * What events come out as: objects, the default; the JSON lines of a packet; or the JSON lines of many packets in one
   * piece, several times as fast as objects, for whoever writes them on at once. Or who takes the packets' records as they are.
   */
  readonly output?: "events" | "lines" | "batches" | OpenSink;
  /** What comes after the registry's attributes: whose event it was, and when. Default "auto": all that is known, once there is more than one boot. */
  readonly with?: ContextChoice;
  /** Gaps are items of their own. Default false. */
  readonly gaps?: boolean;
  /** Stands in problems, if the source is not a path. */
  readonly file?: string;
  /** Each push is one whole packet, as out of a frame or a datagram. Else one may be cut, and another begin within it. */
  readonly isWhole?: boolean;
}

/** Whose packet it was. */
export interface PacketPlace extends BootPlace {
  readonly packet: number;
}

/** What is known of a boot and reader, from one packet to the next. */
export interface PacketReader {
  readonly place: BootPlace;
  readonly names: TokenNames;
}

/** Events that are missing before those of a packet, or among them, by cause. */
export interface Gap {
  /** Overwritten unread, or refused. */
  readonly lostOnDevice: number;
  /** Of packets that are missing or damaged. */
  readonly lostInTransit: number;
  /** Sent before the first packet here. */
  readonly beforeFirstPacket: number;
}

/** Takes what decoding finds, in the order of the bytes. Nothing of a packet is good after the call. */
export interface PacketSink {
  /** The good records of a packet, which has events; they are to be counted in `tally`. */
  packet(packet: CheckedPacket, reader: PacketReader, tally: RecordTally): void;
  gap(gap: DecodeItem & { readonly kind: "gap" }, header: PacketHeader): void;
  boot(boot: DecodeItem & { readonly kind: "boot" }): void;
  problem(problem: Problem): void;
  /** What there is to tell. */
  take(): DecodeItem[];
}

/** A sink over the records of a registry. `timeOf`: time of day. */
export type OpenSink = (records: RecordDecoder, timeOf: (place: BootPlace) => TimeOf | undefined) => PacketSink;

/**
 * What decoding brings, in the order of the bytes: the events of a packet, or their JSON lines (each ended by "\n", in UTF-8),
 * or a batch of lines, whose bytes are good until the item after it is asked for; if asked for, before a packet's events, what is
 * missing; or what a boot begins with, of each reader; or a problem; last of all, once, the summary. `E`: the events of the
 * registry that decoding is given.
 */
export type DecodeItem<E = TelemetryEvent> =
  | (PacketPlace & { readonly kind: "events"; readonly events: readonly DecodedEvent<E>[] })
  | (PacketPlace & { readonly kind: "lines"; readonly lines: Uint8Array; readonly count: number })
  | { readonly kind: "batch"; readonly lines: Uint8Array; readonly count: number }
  | (PacketPlace & Gap & { readonly kind: "gap" })
  | (PacketPlace & { readonly kind: "boot"; readonly record: BootRecord })
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "summary"; readonly summary: DecodeSummary };

/**
 * For each boot and reader: events + lostOnDevice + lostInTransit + beforeFirstPacket is the number of the event that comes
 * next, unless counts were damaged, which is reported.
 */
export interface DecodeSummary {
  /** Events delivered by name, in the registry's order; 0 for those that did not occur. */
  readonly events: Readonly<Record<string, number>>;
  /** Data packets of which events were delivered, and token packets taken. */
  readonly packets: number;
  readonly tokenPackets: number;
  /** Of more than 4,096 whose packets alternate, some are counted again. */
  readonly boots: number;
  /** Events overwritten unread, or refused, as the device counted them. */
  readonly lostOnDevice: number;
  /** Events of packets that are missing or damaged: seen once a later packet has arrived. */
  readonly lostInTransit: number;
  /** Events that were sent in packets before the first one here. */
  readonly beforeFirstPacket: number;
  /** Packets, data and token ones, that are missing or damaged. */
  readonly missingPackets: number;
  readonly timeJumps: number;
  /** Messages that were over the device's limits, and are no events. Absent if there are none. */
  readonly suppressed?: number;
  /** Damages reported: packets, and bytes that are none. */
  readonly damaged: number;
  /** Packets of another registry or wire format; the first of a run is reported. */
  readonly refused: number;
  /** Packets that came again or too late. */
  readonly repeated: number;
  /** Uses of a token whose name is not known: "" in the event. */
  readonly unnamedTokens: number;
  /** How often each thing was said by the records that boots begin with, as bootText() says it; absent if there were none. */
  readonly bootRecords?: Readonly<Record<string, number>>;
  /** By attribute: events whose devices recorded one that the registry does not have, a newer version does. Absent if there are none. */
  readonly leftOut?: Readonly<Record<string, number>>;
}
