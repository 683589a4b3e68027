// Scenes of a `ws` server, played with and without the adapter.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type ServerOptions, WebSocket, WebSocketServer } from "ws";
import { type AdapterOptions, type Instrumented, instrument, type WsMessage } from "xs-telemetry/ws";
import { adapterTelemetry } from "./adapter-telemetry.ts";

export interface Stage {
  readonly server: WebSocketServer;
  readonly http: Server;
  readonly url: string;
  readonly port: number;
  readonly log: (...words: unknown[]) => void;
  readonly instrumented?: Instrumented<WebSocket>;
}

export interface Play {
  readonly options?: ServerOptions;
  readonly adapter?: AdapterOptions<WsMessage, IncomingMessage>;
  /** The application. */
  readonly serve?: (webSocket: WebSocket, stage: Stage) => void;
  readonly upgrade?: (stage: Stage, request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** The clients, to the end. */
  readonly drive: (stage: Stage) => Promise<unknown>;
}

/** Plays once; returns the log and the record. */
export async function play(isInstrumented: boolean, { options = {}, adapter, serve, upgrade, drive }: Play) {
  const log: string[] = [];
  const http = createServer();
  const server = new WebSocketServer(upgrade ? { noServer: true, ...options } : { server: http, ...options });
  const { telemetry, events } = adapterTelemetry({ capacityBytes: 1 << 20 });
  const instrumented = isInstrumented ? instrument(server, telemetry, adapter) : undefined;
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const stage: Stage = {
    server,
    http,
    port,
    url: `ws://127.0.0.1:${port}`,
    log: (...words) => log.push(words.join(" ")),
    ...(instrumented && { instrumented }),
  };
  server.on("connection", (webSocket) => serve?.(webSocket, stage));
  if (upgrade) http.on("upgrade", (request, socket, head) => upgrade(stage, request, socket, head));
  await drive(stage);
  for (const client of server.clients) client.terminate();
  while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  const counters = telemetry.counters();
  assert.equal(counters.emitted, counters.drained + counters.overwritten + counters.discarded + counters.pending);
  if (instrumented) assert.equal(instrumented.counters().failures, 0);
  return { log, events: events() };
}

/** Plays with and without; returns what was recorded. */
export async function same(scene: Play): Promise<string[]> {
  const plain = await play(false, scene);
  const recorded = await play(true, scene);
  assert.ok(plain.log.length > 0, "something was seen");
  assert.deepEqual(recorded.log, plain.log);
  assert.deepEqual(plain.events, []);
  return recorded.events;
}

const inboxes = new WeakMap<WebSocket, { waiting: [Buffer, boolean][]; wake?: () => void }>();

export async function client(url: string, protocols: string[] = []): Promise<WebSocket> {
  const webSocket = new WebSocket(url, protocols);
  const inbox: { waiting: [Buffer, boolean][]; wake?: () => void } = { waiting: [] };
  inboxes.set(webSocket, inbox);
  webSocket.on("message", (data: Buffer, isBinary) => {
    inbox.waiting.push([data, isBinary]);
    inbox.wake?.();
  });
  await once(webSocket, "open");
  return webSocket;
}

/** The next message that comes, or came. */
export async function next(webSocket: WebSocket): Promise<[Buffer, boolean]> {
  const inbox = inboxes.get(webSocket)!;
  while (inbox.waiting.length === 0)
    await new Promise<void>((resolve) => {
      inbox.wake = resolve;
    });
  return inbox.waiting.shift()!;
}
export const closed = async (webSocket: WebSocket) => (await once(webSocket, "close")) as [number, Buffer];

export function echo(webSocket: WebSocket, { log }: Stage): void {
  webSocket.on("message", (data: Buffer, isBinary) => webSocket.send(data, { binary: isBinary }));
  webSocket.on("close", (code, reason) => log("server: close", code, reason));
  webSocket.on("error", (error: NodeJS.ErrnoException) => log("server: error", error.code, error.message));
  log("server: listeners", webSocket.listenerCount("message"), webSocket.eventNames().join());
}

export const without = (events: string[], ...names: string[]) =>
  events.filter((event) => !names.some((name) => event.includes(name)));
