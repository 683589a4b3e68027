import type { Connection, Counters, Emitter, EmitterSettings, Payload, Reader } from "../../api.ts";
import { type BytesOf, bytesReader } from "../../bytes.ts";
import type { Reason } from "../../reason.ts";
import { enabled, onSwitch } from "../../switch.ts";
import { TokenTable } from "../../tokens.ts";

// Moddable's compiler binds a method to its native only if the method is nothing but this call, with its own parameters.
// What the natives do stands in telemetryNatives.c.

const STRING = "string"; // hoisted: a literal in a function of a preloaded module may be copied each time it is reached

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
    bytesOf: BytesOf,
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
      bytesOf,
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

  release(): void {
    native("xs_telemetry_reader_close").call(this);
  }

  count(which: number): number {
    return native("xs_telemetry_reader_count").call(this, which) as number;
  }
}

/** The emitter in C. */
export function createEmitter(settings: EmitterSettings): Emitter {
  const { capacitySlots, discard, eventSeq, uptimeMs, bootId, clock, messageTypes } = settings;
  const tokens: TokenTable = new TokenTable(messageTypes, (name) => ring.utf8Bytes(name));
  const ring: NativeRing = new NativeRing(
    capacitySlots,
    discard,
    eventSeq,
    uptimeMs,
    bootId,
    clock,
    tokens.names,
    bytesReader(),
  );
  onSwitch(ring);
  ring.enable(enabled);
  let invalidArguments = 0; // of messageType(), which the natives do not see
  let unlistedTypes = 0;

  function countersOf(seen: { count(which: number): number }): Counters {
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
      invalidArguments: seen.count(INVALID_ARGUMENTS) + invalidArguments,
      unlistedTypes,
    };
  }

  class ClosingReader extends NativeReader implements Reader {
    #closed: Counters | undefined;

    counters(): Counters {
      return this.#closed ?? countersOf(this);
    }

    close(): void {
      this.#closed ??= countersOf(this);
      this.release();
    }
  }

  return {
    connect: (clientId, ip) => new NativeConnection(ring, clientId, ip),

    messageType(name) {
      if (typeof name !== STRING) {
        invalidArguments++;
        return 0;
      }
      const token = tokens.intern(name as string);
      ring.tokens(tokens.count);
      if (token >= 0) return token;
      unlistedTypes++;
      return 0;
    },

    reader: () => new ClosingReader(ring),
    counters: () => countersOf(ring),
  };
}
