/** What all adapters share: they tell a Telemetry what a WebSocket server does, and never the server. */

import type { Connection, Payload } from "../ring/api.ts";
import type { Reason } from "../ring/reason.ts";
import type { Telemetry } from "../telemetry.ts";
import { createMessageType, type FindMessageType } from "./message-type.ts";

/** What an adapter needs of a Telemetry. */
export type Recording = Pick<Telemetry, "connect" | "messageType">;

const RECEIVED = "msg.recv";
const SENT = "msg.send";

/** Says what type a message has: a token of Telemetry.messageType(), or a name, "" if it has none. */
export type MessageTypeOf<Message> = (message: Message, event: typeof RECEIVED | typeof SENT) => number | string;

export interface AdapterOptions<Message, Peer> {
  /** A function, or one token for all messages. Default: the JSON `type`, else `method`, within the first 512 characters. */
  readonly messageType?: number | MessageTypeOf<Message>;
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

/** Where all messages have one token: what finds types takes kilobytes. */
const notAsked = (_remembered?: number): FindMessageType => noType;
const noType: FindMessageType = () => "";

/** Messages received, or sent. */
interface Way<Message> {
  readonly typeOf: MessageTypeOf<Message> | FindMessageType;
  /** The last type in the table of tokens, and its token. */
  name: string;
  token: number;
}

/** Of one server: its options, and what went wrong. */
export class Adapter<Message, Peer> {
  readonly payloads: boolean;
  /** Of all messages. */
  readonly fixedToken: number | undefined;
  /** Whether it matters what a message says. */
  readonly isAsking: boolean;
  isAttached = true;
  failures = 0;
  lateRejections = 0;
  readonly #telemetry: Recording;
  readonly #clientId: ((peer: Peer) => number) | undefined;
  // Messages of one type come in runs, and answers are of another.
  readonly #received: Way<Message>;
  readonly #sent: Way<Message>;
  #clients = 0;

  /** `remembered`: as of createMessageType(), for each way. */
  constructor(telemetry: Recording, options: AdapterOptions<Message, Peer>, remembered?: number) {
    const { messageType, clientId, payloads = false } = options;
    this.#telemetry = telemetry;
    this.fixedToken = typeof messageType === "number" ? messageType : undefined;
    const typeOf = typeof messageType === "function" ? messageType : undefined;
    const makeTypeOf = this.fixedToken === undefined ? createMessageType : notAsked;
    this.#received = { typeOf: typeOf ?? makeTypeOf(remembered), name: "", token: 0 };
    this.#sent = { typeOf: typeOf ?? makeTypeOf(remembered), name: "", token: 0 };
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
    } catch {
      this.failures++;
    }
    return new Traffic(this as Adapter<Message, unknown>, connection);
  }

  /** The token of a message's type, if that is not the same for all. Never throws. */
  tokenOf(message: Message, event: typeof RECEIVED | typeof SENT): number {
    try {
      const way = event === RECEIVED ? this.#received : this.#sent;
      const type = way.typeOf(message, event);
      if (typeof type === "number") return type;
      if (type === way.name) return way.token;
      const token = type ? this.#telemetry.messageType(type) : 0;
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

  counters(): AdapterCounters {
    return { failures: this.failures, lateRejections: this.lateRejections };
  }
}

/** What one connection does. No call throws, nor allocates of its own on XS. */
export class Traffic<Message> {
  readonly #adapter: Adapter<Message, unknown>;
  readonly #connection: Connection | undefined;
  /** A message is being handled, and not yet recorded. */
  #isPending = false;
  #token = 0;
  #payload: unknown;
  #hasEnded = false;

  constructor(adapter: Adapter<Message, unknown>, connection: Connection | undefined) {
    this.#adapter = adapter;
    this.#connection = connection;
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
    if (!adapter.isAttached) return;
    this.#isPending = true;
    this.#token = adapter.fixedToken ?? 0;
    if (adapter.isAsking && message !== undefined) this.identify(message);
  }

  /** What the message that is being handled says. */
  identify(message: Message): void {
    if (!this.#isPending) return;
    const adapter = this.#adapter;
    this.#token = adapter.fixedToken ?? adapter.tokenOf(message, RECEIVED);
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
    if (!adapter.isAttached) return;
    const token = adapter.fixedToken ?? adapter.tokenOf(message, SENT);
    try {
      if (isAnswer) this.#connection?.answered(this.#token, token);
      else this.#connection?.sent(token, adapter.payloads ? (message as Payload) : undefined);
    } catch {
      adapter.failures++;
    }
  }

  /** ws.disconnect, once. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#isPending) this.settle();
    try {
      if (this.#adapter.isAttached) this.#connection?.disconnected();
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
