/**
 * Distinguishes boots with the same id: a device's random numbers start alike each time, or its firmware gives a
 * constant.
 */
import { crc32 } from "node:zlib";
import { PACKET_HEADER_BYTES, STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import { bootIdDigits, type Damage, type PacketHeader } from "./packet.ts";
import { NO_DIGEST, type Place, SeenPackets } from "./seen-packets.ts";

/** A packet that the next packet may show to belong to another boot. */
export interface HeldPacket {
  readonly header: PacketHeader;
  readonly packet: Uint8Array;
  /** A token packet that was assigned to the previous boot; else it was ignored as a repetition. */
  readonly wasTaken: boolean;
}

/** A boot with the id of an earlier one. */
export interface FurtherBoot {
  /** Earlier boots with this id. */
  readonly boot: number;
  /** W_BOOT_ID. */
  readonly warning: Damage;
  /**
   * Its first packets, so far indistinguishable from those of the previous boot: they are equal, or are names that it
   * did not have. In order of arrival.
   */
  readonly first: readonly HeldPacket[];
}

/**
 * For each id this many boots are distinguished, this many readers of each, and this many ids; beyond that, the oldest,
 * or the least recently used, is forgotten.
 */
const MOST_BOOTS = 4;
const MOST_READERS = 16;
const DEFAULT_MOST_IDS = 64;
/** Repetitions that are held, because the next packet may show that they were none. */
const MOST_HELD = 64;
const MOST_HELD_BYTES = 256 << 10;
/**
 * A packet of an older boot may come after the beginning of the next one, if at most this many are missing before it.
 */
const MOST_GAP = 64;
const MUCH_NEARER = 8;

interface Boot {
  /** By reader, then by stream. */
  readonly streams: Map<number, Map<number, SeenPackets>>;
  /** Of the latest packet. */
  lastMs: number;
  packets: number;
}

interface Id {
  /** Boots before those in `boots`. */
  forgotten: number;
  /** The newest last. */
  readonly boots: Boot[];
  held: HeldPacket[];
  heldBytes: number;
}

/**
 * Decides which of the boots with its id a packet belongs to. A packet with a known number is a repetition only if its
 * bytes are the same, or if they are forgotten and it fits between its neighbours; otherwise another boot has begun.
 * Packets of earlier boots may still come. Holds some numbers of at most 192 packets for each boot, reader and stream.
 */
export class BootTeller {
  readonly #mostIds: number;
  /** Least recently used first. */
  readonly #ids = new Map<number, Id>();
  #newest: number | undefined;

  constructor(mostIds = DEFAULT_MOST_IDS) {
    this.#mostIds = mostIds;
  }

  /**
   * Returns how many earlier boots have the id of the packet's boot: nearly always 0. Where another boot begins, also
   * what to report and do first. `packet`: undefined if its bytes are damaged; then it begins no boot. Call it once for
   * each packet, in order of arrival.
   */
  of(header: PacketHeader, packet: Uint8Array | undefined): number | FurtherBoot {
    const id = this.#id(header.bootId);
    const digest = packet === undefined ? NO_DIGEST : crc32(packet);
    // The empty packet at the beginning of a capture repeats what came before it.
    if (header.contentBytes === PACKET_HEADER_BYTES) return id.forgotten + Math.max(0, id.boots.length - 1);
    const index = chosen(id, header, digest, packet !== undefined);
    if (index < id.boots.length) {
      const boot = id.boots[index]!;
      const isNew = header.packetNumber > lastOf(boot, header);
      add(boot, header, digest);
      if (isNew && header.streamId === STREAM_DATA) {
        if (id.held.length > 0) drop(id);
      } else if (isNew && packet !== undefined) {
        const next =
          1 + id.held.filter(({ wasTaken, header: { reader } }) => wasTaken && reader === header.reader).length;
        if (header.packetNumber === next) hold(id, { header, packet: Uint8Array.from(packet), wasTaken: true });
      }
      return id.forgotten + index;
    }
    const before = id.boots.at(-1);
    const boot = id.forgotten + id.boots.length;
    const further: Boot = { streams: new Map(), lastMs: 0, packets: 0 };
    id.boots.push(further);
    if (id.boots.length > MOST_BOOTS) {
      id.boots.shift();
      id.forgotten++;
    }
    const first = before === undefined ? [] : firstOnes(id.held, header, before);
    drop(id);
    for (const held of first) add(further, held.header, crc32(held.packet));
    add(further, header, digest);
    if (before === undefined) return boot;
    return { boot, warning: warningOf(header, boot, first.length), first };
  }

  /**
   * A packet was ignored as a repetition, or because it was too late. Keeps it until the next packet shows whether it
   * was one. Its bytes must not change any more.
   */
  passedOver(header: PacketHeader, packet: Uint8Array): void {
    hold(this.#id(header.bootId), { header, packet, wasTaken: false });
  }

  /** Takes a packet for which the number of earlier boots is already known, from of(). */
  learn(header: PacketHeader, packet: Uint8Array, boot: number): void {
    const id = this.#id(header.bootId);
    const known = id.boots[boot - id.forgotten];
    if (known !== undefined && header.contentBytes !== PACKET_HEADER_BYTES) add(known, header, crc32(packet));
  }

  /** The next packet says nothing about those before it: they stay where they are. */
  settle(bootId: number): void {
    drop(this.#id(bootId));
  }

  #id(bootId: number): Id {
    let id = this.#ids.get(bootId);
    if (id !== undefined && bootId === this.#newest) return id;
    if (id === undefined) id = { forgotten: 0, boots: [], held: [], heldBytes: 0 };
    else this.#ids.delete(bootId);
    this.#ids.set(bootId, id);
    this.#newest = bootId;
    if (this.#ids.size > this.#mostIds) this.#ids.delete(this.#ids.keys().next().value!);
    return id;
  }
}

/** Index of the boot that the packet belongs to; `boots.length` if to none. */
function chosen({ boots }: Id, header: PacketHeader, digest: number, mayBegin: boolean): number {
  const newest = boots.length - 1;
  if (newest < 0) return 0;
  const places = boots.map((boot) => placeIn(boot, header, digest));
  // A known packet, or one that fits exactly, decides, whichever boot it is.
  const same = places.lastIndexOf("same");
  if (same >= 0) return same;
  if (places[newest] === "next" || places[newest] === "late") return newest;
  if (places[newest] === "later") return ofOlder(boots, header, places) ?? newest;
  const next = places.lastIndexOf("next");
  if (next >= 0) return next;
  if (places[newest] === "wrong") return newest;
  const late = places.lastIndexOf("late");
  if (late >= 0) return late;
  return mayBegin ? boots.length : newest;
}

/**
 * Index of an older boot, if its numbers, or its time, are so much nearer to the packet's than the newest boot's are
 * that the first packets of the newest boot must have overtaken it. In doubt it is the newest: one boot too many loses
 * nothing.
 */
function ofOlder(boots: readonly Boot[], header: PacketHeader, places: readonly Place[]): number | undefined {
  const { packetNumber, streamId, timestampBegin } = header;
  const newest = boots.at(-1)!;
  if (newest.packets > MOST_GAP) return undefined;
  const gap = packetNumber - lastOf(newest, header);
  for (let index = boots.length - 2; index >= 0; index--) {
    const place = places[index];
    const last = lastOf(boots[index]!, header);
    if (place === "wrong" || place === "other" || Math.abs(packetNumber - last) > MOST_GAP) continue;
    const before = place === "late" ? lowerOf(boots[index]!, header) : last;
    const isNearInTime =
      MUCH_NEARER * Math.abs(timestampBegin - boots[index]!.lastMs) < Math.abs(timestampBegin - newest.lastMs);
    // There are few token packets: their numbers say little.
    if (MUCH_NEARER * (packetNumber - before) < gap || (streamId === STREAM_TOKENS && isNearInTime)) return index;
  }
  return undefined;
}

function placeIn({ streams }: Boot, header: PacketHeader, digest: number): Place {
  return streams.get(header.reader)?.get(header.streamId)?.placeOf(header, digest) ?? "later";
}

function lowerOf({ streams }: Boot, { reader, streamId, packetNumber }: PacketHeader): number {
  return streams.get(reader)?.get(streamId)?.before(packetNumber) ?? Number.NEGATIVE_INFINITY;
}

function lastOf({ streams }: Boot, { reader, streamId }: PacketHeader): number {
  return streams.get(reader)?.get(streamId)?.last ?? Number.NEGATIVE_INFINITY;
}

function add(boot: Boot, header: PacketHeader, digest: number): void {
  const { streams } = boot;
  const { reader, streamId, timestampEnd } = header;
  let ofReader = streams.get(reader);
  if (ofReader === undefined) {
    ofReader = new Map();
    streams.set(reader, ofReader);
    if (streams.size > MOST_READERS) streams.delete(streams.keys().next().value!);
  }
  let seen = ofReader.get(streamId);
  if (seen === undefined) {
    seen = new SeenPackets();
    ofReader.set(streamId, seen);
  }
  seen.add(header, digest);
  boot.packets++;
  boot.lastMs = Math.max(boot.lastMs, timestampEnd);
}

function hold(id: Id, held: HeldPacket): void {
  id.held.push(held);
  id.heldBytes += held.packet.length;
  while (id.held.length > MOST_HELD || id.heldBytes > MOST_HELD_BYTES) id.heldBytes -= id.held.shift()!.packet.length;
}

function drop(id: Id): void {
  id.held = [];
  id.heldBytes = 0;
}

/**
 * Of the held packets, the last ones that can begin the boot of this packet: in its stream the numbers right before its
 * own, in the other stream the numbers from 1. Data packets up to the last one of the previous boot are a repetition of
 * that boot.
 */
function firstOnes(held: readonly HeldPacket[], header: PacketHeader, before: Boot): HeldPacket[] {
  const { reader, streamId, packetNumber } = header;
  const otherId = streamId === STREAM_DATA ? STREAM_TOKENS : STREAM_DATA;
  const first: HeldPacket[] = [];
  let next = packetNumber - 1;
  for (const packet of [...held].reverse()) {
    if (packet.header.reader !== reader) continue;
    if (packet.header.streamId === streamId && packet.header.packetNumber !== next--) break;
    first.unshift(packet);
  }
  const ofOther = first.filter((packet) => packet.header.streamId === otherId);
  const isWhole = ofOther.every((packet, index) => packet.header.packetNumber === index + 1);
  const isAll = otherId === STREAM_DATA && ofOther.length >= lastOf(before, { ...header, streamId: otherId });
  return isWhole && !isAll ? first : first.filter((packet) => packet.header.streamId === streamId);
}

function warningOf({ bootId, packetNumber, streamId }: PacketHeader, boot: number, first: number): Damage {
  const packet = `${streamId === STREAM_DATA ? "data" : "token"} packet ${packetNumber} of boot ${bootIdDigits(bootId)}`;
  const passed = first === 0 ? "" : `; ${first} packets before it belong to it, too`;
  const message =
    `${packet} contradicts earlier packets in its bytes, counts or times, so it is from another boot: ` +
    `boot number ${boot + 1} with this id begins${passed}. Give the device a boot id that changes at each start`;
  return { code: "W_BOOT_ID", message };
}
