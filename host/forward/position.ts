/** What of a recording a receiver has acknowledged, kept beside the recording. */
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { bootName, type OtlpRecord } from "../export/otlp.ts";
import { writeError } from "../export/output.ts";
import type { Problem } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import type { Receiver } from "./receiver.ts";

const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW = 0 } = fs.constants;
const VERSION = 1;
const SAVE_EVERY_MS = 200;
/** Saving takes at most this part of the time. */
const SAVE_SHARE = 0.05;
/** Ranges of a boot. Of more, the shortest are forgotten: what is in them is sent again, never left out. */
const MOST_RANGES = 1000;
const MOST_NAME_BYTES = 180;

/** Of a boot: event numbers that are acknowledged, ranges from..before-to, in order. */
interface BootPosition {
  readonly ranges: number[];
  /** What was said to be lost after the last event. */
  lostAfter: string;
}

export class Position {
  readonly #file: string;
  readonly #to: string;
  readonly #onProblem: (problem: Problem) => void;
  /** Of the file as this process wrote it. */
  #written: number | undefined;
  readonly #boots = new Map<string, BootPosition>();
  #isChanged = false;
  #nextMs = 0;
  /** Events that are acknowledged, but not kept. */
  #forgotten = 0;

  /**
   * Of the forwarding of a recording, a folder or a file, to a receiver. What cannot be read counts as nothing, and is told: everything is sent
   * again then. Throws TelemetryError E_WRITE (exit code 2) where nothing can be written beside the recording.
   */
  constructor(
    recording: string,
    isFolder: boolean,
    to: Pick<Receiver, "shown" | "identity">,
    onProblem: (problem: Problem) => void,
  ) {
    this.#file = positionFile(recording, isFolder, to.identity);
    this.#to = to.shown;
    this.#onProblem = onProblem;
    try {
      if (fs.lstatSync(this.#file, { throwIfNoEntry: false })?.isFile())
        this.#read(fs.readFileSync(this.#file, "utf8"));
    } catch {
      this.#boots.clear();
      const message = `${nameOf(this.#file)} does not say how far it was: all is forwarded again`;
      onProblem({ code: "W_POSITION", message, file: this.#file });
    }
    // Where it cannot be kept, that is said before anything is sent.
    this.#write();
  }

  /** Whether the receiver has it. */
  has({ boot, kind, seq, after, body }: OtlpRecord): boolean {
    const known = boot.bootId === undefined ? undefined : this.#boots.get(keyOf(boot));
    if (known === undefined) return false;
    // What was lost after the last event was told then; more may have come after it since.
    if (kind !== "event" && known.lostAfter === lostText(after, body)) return true;
    return kind !== "lost after" && seq !== undefined && isIn(known.ranges, seq);
  }

  /** The receiver has it. */
  acknowledge({ boot, kind, seq, after, body }: OtlpRecord): void {
    if (boot.bootId === undefined) return;
    const key = keyOf(boot);
    let known = this.#boots.get(key);
    if (known === undefined) {
      known = { ranges: [], lostAfter: "" };
      this.#boots.set(key, known);
    }
    this.#isChanged = true;
    if (kind === "lost after") known.lostAfter = lostText(after, body);
    else if (kind === "event" && seq !== undefined) this.#forgotten += addTo(known.ranges, seq);
  }

  /** What the position does not say, since it was asked last. */
  takeProblems(): Problem[] {
    const count = this.#forgotten;
    if (count === 0) return [];
    this.#forgotten = 0;
    const message = `${nameOf(this.#file)} keeps at most ${MOST_RANGES} ranges of a boot's event numbers, and left ${count} delivered events out: the next run sends them again, with the same log.record.uid`;
    return [{ code: "W_POSITION", message, file: this.#file, count }];
  }

  /** Saves what has changed, in one step; not too often, but for `isLast`. Throws as the constructor. */
  save(isLast = false): void {
    const now = performance.now();
    if (!this.#isChanged || (!isLast && now < this.#nextMs)) return;
    this.#write();
    this.#isChanged = false;
    const took = performance.now() - now;
    this.#nextMs = now + Math.max(SAVE_EVERY_MS, took / SAVE_SHARE);
  }

  #read(text: string): void {
    const { version, boots } = JSON.parse(text) as { version: number; boots: (BootPosition & { of: string })[] };
    if (version !== VERSION) throw new Error("another version");
    for (const { of, ranges, lostAfter } of boots) {
      const rises = ranges.every(
        (each, index) => Number.isSafeInteger(each) && (index === 0 || each > ranges[index - 1]!),
      );
      if (typeof of !== "string" || typeof lostAfter !== "string" || ranges.length % 2 !== 0 || !rises)
        throw new Error("no position");
      this.#boots.set(of, { ranges, lostAfter });
    }
  }

  #write(): void {
    const boots = [...this.#boots].map(([of, { ranges, lostAfter }]) => ({ of, ranges, lostAfter }));
    // One name for all processes would be taken from under one of them.
    const temporary = `${this.#file}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const found = fs.lstatSync(this.#file, { throwIfNoEntry: false })?.ino;
      if (this.#written !== undefined && found !== this.#written) {
        const message = `${nameOf(this.#file)} was written by another forwarder meanwhile: one is enough, two send everything twice`;
        this.#onProblem({ code: "W_POSITION", message, file: this.#file });
      }
      const file = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
      try {
        this.#written = fs.fstatSync(file).ino;
        fs.writeFileSync(file, `${JSON.stringify({ version: VERSION, to: this.#to, boots })}\n`);
      } finally {
        fs.closeSync(file);
      }
      fs.renameSync(temporary, this.#file);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw writeError(this.#file, error);
    }
  }
}

/** `.forwarded-3fa1c2d4.json` in a folder, `.NAME.forwarded-….json` beside a file: one for each receiver. `to`: its identity. */
export function positionFile(recording: string, isFolder: boolean, to: string): string {
  const of = hashOf(to);
  return isFolder
    ? join(recording, `.forwarded-${of}.json`)
    : join(dirname(recording), `.${shortName(basename(recording))}.forwarded-${of}.json`);
}

/** File systems take names of 255 bytes. Long ones that begin alike stay different. */
function shortName(name: string): string {
  const bytes = Buffer.from(name);
  return bytes.length <= MOST_NAME_BYTES
    ? name
    : `${bytes
        .subarray(0, MOST_NAME_BYTES)
        .toString()
        .replace(/\ufffd+$/, "")}-${hashOf(name)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

function keyOf(boot: OtlpRecord["boot"]): string {
  return JSON.stringify([boot.device, bootName(boot)]);
}

function lostText(after: number | undefined, body: string): string {
  return `${body} after ${after ?? "nothing"}`;
}

/** Of pairs, how many begin at or before a number. */
function beginning(ranges: readonly number[], seq: number): number {
  let [low, high] = [0, ranges.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle * 2]! <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isIn(ranges: readonly number[], seq: number): boolean {
  const before = beginning(ranges, seq);
  return before > 0 && seq < ranges[before * 2 - 1]!;
}

/** Numbers that touch are one range. Returns how many others were forgotten, because there were too many ranges. */
function addTo(ranges: number[], seq: number): number {
  const at = beginning(ranges, seq) * 2;
  if (at > 0 && seq < ranges[at - 1]!) return 0;
  const isAfter = at > 0 && ranges[at - 1] === seq;
  const isBefore = ranges[at] === seq + 1;
  if (isAfter && isBefore) ranges.splice(at - 1, 2);
  else if (isAfter) ranges[at - 1] = seq + 1;
  else if (isBefore) ranges[at] = seq;
  else ranges.splice(at, 0, seq, seq + 1);
  return ranges.length > 2 * MOST_RANGES ? forgetShortest(ranges, at) : 0;
}

/** Not the one at `kept`, which has just begun: as the shortest it would never grow. Returns how many numbers were in it. */
function forgetShortest(ranges: number[], kept: number): number {
  let [shortest, least] = [0, Number.POSITIVE_INFINITY];
  for (let at = 0; at < ranges.length; at += 2) {
    const length = ranges[at + 1]! - ranges[at]!;
    if (at !== kept && length < least) [shortest, least] = [at, length];
  }
  ranges.splice(shortest, 2);
  return least;
}
