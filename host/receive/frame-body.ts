/** What stands between the zeros of a frame: COBS(packet ‖ CRC-32). docs/format.md is normative. */
import { isUtf8 } from "node:buffer";
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
import { isTextByte } from "./log-lines.ts";

export const CRC_BYTES = 4;
const MAX_GROUP_CODE = 255;
/** So many decoded bytes say how long the packet is. */
export const SIZED_BYTES = AT_PACKET_SIZE + 4;
/** What one bad frame may cost: so many CRCs, of so many bytes in all, and so many groups or bytes looked at. */
const MOST_TRIES = 256;
const MOST_TRIED_BYTES = 1 << 20;
const MOST_GROUPS = 1 << 20;
/** Places for text within a packet's header, where the packet's length is not known. */
const MOST_HEADER_TEXT_BYTES = 1024;

/**
 * Undoes COBS of `bytes` into `into`, which has room for as many. Returns the decoded bytes' number, -1 if the groups do not
 * add up. A group of 254 bytes at the very end may be followed by an empty one, or not.
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

/** Bytes of the packet that begins here and its CRC, as its header says; 0 if that cannot be. `decoded` has SIZED_BYTES or more. */
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

function isStream(id: number): boolean {
  return id === STREAM_DATA || id === STREAM_TOKENS;
}

/** Whether the last four bytes are the CRC-32 of those before. */
export function crcHolds(content: Buffer): boolean {
  const end = content.length - CRC_BYTES;
  return end > CRC_BYTES && crc32(content.subarray(0, end)) === content.readUInt32LE(end);
}

export interface Recovered {
  readonly packet: Uint8Array;
  /** Where the frame's first code stands in the body. */
  readonly from: number;
  /** The text that was written into the frame: `body[textFrom, textTo)`. */
  readonly textFrom: number;
  readonly textTo: number;
}

/** How far COBS of a header is undone. */
interface HeadState {
  readonly length: number;
  /** Bytes left of the group; a zero follows it if `zero`. */
  readonly left: number;
  readonly zero: boolean;
}

const NOTHING_DECODED: HeadState = { length: 0, left: 0, zero: false };

/**
 * Gets packets out of bodies whose CRC is wrong because one run of log text was written into them, or because other bytes
 * stand before. Costs a few milliseconds a body at the most, and as much memory as four of the longest.
 */
export class FrameRecovery {
  /** The body without the text, and what it decodes to. */
  #joined = Buffer.alloc(0);
  #decoded = Buffer.alloc(0);
  /** A packet's beginning, as far as its length. */
  readonly #head = Buffer.alloc(SIZED_BYTES);
  #triesLeft = 0;
  #groupsLeft = 0;

  /** `otherCode`: what the body's first byte may be instead, -1 if nothing. Returns undefined if nothing makes it whole. */
  recover(body: Buffer, otherCode: number): Recovered | undefined {
    if (this.#joined.length < body.length) {
      this.#joined = Buffer.alloc(2 * body.length);
      this.#decoded = Buffer.alloc(2 * body.length);
    }
    this.#triesLeft = Math.max(16, Math.min(MOST_TRIES, Math.floor(MOST_TRIED_BYTES / body.length)));
    this.#groupsLeft = MOST_GROUPS;
    if (otherCode >= 0) {
      const other = Buffer.from(body);
      other[0] = otherCode;
      const whole = this.#try(other, 0, 0, 0);
      if (whole) return whole;
    }
    return this.#later(body) ?? this.#withoutText(body);
  }

  /** A whole frame behind others bytes: its leading zero was lost. */
  #later(body: Buffer): Recovered | undefined {
    for (let at = body.indexOf(MAGIC, 2), most = 4; at > 0 && most > 0; at = body.indexOf(MAGIC, at + 1), most--) {
      const whole = this.#try(body, at - 1, body.length, body.length);
      if (whole) return whole;
    }
    return undefined;
  }

  #withoutText(body: Buffer): Recovered | undefined {
    const runs = textRuns(body);
    const content = this.#contentBytes(body, 0, NOTHING_DECODED);
    // Text that ends with a line is likelier than a piece of one.
    for (const wholeLines of [true, false]) {
      if (content > 0) {
        // One byte more than the content for the first code, and one for each full group: all that COBS adds.
        const fullGroups = Math.floor(content / (MAX_GROUP_CODE - 1)) + 1;
        for (let groups = 0; groups <= fullGroups; groups++) {
          const length = body.length - content - 1 - groups;
          if (length <= 0) break;
          for (const { from, to } of runs) {
            for (let end = from + length; end <= to; end++) {
              if ((body[end - 1] === 0x0a) !== wholeLines) continue;
              if (!this.#addsUp(body, end - length, end, content)) continue;
              const found = this.#try(body, 0, end - length, end);
              if (found) return found;
              if (this.#isSpent) return undefined;
            }
          }
        }
      }
      const found = this.#inHeader(body, runs, wholeLines);
      if (found) return found;
    }
    return undefined;
  }

  /** Text within the header: for each place of it, the rest says how long the packet is. */
  #inHeader(body: Buffer, runs: readonly Run[], wholeLines: boolean): Recovered | undefined {
    for (const run of runs) {
      const last = Math.min(run.to, SIZED_BYTES + 1);
      for (let from = Math.max(1, run.from); from < last; from++) {
        const before = this.#decodeHead(body, 0, from, NOTHING_DECODED);
        if (before === undefined) break; // nor with a later place
        const most = Math.min(run.to, from + (wholeLines ? run.to : MOST_HEADER_TEXT_BYTES / 8));
        for (let end = from + 1; end <= most; end++) {
          if ((body[end - 1] === 0x0a) !== wholeLines) continue;
          // What follows the text must go on as the magic, if it was the magic that was cut.
          if (from < 1 + MAGIC.length && body[end] !== MAGIC[from - 1]) continue;
          const content = this.#contentBytes(body, end, before);
          const spare = body.length - (end - from) - content - 1;
          if (content === 0 || spare < 0 || spare > content / (MAX_GROUP_CODE - 1) + 1) {
            if (this.#isSpent) return undefined;
            continue;
          }
          const found = this.#try(body, 0, from, end);
          if (found) return found;
          if (this.#isSpent) return undefined;
        }
      }
    }
    return undefined;
  }

  /**
   * Goes on undoing COBS of `body[at, end)` from a state, until the packet's length is decoded; into `#head`, whose first
   * `state.length` bytes are those of that state. Undefined as soon as it is seen that no packet begins so.
   */
  #decodeHead(body: Buffer, at: number, end: number, state: HeadState): HeadState | undefined {
    const into = this.#head;
    let { length, left, zero } = state;
    const from = at;
    let isPacket = true;
    while (isPacket && at < end && length < SIZED_BYTES) {
      const byte = body[at++]!;
      if (left > 0) {
        into[length++] = byte;
        left--;
      } else {
        if (zero) into[length++] = 0;
        zero = byte !== MAX_GROUP_CODE;
        left = byte - 1;
      }
      // Most of what is tried is refuted here, and need not be decoded to its end.
      isPacket = length !== AT_STREAM_ID + 4 || isStream(into.readUInt32LE(AT_STREAM_ID));
    }
    this.#groupsLeft -= at - from + 1;
    return isPacket ? { length, left, zero } : undefined;
  }

  /** What contentBytesOf says of the packet whose header goes on at `body[at]` from a state. */
  #contentBytes(body: Buffer, at: number, state: HeadState): number {
    return this.#decodeHead(body, at, body.length, state)?.length === SIZED_BYTES ? contentBytesOf(this.#head) : 0;
  }

  get #isSpent(): boolean {
    return this.#triesLeft === 0 || this.#groupsLeft <= 0;
  }

  /** Whether the groups of the body without the text hold so many bytes: most cuts do not, and need no CRC. */
  #addsUp(body: Buffer, textFrom: number, textTo: number, content: number): boolean {
    const textBytes = textTo - textFrom;
    const end = body.length - textBytes;
    let decoded = 0;
    let at = 0;
    while (at < end) {
      const code = body[at < textFrom ? at : at + textBytes]!;
      at += code;
      decoded += code - 1 + (code !== MAX_GROUP_CODE && at < end ? 1 : 0);
      this.#groupsLeft--;
    }
    return at === end && decoded === content;
  }

  #try(body: Buffer, from: number, textFrom: number, textTo: number): Recovered | undefined {
    if (this.#triesLeft === 0) return undefined;
    if (textTo > textFrom && !isUtf8(body.subarray(textFrom, textTo))) return undefined;
    this.#triesLeft--;
    body.copy(this.#joined, 0, from, textFrom);
    body.copy(this.#joined, textFrom - from, textTo);
    const joined = this.#joined.subarray(0, body.length - from - (textTo - textFrom));
    const length = decodeCobs(joined, this.#decoded);
    if (length < 0) return undefined;
    const content = this.#decoded.subarray(0, length);
    if (!crcHolds(content)) return undefined;
    return { packet: new Uint8Array(content.subarray(0, length - CRC_BYTES)), from, textFrom, textTo };
  }
}

const MAGIC = Buffer.alloc(4);
MAGIC.writeInt32LE(PACKET_MAGIC);

interface Run {
  readonly from: number;
  readonly to: number;
}

/** Where the bytes may be text. */
function textRuns(body: Buffer): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < body.length; at++) {
    if (!isTextByte(body[at]!)) continue;
    const from = at;
    while (at < body.length && isTextByte(body[at]!)) at++;
    runs.push({ from, to: at });
  }
  return runs;
}
