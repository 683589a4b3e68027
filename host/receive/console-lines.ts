/** Finds packets that a log contains as lines of text, printed by xs-telemetry/console. docs/format.md is normative. */

import { maxFrameBytes } from "../../src/drain/frame.ts";
import { MAX_PACKET_BYTES, PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import { CRC_BYTES, contentBytesOf, crcHolds, decodeCobs, SIZED_BYTES } from "./frame-body.ts";

/** The result of a line of log text. */
export type ConsoleItem =
  /** A packet with a valid CRC. `offsetBytes`: of the line with its first bytes. */
  | { readonly kind: "packet"; readonly packet: Uint8Array; readonly offsetBytes: number }
  /** Text beside the bytes of a packet. */
  | { readonly kind: "text"; readonly text: string; readonly offsetBytes: number }
  /** Lines of a packet that do not form one. */
  | { readonly kind: "damage"; readonly wrong: string; readonly offsetBytes: number };

const MARK = "~xt:";
const LINE = /~xt:([A-Za-z0-9+/]{2,})\./g;
/** The rest of a line whose end is missing. */
const CUT = /~xt:[A-Za-z0-9+/]{2,}\s*$/;
const MOST_FRAME_BYTES = maxFrameBytes(MAX_PACKET_BYTES);
const MAGIC_FIRST = PACKET_MAGIC & 0xff;

// What monitors and debuggers put around a line is not text of the log: colours, XML and its entities; then digits and
// punctuation, in which
// only a time zone or a level is a letter, and the level, time and tag of ESP-IDF's log.
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
const AROUND = /\x1b\[[0-9;]*[A-Za-z]|<[^<>]*>|&#?\w+;/g;
const PREFIX = /^[^\p{L}]*(?:[A-Z][^\p{L}]*){0,2}(?:[EWIDV] \([\d:.]+\) [\w./-]+: )?$/u;

/** Whether a line of a packet is among the bytes. */
export function hasConsoleLine(bytes: Buffer): boolean {
  return bytes.includes(MARK) && bytes.toString("latin1").search(LINE) >= 0;
}

/**
 * Gathers the lines of a packet. Never throws. Holds one frame, costs the same for each character, and does not touch
 * lines without the mark.
 */
export class ConsoleLines {
  #parts: Buffer[] = [];
  #bytes = 0;
  #offsetBytes = 0;
  /** The first lines of a packet were missing, and that was reported. */
  #isTold = false;

  /** Takes a line of log text. Undefined: it contains nothing of a packet. */
  push(text: string, offsetBytes: number): ConsoleItem[] | undefined {
    if (!text.includes(MARK)) return undefined;
    const items: ConsoleItem[] = [];
    let at = 0;
    let beside = "";
    for (const { 0: whole, 1: base64, index } of text.matchAll(LINE)) {
      beside += text.slice(at, index);
      at = index + whole.length;
      items.push(...this.#bytesOfLine(Buffer.from(base64!, "base64"), offsetBytes));
    }
    if (at === 0) return CUT.test(text.replace(AROUND, "")) ? this.#cut(offsetBytes) : undefined;
    beside += text.slice(at);
    if (!PREFIX.test(beside.replace(AROUND, ""))) items.push({ kind: "text", text: beside, offsetBytes });
    return items;
  }

  /** A line without its end: the packet that it belongs to is lost. */
  #cut(offsetBytes: number): ConsoleItem[] {
    const items = this.#broken("a line of it was cut");
    this.#isTold = true;
    return items.length > 0
      ? items
      : [{ kind: "damage", wrong: "a line of a packet on the console was cut", offsetBytes }];
  }

  /** Call it when no more lines come. */
  end(): ConsoleItem[] {
    return this.#broken("its last lines are missing");
  }

  #bytesOfLine(bytes: Buffer, offsetBytes: number): ConsoleItem[] {
    const items: ConsoleItem[] = [];
    if (bytes[0] === 0) {
      items.push(...this.#broken("its last lines are missing"));
      this.#offsetBytes = offsetBytes;
      this.#isTold = false;
    } else if (this.#bytes === 0) {
      if (!this.#isTold)
        items.push({ kind: "damage", wrong: "the first lines of a packet on the console are missing", offsetBytes });
      this.#isTold = true;
      return items;
    }
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > MOST_FRAME_BYTES) items.push(...this.#broken("it is longer than a packet"));
    else if (bytes.at(-1) === 0 && this.#bytes > 1) items.push(...this.#whole());
    return items;
  }

  #whole(): ConsoleItem[] {
    const frame = Buffer.concat(this.#parts);
    const content = Buffer.alloc(frame.length);
    const length = decodeCobs(frame.subarray(1, -1), content);
    const isPacket =
      length >= SIZED_BYTES &&
      content[0] === MAGIC_FIRST &&
      contentBytesOf(content) === length &&
      crcHolds(content.subarray(0, length));
    if (!isPacket) return this.#broken("its lines do not form a packet: one is missing or damaged");
    this.#parts = [];
    this.#bytes = 0;
    const packet = new Uint8Array(content.subarray(0, length - CRC_BYTES));
    return [{ kind: "packet", packet, offsetBytes: this.#offsetBytes }];
  }

  /** Gives up the current packet, if there is one. */
  #broken(wrong: string): ConsoleItem[] {
    if (this.#bytes === 0) return [];
    this.#parts = [];
    this.#bytes = 0;
    this.#isTold = true;
    return [{ kind: "damage", wrong: `a packet on the console: ${wrong}`, offsetBytes: this.#offsetBytes }];
  }
}
