/** Frames written by hand from docs/format.md, and the results of a Deframer for bytes. */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { consoleSink } from "xs-telemetry/console";
import { type Deframed, Deframer } from "../../host/receive/deframer.ts";

/** `emptyLastGroup`: a full last group is followed by an empty one, as some encoders do. */
export function frame(packet: Uint8Array, { emptyLastGroup = false } = {}): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(packet));
  const groups: number[] = [];
  let group: number[] = [];
  let isFull = false;
  for (const byte of Buffer.concat([packet, crc])) {
    isFull = false;
    if (byte !== 0) group.push(byte);
    if (byte === 0 || group.length === 254) {
      groups.push(group.length + 1, ...group);
      isFull = byte !== 0;
      group = [];
    }
  }
  if (!isFull || emptyLastGroup) groups.push(group.length + 1, ...group);
  return Buffer.from([0, ...groups, 0]);
}

/** All results for the bytes, fed in chunks of at most this size. */
export function deframe(bytes: Uint8Array, chunkBytes = bytes.length || 1): Deframed[] {
  const deframer = new Deframer();
  const items: Deframed[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    items.push(...deframer.push(bytes.subarray(at, at + chunkBytes)));
  items.push(...deframer.end());
  return items;
}

export const packetsIn = (items: readonly Deframed[]): Uint8Array[] =>
  items.flatMap((item) => (item.kind === "packet" ? [item.packet] : []));
export const textIn = (items: readonly Deframed[]): string[] =>
  items.flatMap((item) => (item.kind === "text" ? [item.text] : []));
export const damageIn = (items: readonly Deframed[]): string[] =>
  items.flatMap((item) => (item.kind === "damage" ? [item.problem.code] : []));

/** The lines that a sink on a console prints, by packet. */
export function printed(packets: readonly Uint8Array[]): string[][] {
  return packets.map((packet) => {
    const lines: string[] = [];
    const sink = consoleSink({ print: (line) => lines.push(line), maxPacketBytes: 65_536 })({
      onWritable() {},
      onError() {},
    });
    assert.ok(sink.write(packet, packet.length));
    return lines;
  });
}
