// The input and the results of decoding.
import type { TelemetryEvent } from "../generated/events.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import type { BootPlace, TimeOf } from "../packet/line-context.ts";
import type { PacketHeader } from "../packet/packet.ts";
import type { CheckedPacket, DecodedEvent, RecordDecoder, RecordTally, TokenNames } from "../packet/records.ts";
import type { ContextChoice } from "../registry/context.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";

export interface DecodeOptions {
  /** Packets from another registry are refused. */
  readonly registry: RegistryModel;
  /**
   * The form of the events: objects, the default; the JSON lines of a packet; or the JSON lines of many packets in one
   * piece, several times as fast as objects, for callers that write them on at once. Or a sink that takes the packets'
   * records directly.
   */
  readonly output?: "events" | "lines" | "batches" | OpenSink;
  /**
   * What is added after the registry's attributes: the device and boot of an event, and its time. Default "auto": all
   * that is known, if there is more than one boot.
   */
  readonly with?: ContextChoice;
  /**
   * With a registry that has attributes named as the time of day: whether the time is added under names that no registry
   * has. Default false. @internal
   */
  readonly privateTime?: boolean;
  /** Whether gaps are items of their own. Default false. */
  readonly gaps?: boolean;
  /** Named in problems, if the source is not a path. */
  readonly file?: string;
  /**
   * Each push is one whole packet, as from a frame or a datagram. Otherwise a packet may be cut, and another begin
   * within it.
   */
  readonly isWhole?: boolean;
}

/** Where a packet came from. */
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
  /** In packets that are missing or damaged. */
  readonly lostInTransit: number;
  /** Sent before the first packet of this recording. */
  readonly beforeFirstPacket: number;
}

/** Takes the results of decoding, in the order of the bytes. Nothing of a packet is valid after the call. */
export interface PacketSink {
  /** The good records of a packet that has events; count them in `tally`. */
  packet(packet: CheckedPacket, reader: PacketReader, tally: RecordTally): void;
  gap(gap: DecodeItem & { readonly kind: "gap" }, header: PacketHeader): void;
  boot(boot: DecodeItem & { readonly kind: "boot" }): void;
  problem(problem: Problem): void;
  /** Further items to report. */
  take(): DecodeItem[];
}

/** Makes a sink for the records of a registry. `timeOf` gives times of day. */
export type OpenSink = (records: RecordDecoder, timeOf: (place: BootPlace) => TimeOf | undefined) => PacketSink;

/**
 * The results of decoding, in the order of the bytes: the events of a packet, or their JSON lines (each ended by "\n",
 * in UTF-8), or a batch of lines, whose bytes are valid until the next item is requested; if requested, a gap before a
 * packet's events; the record that a boot begins with, for each reader; a problem; and last, once, the summary. `E`:
 * the events of the registry that is used.
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
 * For each boot and reader: events + lostOnDevice + lostInTransit + beforeFirstPacket is the number of the next event,
 * unless counts were damaged, which is reported.
 */
export interface DecodeSummary {
  /** Delivered events by name, in the registry's order; 0 for those that did not occur. */
  readonly events: Readonly<Record<string, number>>;
  /** Data packets whose events were delivered, and accepted token packets. */
  readonly packets: number;
  readonly tokenPackets: number;
  /** If more than 4,096 boots alternate, some are counted again. */
  readonly boots: number;
  /** Events overwritten unread, or refused, as the device counted them. */
  readonly lostOnDevice: number;
  /** Events in packets that are missing or damaged: known once a later packet has arrived. */
  readonly lostInTransit: number;
  /** Events that were sent in packets before the first one of this recording. */
  readonly beforeFirstPacket: number;
  /** Data and token packets that are missing or damaged. */
  readonly missingPackets: number;
  readonly timeJumps: number;
  /** Messages beyond the device's limits, which are not events. Absent if there are none. */
  readonly suppressed?: number;
  /** Reported damage: packets, and bytes that are not packets. */
  readonly damaged: number;
  /** Packets from another registry or wire format; only the first of a run is reported. */
  readonly refused: number;
  /** Packets that arrived again or too late. */
  readonly repeated: number;
  /** Uses of a token with an unknown name: "" in the event. */
  readonly unnamedTokens: number;
  /** How often each text of bootText() occurred in the records that boots begin with; absent if there were none. */
  readonly bootRecords?: Readonly<Record<string, number>>;
  /**
   * By attribute: events with an attribute that this registry does not have, but a newer version does. Absent if there
   * are none.
   */
  readonly leftOut?: Readonly<Record<string, number>>;
}
