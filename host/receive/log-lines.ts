/** Finds log text in bytes that may contain other data: lines, each as soon as it is complete. */

import { isUtf8 } from "node:buffer";

/** A longer line comes in pieces. */
export const MAX_LOG_LINE_BYTES = 4096;
/** Fewer bytes than this that look like text, among bytes that do not, are coincidence. */
const LEAST_TEXT_BYTES = 8;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * How far bytes are believed to be text: as they come; after damage, unless they look otherwise; in a bad frame, if
 * they look like it. At the start of a stream they may be the rest of a frame, with texts in it, until a line or a
 * frame has ended.
 */
export type Belief = "start" | "text" | "suspect" | "frame";
/** After non-text bytes at the start, this many bytes of text: no frame has as many in a row. */
const START_TEXT_BYTES = 256;

/** Whether a byte occurs in log text: colours (ESC), tabs and all of UTF-8 do, other control characters do not. */
export function isTextByte(byte: number): boolean {
  if (byte < 0x20) return byte === 0x09 || byte === NEWLINE || byte === CARRIAGE_RETURN || byte === 0x1b;
  return byte !== 0x7f && byte !== 0xc0 && byte !== 0xc1 && byte < 0xf5;
}

/** Gathers lines byte by byte. Holds one line of at most MAX_LOG_LINE_BYTES. */
export class LogLines {
  readonly #emit: (text: string, offsetBytes: number) => void;
  readonly #line = Buffer.alloc(MAX_LOG_LINE_BYTES);
  /** 0 <= #length < MAX_LOG_LINE_BYTES between calls */
  #length = 0;
  #offset = 0;
  #belief: Belief = "start";
  /** Bytes of the line from here on are believed as #belief says. */
  #doubtFrom = 0;
  /** A line has been kept since believe(). */
  #kept = false;
  /** "start": there were bytes that are not text; and lines since the last of them. */
  #isNoisy = false;
  #held: { readonly text: string; readonly offset: number }[] = [];
  #heldBytes = 0;

  /** `emit` gets each line without its end, and the offset of its first byte; invalid UTF-8 becomes U+FFFD. */
  constructor(emit: (text: string, offsetBytes: number) => void) {
    this.#emit = emit;
  }

  /** The last byte of the current line; -1 at the beginning of a line. */
  get last(): number {
    return this.#length > 0 ? this.#line[this.#length - 1]! : -1;
  }

  get isSuspect(): boolean {
    return this.#belief === "suspect";
  }

  /** Nothing has come yet that can be identified. */
  get isStart(): boolean {
    return this.#belief === "start";
  }

  /** Sets what the bytes from here on are. Bytes since the last call that turned out not to be text are dropped. */
  believe(belief: Belief): void {
    if (this.#belief === "start") {
      const part = this.#line.subarray(0, this.#length);
      if (part.every(isTextByte)) this.#letGo();
      if (part.length < LEAST_TEXT_BYTES || !isClean(part)) this.#length = 0;
      this.#held = [];
    } else if (this.#belief !== "text") {
      const part = this.#line.subarray(this.#doubtFrom, this.#length);
      const isLong = part.length >= LEAST_TEXT_BYTES;
      const good = isLong && isClean(part) && (this.#belief === "suspect" || (this.#kept && this.#doubtFrom === 0));
      if (!good) this.#length = this.#doubtFrom;
    }
    this.#belief = belief;
    this.#doubtFrom = this.#length;
    this.#kept = false;
  }

  /** Takes the next byte; `offset` is its place in the stream. */
  add(byte: number, offset: number): void {
    if (byte === NEWLINE) {
      this.#end(this.#length > 0 ? this.#offset : offset, true);
      return;
    }
    if (this.#length === 0) this.#offset = offset;
    this.#line[this.#length++] = byte;
    if (this.#length === MAX_LOG_LINE_BYTES) this.#piece();
  }

  /** Removes the last byte, which was not text after all. */
  drop(): void {
    if (this.#length > 0) this.#length--;
    if (this.#doubtFrom > this.#length) this.#doubtFrom = this.#length;
  }

  /** No more bytes come: an unfinished line counts as a line. */
  flush(): void {
    const isText = this.isStart && !this.#isNoisy && this.#line.subarray(0, this.#length).every(isTextByte);
    if (isText) {
      this.#letGo();
      this.#belief = "text";
    }
    this.believe("text");
    if (this.#length > 0) this.#end(this.#offset, false);
  }

  /** A piece of a line that is too long, cut at the beginning of a character. */
  #piece(): void {
    let cut = this.#length;
    while (cut > this.#length - 3 && (this.#line[cut - 1]! & 0xc0) === 0x80) cut--;
    if (this.#line[cut - 1]! >= 0xc0) cut--;
    else cut = this.#length;
    const rest = Buffer.from(this.#line.subarray(cut, this.#length));
    this.#length = cut;
    this.#end(this.#offset, false);
    rest.copy(this.#line);
    this.#length = rest.length;
    this.#offset += cut;
  }

  /** A line, or a piece of it, at the start of the stream has ended. */
  #endAtStart(offset: number, complete: boolean): void {
    const part = this.#line.subarray(0, this.#length);
    const isText = part.every(isTextByte); // in any encoding
    if (isText) this.#held.push({ text: lineText(part, complete), offset });
    else this.#held = [];
    this.#heldBytes = isText ? this.#heldBytes + part.length : 0;
    if (!isText) this.#isNoisy = true;
    this.#length = 0;
    if (this.#heldBytes < (this.#isNoisy ? START_TEXT_BYTES : LEAST_TEXT_BYTES)) return;
    this.#letGo();
    this.#belief = "text";
  }

  #letGo(): void {
    for (const { text, offset } of this.#held) this.#emit(text, offset);
    this.#held = [];
  }

  #end(offset: number, complete: boolean): void {
    if (this.#belief === "start") {
      this.#endAtStart(offset, complete);
      return;
    }
    let from = this.#doubtFrom;
    let good = true;
    if (this.#belief !== "text") {
      const part = this.#line.subarray(from, this.#length);
      const text = textSuffix(part);
      good = text.length >= LEAST_TEXT_BYTES || (this.#belief === "suspect" && isClean(part));
      from = good ? this.#length - text.length : from;
    } else from = 0;
    if (good) {
      const before = this.#belief === "text" ? 0 : this.#doubtFrom;
      this.#line.copyWithin(before, from, this.#length);
      const end = before + this.#length - from;
      this.#emit(lineText(this.#line.subarray(0, end), complete), before > 0 ? offset : offset + from);
      this.#kept = true;
      this.#length = 0;
    } else this.#length = this.#doubtFrom; // bytes before the damage wait for the end of their line
    this.#doubtFrom = this.#length;
  }
}

function lineText(bytes: Buffer, complete: boolean): string {
  const end = complete && bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
  return bytes.toString("utf8", 0, end);
}

function isClean(bytes: Buffer): boolean {
  return textSuffix(bytes).length === bytes.length;
}

/** The longest end of the bytes that looks like text and is UTF-8; of invalid UTF-8, the ASCII after it. */
function textSuffix(bytes: Buffer): Buffer {
  let from = bytes.length;
  while (from > 0 && isTextByte(bytes[from - 1]!)) from--;
  while (from < bytes.length && (bytes[from]! & 0xc0) === 0x80) from++;
  if (isUtf8(bytes.subarray(from))) return bytes.subarray(from);
  from = bytes.length;
  while (bytes[from - 1]! < 0x80 && isTextByte(bytes[from - 1]!)) from--;
  return bytes.subarray(from);
}
