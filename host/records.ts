import { isUtf8 } from "node:buffer";
import {
  FIRST_INTERNAL_RECORD_TYPE,
  PACKET_HEADER_BYTES,
  RECORD_LOST,
  RECORD_TIME_JUMP,
  SLOT_BYTES,
  TIME_JUMP_MS,
  TWO_TO_32,
} from "../src/packet-layout.ts";
import type { TelemetryEvent } from "./generated/events.ts";
import { type JsonOutput, type Piece, pieceOf } from "./json-output.ts";
import { type Content, type Damage, type PacketHeader, readU64 } from "./packet.ts";
import { codeOf, type End, prepare, type Run, type Shape, type Step } from "./record-shapes.ts";
import type { RegistryModel } from "./registry/model.ts";

/** A decoded event: the registry's attributes, in its order. Typed for the bundled registry; by key for any. */
export type DecodedEvent = TelemetryEvent & { readonly [key: string]: string | number };

/** The records of one packet as check() found them. */
export interface CheckedRecords extends Content {
  /** From the packet's beginning to the end of its last good record. */
  readonly endByte: number;
  /** What is wrong behind the last good record. */
  readonly damage: Damage | undefined;
}

/** A packet whose records have been checked: `bytes[at, at + checked.endByte)`, and a view of the same bytes. */
export interface CheckedPacket {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly header: PacketHeader;
  readonly checked: CheckedRecords;
}

/** Sums over all that one decoder has read. */
export interface RecordTally {
  /** Events by record type id. */
  readonly byType: Float64Array;
  /** Tokens without a name, one for each use. */
  unnamedTokens: number;
}

/** What the tokens of one boot mean. */
export class TokenNames {
  readonly #names = new Map<number, { readonly name: string; readonly json: Piece }>();

  get size(): number {
    return this.#names.size;
  }

  get(token: number): { readonly name: string; readonly json: Piece } | undefined {
    return this.#names.get(token);
  }

  /** Takes a name; false if the token already has another one, which it keeps. */
  learn(token: number, name: string): boolean {
    const known = this.#names.get(token);
    if (known === undefined) this.#names.set(token, { name, json: pieceOf(JSON.stringify(name)) });
    return known === undefined || known.name === name;
  }
}

const EMPTY_JSON = pieceOf('""');
/** A run remembers so many values. */
const MOST_KNOWN = 512;

/**
 * Turns the records of data packets into events. What a registry says is prepared once; then an event costs what its bytes
 * cost. First check(), then write() of what it found good: that trusts it.
 */
export class RecordDecoder {
  readonly #model: RegistryModel;
  readonly #shapes: readonly (Shape | undefined)[];
  /** What they remember was written with these names. */
  readonly #runs: readonly Run[];
  #names: TokenNames | undefined;

  constructor(model: RegistryModel) {
    this.#model = model;
    const shapes = new Array<Shape | undefined>(FIRST_INTERNAL_RECORD_TYPE).fill(undefined);
    for (const type of model.recordTypes) shapes[type.id] = prepare(type, model);
    this.#shapes = shapes;
    this.#runs = shapes.flatMap((shape) => shape?.parts.filter((part) => part.kind === "run") ?? []);
  }

  /**
   * Checks the records of the packet at `at`, of which `available` bytes are there, its header among them. Stops at the
   * first record that is damaged; whatever stands before it conforms to the registry. Throws nothing.
   */
  check(bytes: Uint8Array, view: DataView, at: number, available: number, header: PacketHeader): CheckedRecords {
    const first = at + PACKET_HEADER_BYTES;
    const limit = at + Math.min(header.contentBytes, available);
    const contentEnd = at + header.contentBytes;
    const endLow = header.timestampEnd % TWO_TO_32;
    let previousLow = header.timestampBegin % TWO_TO_32;
    let position = first;
    let eventSeq = header.firstEventSeq;
    let events = 0;
    let lost = 0;
    let jumpMs = 0;
    let afterJump = false;
    let fault: Damage | undefined;

    while (position < limit) {
      if (limit - position < SLOT_BYTES) {
        fault = tooShort("a record", SLOT_BYTES, limit - position);
        break;
      }
      const low = view.getUint32(position, true);
      const id = bytes[position + 4]!;
      const shape = this.#shapes[id];
      const size = shape?.bytes ?? SLOT_BYTES;
      fault = timeFault(low, previousLow, position === first, afterJump);
      if (!fault && position + size === contentEnd && low !== endLow)
        fault = { code: "E_TIME", message: `the last record's time is ${low}, timestamp_end's lower half ${endLow}` };
      if (fault) break;
      if (shape) {
        fault =
          limit - position < size
            ? tooShort(shape.type.event, size, limit - position)
            : recordFault(shape, bytes, view, position);
        if (!fault && eventSeq > Number.MAX_SAFE_INTEGER) fault = sequenceFault();
        if (fault) break;
        events++;
        eventSeq++;
        afterJump = false;
      } else {
        fault = internalFault(id, view, position, position === first);
        const value = readU64(view, position + 8);
        if (!fault && id === RECORD_LOST && value > Number.MAX_SAFE_INTEGER - eventSeq) fault = sequenceFault();
        if (fault) break;
        afterJump = id === RECORD_TIME_JUMP;
        if (afterJump) {
          jumpMs = value;
        } else {
          lost += value;
          eventSeq += value;
        }
      }
      previousLow = low;
      position += size;
    }
    const endByte = position - at;
    const damage = fault && { ...fault, message: `record at byte ${endByte} of the packet: ${fault.message}` };
    return { events, lost, jumpMs, complete: position === contentEnd, endByte, damage };
  }

  /** Adds the tokens that a checked packet uses to `used`; token 0 not. */
  collectTokens({ bytes, view, at, checked }: CheckedPacket, used: Set<number>): void {
    for (let position = at + PACKET_HEADER_BYTES; position < at + checked.endByte; ) {
      const shape = this.#shapes[bytes[position + 4]!];
      for (const step of shape?.steps ?? []) {
        const token = step.kind === "token" ? view.getUint16(position + step.offset, true) : 0;
        if (token !== 0) used.add(token);
      }
      position += shape?.bytes ?? SLOT_BYTES;
    }
  }

  /** A tally of nothing. */
  tally(): RecordTally {
    return { byType: new Float64Array(FIRST_INTERNAL_RECORD_TYPE), unnamedTokens: 0 };
  }

  /** Events of a tally by name, in the registry's order; 0 for those that did not occur. */
  eventsByName({ byType }: RecordTally): Record<string, number> {
    const byName = new Map(this.#model.events.map(({ name }) => [name, 0]));
    for (const { id, event } of this.#model.recordTypes) byName.set(event, byName.get(event)! + byType[id]!);
    return Object.fromEntries(byName);
  }

  /** Adds the events of a checked packet to `out` as JSON lines, each ended by "\n", in UTF-8. */
  write(packet: CheckedPacket, names: TokenNames, tally: RecordTally, out: JsonOutput): void {
    const { bytes, view, at, header, checked } = packet;
    const timeHigh = header.timestampBegin - (header.timestampBegin % TWO_TO_32);
    let eventSeq = header.firstEventSeq;
    if (names !== this.#names) for (const run of this.#runs) run.known.clear();
    this.#names = names;
    for (let position = at + PACKET_HEADER_BYTES; position < at + checked.endByte; ) {
      const id = bytes[position + 4]!;
      const shape = this.#shapes[id];
      if (!shape) {
        if (id === RECORD_LOST) eventSeq += readU64(view, position + 8);
        position += SLOT_BYTES;
        continue;
      }
      out.reserve(shape.mostLineBytes);
      for (const part of shape.parts) {
        out.piece(part.prefix);
        const from = position + part.offset;
        switch (part.kind) {
          case "u32":
            out.integer(view.getUint32(from, true));
            break;
          case "time":
            out.integer(timeHigh + view.getUint32(from, true));
            break;
          case "sequence":
            out.integer(eventSeq);
            break;
          case "text":
            out.text(view, from, from + part.tailBytes);
            break;
          case "end":
            break;
          case "run": {
            const known = part.known.get(view.getInt32(from, true) & part.mask);
            if (known) out.piece(known);
            else this.#run(part, packet, position, tally, out);
            break;
          }
          default:
            this.#value(part, packet, position, tally, out);
        }
      }
      tally.byType[id]!++;
      eventSeq++;
      position += shape.bytes;
    }
  }

  /** Writes what is not remembered, and remembers it. */
  #run(run: Run, packet: CheckedPacket, position: number, tally: RecordTally, out: JsonOutput): void {
    const from = out.length;
    const { unnamedTokens } = tally;
    for (const step of run.steps) {
      out.piece(step.prefix);
      this.#value(step, packet, position, tally, out);
    }
    // A token without a name may have one later.
    if (tally.unnamedTokens !== unnamedTokens) return;
    if (run.known.size >= MOST_KNOWN) run.known.clear();
    run.known.set(packet.view.getInt32(position + run.offset, true) & run.mask, pieceOf(out.written(from)));
  }

  /** Writes what seldom stands outside a run. */
  #value(
    step: Step | End,
    { bytes, view }: CheckedPacket,
    position: number,
    tally: RecordTally,
    out: JsonOutput,
  ): void {
    const at = position + step.offset;
    switch (step.kind) {
      case "u8":
        out.integer(bytes[at]!);
        break;
      case "u16":
        out.integer(view.getUint16(at, true));
        break;
      case "enum":
        out.piece(step.jsonValues[codeOf(step, bytes, position)]!);
        break;
      case "token": {
        const token = view.getUint16(at, true);
        const name = token === 0 ? undefined : this.#names!.get(token);
        if (token !== 0 && name === undefined) tally.unnamedTokens++;
        out.piece(name?.json ?? EMPTY_JSON);
        break;
      }
    }
  }
}

function timeFault(low: number, previousLow: number, first: boolean, afterJump: boolean): Damage | undefined {
  const step = low - previousLow;
  if (step === 0) return undefined;
  if (first)
    return {
      code: "E_TIME",
      message: `the first record's time is ${low}, timestamp_begin's lower half ${previousLow}`,
    };
  if (step < 0) return { code: "E_TIME", message: `time goes back from ${previousLow} to ${low}` };
  if (afterJump) return { code: "E_TIME", message: `time is ${low}, the _time_jump before it has ${previousLow}` };
  if (step < TIME_JUMP_MS) return undefined;
  return { code: "E_TIME", message: `${step} ms lie between it and the record before, but no _time_jump` };
}

function recordFault(shape: Shape, bytes: Uint8Array, view: DataView, at: number): Damage | undefined {
  const { type, unused, fallible, rules } = shape;
  const stale =
    (view.getInt32(at + 4, true) & unused[0]!) |
    (view.getInt32(at + 8, true) & unused[1]!) |
    (view.getInt32(at + 12, true) & unused[2]!);
  if (stale !== 0) return { code: "E_RECORD", message: `${type.event}: unused bits are not 0: ${headHex(bytes, at)}` };
  for (const step of fallible) {
    if (step.kind === "text") {
      const message = textFault(step, bytes, view, at + step.offset);
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
  // Tail slots are whole words. Up to the one that holds the first zero byte.
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
  if (end - from > maxBytes) return `${end - from} bytes of text, at most ${maxBytes} are allowed`;
  if (stale !== 0) return `bytes behind the text's end, after ${end - from} bytes, are not 0`;
  const isAscii = (bits & 0x80808080) === 0;
  return isAscii || isUtf8(bytes.subarray(from, end)) ? undefined : "the text is not UTF-8";
}

function internalFault(id: number, view: DataView, at: number, first: boolean): Damage | undefined {
  if (id !== RECORD_LOST && id !== RECORD_TIME_JUMP)
    return { code: "E_RECORD_TYPE", message: `record type ${id} is unknown, so is its length: ${headHex(view, at)}` };
  const name = id === RECORD_LOST ? "_lost" : "_time_jump";
  const least = id === RECORD_LOST ? 1 : TIME_JUMP_MS;
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

function tooShort(what: string, needed: number, left: number): Damage {
  return { code: "E_LENGTH", message: `${what} needs ${needed} bytes, ${left} left` };
}

function sequenceFault(): Damage {
  return { code: "E_RECORD", message: "eventSeq goes beyond 2^53 - 1" };
}

function headHex(bytes: ArrayBufferView, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, SLOT_BYTES).toString("hex");
}
