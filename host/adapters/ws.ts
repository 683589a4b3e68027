/** `xs-telemetry/ws`: records what a WebSocketServer of the package `ws` does. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { RawData, WebSocket, WebSocketServer } from "ws";
import {
  Adapter,
  type AdapterOptions,
  type Instrumented,
  patch,
  type Recording,
  type Traffic,
  unpatchAll,
} from "../../src/adapters/adapter.ts";
import { Given, interpose, layers } from "./interpose.ts";

export type {
  AdapterCounters,
  AdapterOptions,
  Instrumented,
  MessageTypeOf,
  Recording,
} from "../../src/adapters/adapter.ts";

/** A message, or the beginning of one: text that was received is bytes, as `ws` gives it. */
export type WsMessage = string | Uint8Array | ArrayBuffer;

const OPEN = 1;
/** Types of messages that are found by a comparison, each way; what has others is read. */
const REMEMBERED = 8;

type Done = (socket: WebSocket, request: IncomingMessage) => void;

/**
 * Records the connections that ask `server` for an upgrade from now on, also through `noServer` and `handleUpgrade`. A handshake that
 * fails is a connect and a disconnect. Messages are recorded when their listeners are called, and when `send` has taken them; a message
 * in fragments with its first one. Throws TypeError if `server` is no object.
 */
export function instrument(
  server: WebSocketServer,
  telemetry: Recording,
  options: AdapterOptions<WsMessage, IncomingMessage> = {},
): Instrumented<WebSocket> {
  const adapter = new Adapter<WsMessage, IncomingMessage>(telemetry, options, REMEMBERED);
  /** Sockets whose handshake is not done, and what to do when they are no longer watched. */
  const seen = new WeakSet<Duplex>();
  const shaking = new Map<Duplex, () => void>();
  const watched = new Map<WebSocket, { traffic: Traffic<WsMessage>; release: () => void }>();
  const { isAsking } = adapter;

  /**
   * Of a WebSocket that is recorded. Its methods are those of one object for all, and not each socket's own: V8 compiles them into what
   * calls them, and those of `ws` into them.
   */
  class Watched extends Given {
    readonly #traffic: Traffic<WsMessage>;
    /** Of the message that is being sent, more follows. */
    #isFragmented = false;

    constructor(webSocket: WebSocket, traffic: Traffic<WsMessage>) {
      super(webSocket);
      this.#traffic = traffic;
    }

    static readonly layerOf = layers(() => ({
      emit(this: WebSocket & Watched, ...args: [name: string, ...unknown[]]): boolean {
        if (args[0] === "message") {
          const traffic = this.#traffic;
          traffic.begin(isAsking ? beginningOf(args[1]) : undefined);
          try {
            return super.emit(...args);
          } finally {
            traffic.settle();
          }
        }
        if (args[0] === "close") {
          this.#traffic.end();
          watched.delete(this);
        }
        return super.emit(...args);
      },
      send(this: WebSocket & Watched, ...args: [data: unknown, options?: { readonly fin?: boolean }]): void {
        const isOpen = this.readyState === OPEN;
        super.send(...args);
        if (!isOpen) return; // only the callback hears of it
        const isFirst = !this.#isFragmented;
        this.#isFragmented = args[1]?.fin === false;
        if (isFirst) this.#traffic.sent(isAsking ? beginningOf(args[0]) : "");
      },
    }));
  }

  /** An upgrade is asked for. Returns what is to be told when it is done. */
  function begin(request: IncomingMessage, socket: Duplex): ((webSocket: WebSocket) => void) | undefined {
    if (seen.has(socket)) return undefined; // a second time: the server throws
    seen.add(socket);
    const traffic = adapter.connect(request, request.socket.remoteAddress);
    const closed = () => {
      shaking.delete(socket);
      traffic.end();
    };
    const forget = () => {
      shaking.delete(socket);
      socket.off("close", closed);
    };
    shaking.set(socket, forget);
    socket.on("close", closed);
    return (webSocket) => {
      forget();
      if (!adapter.isAttached) return;
      traffic.connected();
      new Watched(webSocket, traffic);
      watched.set(webSocket, { traffic, release: interpose(webSocket, Watched.layerOf) });
    };
  }

  const { handleUpgrade } = server;
  const upgrade = patch(
    server,
    "handleUpgrade",
    function (this: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer, done: Done): void {
      let opened: ((webSocket: WebSocket) => void) | undefined;
      try {
        opened = begin(request, socket);
      } catch {
        adapter.failures++;
      }
      handleUpgrade.call(this, request, socket, head, (webSocket, upgraded) => {
        try {
          opened?.(webSocket);
        } catch {
          adapter.failures++;
        }
        done(webSocket, upgraded);
      });
    },
  );

  return {
    reject(webSocket, reason) {
      if (adapter.isAttached && watched.get(webSocket)?.traffic.reject(reason)) return true;
      adapter.lateRejections++;
      return false;
    },
    counters: () => adapter.counters(),
    detach() {
      adapter.isAttached = false;
      unpatchAll(server, [upgrade]);
      for (const { release } of watched.values()) release();
      watched.clear();
      for (const forget of shaking.values()) forget();
    },
  };
}

/** What a type may stand in, and a payload begins with. A Blob tells nothing at once. */
function beginningOf(data: unknown): WsMessage {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  const first = Array.isArray(data) ? (data as Buffer[])[0] : (data as RawData | string | ArrayBufferView | number);
  if (first instanceof Uint8Array || first instanceof ArrayBuffer) return first;
  if (ArrayBuffer.isView(first)) return new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
  return typeof first === "number" ? String(first) : "";
}
