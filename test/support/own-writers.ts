/** Generated writers, run in Node: calls made, packets drained. */
import assert from "node:assert/strict";
import { transformSync } from "esbuild";
import type { Counters, Reader } from "xs-telemetry";
import * as recorder from "xs-telemetry/recorder";
import { writersSource } from "../../host/generate/writers.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import type { Call } from "./arbitrary-calls.ts";
import {
  attributeOrder,
  type EventSpec,
  type FieldSpec,
  type RegistrySpec,
  SCHEMA_URL,
  SCHEMA_VERSION,
} from "./arbitrary-registries.ts";

type Method = (...values: unknown[]) => void;

/** What every generated class has. */
export interface CommonMethods {
  token(name: string): recorder.Token;
  reader(): Reader;
  counters(): Counters;
}
export type OwnClass = new (options: recorder.TelemetryOptions) => CommonMethods;

/** The class that a module of generated TypeScript exports. */
export function evaluate(source: string): OwnClass {
  const { code } = transformSync(source, { loader: "ts", format: "cjs", target: "node20" });
  const require = (name: string) => (name === "xs-telemetry/recorder" ? recorder : assert.fail(`import of ${name}`));
  const module: { exports: { Telemetry?: OwnClass } } = { exports: {} };
  new Function("require", "module", "exports", code)(require, module, module.exports);
  return module.exports.Telemetry!;
}

/** Methods of the events, in the registry's order. */
export function methodsOf(telemetry: CommonMethods): Method[] {
  const prototype = Object.getPrototypeOf(telemetry) as Record<string, Method>;
  const common = ["constructor", "token", "reader", "counters"];
  return Object.getOwnPropertyNames(prototype)
    .filter((name) => !common.includes(name))
    .map((name) => prototype[name]!.bind(telemetry));
}

/** A registry with its writers, with its own clock. */
export class OwnDevice {
  readonly model: RegistryModel;
  readonly telemetry: CommonMethods;
  readonly clock = { ms: 0, now: () => this.clock.ms };
  readonly #events: readonly EventSpec[];
  readonly #methods: readonly Method[];
  readonly #hasUrl: boolean;

  constructor({ yaml, events, hasUrl }: RegistrySpec, capacityBytes = 1 << 16) {
    this.model = loadRegistry(yaml, "own.yaml");
    const Telemetry = evaluate(writersSource(this.model, "own.yaml"));
    this.telemetry = new Telemetry({ capacityBytes, clock: this.clock, bootId: 1, messageTypes: 1000 });
    this.#methods = methodsOf(this.telemetry);
    this.#events = events;
    this.#hasUrl = hasUrl;
  }

  /** Makes the call; values in the form of decoded events, others unchanged. */
  call({ event, values, afterMs }: Call): void {
    this.clock.ms += afterMs;
    const given = [
      ...event.fields.filter((field) => !field.isOptional),
      ...event.fields.filter((field) => field.isOptional),
    ];
    this.#methods[this.#events.indexOf(event)]!(...given.map((field) => this.#argument(field, values[field.key])));
  }

  #argument({ kind, members }: FieldSpec, value: unknown): unknown {
    if (typeof value !== "string") return value;
    if (kind === "enum") return members.find((member) => member.value === value)?.code ?? value;
    return kind === "token" ? this.telemetry.token(value) : value;
  }

  /** What decode must show for a call. */
  expected({ event, values }: Call, number: number, timeMs = this.clock.ms): object {
    const derived: Record<string, unknown> = {
      event: event.name,
      "uptime.ms": timeMs,
      number,
      "schema.version": SCHEMA_VERSION,
      "schema.url": SCHEMA_URL,
    };
    const shown: [string, unknown][] = [];
    for (const { key, field } of attributeOrder(event.fields, this.#hasUrl)) {
      if (!field) shown.push([key, derived[key]]);
      else if (values[field.key] !== undefined && !(key === field.absentName && values[field.key] === ""))
        shown.push([key, decodedValue(field, values[field.key])]);
    }
    return Object.fromEntries(shown);
  }

  /** Everything that waits, as a packet stream. */
  drain(reader = this.telemetry.reader()): Uint8Array {
    const packets: Uint8Array[] = [];
    const buffer = new Uint8Array(1400);
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
    return Uint8Array.from(Buffer.concat(packets));
  }
}

function decodedValue({ kind }: FieldSpec, value: unknown): unknown {
  if (typeof value !== "number") return value;
  return (kind === "f32" ? Math.fround(value) : value) + 0;
}
