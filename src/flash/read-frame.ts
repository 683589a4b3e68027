import { CRC_OF_NIBBLE } from "../drain/frame.ts";

/** What the register holds after any bytes that are followed by their own CRC-32. */
const CRC_RESIDUE = 0xdebb20e3 | 0;
const CRC_BYTES = 4;
const FULL_GROUP = 255;

/**
 * Reads a frame from the bytes between its delimiters: those of `from`, from `at` up to `end`; none of them is zero.
 * Returns the bytes of its content, which is then in `into`; 0 if it is damaged, or longer than `into`. Changes `into`
 * either way, up to 4 bytes after the content. Allocates nothing.
 */
export function readFrame(from: Uint8Array, at: number, end: number, into: Uint8Array): number {
  let crc = -1;
  let length = 0;
  let left = from[at++]!;
  let isFull = left === FULL_GROUP;
  for (;;) {
    let byte = 0;
    if (--left > 0) {
      if (at >= end) return 0;
      byte = from[at++]!;
    } else {
      if (at >= end) break;
      const followsFull = isFull;
      left = from[at++]!;
      isFull = left === FULL_GROUP;
      if (followsFull) continue;
    }
    into[length++] = byte; // past the end of `into`, a typed array drops it
    crc = (crc >>> 4) ^ CRC_OF_NIBBLE[(crc ^ byte) & 15]!;
    crc = (crc >>> 4) ^ CRC_OF_NIBBLE[(crc ^ (byte >> 4)) & 15]!;
  }
  length -= CRC_BYTES;
  return crc === CRC_RESIDUE && length <= into.length ? length : 0;
}
