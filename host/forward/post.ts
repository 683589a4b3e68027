/** One request of OTLP/HTTP, and what its answer means. */
import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { visible } from "../text/lines.ts";
import { certificateError, type Failure, networkError, type Peer } from "../text/network-errors.ts";
import { firstMessage, firstNumber, firstText } from "./protobuf-reader.ts";
import type { Receiver } from "./receiver.ts";

export type Answer =
  /** The receiver has it, but for `rejected` records, which trying again does not mend. */
  | { readonly kind: "taken"; readonly rejected: number; readonly said: string }
  /** Not now. `afterMs`: as the receiver asks. */
  | { readonly kind: "later"; readonly said: string; readonly afterMs: number | undefined }
  /** Not so. */
  | { readonly kind: "refused"; readonly status: number; readonly said: string };

const RECEIVER: Peer = { name: "receiver", start: "start the receiver, or check host and port (4318)", plain: "http" };
const isCut = (code: string): boolean => code === "ECONNRESET" || code === "EPIPE";
const RETRIED = [429, 502, 503, 504];
const MOST_ANSWER_BYTES = 4 << 20;
const MOST_SAID_CHARS = 300;
const FAST = { level: 1 } as const;
const gzipped = promisify(gzip);

/** Field numbers: of the response, and of the status that an error answers with. */
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

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      receiver.url.protocol === "https:" ? new https.Agent({ ...options, ...receiver.tls }) : new http.Agent(options);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Throws TelemetryError E_TLS or E_ANSWER (exit code 2) for what trying again does not mend. */
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
      const late = setTimeout(() => request.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)), timeoutMs);
      const end = (work: () => void) => {
        clearTimeout(late);
        work();
      };
      request.on("error", (error) => end(() => reject(error)));
      request.on("response", (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        const done = () =>
          end(() =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
          );
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes <= MOST_ANSWER_BYTES) parts.push(part);
          else {
            // The status says what counts; the rest is not waited for.
            parts.length = 0;
            done();
            request.destroy();
          }
        });
        response.on("end", done);
        // It was cut, but its status is said.
        response.on("error", done);
      });
      request.end(body);
    });
  }
}

/** What an answer means; `nowMs` for a Retry-After that is a date. */
export function answerOf({ status, headers, body }: HttpAnswer, nowMs: number): Answer {
  if (status >= 200 && status < 300) {
    // A login page, or a web server that takes anything: nobody there has the records.
    if (/^text\/html\b/i.test(headers["content-type"] ?? ""))
      return { kind: "refused", status, said: `answers ${status} with a web page, which is no answer of OTLP` };
    const partial = firstMessage(body, RESPONSE.partialSuccess);
    const count = partial === undefined ? 0 : firstNumber(partial, RESPONSE.rejected);
    const rejected = Number.isSafeInteger(count) ? count : 0;
    const said = partial === undefined ? "" : cut(firstText(partial, RESPONSE.message));
    return { kind: "taken", rejected, said };
  }
  const isProtobuf = /^application\/x-protobuf\b/.test(headers["content-type"] ?? "");
  const reason = cut(isProtobuf ? firstText(body, STATUS.message) : body.toString().trim());
  const moved = status >= 300 && status < 400 && headers.location ? `, moved to ${cut(headers.location)}` : "";
  const said =
    `answers ${status} ${http.STATUS_CODES[status] ?? ""}`.trim() + moved + (reason === "" ? "" : `: ${reason}`);
  if (RETRIED.includes(status)) return { kind: "later", said, afterMs: retryAfterMs(headers["retry-after"], nowMs) };
  return { kind: "refused", status, said };
}

/** Seconds, or a date. Undefined if it is neither. */
export function retryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  const date = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** That records were rejected by an answer that took the others. */
export function rejectedProblem({ rejected, said }: Answer & { readonly kind: "taken" }): Problem | undefined {
  if (rejected > 0) {
    const message = `the receiver took a request but for ${rejected} of its records${said === "" ? "" : `: ${said}`}`;
    return { code: "E_REJECTED", message, count: rejected };
  }
  return said === "" ? undefined : { code: "W_RECEIVER", message: `the receiver warns: ${said}` };
}

function cut(text: string): string {
  const shown = visible(text.slice(0, MOST_SAID_CHARS));
  return text.length > MOST_SAID_CHARS ? `${shown}…` : shown;
}
