/** Reads what an earlier process has written of a boot, and repairs it if that process was killed. */
import fs from "node:fs";
import { join } from "node:path";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/packet.ts";
import { attempt, type OwnFolder } from "./files.ts";
import { changeRegular } from "./regular-file.ts";

/** Called with each whole packet; bytes and view are valid during the call. */
export type EachPacket = (packet: Uint8Array, view: DataView, header: PacketHeader) => void;

/** The present state of a file of packets. */
export interface WrittenPackets {
  /** Whole packets in it. */
  readonly packets: number;
  readonly bytes: number;
  /** Bytes at its end from a packet that was never completed: they are removed. */
  readonly cutBytes: number;
  /** It contains nothing else, so more can be appended. */
  readonly isClean: boolean;
}

const CHUNK_BYTES = 1 << 20;
const LINE_END = 0x0a;

/**
 * Reads a file of packets in a trace folder, and cuts off what a killed process has left of its last packet: an
 * unfinished one, or zeros if the machine lost power. A file with any other content stays as it is. Costs reading the
 * file; holds 1 MB of it. Throws TelemetryError E_WRITE.
 */
export function readWritten(
  folder: OwnFolder,
  name: string,
  uuids: readonly Uint8Array[],
  each: EachPacket = () => {},
): WrittenPackets {
  const nothing = { packets: 0, bytes: 0, cutBytes: 0, isClean: true };
  const work = (file: number, sizeBytes: number) => readPackets(file, sizeBytes, uuids, each);
  return attempt(
    join(folder.path, name),
    () => folder.within((within) => changeRegular(join(within, name), within, work)) ?? nothing,
  );
}

/**
 * Returns the header of the first packet in a file; undefined if it does not begin with one. Throws TelemetryError
 * E_WRITE.
 */
export function firstPacket(folder: OwnFolder, name: string, uuids: readonly Uint8Array[]): PacketHeader | undefined {
  const work = (file: number): PacketHeader | undefined => {
    const bytes = Buffer.alloc(PACKET_HEADER_BYTES);
    if (fs.readSync(file, bytes, 0, bytes.length, 0) < bytes.length) return undefined;
    const outcome = parsePacketHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, uuids);
    return outcome.kind === "header" ? outcome.header : undefined;
  };
  return attempt(join(folder.path, name), () =>
    folder.within((within) => changeRegular(join(within, name), within, work)),
  );
}

function readPackets(file: number, sizeBytes: number, uuids: readonly Uint8Array[], each: EachPacket): WrittenPackets {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes));
  const beginnings = uuids.map((uuid) => Buffer.concat([magic(), uuid]));
  const { length: beginningBytes } = beginnings[0]!;
  let [packets, bytes, isClean] = [0, 0, true];
  /** Positions in the file: where the buffer begins, and how far it was read. */
  let from = 0;
  let at = 0;
  let filled = 0;
  const fill = (): void => {
    from = at;
    filled = 0;
    while (filled < buffer.length) {
      const count = fs.readSync(file, buffer, filled, buffer.length - filled, from + filled);
      if (count === 0) break;
      filled += count;
    }
  };
  fill();
  while (at < sizeBytes) {
    if (from + filled - at < MAX_PACKET_BYTES && from + filled < sizeBytes) fill();
    const rest = buffer.subarray(at - from, filled);
    if (rest.length === 0) break; // it has become shorter
    const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
    const outcome = rest.length < PACKET_HEADER_BYTES ? undefined : parsePacketHeader(view, 0, uuids);
    if (outcome?.kind === "header" && outcome.header.packetBytes <= rest.length) {
      const length = outcome.header.packetBytes;
      each(rest.subarray(0, length), new DataView(rest.buffer, rest.byteOffset, length), outcome.header);
      packets++;
      bytes += length;
      at += length;
      continue;
    }
    const places = beginnings.map((beginning) => rest.subarray(1).indexOf(beginning)).filter((place) => place >= 0);
    const next = Math.min(...places);
    if (isClean && places.length === 0 && from + filled >= sizeBytes && isUnfinished(rest, beginnings)) {
      fs.ftruncateSync(file, at);
      return { packets, bytes, cutBytes: sizeBytes - at, isClean: true };
    }
    isClean = false;
    at += places.length === 0 ? Math.max(1, rest.length - beginningBytes) : 1 + next;
  }
  return { packets, bytes, cutBytes: 0, isClean };
}

function isUnfinished(rest: Buffer, beginnings: readonly Buffer[]): boolean {
  const length = Math.min(rest.length, beginnings[0]!.length);
  const begins = (beginning: Buffer) => rest.compare(beginning, 0, length, 0, length) === 0;
  return (rest.length <= MAX_PACKET_BYTES && beginnings.some(begins)) || rest.every((byte) => byte === 0);
}

function magic(): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(PACKET_MAGIC);
  return bytes;
}

/**
 * Ends the last line of a text file, if it is unfinished: appended text must not become part of it. Returns the file's
 * bytes, 0 if there is none. Throws TelemetryError E_WRITE.
 */
export function endLastLine(folder: OwnFolder, name: string): number {
  const end = (file: number, sizeBytes: number): number => {
    const last = Buffer.alloc(1);
    if (sizeBytes === 0 || fs.readSync(file, last, 0, 1, sizeBytes - 1) === 0 || last[0] === LINE_END) return sizeBytes;
    return sizeBytes + fs.writeSync(file, "\n", sizeBytes);
  };
  return attempt(
    join(folder.path, name),
    () => folder.within((within) => changeRegular(join(within, name), within, end)) ?? 0,
  );
}
