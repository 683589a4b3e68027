/** Records what Moddable's `websocket` Server does, the one with callbacks. Imports nothing of the SDK's. */

import {
  Adapter,
  type AdapterOptions,
  type Patch,
  patch,
  type Recording,
  type Serving,
  type Traffic,
  unpatchAll,
} from "./adapter.ts";

export type { Reason } from "../ring/reason.ts";
export type {
  AdapterCounters,
  AdapterOptions,
  Hearing,
  Instrumented,
  MessageTypeOf,
  Recording,
  Serving,
} from "./adapter.ts";

/** Text, or binary. */
export type ServerMessage = string | ArrayBuffer;

// biome-ignore lint/suspicious/noExplicitAny: the SDK's own declaration, which says no more of `this` and `value`
export type ServerCallback = (this: any, message: number, value?: any) => any;

/** A connection of the server's: `this` of its callback. */
export interface ServerConnection {
  write(message: ServerMessage): void;
  close(): void;
  callback: ServerCallback;
  readonly socket?: { get(name: string): unknown } | undefined;
}

export interface CallbackServer {
  callback: ServerCallback;
}

// What the server calls its callback with.
const CONNECT = 1;
const HANDSHAKE = 2;
const RECEIVE = 3;
const DISCONNECT = 4;

const LEAST_CROWD = 16;

// Kept with each connection: on a device they lie in flash.
const CALLBACK = "callback";
const WRITE = "write";
const CLOSE = "close";
const DETACH = "detach";

interface Watched {
  readonly connection: WeakRef<ServerConnection>;
  readonly patches: readonly Patch[];
  readonly traffic: Traffic<ServerMessage>;
}

/** What stands in front of a connection's `write`. */
function writing(write: ServerConnection["write"], traffic: Traffic<ServerMessage>) {
  return function (this: ServerConnection, message: ServerMessage): unknown {
    const result: unknown = write.call(this, message);
    traffic.sent(message);
    return result;
  };
}

/**
 * Records the connections that `server` accepts from now on, whether its callback is set before or later. Messages are recorded when
 * the callback is called with them, and when `write` has taken them. A connection that is given a callback of its own leaves the
 * record with its next message. Allocates for the server and for each connection; for a message nothing, if the emitter is that in C, or
 * `messageType` gives tokens.
 * Throws TypeError if `server` is no object.
 */
export function instrument(
  server: CallbackServer,
  telemetry: Recording,
  options: AdapterOptions<ServerMessage, ServerConnection> = {},
): Serving<ServerConnection> {
  const adapter = new Adapter<ServerMessage, ServerConnection>(telemetry, options);
  const traffics = new WeakMap<ServerConnection, Traffic<ServerMessage>>();
  // A client whose handshake makes the server throw is never told of again: such a one must not be kept.
  let watched: Watched[] = [];
  let crowd = LEAST_CROWD; // when there are so many, those that are gone are looked for

  /** A new connection: from here on each call that concerns it is seen. `wrapped`: what it would call is `handler`. */
  function watch(connection: ServerConnection, wrapped: ServerCallback, handler: ServerCallback): void {
    const traffic = adapter.connect(connection, connection.socket?.get("REMOTE_IP"));
    traffics.set(connection, traffic);

    if (connection.callback === wrapped) connection.callback = handler;
    const next = connection.callback; // of another adapter, perhaps
    const callback: ServerCallback = function (this: unknown, message, value) {
      if (message === RECEIVE) {
        traffic.begin(value);
        try {
          return next.call(this, message, value);
        } finally {
          traffic.settle();
        }
      }
      if (message === HANDSHAKE) traffic.connected();
      else if (message === DISCONNECT) end(value);
      return next.call(this, message, value);
    };
    const { write, close, detach } = connection as ServerConnection & { detach?(): unknown };
    const relay = traffic.relay(next, write, callback);
    const patches = [
      patch(connection, CALLBACK, relay ? relay[0] : callback),
      patch(connection, WRITE, relay ? relay[1] : writing(write, traffic)),
      patch(connection, CLOSE, function (this: ServerConnection): unknown {
        end();
        return close.call(this);
      }),
    ];
    // The socket goes elsewhere: for this server the connection is over.
    if (detach)
      patches.push(
        patch(connection, DETACH, function (this: ServerConnection): unknown {
          end();
          return detach.call(this);
        }),
      );
    const entry: Watched = { connection: new WeakRef(connection), patches, traffic };
    if (watched.length >= crowd) {
      watched = watched.filter((known) => known.connection.deref() !== undefined);
      crowd = Math.max(LEAST_CROWD, 2 * watched.length);
    }
    watched.push(entry);

    /** `value`: the SDK's server gives none today. */
    function end(value?: unknown): void {
      traffic.end(value);
      const index = watched.indexOf(entry);
      if (index >= 0) watched.splice(index, 1);
    }
  }

  // The server reads its callback when a client comes, and keeps what it read for that client.
  const before = Object.getOwnPropertyDescriptor(server, CALLBACK);
  let callback = server.callback; // if no accessor is beneath
  let isSet = before !== undefined;
  let wrapped: ServerCallback | undefined;
  const handlers = new WeakMap<ServerCallback, ServerCallback>(); // what was wrapped
  const read = (): ServerCallback => {
    const current: ServerCallback = before?.get ? before.get.call(server) : callback;
    if (!adapter.isAttached) restore(); // what was above this adapter's has gone
    if (!adapter.isAttached || typeof current !== "function") return current;
    if (wrapped === undefined || handlers.get(wrapped) !== current) {
      const wrapper: ServerCallback = function (this: ServerConnection, message, value) {
        // An application may put a callback before the one that it has read here: then this is called for a known connection.
        if (message !== CONNECT || !adapter.isAttached || traffics.has(this)) return current.call(this, message, value);
        try {
          watch(this, wrapper, current);
        } catch {
          adapter.failures++;
        }
        return current.call(this, message, value);
      };
      handlers.set(wrapper, current);
      wrapped = wrapper;
    }
    return wrapped;
  };
  const write = (value: ServerCallback): void => {
    const given = handlers.get(value) ?? value; // what was read here is put back as what it was
    if (before?.set) before.set.call(server, given);
    else callback = given;
    isSet = true;
  };
  Object.defineProperty(server, CALLBACK, { get: read, set: write, configurable: true, enumerable: true });

  /** The server's property as it would be without, unless somebody else has put something in its place since. */
  function restore(): void {
    if (Object.getOwnPropertyDescriptor(server, CALLBACK)?.get !== read) return;
    if (before?.get) {
      Object.defineProperty(server, CALLBACK, before);
      void server.callback; // if that is of an adapter that is off, it goes too
    } else {
      delete (server as Partial<CallbackServer>).callback;
      if (isSet) server.callback = callback;
    }
  }

  return {
    reject(connection, reason) {
      const traffic = adapter.isAttached ? traffics.get(connection) : undefined;
      if (traffic?.reject(reason)) return true;
      adapter.lateRejections++;
      return false;
    },
    serve(connection, listeners) {
      try {
        const index = watched.findIndex((known) => known.connection.deref() === connection);
        if (index >= 0) {
          const { traffic, patches } = watched.splice(index, 1)[0]!;
          traffic.end();
          unpatchAll(connection, patches);
        }
        const listener = listeners.accept({
          send: (message) => connection.write(message),
          close: () => connection.close(),
        });
        connection.callback = (message, value) => {
          if (message === RECEIVE) listener.heard(typeof value === "string" ? value : undefined);
          else if (message === DISCONNECT) listener.gone();
        };
      } catch {
        adapter.failures++;
      }
    },
    counters: () => adapter.counters(),
    detach() {
      if (!adapter.isAttached) return;
      adapter.isAttached = false;
      watched.forEach(({ connection, patches, traffic }) => {
        traffic.stop();
        const known = connection.deref();
        if (known) unpatchAll(known, patches);
      });
      watched = [];
      restore();
    },
  };
}
