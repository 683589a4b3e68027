import type {
  Connection,
  Counters,
  Emitter,
  EmitterSettings,
  Payload,
  Reader,
  Relay,
  Relaying,
  Token,
} from "../ring/api.ts";
import { bytesOf, checkBytes } from "../ring/bytes.ts";
import { MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { Reason } from "../ring/reason.ts";
import { enabled, onSwitch, type Switched } from "../ring/switch.ts";

// Moddable's compiler binds a method to its native only if the method is nothing but this call, with its own parameters.
// The natives are in native/: telemetryEmitter.c, telemetryConnection.c, telemetryMessages.c, telemetryReaderNatives.c,
// telemetryRelay.c.

// Numbers of counters in telemetryEmitter.c.
const EMITTED = 0;
const DRAINED = 1;
const OVERWRITTEN = 2;
const DISCARDED = 3;
const SUPPRESSED = 4;
const INVALID_ARGUMENTS = 5;
const UNLISTED_TYPES = 6;
const TOLD = 7;

class NativeConnection extends Native("xs_telemetry_connection_destructor") implements Connection, Relaying {
  constructor(ring: NativeRing, clientId: unknown, ip: unknown) {
    super();
    native("xs_telemetry_connection").call(this, ring, clientId, ip);
  }

  connected(): void {
    native("xs_telemetry_connected").call(this);
  }

  received(messageType: number, payload?: Payload): void {
    native("xs_telemetry_received").call(this, messageType, payload);
  }

  rejected(reason: Reason, messageType: number, payload?: Payload): void {
    native("xs_telemetry_rejected").call(this, reason, messageType, payload);
  }

  sent(messageType: number, payload?: Payload): void {
    native("xs_telemetry_sent").call(this, messageType, payload);
  }

  answered(receivedType: number, sentType: number): void {
    native("xs_telemetry_answered").call(this, receivedType, sentType);
  }

  disconnected(closeCode?: number): void {
    native("xs_telemetry_disconnected").call(this, closeCode);
  }

  typeOf(message: unknown): Token {
    return native("xs_telemetry_type_of").call(this, message) as Token;
  }

  relay(next: unknown, write: unknown, other: unknown, token: number | undefined, payloads: boolean): Relay {
    return new NativeRelay(this, next, write, other, token, payloads) as NativeRelay & Relay;
  }
}

class NativeRelay extends Native("xs_telemetry_relay_destructor") {
  constructor(
    connection: NativeConnection,
    next: unknown,
    write: unknown,
    other: unknown,
    token: number | undefined,
    payloads: boolean,
  ) {
    super();
    native("xs_telemetry_relay").call(this, connection, next, write, other, token, payloads);
  }

  settle(): boolean {
    return native("xs_telemetry_relay_end").call(this) as boolean;
  }

  reject(reason: Reason): boolean {
    return native("xs_telemetry_relay_end").call(this, reason) as boolean;
  }

  stop(): void {
    native("xs_telemetry_relay_stop").call(this);
  }
}

class NativeRing extends Native("xs_telemetry_emitter_destructor") {
  constructor(
    capacitySlots: number,
    discard: boolean,
    eventSeq: number,
    uptimeMs: number | undefined,
    bootId: number,
    clock: (() => number) | undefined,
    messageTypes: number,
    bytesReader: typeof bytesOf,
    messagesPerSecond: number,
    burst: number,
    retained: boolean | undefined,
  ) {
    super();
    native("xs_telemetry_emitter").call(
      this,
      capacitySlots,
      discard,
      eventSeq,
      uptimeMs,
      bootId,
      clock,
      messageTypes,
      bytesReader,
      messagesPerSecond,
      burst,
      retained,
    );
  }

  enable(on: boolean): void {
    native("xs_telemetry_emitter_enable").call(this, on);
  }

  messageType(name: unknown): Token {
    return native("xs_telemetry_message_type").call(this, name) as Token;
  }

  freeze(events: unknown): void {
    native("xs_telemetry_emitter_freeze").call(this, events);
  }

  thaw(): void {
    native("xs_telemetry_emitter_thaw").call(this);
  }

  /** A counter as the first open reader sees it. */
  count(which: number): number {
    return native("xs_telemetry_emitter_count").call(this, which) as number;
  }
}

class NativeReader extends Native("xs_telemetry_reader_destructor") {
  constructor(ring: NativeRing) {
    super();
    native("xs_telemetry_reader").call(this, ring);
  }

  /** next() with a Uint8Array that has room for the smallest packet. */
  fill(buffer: Uint8Array): number {
    return native("xs_telemetry_reader_fill").call(this, buffer) as number;
  }

  repeatTokens(): void {
    native("xs_telemetry_reader_repeat_tokens").call(this);
  }

  release(): void {
    native("xs_telemetry_reader_close").call(this);
  }

  count(which: number): number {
    return native("xs_telemetry_reader_count").call(this, which) as number;
  }
}

const NO_RETAINED = "retained needs manifests/retained.json of xs-telemetry in the firmware's manifest";

// Classes, not closures: they are preloaded, so the methods of an emitter take no RAM.

class CountingReader extends NativeReader implements Reader {
  readonly #emitter: NativeEmitter;
  #closed: Counters | undefined;

  constructor(emitter: NativeEmitter) {
    super(emitter);
    this.#emitter = emitter;
  }

  next(buffer: Uint8Array): number {
    checkBytes(buffer, MIN_PACKET_BUFFER_BYTES);
    return this.fill(buffer);
  }

  counters(): Counters {
    return this.#closed ?? this.#emitter.countersOf(this);
  }

  close(): void {
    this.#closed ??= this.counters();
    this.release();
  }
}

/** All that the switch gets of an emitter. */
class Gate implements Switched {
  readonly #ring: NativeRing;

  constructor(ring: NativeRing) {
    this.#ring = ring;
  }

  enable(on: boolean): void {
    this.#ring.enable(on);
  }
}

class NativeEmitter extends NativeRing implements Emitter {
  private readonly gate: Gate;

  constructor({
    capacitySlots,
    discard,
    eventSeq,
    uptimeMs,
    bootId,
    clock,
    messageTypes,
    limits,
    retained,
  }: EmitterSettings) {
    const { messagesPerSecond = 0, burst = 0 } = limits ?? {};
    super(
      capacitySlots,
      discard,
      eventSeq,
      uptimeMs,
      bootId,
      clock,
      messageTypes,
      bytesOf,
      messagesPerSecond,
      burst,
      retained,
    );
    // Without the manifest the natives have no memory for it, and no such counter.
    if (retained !== undefined && this.count(TOLD) === 0) throw new RangeError(NO_RETAINED);
    this.enable(enabled);
    this.gate = new Gate(this);
    onSwitch(this.gate);
  }

  connect(clientId: unknown, ip: unknown): Connection {
    return new NativeConnection(this, clientId, ip);
  }

  reader(): Reader {
    return new CountingReader(this);
  }

  counters(): Counters {
    return this.countersOf(this);
  }

  countersOf(seen: { count(which: number): number }): Counters {
    const emitted = seen.count(EMITTED);
    const drained = seen.count(DRAINED);
    const overwritten = seen.count(OVERWRITTEN);
    const discarded = seen.count(DISCARDED);
    return {
      emitted,
      drained,
      overwritten,
      discarded,
      pending: emitted - drained - overwritten - discarded,
      suppressed: seen.count(SUPPRESSED),
      invalidArguments: seen.count(INVALID_ARGUMENTS),
      unlistedTypes: seen.count(UNLISTED_TYPES),
    };
  }
}

/** The emitter in C. */
export function createEmitter(settings: EmitterSettings): Emitter {
  return new NativeEmitter(settings);
}
