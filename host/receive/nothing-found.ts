/** Bytes came, but nothing was found in them: says what they most likely are, and what to do. */

import { isUtf8 } from "node:buffer";
import type { Problem } from "../text/errors.ts";
import { extractLine } from "../text/extract.ts";
import { Deframer } from "./deframer.ts";
import { isTextByte } from "./log-lines.ts";

/** The first bytes of an input that are examined. */
const SAMPLE_BYTES = 128 * 1024;
/** This many binary bytes are enough to conclude that a value which never occurs among them was removed. */
const ENOUGH_BYTES = 400;
/**
 * At a wrong rate, at least this share of a UART's bytes are control characters, or have their highest bit set; a log
 * in another encoding has few of those.
 */
const NOISE_SHARE = 0.05;
const HIGH_SHARE = 0.3;
const REPLACEMENT = Buffer.from("\ufffd");

/** What was looked for: packets in frames, or lines of telemetry. */
export type Sought = "packets" | "lines";

/** "text": an ordinary log, in which more bytes may bring what is sought. The other causes do not go away. */
export interface NothingFound {
  readonly cause: "text" | "packed" | "utf-16" | "bare" | "frames" | "lines" | "replaced" | "dump" | "cooked" | "noise";
  /** `E_NO_FRAMES` or `E_NO_LINES`. */
  readonly problem: Problem;
}

/** Keeps the first bytes of an input until something is found in it. */
export class InputSample {
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;
  #isFound = false;

  /** So far, or until something was found. */
  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: Uint8Array): void {
    if (this.#isFound) return;
    this.#bytes += bytes.length;
    const room = SAMPLE_BYTES - this.#keptBytes;
    if (room <= 0) return;
    const part = Buffer.from(bytes.subarray(0, room));
    this.#keptBytes += part.length;
    this.#kept.push(part);
  }

  /** Something is found, or the reason for nothing was reported: further bytes are ignored. */
  found(): void {
    this.#isFound = true;
    this.#kept = [];
  }

  /** Undefined if something was found, or nothing came. Costs some milliseconds. */
  nothingFound(sought: Sought): NothingFound | undefined {
    if (this.#isFound || this.#bytes === 0) return undefined;
    return nothingFound(Buffer.concat(this.#kept), this.#bytes, sought);
  }
}

/**
 * What an input of this many bytes, with these first ones, most likely is, if it does not contain what is sought.
 * @internal
 */
export function nothingFound(sample: Buffer, bytes: number, sought: Sought): NothingFound {
  const [cause, said] = causeOf(sample, sought);
  const isPackets = sought === "packets";
  const message = `no ${isPackets ? "packet" : "telemetry line"} in ${bytes} bytes: ${said}`;
  return { cause, problem: { code: isPackets ? "E_NO_FRAMES" : "E_NO_LINES", message } };
}

type Cause = readonly [cause: NothingFound["cause"], said: string];

const PACKED: readonly (readonly [name: string, bytes: readonly number[], unpack: string])[] = [
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd], "zstd -dc"],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz -dc"],
  ["bzip2", [0x42, 0x5a, 0x68], "bzip2 -dc"],
  ["a zip archive", [0x50, 0x4b, 0x03, 0x04], "unzip -p"],
  ["lz4", [0x04, 0x22, 0x4d, 0x18], "lz4 -dc"],
];

function causeOf(sample: Buffer, sought: Sought): Cause {
  for (const [name, bytes, unpack] of PACKED)
    if (bytes.every((byte, index) => sample[index] === byte))
      return ["packed", `it is packed (${name}); unpack it first: ${unpack} FILE | xs-telemetry …`];
  if (isUtf16(sample))
    return ["utf-16", "it is UTF-16 without a byte order mark; save it as UTF-8, or as UTF-16 with the mark"];
  const held = whatIsIn(sample);
  if (held.isBare) return ["bare", "it is packets without frames: read them with xs-telemetry decode"];
  if (held.packets > 0 && sought === "lines")
    return ["frames", "it holds packets in frames: decode them with xs-telemetry extract --frames"];
  if (held.lines > 0 && sought === "packets")
    return ["lines", "it holds telemetry as lines of text: read them with xs-telemetry extract, without --frames"];
  if (occurrences(sample, REPLACEMENT) > sample.length / 200)
    return [
      "replaced",
      "a program that took the bytes for text has replaced some by U+FFFD: record the bytes as they are, for example with capture --serial",
    ];
  const dump = dumpOf(sample);
  if (dump !== undefined)
    return ["dump", `it looks like ${dump[0]}: turn it into bytes first, for example with ${dump[1]}`];
  const control = sample.filter((byte) => byte < 0x80 && !isTextByte(byte)).length;
  const high = isUtf8(sample) ? 0 : sample.filter((byte) => byte >= 0x80).length;
  const noise = (control + high) / sample.length;
  if (control > NOISE_SHARE * sample.length || high > HIGH_SHARE * sample.length) {
    if (isCooked(sample))
      return [
        "cooked",
        "a terminal in cooked mode has changed and swallowed bytes (there is no carriage return and no control character); " +
          "run stty -F /dev/ttyUSB0 raw -echo 115200 first, or read the port with --serial",
      ];
    const share = Math.max(1, Math.round(100 * noise));
    return ["noise", `${share} % of them are neither text nor frames: does --baud match the device?`];
  }
  return sought === "packets"
    ? ["text", "it is only log text: does the firmware send telemetry on this line, through serialSink()?"]
    : ["text", 'no line has a "{" followed by a key "event": does the firmware print telemetry here?'];
}

/** Nearly every other byte is zero, and the others are text. */
function isUtf16(sample: Buffer): boolean {
  const units = sample.length >> 1;
  if (units < 8) return false;
  const zeros = [0, 0];
  let text = 0;
  for (let at = 0; at < 2 * units; at++)
    if (sample[at] === 0) zeros[at & 1]!++;
    else if (isTextByte(sample[at]!)) text++;
  const [less, more] = [Math.min(...zeros), Math.max(...zeros)];
  return more > 0.6 * units && less < 0.02 * units && text > 0.9 * (2 * units - more - less);
}

function whatIsIn(sample: Buffer): { packets: number; isBare: boolean; lines: number } {
  const deframer = new Deframer();
  const items = [...deframer.push(sample), ...deframer.end()];
  return {
    packets: items.filter(({ kind }) => kind === "packet").length,
    isBare: items.some((item) => item.kind === "damage" && item.problem.code === "E_NO_FRAMES"),
    lines: items.filter((item) => item.kind === "text" && extractLine(item.text, 1, 0)?.kind === "event").length,
  };
}

function occurrences(sample: Buffer, of: Buffer): number {
  let count = 0;
  for (let at = sample.indexOf(of); at >= 0; at = sample.indexOf(of, at + of.length)) count++;
  return count;
}

function dumpOf(sample: Buffer): readonly [what: string, tool: string] | undefined {
  const lines = sample
    .toString("latin1")
    .split(/\r?\n/)
    .slice(0, 100)
    .filter((line) => line !== "");
  const all = (pattern: RegExp) =>
    lines.length > 0 && lines.join("").length >= 32 && lines.every((line) => pattern.test(line));
  if (all(/^(?:[\da-f]{4,}:? +)?(?:[\da-f]{2,4}[ :,]*)+(?: .*)?$/i)) return ["a hex dump", "xxd -r -p"];
  if (all(/^[A-Za-z\d+/]{16,}={0,2}$/)) return ["base64", "base64 -d"];
  return undefined;
}

/** Values that a terminal changes or obeys are missing, although frames contain them all the time. */
function isCooked(sample: Buffer): boolean {
  const kept = [0x03, 0x04, 0x0d, 0x11, 0x13, 0x15, 0x16, 0x17, 0x1a, 0x1c, 0x7f];
  const binary = sample.filter((byte) => !isTextByte(byte)).length;
  return binary >= ENOUGH_BYTES && sample.includes(0x0a) && kept.every((byte) => !sample.includes(byte));
}
