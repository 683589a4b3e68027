/** Sends recordings to a receiver: whatever it has not acknowledged yet. The position is kept beside each recording. */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { BootItem } from "../export/exporter.ts";
import { type OtlpRecord, OtlpRecords } from "../export/otlp.ts";
import type { OtlpIdentity } from "../export/otlp-identity.ts";
import { OtlpLines, timeProblems } from "../export/otlp-json.ts";
import { writeError } from "../export/output.ts";
import type { ExportBoot } from "../export/source.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { Position } from "./position.ts";
import { Poster } from "./post.ts";
import type { Receiver } from "./receiver.ts";
import { Sender, type SenderCounters } from "./sender.ts";

export interface ForwardingOptions {
  readonly receiver: Receiver;
  readonly registry: RegistryModel;
  readonly identity: OtlpIdentity;
  /** A file for records that are refused for good. */
  readonly deadLetter: string | undefined;
  readonly onProblem: (problem: Problem) => void;
  readonly ended: AbortSignal;
}

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #poster: Poster;
  readonly #sender: Sender;
  readonly #positions = new Map<ExportBoot, Position>();
  readonly #deadLetters: DeadLetters | undefined;
  readonly #recordings = new Set<RecordingForwarding>();

  /** Throws TelemetryError E_WRITE (exit code 2) if the dead-letter file cannot be written. */
  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { receiver, deadLetter, registry, identity, onProblem, ended } = options;
    const { scope } = new OtlpRecords(registry, identity);
    this.#deadLetters = deadLetter === undefined ? undefined : new DeadLetters(deadLetter, new OtlpLines(scope));
    this.#poster = new Poster(receiver, ended);
    this.#sender = new Sender({
      scope,
      to: receiver.shown,
      post: (request) => this.#poster.post(request),
      done: (records) => this.#done(records),
      deadLetters: this.#deadLetters && ((records) => this.#deadLetters!.add(records)),
      onProblem,
      ended,
    });
  }

  get counters(): SenderCounters {
    return this.#sender.counters;
  }

  /** Aborted when nothing more will be sent: later calls fail. */
  get failed(): AbortSignal {
    return this.#sender.failed;
  }

  /**
   * Begins a recording. `path`: undefined if nothing can be kept beside it. Throws TelemetryError E_WRITE (exit code
   * 2).
   */
  recording(path: string | undefined, isFolder: boolean): RecordingForwarding {
    const { registry, identity, receiver, onProblem } = this.#options;
    const position = path === undefined ? undefined : new Position(path, isFolder, receiver, onProblem);
    const records = new OtlpRecords(registry, identity);
    const recording = new RecordingForwarding(records, position, async (own) => {
      if (position !== undefined) for (const { boot } of own) this.#positions.set(boot, position);
      await this.#sender.add(own);
    });
    this.#recordings.add(recording);
    return recording;
  }

  /** Resolves when everything is delivered. Fails as Sender.flush(). */
  async flush(): Promise<void> {
    await this.#sender.flush();
    for (const { problems } of this.#recordings) problems.forEach(this.#options.onProblem);
    this.#recordings.clear();
  }

  /** Closes what is open, and saves the positions. Fails as save(). */
  close(): void {
    this.#poster.close();
    this.#deadLetters?.close();
    this.save();
  }

  /** Saves the positions. Fails with TelemetryError E_WRITE (exit code 2). */
  save(): void {
    for (const position of new Set(this.#positions.values())) {
      position.save(true);
      position.takeProblems().forEach(this.#options.onProblem);
    }
  }

  #done(records: readonly OtlpRecord[]): void {
    const touched = new Set<Position>();
    for (const record of records) {
      const position = this.#positions.get(record.boot);
      if (position === undefined) continue;
      position.acknowledge(record);
      touched.add(position);
    }
    for (const position of touched) position.save();
  }
}

/** The part of one recording that is still to be sent. */
export class RecordingForwarding {
  /** Records that were not sent: the receiver had them before, unless they still wait. */
  #waiting = 0;
  /** Events that the sender was given. */
  sentEvents = 0;
  /** Records that nothing tells from others. */
  #anonymous = 0;
  readonly #records: OtlpRecords;
  readonly #position: Position | undefined;
  readonly #sender: (records: readonly OtlpRecord[]) => Promise<void>;

  constructor(
    records: OtlpRecords,
    position: Position | undefined,
    send: (records: readonly OtlpRecord[]) => Promise<void>,
  ) {
    this.#records = records;
    this.#position = position;
    this.#sender = send;
  }

  /** Records that the receiver had before; once the recording has ended. */
  get known(): number {
    return this.#waiting;
  }

  get problems(): readonly Problem[] {
    const count = this.#anonymous;
    if (count === 0) return timeProblems(this.#records);
    const message = `${count} records have no boot id, so repeated ones cannot be recognised: decode --with device,boot,time adds it`;
    return [...timeProblems(this.#records), { code: "W_NO_BOOT_ID", message, count }];
  }

  /** Takes items in the order of the recording; resolves when there is room for more. Fails as Sender.add(). */
  async add(items: readonly BootItem[]): Promise<void> {
    await this.#add(items.flatMap((item) => this.#records.of(item)));
  }

  /** The recording ends here. */
  async end(): Promise<void> {
    await this.#add(this.#records.end());
    const left = this.#position?.end() ?? [];
    this.#waiting -= left.length;
    await this.#send(left);
  }

  async #send(records: readonly OtlpRecord[]): Promise<void> {
    if (records.length === 0) return;
    this.sentEvents += records.filter(({ kind }) => kind === "event").length;
    await this.#sender(records);
  }

  async #add(records: readonly OtlpRecord[]): Promise<void> {
    const left = this.#position?.left(records) ?? records;
    for (const { boot } of records) if (boot.bootId === undefined) this.#anonymous++;
    this.#waiting += records.length - left.length;
    await this.#send(left);
  }
}

/** A file of OTLP's JSON that is appended to. */
class DeadLetters {
  readonly #path: string;
  readonly #lines: OtlpLines;
  readonly #file: number;

  constructor(path: string, lines: OtlpLines) {
    this.#path = path;
    this.#lines = lines;
    try {
      this.#file = openSync(path, "a");
    } catch (error) {
      throw writeError(path, error);
    }
  }

  /** The records are on the disk when it returns. */
  add(records: readonly OtlpRecord[]): void {
    try {
      for (const record of records) {
        this.#lines.add(record);
        if (this.#lines.isFull) this.#write();
      }
      this.#write();
      fsyncSync(this.#file);
    } catch (error) {
      throw writeError(this.#path, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(): void {
    const bytes = Buffer.from(this.#lines.take());
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }
}
