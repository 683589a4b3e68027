/** Bytes came, and nothing was found in them: what they most likely are, and the way out. */

import { isUtf8 } from "node:buffer";
import type { Problem } from "../text/errors.ts";
import { extractLine } from "../text/extract.ts";
import { Deframer } from "./deframer.ts";
import { isTextByte } from "./log-lines.ts";

/** As much of an input is looked at. */
const SAMPLE_BYTES = 128 * 1024;
/** So many binary bytes are enough to say that a value which never occurs among them is kept back. */
const ENOUGH_BYTES = 400;
/** At a wrong rate, so many of a UART's bytes at least are control characters, or have their highest bit; a log in another encoding has few of those. */
const NOISE_SHARE = 0.05;
const HIGH_SHARE = 0.3;
const REPLACEMENT = Buffer.from("\ufffd");

/** What was looked for: packets in frames, or lines of telemetry. */
export type Sought = "packets" | "lines";

/** "text": an ordinary log, of which more may bring what is sought. The others do not mend themselves. */
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

  /** Something is found, or it is told why nothing is: what follows is passed over. */
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

/** What an input with these first bytes, of so many, most likely is, if what is sought is not in it. @internal */
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
      return ["packed", `it is packed, ${name}; unpack it first: ${unpack} FILE | xs-telemetry …`];
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
      "bytes were replaced by U+FFFD, as programs do that take them for text: have the bytes recorded as they are, by capture --serial for instance",
    ];
  const dump = dumpOf(sample);
  if (dump !== undefined)
    return ["dump", `it looks like ${dump[0]}: make bytes of it first, by ${dump[1]} for instance`];
  const control = sample.filter((byte) => byte < 0x80 && !isTextByte(byte)).length;
  const high = isUtf8(sample) ? 0 : sample.filter((byte) => byte >= 0x80).length;
  const noise = (control + high) / sample.length;
  if (control > NOISE_SHARE * sample.length || high > HIGH_SHARE * sample.length) {
    if (isCooked(sample))
      return [
        "cooked",
        "a terminal in cooked mode has changed bytes and swallowed others (it has no carriage return and no control characters); " +
          "stty -F /dev/ttyUSB0 raw -echo 115200 first, or read the port with --serial",
      ];
    const share = Math.max(1, Math.round(100 * noise));
    return ["noise", `${share} % of them are neither text nor frames: is --baud what the device has?`];
  }
  return sought === "packets"
    ? ["text", "it is log text alone: does the firmware send telemetry on this line, by serialSink()?"]
    : ["text", 'no line has a key "event" in what begins with its first "{": does the firmware print telemetry here?'];
}

/** Every other byte is zero, nearly, and the others are text. */
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

/** What a terminal makes something else of, or acts on, does not occur, though frames hold it all the time. */
function isCooked(sample: Buffer): boolean {
  const kept = [0x03, 0x04, 0x0d, 0x11, 0x13, 0x15, 0x16, 0x17, 0x1a, 0x1c, 0x7f];
  const binary = sample.filter((byte) => !isTextByte(byte)).length;
  return binary >= ENOUGH_BYTES && sample.includes(0x0a) && kept.every((byte) => !sample.includes(byte));
}
