/**
 * What of payloads and addresses may reach the ring. The emitters know nothing of it: it is between them and the
 * application.
 */

import { utf8Length } from "#utf8-length";
import type { Connection, Counters, Emitter, Payload, Privacy, Reader, Relay, Relaying, Token } from "../ring/api.ts";
import { byteLengthOf, bytesOf } from "../ring/bytes.ts";
import { checkNames, refuse } from "../ring/options.ts";
import { isReason, type Reason } from "../ring/reason.ts";
import { ipPrefix } from "./ip-prefix.ts";

export type { Privacy } from "../ring/api.ts";

/** Events that carry a payload. */
export type PayloadEvent = "msg.recv" | "msg.send";

/**
 * Returns what is recorded of a payload, undefined for nothing. It gets the caller's own payload: bytes are not copied.
 * If it throws, or returns something that is not a payload, the payload is left out and counted in `invalidArguments`.
 * The same applies to payloads of events that it emits itself, whatever the policy of those events is.
 */
export type Redactor = (payload: Payload, event: PayloadEvent) => Payload | undefined;

/**
 * "keep": the first 100 bytes, the default. "omit": nothing. "length": the number of its bytes as UTF-8, as the text
 * `[20 bytes]`; a lone surrogate counts as three bytes. Or a function that returns what is recorded.
 */
export type PayloadPolicy = "keep" | "omit" | "length" | Redactor;

/**
 * "keep": the address, the default. "omit": nothing. "truncate": `192.168.0.0/24`, `2001:db8:1::/48`; nothing if it is
 * not an address.
 */
export type IpPolicy = "keep" | "omit" | "truncate";

export interface PrivacyOptions {
  /** What of payloads reaches the ring, for each event that has them. Default "keep". */
  readonly payloads?: { readonly "msg.recv"?: PayloadPolicy; readonly "msg.send"?: PayloadPolicy };
  /** What of addresses reaches the ring. Default "keep". */
  readonly ip?: IpPolicy;
}

const OPTIONS: readonly string[] = Object.freeze(["payloads", "ip"]);
const PAYLOADS: readonly string[] = Object.freeze(["msg.recv", "msg.send"]);
const PAYLOAD_POLICIES: readonly string[] = Object.freeze(["keep", "omit", "length"]);
const IP_POLICIES: readonly string[] = Object.freeze(["keep", "omit", "truncate"]);

/**
 * Makes policies for the option `privacy` of one or more Telemetry objects, from the options as they are now. Throws
 * TypeError that names the option, its value and what is allowed. If they keep everything, nothing is put between the
 * application and the emitter.
 */
export function privacy(options: PrivacyOptions): Privacy {
  checkPlain("privacy", options, OPTIONS);
  const { payloads = {}, ip = "keep" } = options;
  checkPlain("payloads", payloads, PAYLOADS);
  const { "msg.recv": received = "keep", "msg.send": sent = "keep" } = payloads;
  checkPayloadPolicy('payloads["msg.recv"]', received);
  checkPayloadPolicy('payloads["msg.send"]', sent);
  if (!IP_POLICIES.includes(ip)) refuse("ip", '"keep", "omit" or "truncate"', ip);
  return {
    protect(emitter, isEnabled) {
      const isAllKept = received === "keep" && sent === "keep" && ip === "keep";
      return isAllKept ? emitter : new PrivateEmitter(emitter, isEnabled, filtersOf(received, sent, ip));
    },
  };
}

/** A Map or an array has no such names: it would silently keep everything. */
function checkPlain(name: string, options: object, known: readonly string[]): void {
  checkNames(options, known, name);
  const prototype = Object.getPrototypeOf(options);
  if (prototype !== Object.prototype && prototype !== null) refuse(name, "a plain object", options);
}

function checkPayloadPolicy(name: string, policy: PayloadPolicy): void {
  if (typeof policy !== "function" && !PAYLOAD_POLICIES.includes(policy))
    refuse(name, '"keep", "omit", "length" or a function', policy);
}

/** Replaces an argument on its way to the emitter. */
type Filter = (value: unknown) => unknown;
/** Takes back what a filter gave, once the emitter has read it. */
type Release = (filtered: unknown) => void;

/** Not a payload: the emitter leaves it out and counts it in invalidArguments. */
const REFUSED = null;

const keep: Filter = (value) => value;
const omit: Filter = () => undefined;
const truncate: Filter = (ip) => (typeof ip === "string" ? ipPrefix(ip) : ip);

interface Filters {
  readonly received: Filter;
  readonly sent: Filter;
  readonly ip: Filter;
  readonly release: Release;
}

/** Belongs to one emitter: a filter remembers that it is running. */
function filtersOf(received: PayloadPolicy, sent: PayloadPolicy, ip: IpPolicy): Filters {
  const { length, release } = received === "length" || sent === "length" ? lengthFilter() : NO_LENGTH;
  const hasRedactor = typeof received === "function" || typeof sent === "function";
  let isRunning = false;
  const filterOf = (policy: PayloadPolicy, event: PayloadEvent): Filter => {
    let filter = policy === "keep" ? keep : policy === "length" ? length : omit;
    if (typeof policy === "function") filter = redactorFilter(policy, event);
    if (!hasRedactor) return filter;
    // Events that a redactor emits itself may contain what it should remove, whatever their policy is.
    return (payload) => {
      if (isRunning) return REFUSED;
      isRunning = true;
      const filtered = filter(payload);
      isRunning = false;
      return filtered;
    };
  };
  return {
    received: filterOf(received, "msg.recv"),
    sent: filterOf(sent, "msg.send"),
    ip: ip === "keep" ? keep : ip === "omit" ? omit : truncate,
    release,
  };
}

const NO_LENGTH = Object.freeze({ length: omit, release: () => {} });

/**
 * The text is built in memory of its own, with one view for each number of digits: a call allocates none. It is read
 * after the clock, which may be the user's and may emit: until a view is released, other calls get views of their own.
 */
function lengthFilter(): { length: Filter; release: Release } {
  const bytesOfText = utf8Length();
  const views: Uint8Array[] = [];
  let lent: Uint8Array | undefined;
  const ending = [0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x5d]; // " bytes]"
  for (let digits = 1; digits <= 16; digits++) {
    const view = new Uint8Array(1 + digits + ending.length);
    view[0] = 0x5b; // "["
    view.set(ending, 1 + digits);
    views.push(view);
  }
  const length: Filter = (payload) => {
    let rest: number;
    if (typeof payload === "string") rest = bytesOfText(payload);
    else {
      const bytes = bytesOf(payload);
      if (bytes === undefined) return REFUSED;
      rest = bytes === "" ? 0 : byteLengthOf(bytes);
    }
    let digits = 1;
    for (let limit = 10; rest >= limit; limit *= 10) digits++;
    let view = views[digits - 1]!;
    if (lent === undefined) lent = view;
    else view = new Uint8Array(view);
    for (let at = digits; at > 0; at--) {
      view[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return view;
  };
  const release: Release = (filtered) => {
    if (filtered === lent) lent = undefined;
  };
  return { length, release };
}

function redactorFilter(redactor: Redactor, event: PayloadEvent): Filter {
  return (payload) => {
    if (typeof payload !== "string" && bytesOf(payload) === undefined) return REFUSED;
    try {
      return redactor(payload as Payload, event);
    } catch {
      return REFUSED; // what it would have removed is unknown
    }
  };
}

// Neither asks a filter about an event that will not be recorded.

class PrivateEmitter implements Emitter {
  readonly #emitter: Emitter;
  readonly #isEnabled: () => boolean;
  readonly #filters: Filters;

  constructor(emitter: Emitter, isEnabled: () => boolean, filters: Filters) {
    this.#emitter = emitter;
    this.#isEnabled = isEnabled;
    this.#filters = filters;
  }

  connect(clientId: unknown, ip: unknown): Connection {
    const { received, sent, ip: address } = this.#filters;
    const connection = this.#emitter.connect(clientId, this.#isEnabled() ? address(ip) : undefined);
    return received === keep && sent === keep
      ? connection
      : new PrivateConnection(connection, this.#isEnabled, this.#filters);
  }

  messageType(name: unknown): Token {
    return this.#emitter.messageType(name);
  }

  reader(): Reader {
    return this.#emitter.reader();
  }

  counters(): Counters {
    return this.#emitter.counters();
  }

  freeze(events: unknown): void {
    this.#emitter.freeze(events);
  }

  thaw(): void {
    this.#emitter.thaw();
  }
}

class PrivateConnection implements Connection, Relaying {
  readonly #connection: Connection & Partial<Relaying>;
  readonly #isEnabled: () => boolean;
  readonly #filters: Filters;

  constructor(connection: Connection, isEnabled: () => boolean, filters: Filters) {
    this.#connection = connection;
    this.#isEnabled = isEnabled;
    this.#filters = filters;
  }

  connected(): void {
    this.#connection.connected();
  }

  received(messageType: Token, payload?: unknown): void {
    if (payload !== undefined) payload = this.#isEnabled() ? this.#filters.received(payload) : undefined;
    this.#connection.received(messageType, payload as Payload);
    this.#filters.release(payload);
  }

  rejected(reason: Reason, messageType: Token, payload?: unknown): void {
    if (payload !== undefined)
      payload = this.#isEnabled() && isReason(reason) ? this.#filters.received(payload) : undefined;
    this.#connection.rejected(reason, messageType, payload as Payload);
    this.#filters.release(payload);
  }

  sent(messageType: Token, payload?: unknown): void {
    if (payload !== undefined) payload = this.#isEnabled() ? this.#filters.sent(payload) : undefined;
    this.#connection.sent(messageType, payload as Payload);
    this.#filters.release(payload);
  }

  answered(receivedType: Token, sentType: Token): void {
    this.#connection.answered(receivedType, sentType);
  }

  disconnected(closeCode?: number): void {
    this.#connection.disconnected(closeCode);
  }

  typeOf(message: unknown): Token | undefined {
    return this.#connection.typeOf?.(message);
  }

  /** Payloads would bypass the filters. */
  relay(next: unknown, write: unknown, other: unknown, token: Token | undefined, payloads: boolean): Relay | undefined {
    return payloads ? undefined : this.#connection.relay?.(next, write, other, token, payloads);
  }
}
