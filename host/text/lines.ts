/**
 * Splits bytes into lines, with bounded memory: a line over the limit is reported and skipped, a line that is not UTF-8
 * is reported and never repaired. Bytes are decoded a block at a time: a decoder call for each line costs more than
 * everything else.
 */

import { isAscii } from "node:buffer";
import { visible, visibleLines } from "./visible.ts";

export { visible, visibleLines };

/** The longest line that is read: 1 MiB, without its line end. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** Bytes that are decoded at once. Limits what a sink may have to hold between two chunks. */
const BLOCK_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = "\ufeff";

export interface TextLine {
  /** From 1. */
  readonly number: number;
  /** Offset of the line's first byte, from 0; a byte order mark is not part of the line. */
  readonly offsetBytes: number;
  /** Without its end, "\n" or "\r\n". */
  readonly text: string;
}

export interface FaultyLine {
  readonly number: number;
  readonly offsetBytes: number;
  readonly fault: "too-long" | "not-utf-8";
  /** Of the whole line, without "\n". */
  readonly lengthBytes: number;
  /** The line as it came; for a line that is too long, its first limitBytes. */
  readonly bytes: Uint8Array;
}

export type Line = TextLine | FaultyLine;

/** What a LineSplitter calls, in the order of the lines. */
export interface LineSink {
  /** As TextLine's fields. */
  line(text: string, number: number, offsetBytes: number): void;
  /** `line.bytes` is valid only during the call. */
  fault(line: FaultyLine): void;
}

export interface LineOptions {
  /** Default MAX_LINE_BYTES. */
  readonly limitBytes?: number;
}

/**
 * Cuts chunks of bytes into lines: call `push` for each chunk, `end` once. A byte order mark at the very beginning is
 * dropped. Throws only what the sink throws. Holds at most limitBytes and one block.
 */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #limitBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The beginning of an unfinished line: 0 <= #keptBytes <= #limitBytes. */
  #kept = Buffer.alloc(0);
  #keptBytes = 0;
  /** All bytes of that line so far, including those not kept. */
  #lineBytes = 0;
  /** Of the current or next line. */
  #number = 1;
  #offsetBytes = 0;

  constructor(sink: LineSink, options: LineOptions = {}) {
    this.#sink = sink;
    this.#limitBytes = options.limitBytes ?? MAX_LINE_BYTES;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) this.#pushBlock(bytes.subarray(at, at + BLOCK_BYTES));
  }

  /** The last line need not end in a newline. */
  end(): void {
    if (this.#lineBytes > 0) this.#finishKept(0);
  }

  #pushBlock(block: Buffer): void {
    let start = 0;
    if (this.#lineBytes > 0) {
      const end = block.indexOf(NEWLINE);
      this.#keep(end < 0 ? block : block.subarray(0, end));
      if (end < 0) return;
      this.#finishKept(1);
      start = end + 1;
    }
    const afterLast = block.lastIndexOf(NEWLINE) + 1;
    if (afterLast > start) {
      this.#wholeLines(block.subarray(start, afterLast));
      start = afterLast;
    }
    if (start < block.length) this.#keep(block.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length;
    const wanted = Math.min(this.#lineBytes, this.#limitBytes);
    if (wanted > this.#kept.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(wanted, 2 * this.#kept.length, 4096), this.#limitBytes));
      this.#kept.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    part.copy(this.#kept, this.#keptBytes, 0, wanted - this.#keptBytes);
    this.#keptBytes = wanted;
  }

  #finishKept(lineEndBytes: number): void {
    const lengthBytes = this.#lineBytes;
    this.#oneLine(this.#kept.subarray(0, this.#keptBytes), lengthBytes, this.#number, this.#offsetBytes);
    this.#number += 1;
    this.#offsetBytes += lengthBytes + lineEndBytes;
    this.#lineBytes = 0;
    this.#keptBytes = 0;
  }

  /** Lines that each end in a newline. */
  #wholeLines(block: Buffer): void {
    // Strings of one byte per character are parsed fastest: ASCII lines are taken from here.
    const latin1 = block.toString("latin1");
    const isPlain = isAscii(block);
    const text = isPlain ? latin1 : this.#decode(block);
    let number = this.#number;
    let start = 0;
    let startBytes = 0;
    while (startBytes < block.length) {
      const endBytes = latin1.indexOf("\n", startBytes);
      const lengthBytes = endBytes - startBytes;
      const offsetBytes = this.#offsetBytes + startBytes;
      let end = start;
      if (text !== undefined) end = isPlain ? endBytes : text.indexOf("\n", start);
      if (text === undefined || lengthBytes > this.#limitBytes || number === 1) {
        this.#oneLine(block.subarray(startBytes, endBytes), lengthBytes, number, offsetBytes);
      } else {
        const hasReturn = lengthBytes > 0 && latin1.charCodeAt(endBytes - 1) === CARRIAGE_RETURN ? 1 : 0;
        const line =
          end - start === lengthBytes
            ? latin1.slice(startBytes, endBytes - hasReturn)
            : text.slice(start, end - hasReturn);
        this.#sink.line(line, number, offsetBytes);
      }
      number += 1;
      start = end + 1;
      startBytes = endBytes + 1;
    }
    this.#number = number;
    this.#offsetBytes += block.length;
  }

  /** The slow path: first lines (a byte order mark), kept ones, and blocks with invalid UTF-8. */
  #oneLine(bytes: Buffer, lengthBytes: number, number: number, offsetBytes: number): void {
    const isTooLong = lengthBytes > this.#limitBytes;
    const decoded = isTooLong ? undefined : this.#decode(bytes);
    if (decoded === undefined) {
      this.#sink.fault({
        number,
        offsetBytes,
        fault: isTooLong ? "too-long" : "not-utf-8",
        lengthBytes,
        bytes: bytes.subarray(0, this.#limitBytes),
      });
      return;
    }
    const hasMark = number === 1 && decoded.startsWith(BYTE_ORDER_MARK);
    const text = decoded.slice(hasMark ? 1 : 0, decoded.endsWith("\r") ? -1 : undefined);
    this.#sink.line(text, number, hasMark ? offsetBytes + 3 : offsetBytes);
  }

  #decode(bytes: Buffer): string | undefined {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      return undefined;
    }
  }
}

/**
 * The lines of a stream of bytes, one after the other. Fails only if the source fails. For millions of lines per second
 * use LineSplitter: here each line costs a promise.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  options: LineOptions = {},
): AsyncGenerator<Line, void, void> {
  let lines: Line[] = [];
  const splitter = new LineSplitter(
    {
      line: (text, number, offsetBytes) => lines.push({ number, offsetBytes, text }),
      fault: (line) => lines.push({ ...line, bytes: Uint8Array.from(line.bytes) }),
    },
    options,
  );
  for await (const chunk of source) {
    splitter.push(chunk);
    yield* lines;
    lines = [];
  }
  splitter.end();
  yield* lines;
}

/** Offset of the first byte that cannot be UTF-8, or the length if only the end is missing. For error messages. */
export function invalidUtf8Offset(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at];
    if (lead < 0x80) {
      at++;
      continue;
    }
    if (lead < 0xc2 || lead > 0xf4) return at;
    const end = at + (lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);
    // Restricts the first following byte, so that nothing is overlong, a surrogate or above U+10FFFF (RFC 3629 § 4).
    let least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    for (at++; at < end && at < bytes.length; at++) {
      if (bytes[at] < least || bytes[at] > most) return at;
      least = 0x80;
      most = 0xbf;
    }
  }
  return at;
}

/** U+0085, U+2028 and U+2029: allowed in JSON, but Python's splitlines() and others end a line there. */
const LINE_ENDS = /[\x85\u2028\u2029]/g;
const LINE_END_BYTES = ["\x85", "\u2028", "\u2029"].map((character) => Buffer.from(character));

/**
 * Lines of JSON, as text or UTF-8, with the line ends of other languages escaped: the JSON keeps its meaning. Copies
 * only if there are any.
 */
export function oneLineEach<T extends string | Uint8Array>(data: T): T | string {
  if (typeof data === "string") return data.replace(LINE_ENDS, visible);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return LINE_END_BYTES.some((end) => bytes.includes(end)) ? bytes.toString().replace(LINE_ENDS, visible) : data;
}

/** Quoted text for a message: escaped, and cut after maxChars, with its length. Never throws. */
export function quote(text: string, maxChars = 80): string {
  if (text.length <= maxChars) return visible(JSON.stringify(text));
  return `${visible(JSON.stringify(text.slice(0, maxChars)))}… (${text.length} characters)`;
}

/** Quoted texts, separated by commas. */
export function quotedList(values: Iterable<unknown>): string {
  return Array.from(values, (value) => quote(String(value))).join(", ");
}
