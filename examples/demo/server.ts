// A real WebSocket server on loopback that judges each message, with the emitter attached.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { Reason } from "xs-telemetry";
import type { RecordedConnection, Recorder } from "./recorder.ts";

export const KEY = "open-sesame";
const MAX_MESSAGE_BYTES = 400;
const MAX_MESSAGES_IN_WINDOW = 10;
const RATE_WINDOW_MS = 200;

export interface DemoServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startServer(telemetry: Recorder): Promise<DemoServer> {
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  http.on("upgrade", (request: IncomingMessage, socket, head) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const connection = telemetry.connect(Number(url.searchParams.get("client")), request.socket.remoteAddress ?? "");
    if (url.pathname !== "/ws") {
      connection.disconnected();
      socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      connection.connected();
      serve(webSocket, connection, url.searchParams.get("key") === KEY);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    port: (http.address() as AddressInfo).port,
    close: () => new Promise((resolve) => http.close(() => resolve())),
  };
}

function serve(socket: WebSocket, connection: RecordedConnection, authorised: boolean): void {
  const arrivals: number[] = [];
  socket.on("message", (data: Buffer, isBinary) => {
    const payload = isBinary ? new Uint8Array(data) : data.toString();
    const now = performance.now();
    while (arrivals.length > 0 && now - arrivals[0]! > RATE_WINDOW_MS) arrivals.shift();
    arrivals.push(now);
    if (!authorised) return connection.rejected(Reason.authFailed, "", payload);
    if (arrivals.length > MAX_MESSAGES_IN_WINDOW) return connection.rejected(Reason.rateLimit, "", payload);
    if (data.length > MAX_MESSAGE_BYTES) return connection.rejected(Reason.sizeLimit, "", payload);
    const type = typeOf(data.toString());
    if (type === undefined) return connection.rejected(Reason.parseError, "", payload);
    connection.received(type, payload);
    socket.send(JSON.stringify({ type: `${type}.result`, ok: true }));
    connection.sent(`${type}.result`);
  });
  socket.on("close", () => connection.disconnected());
  socket.on("error", () => {}); // "close" follows
}

/** The `type` of a JSON message; undefined if it is not JSON or has none. */
function typeOf(text: string): string | undefined {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return typeof type === "string" ? type : undefined;
  } catch {
    return undefined;
  }
}
