/** What the application sees of an emitter, and what an implementation of one provides. */

import type { Reason } from "./reason.ts";

/** A message's payload: text, or bytes taken as UTF-8. The first 100 bytes are kept. */
export type Payload = string | Uint8Array | ArrayBuffer;

declare const TOKEN: unique symbol;

/**
 * A message type as it is recorded: the result of `messageType()` of a Telemetry, or of `token()` of a generated one;
 * or 0, which is "". At run time a number from 0 to 65,535; TypeScript accepts no other number.
 */
export type Token = 0 | (number & { readonly [TOKEN]: true });

/**
 * One WebSocket connection. No method throws, blocks or logs, whatever it is given; without a payload none allocates on
 * XS. A wrong argument is recorded as well as it can be (an unknown message type as "", a payload of another type not
 * at all), and counted in `invalidArguments`.
 */
export interface Connection {
  /** ws.connected: the handshake is complete. */
  connected(): void;
  /** msg.recv, result ok. `messageType`: of the same Telemetry. */
  received(messageType: Token, payload?: Payload): void;
  /** msg.recv, result rejected. An invalid reason emits nothing. */
  rejected(reason: Reason, messageType: Token, payload?: Payload): void;
  /** msg.send. */
  sent(messageType: Token, payload?: Payload): void;
  /**
   * msg.recv, result ok, and the msg.send that answers it, with one reading of the clock: received() and sent() in one
   * call.
   */
  answered(receivedType: Token, sentType: Token): void;
  /**
   * ws.disconnect. `closeCode`: the WebSocket close code, 0 to 65,535, if it is known; any other value is left out, and
   * counted.
   */
  disconnected(closeCode?: number): void;
}

/**
 * What connections of the emitter in C also offer to adapters. If something is missing, or undefined, the adapter does
 * it itself.
 */
export interface Relaying {
  /** Returns the token of a message's type, by the rule of src/adapters/message-type.ts. */
  typeOf(message: unknown): Token | undefined;
  /**
   * For a connection of a callback server: returns functions that cover `next`, for messages, and `write`, and record
   * what passes through them. `other` is called instead of `next` for everything that is not a message. All three are
   * functions. `token`: of all messages; undefined: their types are looked for.
   */
  relay(next: unknown, write: unknown, other: unknown, token: Token | undefined, payloads: boolean): Relay | undefined;
}

export interface Relay {
  /** Replaces `callback`, */
  readonly 0: (this: never, ...args: never[]) => unknown;
  /** and `write`. */
  readonly 1: (this: never, ...args: never[]) => unknown;
  /**
   * Records msg.recv, result ok, for the message that is being handled, unless it is recorded already. Returns false if
   * there is none.
   */
  settle(): boolean;
  /** Records msg.recv, result rejected. Returns false if no message is being handled. */
  reject(reason: Reason): boolean;
  /** Nothing is recorded from here on. */
  stop(): void;
}

/** Counts since boot, as one reader sees the ring: `emitted = drained + overwritten + discarded + pending`. */
export interface Counters {
  /** Events, including refused ones. */
  readonly emitted: number;
  /** Events put into packets for this reader. */
  readonly drained: number;
  /** Events evicted before this reader read them, including those from before it was made. */
  readonly overwritten: number;
  /** Events refused because the ring was full, or frozen. */
  readonly discarded: number;
  /** Events in the ring that this reader has yet to read. */
  readonly pending: number;
  /**
   * Calls that emitted nothing: made while telemetry was off, or rejected() with an unknown reason; and messages beyond
   * the limits.
   */
  readonly suppressed: number;
  /** Arguments of a wrong type or out of range. */
  readonly invalidArguments: number;
  /**
   * messageType() calls with a type that is not in the table, because the table is full or the type has more than 64
   * bytes; and messages for which an adapter has given up looking for the type, because they are too long or too
   * complicated.
   */
  readonly unlistedTypes: number;
}

/** A position in the ring from which packets are made. Readers do not disturb each other. */
export interface Reader {
  /**
   * Writes the next packet into buffer. Returns its bytes, 0 if nothing waits or the reader is closed. Throws TypeError
   * if buffer is not a Uint8Array, RangeError if it is smaller than 256 bytes; at most 65,536 are used. Allocates at
   * most one view for a packet of records (the native emitter: nothing), and nothing if nothing waits. In TypeScript it
   * also allocates views of a buffer that differs from the previous one, and for a packet of tokens a view and more for
   * each name.
   */
  next(buffer: Uint8Array): number;
  /**
   * Makes the next packets repeat all tokens: for a listener that joined late, or after a link was opened again. They
   * go before the next records; while nothing waits, none are written. Asking again changes nothing until a packet of
   * records has followed, so records move however often it is called. Does nothing on a closed reader. Never throws,
   * allocates nothing.
   */
  repeatTokens(): void;
  /** The counters as this reader sees them; after close(), as it saw them last. Allocates the object. */
  counters(): Counters;
  /** Releases the reader: it no longer holds anything back, and next() returns 0. Closing twice does nothing. */
  close(): void;
}

/** What Telemetry needs of an implementation: the calls of Telemetry, with their arguments unchecked. */
export interface Emitter {
  connect(clientId: unknown, ip: unknown): Connection;
  messageType(name: unknown): Token;
  reader(): Reader;
  counters(): Counters;
  freeze(events: unknown): void;
  thaw(): void;
}

/** What of payloads and addresses an emitter may record. privacy() of xs-telemetry/privacy makes one. */
export interface Privacy {
  /**
   * Returns what the application calls instead of the emitter, or the emitter itself if everything may be recorded.
   * `isEnabled`: whether telemetry is on.
   */
  protect(emitter: Emitter, isEnabled: () => boolean): Emitter;
}

/** An emitter in TypeScript, for records of any registry. */
export interface RecordEmitter extends Emitter {
  records(): Records;
}

/** Access to the ring for records of any registry; the caller is responsible for their bytes. */
export interface Records {
  /** Reads the clock, which may be the user's and may emit. */
  begin(): void;
  /**
   * Writes a record of that many slots, or counts it as discarded. Its time is the last reading of the clock: the one
   * of begin(), or a later one if the caller has emitted or drained since. `fields`: its words from 1 on; `tail`: the
   * words after those. Together they fill the slots. Allocates nothing.
   */
  write(slots: number, fields: Int32Array, tail: Int32Array | undefined): void;
  /** A token in use; 0, and counted, for everything else. */
  tokenOf(value: unknown): Token;
  /** Adds to the counters of suppressed calls and invalid arguments. */
  count(suppressed: number, invalidArguments: number): void;
}

/**
 * The most messages that are recorded: msg.send, and msg.recv with result ok. In any t seconds there are at most burst
 * + messagesPerSecond * t.
 */
export interface Limits {
  /** 1 to 1,000,000, on average. */
  readonly messagesPerSecond: number;
  /** 1 to 1,000,000: as many at once, if there were none before. */
  readonly burst: number;
}

/** All values are in range. */
export interface EmitterSettings {
  /** Undefined: all messages are recorded. */
  readonly limits?: Limits | undefined;
  /** 16 or more. */
  readonly capacitySlots: number;
  readonly discard: boolean;
  /** Returns an integer, never throws; undefined: the platform's clock. */
  readonly clock: (() => number) | undefined;
  /** 0 to 2^53 - 1: the clock's time at the start; undefined: it is read. */
  readonly uptimeMs: number | undefined;
  /**
   * If given, the ring begins with a _boot record; true: it is to outlive a reset, if the platform has memory that
   * does.
   */
  readonly retained?: boolean | undefined;
  /** 0 to 2^53 - 1: the number of the first event. */
  readonly eventSeq: number;
  /** 0 to 2^53 - 1 */
  readonly bootId: number;
  /** Most names in the token table. */
  readonly messageTypes: number;
}
