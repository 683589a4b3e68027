/** One request of OTLP/HTTP, and the meaning of its answer. */
import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gunzipSync, gzip } from "node:zlib";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { visible } from "../text/lines.ts";
import { certificateError, type Failure, networkError, type Peer } from "../text/network-errors.ts";
import { firstMessage, firstNumber, firstText, isMessage } from "./protobuf-reader.ts";
import type { Receiver } from "./receiver.ts";

export type Answer =
  /** The receiver has the records, except `rejected` ones, which trying again would not help. */
  | { readonly kind: "taken"; readonly rejected: number; readonly said: string }
  /** Not now: try again. `afterMs`: as the receiver asks. */
  | { readonly kind: "later"; readonly said: string; readonly afterMs: number | undefined }
  /** Refused as it is. */
  | { readonly kind: "refused"; readonly status: number; readonly said: string };

const RECEIVER: Peer = { name: "receiver", start: "start the receiver, or check host and port (4318)", plain: "http" };
const isCut = (code: string): boolean => code === "ECONNRESET" || code === "EPIPE";
/** Once sending is to end, an answer is awaited at most this long. */
const LAST_WAIT_MS = 300;
const NONE_REJECTED: Answer = { kind: "taken", rejected: 0, said: "" };
const RETRIED = [429, 502, 503, 504];
const MOST_ANSWER_BYTES = 4 << 20;
const MOST_SAID_CHARS = 300;
const FAST = { level: 1 } as const;
const gzipped = promisify(gzip);

/** Field numbers of the response, and of the status in an error's answer. */
const RESPONSE = { partialSuccess: 1, rejected: 1, message: 2 } as const;
const STATUS = { message: 2 } as const;

interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends over one connection, which stays open between requests. */
export class Poster {
  readonly #receiver: Receiver;
  readonly #agent: http.Agent;
  readonly #ended: AbortSignal | undefined;

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

  /** Throws TelemetryError E_TLS or E_ANSWER (exit code 2) for errors that trying again would not help. */
  async post(request: Buffer): Promise<Answer> {
    const { isCompressed, shown, tls } = this.#receiver;
    const body = isCompressed ? await gzipped(request, FAST) : request;
    let answer: HttpAnswer;
    try {
      answer = await this.#exchange(body);
    } catch (failure) {
      const error = failure as Failure;
      const code = String(error.code ?? "");
      const certificate = certificateError(error, RECEIVER, tls.ca !== undefined);
      if (certificate !== undefined) throw new TelemetryError("E_TLS", `${shown}: ${certificate}`, 2);
      if (code.startsWith("HPE_"))
        throw new TelemetryError(
          "E_ANSWER",
          `${shown} does not speak HTTP (${visible(error.message)}): check host and port`,
          2,
        );
      return {
        kind: "later",
        said: isCut(code) ? "the connection was lost" : networkError(error, RECEIVER),
        afterMs: undefined,
      };
    }
    return answerOf(answer, Date.now());
  }

  #exchange(body: Buffer): Promise<HttpAnswer> {
    const { url, headers, isCompressed, timeoutMs } = this.#receiver;
    return new Promise((resolve, reject) => {
      const request = (url.protocol === "https:" ? https : http).request({
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
          "content-length": body.length,
          ...(isCompressed && { "content-encoding": "gzip" }),
        },
      });
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
      request.on("error", fail);
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
        // It was cut. Whether all records were taken would have been in the rest; of a refusal only the reasons are
        // missing.
        response.on("error", (error) => (isGood(response.statusCode) ? fail(error) : done()));
        response.on("close", closed); // usually settled before: then this does nothing
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
    const taken = body && takenOf(body, headers["content-type"] ?? "");
    // A login page, an error as JSON, a web server that accepts anything: they may not have the records.
    return taken ?? { kind: "refused", status, said: `answers ${status} with something other than OTLP` };
  }
  const isProtobuf = /^application\/x-protobuf\b/.test(headers["content-type"] ?? "");
  const reason = body === undefined ? "" : cut(isProtobuf ? firstText(body, STATUS.message) : body.toString().trim());
  const moved = status >= 300 && status < 400 && headers.location ? `, moved to ${cut(headers.location)}` : "";
  const said =
    `answers ${status} ${http.STATUS_CODES[status] ?? ""}`.trim() + moved + (reason === "" ? "" : `: ${reason}`);
  if (RETRIED.includes(status)) return { kind: "later", said, afterMs: retryAfterMs(headers["retry-after"], nowMs) };
  return { kind: "refused", status, said };
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

/** Interprets an answer of OTLP, in protobuf or in JSON; an empty body is one, too. Undefined for any other answer. */
function takenOf(body: Buffer, type: string): Answer | undefined {
  if (body.length === 0) return NONE_REJECTED;
  if (/^application\/json\b/i.test(type)) return takenOfJson(body.toString());
  if (/^text\/|html/i.test(type) || !isMessage(body)) return undefined;
  const partial = firstMessage(body, RESPONSE.partialSuccess);
  if (partial === undefined) return NONE_REJECTED;
  return {
    kind: "taken",
    rejected: countOf(firstNumber(partial, RESPONSE.rejected)),
    said: cut(firstText(partial, RESPONSE.message)),
  };
}

function takenOfJson(text: string): Answer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { partialSuccess, ...others } = value as { partialSuccess?: Record<string, unknown> | null };
  if (partialSuccess === undefined && Object.keys(others).length > 0) return undefined;
  if (typeof partialSuccess !== "object") return partialSuccess === undefined ? NONE_REJECTED : undefined;
  const { rejectedLogRecords = 0, errorMessage = "" } = partialSuccess ?? {};
  return { kind: "taken", rejected: countOf(Number(rejectedLogRecords)), said: cut(String(errorMessage)) };
}

/** A count beyond what can be sent means all records. */
function countOf(count: number): number {
  return Number.isSafeInteger(count) && count >= 0 ? count : Number.MAX_SAFE_INTEGER;
}

/** Parses seconds, or a date. Undefined if it is neither. */
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
