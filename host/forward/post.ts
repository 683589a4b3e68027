/** One request of OTLP/HTTP, and the meaning of its answer. */
import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gunzipSync, gzip } from "node:zlib";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { visible } from "../text/lines.ts";
import { certificateError, type Failure, networkError, type Peer } from "../text/network-errors.ts";
import { textOf } from "./protobuf-reader.ts";
import type { Receiver } from "./receiver.ts";
import { isStatus, successOf } from "./success.ts";

export type Answer =
  /** The receiver has the records, except `rejected` ones, which trying again would not help. */
  | { readonly kind: "taken"; readonly rejected: number; readonly said: string }
  /** Not now: try again. `afterMs`: as the receiver asks. */
  | { readonly kind: "later"; readonly said: string; readonly afterMs: number | undefined }
  /** Not so. `isOfRecords`: because of what records it has, or how many, so that parts of it may be taken. */
  | { readonly kind: "refused"; readonly status: number; readonly said: string; readonly isOfRecords: boolean };

const RECEIVER: Peer = {
  name: "receiver",
  start: "start the receiver, or check host and port (4318)",
  plain: "http",
  clientCertificate: "give one with --cert and --key",
};
/** A record of TLS begins so: an alert, a handshake. */
const TLS_RECORDS: readonly (number | undefined)[] = [0x15, 0x16];
/** What servers answer to http:// at a port of theirs for https://. */
const WANTS_TLS = /\b(HTTPS(?!:)|SSL|TLS)\b/i;
const isCut = (code: string): boolean => code === "ECONNRESET" || code === "EPIPE";
/** Once sending is to end, an answer is awaited at most this long. */
const LAST_WAIT_MS = 300;
const RETRIED = [429, 502, 503, 504];
const MOST_ANSWER_BYTES = 4 << 20;
const MOST_SAID_CHARS = 300;
const FAST = { level: 1 } as const;
const gzipped = promisify(gzip);

/** Of google.rpc.Status, which an error answers with: the field's number. */
const STATUS_MESSAGE = 2;

interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

interface HttpFailure extends Failure {
  /** The answer had begun. */
  readonly isAnswered?: boolean;
  /** Of what could not be read as HTTP. */
  readonly rawPacket?: Buffer;
}

/** Sends over one connection, which stays open between requests. */
export class Poster {
  readonly #receiver: Receiver;
  readonly #agent: http.Agent;
  readonly #ended: AbortSignal | undefined;
  /** It has answered once: it speaks HTTP. */
  #hasAnswered = false;

  /** `ended`: from then on an answer is awaited for at most 0.3 s. */
  constructor(receiver: Receiver, ended?: AbortSignal) {
    this.#receiver = receiver;
    this.#ended = ended;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      receiver.url.protocol === "https:" ? new https.Agent({ ...options, ...receiver.tls }) : new http.Agent(options);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Throws TelemetryError E_TLS, E_ANSWER or E_USAGE (exit code 2) for what trying again does not mend. */
  async post(content: Buffer): Promise<Answer> {
    const body = this.#receiver.isCompressed ? await gzipped(content, FAST) : content;
    const request = this.#request(body.length);
    let answer: HttpAnswer;
    try {
      answer = await this.#exchange(request, body);
    } catch (failure) {
      return { kind: "later", said: this.#said(failure as HttpFailure), afterMs: undefined };
    }
    this.#hasAnswered = true;
    const found = answerOf(answer, Date.now());
    const { shown, url } = this.#receiver;
    const isForeign = found.kind === "refused" && found.status === 400 && !found.isOfRecords;
    if (isForeign && url.protocol === "http:" && WANTS_TLS.test(answer.body.toString()))
      throw new TelemetryError("E_ANSWER", `${shown} ${found.said}: write https://`, 2);
    return found;
  }

  /** What to say of a failure that may pass. Throws as post(). */
  #said(failure: HttpFailure): string {
    const { shown, tls, url } = this.#receiver;
    const code = String(failure.code ?? "");
    const certificate = certificateError(failure, RECEIVER, tls.ca !== undefined);
    if (certificate !== undefined) throw new TelemetryError("E_TLS", `${shown}: ${certificate}`, 2);
    if (code.startsWith("HPE_")) {
      const reason = visible(failure.message.split("\n")[0]!);
      const first = failure.rawPacket ?? Buffer.alloc(0);
      // What begins so, or was read in part, is HTTP.
      if (failure.isAnswered || /^HTTP\/1/.test(first.toString("latin1", 0, 6)))
        return `its answer is damaged (${reason})`;
      const way = TLS_RECORDS.includes(first[0]!) ? "it speaks TLS: write https://" : "check host and port";
      throw new TelemetryError("E_ANSWER", `${shown} does not speak HTTP (${reason}): ${way}`, 2);
    }
    if (!isCut(code)) return networkError(failure, RECEIVER);
    const mayBeTls = url.protocol === "http:" && !this.#hasAnswered && !failure.isAnswered;
    return `the connection was lost${mayBeTls ? " before an answer: if that port speaks TLS, write https://" : ""}`;
  }

  #request(length: number): http.ClientRequest {
    const { url, headers, isCompressed, shown } = this.#receiver;
    try {
      return (url.protocol === "https:" ? https : http).request({
        method: "POST",
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port,
        path: `${url.pathname}${url.search}`,
        agent: this.#agent,
        headers: {
          "user-agent": "xs-telemetry",
          ...headers,
          "content-type": "application/x-protobuf",
          "content-length": length,
          ...(isCompressed && { "content-encoding": "gzip" }),
        },
      });
    } catch (error) {
      const message = `no request can be made to ${shown} (${visible((error as Error).message)}): check the URL and --header`;
      throw new TelemetryError("E_USAGE", message, 2);
    }
  }

  #exchange(request: http.ClientRequest, body: Buffer): Promise<HttpAnswer> {
    const { timeoutMs } = this.#receiver;
    return new Promise((resolve, reject) => {
      const waitFor = (ms: number) => setTimeout(() => request.destroy(new Error(`no answer for ${ms / 1000} s`)), ms);
      let late = waitFor(timeoutMs);
      const hurry = () => {
        clearTimeout(late);
        late = waitFor(Math.min(timeoutMs, LAST_WAIT_MS));
      };
      if (this.#ended?.aborted) hurry();
      else this.#ended?.addEventListener("abort", hurry, { once: true });
      const end = (work: () => void) => {
        clearTimeout(late);
        this.#ended?.removeEventListener("abort", hurry);
        work();
      };
      const fail = (error: Error) => end(() => reject(error));
      let broken = fail;
      request.on("error", (error) => broken(error));
      const closed = () => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
      let isAnswered = false;
      request.on("close", () => isAnswered || closed());
      // It was not asked for another protocol.
      request.on("upgrade", (response, socket) => {
        socket.destroy();
        end(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.alloc(0) }));
      });
      request.on("response", (response) => {
        isAnswered = true;
        const parts: Buffer[] = [];
        let bytes = 0;
        const done = () =>
          end(() =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
          );
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          parts.push(part);
          if (bytes <= MOST_ANSWER_BYTES) return;
          // The rest is not awaited.
          done();
          request.destroy();
        });
        response.on("end", done);
        // It was cut. Whether all records were taken would have stood in it; a refusal is one without its reasons.
        broken = (error) => (isGood(response.statusCode) ? fail(Object.assign(error, { isAnswered })) : done());
        response.on("error", (error) => broken(error));
        response.on("close", closed); // settled before, as a rule: then this is nothing
      });
      request.end(body);
    });
  }
}

const isGood = (status = 0): boolean => status >= 200 && status < 300;

/** Interprets an answer; `nowMs` is for a Retry-After that is a date. */
export function answerOf({ status, headers, body: packed }: HttpAnswer, nowMs: number): Answer {
  const body = unpacked(packed, headers["content-encoding"]);
  if (isGood(status)) {
    const success = body && successOf(body, headers["content-type"] ?? "");
    if (success !== undefined) return { kind: "taken", rejected: success.rejected, said: cut(success.message) };
    // A login page, an error as JSON, a web server that takes anything: nobody there need have the records.
    const something = `answers ${status} with something other than OTLP`;
    return { kind: "refused", status, said: something, isOfRecords: false };
  }
  const isProtobuf = /^application\/x-protobuf\b/.test(headers["content-type"] ?? "");
  const reason = body === undefined ? "" : cut(isProtobuf ? textOf(body, STATUS_MESSAGE) : body.toString().trim());
  const moved = status >= 300 && status < 400 && headers.location ? `, moved to ${cut(headers.location)}` : "";
  const said =
    `answers ${status} ${http.STATUS_CODES[status] ?? ""}`.trim() + moved + (reason === "" ? "" : `: ${reason}`);
  if (RETRIED.includes(status)) return { kind: "later", said, afterMs: retryAfterMs(headers["retry-after"], nowMs) };
  // What proxies and other servers mean by 400 is nothing that halves would mend.
  const isOtlp = body !== undefined && isStatus(body, headers["content-type"] ?? "");
  return { kind: "refused", status, said, isOfRecords: status === 413 || (status === 400 && isOtlp) };
}

/** Undefined if it is not in the stated encoding, or too large. */
function unpacked(body: Buffer, encoding = "identity"): Buffer | undefined {
  if (body.length > MOST_ANSWER_BYTES) return undefined;
  if (/^identity$/i.test(encoding) || body.length === 0) return body;
  if (!/^(x-)?gzip$/i.test(encoding)) return undefined;
  try {
    return gunzipSync(body, { maxOutputLength: MOST_ANSWER_BYTES });
  } catch {
    return undefined;
  }
}

/** Seconds, or a date. Undefined if it is neither. */
export function retryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  const date = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** The problem for an answer that took some records and rejected others. */
export function rejectedProblem({ rejected, said }: Answer & { readonly kind: "taken" }): Problem | undefined {
  if (rejected > 0) {
    const message = `the receiver rejected ${rejected} records of a request and took the others${said === "" ? "" : `: ${said}`}`;
    return { code: "E_REJECTED", message, count: rejected };
  }
  return said === "" ? undefined : { code: "W_RECEIVER", message: `the receiver warns: ${said}` };
}

function cut(text: string): string {
  const shown = visible(text.slice(0, MOST_SAID_CHARS));
  return text.length > MOST_SAID_CHARS ? `${shown}…` : shown;
}
