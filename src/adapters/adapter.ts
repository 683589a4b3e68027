/** What all adapters share: they report to a Telemetry what a WebSocket server does, and never disturb the server. */

import { rememberTexts } from "#type-search";
import type { Listeners } from "../drain/listeners.ts";
import type { Connection, Payload, Relay, Relaying, Token } from "../ring/api.ts";
import type { Reason } from "../ring/reason.ts";
import type { Telemetry } from "../telemetry.ts";

/** What an adapter needs of a Telemetry. */
export type Recording = Pick<Telemetry, "connect" | "messageType">;

const RECEIVED = "msg.recv";
const SENT = "msg.send";

/** Returns the type of a message: a token of Telemetry.messageType(), or a name; "" if it has none. */
export type MessageTypeOf<Message> = (message: Message, event: typeof RECEIVED | typeof SENT) => Token | string;

export interface AdapterOptions<Message, Peer> {
  /**
   * A function, or one token for all messages. Default: the JSON `type`, else `method`, within the bounds of
   * docs/adapters.md.
   */
  readonly messageType?: Token | MessageTypeOf<Message>;
  /** Returns the id of the client that asks for a connection. Default: 1, 2, 3 … in order of arrival. */
  readonly clientId?: (peer: Peer) => number;
  /** Whether messages are recorded with their payloads, as far as the Telemetry's policies allow. Default false. */
  readonly payloads?: boolean;
}

export interface AdapterCounters {
  /** How often the adapter, or a function among its options, threw. The server did not notice. */
  readonly failures: number;
  /** Calls of reject() without a message being handled: it had already been answered, or its handler had returned. */
  readonly lateRejections: number;
}

/** A server whose connections are recorded. */
export interface Instrumented<Socket> {
  /**
   * Marks the message that is being handled as rejected, with the reason. The handler itself must call it before it
   * answers: a message is recorded when it is answered, when its handler returns, or here. Returns false, and counts
   * the call, if no message is being handled. Never throws.
   */
  reject(socket: Socket, reason: Reason): boolean;
  counters(): AdapterCounters;
  /**
   * Removes the adapter: the server and each connection behave as they would without it. Detaching twice does nothing.
   */
  detach(): void;
}

/** A recorded server whose clients may also listen to the telemetry itself. */
export interface Serving<Socket> extends Instrumented<Socket> {
  /**
   * Hands a connection over to `listeners`, a Listeners of xs-telemetry/listeners, after its client has asked for the
   * subprotocol. The record of this connection ends here. Call it from the code that is told of the connection, and do
   * nothing more with that connection. Never throws.
   */
  serve(socket: Socket, listeners: Hearing): void;
}

/** The part of Listeners that is used. */
export type Hearing = Pick<Listeners, "accept">;

/** What a connection of the emitter in C may offer; privacy stands before some of it. */
type Offered = Connection & Partial<Relaying>;

/** One byte longer than a type may be: the table refuses it, and counts that there was one. */
const GIVEN_UP = "a type that was not found, for there was more of the message left";

/** Messages received, or sent. */
interface Way<Message> {
  readonly typeOf: MessageTypeOf<Message>;
  /** The last type that the table of tokens had, and its token. */
  name: string;
  token: Token;
}

/** Returns the token of a message's type. `tokenOf` is asked for types that are not remembered. */
type Remember = (tokenOf: (type: string | undefined) => Token) => (message: unknown) => Token;

/** State of one server: its options, and what went wrong. */
export class Adapter<Message, Peer> {
  readonly payloads: boolean;
  /** Valid for all messages. */
  readonly fixedToken: Token | undefined;
  /** Whether the content of a message matters. */
  readonly isAsking: boolean;
  isAttached = true;
  failures = 0;
  lateRejections = 0;
  readonly #telemetry: Recording;
  readonly #clientId: ((peer: Peer) => number) | undefined;
  /** Types are found by the default rule, */
  readonly #isSearching: boolean;
  /** and connections may find them. */
  #isInC = false;
  // Messages of one type come in runs, and their answers have another type.
  readonly #received: Way<Message>;
  readonly #sent: Way<Message>;
  #clients = 0;

  /** `remember`: makes a function that finds types, if nobody else does. */
  constructor(telemetry: Recording, options: AdapterOptions<Message, Peer>, remember: Remember = rememberTexts) {
    const { messageType, clientId, payloads = false } = options;
    this.#telemetry = telemetry;
    this.fixedToken = typeof messageType === "number" ? messageType : undefined;
    this.#isSearching = messageType === undefined;
    const typeOf =
      typeof messageType === "function" ? messageType : remember((type) => telemetry.messageType(type ?? GIVEN_UP));
    this.#received = { typeOf, name: "", token: 0 };
    this.#sent = { typeOf, name: "", token: 0 };
    this.#clientId = clientId;
    this.payloads = payloads;
    this.isAsking = payloads || this.fixedToken === undefined;
  }

  /** Records ws.connect. Never throws. A connection that cannot be recorded gets a Traffic that does nothing. */
  connect(peer: Peer, address: unknown): Traffic<Message> {
    let connection: Connection | undefined;
    let id = ++this.#clients;
    try {
      if (this.#clientId) id = this.#clientId(peer);
    } catch {
      this.failures++;
    }
    try {
      connection = this.#telemetry.connect(id, address as string);
      this.#isInC = this.#isSearching && typeof (connection as Offered).typeOf === "function";
    } catch {
      this.failures++;
    }
    return new Traffic(this as Adapter<Message, unknown>, connection);
  }

  /** Returns the token of a message's type, where messages have different ones. Never throws. */
  tokenOf(message: Message, event: typeof RECEIVED | typeof SENT, connection: Offered | undefined): Token {
    try {
      if (this.#isInC) {
        const token = connection?.typeOf?.(message);
        if (token !== undefined) return token;
      }
      const way = event === RECEIVED ? this.#received : this.#sent;
      const type = way.typeOf(message, event);
      if (typeof type === "number") return type;
      if (type === way.name) return way.token;
      if (type === "") return 0;
      const token = this.#telemetry.messageType(type);
      // A type that no table has is counted each time.
      if (token > 0) {
        way.name = type;
        way.token = token;
      }
      return token;
    } catch {
      this.failures++;
      return 0;
    }
  }

  /**
   * As Relaying.relay() of a connection. Undefined if the connection has none, or if functions among the options must
   * be asked. Never throws.
   */
  relay(connection: Offered | undefined, next: unknown, write: unknown, other: unknown): Relay | undefined {
    if (typeof next !== "function" || typeof write !== "function") return undefined;
    if (!this.#isSearching && this.fixedToken === undefined) return undefined;
    try {
      return connection?.relay?.(next, write, other, this.fixedToken, this.payloads);
    } catch {
      this.failures++;
      return undefined;
    }
  }

  counters(): AdapterCounters {
    return { failures: this.failures, lateRejections: this.lateRejections };
  }
}

/** What one connection does. No call throws, and none allocates by itself on XS. */
export class Traffic<Message> {
  readonly #adapter: Adapter<Message, unknown>;
  readonly #connection: Offered | undefined;
  /** Replaces it for messages. */
  #relay: Relay | undefined;
  /** A message is being handled, and is not recorded yet. */
  #isPending = false;
  #token: Token = 0;
  #payload: unknown;
  #hasEnded = false;

  constructor(adapter: Adapter<Message, unknown>, connection: Offered | undefined) {
    this.#adapter = adapter;
    this.#connection = connection;
  }

  /**
   * Returns the functions of a relay, which then sees messages instead of this object; undefined if there can be none.
   */
  relay(next: unknown, write: unknown, other: unknown): Relay | undefined {
    this.#relay = this.#adapter.relay(this.#connection, next, write, other);
    return this.#relay;
  }

  /** Records ws.connected. */
  connected(): void {
    try {
      if (this.#adapter.isAttached) this.#connection?.connected();
    } catch {
      this.#adapter.failures++;
    }
  }

  /** A message has arrived and is about to be handled; undefined if its content is not known yet. */
  begin(message: Message | undefined): void {
    if (this.#isPending) this.settle();
    const adapter = this.#adapter;
    if (!adapter.isAttached || this.#hasEnded) return;
    this.#isPending = true;
    this.#token = adapter.fixedToken ?? 0;
    if (adapter.isAsking && message !== undefined) this.identify(message);
  }

  /** The content of the message that is being handled. */
  identify(message: Message): void {
    if (!this.#isPending) return;
    const adapter = this.#adapter;
    this.#token = adapter.fixedToken ?? adapter.tokenOf(message, RECEIVED, this.#connection);
    if (adapter.payloads) this.#payload = message;
  }

  /** Records msg.recv, result ok, for the message that is being handled, unless it is recorded already. */
  settle(): void {
    if (!this.#isPending) return;
    this.#isPending = false;
    const payload = this.#payload;
    this.#payload = undefined;
    try {
      if (this.#adapter.isAttached) this.#connection?.received(this.#token, payload as Payload);
    } catch {
      this.#adapter.failures++;
    }
  }

  /** Records msg.recv, result rejected. Returns false if no message is being handled. */
  reject(reason: Reason): boolean {
    if (this.#relay) return this.#relay.reject(reason);
    if (!this.#isPending) return false;
    this.#isPending = false;
    const payload = this.#payload;
    this.#payload = undefined;
    try {
      if (this.#adapter.isAttached) this.#connection?.rejected(reason, this.#token, payload as Payload);
    } catch {
      this.#adapter.failures++;
    }
    return true;
  }

  /**
   * Records msg.send, and before it msg.recv, result ok, for the message that is being handled, unless it is recorded
   * already.
   */
  sent(message: Message): void {
    const adapter = this.#adapter;
    if (adapter.payloads && this.#isPending) this.settle();
    const isAnswer = this.#isPending;
    this.#isPending = false;
    if (!adapter.isAttached || this.#hasEnded) return;
    const token = adapter.fixedToken ?? adapter.tokenOf(message, SENT, this.#connection);
    try {
      if (isAnswer) this.#connection?.answered(this.#token, token);
      else this.#connection?.sent(token, adapter.payloads ? (message as Payload) : undefined);
    } catch {
      adapter.failures++;
    }
  }

  /** The adapter is removed, or the connection has ended: its relay records nothing more. */
  stop(): void {
    this.#relay?.stop();
  }

  /**
   * Records ws.disconnect, once. Anything that follows is not recorded. `closeCode`: as the server reports it; not a
   * number if it does not.
   */
  end(closeCode?: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#isPending) this.settle();
    this.#relay?.settle();
    this.stop();
    try {
      if (this.#adapter.isAttached)
        this.#connection?.disconnected(typeof closeCode === "number" ? closeCode : undefined);
    } catch {
      this.#adapter.failures++;
    }
  }
}

/** `beneath`: what the patch covered, to be restored when the patch is removed; null if that was not a property. */
export type Method = ((this: never, ...args: never[]) => unknown) & { beneath?: PropertyDescriptor | null };

/** Makes a method that replaces another one. Does not keep the object. */
export interface Patch {
  readonly name: string;
  readonly method: Method;
  readonly before: PropertyDescriptor | undefined;
}

/** Gives an object a method of its own, even if its prototype is frozen. Throws if the object cannot be changed. */
export function patch(object: object, name: string, method: Method): Patch {
  const before = Object.getOwnPropertyDescriptor(object, name);
  const enumerable = before?.enumerable === true;
  Object.defineProperty(object, name, { value: method, configurable: true, enumerable, writable: true });
  return { name, method, before };
}

/**
 * Restores what was there before. If somebody else has replaced the method since, theirs stays; if theirs is a patch,
 * too, it restores what was there before both.
 */
export function unpatchAll(object: object, patches: readonly Patch[]): void {
  patches.forEach(({ name, method, before }) => {
    method.beneath = before ?? null;
    if (Object.getOwnPropertyDescriptor(object, name)?.value !== method) return;
    let beneath: PropertyDescriptor | null | undefined = before;
    while (beneath?.value?.beneath !== undefined) beneath = (beneath.value as Method).beneath;
    if (beneath) Object.defineProperty(object, name, beneath);
    else delete (object as Record<string, unknown>)[name];
  });
}
