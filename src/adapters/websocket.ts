/** Records what Moddable's callback `websocket` Server does. Imports nothing of the SDK. */

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

/** A connection of the server: `this` of its callback. */
export interface ServerConnection {
  write(message: ServerMessage): void;
  close(): void;
  callback: ServerCallback;
  readonly socket?: { get(name: string): unknown } | undefined;
}

export interface CallbackServer {
  callback: ServerCallback;
}

// The messages with which the server calls its callback.
const CONNECT = 1;
const HANDSHAKE = 2;
const RECEIVE = 3;
const DISCONNECT = 4;

const LEAST_CROWD = 16;

// Kept with each connection: on a device these are in flash.
const CALLBACK = "callback";
const WRITE = "write";
const CLOSE = "close";
const DETACH = "detach";

interface Watched {
  readonly connection: WeakRef<ServerConnection>;
  readonly patches: readonly Patch[];
  readonly traffic: Traffic<ServerMessage>;
}

/** What covers the `write` of a connection. */
function writing(write: ServerConnection["write"], traffic: Traffic<ServerMessage>) {
  return function (this: ServerConnection, message: ServerMessage): unknown {
    const result: unknown = write.call(this, message);
    traffic.sent(message);
    return result;
  };
}

/**
 * Records the connections that `server` accepts from now on, whether its callback is set before or after this call. An
 * incoming message is recorded when the callback is called with it, an outgoing one when `write` has taken it. A
 * connection that is given a callback of its own leaves the record with its next message. Allocates for the server and
 * for each connection; nothing for a message, if the emitter is the one in C, or `messageType` gives tokens. Throws
 * TypeError if `server` is not an object.
 */
export function instrument(
  server: CallbackServer,
  telemetry: Recording,
  options: AdapterOptions<ServerMessage, ServerConnection> = {},
): Serving<ServerConnection> {
  const adapter = new Adapter<ServerMessage, ServerConnection>(telemetry, options);
  const traffics = new WeakMap<ServerConnection, Traffic<ServerMessage>>();
  // The server may throw during a handshake and never mention that client again: such a connection must not be kept.
  let watched: Watched[] = [];
  let crowd = LEAST_CROWD; // at this many, connections that are gone are looked for

  /** A new connection: from here on each call on it is seen. `wrapped` calls `handler`. */
  function watch(connection: ServerConnection, wrapped: ServerCallback, handler: ServerCallback): void {
    const traffic = adapter.connect(connection, connection.socket?.get("REMOTE_IP"));
    traffics.set(connection, traffic);

    if (connection.callback === wrapped) connection.callback = handler;
    const next = connection.callback; // perhaps from another adapter
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
    // The socket goes elsewhere: for this server the connection has ended.
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

  // The server reads its callback when a client connects, and keeps it for that client.
  const before = Object.getOwnPropertyDescriptor(server, CALLBACK);
  let callback = server.callback; // unless there is an accessor beneath
  let isSet = before !== undefined;
  let wrapped: ServerCallback | undefined;
  const handlers = new WeakMap<ServerCallback, ServerCallback>(); // what this adapter wrapped
  const read = (): ServerCallback => {
    const current: ServerCallback = before?.get ? before.get.call(server) : callback;
    if (!adapter.isAttached) restore(); // what covered this adapter has gone
    if (!adapter.isAttached || typeof current !== "function") return current;
    if (wrapped === undefined || handlers.get(wrapped) !== current) {
      const wrapper: ServerCallback = function (this: ServerConnection, message, value) {
        // An application may set a callback that it has read here: then this is called for a known connection.
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
    const given = handlers.get(value) ?? value; // a callback that was read here is put back as it was
    if (before?.set) before.set.call(server, given);
    else callback = given;
    isSet = true;
  };
  Object.defineProperty(server, CALLBACK, { get: read, set: write, configurable: true, enumerable: true });

  /** The property of the server as it would be without the adapter, unless somebody else has replaced it since. */
  function restore(): void {
    if (Object.getOwnPropertyDescriptor(server, CALLBACK)?.get !== read) return;
    if (before?.get) {
      Object.defineProperty(server, CALLBACK, before);
      void server.callback; // if it belongs to a removed adapter, it goes, too
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
