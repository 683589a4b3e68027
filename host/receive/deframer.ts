/**
 * Bytes of a serial line, a log or a flash image: packets in frames, log text between and within them, damage.
 * One file, because it is one state machine: the step for each byte continues from the state that earlier steps have set.
 */

import { maxFrameBytes } from "../../src/drain/frame.ts";
import { MAX_PACKET_BYTES, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import type { Problem } from "../text/errors.ts";
import { type ConsoleItem, ConsoleLines } from "./console-lines.ts";
import { CRC_BYTES, contentBytesOf, crcHolds, SIZED_BYTES } from "./frame-body.ts";
import { FrameRecovery } from "./frame-recovery.ts";
import { LogLines } from "./log-lines.ts";

export type Deframed =
  /** A packet with a valid CRC, in its own bytes. `offsetBytes` is that of its frame, after the zero. */
  | { readonly kind: "packet"; readonly packet: Uint8Array; readonly offsetBytes: number }
  /** A line of log text, without its end; `offsetBytes` is that of its first byte. */
  | { readonly kind: "text"; readonly text: string; readonly offsetBytes: number }
  /** `E_FRAME`: a bad frame. `E_NO_FRAMES`: packets without frames, reported once. */
  | { readonly kind: "damage"; readonly problem: Problem };

/** Most bytes of log text within one frame. */
export const MOST_TEXT_IN_FRAME_BYTES = 4096;

const MAGIC = [PACKET_MAGIC & 0xff, (PACKET_MAGIC >>> 8) & 0xff, (PACKET_MAGIC >>> 16) & 0xff, PACKET_MAGIC >>> 24];
const MAGIC_BYTES = 4;
const HEAD_BYTES = 1 + MAGIC_BYTES;
/** The first zero of a packet, in its stream_id at the latest, is this far from its beginning. */
const LEAST_FIRST_CODE = MAGIC_BYTES + 1;
const MOST_FIRST_CODE = 22;
/** After a packet's magic without a frame, a zero comes within this many bytes, where no frame has one. */
const BARE_PACKET_BYTES = 25;
const ERASED_FLASH = 0xff;
const FULL_GROUP_CODE = 0xff;

/**
 * Takes bytes apart. Zeros separate segments; a segment is a frame if it continues like the beginning of a packet,
 * otherwise it is text. A packet is returned with its last byte, a line of text with its end. Text within a frame is
 * removed if the frame is whole without one run of text; packets printed by a console sink are recovered from its
 * lines. After a bad frame, bytes up to the next zero count as text only if they look like it. The same applies to the
 * first bytes of the stream, which may be the rest of a frame. Zeros and runs of 0xFF (erased flash, a line without a
 * signal) give nothing. The same bytes give the same items, in whatever chunks they come.
 *
 * Never throws. Holds one frame and one line of text, and what repairing a frame needs: at most 4 MB. Costs the same
 * for each byte, whatever the bytes are, except for a bad frame now and then: at most about 50 ms.
 */
export class Deframer {
  #items: Deframed[] = [];
  readonly #lines = new LogLines((text, offsetBytes) => this.#line(text, offsetBytes));
  readonly #console = new ConsoleLines();
  readonly #recovery = new FrameRecovery();
  #state: "head" | "text" | "frame" | "whole" = "head";
  /** For the next byte. */
  #offset = 0;

  /** In "text": this many bytes of the magic have come, and may begin a frame whose zero was lost. */
  #magicSeen = 0;
  /** The byte before them in this segment, -1 if there is none. */
  #beforeMagic = -1;
  /** The segment's first byte, if it may be the code of a frame that text interrupted right after it; else -1. */
  #pendingCode = -1;

  /** "head", "frame": the segment so far, from #bodyOffset on. */
  #body: Buffer = Buffer.alloc(4096);
  #bodyBytes = 0;
  #bodyOffset = 0;
  #otherCode = -1;
  /** Its decoded content so far. */
  #content: Buffer = Buffer.alloc(4096);
  #contentBytes = 0;
  /** Bytes left of the COBS group; a zero follows it if #zeroNext. */
  #groupLeft = 0;
  #zeroNext = false;
  /** As stated in the packet's header; 0 before that is known. */
  #expectedBytes = 0;
  #mostBodyBytes = 0;
  /** Packets without frames: everything is skipped until a frame comes. */
  #isBare = false;
  #toldBare = false;

  /** Takes bytes, and keeps no reference to them. Returns the items that they complete, in order. */
  push(chunk: Uint8Array): Deframed[] {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === 0) this.#zero();
      else this.#byte(byte);
      this.#offset++;
    }
    return this.#take();
  }

  /** Call it when no more bytes come. Returns the rest. */
  end(): Deframed[] {
    if (this.#state === "frame") this.#endFrame(true);
    else this.#zero(true);
    this.#lines.flush();
    this.#addConsole(this.#console.end());
    this.#state = "head";
    return this.#take();
  }

  /** Cost of bad frames so far, in steps: at most MOST_STEPS, and STEPS_PER_BYTE for each byte (frame-recovery.ts). */
  get steps(): number {
    return this.#recovery.steps;
  }

  #take(): Deframed[] {
    const items = this.#items;
    if (items.length > 0) this.#items = [];
    return items;
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case "text":
        this.#text(byte);
        break;
      case "frame":
        this.#inFrame(byte);
        break;
      case "head":
        this.#head(byte);
        break;
      case "whole":
        // An encoder may add an empty group after a full last one.
        if (byte === 1 && !this.#zeroNext) {
          this.#zeroNext = true;
          break;
        }
        this.#state = "text";
        this.#beforeMagic = -1;
        this.#pendingCode = -1;
        this.#text(byte);
    }
  }

  /** The end of a segment, and the beginning of the next. */
  #zero(isEnd = false): void {
    // One of several zeros in a row.
    if (this.#state === "head" && this.#bodyBytes === 0 && !this.#lines.isSuspect && !this.#lines.isStart) return;
    if (this.#state === "frame") {
      this.#endFrame(false);
    } else if (this.#state === "head") {
      const [code, second] = this.#body;
      const bytes = this.#bodyBytes;
      const begun = bytes > 1 ? second === MAGIC[0] : bytes === 1 && !isLineSpace(code!);
      // After a bad frame, or at the start of a stream within one, it is the rest of that frame.
      const isRest = this.#lines.isSuspect || (this.#lines.isStart && bytes === 1);
      if (begun && !isRest) this.#damage(`it ends after only ${bytes} bytes`);
      else this.#headAsText();
    }
    if (this.#state === "text") {
      this.#noMagic();
      if (isEnd) this.#lines.flush();
      else this.#lines.believe("text");
    }
    this.#startHead();
  }

  #startHead(): void {
    this.#state = "head";
    this.#bodyBytes = 0;
    this.#pendingCode = -1;
    this.#beforeMagic = -1;
    this.#magicSeen = 0;
  }

  /** The first bytes after a zero: just enough to tell a frame from text. */
  #head(byte: number): void {
    if (this.#bodyBytes === 0) {
      this.#bodyOffset = this.#offset;
      if (byte < LEAST_FIRST_CODE || byte > MOST_FIRST_CODE) {
        this.#state = "text";
        this.#text(byte);
        return;
      }
    }
    this.#body[this.#bodyBytes++] = byte;
    if (this.#bodyBytes === 1) return;
    const code = this.#body[0]!;
    const begins = this.#body[1] === MAGIC[0];
    if (!begins && isLineSpace(code)) {
      this.#headAsText();
      return;
    }
    if (this.#bodyBytes < HEAD_BYTES) return;
    let matching = 0;
    for (let index = 0; index < MAGIC_BYTES; index++) if (this.#body[1 + index] === MAGIC[index]) matching++;
    if (begins || matching >= MAGIC_BYTES - 1) {
      this.#startFrame(code, -1, this.#bodyOffset);
      for (let index = 1; index < HEAD_BYTES; index++) this.#inFrame(this.#body[index]!);
    } else {
      this.#headAsText();
    }
  }

  /**
   * The beginning of a segment is text; except a control character, which may be the code of a frame that text
   * interrupted.
   */
  #headAsText(): void {
    const bytes = Uint8Array.prototype.slice.call(this.#body, 0, this.#bodyBytes);
    this.#state = "text";
    const offset = this.#offset;
    let index = 0;
    // At the start of the stream no zero preceded it.
    if (bytes.length > 0 && !isLineSpace(bytes[0]!) && !this.#lines.isStart) {
      this.#pendingCode = bytes[0]!;
      index = 1;
    }
    for (; index < bytes.length; index++) {
      this.#offset = this.#bodyOffset + index;
      this.#text(bytes[index]!);
    }
    this.#offset = offset;
  }

  #text(byte: number): void {
    if (byte === MAGIC[this.#magicSeen]) {
      this.#magicSeen++;
      if (this.#magicSeen === MAGIC_BYTES) this.#foundMagic();
      return;
    }
    this.#noMagic();
    if (byte === MAGIC[0]) this.#magicSeen = 1;
    else this.#plain(byte, this.#offset);
  }

  /** A possible magic turned out not to be one. */
  #noMagic(): void {
    const seen = this.#magicSeen;
    this.#magicSeen = 0;
    for (let index = 0; index < seen; index++) this.#plain(MAGIC[index]!, this.#offset - seen + index);
  }

  #plain(byte: number, offset: number): void {
    this.#beforeMagic = byte;
    if (byte !== ERASED_FLASH) this.#lines.add(byte, offset);
  }

  /** A packet begins within text, or after it: its zero was lost, or text came between the zero and the frame. */
  #foundMagic(): void {
    const before = this.#beforeMagic;
    const pending = this.#pendingCode;
    const isCode = before >= LEAST_FIRST_CODE && before <= MOST_FIRST_CODE && !isLineSpace(before);
    const code = isCode || pending < 0 ? Math.max(before, 0) : pending;
    if (code === before && this.#lines.last === before) this.#lines.drop();
    this.#startFrame(code, code === before ? pending : before, this.#offset - MAGIC_BYTES);
    for (const byte of MAGIC) this.#inFrame(byte);
  }

  #startFrame(code: number, otherCode: number, offset: number): void {
    this.#lines.believe("text");
    this.#state = "frame";
    this.#otherCode = otherCode;
    this.#bodyOffset = offset;
    this.#body[0] = code;
    this.#bodyBytes = 1;
    this.#contentBytes = 0;
    this.#groupLeft = code - 1;
    this.#zeroNext = code !== FULL_GROUP_CODE;
    this.#expectedBytes = 0;
    this.#mostBodyBytes = maxFrameBytes(MAX_PACKET_BYTES) + MOST_TEXT_IN_FRAME_BYTES;
  }

  #inFrame(byte: number): void {
    if (this.#bodyBytes === this.#body.length) this.#body = grown(this.#body);
    this.#body[this.#bodyBytes++] = byte;
    if (this.#groupLeft > 0) {
      this.#decoded(byte);
      this.#groupLeft--;
    } else {
      if (this.#zeroNext) this.#decoded(0);
      this.#groupLeft = byte - 1;
      this.#zeroNext = byte !== FULL_GROUP_CODE;
    }
    if (this.#groupLeft === 0 && this.#contentBytes === this.#expectedBytes && this.#expectedBytes > 0) {
      if (crcHolds(this.#content.subarray(0, this.#contentBytes))) {
        this.#packet(new Uint8Array(this.#content.subarray(0, this.#contentBytes - CRC_BYTES)), this.#bodyOffset);
        this.#state = "whole";
        return;
      }
    }
    if (this.#bodyBytes > this.#mostBodyBytes) {
      this.#badFrame(`it is longer than ${this.#mostBodyBytes} bytes`);
      this.#lines.believe("suspect");
      this.#state = "text";
      this.#magicSeen = 0;
      this.#beforeMagic = -1;
      this.#pendingCode = -1;
    }
  }

  /** The next byte of the packet, or of its CRC. */
  #decoded(byte: number): void {
    if (this.#contentBytes === this.#content.length) this.#content = grown(this.#content);
    this.#content[this.#contentBytes++] = byte;
    if (this.#contentBytes !== SIZED_BYTES) return;
    this.#expectedBytes = contentBytesOf(this.#content);
    if (this.#expectedBytes > 0)
      this.#mostBodyBytes = maxFrameBytes(this.#expectedBytes - CRC_BYTES) + MOST_TEXT_IN_FRAME_BYTES;
  }

  /** A zero, or the end of the data, before the frame was complete. */
  #endFrame(isCut: boolean): void {
    const bytes = this.#bodyBytes;
    if (this.#body[0] === 0 && bytes <= BARE_PACKET_BYTES && !isCut) {
      this.#bare();
      return;
    }
    const content = this.#content.subarray(0, this.#contentBytes);
    if (this.#groupLeft === 0 && crcHolds(content)) {
      this.#packet(new Uint8Array(content.subarray(0, content.length - CRC_BYTES)), this.#bodyOffset);
      return;
    }
    const wrong = isCut ? `cut at the end: the data ends ${bytes} bytes into it` : this.#whatIsWrong();
    if (this.#badFrame(wrong)) this.#lines.believe("suspect");
  }

  #whatIsWrong(): string {
    const bytes = this.#bodyBytes;
    const expected = this.#expectedBytes;
    if (this.#body[0] === 0) return "COBS: its first byte is missing";
    if (this.#groupLeft > 0) return `COBS: after ${bytes} bytes, its last group lacks ${this.#groupLeft}`;
    if (expected > 0 && this.#contentBytes !== expected)
      return `CRC: it has ${this.#contentBytes} bytes, expected ${expected} with the CRC`;
    return `CRC: the CRC-32 of ${this.#contentBytes - CRC_BYTES} bytes does not match`;
  }

  /** Recovers what the frame holds, or reports the damage. Returns whether the frame is lost. */
  #badFrame(wrong: string): boolean {
    const body = this.#body.subarray(0, this.#bodyBytes);
    const found = this.#recovery.recover(body, this.#otherCode, this.#offset);
    if (found === undefined) {
      // The stream begins within its frame: that is reported no more than if the stream had begun later.
      if (this.#bodyOffset < 0) return true;
      this.#damage(wrong);
      this.#textOf(body, 0, "frame");
      this.#lines.believe("text");
      return true;
    }
    if (found.from >= HEAD_BYTES) {
      this.#damage("another frame begins within it");
      this.#textOf(body.subarray(0, found.from), 0, "frame");
      this.#lines.believe("text");
    }
    this.#packet(found.packet, this.#bodyOffset + found.from);
    this.#textOf(body.subarray(found.textFrom, found.textTo), found.textFrom, "text");
    return false;
  }

  #textOf(bytes: Uint8Array, at: number, belief: "text" | "frame"): void {
    this.#lines.believe(belief);
    for (let index = 0; index < bytes.length; index++) this.#lines.add(bytes[index]!, this.#bodyOffset + at + index);
  }

  #packet(packet: Uint8Array, offsetBytes: number): void {
    this.#isBare = false;
    // A block header of a flash store (docs/format.md), or anything else that is intact and not a packet.
    if (MAGIC.some((byte, index) => packet[index] !== byte)) return;
    this.#items.push({ kind: "packet", packet, offsetBytes });
  }

  /** Consecutive packets without frames. */
  #bare(): void {
    this.#isBare = true;
    if (this.#toldBare) return;
    this.#toldBare = true;
    const message =
      "a packet without a frame: this is a packet stream, not a log with frames; read it with decode - or decode FILE";
    this.#items.push({ kind: "damage", problem: { code: "E_NO_FRAMES", message, offsetBytes: this.#bodyOffset + 1 } });
  }

  /** A line of log text, which may contain a piece of a packet. */
  #line(text: string, offsetBytes: number): void {
    const items = this.#console.push(text, offsetBytes);
    if (items !== undefined) this.#addConsole(items);
    else if (!this.#isBare) this.#items.push({ kind: "text", text, offsetBytes });
  }

  #addConsole(items: readonly ConsoleItem[]): void {
    for (const item of items) {
      if (item.kind !== "damage") this.#items.push(item);
      else {
        const { wrong, offsetBytes } = item;
        this.#items.push({ kind: "damage", problem: { code: "E_FRAME", message: wrong, offsetBytes } });
      }
    }
  }

  #damage(wrong: string): void {
    this.#lines.believe("suspect");
    if (this.#isBare) return;
    const problem = { code: "E_FRAME", message: `a bad frame: ${wrong}`, offsetBytes: this.#bodyOffset };
    this.#items.push({ kind: "damage", problem });
  }
}

/** These may begin log text after a frame, and may also be the first code of a frame. */
function isLineSpace(byte: number): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function grown(buffer: Buffer): Buffer {
  const larger = Buffer.alloc(2 * buffer.length);
  buffer.copy(larger);
  return larger;
}
