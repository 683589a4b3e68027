/** Which events of a boot the receiver has, and whether a boot in a recording is the one that was forwarded before. */
import { createHash } from "node:crypto";
import type { OtlpRecord } from "../export/otlp.ts";
import { addTo, isIn } from "./ranges.ts";

/** The content of one event in this many is kept, as a digest. */
const SAMPLE_EVERY = 512;
/** The most records that wait for the next sample. */
const MOST_HELD = 8192;
const DIGEST_CHARS = 12;

/** The position as it is in the file. */
export interface KeptBoot {
  /** The numbers of acknowledged events, as ranges. */
  readonly ranges: number[];
  /** The last reported loss after the last event. */
  lostAfter: string;
  /** Digests of acknowledged events, by number: of every 512th, and of the last. */
  samples: [number: number, digest: string][];
}

export class BootPosition {
  readonly #ranges: number[];
  readonly #samples: Map<number, string>;
  #lostAfter: string;
  /** The acknowledged event with the highest number. Its digest is made when it is kept: there is one after each request. */
  #last: OtlpRecord | undefined;
  /** Whether it belongs to a boot of this run. */
  isTaken = false;

  constructor({ ranges, lostAfter, samples }: KeptBoot = { ranges: [], lostAfter: "", samples: [] }) {
    this.#ranges = ranges;
    this.#lostAfter = lostAfter;
    this.#samples = new Map(samples);
  }

  kept(): KeptBoot {
    const last = this.#last;
    // The digest of the previous last event stays only if its number is a sampled one.
    const samples = [...this.#samples].filter(([number]) => last === undefined || number % SAMPLE_EVERY === 0);
    if (last !== undefined && last.seq! % SAMPLE_EVERY !== 0) samples.push([last.seq!, digestOf(last)]);
    return { ranges: this.#ranges, lostAfter: this.#lostAfter, samples };
  }

  /** The number after the last acknowledged one. */
  get end(): number {
    return this.#ranges.at(-1) ?? 0;
  }

  /** Returns whether an event shows that its boot is this one; undefined if it proves nothing. */
  isSame(record: OtlpRecord): boolean | undefined {
    const sample = record.kind === "event" && record.seq !== undefined ? this.#samples.get(record.seq) : undefined;
    if (sample === undefined) return undefined;
    if (sample !== digestOf(record)) return false;
    // All boots begin alike, so the first event proves little.
    return record.seq === 0 && this.end > 1 ? undefined : true;
  }

  has({ kind, seq, after, body }: OtlpRecord): boolean {
    // The loss after the last event was reported then; more events may have come since.
    if (kind !== "event" && this.#lostAfter === lostText(after, body)) return true;
    return kind !== "lost after" && seq !== undefined && isIn(this.#ranges, seq);
  }

  /** Returns how many other events were forgotten for it. */
  acknowledge(record: OtlpRecord): number {
    const { kind, seq, after, body } = record;
    if (kind === "lost after") this.#lostAfter = lostText(after, body);
    if (kind !== "event" || seq === undefined) return 0;
    if (seq % SAMPLE_EVERY === 0) this.#samples.set(seq, digestOf(record));
    if (seq >= this.end) this.#last = record;
    return addTo(this.#ranges, seq);
  }
}

/** A boot of a recording. Records with numbers that were sent under its id wait until one shows whether it is the same boot. */
export class BootInRecording {
  readonly #candidates: BootPosition[];
  readonly #begin: (again: number, isOther: boolean) => BootPosition;
  #held: OtlpRecord[] = [];
  readonly #hadCandidates: boolean;
  #position: BootPosition | undefined;

  /** `begin` makes a new position. `again`: waiting events that may have been sent. `isOther`: no earlier boot with the id is this one. */
  constructor(candidates: readonly BootPosition[], begin: (again: number, isOther: boolean) => BootPosition) {
    this.#candidates = [...candidates];
    this.#hadCandidates = candidates.length > 0;
    this.#begin = begin;
  }

  /** Undefined until it is known. */
  get position(): BootPosition | undefined {
    return this.#position;
  }

  /** Takes the next record. Returns the records to send now, in order. */
  next(record: OtlpRecord): readonly OtlpRecord[] {
    if (this.#position !== undefined) return this.#position.has(record) ? [] : [record];
    this.#held.push(record);
    const candidates = this.#candidates.filter(({ isTaken }) => !isTaken);
    const same = candidates.find((each) => each.isSame(record));
    if (same !== undefined) return this.#decide(same);
    const left = candidates.filter((each) => each.isSame(record) !== false);
    this.#candidates.splice(0, this.#candidates.length, ...left);
    const { kind, seq } = record;
    const isBeyond =
      left.length === 0 || (kind === "event" && seq !== undefined && left.every(({ end }) => seq >= end));
    return isBeyond || this.#held.length > MOST_HELD ? this.end() : [];
  }

  /** Nothing has shown that it was forwarded before: it counts as new. */
  end(): readonly OtlpRecord[] {
    if (this.#position !== undefined || this.#held.length === 0) return [];
    const events = this.#held.filter(({ kind }) => kind === "event");
    const had = events.filter((record) => this.#candidates.some((each) => each.has(record))).length;
    return this.#decide(this.#begin(had, this.#hadCandidates && this.#candidates.length === 0));
  }

  #decide(position: BootPosition): readonly OtlpRecord[] {
    position.isTaken = true;
    this.#position = position;
    const records = this.#held.filter((record) => !position.has(record));
    this.#held = [];
    return records;
  }
}

function digestOf({ eventName, content }: OtlpRecord): string {
  return createHash("sha256")
    .update(JSON.stringify([eventName, content]))
    .digest("base64")
    .slice(0, DIGEST_CHARS);
}

function lostText(after: number | undefined, body: string): string {
  return `${body} after ${after ?? "nothing"}`;
}
