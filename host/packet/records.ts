import {
  FIRST_INTERNAL_RECORD_TYPE,
  PACKET_HEADER_BYTES,
  RECORD_BOOT,
  RECORD_LOST,
  RECORD_TIME_JUMP,
  SLOT_BYTES,
  TWO_TO_32,
} from "../../src/ring/packet-layout.ts";
import type { TelemetryEvent } from "../generated/events.ts";
import type { RecordType, RegistryModel } from "../registry/model.ts";
import { type BootRecord, readBootRecord } from "./boot-record.ts";
import { type JsonOutput, jsonOf, type Piece, pieceOf } from "./json-output.ts";
import type { LineContext } from "./line-context.ts";
import { type Content, type Damage, type PacketHeader, readU64 } from "./packet.ts";
import { internalFault, recordFault, sequenceFault, timeFault, tooShort } from "./record-faults.ts";
import { codeOf, type End, type Omissible, prepare, type Run, type Shape, type Step } from "./record-shapes.ts";

/** Device, boot and time of an event: what follows its attributes, as far as it was requested and is known. */
export interface EventContext {
  readonly device?: string;
  /** From 1: the boots of a device in the order of the recording. */
  readonly boot?: number;
  /** 14 hex digits. */
  readonly bootId?: string;
  /** Absent for the first reader of a boot, 0. */
  readonly reader?: number;
  /** Time of day: `2026-11-28T03:54:15.123Z`. */
  readonly time?: string;
  /** By how many milliseconds `time` may be wrong. */
  readonly timeUncertaintyMs?: number;
}

type KeyOf<E> = E extends unknown ? keyof E : never;
type ContextOf<E> = [KeyOf<E> & keyof EventContext] extends [never] ? EventContext : Omit<EventContext, KeyOf<E>>;

/**
 * A decoded event: the registry's attributes, in its order, then its context. `E`: the events of the registry, as
 * `registry generate --types` writes them; an attribute of theirs takes precedence over a context member of the same
 * name.
 */
export type DecodedEvent<E = TelemetryEvent> = E & ContextOf<E>;

/** The records of one packet, as found by check(). */
export interface CheckedRecords extends Content {
  /** From the packet's beginning to the end of its last good record. */
  readonly endByte: number;
  /** Messages beyond the limits, as `_suppressed` records report them. */
  readonly suppressed: number;
  /** What is wrong after the last good record. */
  readonly damage: Damage | undefined;
}

/** A packet with checked records: `bytes[at, at + checked.endByte)`, and a view of the same bytes. */
export interface CheckedPacket {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly header: PacketHeader;
  readonly checked: CheckedRecords;
}

/** Sums over everything that one decoder has read. */
export interface RecordTally {
  /** Events by record type id. */
  readonly byType: Float64Array;
  /** Tokens without a name, one for each use. */
  unnamedTokens: number;
}

/** The meaning of the tokens of one boot. */
export class TokenNames {
  readonly #names = new Map<number, { readonly name: string; readonly json: Piece }>();

  get size(): number {
    return this.#names.size;
  }

  get(token: number): { readonly name: string; readonly json: Piece } | undefined {
    return this.#names.get(token);
  }

  /** Takes a name; returns false if the token already has another one, which it keeps. */
  learn(token: number, name: string): boolean {
    const known = this.#names.get(token);
    if (known === undefined) this.#names.set(token, { name, json: pieceOf(jsonOf(name)) });
    return known === undefined || known.name === name;
  }

  forget(): void {
    this.#names.clear();
  }
}

/** Everything that its packets, and those of other versions, may contain. */
const recordTypesOf = ({ recordTypes, related }: RegistryModel): readonly RecordType[] =>
  related === undefined ? recordTypes : recordTypes.concat(related.recordTypes);

const EMPTY_JSON = pieceOf('""');
/** A run remembers this many values. */
const MOST_KNOWN = 512;

/**
 * Turns the records of data packets into events. The registry's part is prepared once; after that an event costs only
 * its bytes. Call check() first, then write() for what it found good: write() trusts it.
 */
export class RecordDecoder {
  readonly #model: RegistryModel;
  readonly #shapes: readonly (Shape | undefined)[];
  /** Their memory was written with these names. */
  readonly #runs: readonly Run[];
  #names: TokenNames | undefined;

  constructor(model: RegistryModel) {
    this.#model = model;
    const shapes = new Array<Shape | undefined>(FIRST_INTERNAL_RECORD_TYPE).fill(undefined);
    for (const type of recordTypesOf(model)) shapes[type.id] = prepare(type, model);
    this.#shapes = shapes;
    this.#runs = shapes.flatMap((shape) => shape?.parts.filter((part) => part.kind === "run") ?? []);
  }

  /**
   * Checks the records of the packet at `at`, of which `available` bytes are there, including its header. Stops at the
   * first damaged record; everything before it conforms to the registry. Throws nothing.
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
    let suppressed = 0;
    let boot: BootRecord | undefined;
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
        fault = {
          code: "E_TIME",
          message: `the last record's time is ${low}, but the lower half of timestamp_end is ${endLow}`,
        };
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
        } else if (id === RECORD_BOOT) {
          boot = readBootRecord(view, position, header.timestampBegin - (header.timestampBegin % TWO_TO_32));
        } else if (id === RECORD_LOST) {
          lost += value;
          eventSeq += value;
        } else suppressed += value;
      }
      previousLow = low;
      position += size;
    }
    const endByte = position - at;
    const damage = fault && { ...fault, message: `record at byte ${endByte} of the packet: ${fault.message}` };
    return { events, lost, jumpMs, suppressed, boot, complete: position === contentEnd, endByte, damage };
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

  /**
   * Calls `each` for the events of a checked packet, with the record's place in its bytes, its time and number, and
   * counts them.
   */
  visit(
    { bytes, view, at, header, checked }: CheckedPacket,
    tally: RecordTally,
    each: (shape: Shape, position: number, ms: number, eventSeq: number) => void,
  ): void {
    const timeHigh = header.timestampBegin - (header.timestampBegin % TWO_TO_32);
    let eventSeq = header.firstEventSeq;
    for (let position = at + PACKET_HEADER_BYTES; position < at + checked.endByte; ) {
      const id = bytes[position + 4]!;
      const shape = this.#shapes[id];
      if (shape !== undefined) {
        each(shape, position, timeHigh + view.getUint32(position, true), eventSeq++);
        tally.byType[id]!++;
      } else if (id === RECORD_LOST) eventSeq += readU64(view, position + 8);
      position += shape?.bytes ?? SLOT_BYTES;
    }
  }

  /** An empty tally. */
  tally(): RecordTally {
    return { byType: new Float64Array(FIRST_INTERNAL_RECORD_TYPE), unnamedTokens: 0 };
  }

  /** Events of a tally by name, in the registry's order; 0 for those that did not occur. */
  eventsByName({ byType }: RecordTally): Record<string, number> {
    const byName = new Map(this.#model.events.map(({ name }) => [name, 0]));
    for (const { id, event } of recordTypesOf(this.#model)) byName.set(event, byName.get(event)! + byType[id]!);
    return Object.fromEntries(byName);
  }

  /** By attribute: events of a tally with an attribute that their version does not have. */
  leftOut({ byType }: RecordTally): Record<string, number> {
    const { events, attributes, related } = this.#model;
    const counts: Record<string, number> = {};
    for (const { id, event, fields } of related?.recordTypes ?? []) {
      const keys = events.find(({ name }) => name === event)!.attributes.map(({ key }) => key);
      const known = new Set(attributes.filter(({ key }) => keys.includes(key)).map(({ key, sameAs }) => sameAs ?? key));
      for (const { key } of fields)
        if (byType[id]! > 0 && !known.has(key)) counts[key] = (counts[key] ?? 0) + byType[id]!;
    }
    return counts;
  }

  /** Adds the events of a checked packet to `out` as JSON lines, each ended by "\n", in UTF-8; `context` after their attributes. */
  write(packet: CheckedPacket, names: TokenNames, tally: RecordTally, out: JsonOutput, context?: LineContext): void {
    const { bytes, view, at, header, checked } = packet;
    const timeHigh = header.timestampBegin - (header.timestampBegin % TWO_TO_32);
    const contextBytes = context?.mostBytes ?? 0;
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
      out.reserve(shape.mostLineBytes + contextBytes);
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
      if (context !== undefined) context.write(out, timeHigh + view.getUint32(position, true));
      tally.byType[id]!++;
      eventSeq++;
      position += shape.bytes;
    }
  }

  /** Writes a value that is not remembered, and remembers it. */
  #run(run: Run, packet: CheckedPacket, position: number, tally: RecordTally, out: JsonOutput): void {
    const from = out.length;
    const { unnamedTokens } = tally;
    for (const step of run.steps) {
      out.piece(step.prefix);
      this.#value(step, packet, position, tally, out);
    }
    // A token without a name may get one later.
    if (tally.unnamedTokens !== unnamedTokens) return;
    if (run.known.size >= MOST_KNOWN) run.known.clear();
    run.known.set(packet.view.getInt32(position + run.offset, true) & run.mask, pieceOf(out.written(from)));
  }

  /** Writes values that are seldom outside a run. */
  #value(
    step: Step | Omissible | End,
    packet: CheckedPacket,
    position: number,
    tally: RecordTally,
    out: JsonOutput,
  ): void {
    const { bytes, view } = packet;
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
      case "i32":
        out.number(view.getInt32(at, true));
        break;
      case "f32":
        out.number(view.getFloat32(at, true));
        break;
      case "f64":
        out.number(view.getFloat64(at, true));
        break;
      case "u32":
        out.integer(view.getUint32(at, true));
        break;
      case "text":
        out.text(view, at, at + step.tailBytes);
        break;
      case "omissible":
        if (this.#isEmpty(step.step, packet, position, tally)) break;
        out.piece(step.step.prefix);
        this.#value(step.step, packet, position, tally, out);
        out.piece(step.suffix);
        break;
    }
  }

  /** Whether a value is "". */
  #isEmpty(step: Step, { bytes, view }: CheckedPacket, position: number, tally: RecordTally): boolean {
    const at = position + step.offset;
    if (step.kind === "text") return step.tailBytes === 0 || bytes[at] === 0;
    if (step.kind === "enum") return step.jsonValues[codeOf(step, bytes, position)]!.bytes === EMPTY_JSON.bytes;
    if (step.kind !== "token") return false;
    const token = view.getUint16(at, true);
    const isUnnamed = token !== 0 && this.#names!.get(token) === undefined;
    if (isUnnamed) tally.unnamedTokens++;
    return token === 0 || isUnnamed;
  }
}
