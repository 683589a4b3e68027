import { createEncoder, platformClock, randomBootId } from "#platform";
import { type Clock, guardClock } from "./clock.ts";
import { Connection, type Emitter } from "./connection.ts";
import { createWriters } from "./generated/writers.ts";
import { SLOT_BYTES } from "./packet-layout.ts";
import { type Counters, countersOf, type Reader, RingReader } from "./reader.ts";
import { createRing, type Ring } from "./ring.ts";
import { enabled } from "./switch.ts";
import { createText, type Text } from "./text.ts";
import { TokenTable } from "./tokens.ts";

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
const MAX_CLIENT_ID = 0xffff_ffff;
const STRING = "string"; // hoisted: see src/connection.ts

/**
 * Records WebSocket events in a preallocated ring, to be drained as packets.
 * The constructor throws TypeError or RangeError naming the option, its value and what is allowed; nothing else here throws.
 */
export class Telemetry {
  readonly #ring: Ring;
  readonly #text: Text;
  readonly #tokens: TokenTable;
  readonly #emitter: Emitter;
  readonly #bootId: number;
  readonly #readers: RingReader[] = [];
  #readersMade = 0;
  #connections = 0;

  constructor(options: TelemetryOptions) {
    const { capacityBytes, policy, clock, bootId, messageTypes } = checkOptions(options);
    this.#bootId = bootId;
    this.#text = createText(createEncoder());
    this.#tokens = new TokenTable(this.#text, messageTypes);
    this.#ring = createRing(Math.floor(capacityBytes / SLOT_BYTES), policy === "discard", clock.now, {
      eventSeq: 0,
      uptimeMs: clock.startMs,
    });
    this.#emitter = {
      writers: createWriters(this.#ring, this.#text.buffer),
      tokens: this.#tokens,
      text: this.#text,
      suppressed: 0,
      invalidArguments: 0,
      unlistedTypes: 0,
    };
  }

  /**
   * ws.connect: a client asks for a connection. Returns the connection, also while telemetry is off.
   * `clientId`: an integer from 0 to 2^32 - 1, other numbers are brought into that range and counted. `ip`: at most 45 bytes are kept.
   */
  connect(clientId: number, ip?: string): Connection {
    const emitter = this.#emitter;
    const id = validClientId(emitter, clientId);
    const epoch = this.#connections++;
    if (!enabled) {
      emitter.suppressed++;
    } else if (typeof ip === STRING) {
      if (this.#text.fromString(ip as string, this.#text.ip) > 0) emitter.writers.wsConnectIp(id, epoch);
      else emitter.writers.wsConnectEmptyIp(id, epoch);
    } else {
      if (ip !== undefined) emitter.invalidArguments++;
      emitter.writers.wsConnect(id, epoch);
    }
    return new Connection(emitter, id, epoch);
  }

  /**
   * Token of a message type: the same string gives the same token. 0, which stands for "", if the table is full or
   * the type has more than 64 bytes; that is counted in `unlistedTypes`. A known type allocates nothing.
   */
  messageType(name: string): number {
    if (typeof name !== STRING) {
      this.#emitter.invalidArguments++;
      return 0;
    }
    const token = this.#tokens.intern(name);
    if (token >= 0) return token;
    this.#emitter.unlistedTypes++;
    return 0;
  }

  /**
   * A new reader, which begins at the oldest record still in the ring.
   * Under "discard" a ring without a reader gives nothing up: once full, it refuses until there is one.
   */
  reader(): Reader {
    const reader = new RingReader(
      this.#ring,
      this.#tokens,
      this.#text,
      this.#emitter,
      this.#bootId,
      this.#readersMade++,
      (moved, closed) => {
        if (closed) this.#readers.splice(this.#readers.indexOf(moved), 1);
        this.#protect();
      },
    );
    this.#readers.push(reader);
    this.#protect();
    return reader;
  }

  /** The counters as the first open reader sees them; without one nothing is drained. Allocates the object. */
  counters(): Counters {
    const ring = this.#ring;
    const first = this.#readers[0];
    return first ? first.counters() : countersOf(ring, this.#emitter, 0, ring.tailEventSeq() - ring.evictedRefused());
  }

  /** Under "discard" the slowest reader decides what may be evicted; without a reader nothing may. */
  #protect(): void {
    let from = this.#readers.length > 0 ? Number.POSITIVE_INFINITY : this.#ring.tail();
    // Not for…of, which allocates on XS: this runs with every packet.
    for (let index = 0; index < this.#readers.length; index++) from = Math.min(from, this.#readers[index]!.position);
    this.#ring.protect(from);
  }
}

function validClientId(emitter: Emitter, value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_CLIENT_ID) return value as number;
  if (enabled) emitter.invalidArguments++;
  if (typeof value !== "number" || !(value > 0)) return 0;
  return Math.min(Math.floor(value), MAX_CLIENT_ID);
}

function checkOptions(options: TelemetryOptions) {
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
  return { capacityBytes, policy, clock: checkClock(clock), bootId, messageTypes };
}

function checkClock(clock: Clock | undefined): { now: () => number; startMs: number } {
  if (clock === undefined) return { now: platformClock, startMs: platformClock() >>> 0 };
  if (clock === null || typeof clock !== "object" || typeof clock.now !== "function")
    throw new TypeError(`clock must be an object with a method now(), is ${shown(clock)}`);
  const first = clock.now();
  if (typeof first !== "number" || !Number.isFinite(first))
    throw new TypeError(`clock.now() must return a finite number, returned ${shown(first)}`);
  return { now: guardClock(clock, first | 0), startMs: first >>> 0 };
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
