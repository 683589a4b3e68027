/** Frames of wire format 1: packets on a byte stream that log text may share. docs/format.md is normative. */

/** CRC-32 of ISO 3309, IEEE 802.3 and zlib, four bits at a time: 16 entries take 256 bytes of flash, not 4 KB. */
export const CRC_OF_NIBBLE: readonly number[] = Object.freeze(crcTable());
const CRC_BYTES = 4;
/** COBS: a group is a code and up to so many bytes that are not zero. */
const MAX_GROUP_BYTES = 254;

function crcTable(): number[] {
  const table: number[] = [];
  for (let nibble = 0; nibble < 16; nibble++) {
    let crc = nibble;
    for (let bit = 0; bit < 4; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table.push(crc | 0);
  }
  return table;
}

/** Bytes that a frame of a packet of so many bytes takes at the most, delimiters included. */
export function maxFrameBytes(packetBytes: number): number {
  const content = packetBytes + CRC_BYTES;
  return content + Math.floor(content / MAX_GROUP_BYTES) + 3;
}

/**
 * Writes the frame of the packet that is the first `byteLength` bytes of `packet` into `into`, which has maxFrameBytes(byteLength)
 * bytes and shares none with it. Returns the frame's bytes. Allocates nothing.
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
