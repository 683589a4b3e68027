/** What a capture has of one boot and reader: one trace folder, or several if it is rotated. */
import { basename } from "node:path";
import {
  AT_BOOT_ID,
  AT_CONTENT_SIZE,
  AT_EVENTS_DISCARDED,
  AT_MAGIC,
  AT_PACKET_SEQ_NUM,
  AT_PACKET_SIZE,
  AT_READER,
  AT_STREAM_ID,
  AT_TIMESTAMP_BEGIN,
  AT_TIMESTAMP_END,
  AT_UUID,
  AT_WIRE_FORMAT,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  STREAM_DATA,
  WIRE_FORMAT,
} from "../../src/ring/packet-layout.ts";
import { type PacketHeader, type TokenEntry, uuidBytes } from "../packet/packet.ts";
import { ReaderHistory } from "../packet/reader-history.ts";
import {
  type Anchor,
  AnchorChoice,
  ClockSets,
  formatAnchor,
  MOST_ANCHORS_BYTES,
  parseAnchors,
} from "../receive/wall-clock.ts";
import type { RegistryModel } from "../registry/model.ts";
import { ctfMetadata } from "./ctf-metadata.ts";
import { appendFile, type OwnFolder, ownFolder, placeFolder, readFile, replaceFile } from "./files.ts";
import { ANCHORS_FILE, METADATA_FILE, SIDE_FOLDER, STREAM_FILE, TOKENS_FILE } from "./folder.ts";
import { ToldTokens } from "./told-tokens.ts";
import { endLastLine } from "./written-packets.ts";

/** A trace folder as it was written so far. */
export interface Part {
  readonly folder: OwnFolder;
  /** The folder for what CTF has no place for; undefined before its first file. */
  side: OwnFolder | undefined;
  /** Name of its folder in the capture. */
  readonly name: string;
  /** Events in it, and its data packets. */
  events: number;
  packets: number;
  /** Of its stream and token packets. */
  bytes: number;
}

/** Distinguishes boots and readers of a capture: the boot's id, the number of earlier boots with it, and the reader. */
export function traceKey(...parts: number[]): string {
  return parts.join("/");
}

/**
 * Names may be written late, by an eighth of their number: writing all of them for each new one would take for ever.
 */
const LATE_SHARE = 8;

/**
 * Writes one boot and reader. A folder appears together with its first packet; each further packet is one append. Holds
 * the names of the tokens and a few numbers.
 */
export class TraceWriter {
  readonly history = new ReaderHistory();
  /** Names of tokens; "" for one that the stream uses and that has no name yet. */
  readonly tokens = new Map<number, string>();
  /** Of the last packet in the stream, undefined before the first. */
  last: PacketHeader | undefined;
  /** Undefined before the first packet, and between two parts. */
  part: Part | undefined;
  readonly #capture: OwnFolder;
  readonly #registry: RegistryModel;
  readonly bootId: number;
  /** Earlier boots with this id. */
  readonly boot: number;
  readonly reader: number;
  /** Undefined if the trace is not rotated. */
  readonly #told: ToldTokens | undefined;
  #hasStream = false;
  /** Names that are not in the metadata yet. */
  #unwritten = 0;
  #anchors = new AnchorChoice();
  #sets = new ClockSets();

  /** `isRotated`: endPart() will be called. */
  constructor(
    capture: OwnFolder,
    registry: RegistryModel,
    { bootId, boot, reader }: { readonly bootId: number; readonly boot: number; readonly reader: number },
    isRotated: boolean,
  ) {
    this.#capture = capture;
    this.#registry = registry;
    this.bootId = bootId;
    this.boot = boot;
    this.reader = reader;
    this.#told = isRotated ? new ToldTokens() : undefined;
  }

  /** Names that are held, and other state counted in names. */
  get held(): number {
    return this.tokens.size + (this.#told?.held ?? 0);
  }

  get hasUnwrittenNames(): boolean {
    return this.#unwritten > 0;
  }

  /**
   * Appends a data packet with `events` events. If there is no folder at present, makes one with this name in the
   * capture's folder. Throws TelemetryError E_WRITE; then everything is as before.
   */
  data(name: string, packet: Uint8Array, header: PacketHeader, events: number): void {
    // Readers of CTF count losses from one packet to the next.
    const losses = this.last === undefined ? header.eventsDiscarded > 0 : true;
    const needsEmpty = !this.#hasStream && losses;
    const bytes = needsEmpty ? Buffer.concat([this.#emptyPacket(), packet]) : packet;
    this.#writeManyNames();
    this.#append(name, STREAM_FILE, bytes);
    this.#hasStream = true;
    this.part!.events += events;
    this.part!.packets++;
    this.last = header;
  }

  /** Appends a token packet with these entries; their names must be in `tokens` already. As data(). */
  tokenPacket(name: string, packet: Uint8Array, { packetNumber }: PacketHeader, entries: readonly TokenEntry[]): void {
    this.#append(name, TOKENS_FILE, packet);
    // Not earlier: the part that this packet begins must not repeat it.
    this.#told?.add(packet, packetNumber, entries);
    this.#writeManyNames();
  }

  /** Takes a token packet that an earlier process has written, and learns its names. */
  relearn(packet: Uint8Array, { packetNumber }: PacketHeader, entries: readonly TokenEntry[]): void {
    for (const { token, name } of entries) this.learn(token, name);
    this.#told?.add(packet, packetNumber, entries);
  }

  /**
   * Continues a trace folder that an earlier process has made. `hasStream`: there are packets in its stream. Throws
   * TelemetryError E_WRITE.
   */
  goOn(part: Part, hasStream: boolean): void {
    this.part = part;
    this.#hasStream = hasStream;
    if (part.side === undefined) return;
    endLastLine(part.side, basename(ANCHORS_FILE));
    const anchors = readFile(part.side, basename(ANCHORS_FILE), MOST_ANCHORS_BYTES);
    for (const anchor of parseAnchors(anchors?.toString() ?? "")) this.#anchors.take(anchor);
  }

  /** Token `token` is used, or has this name. Returns whether that is new. */
  learn(token: number, name: string): boolean {
    const known = this.tokens.get(token);
    if (known === name || (known !== undefined && name === "")) return false;
    this.tokens.set(token, name);
    this.#unwritten++;
    return true;
  }

  /** Writes the names into the metadata, if there are new ones. Throws TelemetryError E_WRITE. */
  writeNames(): void {
    if (this.#unwritten === 0 || this.part === undefined) return;
    replaceFile(this.part.folder, METADATA_FILE, this.#metadata());
    this.#unwritten = 0;
  }

  #writeManyNames(): void {
    if (this.#unwritten * LATE_SHARE >= this.tokens.size) this.writeNames();
  }

  /**
   * Stores the latest moment that a device time can be, if that says more than what is stored. Throws TelemetryError
   * E_WRITE.
   */
  anchor(deviceMs: number, unixMs: number): void {
    if (this.part === undefined) return;
    this.#shiftAnchors({ deviceMs, unixMs });
    if (!this.#anchors.take({ deviceMs, unixMs })) return;
    this.#appendBeside(this.part, ANCHORS_FILE, Buffer.from(formatAnchor({ deviceMs, unixMs })));
  }

  /**
   * This computer's clock was set: the part's anchors are corrected with its next packet. Without one, the boot may
   * have ended.
   */
  shiftAnchors(byMs: number, isSure: boolean): void {
    this.#sets.add(byMs, isSure);
  }

  #shiftAnchors(anchor: Anchor): void {
    const side = this.part?.side;
    if (!this.#sets.isPending || side === undefined) return;
    const text = readFile(side, basename(ANCHORS_FILE), MOST_ANCHORS_BYTES);
    const before = parseAnchors(text?.toString() ?? "");
    const leastDifference = before.reduce(
      (least, { deviceMs, unixMs }) => Math.min(least, unixMs - deviceMs),
      Number.POSITIVE_INFINITY,
    );
    const move = this.#sets.take(anchor, leastDifference);
    if (move === undefined || before.length === 0) return;
    this.#anchors.shift(move(before[0]!).unixMs - before[0]!.unixMs);
    replaceFile(side, basename(ANCHORS_FILE), before.map((anchor) => formatAnchor(move(anchor))).join(""));
  }

  /** Makes the next packet begin a new part. */
  endPart(): void {
    this.writeNames();
    this.part = undefined;
    this.#hasStream = false;
    this.#anchors = new AnchorChoice();
    this.#sets = new ClockSets();
  }

  #append(name: string, file: string, bytes: Uint8Array): void {
    if (this.part !== undefined) {
      if (file === TOKENS_FILE) this.#appendBeside(this.part, file, bytes);
      else appendFile(this.part.folder, file, bytes);
      this.part.bytes += bytes.length;
      return;
    }
    const files: [string, string | Uint8Array][] = [
      [METADATA_FILE, this.#metadata()],
      [file, bytes],
    ];
    // The earlier parts may be gone by the time this one is read.
    const known = this.#told?.bytes();
    if (known !== undefined) {
      if (file === TOKENS_FILE) files[1] = [file, Buffer.concat([known, bytes])];
      else files.push([TOKENS_FILE, known]);
    }
    const folder = placeFolder(this.#capture, name, files);
    this.#unwritten = 0;
    const partBytes = files.reduce((sum, [, content]) => sum + content.length, 0);
    const hasTokens = files.some(([name]) => name === TOKENS_FILE);
    const side = hasTokens ? ownFolder(folder, SIDE_FOLDER) : undefined;
    this.part = { folder, side, name, events: 0, packets: 0, bytes: partBytes };
  }

  /** Writes to a file in the part's side folder, which appears together with its first file. */
  #appendBeside(part: Part, file: string, bytes: Uint8Array): void {
    if (part.side !== undefined) appendFile(part.side, basename(file), bytes);
    else part.side = placeFolder(part.folder, SIDE_FOLDER, [[basename(file), bytes]]);
  }

  #metadata(): string {
    return ctfMetadata(this.#registry, { bootId: this.bootId, reader: this.reader, tokens: this.tokens });
  }

  /** The state where a part begins: nothing, and the losses up to there. */
  #emptyPacket(): Buffer {
    const { packetNumber = 0, timestampEnd: timeMs = 0, eventsDiscarded = 0 } = this.last ?? {};
    const packet = Buffer.alloc(PACKET_HEADER_BYTES);
    packet.writeInt32LE(PACKET_MAGIC, AT_MAGIC);
    packet.set(uuidBytes(this.#registry.fingerprint), AT_UUID);
    packet.writeUInt32LE(STREAM_DATA, AT_STREAM_ID);
    packet.writeBigUInt64LE(BigInt(timeMs), AT_TIMESTAMP_BEGIN);
    packet.writeBigUInt64LE(BigInt(timeMs), AT_TIMESTAMP_END);
    packet.writeUInt32LE(packet.length * 8, AT_CONTENT_SIZE);
    packet.writeUInt32LE(packet.length * 8, AT_PACKET_SIZE);
    packet.writeBigUInt64LE(BigInt(eventsDiscarded), AT_EVENTS_DISCARDED);
    packet.writeBigUInt64LE(BigInt(packetNumber), AT_PACKET_SEQ_NUM);
    packet.writeBigUInt64LE(BigInt(this.bootId), AT_BOOT_ID);
    packet.writeUInt32LE(this.reader, AT_READER);
    packet.writeUInt32LE(WIRE_FORMAT, AT_WIRE_FORMAT);
    return packet;
  }
}
