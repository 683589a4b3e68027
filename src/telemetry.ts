import { createEmitter } from "#emitter";
import { randomBootId } from "#platform";
import type { Connection, Counters, Emitter, EmitterSettings, Reader } from "./api.ts";
import { type Clock, guardClock } from "./clock.ts";
import { SLOT_BYTES } from "./packet-layout.ts";

/** What happens to an event when the ring is full: the oldest go ("overwrite"), or the event is refused ("discard"). */
export type Policy = "overwrite" | "discard";

export interface TelemetryOptions {
  /** Bytes of the ring, 256 to 268,435,456; whole slots of 16 bytes are used. The one allocation of size. */
  readonly capacityBytes: number;
  /** Default "overwrite". */
  readonly policy?: Policy;
  /** Default: the platform's clock. */
  readonly clock?: Clock;
  /** Tells this boot from others of the device: an integer from 0 to 2^53 - 1. Default: random. */
  readonly bootId?: number;
  /** Most message types to remember, 0 to 65,535. Default 64. */
  readonly messageTypes?: number;
}

const OPTIONS = ["capacityBytes", "policy", "clock", "bootId", "messageTypes"];
const MIN_CAPACITY_BYTES = 256;
const MAX_CAPACITY_BYTES = 268_435_456;
const DEFAULT_MESSAGE_TYPES = 64;
const MAX_MESSAGE_TYPES = 65_535;
/**
 * Records WebSocket events in a preallocated ring, to be drained as packets.
 * The constructor throws TypeError or RangeError naming the option, its value and what is allowed; nothing else here throws.
 */
export class Telemetry {
  readonly #emitter: Emitter;

  constructor(options: TelemetryOptions) {
    this.#emitter = createEmitter(checkOptions(options));
  }

  /**
   * ws.connect: a client asks for a connection. Returns the connection, also while telemetry is off.
   * `clientId`: an integer from 0 to 2^32 - 1, other numbers are brought into that range and counted. `ip`: at most 45 bytes are kept.
   */
  connect(clientId: number, ip?: string): Connection {
    return this.#emitter.connect(clientId, ip);
  }

  /**
   * Token of a message type: the same string gives the same token. 0, which stands for "", if the table is full or
   * the type has more than 64 bytes; that is counted in `unlistedTypes`. A known type allocates nothing.
   */
  messageType(name: string): number {
    return this.#emitter.messageType(name);
  }

  /**
   * A new reader, which begins at the oldest record still in the ring.
   * Under "discard" a ring without a reader gives nothing up: once full, it refuses until there is one.
   */
  reader(): Reader {
    return this.#emitter.reader();
  }

  /** The counters as the first open reader sees them; without one nothing is drained. Allocates the object. */
  counters(): Counters {
    return this.#emitter.counters();
  }
}

function checkOptions(options: TelemetryOptions): EmitterSettings {
  if (options === null || typeof options !== "object")
    throw new TypeError(`options must be an object, is ${shown(options)}`);
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name)) throw new TypeError(`unknown option ${shown(name)}: known are ${OPTIONS.join(", ")}`);
  const {
    capacityBytes,
    policy = "overwrite",
    clock,
    bootId = randomBootId(),
    messageTypes = DEFAULT_MESSAGE_TYPES,
  } = options;
  checkNumber("capacityBytes", capacityBytes, MIN_CAPACITY_BYTES, MAX_CAPACITY_BYTES);
  if (policy !== "overwrite" && policy !== "discard")
    throw new TypeError(`policy must be "overwrite" or "discard", is ${shown(policy)}`);
  checkNumber("bootId", bootId, 0, Number.MAX_SAFE_INTEGER);
  checkNumber("messageTypes", messageTypes, 0, MAX_MESSAGE_TYPES);
  return {
    capacitySlots: Math.floor(capacityBytes / SLOT_BYTES),
    discard: policy === "discard",
    ...checkClock(clock),
    eventSeq: 0,
    bootId,
    messageTypes,
  };
}

function checkClock(clock: Clock | undefined): Pick<EmitterSettings, "clock" | "uptimeMs"> {
  if (clock === undefined) return { clock: undefined, uptimeMs: undefined };
  if (clock === null || typeof clock !== "object" || typeof clock.now !== "function")
    throw new TypeError(`clock must be an object with a method now(), is ${shown(clock)}`);
  const first = clock.now();
  if (typeof first !== "number" || !Number.isFinite(first))
    throw new TypeError(`clock.now() must return a finite number, returned ${shown(first)}`);
  return { clock: guardClock(clock, first | 0), uptimeMs: first >>> 0 };
}

function checkNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, is ${shown(value)}`);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, is ${value}`);
}

/** A value for an error message, short and never throwing. */
function shown(value: unknown): string {
  if (typeof value === "string") return `"${value.slice(0, 40)}"`;
  if (value === null || typeof value !== "object") return typeof value === "function" ? "a function" : String(value);
  return Array.isArray(value) ? "an array" : "an object";
}
