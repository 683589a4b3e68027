/** What an earlier process has written of a boot: read back by the one that goes on, and put right where the earlier one was killed. */
import fs from "node:fs";
import { join } from "node:path";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/packet.ts";
import { attempt, type OwnFolder } from "./files.ts";
import { changeRegular } from "./regular-file.ts";

/** Called with each whole packet; bytes and view are good during the call. */
export type EachPacket = (packet: Uint8Array, view: DataView, header: PacketHeader) => void;

/** A file of packets as it stands now. */
export interface WrittenPackets {
  /** Whole packets in it. */
  readonly packets: number;
  readonly bytes: number;
  /** Bytes at its end of a packet that was never written whole: they are removed. */
  readonly cutBytes: number;
  /** Nothing else is in it, so more can be appended. */
  readonly isClean: boolean;
}

const CHUNK_BYTES = 1 << 20;
const LINE_END = 0x0a;

/**
 * Reads a file of packets in a trace folder, and cuts off what a process that was killed has left of its last packet: an unfinished one,
 * or zeros where the machine lost power. A file with anything else in it is left as it is. Costs what reading the file costs; holds
 * 1 MB of it. Throws TelemetryError E_WRITE.
 */
export function readWritten(
  folder: OwnFolder,
  name: string,
  uuid: Uint8Array,
  each: EachPacket = () => {},
): WrittenPackets {
  const path = join(folder.path, name);
  const nothing = { packets: 0, bytes: 0, cutBytes: 0, isClean: true };
  return attempt(path, () => {
    folder.check();
    return changeRegular(path, folder.path, (file, sizeBytes) => readPackets(file, sizeBytes, uuid, each)) ?? nothing;
  });
}

function readPackets(file: number, sizeBytes: number, uuid: Uint8Array, each: EachPacket): WrittenPackets {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes));
  const beginning = Buffer.concat([magic(), uuid]);
  let [packets, bytes, isClean] = [0, 0, true];
  /** Of the file: where the buffer begins, and how far it was looked at. */
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
    const outcome = rest.length < PACKET_HEADER_BYTES ? undefined : parsePacketHeader(view, 0, uuid);
    if (outcome?.kind === "header" && outcome.header.packetBytes <= rest.length) {
      const length = outcome.header.packetBytes;
      each(rest.subarray(0, length), new DataView(rest.buffer, rest.byteOffset, length), outcome.header);
      packets++;
      bytes += length;
      at += length;
      continue;
    }
    const next = rest.subarray(1).indexOf(beginning);
    if (isClean && next < 0 && from + filled >= sizeBytes && isUnfinished(rest, beginning)) {
      fs.ftruncateSync(file, at);
      return { packets, bytes, cutBytes: sizeBytes - at, isClean: true };
    }
    isClean = false;
    at += next < 0 ? Math.max(1, rest.length - beginning.length) : 1 + next;
  }
  return { packets, bytes, cutBytes: 0, isClean };
}

function isUnfinished(rest: Buffer, beginning: Buffer): boolean {
  const length = Math.min(rest.length, beginning.length);
  const begins = rest.length <= MAX_PACKET_BYTES && rest.compare(beginning, 0, length, 0, length) === 0;
  return begins || rest.every((byte) => byte === 0);
}

function magic(): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(PACKET_MAGIC);
  return bytes;
}

/** Ends the last line of a text file, if it has none: what is appended must not become part of it. Returns the file's bytes, 0 if there is none. Throws TelemetryError E_WRITE. */
export function endLastLine(folder: OwnFolder, name: string): number {
  const path = join(folder.path, name);
  return attempt(path, () => {
    folder.check();
    const bytes = changeRegular(path, folder.path, (file, sizeBytes) => {
      const last = Buffer.alloc(1);
      if (sizeBytes === 0 || fs.readSync(file, last, 0, 1, sizeBytes - 1) === 0 || last[0] === LINE_END)
        return sizeBytes;
      return sizeBytes + fs.writeSync(file, "\n", sizeBytes);
    });
    return bytes ?? 0;
  });
}
