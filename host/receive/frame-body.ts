/** The content between the zeros of a frame: COBS(packet ‖ CRC-32). docs/format.md is normative. */
import { crc32 } from "node:zlib";
import {
  AT_CONTENT_SIZE,
  AT_PACKET_SIZE,
  AT_STREAM_ID,
  MAX_PACKET_BYTES,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  SLOT_BYTES,
  STREAM_DATA,
  STREAM_TOKENS,
} from "../../src/ring/packet-layout.ts";

export const CRC_BYTES = 4;
export const MAX_GROUP_CODE = 255;
/** This many decoded bytes tell the length of the packet. */
export const SIZED_BYTES = AT_PACKET_SIZE + 4;

/**
 * Decodes COBS from `bytes` into `into`, which must have as much room. Returns the number of decoded bytes, -1 if the
 * groups do not add up. A group of 254 bytes at the very end may or may not be followed by an empty one.
 */
export function decodeCobs(bytes: Uint8Array, into: Uint8Array): number {
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at++]!;
    const end = at + code - 1;
    if (code === 0 || end > bytes.length) return -1;
    while (at < end) into[length++] = bytes[at++]!;
    if (code !== MAX_GROUP_CODE && at < bytes.length) into[length++] = 0;
  }
  return length;
}

/**
 * Bytes of the packet that begins here plus its CRC, according to its header; 0 if that is impossible. `decoded` must
 * have SIZED_BYTES or more.
 */
export function contentBytesOf(decoded: Buffer): number {
  const packetBits = decoded.readUInt32LE(AT_PACKET_SIZE);
  const contentBits = decoded.readUInt32LE(AT_CONTENT_SIZE);
  const streamId = decoded.readUInt32LE(AT_STREAM_ID);
  const plausible =
    decoded.readInt32LE(0) === PACKET_MAGIC &&
    isStream(streamId) &&
    packetBits % (SLOT_BYTES * 8) === 0 &&
    packetBits >= contentBits &&
    contentBits >= PACKET_HEADER_BYTES * 8 &&
    packetBits <= MAX_PACKET_BYTES * 8;
  return plausible ? packetBits / 8 + CRC_BYTES : 0;
}

/** Whether packets can have this stream id. */
export function isStream(id: number): boolean {
  return id === STREAM_DATA || id === STREAM_TOKENS;
}

/** Whether the last four bytes are the CRC-32 of those before. */
export function crcHolds(content: Buffer): boolean {
  const end = content.length - CRC_BYTES;
  return end > CRC_BYTES && crc32(content.subarray(0, end)) === content.readUInt32LE(end);
}
