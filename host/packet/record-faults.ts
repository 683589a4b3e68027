/** The possible faults of a record's bytes, as messages of problems. */
import { isUtf8 } from "node:buffer";
import {
  RECORD_BOOT,
  RECORD_LOST,
  RECORD_SUPPRESSED,
  RECORD_TIME_JUMP,
  SLOT_BYTES,
  TIME_JUMP_MS,
} from "../../src/ring/packet-layout.ts";
import { bootRecordFault } from "./boot-record.ts";
import { type Damage, readU64 } from "./packet.ts";
import { codeOf, type Shape, type Step } from "./record-shapes.ts";

/** All ones in these bits is not a number: infinite, or NaN. */
const EXPONENT_F32 = 0x7f80_0000;
const EXPONENT_F64 = 0x7ff0_0000;

/** For the low halves of two neighbouring records' times. */
export function timeFault(low: number, previousLow: number, first: boolean, afterJump: boolean): Damage | undefined {
  const step = low - previousLow;
  if (step === 0) return undefined;
  if (first)
    return {
      code: "E_TIME",
      message: `the first record's time is ${low}, but the lower half of timestamp_begin is ${previousLow}`,
    };
  if (step < 0) return { code: "E_TIME", message: `time goes back from ${previousLow} to ${low}` };
  if (afterJump) return { code: "E_TIME", message: `time is ${low}, but the _time_jump before it says ${previousLow}` };
  if (step < TIME_JUMP_MS) return undefined;
  return { code: "E_TIME", message: `${step} ms passed since the previous record, without a _time_jump` };
}

/** For a record of the registry whose bytes are all there. */
export function recordFault(shape: Shape, bytes: Uint8Array, view: DataView, at: number): Damage | undefined {
  const { type, unused, unusedInTail, fallible, rules } = shape;
  const stale =
    (view.getInt32(at + 4, true) & unused[0]!) |
    (view.getInt32(at + 8, true) & unused[1]!) |
    (view.getInt32(at + 12, true) & unused[2]!);
  if (stale !== 0) return { code: "E_RECORD", message: `${type.event}: unused bits are not 0: ${headHex(bytes, at)}` };
  for (const { offset, mask } of unusedInTail)
    if ((view.getInt32(at + offset, true) & mask) !== 0)
      return {
        code: "E_RECORD",
        message: `${type.event}: unused bits are not 0 in the word at byte ${offset}: ${wordHex(view, at + offset)}`,
      };
  for (const step of fallible) {
    if (step.kind === "text") {
      const message = textFault(step, bytes, view, at + step.offset);
      if (message !== undefined) return { code: "E_RECORD", message: `${type.event}.${step.key}: ${message}` };
    } else if (step.kind === "f32" || step.kind === "f64") {
      const message = floatFault(step, view, at + step.offset);
      if (message !== undefined) return { code: "E_RECORD", message: `${type.event}.${step.key}: ${message}` };
    } else {
      const code = codeOf(step, bytes, at);
      if (step.jsonValues[code] === undefined)
        return { code: "E_RECORD", message: `${type.event}.${step.key}: code ${code} is unknown` };
    }
  }
  for (const { enumeration, emptyCode, condition, conditionCode, text } of rules) {
    const empty = codeOf(enumeration, bytes, at) === emptyCode;
    if (empty !== (condition === undefined || codeOf(condition, bytes, at) === conditionCode))
      return { code: "E_RECORD", message: `${type.event}: ${text}: ${headHex(bytes, at)}` };
  }
  return undefined;
}

function textFault({ maxBytes, tailBytes }: Step, bytes: Uint8Array, view: DataView, from: number): string | undefined {
  const stop = from + tailBytes;
  let end = from;
  let bits = 0;
  // Tail slots are whole words. Stops at the word with the first zero byte.
  for (; end < stop; end += 4) {
    const word = view.getInt32(end, true);
    if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break;
    bits |= word;
  }
  let stale = 0;
  if (end < stop) {
    for (let at = end + 4; at < stop; at += 4) stale |= view.getInt32(at, true);
    const wordEnd = end + 4;
    for (; bytes[end] !== 0; end++) bits |= bytes[end]!;
    for (let at = end; at < wordEnd; at++) stale |= bytes[at]!;
  }
  if (end - from > maxBytes) return `${end - from} bytes of text, expected at most ${maxBytes}`;
  if (stale !== 0) return `bytes after the end of the text, at ${end - from} bytes, are not 0`;
  const isAscii = (bits & 0x80808080) === 0;
  return isAscii || isUtf8(bytes.subarray(from, end)) ? undefined : "the text is not UTF-8";
}

function floatFault({ kind }: Step, view: DataView, at: number): string | undefined {
  const isSingle = kind === "f32";
  const exponent = isSingle ? EXPONENT_F32 : EXPONENT_F64;
  const word = view.getInt32(isSingle ? at : at + 4, true);
  if ((word & exponent) !== exponent) return undefined;
  return `${isSingle ? view.getFloat32(at, true) : view.getFloat64(at, true)} is not finite`;
}

const INTERNAL_NAMES: ReadonlyMap<number, string> = new Map([
  [RECORD_LOST, "_lost"],
  [RECORD_TIME_JUMP, "_time_jump"],
  [RECORD_SUPPRESSED, "_suppressed"],
]);

/** For a record of the format's own. */
export function internalFault(id: number, view: DataView, at: number, first: boolean): Damage | undefined {
  if (id === RECORD_BOOT) {
    const fault = bootRecordFault(view, at, first);
    return fault === undefined ? undefined : { code: "E_RECORD", message: `${fault}: ${headHex(view, at)}` };
  }
  const name = INTERNAL_NAMES.get(id);
  if (name === undefined)
    return {
      code: "E_RECORD_TYPE",
      message: `record type ${id} is unknown, and so is its length: ${headHex(view, at)}`,
    };
  const least = id === RECORD_TIME_JUMP ? TIME_JUMP_MS : 1;
  const value = readU64(view, at + 8);
  if (view.getUint32(at + 4, true) !== id)
    return { code: "E_RECORD", message: `${name}: unused bits are not 0: ${headHex(view, at)}` };
  if (value < least || value > Number.MAX_SAFE_INTEGER)
    return {
      code: "E_RECORD",
      message: `${name} is ${view.getBigUint64(at + 8, true)}, expected ${least} to 2^53 - 1`,
    };
  if (id === RECORD_TIME_JUMP && !first)
    return { code: "E_RECORD", message: "_time_jump is not the packet's first record" };
  return undefined;
}

export function tooShort(what: string, needed: number, left: number): Damage {
  return { code: "E_LENGTH", message: `${what} needs ${needed} bytes, ${left} left` };
}

export function sequenceFault(): Damage {
  return { code: "E_RECORD", message: "eventSeq exceeds 2^53 - 1" };
}

function headHex(bytes: ArrayBufferView, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, SLOT_BYTES).toString("hex");
}

function wordHex(bytes: ArrayBufferView, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).toString("hex");
}
