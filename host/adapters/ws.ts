/** `xs-telemetry/ws`: records what a WebSocketServer of the package `ws` does. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import {
  Adapter,
  type AdapterOptions,
  patch,
  type Recording,
  type Serving,
  type Traffic,
  unpatchAll,
} from "../../src/adapters/adapter.ts";
import { plainAddress } from "../text/address.ts";
import { Given, interpose, layers } from "./interpose.ts";
import { rememberTypes } from "./remembered-types.ts";

export type {
  AdapterCounters,
  AdapterOptions,
  Hearing,
  Instrumented,
  MessageTypeOf,
  Recording,
  Serving,
} from "../../src/adapters/adapter.ts";

/** A message, or its beginning: received text is bytes, as `ws` provides it. */
export type WsMessage = string | Uint8Array | ArrayBuffer;

const OPEN = 1;
/** The most bytes that may wait for a listener that does not read. */
const MOST_WAITING_BYTES = 131_072;
/** Number of message types that are found by comparison; a message with another type is searched. */
const REMEMBERED = 16;

type Done = (socket: WebSocket, request: IncomingMessage, ...more: unknown[]) => void;

/** A client that has asked for an upgrade, and has not completed its handshake. */
interface Handshake {
  /** The handshake is complete. */
  opened(webSocket: WebSocket): void;
  /** Nobody wants to hear of it any more. */
  forget(): void;
}

/**
 * Records the connections that ask `server` for an upgrade from now on, also through `noServer` and `handleUpgrade`. A
 * failed handshake is a connect and a disconnect. Incoming messages are recorded when their listeners are called,
 * outgoing ones when `send` has taken them; a message in fragments with its first fragment. Throws TypeError if
 * `server` is not an object.
 */
export function instrument(
  server: WebSocketServer,
  telemetry: Recording,
  options: AdapterOptions<WsMessage, IncomingMessage> = {},
): Serving<WebSocket> {
  const adapter = new Adapter<WsMessage, IncomingMessage>(telemetry, options, (tokenOf) =>
    rememberTypes(REMEMBERED, tokenOf),
  );
  const shaking = new Map<Duplex, Handshake>();
  /** Sockets that have shaken hands: a server upgrades none of them twice. */
  const shaken = new WeakSet<Duplex>();
  /** For each recorded WebSocket, until its socket is closed: the function that removes the adapter from it. */
  const releases = new Map<Duplex, () => void>();
  const { isAsking } = adapter;

  /**
   * State of a recorded WebSocket. Its methods belong to one object for all sockets, not to each socket: V8 inlines
   * them into their callers, and those of `ws` into them. They may be called with another `this`, such as a proxy of
   * the socket, which has no fields.
   */
  class Watched extends Given {
    readonly #traffic: Traffic<WsMessage>;
    /** More of the message that is being sent follows. */
    #isFragmented = false;

    constructor(webSocket: WebSocket, traffic: Traffic<WsMessage>) {
      super(webSocket);
      this.#traffic = traffic;
    }

    static readonly layerOf = layers(() => ({
      emit(this: WebSocket & Watched, ...args: [name: string, ...unknown[]]): boolean {
        if (args[0] === "message") {
          const traffic = Watched.trafficOf(this);
          if (traffic === undefined) return super.emit(...args);
          traffic.begin(isAsking ? beginningOf(args[1]) : undefined);
          try {
            return super.emit(...args);
          } finally {
            traffic.settle();
          }
        }
        if (args[0] === "close") Watched.trafficOf(this)?.end(args[1]);
        return super.emit(...args);
      },
      send(this: WebSocket & Watched, ...args: [data: unknown, options?: unknown]): unknown {
        const isOpen = this.readyState === OPEN;
        const result: unknown = super.send(...args); // a promise, if a subclass makes one
        const traffic = isOpen ? Watched.trafficOf(this) : undefined; // otherwise only the callback learns of it
        if (traffic !== undefined) {
          const isFirst = !this.#isFragmented;
          this.#isFragmented = args[1] !== undefined && isFragment(args[1]);
          if (isFirst) traffic.sent(isAsking ? beginningOf(args[0]) : "");
        }
        return result;
      },
    }));

    /** Returns what is known of a WebSocket, if it is a recorded one. */
    static trafficOf(webSocket: WebSocket): Traffic<WsMessage> | undefined {
      return #traffic in webSocket ? (webSocket as WebSocket & Watched).#traffic : undefined;
    }
  }

  /** An upgrade is requested. Returns the handshake, unless there is nothing to wait for. */
  function begin(request: IncomingMessage, socket: Duplex): Handshake | undefined {
    if (!adapter.isAttached || shaken.has(socket)) return undefined; // a second time: the server throws
    const known = shaking.get(socket); // the server threw the first time
    if (known) return known;
    const { remoteAddress } = request.socket;
    const traffic = adapter.connect(request, remoteAddress && plainAddress(remoteAddress));
    // The client left while its application was deciding, and nobody will be told any more.
    if (socket.closed) {
      traffic.end();
      return undefined;
    }
    const closed = () => {
      shaking.delete(socket);
      // Otherwise the WebSocket reports it; it may have messages left.
      if (!releases.delete(socket)) traffic.end();
    };
    socket.on("close", closed);
    const handshake: Handshake = {
      opened(webSocket) {
        shaking.delete(socket);
        shaken.add(socket);
        if (!adapter.isAttached) return;
        traffic.connected();
        new Watched(webSocket, traffic);
        const release = interpose(webSocket, Watched.layerOf);
        releases.set(socket, () => {
          socket.off("close", closed);
          release();
        });
      },
      forget: () => socket.off("close", closed),
    };
    shaking.set(socket, handshake);
    return handshake;
  }

  /** Never throws: errors are counted. */
  function attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      adapter.failures++;
      return undefined;
    }
  }

  const { handleUpgrade } = server;
  const upgrade = patch(
    server,
    "handleUpgrade",
    function (
      this: WebSocketServer,
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      done: Done,
      ...more: unknown[]
    ): unknown {
      const handshake = attempt(() => begin(request, socket));
      const opened: Done = (webSocket, ...rest) => {
        attempt(() => handshake?.opened(webSocket));
        done(webSocket, ...rest);
      };
      return (handleUpgrade as (...args: unknown[]) => unknown).call(this, request, socket, head, opened, ...more);
    },
  );

  return {
    reject(webSocket, reason) {
      if (adapter.isAttached && attempt(() => Watched.trafficOf(webSocket))?.reject(reason)) return true;
      adapter.lateRejections++;
      return false;
    },
    serve(webSocket, listeners) {
      attempt(() => {
        Watched.trafficOf(webSocket)?.end();
        const listener = listeners.accept({
          send(message) {
            if (webSocket.bufferedAmount > MOST_WAITING_BYTES) throw new Error("it does not read");
            webSocket.send(message);
          },
          close: () => webSocket.close(),
        });
        webSocket.on("message", (data, isBinary) => listener.heard(isBinary ? undefined : String(data)));
        webSocket.on("close", () => listener.gone());
        webSocket.on("error", () => {}); // "close" follows
      });
    },
    counters: () => adapter.counters(),
    detach() {
      adapter.isAttached = false;
      unpatchAll(server, [upgrade]);
      for (const release of releases.values()) attempt(release);
      releases.clear();
      for (const { forget } of shaking.values()) attempt(forget);
      shaking.clear();
    },
  };

  /** What a type may be in, and a payload begins with. A Blob reveals nothing synchronously. */
  function beginningOf(data: unknown): WsMessage {
    if (typeof data === "string" || data instanceof Uint8Array) return data;
    return attempt(() => bytesOf(data)) ?? "";
  }
}

/**
 * For what `ws` takes or gives besides strings and Buffers: a list of Buffers, a view, numbers. Throws for views of
 * detached buffers.
 */
function bytesOf(data: unknown): WsMessage {
  if (data instanceof ArrayBuffer) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (typeof data === "number") return String(data);
  if (!Array.isArray(data)) return "";
  const [first] = data as unknown[];
  return typeof first === "number" ? Buffer.from(data as number[]) : bytesOf(first);
}

/** Whether `send`, with these options, sends a part of a message that others follow: as `ws` reads the options. */
function isFragment(options: unknown): boolean {
  if (typeof options !== "object" || options === null || !("fin" in options)) return false;
  return !options.fin && Object.hasOwn(options, "fin");
}
