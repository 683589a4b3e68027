/** What a capture holds of one boot and reader: one trace folder, or several where it is rotated. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
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
  MAX_PACKET_BYTES,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  SLOT_BYTES,
  STREAM_DATA,
  STREAM_TOKENS,
  TOKEN_ENTRY_HEADER_BYTES,
  WIRE_FORMAT,
} from "../../src/ring/packet-layout.ts";
import { type PacketHeader, uuidBytes } from "../packet/packet.ts";
import { ReaderHistory } from "../packet/reader-history.ts";
import { AnchorChoice, formatAnchor, parseAnchors, shifted } from "../receive/wall-clock.ts";
import type { RegistryModel } from "../registry/model.ts";
import { ctfMetadata } from "./ctf-metadata.ts";
import { appendFile, placeFolder, replaceFile } from "./files.ts";
import { ANCHORS_FILE, METADATA_FILE, STREAM_FILE, TOKENS_FILE } from "./folder.ts";

/** A trace folder as it was written so far. */
export interface Part {
  readonly path: string;
  /** Events in it, and its data packets. */
  events: number;
  packets: number;
  /** Of its stream and token packets. */
  bytes: number;
}

/** Names may be written late by so much, an eighth of those there are: writing them all for each new one would take for ever. */
const LATE_SHARE = 8;

/**
 * Writes one boot and reader. A folder appears together with its first packet; each further packet is one append. Holds the
 * names of the tokens and a few numbers.
 */
export class TraceWriter {
  readonly history = new ReaderHistory();
  /** Names of tokens; "" for one that the stream uses and that has none yet. */
  readonly tokens = new Map<number, string>();
  /** Of the last packet in the stream, undefined before the first. */
  last: PacketHeader | undefined;
  /** Undefined before the first packet, and between two parts. */
  part: Part | undefined;
  readonly #registry: RegistryModel;
  readonly #bootId: number;
  readonly #reader: number;
  #tokenHeader: PacketHeader | undefined;
  #hasStream = false;
  /** Names that are not in the metadata. */
  #unwritten = 0;
  #anchors = new AnchorChoice();

  constructor(registry: RegistryModel, bootId: number, reader: number) {
    this.#registry = registry;
    this.#bootId = bootId;
    this.#reader = reader;
  }

  get hasUnwrittenNames(): boolean {
    return this.#unwritten > 0;
  }

  /**
   * Appends a data packet with `events` events, to a new folder at `path` if there is none at present. Throws TelemetryError
   * E_WRITE; then everything is as it was.
   */
  data(path: string, packet: Uint8Array, header: PacketHeader, events: number): void {
    // Readers of CTF count losses from one packet to the next.
    const losses = this.last === undefined ? header.eventsDiscarded > 0 : true;
    const needsEmpty = !this.#hasStream && losses;
    const bytes = needsEmpty ? Buffer.concat([this.#emptyPacket(), packet]) : packet;
    this.#writeManyNames();
    this.#append(path, STREAM_FILE, bytes);
    this.#hasStream = true;
    this.part!.events += events;
    this.part!.packets++;
    this.last = header;
  }

  /** Appends a token packet, whose names are in `tokens` by now. As data(). */
  tokenPacket(path: string, packet: Uint8Array, header: PacketHeader): void {
    this.#append(path, TOKENS_FILE, packet);
    this.#tokenHeader = header;
    this.#writeManyNames();
  }

  /** Says that token `token` is used, or is called so; whether that is new. */
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
    replaceFile(join(this.part.path, METADATA_FILE), this.#metadata());
    this.#unwritten = 0;
  }

  #writeManyNames(): void {
    if (this.#unwritten * LATE_SHARE >= this.tokens.size) this.writeNames();
  }

  /** Stores when device time was at the latest, if that says more than what is stored. Throws TelemetryError E_WRITE. */
  anchor(deviceMs: number, unixMs: number): void {
    if (this.part === undefined || !this.#anchors.take({ deviceMs, unixMs })) return;
    appendFile(join(this.part.path, ANCHORS_FILE), Buffer.from(formatAnchor({ deviceMs, unixMs })));
  }

  /** This computer's clock was set: the part's anchors are put right. Throws TelemetryError E_WRITE. */
  shiftAnchors(byMs: number): void {
    this.#anchors.shift(byMs);
    const file = this.part && join(this.part.path, ANCHORS_FILE);
    if (file === undefined || !existsSync(file)) return;
    const anchors = parseAnchors(readFileSync(file, "utf8"));
    replaceFile(file, anchors.map((anchor) => formatAnchor(shifted(anchor, byMs))).join(""));
  }

  /** The next packet begins a new part. */
  endPart(): void {
    this.writeNames();
    this.part = undefined;
    this.#hasStream = false;
    this.#anchors = new AnchorChoice();
  }

  #append(path: string, file: string, bytes: Uint8Array): void {
    if (this.part !== undefined) {
      appendFile(join(this.part.path, file), bytes);
      this.part.bytes += bytes.length;
      return;
    }
    const files: [string, string | Uint8Array][] = [
      [METADATA_FILE, this.#metadata()],
      [file, bytes],
    ];
    // The parts before may be gone by the time that this one is read.
    const known = this.#knownTokens();
    if (known !== undefined) {
      if (file === TOKENS_FILE) files[1] = [file, Buffer.concat([known, bytes])];
      else files.push([TOKENS_FILE, known]);
    }
    placeFolder(path, files);
    this.#unwritten = 0;
    this.part = { path, events: 0, packets: 0, bytes: files.reduce((sum, [, content]) => sum + content.length, 0) };
  }

  #metadata(): string {
    return ctfMetadata(this.#registry, { bootId: this.#bootId, reader: this.#reader, tokens: this.tokens });
  }

  /** Packets with all names so far, numbered so that the device's own follow them; undefined before the first token packet. */
  #knownTokens(): Buffer | undefined {
    const last = this.#tokenHeader;
    if (last === undefined) return undefined;
    const contents: Buffer[][] = [[]];
    let bytes = PACKET_HEADER_BYTES;
    for (const [token, name] of this.tokens) {
      if (name === "") continue;
      const text = Buffer.from(name);
      const entry = Buffer.alloc(TOKEN_ENTRY_HEADER_BYTES + text.length);
      entry.writeUInt16LE(token, 0);
      entry.writeUInt16LE(text.length, 2);
      text.copy(entry, TOKEN_ENTRY_HEADER_BYTES);
      bytes += entry.length;
      if (bytes > MAX_PACKET_BYTES) {
        contents.push([]);
        bytes = PACKET_HEADER_BYTES + entry.length;
      }
      contents.at(-1)!.push(entry);
    }
    return Buffer.concat(
      contents.map((entries, index) => {
        const number = Math.max(1, last.packetNumber - contents.length + 1 + index);
        return this.#packet(STREAM_TOKENS, number, last.timestampEnd, 0, Buffer.concat(entries));
      }),
    );
  }

  /** Where a part begins: nothing, and what was lost up to there. */
  #emptyPacket(): Buffer {
    const { packetNumber = 0, timestampEnd = 0, eventsDiscarded = 0 } = this.last ?? {};
    return this.#packet(STREAM_DATA, packetNumber, timestampEnd, eventsDiscarded, Buffer.alloc(0));
  }

  #packet(streamId: number, packetNumber: number, timeMs: number, discarded: number, content: Buffer): Buffer {
    const contentBytes = PACKET_HEADER_BYTES + content.length;
    const packet = Buffer.alloc(Math.ceil(contentBytes / SLOT_BYTES) * SLOT_BYTES);
    packet.writeInt32LE(PACKET_MAGIC, AT_MAGIC);
    packet.set(uuidBytes(this.#registry.fingerprint), AT_UUID);
    packet.writeUInt32LE(streamId, AT_STREAM_ID);
    packet.writeBigUInt64LE(BigInt(timeMs), AT_TIMESTAMP_BEGIN);
    packet.writeBigUInt64LE(BigInt(timeMs), AT_TIMESTAMP_END);
    packet.writeUInt32LE(contentBytes * 8, AT_CONTENT_SIZE);
    packet.writeUInt32LE(packet.length * 8, AT_PACKET_SIZE);
    packet.writeBigUInt64LE(BigInt(discarded), AT_EVENTS_DISCARDED);
    packet.writeBigUInt64LE(BigInt(packetNumber), AT_PACKET_SEQ_NUM);
    packet.writeBigUInt64LE(BigInt(this.#bootId), AT_BOOT_ID);
    packet.writeUInt32LE(this.#reader, AT_READER);
    packet.writeUInt32LE(WIRE_FORMAT, AT_WIRE_FORMAT);
    content.copy(packet, PACKET_HEADER_BYTES);
    return packet;
  }
}
