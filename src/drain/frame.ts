/** Frames of wire format 1: packets on a byte stream that log text may share. docs/format.md is normative. */

/** CRC-32 of ISO 3309, IEEE 802.3 and zlib, four bits at a time: 16 entries take 256 bytes of flash, not 4 KB. */
export const CRC_OF_NIBBLE: readonly number[] = Object.freeze([
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
]);
const CRC_BYTES = 4;
/** COBS: a group is a code and up to this many bytes that are not zero. */
const MAX_GROUP_BYTES = 254;

/** Returns the most bytes that the frame of a packet with this many bytes takes, delimiters included. */
export function maxFrameBytes(packetBytes: number): number {
  const content = packetBytes + CRC_BYTES;
  return content + Math.floor(content / MAX_GROUP_BYTES) + 3;
}

/**
 * Writes into `into` the frame of the packet in the first `byteLength` bytes of `packet`. `into` has
 * maxFrameBytes(byteLength) bytes, and shares no memory with the packet. Returns the bytes of the frame. Allocates
 * nothing.
 */
export function writeFrame(packet: Uint8Array, byteLength: number, into: Uint8Array): number {
  let crc = -1;
  let codeAt = 1;
  let at = 2;
  into[0] = 0;
  for (let index = 0; index < byteLength + CRC_BYTES; index++) {
    let byte: number;
    if (index < byteLength) {
      byte = packet[index]!;
      crc = (crc >>> 4) ^ CRC_OF_NIBBLE[(crc ^ byte) & 15]!;
      crc = (crc >>> 4) ^ CRC_OF_NIBBLE[(crc ^ (byte >> 4)) & 15]!;
    } else byte = (~crc >>> ((index - byteLength) * 8)) & 0xff;
    if (byte !== 0) into[at++] = byte;
    if (byte === 0 || at - codeAt > MAX_GROUP_BYTES) {
      into[codeAt] = at - codeAt;
      codeAt = at++;
    }
  }
  into[codeAt] = at - codeAt;
  into[at++] = 0;
  return at;
}
