import { asciiText, platformPrint } from "#console";
import { maxFrameBytes, writeFrame } from "#frame";
import { checkFunction, checkNames, checkNumber } from "../ring/options.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { OpenSink, Sink } from "./sink.ts";

export type { OpenSink, Sink, SinkEvents } from "./sink.ts";

export interface ConsoleSinkOptions {
  /** Prints a text that ends with a line break. Default: `trace()` on XS, standard output in Node. */
  readonly print?: (line: string) => void;
  /**
   * Bytes of the longest packet, 256 to 65,536. Default 512: about 740 characters, 64 ms of a console at 115,200 baud.
   */
  readonly maxPacketBytes?: number;
}

const OPTIONS: readonly string[] = Object.freeze(["print", "maxPacketBytes"]);

// A line as in docs/format.md: the mark, some bytes of a frame as base64, a full stop.
const MARK: readonly number[] = Object.freeze([0x7e, 0x78, 0x74, 0x3a]); // ~xt:
const FULL_STOP = 0x2e;
const NEWLINE = 0x0a;
/** 128 characters of base64: a line of at most 134. */
const LINE_BYTES = 96;
const MARK_CHARACTERS = 4;
const MOST_CHARACTERS = MARK_CHARACTERS + (LINE_BYTES / 3) * 4 + 2;

/**
 * Opens sinks, one at a time, that print packets as lines of text, on a console shared with log lines of any kind.
 * Printing blocks while the console is busy: 87 µs per character at 115,200 baud. A packet counts as taken when its
 * lines are printed. Throws TypeError or RangeError that names the option, its value and what is allowed. Allocates its
 * memory here, once; each line allocates its text.
 */
export function consoleSink(options: ConsoleSinkOptions = {}): OpenSink {
  checkNames(options, OPTIONS);
  const { print = platformPrint, maxPacketBytes = 512 } = options;
  checkFunction("print", print);
  checkNumber("maxPacketBytes", maxPacketBytes, MIN_PACKET_BUFFER_BYTES, MAX_PACKET_BYTES);
  const frame = new Uint8Array(maxFrameBytes(maxPacketBytes));
  const line = new Uint8Array(MOST_CHARACTERS);
  for (let index = 0; index < MARK_CHARACTERS; index++) line[index] = MARK[index]!;
  return () => new ConsoleSink(print, maxPacketBytes, frame, line);
}

class ConsoleSink implements Sink {
  readonly maxPacketBytes: number;
  readonly #print: (line: string) => void;
  readonly #frame: Uint8Array;
  readonly #line: Uint8Array;

  constructor(print: (line: string) => void, maxPacketBytes: number, frame: Uint8Array, line: Uint8Array) {
    this.#print = print;
    this.maxPacketBytes = maxPacketBytes;
    this.#frame = frame;
    this.#line = line;
  }

  /** Never refuses. Throws whatever `print` throws. */
  write(buffer: Uint8Array, byteLength: number): boolean {
    const print = this.#print;
    const end = writeFrame(buffer, byteLength, this.#frame);
    for (let at = 0; at < end; at += LINE_BYTES) print(this.#lineOf(at, Math.min(at + LINE_BYTES, end)));
    return true;
  }

  close(): void {}

  #lineOf(from: number, end: number): string {
    const frame = this.#frame;
    const line = this.#line;
    let to = MARK_CHARACTERS;
    for (let at = from; at < end; at += 3) {
      const left = end - at;
      const bits = (frame[at]! << 16) | (left > 1 ? frame[at + 1]! << 8 : 0) | (left > 2 ? frame[at + 2]! : 0);
      line[to++] = characterOf(bits >> 18);
      line[to++] = characterOf((bits >> 12) & 63);
      if (left > 1) line[to++] = characterOf((bits >> 6) & 63);
      if (left > 2) line[to++] = characterOf(bits & 63);
    }
    line[to++] = FULL_STOP;
    line[to++] = NEWLINE;
    return asciiText(line, to);
  }
}

/** A–Z, a–z, 0–9, +, /: none of them is special in XML, in a shell or on a terminal. */
function characterOf(sextet: number): number {
  if (sextet < 26) return sextet + 0x41;
  if (sextet < 52) return sextet + 0x47;
  if (sextet < 62) return sextet - 4;
  return sextet === 62 ? 0x2b : 0x2f;
}
