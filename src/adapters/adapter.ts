/** What all adapters share: they tell a Telemetry what a WebSocket server does, and never the server. */

import { rememberTexts } from "#type-search";
import type { Listeners } from "../drain/listeners.ts";
import type { Connection, Payload, Relay, Relaying, Token } from "../ring/api.ts";
import type { Reason } from "../ring/reason.ts";
import type { Telemetry } from "../telemetry.ts";

/** What an adapter needs of a Telemetry. */
export type Recording = Pick<Telemetry, "connect" | "messageType">;

const RECEIVED = "msg.recv";
const SENT = "msg.send";

/** Says what type a message has: a token of Telemetry.messageType(), or a name, "" if it has none. */
export type MessageTypeOf<Message> = (message: Message, event: typeof RECEIVED | typeof SENT) => Token | string;

export interface AdapterOptions<Message, Peer> {
  /** A function, or one token for all messages. Default: the JSON `type`, else `method`, within the bounds of docs/adapters.md. */
  readonly messageType?: Token | MessageTypeOf<Message>;
  /** The id of the client that asks for a connection. Default: 1, 2, 3 … in their order. */
  readonly clientId?: (peer: Peer) => number;
  /** Whether messages are recorded as payloads too, as far as the Telemetry's policies let them. Default false. */
  readonly payloads?: boolean;
}

export interface AdapterCounters {
  /** Times that the adapter, or a function among its options, threw. The server was not told. */
  readonly failures: number;
  /** Calls of reject() that found no message in the making: it had been answered, or its handler had returned. */
  readonly lateRejections: number;
}

/** A server whose connections are recorded. */
export interface Instrumented<Socket> {
  /**
   * Says that the message which is being handled is rejected, and why. To be called by the handler itself, before it answers: the
   * message is recorded when it is answered, when its handler returns, or here. False, and counted, if there is none. Never throws.
   */
  reject(socket: Socket, reason: Reason): boolean;
  counters(): AdapterCounters;
  /** Takes the adapter off: the server, and each connection, is as it would be without. Detaching twice does nothing. */
  detach(): void;
}

/** One whose clients may listen to the telemetry itself. */
export interface Serving<Socket> extends Instrumented<Socket> {
  /**
   * Hands a connection over to `listeners`, a Listeners of xs-telemetry/listeners: its client has asked for the subprotocol. For the record
   * the connection ends here. To be called by what is told of the connection, which then does nothing more with it. Never throws.
   */
  serve(socket: Socket, listeners: Hearing): void;
}

/** What is used of a Listeners. */
export type Hearing = Pick<Listeners, "accept">;

/** What a connection of the emitter in C may offer; privacy stands before some of it. */
type Offered = Connection & Partial<Relaying>;

/** One byte longer than a type may be: the table does not take it, and counts that there was one. */
const GIVEN_UP = "a type that was not found, for there was more of the message left";

/** Messages received, or sent. */
interface Way<Message> {
  readonly typeOf: MessageTypeOf<Message>;
  /** The last type in the table of tokens, and its token. */
  name: string;
  token: Token;
}

/** Says which token the type of a message has; `tokenOf` is asked for types that are not remembered. */
type Remember = (tokenOf: (type: string | undefined) => Token) => (message: unknown) => Token;

/** Of one server: its options, and what went wrong. */
export class Adapter<Message, Peer> {
  readonly payloads: boolean;
  /** Of all messages. */
  readonly fixedToken: Token | undefined;
  /** Whether it matters what a message says. */
  readonly isAsking: boolean;
  isAttached = true;
  failures = 0;
  lateRejections = 0;
  readonly #telemetry: Recording;
  readonly #clientId: ((peer: Peer) => number) | undefined;
  /** Types are looked for by the rule, */
  readonly #isSearching: boolean;
  /** and connections may do it. */
  #isInC = false;
  // Messages of one type come in runs, and answers are of another.
  readonly #received: Way<Message>;
  readonly #sent: Way<Message>;
  #clients = 0;

  /** `remember`: what makes a function that finds types, if nobody else does. */
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

  /** ws.connect. Never throws; a connection that cannot be recorded has a Traffic that does nothing. */
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

  /** The token of a message's type, if that is not the same for all. Never throws. */
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
      // One that is in no table is counted each time.
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

  /** As Relaying.relay() of a connection. Undefined where that has none, or functions among the options are to be asked. Never throws. */
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

/** What one connection does. No call throws, nor allocates of its own on XS. */
export class Traffic<Message> {
  readonly #adapter: Adapter<Message, unknown>;
  readonly #connection: Offered | undefined;
  /** Stands in its place for messages. */
  #relay: Relay | undefined;
  /** A message is being handled, and not yet recorded. */
  #isPending = false;
  #token: Token = 0;
  #payload: unknown;
  #hasEnded = false;

  constructor(adapter: Adapter<Message, unknown>, connection: Offered | undefined) {
    this.#adapter = adapter;
    this.#connection = connection;
  }

  /** The functions of a relay, which then sees messages in place of this; undefined if there can be none. */
  relay(next: unknown, write: unknown, other: unknown): Relay | undefined {
    this.#relay = this.#adapter.relay(this.#connection, next, write, other);
    return this.#relay;
  }

  /** ws.connected */
  connected(): void {
    try {
      if (this.#adapter.isAttached) this.#connection?.connected();
    } catch {
      this.#adapter.failures++;
    }
  }

  /** A message has come and is about to be handled; undefined if what it says is not known yet. */
  begin(message: Message | undefined): void {
    if (this.#isPending) this.settle();
    const adapter = this.#adapter;
    if (!adapter.isAttached || this.#hasEnded) return;
    this.#isPending = true;
    this.#token = adapter.fixedToken ?? 0;
    if (adapter.isAsking && message !== undefined) this.identify(message);
  }

  /** What the message that is being handled says. */
  identify(message: Message): void {
    if (!this.#isPending) return;
    const adapter = this.#adapter;
    this.#token = adapter.fixedToken ?? adapter.tokenOf(message, RECEIVED, this.#connection);
    if (adapter.payloads) this.#payload = message;
  }

  /** msg.recv, result ok, of the message that is being handled, unless it is recorded. */
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

  /** msg.recv, result rejected. False if no message is being handled. */
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

  /** msg.send, and before it msg.recv, result ok, of the message that is being handled, unless it is recorded. */
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

  /** The adapter is taken off, or the connection is over: its relay records nothing any more. */
  stop(): void {
    this.#relay?.stop();
  }

  /** ws.disconnect, once. What comes behind it is not recorded. `closeCode`: what the server says; no number: it does not. */
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

/** `beneath`: once the patch is off, what it stood in front of; null if that was no property. */
export type Method = ((this: never, ...args: never[]) => unknown) & { beneath?: PropertyDescriptor | null };

/** A method in another's place. Does not keep the object. */
export interface Patch {
  readonly name: string;
  readonly method: Method;
  readonly before: PropertyDescriptor | undefined;
}

/** Gives an object a method of its own. A frozen prototype does not matter. Throws if the object cannot be changed. */
export function patch(object: object, name: string, method: Method): Patch {
  const before = Object.getOwnPropertyDescriptor(object, name);
  const enumerable = before?.enumerable === true;
  Object.defineProperty(object, name, { value: method, configurable: true, enumerable, writable: true });
  return { name, method, before };
}

/**
 * Puts back what was there. Where somebody else has put something in its place since, that stays; if it is a patch too, it
 * puts back what was there before both.
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
