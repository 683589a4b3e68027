import { createEmitter } from "#emitter";
import { randomBootId } from "#platform";
import type { Connection, Counters, Emitter, EmitterSettings, Limits, Privacy, Reader, Token } from "./ring/api.ts";
import { type Clock, guardClock } from "./ring/clock.ts";
import { checkNames, checkNumber, refuse } from "./ring/options.ts";
import { SLOT_BYTES } from "./ring/packet-layout.ts";
import { enabled } from "./ring/switch.ts";

/** What a full ring does: drop the oldest events ("overwrite"), or refuse the new one ("discard"). */
export type Policy = "overwrite" | "discard";

export interface RingOptions {
  /** Bytes of the ring, 256 to 268,435,456; whole slots of 16 bytes are used. The only large allocation. */
  readonly capacityBytes: number;
  /** Default "overwrite". */
  readonly policy?: Policy;
  /** Default: the platform's clock. */
  readonly clock?: Clock;
  /**
   * Distinguishes this boot from others of the device: an integer from 0 to 2^53 - 1. Default: random, mixed with the
   * time of day and the clock, because Math.random gives the same values after each boot of some platforms.
   */
  readonly bootId?: number;
  /** Most message types to remember, 0 to 65,535. Default 64. */
  readonly messageTypes?: number;
}

export interface TelemetryOptions extends RingOptions {
  /**
   * If given, the first record says why the board was reset, and what became of the previous boot's ring. `true`: the
   * ring outlives a reset, in memory that manifests/retained.json reserves; without such memory, that record says so.
   * Default: neither.
   */
  readonly retained?: boolean;
  /** What of payloads and addresses reaches the ring: `privacy()` of xs-telemetry/privacy. Default: everything. */
  readonly privacy?: Privacy;
  /**
   * Messages beyond these limits are counted as `suppressed`, and a record reports them at their place. Connects,
   * disconnects and rejections are never limited. Default: no limits.
   */
  readonly limits?: Limits;
}

/** The names of RingOptions. */
export const RING_OPTIONS: readonly string[] = Object.freeze([
  "capacityBytes",
  "policy",
  "clock",
  "bootId",
  "messageTypes",
]);
const OPTIONS: readonly string[] = Object.freeze(RING_OPTIONS.concat("retained", "privacy", "limits"));
const LIMITS: readonly string[] = Object.freeze(["messagesPerSecond", "burst"]);
const MOST_MESSAGES = 1_000_000;
const MIN_CAPACITY_BYTES = 256;
const MAX_CAPACITY_BYTES = 268_435_456;
const DEFAULT_MESSAGE_TYPES = 64;
const MAX_MESSAGE_TYPES = 65_535;
/**
 * A clock of 32 bits may have wrapped into the negative; one that counts further may have been running for 31 years. A
 * time of day is larger.
 */
const MIN_FIRST_MS = -2_147_483_648;
const END_FIRST_MS = 1e12;
/**
 * Records WebSocket events in a preallocated ring, to be drained as packets. The constructor throws TypeError or
 * RangeError that names the option, its value and what is allowed; nothing else here throws.
 */
export class Telemetry {
  readonly #emitter: Emitter;

  constructor(options: TelemetryOptions) {
    const settings = checkOptions(options, OPTIONS);
    const { privacy, retained, limits } = options;
    if (retained !== undefined && typeof retained !== "boolean") refuse("retained", "true or false", retained);
    if (privacy !== undefined && typeof privacy?.protect !== "function")
      refuse("privacy", "made by privacy() of xs-telemetry/privacy", privacy);
    const limited = { ...settings, limits: checkLimits(limits) };
    const emitter = createEmitter(retained === undefined ? limited : { ...limited, retained });
    this.#emitter = privacy ? privacy.protect(emitter, () => enabled) : emitter;
  }

  /**
   * ws.connect: a client asks for a connection. Returns the connection, even while telemetry is off. `clientId`: an
   * integer from 0 to 2^32 - 1; other numbers are brought into that range and counted. `ip`: at most 45 bytes are kept.
   */
  connect(clientId: number, ip?: string): Connection {
    return this.#emitter.connect(clientId, ip);
  }

  /**
   * Returns the token of a message type: the same string gives the same token. Returns 0, which is "", if the table is
   * full or the type has more than 64 bytes; that is counted in `unlistedTypes`. A known type allocates nothing.
   */
  messageType(name: string): Token {
    return this.#emitter.messageType(name);
  }

  /**
   * Makes a new reader, which begins at the oldest record still in the ring. Under "discard" a ring without a reader
   * gives nothing up: once full, it refuses events until there is a reader.
   */
  reader(): Reader {
    return this.#emitter.reader();
  }

  /**
   * Keeps an incident: records that many more events, then refuses each and counts it as `discarded`, until thaw(). So
   * the ring holds what came before and after the call. Freezing a frozen ring changes nothing; readers read as ever. A
   * retained ring stays frozen across a reset, until thaw(), or until everything from earlier boots is read. `events`:
   * an integer from 0; other values are brought into range and counted. Never throws, allocates nothing.
   */
  freeze(events: number): void {
    this.#emitter.freeze(events);
  }

  /** Records again. What was refused is reported before the next record. */
  thaw(): void {
    this.#emitter.thaw();
  }

  /** The counters as the first open reader sees them; without one nothing is drained. Allocates the object. */
  counters(): Counters {
    return this.#emitter.counters();
  }
}

/** `known`: the names that options may have. Throws as Telemetry's constructor does. */
export function checkOptions(options: RingOptions, known: readonly string[]): EmitterSettings {
  checkNames(options, known);
  const capacityBytes = options.capacityBytes;
  checkNumber("capacityBytes", capacityBytes, MIN_CAPACITY_BYTES, MAX_CAPACITY_BYTES);
  const { policy = "overwrite", bootId, messageTypes = DEFAULT_MESSAGE_TYPES, clock } = options;
  if (policy !== "overwrite" && policy !== "discard") refuse("policy", '"overwrite" or "discard"', policy);
  if (bootId !== undefined) checkNumber("bootId", bootId, 0, Number.MAX_SAFE_INTEGER);
  checkNumber("messageTypes", messageTypes, 0, MAX_MESSAGE_TYPES);
  const first = clock === undefined ? undefined : firstReading(clock);
  return {
    capacitySlots: Math.floor(capacityBytes / SLOT_BYTES),
    discard: policy === "discard",
    clock: clock && guardClock(clock, first! | 0),
    uptimeMs: clock && first! >>> 0,
    eventSeq: 0,
    bootId: bootId ?? randomBootId(first ?? 0),
    messageTypes,
  };
}

function checkLimits(limits: Limits | undefined): Limits | undefined {
  if (limits === undefined) return undefined;
  checkNames(limits, LIMITS, "limits");
  const { messagesPerSecond, burst } = limits;
  checkNumber("limits.messagesPerSecond", messagesPerSecond, 1, MOST_MESSAGES);
  checkNumber("limits.burst", burst, 1, MOST_MESSAGES);
  return { messagesPerSecond, burst };
}

function firstReading(clock: Clock): number {
  if (clock === null || typeof clock !== "object" || typeof clock.now !== "function")
    refuse("clock", "an object with a method now()", clock);
  const first = clock.now();
  if (!Number.isFinite(first) || first < MIN_FIRST_MS || first >= END_FIRST_MS)
    refuse("clock.now()", "ms since boot, from -2^31 to 10^12, not a time of day", first);
  return first;
}
