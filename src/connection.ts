import { REASON_NONE, RESULT_OK, RESULT_REJECTED } from "./generated/layout.ts";
import type { Writers } from "./generated/writers.ts";
import { isReason, type Reason } from "./reason.ts";
import { enabled } from "./switch.ts";
import type { Text } from "./text.ts";
import type { TokenTable } from "./tokens.ts";

// Hoisted: a literal in a function of a preloaded module may be copied each time it is reached.
const NUMBER = "number";
const STRING = "string";

/** A message's payload: text, or bytes taken as UTF-8. The first 100 bytes are kept. */
export type Payload = string | Uint8Array | ArrayBuffer;

/** What the connections of one emitter share. */
export interface Emitter {
  readonly writers: Writers;
  readonly tokens: TokenTable;
  readonly text: Text;
  suppressed: number;
  invalidArguments: number;
  unlistedTypes: number;
}

/**
 * One WebSocket connection. No method throws, blocks or logs, whatever it is given; without a payload none allocates on XS.
 * A wrong argument is recorded as what it can be (an unknown message type as "", a payload of another type not at all)
 * and counted in `invalidArguments`.
 */
export class Connection {
  readonly #emitter: Emitter;
  readonly #clientId: number;
  readonly #connEpoch: number;

  /** Made by Telemetry.connect(). */
  constructor(emitter: Emitter, clientId: number, connEpoch: number) {
    this.#emitter = emitter;
    this.#clientId = clientId;
    this.#connEpoch = connEpoch;
  }

  /** ws.connected: the handshake is complete. */
  connected(): void {
    if (enabled) this.#emitter.writers.wsConnected(this.#clientId, this.#connEpoch);
    else this.#emitter.suppressed++;
  }

  /** msg.recv, result ok. `messageType` is a token of Telemetry.messageType(). */
  received(messageType: number, payload?: Payload): void {
    this.#receive(RESULT_OK, REASON_NONE, messageType, payload);
  }

  /** msg.recv, result rejected. A reason that is none of the four emits nothing. */
  rejected(reason: Reason, messageType: number, payload?: Payload): void {
    const emitter = this.#emitter;
    if (isReason(reason)) {
      this.#receive(RESULT_REJECTED, reason, messageType, payload);
    } else {
      emitter.suppressed++;
      if (enabled) emitter.invalidArguments++;
    }
  }

  /** msg.send. */
  sent(messageType: number, payload?: Payload): void {
    const emitter = this.#emitter;
    if (!enabled) {
      emitter.suppressed++;
      return;
    }
    const token = validToken(emitter, messageType);
    const length = payload === undefined ? -1 : encodePayload(emitter, payload);
    if (length > 0) emitter.writers.msgSendPayloadSummary(token, this.#clientId, this.#connEpoch);
    else if (length < 0) emitter.writers.msgSend(token, this.#clientId, this.#connEpoch);
    else emitter.writers.msgSendEmptyPayloadSummary(token, this.#clientId, this.#connEpoch);
  }

  /** ws.disconnect. */
  disconnected(): void {
    if (enabled) this.#emitter.writers.wsDisconnect(this.#clientId, this.#connEpoch);
    else this.#emitter.suppressed++;
  }

  #receive(result: number, reason: number, messageType: number, payload: Payload | undefined): void {
    const emitter = this.#emitter;
    if (!enabled) {
      emitter.suppressed++;
      return;
    }
    const token = validToken(emitter, messageType);
    const length = payload === undefined ? -1 : encodePayload(emitter, payload);
    if (length > 0) emitter.writers.msgRecvPayloadSummary(result, reason, token, this.#clientId, this.#connEpoch);
    else if (length < 0) emitter.writers.msgRecv(result, reason, token, this.#clientId, this.#connEpoch);
    else emitter.writers.msgRecvEmptyPayloadSummary(result, reason, token, this.#clientId, this.#connEpoch);
  }
}

function validToken(emitter: Emitter, token: number): number {
  if (typeof token === NUMBER && token === (token | 0) && token >= 0 && token <= emitter.tokens.count) return token;
  emitter.invalidArguments++;
  return 0;
}

/** Puts a payload into the emitter's text. Returns its bytes; -1, and counted, if it is neither text nor bytes. */
function encodePayload(emitter: Emitter, payload: unknown): number {
  const text = emitter.text;
  if (typeof payload === STRING) return text.fromString(payload as string, text.payload);
  try {
    if (payload instanceof Uint8Array && ArrayBuffer.isView(payload)) return text.fromBytes(payload, text.payload);
    // A pretender's byteLength throws.
    if (payload instanceof ArrayBuffer)
      return text.fromBytes(new Uint8Array(payload, 0, payload.byteLength), text.payload);
  } catch {
    // A detached buffer, or an object that pretends to be one.
  }
  emitter.invalidArguments++;
  return -1;
}
