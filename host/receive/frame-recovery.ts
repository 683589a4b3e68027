/** Recovers packets from bad frames: frames that log text was written into, or that have other bytes before them. */
import { isUtf8 } from "node:buffer";
import { AT_STREAM_ID, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import {
  CRC_BYTES,
  contentBytesOf,
  crcHolds,
  decodeCobs,
  isStream,
  MAX_GROUP_CODE,
  SIZED_BYTES,
} from "./frame-body.ts";
import { isTextByte } from "./log-lines.ts";

/**
 * The limit for the cost of recovery, in steps; a step is a position or a few bytes that are examined, one or two
 * nanoseconds. Each byte of the stream adds some steps, and unused ones are saved up to a limit. So a flood of bad
 * frames costs little per byte, a single one gets enough time, and the same bytes always give the same packets.
 */
export const STEPS_PER_BYTE = 64;
export const MOST_STEPS = 1 << 23;
/**
 * Cost of decoding COBS and the CRC, besides two per byte; of decoding a header; and how many bytes of UTF-8 are
 * checked in a step.
 */
const TRY_STEPS = 256;
const HEAD_STEPS = 40;
const UTF8_BYTES_PER_STEP = 4;

/** A frame with fewer bytes contains nothing. */
const LEAST_BODY_BYTES = 1 + 2 * CRC_BYTES + 1;
/** Most frames that may begin within a bad one. */
const MOST_LATER = 4;
/**
 * Most positions that are tried for a piece of a line within a packet's header, where the packet's length is unknown.
 */
const MOST_HEADER_PIECE_BYTES = 128;

export interface Recovered {
  readonly packet: Uint8Array;
  /** Where the frame's first code is in the body. */
  readonly from: number;
  /** The text that was written into the frame: `body[textFrom, textTo)`. */
  readonly textFrom: number;
  readonly textTo: number;
}

/** How far the COBS of a header is decoded. */
interface HeadState {
  readonly length: number;
  /** Bytes left of the group; a zero follows it if `zero`. */
  readonly left: number;
  readonly zero: boolean;
}

const NOTHING_DECODED: HeadState = { length: 0, left: 0, zero: false };

/**
 * Recovers packets from bodies with a wrong CRC, because one run of log text was written into them, or because other
 * bytes precede them. Costs at most MOST_STEPS, and STEPS_PER_BYTE for each byte of the stream; and memory of 28 bytes
 * for each byte of the longest body.
 */
export class FrameRecovery {
  /** The body without the text, and its decoded content. */
  #joined = Buffer.alloc(0);
  #decoded = Buffer.alloc(0);
  /** The beginning of a packet, up to its length. */
  readonly #head = Buffer.alloc(SIZED_BYTES);
  readonly #groups = new Groups();
  /** 0 <= #left <= MOST_STEPS */
  #left = MOST_STEPS;
  #steps = 0;
  #streamBytes = 0;

  /** Steps used so far, over all bodies. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * `otherCode`: another possible value of the body's first byte, -1 if there is none. `streamBytes`: the number of
   * bytes of the stream so far. Returns undefined if nothing makes it whole, or nothing was found in time.
   */
  recover(body: Buffer, otherCode: number, streamBytes: number): Recovered | undefined {
    this.#left = Math.min(MOST_STEPS, this.#left + STEPS_PER_BYTE * (streamBytes - this.#streamBytes));
    this.#streamBytes = streamBytes;
    if (body.length < LEAST_BODY_BYTES) return undefined;
    if (this.#joined.length < body.length) {
      this.#joined = Buffer.alloc(2 * body.length);
      this.#decoded = Buffer.alloc(2 * body.length);
    }
    if (otherCode >= 0 && this.#spend(body.length)) {
      const other = Buffer.from(body);
      other[0] = otherCode;
      const whole = this.#try(other, 0, 0, 0);
      if (whole) return whole;
    }
    return this.#later(body) ?? this.#withoutText(body);
  }

  /**
   * Pays for the next piece of work. Returns false if the budget is used up: nothing more may be done. Called in the
   * head of each loop, where no `continue` can skip it.
   */
  #spend(steps: number): boolean {
    if (steps > this.#left) {
      this.#steps += this.#left;
      this.#left = 0;
      return false;
    }
    this.#left -= steps;
    this.#steps += steps;
    return true;
  }

  /** A whole frame after other bytes: its leading zero was lost. */
  #later(body: Buffer): Recovered | undefined {
    let at = 1;
    for (let most = MOST_LATER; most > 0 && this.#spend(1 + (body.length >> 3)); most--) {
      at = body.indexOf(MAGIC, at + 1);
      if (at < 0) return undefined;
      const whole = this.#try(body, at - 1, body.length, body.length);
      if (whole) return whole;
    }
    return undefined;
  }

  #withoutText(body: Buffer): Recovered | undefined {
    if (!this.#spend(2 * body.length)) return undefined;
    const runs = textRuns(body);
    const content = this.#contentBytes(body, 0, NOTHING_DECODED);
    if (content > 0) {
      if (!this.#spend(4 * body.length)) return undefined;
      this.#groups.read(body);
    }
    // Text that ends with a line end is likelier than a piece of a line.
    for (const wholeLines of [true, false]) {
      const found =
        (content > 0 ? this.#behindHeader(body, runs, content, wholeLines) : undefined) ??
        this.#inHeader(body, runs, wholeLines);
      if (found) return found;
    }
    return undefined;
  }

  /**
   * Text after the header, which states the packet's length: that leaves few lengths for the text, and a position is
   * quickly refuted.
   */
  #behindHeader(body: Buffer, runs: readonly Run[], content: number, wholeLines: boolean): Recovered | undefined {
    // One byte more than the content for the first code, and one for each full group: all that COBS adds.
    const fullGroups = Math.floor(content / (MAX_GROUP_CODE - 1)) + 1;
    for (let groups = 0; groups <= fullGroups && this.#spend(1); groups++) {
      const length = body.length - content - 1 - groups;
      if (length <= 0) break;
      for (const { from, to } of runs) {
        if (!this.#spend(1)) return undefined;
        for (let end = from + length; end <= to && this.#spend(1); end++) {
          if ((body[end - 1] === 0x0a) !== wholeLines) continue;
          if (!this.#spend(2) || this.#groups.contentWithout(end - length, end) !== content) continue;
          const found = this.#try(body, 0, end - length, end);
          if (found) return found;
        }
      }
    }
    return undefined;
  }

  /** Text within the header: for each position of it, the rest tells the packet's length. */
  #inHeader(body: Buffer, runs: readonly Run[], wholeLines: boolean): Recovered | undefined {
    for (const run of runs) {
      // No later run reaches into the header either.
      if (run.from > SIZED_BYTES) break;
      const last = Math.min(run.to, SIZED_BYTES + 1);
      for (let from = Math.max(1, run.from); from < last && this.#spend(1); from++) {
        const before = this.#decodeHead(body, 0, from, NOTHING_DECODED);
        if (before === undefined) break; // nor with a later position
        const most = wholeLines ? run.to : Math.min(run.to, from + MOST_HEADER_PIECE_BYTES);
        for (let end = from + 1; end <= most && this.#spend(1); end++) {
          if ((body[end - 1] === 0x0a) !== wholeLines) continue;
          // If the text interrupted the magic, the rest of the magic must follow it.
          if (from < 1 + MAGIC.length && body[end] !== MAGIC[from - 1]) continue;
          const content = this.#contentBytes(body, end, before);
          if (content === 0) continue;
          const spare = body.length - (end - from) - content - 1;
          if (spare < 0 || spare > content / (MAX_GROUP_CODE - 1) + 1) continue;
          const found = this.#try(body, 0, from, end);
          if (found) return found;
        }
      }
    }
    return undefined;
  }

  /**
   * Continues decoding the COBS of `body[at, end)` from a state, until the packet's length is decoded; into `#head`,
   * whose first `state.length` bytes belong to that state. Undefined as soon as no packet can begin so, or the budget
   * is used up.
   */
  #decodeHead(body: Buffer, at: number, end: number, state: HeadState): HeadState | undefined {
    const into = this.#head;
    let { length, left, zero } = state;
    if (!this.#spend(HEAD_STEPS)) return undefined;
    while (at < end && length < SIZED_BYTES && this.#spend(1)) {
      const byte = body[at++]!;
      if (left > 0) {
        into[length++] = byte;
        left--;
      } else {
        if (zero) into[length++] = 0;
        zero = byte !== MAX_GROUP_CODE;
        left = byte - 1;
      }
      // Most candidates are refuted here, without being decoded to their end.
      if (length === AT_STREAM_ID + 4 && !isStream(into.readUInt32LE(AT_STREAM_ID))) return undefined;
    }
    return { length, left, zero };
  }

  /** Returns contentBytesOf for the packet whose header continues at `body[at]` from a state. */
  #contentBytes(body: Buffer, at: number, state: HeadState): number {
    return this.#decodeHead(body, at, body.length, state)?.length === SIZED_BYTES ? contentBytesOf(this.#head) : 0;
  }

  #try(body: Buffer, from: number, textFrom: number, textTo: number): Recovered | undefined {
    const textBytes = textTo - textFrom;
    if (!this.#spend(1 + Math.floor(textBytes / UTF8_BYTES_PER_STEP))) return undefined;
    if (textBytes > 0 && !isUtf8(body.subarray(textFrom, textTo))) return undefined;
    const joinedBytes = body.length - from - textBytes;
    if (!this.#spend(TRY_STEPS + 2 * joinedBytes)) return undefined;
    body.copy(this.#joined, 0, from, textFrom);
    body.copy(this.#joined, textFrom - from, textTo);
    const length = decodeCobs(this.#joined.subarray(0, joinedBytes), this.#decoded);
    if (length < 0) return undefined;
    const content = this.#decoded.subarray(0, length);
    if (!crcHolds(content)) return undefined;
    return { packet: new Uint8Array(content.subarray(0, length - CRC_BYTES)), from, textFrom, textTo };
  }
}

/** The groups of a body, read once, so that each cut is checked without reading them again. */
class Groups {
  #bytes = 0;
  /** By position: where the group ends that continues there, -1 if none does. */
  #ends = new Int32Array(0);
  /** By position: twice the bytes decoded up to that end, plus 1 if a zero follows them unless the body ends. */
  #before = new Int32Array(0);
  /**
   * By position: bytes decoded from a group that begins there to the body's end, -1 if the groups do not end exactly
   * there.
   */
  #behind = new Int32Array(0);

  /** At most five passes over the body. */
  read(body: Buffer): void {
    const bytes = body.length;
    this.#bytes = bytes;
    if (this.#ends.length <= bytes) {
      this.#ends = new Int32Array(2 * bytes + 1);
      this.#before = new Int32Array(2 * bytes + 1);
      this.#behind = new Int32Array(2 * bytes + 1);
    }
    const ends = this.#ends.fill(-1, 0, bytes + 1);
    const before = this.#before;
    ends[0] = 0;
    before[0] = 0;
    let decoded = 0;
    for (let at = 0; at < bytes; ) {
      const code = body[at]!;
      if (code === 0) break;
      const zero = code === MAX_GROUP_CODE ? 0 : 1;
      const end = at + code;
      decoded += code - 1;
      for (let place = at + 1; place <= end && place <= bytes; place++) {
        ends[place] = end;
        before[place] = 2 * decoded + zero;
      }
      decoded += zero;
      at = end;
    }
    const behind = this.#behind;
    behind[bytes] = 0;
    for (let at = bytes - 1; at >= 0; at--) {
      const code = body[at]!;
      const end = at + code;
      const rest = code === 0 || end > bytes ? -1 : behind[end]!;
      behind[at] = rest < 0 ? -1 : code - 1 + (code === MAX_GROUP_CODE || end === bytes ? 0 : 1) + rest;
    }
  }

  /** Decoded bytes of the body without `[from, to)`; -1 if its groups do not add up. */
  contentWithout(from: number, to: number): number {
    const next = this.#ends[from]! + to - from;
    if (this.#ends[from]! < 0 || next > this.#bytes) return -1;
    const behind = this.#behind[next]!;
    if (behind < 0) return -1;
    const before = this.#before[from]!;
    return (before >> 1) + (next < this.#bytes ? before & 1 : 0) + behind;
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
