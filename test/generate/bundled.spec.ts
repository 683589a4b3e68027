// The bundled registry's own events through generated writers: the same packets as from Telemetry, byte for byte.

import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Connection, Payload, Reader, Reason, TelemetryOptions, Token } from "xs-telemetry";
import { setEnabled } from "xs-telemetry/recorder";
import { writersSource } from "../../host/generate/writers.ts";
import { emittedRegistry } from "../../host/generated/registry.ts";
import { type CommonMethods, evaluate } from "../support/own-writers.ts";
import { runs } from "../support/properties.ts";
import { type Call, play, type Script } from "../support/script.ts";
import { scripts } from "../vectors/scripts.ts";
import vectors from "../vectors/wire-format-1-6daeb2e8.json" with { type: "json" };

interface Writers extends CommonMethods {
  wsConnect(connEpoch: number, clientId: number, ip?: string): void;
  wsConnected(connEpoch: number, clientId: number): void;
  wsDisconnect(connEpoch: number, clientId: number, closeCode?: number): void;
  msgRecv(connEpoch: number, clientId: number, msgType: number, result: number, reason: number, text?: Payload): void;
  msgSend(connEpoch: number, clientId: number, msgType: number, payloadSummary?: Payload): void;
}
const Generated = evaluate(writersSource(emittedRegistry, `registry/${emittedRegistry.schemaVersion}.yaml`)) as new (
  options: TelemetryOptions,
) => Writers;

/** Writers bring a number into range, Telemetry leaves it out. */
const isCode = (code: unknown) => Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 65_535;

/** Telemetry's calls by the generated writers. */
class ByWriters {
  readonly #writers: Writers;
  #connections = 0;

  constructor(options: TelemetryOptions) {
    this.#writers = new Generated(options);
  }

  connect(clientId: number, ip?: string): Connection {
    const writers = this.#writers;
    const epoch = this.#connections++;
    writers.wsConnect(epoch, clientId, ip);
    return {
      connected: () => writers.wsConnected(epoch, clientId),
      disconnected: (code) => writers.wsDisconnect(epoch, clientId, isCode(code) ? code : undefined),
      received: (type, payload) => writers.msgRecv(epoch, clientId, type, 0, 0, payload),
      rejected: (reason, type, payload) => writers.msgRecv(epoch, clientId, type, 1, reason, payload),
      sent: (type, payload) => writers.msgSend(epoch, clientId, type, payload),
      answered(receivedType, sentType) {
        this.received(receivedType);
        this.sent(sentType);
      },
    };
  }

  messageType(name: string): Token {
    return this.#writers.token(name);
  }

  reader(): Reader {
    return this.#writers.reader();
  }
}
const STAGE = { Telemetry: ByWriters, setEnabled };

const payload = fc.option(
  fc.oneof(
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 120 }),
    fc.uint8Array({ maxLength: 120 }).map((bytes) => ({ hex: Buffer.from(bytes).toString("hex") })),
  ),
  { nil: undefined },
);
const type = fc.constantFrom("", "a", "getStatus", "\ud800", "x".repeat(65));
const id = fc.integer({ min: 0, max: 0xffff_ffff });
const on = fc.constant(0);
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ do: fc.constant("connect" as const), id, ip: fc.string({ unit: "binary", maxLength: 60 }) }),
  fc.record({ do: fc.constant("connected" as const), on }),
  fc.record({ do: fc.constant("disconnected" as const), on }),
  fc.record({ do: fc.constant("disconnected" as const), on, code: fc.integer({ min: -1, max: 65_536 }) }),
  fc.record({ do: fc.constantFrom("received" as const, "sent" as const), on, type, payload }).map(given),
  fc
    .record({ do: fc.constant("rejected" as const), on, reason: fc.constantFrom<Reason[]>(1, 2, 3, 4), type, payload })
    .map(given),
  fc.record({ do: fc.constant("enable" as const), value: fc.boolean() }),
  fc.record({ do: fc.constant("next" as const), on, bytes: fc.integer({ min: 256, max: 2000 }) }),
);
const script: fc.Arbitrary<Script> = fc
  .record({
    capacityBytes: fc.integer({ min: 256, max: 2048 }),
    policy: fc.constantFrom("overwrite" as const, "discard" as const),
    steps: fc.array(fc.nat(0x7fff_ffff), { minLength: 1, maxLength: 20 }),
    calls: fc.array(call, { maxLength: 60 }),
  })
  .map(({ capacityBytes, policy, steps, calls }) => {
    const readings: number[] = [];
    for (const step of steps) readings.push(((readings.at(-1) ?? 0) + step) | 0);
    const first: Call[] = [{ do: "connect", id: 1 }, { do: "reader" }];
    const last = Array.from({ length: 20 }, (): Call => ({ do: "next", on: 0, bytes: 1400 }));
    return { capacityBytes, policy, bootId: 5, messageTypes: 2, clock: readings, calls: [...first, ...calls, ...last] };
  });

/** Without the key of a payload that is not there. */
function given<T extends { payload: unknown }>({ payload, ...others }: T): Call {
  return (payload === undefined ? others : { ...others, payload }) as unknown as Call;
}

describe("the bundled registry's events, by generated writers", () => {
  for (const [name, each] of Object.entries(scripts).filter(([, { limits }]) => limits === undefined)) {
    it(`are the same packets as the vectors: ${name}`, () => {
      const { packets } = (vectors as Record<string, { packets: string[] }>)[name]!;
      ok(packets.length > 0);
      deepEqual(play(each, STAGE), packets);
    });
  }

  it("are the same packets as Telemetry's, whatever is called", () => {
    fc.assert(
      fc.property(script, (each) => deepEqual(play(each, STAGE), play(each))),
      runs(2000, 150),
    );
  });

  it("are not emitted if two enums contradict the registry's rule, or one has no such value; that is counted", () => {
    const writers = new Generated({ capacityBytes: 1024 });
    const wrong = [
      [0, 1],
      [1, 0],
      [2, 0],
      [1, 5],
      [0, -1],
      ["0", 0],
      [0, undefined],
    ] as [number, number][];
    for (const [result, reason] of wrong) writers.msgRecv(0, 1, 0, result, reason);
    writers.msgRecv(0, 1, 0, 0, 0);
    writers.msgRecv(0, 1, 0, 1, 4);
    const { emitted, suppressed, invalidArguments } = writers.counters();
    deepEqual([emitted, suppressed, invalidArguments], [2, wrong.length, wrong.length]);
  });
});
