/** Which part of a recording a receiver has acknowledged; kept beside the recording. */
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { OtlpRecord } from "../export/otlp.ts";
import { writeError } from "../export/output.ts";
import type { ExportBoot } from "../export/source.ts";
import type { Problem } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { BootInRecording, BootPosition, type KeptBoot } from "./boot-position.ts";
import { MOST_RANGES } from "./ranges.ts";
import type { Receiver } from "./receiver.ts";

const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW = 0 } = fs.constants;
const VERSION = 2;
/** Boots with one id: more than a recording has, as a rule. The oldest are forgotten. */
const MOST_OF_ID = 32;
const SAVE_EVERY_MS = 200;
/** Saving takes at most this share of the time. */
const SAVE_SHARE = 0.05;
const MOST_NAME_BYTES = 180;

export class Position {
  readonly #file: string;
  readonly #to: string;
  readonly #onProblem: (problem: Problem) => void;
  /** The file as this process wrote it. */
  #written: number | undefined;
  /** By device and boot id. */
  readonly #kept = new Map<string, BootPosition[]>();
  /** Those of the recording. */
  readonly #boots = new Map<ExportBoot, BootInRecording>();
  #isChanged = false;
  #nextMs = 0;
  /** Events that are acknowledged, but not kept. */
  #forgotten = 0;

  /**
   * The position of forwarding a recording, a folder or a file, to a receiver. A file that cannot be read counts as
   * empty, and is reported: then everything is sent again. Throws TelemetryError E_WRITE (exit code 2) if nothing can
   * be written beside the recording.
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
      this.#kept.clear();
      const message = `${nameOf(this.#file)} cannot be read as a position: everything is sent again`;
      onProblem({ code: "W_POSITION", message, file: this.#file });
    }
    // If it cannot be kept, that is reported before anything is sent.
    this.#write();
  }

  /** Of the recording's records, in order, those that the receiver does not have, as far as that is known yet. Others wait. */
  left(records: readonly OtlpRecord[]): readonly OtlpRecord[] {
    return records.flatMap((record) =>
      record.boot.bootId === undefined ? record : this.#bootOf(record.boot).next(record),
    );
  }

  /** The recording ends: those that waited, and that nothing shows the receiver to have. */
  end(): readonly OtlpRecord[] {
    return [...this.#boots.values()].flatMap((boot) => boot.end());
  }

  /** The receiver has it. */
  acknowledge(record: OtlpRecord): void {
    const position = this.#boots.get(record.boot)?.position;
    if (position === undefined) return;
    this.#isChanged = true;
    this.#forgotten += position.acknowledge(record);
  }

  #bootOf(boot: ExportBoot): BootInRecording {
    let found = this.#boots.get(boot);
    if (found === undefined) {
      const of = keyOf(boot);
      const kept = this.#kept.get(of) ?? [];
      this.#kept.set(of, kept);
      found = new BootInRecording(kept, (again, isOther) => {
        if (again > 0 || isOther) this.#onProblem(this.#another(boot, again, isOther));
        const position = new BootPosition();
        kept.push(position);
        const oldest = kept.findIndex(({ isTaken }) => !isTaken);
        if (kept.length > MOST_OF_ID && oldest >= 0 && oldest < kept.length - 1) kept.splice(oldest, 1);
        return position;
      });
      this.#boots.set(boot, found);
    }
    return found;
  }

  #another({ device, bootId }: ExportBoot, again: number, isOther: boolean): Problem {
    const whose = { file: this.#file, ...(device !== undefined && { device }) };
    if (isOther) {
      const message = `another boot with the id ${visible(bootId!)} was forwarded before: this one is sent from its beginning, and its log.record.uid may be those of the other. Give the device a boot id that changes with each start`;
      return { code: "W_BOOT_ID", message, ...whose };
    }
    const message = `nothing in the recording shows that boot ${visible(bootId!)} is the one that was forwarded before: ${again} of its events may be sent again`;
    return { code: "W_POSITION", message, count: again, ...whose };
  }

  /** What the position does not say, since it was asked last. */
  takeProblems(): Problem[] {
    const count = this.#forgotten;
    if (count === 0) return [];
    this.#forgotten = 0;
    const message = `${nameOf(this.#file)} keeps at most ${MOST_RANGES} ranges of a boot's event numbers, and left ${count} delivered events out: the next run sends them again, with the same log.record.uid`;
    return [{ code: "W_POSITION", message, file: this.#file, count }];
  }

  /** Saves changes, in one step; not too often, unless `isLast`. Throws as the constructor. */
  save(isLast = false): void {
    const now = performance.now();
    if (!this.#isChanged || (!isLast && now < this.#nextMs)) return;
    this.#write();
    this.#isChanged = false;
    const took = performance.now() - now;
    this.#nextMs = now + Math.max(SAVE_EVERY_MS, took / SAVE_SHARE);
  }

  #read(text: string): void {
    const { version, boots } = JSON.parse(text) as { version: number; boots: (KeptBoot & { of: string })[] };
    if (version !== VERSION) throw new Error("another version");
    for (const { of, ranges, lostAfter, samples } of boots) {
      const rises = ranges.every(
        (each, index) => Number.isSafeInteger(each) && (index === 0 || each > ranges[index - 1]!),
      );
      const areSamples = samples.every(
        ([number, digest]) => Number.isSafeInteger(number) && typeof digest === "string",
      );
      if (typeof of !== "string" || typeof lostAfter !== "string" || ranges.length % 2 !== 0 || !rises || !areSamples)
        throw new Error("no position");
      this.#kept.set(of, [...(this.#kept.get(of) ?? []), new BootPosition({ ranges, lostAfter, samples })]);
    }
  }

  #write(): void {
    const boots = [...this.#kept].flatMap(([of, positions]) => positions.map((each) => ({ of, ...each.kept() })));
    // One name for all processes would be taken from under one of them.
    const temporary = `${this.#file}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const found = fs.lstatSync(this.#file, { throwIfNoEntry: false })?.ino;
      if (this.#written !== undefined && found !== this.#written) {
        const message =
          found === undefined
            ? `${nameOf(this.#file)} was deleted meanwhile: it is written again`
            : `${nameOf(this.#file)} was changed by another forwarder: run only one, or everything is sent twice`;
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

/**
 * `.forwarded-3fa1c2d4.json` in a folder, `.NAME.forwarded-….json` beside a file: one for each receiver. `to`: its
 * identity.
 */
export function positionFile(recording: string, isFolder: boolean, to: string): string {
  const of = hashOf(to);
  return isFolder
    ? join(recording, `.forwarded-${of}.json`)
    : join(dirname(recording), `.${shortName(basename(recording))}.forwarded-${of}.json`);
}

/** File systems allow names of 255 bytes. Long names with the same beginning stay different. */
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

function keyOf({ device, bootId }: ExportBoot): string {
  return JSON.stringify([device, bootId]);
}
