/** What the application sees of an emitter, and what an implementation of one gives. */

import type { Reason } from "./reason.ts";

/** A message's payload: text, or bytes taken as UTF-8. The first 100 bytes are kept. */
export type Payload = string | Uint8Array | ArrayBuffer;

declare const TOKEN: unique symbol;

/**
 * A message type as records have it: what `messageType()` of a Telemetry gave, or `token()` of a generated one; or 0, which stands for
 * "". At run time a number from 0 to 65,535; to TypeScript no other number will do.
 */
export type Token = 0 | (number & { readonly [TOKEN]: true });

/**
 * One WebSocket connection. No method throws, blocks or logs, whatever it is given; without a payload none allocates on XS.
 * A wrong argument is recorded as what it can be (an unknown message type as "", a payload of another type not at all)
 * and counted in `invalidArguments`.
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
  /** msg.recv, result ok, and msg.send that answers it, at one reading of the clock: received() and sent() in one call. */
  answered(receivedType: Token, sentType: Token): void;
  /** ws.disconnect. `closeCode`: 0 to 65,535, the WebSocket close code, where it is known; another one is left out, and counted. */
  disconnected(closeCode?: number): void;
}

/** What connections of the emitter in C offer adapters besides. What is missing, or undefined, an adapter does itself. */
export interface Relaying {
  /** The token of the type that a message says, by the rule of src/adapters/message-type.ts. */
  typeOf(message: unknown): Token | undefined;
  /**
   * For a connection of a callback server: functions that stand in front of `next`, for messages, and of `write`, and record what goes
   * through them. `other` is called in place of `next` for all that is no message. All three are functions.
   * `token`: of all messages; undefined: their types are looked for.
   */
  relay(next: unknown, write: unknown, other: unknown, token: Token | undefined, payloads: boolean): Relay | undefined;
}

export interface Relay {
  /** To be put in the place of `callback`, */
  readonly 0: (this: never, ...args: never[]) => unknown;
  /** and of `write`. */
  readonly 1: (this: never, ...args: never[]) => unknown;
  /** msg.recv, result ok, of the message that is being handled, unless it is recorded. False if there is none. */
  settle(): boolean;
  /** msg.recv, result rejected. False if no message is being handled. */
  reject(reason: Reason): boolean;
  /** From here on nothing is recorded. */
  stop(): void;
}

/** What was counted since boot, as one reader sees the ring: `emitted = drained + overwritten + discarded + pending`. */
export interface Counters {
  /** Events, refused ones too. */
  readonly emitted: number;
  /** Events put into packets for this reader. */
  readonly drained: number;
  /** Events evicted before this reader read them, those before it was made among them. */
  readonly overwritten: number;
  /** Events refused because the ring was full, or frozen. */
  readonly discarded: number;
  /** Events in the ring that this reader has yet to read. */
  readonly pending: number;
  /** Calls that emitted nothing: made while telemetry was off, rejected() with an unknown reason; and messages over the limits. */
  readonly suppressed: number;
  /** Arguments of a wrong type or out of range. */
  readonly invalidArguments: number;
  /**
   * messageType() calls whose type is not in the table, because it is full or the type has more than 64 bytes; and messages that an adapter
   * has given up looking for the type of, because they are too long or too intricate.
   */
  readonly unlistedTypes: number;
}

/** A place in the ring from which packets are made. Readers do not disturb each other. */
export interface Reader {
  /**
   * Writes the next packet into buffer. Returns its bytes, 0 if nothing waits or the reader is closed.
   * Throws TypeError if buffer is no Uint8Array, RangeError if it is under 256 bytes; at most 65,536 are used.
   * Allocates at most one view for a packet of records (the native emitter: nothing), nothing if nothing waits; in TypeScript,
   * views of a buffer that it has not seen the last time, and for a packet of tokens a view and more for each name.
   */
  next(buffer: Uint8Array): number;
  /**
   * The next packets send all tokens again: for a listener that joined late, or after a link was opened again. They go before
   * the next records; while nothing waits, none are written. Until a packet of records has followed, asking again changes nothing,
   * so that however often it is asked, records move. On a closed reader it does nothing. Never throws, allocates nothing.
   */
  repeatTokens(): void;
  /** The counters as this reader sees them; once it is closed, as it saw them last. Allocates the object. */
  counters(): Counters;
  /** Releases the reader: it holds nothing back any more, and next() returns 0. Closing twice does nothing. */
  close(): void;
}

/** What Telemetry asks of an implementation; the calls are those of Telemetry, their arguments unchecked. */
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
   * Returns what the application is to call instead of the emitter, or the emitter itself if all may be recorded.
   * `isEnabled`: whether telemetry is on.
   */
  protect(emitter: Emitter, isEnabled: () => boolean): Emitter;
}

/** An emitter in TypeScript, for records of any registry. */
export interface RecordEmitter extends Emitter {
  records(): Records;
}

/** The way into the ring for records of any registry; their bytes are the caller's affair. */
export interface Records {
  /** Reads the clock, which may be the user's, and emit. */
  begin(): void;
  /**
   * Writes a record of that many slots, or counts it as discarded. Its time is the last reading of the clock: begin()'s, or a later one
   * if what the caller did meanwhile has emitted or drained. `fields`: its words 1 and on; `tail`: the words after those. Together
   * they fill the slots. Allocates nothing.
   */
  write(slots: number, fields: Int32Array, tail: Int32Array | undefined): void;
  /** A token in use; 0, and counted, for everything else. */
  tokenOf(value: unknown): Token;
  /** Adds to the counters of suppressed calls and invalid arguments. */
  count(suppressed: number, invalidArguments: number): void;
}

/**
 * How many messages are recorded at most: msg.send, and msg.recv with result ok. In any t seconds there are no more than
 * burst + messagesPerSecond * t.
 */
export interface Limits {
  /** 1 to 1,000,000, on average. */
  readonly messagesPerSecond: number;
  /** 1 to 1,000,000: that many at once, if none came before. */
  readonly burst: number;
}

/** All of it in range. */
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
  /** Given: the ring begins with a _boot record; true: it is to outlive a reset, where the platform has memory that does. */
  readonly retained?: boolean | undefined;
  /** 0 to 2^53 - 1: the number of the first event. */
  readonly eventSeq: number;
  /** 0 to 2^53 - 1 */
  readonly bootId: number;
  /** Bound of the token table. */
  readonly messageTypes: number;
}
