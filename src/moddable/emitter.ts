import type { Connection, Counters, Emitter, EmitterSettings, Payload, Reader } from "../ring/api.ts";
import { bytesOf } from "../ring/bytes.ts";
import type { Reason } from "../ring/reason.ts";
import { enabled, onSwitch, type Switched } from "../ring/switch.ts";
import { TokenTable } from "../ring/tokens.ts";

// Moddable's compiler binds a method to its native only if the method is nothing but this call, with its own parameters.
// What the natives do stands in telemetryNatives.c.

// Numbers of counters in telemetryNatives.c.
const EMITTED = 0;
const DRAINED = 1;
const OVERWRITTEN = 2;
const DISCARDED = 3;
const SUPPRESSED = 4;
const INVALID_ARGUMENTS = 5;

class NativeConnection extends Native("xs_telemetry_connection_destructor") implements Connection {
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

  disconnected(): void {
    native("xs_telemetry_disconnected").call(this);
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
    names: readonly string[],
    bytesReader: typeof bytesOf,
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
      names,
      bytesReader,
    );
  }

  enable(on: boolean): void {
    native("xs_telemetry_emitter_enable").call(this, on);
  }

  /** Tells how many names there are. */
  tokens(count: number): void {
    native("xs_telemetry_emitter_tokens").call(this, count);
  }

  /** Bytes of a name in a packet of tokens, exact up to 64. */
  utf8Bytes(name: string): number {
    return native("xs_telemetry_emitter_utf8_bytes").call(this, name) as number;
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

  next(buffer: Uint8Array): number {
    return native("xs_telemetry_reader_next").call(this, buffer) as number;
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

// Classes, and no closures: they are preloaded, so that an emitter takes no RAM for its methods.

class CountingReader extends NativeReader implements Reader {
  readonly #emitter: NativeEmitter;
  #closed: Counters | undefined;

  constructor(emitter: NativeEmitter) {
    super(emitter);
    this.#emitter = emitter;
  }

  counters(): Counters {
    return this.#closed ?? this.#emitter.countersOf(this);
  }

  close(): void {
    this.#closed ??= this.counters();
    this.release();
  }
}

/** Of an emitter, all that its switch gets. */
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
  private readonly typeNames: TokenTable;
  private readonly gate: Gate;
  private invalidNames = 0;
  private unlistedTypes = 0;

  constructor({ capacitySlots, discard, eventSeq, uptimeMs, bootId, clock, messageTypes }: EmitterSettings) {
    const names = new TokenTable(messageTypes);
    super(capacitySlots, discard, eventSeq, uptimeMs, bootId, clock, names.names, bytesOf);
    this.typeNames = names;
    this.enable(enabled);
    this.gate = new Gate(this);
    onSwitch(this.gate);
  }

  connect(clientId: unknown, ip: unknown): Connection {
    return new NativeConnection(this, clientId, ip);
  }

  messageType(name: unknown): number {
    if (typeof name !== "string") {
      this.invalidNames++;
      return 0;
    }
    const token = this.typeNames.intern(name, this);
    this.tokens(this.typeNames.count);
    if (token >= 0) return token;
    this.unlistedTypes++;
    return 0;
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
      invalidArguments: seen.count(INVALID_ARGUMENTS) + this.invalidNames,
      unlistedTypes: this.unlistedTypes,
    };
  }
}

/** The emitter in C. */
export function createEmitter(settings: EmitterSettings): Emitter {
  return new NativeEmitter(settings);
}
