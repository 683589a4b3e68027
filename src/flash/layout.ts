import { WIRE_FORMAT } from "../ring/packet-layout.ts";

/** The layout of a block of a flash store. docs/format.md, "Flash store", is normative. */

/** C1 1F FC F1: the first three bytes are those of a packet, so a reader of frames sees a frame, but not a packet. */
export const BLOCK_MAGIC = 0xf1fc1fc1;
/** Content of a block header: magic, wire format, bytes of the block, sequence number, each u32. */
export const BLOCK_HEADER_BYTES = 16;
export const AT_BLOCK_MAGIC = 0;
export const AT_BLOCK_WIRE_FORMAT = 4;
export const AT_BLOCK_BYTES = 8;
export const AT_BLOCK_SEQUENCE = 12;
/** The frame of a block header: without full groups its length is constant, whatever the sequence number is. */
export const BLOCK_FRAME_BYTES = BLOCK_HEADER_BYTES + 7;
/**
 * NOR flash programs page by page: an interruption within one page does not affect the next. Blocks are whole pages.
 */
export const PAGE_BYTES = 256;
/** As in src/ring/packet-layout.ts: the first byte of each packet. */
export const PACKET_FIRST_BYTE = 0xc1;

export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** The u32 at `at`. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[at + index] = value >>> (index * 8);
}

/** Returns the sequence number of the block header in `content`, -1 if there is none. */
export function blockSequence(content: Uint8Array): number {
  return u32At(content, AT_BLOCK_MAGIC) === BLOCK_MAGIC && u32At(content, AT_BLOCK_WIRE_FORMAT) === WIRE_FORMAT
    ? u32At(content, AT_BLOCK_SEQUENCE)
    : -1;
}
