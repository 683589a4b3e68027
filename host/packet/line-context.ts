/** Device, boot and time of an event, written after the attributes of its line. */
import type { ContextPart } from "../registry/context.ts";
import { type JsonOutput, jsonOf, MOST_NUMBER_BYTES, type Piece, pieceOf, SPARE_BYTES } from "./json-output.ts";

/** One boot of one device, as seen by one of its readers. */
export interface BootPlace {
  /** Undefined if unknown. */
  readonly device: string | undefined;
  /** From 1: the boots of a device in the order of this recording. */
  readonly boot: number;
  readonly bootId: number;
  readonly reader: number;
}

/** Milliseconds since 1970, and by how many they may be wrong. */
export type TimeOf = (deviceMs: number) => { readonly unixMs: number; readonly uncertaintyMs: number } | undefined;

/** A boot's id in lines and folders: 14 hex digits. */
export function bootIdText(bootId: number): string {
  return bootId.toString(16).padStart(14, "0");
}

/** Years of RFC 3339 have four digits. */
const MOST_UNIX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** `2026-11-28T03:54:15.123Z`; undefined for times that RFC 3339 cannot express, or before 1970. */
export function timeText(unixMs: number): string | undefined {
  return unixMs >= 0 && unixMs <= MOST_UNIX_MS ? new Date(unixMs).toISOString() : undefined;
}

const SECOND_MS = 1000;
const LINE_END = pieceOf("}\n");
/** `,"time":"2026-11-28T03:54:15.123Z","timeUncertaintyMs":`, with what makes its names private, twice. */
const TIME_BYTES = 80;
/** No registry has attributes whose names begin so. */
export const PRIVATE = "\u0001";

/** The text after the attributes of the events of one boot and reader. */
export class LineContext {
  /** Most bytes of output, whatever the time is. */
  readonly mostBytes: number;
  readonly #place: Piece;
  readonly #timeOf: TimeOf | undefined;
  readonly #beforeTime: string;
  readonly #afterTime: Piece;
  /** The time of day is computed once for each second since boot: clocks do not drift by a millisecond within it. */
  #second = -1;
  #offsetMs = Number.NaN;
  #uncertaintyMs = 0;
  /** Of the last written time of day, up to its second. */
  #unixSecond = Number.NaN;
  #time: Piece = LINE_END;

  /** `isTimePrivate`: the names of the time of day begin with PRIVATE. */
  constructor(
    { device, boot, bootId, reader }: BootPlace,
    parts: ReadonlySet<ContextPart>,
    timeOf?: TimeOf,
    isTimePrivate = false,
  ) {
    const nameOf = (name: string) => JSON.stringify(`${isTimePrivate ? PRIVATE : ""}${name}`);
    this.#beforeTime = `,${nameOf("time")}:"`;
    this.#afterTime = pieceOf(`Z",${nameOf("timeUncertaintyMs")}:`);
    let place = "";
    if (parts.has("device") && device !== undefined) place += `,"device":${jsonOf(device)}`;
    if (parts.has("boot")) place += `,"boot":${boot},"bootId":"${bootIdText(bootId)}"`;
    if (parts.has("boot") && reader !== 0) place += `,"reader":${reader}`;
    this.#place = pieceOf(place);
    this.#timeOf = parts.has("time") ? timeOf : undefined;
    this.mostBytes = this.#place.bytes + TIME_BYTES + MOST_NUMBER_BYTES + SPARE_BYTES;
  }

  /** The clock has become more precise. */
  renew(): void {
    this.#second = -1;
  }

  /** Adds it to the last written line, whose event was at this time since boot. The caller has reserved the room. */
  write(out: JsonOutput, deviceMs: number): void {
    out.back(LINE_END.bytes);
    out.piece(this.#place);
    if (this.#timeOf !== undefined) this.#writeTime(out, deviceMs, this.#timeOf);
    out.piece(LINE_END);
  }

  #writeTime(out: JsonOutput, deviceMs: number, timeOf: TimeOf): void {
    const second = Math.floor(deviceMs / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      const time = timeOf(second * SECOND_MS);
      this.#offsetMs = time === undefined ? Number.NaN : time.unixMs - second * SECOND_MS;
      this.#uncertaintyMs = time?.uncertaintyMs ?? 0;
    }
    const unixMs = deviceMs + this.#offsetMs;
    if (!(unixMs >= 0 && unixMs <= MOST_UNIX_MS && Number.isSafeInteger(this.#uncertaintyMs))) return;
    const unixSecond = Math.floor(unixMs / SECOND_MS);
    if (unixSecond !== this.#unixSecond) {
      this.#unixSecond = unixSecond;
      this.#time = pieceOf(`${this.#beforeTime}${timeText(unixSecond * SECOND_MS)!.slice(0, -5)}`);
    }
    out.piece(this.#time);
    out.threeDigits(Math.floor(unixMs) - unixSecond * SECOND_MS);
    out.piece(this.#afterTime);
    out.integer(this.#uncertaintyMs);
  }
}
