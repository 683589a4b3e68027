/** What of payloads and addresses may reach the ring. The emitters know nothing of it: it stands between them and the application. */

import { utf8Length } from "#utf8-length";
import type { Connection, Emitter, Payload } from "./api.ts";
import { type BytesOf, byteLengthReader, bytesReader } from "./bytes.ts";
import { ipPrefix } from "./ip-prefix.ts";
import { isReason, type Reason } from "./reason.ts";
import { enabled } from "./switch.ts";

/** Events that carry a payload. */
export type PayloadEvent = "msg.recv" | "msg.send";

/**
 * Returns what is to be recorded of a payload, undefined for nothing of it. Gets the caller's own payload: bytes are not copied.
 * If it throws, or returns what is no payload, the payload is left out and counted in `invalidArguments`; so is that of an
 * event which it emits itself.
 */
export type Redactor = (payload: Payload, event: PayloadEvent) => Payload | undefined;

/**
 * "keep": the first 100 bytes, the default. "omit": nothing. "length": how many bytes of UTF-8 the payload has, as the text
 * `[20 bytes]`; a lone surrogate counts as three. Or a function that says what is recorded.
 */
export type PayloadPolicy = "keep" | "omit" | "length" | Redactor;

/** "keep": the address, the default. "omit": nothing. "truncate": `192.168.0.0/24`, `2001:db8:1::/48`; nothing of what is no address. */
export type IpPolicy = "keep" | "omit" | "truncate";

export interface Privacy {
  readonly received: PayloadPolicy;
  readonly sent: PayloadPolicy;
  readonly ip: IpPolicy;
}

/** What goes on to the emitter in an argument's place. */
type Filter = (value: unknown) => unknown;

/** No payload: the emitter leaves it out and counts it in invalidArguments. */
const REFUSED = null;

const keep: Filter = (value) => value;
const omit: Filter = () => undefined;
const truncate: Filter = (ip) => (typeof ip === "string" ? ipPrefix(ip) : ip);

/** Makes an emitter record no more than the policies let through. Nothing is done if that is everything. */
export function setPrivacy(emitter: Emitter, { received, sent, ip }: Privacy): void {
  if (received === "keep" && sent === "keep" && ip === "keep") return;
  const bytesOf = bytesReader();
  const length = received === "length" || sent === "length" ? lengthFilter(bytesOf) : omit;
  const filterOf = (policy: PayloadPolicy, event: PayloadEvent): Filter => {
    if (typeof policy === "function") return redactorFilter(policy, event, bytesOf);
    return policy === "keep" ? keep : policy === "length" ? length : omit;
  };
  const address = ip === "keep" ? keep : ip === "omit" ? omit : truncate;
  const forReceived = filterOf(received, "msg.recv");
  const forSent = filterOf(sent, "msg.send");
  // On the emitter itself, in front of its class's: a call without policies costs what it did.
  const { connect } = emitter;
  emitter.connect = (clientId, from) => {
    const connection = connect.call(emitter, clientId, enabled ? address(from) : undefined);
    return forReceived === forSent && forSent === keep
      ? connection
      : new PrivateConnection(connection, forReceived, forSent);
  };
}

/** The text is put together in memory of its own, of which there is a view for each number of digits: a call allocates none. */
function lengthFilter(bytesOf: BytesOf): Filter {
  const bytesIn = byteLengthReader();
  const bytesOfText = utf8Length();
  const views: Uint8Array[] = [];
  const ending = [0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x5d]; // " bytes]"
  for (let digits = 1; digits <= 16; digits++) {
    const view = new Uint8Array(1 + digits + ending.length);
    view[0] = 0x5b; // "["
    view.set(ending, 1 + digits);
    views.push(view);
  }
  return (payload) => {
    let rest: number;
    if (typeof payload === "string") rest = bytesOfText(payload);
    else {
      const bytes = bytesOf(payload);
      if (bytes === undefined) return REFUSED;
      rest = bytes === "" ? 0 : bytesIn(bytes);
    }
    let digits = 1;
    for (let limit = 10; rest >= limit; limit *= 10) digits++;
    const view = views[digits - 1]!;
    for (let at = digits; at > 0; at--) {
      view[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return view;
  };
}

function redactorFilter(redactor: Redactor, event: PayloadEvent, bytesOf: BytesOf): Filter {
  let isRunning = false;
  return (payload) => {
    if (isRunning) return REFUSED;
    if (typeof payload !== "string" && bytesOf(payload) === undefined) return REFUSED;
    isRunning = true;
    let redacted: unknown = REFUSED;
    try {
      redacted = redactor(payload as Payload, event);
    } catch {
      // What it would have taken out is not known.
    }
    isRunning = false;
    return redacted;
  };
}

/** Asks no filter for an event that will not be recorded. */
class PrivateConnection implements Connection {
  readonly #connection: Connection;
  readonly #received: Filter;
  readonly #sent: Filter;

  constructor(connection: Connection, received: Filter, sent: Filter) {
    this.#connection = connection;
    this.#received = received;
    this.#sent = sent;
  }

  connected(): void {
    this.#connection.connected();
  }

  received(messageType: number, payload?: unknown): void {
    if (payload !== undefined) payload = enabled ? this.#received(payload) : undefined;
    this.#connection.received(messageType, payload as Payload);
  }

  rejected(reason: Reason, messageType: number, payload?: unknown): void {
    if (payload !== undefined) payload = enabled && isReason(reason) ? this.#received(payload) : undefined;
    this.#connection.rejected(reason, messageType, payload as Payload);
  }

  sent(messageType: number, payload?: unknown): void {
    if (payload !== undefined) payload = enabled ? this.#sent(payload) : undefined;
    this.#connection.sent(messageType, payload as Payload);
  }

  disconnected(): void {
    this.#connection.disconnected();
  }
}
