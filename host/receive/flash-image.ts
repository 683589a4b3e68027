// Reads packets from a copy of a flash store's partition or file, as made by `esptool read_flash`.
import {
  AT_BLOCK_BYTES,
  BLOCK_FRAME_BYTES,
  BLOCK_HEADER_BYTES,
  blockSequence,
  PAGE_BYTES,
  u32At,
} from "../../src/flash/layout.ts";
import { readFrame } from "../../src/flash/read-frame.ts";
import { MAX_PACKET_BYTES, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import type { Problem } from "../text/errors.ts";

export interface FlashImage {
  /** From the oldest to the newest, including those that the device had taken out already; each a copy. */
  readonly packets: readonly Uint8Array[];
  /**
   * E_FRAME: bytes in a block that are not an intact frame. If power was lost while a packet was written, there is one.
   */
  readonly problems: readonly Problem[];
  /** Blocks with a valid header. 0: this is not an image of a store. */
  readonly blocks: number;
}

interface Block {
  readonly sequence: number;
  readonly at: number;
  readonly end: number;
}

/** Reads an image, which may have other data before or after, in multiples of 256 bytes. Never throws. */
export function readFlashImage(image: Uint8Array): FlashImage {
  const blocks: Block[] = [];
  for (let at = 0; at + PAGE_BYTES <= image.length; ) {
    const block = blockAt(image, at);
    if (block) blocks.push(block);
    at = block ? block.end : at + PAGE_BYTES;
  }
  blocks.sort((left, right) => left.sequence - right.sequence);
  const packets: Uint8Array[] = [];
  const problems: Problem[] = [];
  for (const block of blocks) readBlock(image, block, packets, problems);
  return { packets, problems, blocks: blocks.length };
}

/** Whether a block of a store begins in these bytes, at a multiple of 256. */
export function hasFlashBlock(bytes: Uint8Array): boolean {
  for (let at = 0; at + PAGE_BYTES <= bytes.length; at += PAGE_BYTES) if (blockAt(bytes, at) !== undefined) return true;
  return false;
}

function blockAt(image: Uint8Array, at: number): Block | undefined {
  const end = at + BLOCK_FRAME_BYTES - 1;
  if (image[at] !== 0 || image.indexOf(0, at + 1) !== end) return undefined;
  const content = new Uint8Array(BLOCK_HEADER_BYTES);
  if (readFrame(image, at + 1, end, content) !== BLOCK_HEADER_BYTES) return undefined;
  const sequence = blockSequence(content);
  const blockBytes = u32At(content, AT_BLOCK_BYTES);
  // The image may be cut.
  if (sequence < 0 || blockBytes === 0 || blockBytes % PAGE_BYTES !== 0) return undefined;
  return { sequence, at: end, end: Math.min(at + blockBytes, image.length) };
}

function readBlock(image: Uint8Array, { at, end }: Block, packets: Uint8Array[], problems: Problem[]): void {
  const content = new Uint8Array(MAX_PACKET_BYTES);
  while (at < end) {
    // Erased bytes look like the code of a full group, but no packet follows.
    if (image[at] === 0 || (image[at] === 0xff && image[at + 1] !== (PACKET_MAGIC & 0xff))) {
      at++;
      continue;
    }
    const zero = image.indexOf(0, at);
    const stop = zero < 0 || zero > end ? end : zero;
    const byteLength = stop === end ? 0 : readFrame(image, at, stop, content);
    if (byteLength >= 4 && u32At(content, 0) === PACKET_MAGIC >>> 0) packets.push(content.slice(0, byteLength));
    else
      problems.push({
        code: "E_FRAME",
        message: `${stop - at} bytes in a block of the flash store are not an intact frame`,
        offsetBytes: at,
      });
    at = stop;
  }
}
