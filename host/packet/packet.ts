import { isUtf8 } from "node:buffer";
import {
  AT_BOOT_ID,
  AT_CONTENT_SIZE,
  AT_EVENTS_DISCARDED,
  AT_FIRST_EVENT_SEQ,
  AT_MAGIC,
  AT_PACKET_SEQ_NUM,
  AT_PACKET_SIZE,
  AT_READER,
  AT_RING_CAPACITY_SLOTS,
  AT_RING_PENDING_SLOTS,
  AT_STREAM_ID,
  AT_TIMESTAMP_BEGIN,
  AT_TIMESTAMP_END,
  AT_UUID,
  AT_WIRE_FORMAT,
  MAX_PACKET_BYTES,
  MAX_TOKEN_BYTES,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  SLOT_BYTES,
  STREAM_DATA,
  STREAM_TOKENS,
  TOKEN_ENTRY_HEADER_BYTES,
  TWO_TO_32,
  WIRE_FORMAT,
} from "../../src/ring/packet-layout.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { BootRecord } from "./boot-record.ts";

/** A problem with a packet. Without its place, which the reader of the packet knows. */
export interface Damage {
  /** Stable, `E_…` or `W_…`. */
  readonly code: string;
  /** What is wrong, with the value and what was expected. */
  readonly message: string;
}

/**
 * A packet header that is consistent in itself: sizes and relations checked, u64 fields at most 2^53 - 1. Times in ms
 * since boot.
 */
export interface PacketHeader {
  /** STREAM_DATA or STREAM_TOKENS */
  readonly streamId: number;
  readonly timestampBegin: number;
  readonly timestampEnd: number;
  /** Header included. 96 <= contentBytes <= packetBytes <= 65,536 */
  readonly contentBytes: number;
  readonly packetBytes: number;
  readonly eventsDiscarded: number;
  /**
   * From 1; an empty packet at the beginning of a capture's stream file has the number of the packet before it, or 0.
   */
  readonly packetNumber: number;
  readonly bootId: number;
  readonly firstEventSeq: number;
  readonly reader: number;
  readonly ringPendingSlots: number;
  readonly ringCapacitySlots: number;
}

/**
 * "none": there is no packet at all. The packetNumber of a damage is the header's, undefined if that is out of range.
 */
export type HeaderOutcome =
  | { readonly kind: "header"; readonly header: PacketHeader }
  | { readonly kind: "damage"; readonly damage: Damage; readonly packetNumber: number | undefined }
  | { readonly kind: "none" };

const UUID_BYTES = 16;
const NOTHING: HeaderOutcome = { kind: "none" };
/** Above this the field is text or garbage, not a future wire format. */
const MOST_WIRE_FORMAT = 255;

/**
 * The uuids of packets that a registry can read: its own fingerprint first, then those of layouts that it has grown out
 * of, and of other versions.
 */
export function uuidsOf({ fingerprint, earlierFingerprints = [], related }: RegistryModel): Uint8Array[] {
  return [fingerprint, ...earlierFingerprints, ...(related?.fingerprints ?? [])].map(uuidBytes);
}

/** The 16 bytes of a packet's uuid, from a fingerprint of 32 hex digits. */
export function uuidBytes(fingerprint: string): Uint8Array {
  return Uint8Array.from(Buffer.from(fingerprint, "hex"));
}

/** A boot id in folder names, metadata and messages: 14 hex digits. */
export function bootIdDigits(bootId: number): string {
  return bootId.toString(16).padStart(14, "0");
}

/** Unsigned 64-bit value; exact up to 2^53 - 1, above that only known to be greater. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_TO_32 + view.getUint32(at, true);
}

/**
 * Reads and checks the packet header at `at`; the view must hold its 96 bytes, but not the content. Reads nothing but
 * the header. `uuids`: from uuidsOf(). Throws nothing.
 */
export function parsePacketHeader(view: DataView, at: number, uuids: readonly Uint8Array[]): HeaderOutcome {
  if (view.getInt32(at + AT_MAGIC, true) !== PACKET_MAGIC) return NOTHING;
  const own = hasOneOf(view, at + AT_UUID, uuids);
  const wireFormat = view.getUint32(at + AT_WIRE_FORMAT, true);
  if (!own && wireFormat > MOST_WIRE_FORMAT) return NOTHING;
  const streamId = view.getUint32(at + AT_STREAM_ID, true);
  const contentBits = view.getUint32(at + AT_CONTENT_SIZE, true);
  const packetBits = view.getUint32(at + AT_PACKET_SIZE, true);
  const number = readU64(view, at + AT_PACKET_SEQ_NUM);
  const packetNumber = number <= Number.MAX_SAFE_INTEGER ? number : undefined;
  const damage = (code: string, message: string): HeaderOutcome => ({
    kind: "damage",
    damage: { code, message },
    packetNumber,
  });

  const wrong = wrongSize(contentBits, packetBits, streamId);
  if (!own) {
    // Four bytes of magic occur by chance; a whole header that makes sense does not.
    if (wrong !== undefined) return NOTHING;
    if (wireFormat === WIRE_FORMAT) return damage("E_REGISTRY", otherRegistry(view, at + AT_UUID, uuids[0]!));
  }
  if (wrong !== undefined) return damage("E_HEADER", wrong);
  if (wireFormat > MOST_WIRE_FORMAT) return damage("E_HEADER", `wire_format is ${wireFormat}, expected ${WIRE_FORMAT}`);
  if (wireFormat !== WIRE_FORMAT)
    return damage(
      "E_WIRE_FORMAT",
      `wire_format is ${wireFormat}, only ${WIRE_FORMAT} can be read: use a newer version`,
    );

  for (const [name, offset] of U64_FIELDS)
    if (readU64(view, at + offset) > Number.MAX_SAFE_INTEGER)
      return damage("E_HEADER", `${name} is ${view.getBigUint64(at + offset, true)}, expected at most 2^53 - 1`);
  const header: PacketHeader = {
    streamId,
    timestampBegin: readU64(view, at + AT_TIMESTAMP_BEGIN),
    timestampEnd: readU64(view, at + AT_TIMESTAMP_END),
    contentBytes: contentBits / 8,
    packetBytes: packetBits / 8,
    eventsDiscarded: readU64(view, at + AT_EVENTS_DISCARDED),
    packetNumber: number,
    bootId: readU64(view, at + AT_BOOT_ID),
    firstEventSeq: readU64(view, at + AT_FIRST_EVENT_SEQ),
    reader: view.getUint32(at + AT_READER, true),
    ringPendingSlots: view.getUint32(at + AT_RING_PENDING_SLOTS, true),
    ringCapacitySlots: view.getUint32(at + AT_RING_CAPACITY_SLOTS, true),
  };
  const unrelated = wrongRelation(header);
  return unrelated === undefined ? { kind: "header", header } : damage("E_HEADER", unrelated);
}

const U64_FIELDS: readonly (readonly [string, number])[] = [
  ["timestamp_begin", AT_TIMESTAMP_BEGIN],
  ["timestamp_end", AT_TIMESTAMP_END],
  ["events_discarded", AT_EVENTS_DISCARDED],
  ["packet_seq_num", AT_PACKET_SEQ_NUM],
  ["boot_id", AT_BOOT_ID],
  ["first_event_seq", AT_FIRST_EVENT_SEQ],
];

function hasOneOf(view: DataView, at: number, uuids: readonly Uint8Array[]): boolean {
  for (const uuid of uuids) if (hasUuid(view, at, uuid)) return true;
  return false;
}

function hasUuid(view: DataView, at: number, uuid: Uint8Array): boolean {
  for (let byte = 0; byte < UUID_BYTES; byte++) if (view.getUint8(at + byte) !== uuid[byte]) return false;
  return true;
}

function otherRegistry(view: DataView, at: number, uuid: Uint8Array): string {
  const theirs = Buffer.from(view.buffer, view.byteOffset + at, UUID_BYTES).toString("hex");
  const ours = Buffer.from(uuid).toString("hex");
  return `the packet's registry fingerprint is ${theirs}, but ${ours} is in use: name its registry with --registry FILE`;
}

function wrongSize(contentBits: number, packetBits: number, streamId: number): string | undefined {
  if (streamId !== STREAM_DATA && streamId !== STREAM_TOKENS)
    return `stream_id is ${streamId}, expected ${STREAM_DATA} (data) or ${STREAM_TOKENS} (tokens)`;
  if (packetBits % (SLOT_BYTES * 8) !== 0 || packetBits > MAX_PACKET_BYTES * 8)
    return `packet_size is ${packetBits} bits, expected a multiple of 128, at most ${MAX_PACKET_BYTES * 8}`;
  if (contentBits % 8 !== 0 || contentBits < PACKET_HEADER_BYTES * 8 || contentBits > packetBits)
    return `content_size is ${contentBits} bits, expected whole bytes, ${PACKET_HEADER_BYTES * 8} to packet_size, ${packetBits}`;
  if (streamId === STREAM_DATA && contentBits !== packetBits)
    return `content_size is ${contentBits} bits, packet_size ${packetBits}: they must be equal in a data packet`;
  if (packetBits - contentBits >= SLOT_BYTES * 8)
    return `packet_size is ${packetBits} bits, expected content_size, ${contentBits}, rounded up to 128`;
  return undefined;
}

function wrongRelation(header: PacketHeader): string | undefined {
  const { timestampBegin, timestampEnd, packetNumber, eventsDiscarded, firstEventSeq } = header;
  const zeros = eventsDiscarded === 0 && firstEventSeq === 0 && header.ringPendingSlots === 0;
  if (header.streamId === STREAM_TOKENS) {
    if (packetNumber === 0) return "packet_seq_num is 0, expected 1 or more in a token packet";
    if (timestampBegin !== timestampEnd)
      return `timestamp_begin is ${timestampBegin}, timestamp_end ${timestampEnd}: they must be equal in a token packet`;
    return zeros ? undefined : "events_discarded, first_event_seq and ring_pending_slots must be 0 in a token packet";
  }
  const hasNothing = timestampBegin === timestampEnd && header.firstEventSeq === 0 && header.ringCapacitySlots === 0;
  const isEmpty = header.contentBytes === PACKET_HEADER_BYTES && hasNothing && header.ringPendingSlots === 0;
  if (packetNumber === 0 && !(isEmpty && zeros && timestampEnd === 0))
    return "packet_seq_num is 0: only the empty packet at the start of a capture may have that";
  if (isEmpty) return undefined;
  if (header.contentBytes === PACKET_HEADER_BYTES) return `content_size is ${PACKET_HEADER_BYTES * 8} bits: no record`;
  if (timestampEnd < timestampBegin)
    return `timestamp_end is ${timestampEnd}, before timestamp_begin, ${timestampBegin}`;
  if (Math.floor(timestampBegin / TWO_TO_32) !== Math.floor(timestampEnd / TWO_TO_32))
    return `timestamp_begin is ${timestampBegin}, timestamp_end ${timestampEnd}: their upper 32 bits must be equal`;
  return undefined;
}

export interface TokenEntry {
  /** 1 to 65,535 */
  readonly token: number;
  /** 1 to 64 bytes of UTF-8, no U+0000. From the network: hostile. */
  readonly name: string;
}

/**
 * Reads the content of a token packet with the bytes `bytes[at, at + available)`, available at most its packetBytes.
 * Returns the entries before the first damage, and the damage if there is one. Throws nothing.
 */
export function readTokens(
  bytes: Uint8Array,
  at: number,
  available: number,
  header: PacketHeader,
): { readonly entries: readonly TokenEntry[]; readonly damage: Damage | undefined } {
  const entries: TokenEntry[] = [];
  const end = at + Math.min(header.contentBytes, available);
  const damaged = (position: number, message: string) => ({
    entries,
    damage: { code: "E_TOKEN", message: `token entry at byte ${position - at} of the packet: ${message}` },
  });
  let position = at + PACKET_HEADER_BYTES;
  while (position < end) {
    if (end - position < TOKEN_ENTRY_HEADER_BYTES)
      return damaged(position, `needs ${TOKEN_ENTRY_HEADER_BYTES} bytes, ${end - position} left`);
    const token = bytes[position]! | (bytes[position + 1]! << 8);
    const length = bytes[position + 2]! | (bytes[position + 3]! << 8);
    if (token === 0) return damaged(position, "token is 0, expected 1 or more");
    if (length === 0 || length > MAX_TOKEN_BYTES)
      return damaged(position, `length is ${length}, expected 1 to ${MAX_TOKEN_BYTES}`);
    const from = position + TOKEN_ENTRY_HEADER_BYTES;
    if (end - from < length) return damaged(position, `the name needs ${length} bytes, ${end - from} left`);
    const name = bytes.subarray(from, from + length);
    if (!isUtf8(name) || name.includes(0))
      return damaged(
        position,
        `the name of token ${token} is not UTF-8, or contains U+0000: ${Buffer.from(name).toString("hex")}`,
      );
    entries.push({ token, name: Buffer.from(name).toString() });
    position = from + length;
  }
  for (const stop = at + Math.min(header.packetBytes, available); position < stop; position++)
    if (bytes[position] !== 0) return damaged(position, `a byte after the content is ${bytes[position]}, expected 0`);
  return { entries, damage: undefined };
}

/** What the good records of a data packet say. */
export interface Content {
  /** Events among them. */
  readonly events: number;
  /** Losses that `_lost` records report. */
  readonly lost: number;
  /** elapsedMs if the first record is a `_time_jump`, else 0. */
  readonly jumpMs: number;
  /** The content of the first record if it is a `_boot`. */
  readonly boot: BootRecord | undefined;
  /** False if the packet is cut or damaged after them. */
  readonly complete: boolean;
}
