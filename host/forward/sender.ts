/** Sends records in order, one request at a time, until the receiver has taken each, or refused it for good. */
import { setTimeout as wait } from "node:timers/promises";
import type { OtlpRecord, OtlpScope } from "../export/otlp.ts";
import { OtlpBatch, OtlpEncoder } from "../export/otlp-protobuf.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { type Answer, rejectedProblem } from "./post.ts";

export interface SenderOptions {
  readonly scope: OtlpScope;
  /** The receiver's name in errors. */
  readonly to: string;
  /** Sends one request. */
  readonly post: (request: Buffer) => Promise<Answer>;
  /** The receiver has these, or the dead-letter file does: they need not be sent again. If it throws, sending ends. */
  readonly done: (records: readonly OtlpRecord[]) => void;
  /** Keeps records that were refused for good. Undefined: then sending ends. */
  readonly deadLetters: ((records: readonly OtlpRecord[]) => void) | undefined;
  readonly onProblem: (problem: Problem) => void;
  /** From then on nothing is tried again. */
  readonly ended: AbortSignal;
  /** Most bytes of a request's records, before compression. Default 1 MiB. */
  readonly mostBytes?: number;
  /** Records are sent after this time if no others fill the request. Default 1 s. */
  readonly lingerMs?: number;
  /**
   * The first wait before another try. It doubles up to the longest; each wait is randomly shortened, at most to half.
   * Default 0.5 and 30 s.
   */
  readonly firstWaitMs?: number;
  readonly mostWaitMs?: number;
}

export interface SenderCounters {
  readonly requests: number;
  readonly tries: number;
  readonly delivered: number;
  /** Rejected by an answer that took the others. */
  readonly rejected: number;
  readonly deadLetters: number;
}

const MOST_BYTES = 1 << 20;
const LEAST_BYTES = 1 << 12;
const LINGER_MS = 1000;
const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;
/**
 * A wait that a receiver asks for is never shortened, but lengthened a little at random, so that not all senders come
 * back at once.
 */
const ASKED_JITTER = 0.1;
/** A receiver that asks for more is asked again all the same: its clock, or the date that it names, may be wrong. */
const MOST_ASKED_MS = 3_600_000;

const WAYS: Readonly<Record<number, string>> = {
  400: "no receiver of OTLP answers so: check the URL, and proxies on the way",
  401: "put the header that it requires into OTEL_EXPORTER_OTLP_HEADERS",
  403: "put the header that it requires into OTEL_EXPORTER_OTLP_HEADERS",
  404: "check the URL's path; it is usually /v1/logs",
  405: "check the URL's path; it is usually /v1/logs",
  415: "it does not take OTLP as protobuf there: check the URL",
};

export class Sender {
  readonly #options: SenderOptions;
  readonly #encoder: OtlpEncoder;
  readonly #counters = { requests: 0, tries: 0, delivered: 0, rejected: 0, deadLetters: 0 };
  #gathering: OtlpBatch;
  #mostBytes: number;
  /** The last request, and so all before it. */
  #last: Promise<void> = Promise.resolve();
  #linger: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #failed = new AbortController();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#encoder = new OtlpEncoder(options.scope);
    this.#gathering = new OtlpBatch(this.#encoder);
    this.#mostBytes = options.mostBytes ?? MOST_BYTES;
  }

  get counters(): SenderCounters {
    return this.#counters;
  }

  /** Aborted when nothing more will be sent: add() and flush() fail from then on. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Takes records; resolves when there is room for more. Fails as flush(). */
  async add(records: readonly OtlpRecord[]): Promise<void> {
    for (const record of records) {
      this.#gathering.add(record);
      if (this.#gathering.bytes >= this.#mostBytes) {
        // One batch is on its way, one waits, and one is being gathered.
        const before = this.#last;
        this.#send();
        await before;
      }
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#gathering.records.length > 0)
      this.#linger ??= setTimeout(() => this.#send(), this.#options.lingerMs ?? LINGER_MS);
  }

  /**
   * Resolves when everything that was added is delivered. Fails with TelemetryError: E_REFUSED (exit code 1 for a
   * refused record, 2 for a refused request), E_UNSENT (2) if it was ended before, and as post, done and deadLetters
   * do.
   */
  async flush(): Promise<void> {
    this.#send();
    await this.#last;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const batch = this.#gathering;
    const count = batch.records.length;
    if (count === 0) return;
    this.#gathering = new OtlpBatch(this.#encoder);
    this.#last = this.#last.then(async () => {
      // Nothing is sent after a failure: in order, or not at all.
      if (this.#failure !== undefined) return;
      try {
        await this.#deliver(batch, 0, count);
      } catch (error) {
        this.#failure = { error };
        this.#failed.abort();
      }
    });
  }

  /** False if some were refused for good. */
  async #deliver(batch: OtlpBatch, from: number, to: number): Promise<boolean> {
    const { onProblem, deadLetters, done, to: receiver } = this.#options;
    const request = batch.request(from, to);
    const answer = await this.#answered(request);
    const records = batch.records.slice(from, to);
    if (answer.kind === "taken") {
      const rejected = Math.min(answer.rejected, records.length);
      const problem = rejectedProblem({ ...answer, rejected });
      if (problem !== undefined) onProblem(problem);
      this.#counters.rejected += rejected;
      this.#counters.delivered += records.length - rejected;
      done(records);
      return true;
    }
    const { status, said, isOfRecords } = answer;
    if (isOfRecords && records.length > 1) {
      if (status === 413) this.#shrinkTo(request.length / 2);
      const middle = (from + to) >>> 1;
      const first = await this.#deliver(batch, from, middle);
      const second = await this.#deliver(batch, middle, to);
      // No record was bad, so its size was. A Collector says 400 for what is too large.
      if (first && second) this.#shrinkTo(request.length / 2);
      return first && second;
    }
    const what = isOfRecords ? "a record" : "a request";
    if (deadLetters === undefined) {
      const way = isOfRecords
        ? ""
        : `${WAYS[status] ?? (status < 400 ? "check the URL" : "see the receiver's log")}, or `;
      const message = `${receiver} refuses ${what}: it ${said}: ${way}add --dead-letter FILE to keep what it refuses and continue`;
      throw new TelemetryError("E_REFUSED", message, isOfRecords ? 1 : 2);
    }
    deadLetters(records);
    this.#counters.deadLetters += records.length;
    const message = `${receiver} refuses ${what}: it ${said}: ${records.length === 1 ? "its record is" : `its ${records.length} records are`} in the dead-letter file`;
    onProblem({ code: "E_REFUSED", message, count: records.length });
    done(records);
    return false;
  }

  /** Requests stay as small from now on. */
  #shrinkTo(bytes: number): void {
    this.#mostBytes = Math.min(this.#mostBytes, Math.max(LEAST_BYTES, Math.floor(bytes)));
  }

  /** Tries until the answer is final. */
  async #answered(request: Buffer): Promise<Exclude<Answer, { kind: "later" }>> {
    const { post, ended, onProblem, to, firstWaitMs = FIRST_WAIT_MS, mostWaitMs = MOST_WAIT_MS } = this.#options;
    this.#counters.requests++;
    for (let tries = 1, waitMs = firstWaitMs; ; tries++) {
      this.#counters.tries++;
      const answer = await post(request);
      if (answer.kind !== "later") {
        if (tries > 1) onProblem({ code: "W_RETRIED", message: `${to} answers again, after ${tries} tries` });
        return answer;
      }
      const { said, afterMs } = answer;
      if (ended.aborted) throw unsent(to, said);
      const ownMs = waitMs * (0.5 + Math.random() / 2);
      const askedMs = Math.min(afterMs ?? 0, MOST_ASKED_MS) * (1 + ASKED_JITTER * Math.random());
      const nextMs = Math.ceil(Math.max(1, ownMs, askedMs));
      const asked = (afterMs ?? 0) > MOST_ASKED_MS ? ", the longest wait, although it asks for more" : "";
      onProblem({ code: "W_RETRY", message: `${to}: ${said}: trying again in ${seconds(nextMs)}${asked}` });
      try {
        await wait(nextMs, undefined, { signal: ended });
      } catch {
        throw unsent(to, said);
      }
      waitMs = Math.min(waitMs * 2, mostWaitMs);
    }
  }
}

function unsent(to: string, said: string): TelemetryError {
  const message = `ended before ${to} had everything (${said}): run it again to continue from here`;
  return new TelemetryError("E_UNSENT", message, 2);
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}
