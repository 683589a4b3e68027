/**
 * Records what WebSocket connections of ECMA-419's HTTP server do. Imports nothing of the SDK: its class is injected as
 * `io`.
 */

import { byteLengthOf, bytesOf } from "../ring/bytes.ts";
import {
  Adapter,
  type AdapterOptions,
  type Instrumented,
  type Patch,
  patch,
  type Recording,
  type Traffic,
  unpatchAll,
} from "./adapter.ts";

export type { AdapterCounters, AdapterOptions, Instrumented, MessageTypeOf, Recording } from "./adapter.ts";

/** A message, or the beginning of one that is read or written in pieces. */
export type PieceOfMessage = ArrayBuffer | Uint8Array;

/** The socket that `detach()` of an HTTP connection returns. */
export interface DetachedSocket {
  readonly remoteAddress?: string | undefined;
}

type Control = (this: object, opcode: number, data?: ArrayBuffer) => void;
type Readable = (this: object, count: number, options: { more: boolean; binary: boolean }) => void;

/**
 * The part of `embedded:network/websocket/client` that is used. With `attach` it is the server's end of a connection.
 */
export interface WebSocketIO {
  close(): void;
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's class and its declaration differ in what they take
  write(data: any, options?: any): number;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  read(...parameters: any[]): any;
}

// biome-ignore lint/suspicious/noExplicitAny: so must the parameter of a class that is extended be
export type WebSocketClass<IO extends WebSocketIO> = new (...parameters: any[]) => IO;

/** A route of the HTTP server: a copy of `embedded:network/http/server/options/websocket`, with the application's `onDone`. */
export interface UpgradeRoute {
  // biome-ignore lint/suspicious/noExplicitAny: `this` is the HTTP server's connection
  onRequest?: ((this: any, request: any) => void) | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  onDone?: ((this: any) => void) | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  onError?: ((this: any, error?: any) => void) | undefined;
}

export interface Upgrade<Class> {
  /** The class of the connections, `embedded:network/websocket/client`. */
  readonly io: Class;
  /** If given, failed handshakes are recorded, too: as a connect and a disconnect without an address. */
  readonly route?: UpgradeRoute;
}

export interface InstrumentedUpgrade<Class extends WebSocketClass<WebSocketIO>>
  extends Instrumented<InstanceType<Class>> {
  /** Use it in place of `io`: it is a subclass, and records its instances that are made with `attach`. */
  readonly io: Class;
}

/** The opcode of each control frame has this bit. A close frame has no other. */
const CONTROL = 8;
const CLOSE = 8;

/** Returns the code in a close frame; undefined if it has none. */
function closeCodeOf(data: unknown): number | undefined {
  const bytes = bytesOf(data);
  return bytes && byteLengthOf(bytes) >= 2 ? (bytes[0]! << 8) | bytes[1]! : undefined;
}

/**
 * Records the WebSocket connections that an ECMA-419 HTTP server hands over. An instance of `io` is recorded from its
 * construction (connect and handshake) to its close(). An incoming message is recorded when `onReadable` has been
 * called with its last piece; its type is looked for in what onReadable read first. An outgoing message is recorded
 * with its first piece. Control frames are not messages. Allocates for the server and for each connection; nothing for
 * a message, if `messageType` is a token.
 */
export function instrument<Class extends WebSocketClass<WebSocketIO>>(
  { io, route }: Upgrade<Class>,
  telemetry: Recording,
  options: AdapterOptions<PieceOfMessage, DetachedSocket> = {},
): InstrumentedUpgrade<Class> {
  const adapter = new Adapter<PieceOfMessage, DetachedSocket>(telemetry, options);
  const traffics = new WeakMap<object, Traffic<PieceOfMessage>>();
  let attached = 0;

  class Recorded extends io {
    /** Undefined in the end of a client. */
    readonly #traffic: Traffic<PieceOfMessage> | undefined;
    #isReading = false; // onReadable is running, and has read nothing of the message yet
    #isWriting = false; // in pieces
    /** The code in the peer's close frame; if it sent none, the code in ours. */
    #closeCode: number | undefined;
    #hasPeerClosed = false;

    // biome-ignore lint/suspicious/noExplicitAny: so must it be
    constructor(...parameters: any[]) {
      const given = parameters[0] as { attach?: DetachedSocket; onReadable?: Readable; onControl?: Control };
      const socket = given?.attach;
      if (!socket || !adapter.isAttached) {
        super(...parameters);
        return;
      }
      // Before super(), which takes over the socket.
      let address: unknown;
      try {
        address = socket.remoteAddress;
      } catch {
        adapter.failures++;
      }
      const traffic = adapter.connect(socket, address);
      attached++;
      const { onReadable, onControl } = given;
      let isBegun = false;
      const watchReadable: Readable = function (this: object, count, details) {
        const recorded = this as Recorded;
        if (!isBegun) traffic.begin(undefined);
        recorded.#isReading = !isBegun && adapter.isAsking;
        isBegun = details?.more === true;
        try {
          return onReadable?.call(this, count, details);
        } finally {
          recorded.#isReading = false;
          if (!isBegun) traffic.settle();
        }
      };
      const watchControl: Control = function (this: object, opcode, data) {
        if (opcode === CLOSE) {
          const recorded = this as Recorded;
          recorded.#hasPeerClosed = true;
          recorded.#closeCode = closeCodeOf(data);
        }
        onControl?.call(this, opcode, data);
      };
      try {
        super(
          Object.create(given, {
            onReadable: { value: watchReadable, enumerable: true },
            onControl: { value: watchControl, enumerable: true },
          }),
        );
      } catch (error) {
        traffic.end();
        throw error;
      }
      this.#traffic = traffic;
      traffics.set(this, traffic);
      traffic.connected();
    }

    // biome-ignore lint/suspicious/noExplicitAny: as in WebSocketIO
    override read(...parameters: any[]): any {
      const result = super.read(...parameters);
      if (this.#isReading) {
        this.#isReading = false;
        const into = parameters[0];
        const bytes = result ?? 0; // nothing was read, as with an empty message
        const read = bytesOf(into);
        if (result instanceof ArrayBuffer) this.#traffic!.identify(result);
        else if (read) this.#traffic!.identify(read.subarray(0, bytes));
      }
      return result;
    }

    // biome-ignore lint/suspicious/noExplicitAny: as in WebSocketIO
    override write(data: any, details?: any): number {
      const result = super.write(data, details);
      const opcode = details?.opcode;
      if (opcode === CLOSE && this.#traffic && !this.#hasPeerClosed) this.#closeCode = closeCodeOf(data);
      if (this.#traffic && !(opcode >= CONTROL)) {
        if (!this.#isWriting) this.#traffic.sent(data);
        this.#isWriting = opcode === undefined && details?.more === true;
      }
      return result;
    }

    override close(): void {
      // The class may close an object that it failed to construct.
      if (#traffic in this) this.#traffic?.end(this.#closeCode);
      super.close();
    }
  }

  const patches: Patch[] = [];
  if (route) watchRoute(route);

  /** Handshakes that lead to no connection. */
  function watchRoute(target: UpgradeRoute): void {
    const asking = new WeakSet<object>();
    const { onRequest, onDone, onError } = target;
    const failed = (connection: object) => {
      if (asking.delete(connection) && adapter.isAttached) adapter.connect({}, undefined).end();
    };
    patches.push(
      patch(target, "onRequest", function (this: object, request: unknown): void {
        asking.add(this);
        onRequest?.call(this, request);
      }),
      patch(target, "onDone", function (this: object): void {
        const before = attached;
        try {
          onDone?.call(this);
        } finally {
          if (attached > before) asking.delete(this);
          else failed(this);
        }
      }),
      patch(target, "onError", function (this: object, error: unknown): void {
        failed(this);
        onError?.call(this, error);
      }),
    );
  }

  return {
    io: Recorded as unknown as Class,
    reject(connection, reason) {
      if (adapter.isAttached && traffics.get(connection)?.reject(reason)) return true;
      adapter.lateRejections++;
      return false;
    },
    counters: () => adapter.counters(),
    detach() {
      adapter.isAttached = false;
      if (route) unpatchAll(route, patches);
    },
  };
}
