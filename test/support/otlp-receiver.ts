// A receiver of OTLP/HTTP on loopback, which answers as instructed.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { type ReadRecord, readRequest, response } from "./otlp.ts";

export interface Taken {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** Unpacked. */
  readonly body: Buffer;
  readonly records: readonly ReadRecord[];
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Ends the connection instead: before any of the answer, or in its middle. */
  readonly ends?: "before" | "within";
  /** Answers nothing. */
  readonly isSilent?: boolean;
}

export class OtlpReceiver {
  /** All requests, in order. */
  readonly requests: Taken[] = [];
  /** Those that were answered with 200. */
  readonly taken: Taken[] = [];
  most = 0;
  readonly #reply: (request: Taken, index: number) => Reply;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  #open = 0;

  constructor(reply: (request: Taken, index: number) => Reply = () => ({}), tls?: https.ServerOptions) {
    this.#reply = reply;
    const listener = (request: http.IncomingMessage, answer: http.ServerResponse) => void this.#serve(request, answer);
    this.#server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    });
  }

  async listen(port = 0): Promise<string> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return this.url;
  }

  get url(): string {
    const scheme = this.#server instanceof https.Server ? "https" : "http";
    return `${scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get records(): readonly ReadRecord[] {
    return this.taken.flatMap(({ records }) => records);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, "close");
  }

  async #serve(request: http.IncomingMessage, answer: http.ServerResponse): Promise<void> {
    this.most = Math.max(this.most, ++this.#open);
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      this.#open--;
      return;
    }
    const whole = Buffer.concat(parts);
    assert.equal(request.method, "POST");
    assert.equal(request.headers["content-type"], "application/x-protobuf");
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(whole) : whole;
    const taken = { path: request.url!, headers: request.headers, body, records: readRequest(body) };
    this.requests.push(taken);
    const reply = this.#reply(taken, this.requests.length - 1);
    this.#open--;
    if (reply.isSilent) return;
    if (reply.ends === "before") {
      request.socket.destroy();
      return;
    }
    const { status = 200 } = reply;
    if (status === 200) this.taken.push(taken);
    answer.writeHead(status, { "content-type": "application/x-protobuf", ...reply.headers });
    if (reply.ends === "within") {
      answer.write("x");
      setTimeout(() => request.socket.destroy(), 5);
    } else answer.end(reply.body ?? (status === 200 ? response() : ""));
  }
}
