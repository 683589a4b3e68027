/** Perfetto's TrackEvent protobuf. */
import type { RegistryModel } from "../registry/model.ts";
import type { ExportOutput } from "./output.ts";
import { ProtobufWriter } from "./protobuf.ts";
import type { Values } from "./source.ts";
import { type Flows, Steps, type TraceTarget, type Track, withoutNul } from "./trace.ts";

// Field numbers, by message.
const TRACE_PACKET = 1;
const PACKET = {
  clockSnapshot: 6,
  timestamp: 8,
  sequenceId: 10,
  trackEvent: 11,
  internedData: 12,
  sequenceFlags: 13,
  defaults: 59,
  trackDescriptor: 60,
  firstOnSequence: 87,
} as const;
const CLOCKS = { clocks: 1, primaryClock: 2, id: 1, timestamp: 2 } as const;
const DEFAULTS = { clockId: 58 } as const;
const DESCRIPTOR = {
  uuid: 1,
  name: 2,
  parentUuid: 5,
  counter: 8,
  childOrdering: 11,
  rank: 12,
  description: 14,
} as const;
const COUNTER = { unitName: 6 } as const;
const EVENT = {
  annotations: 4,
  type: 9,
  nameIid: 10,
  trackUuid: 11,
  name: 23,
  counterValue: 30,
  doubleCounterValue: 44,
  flowIds: 47,
  terminatingFlowIds: 48,
} as const;
const ANNOTATION = { nameIid: 1, bool: 2, int: 4, double: 5, string: 6, name: 10 } as const;
const INTERNED = { eventNames: 2, annotationNames: 3, iid: 1, name: 2 } as const;

const BOOTTIME = 6;
const REALTIME = 1;
const BEGIN = 1;
const END = 2;
const INSTANT = 3;
const COUNT = 4;
const CLEARED = 1;
const NEEDS_STATE = 2;
const EXPLICIT = 3;
const CHRONOLOGICAL = 2;
const SEQUENCE = 1;
const MOST_MS = 9_223_372_036_854;
const NS_PER_MS = 1_000_000n;
const MOST_STEP = 999_999;
const TAKE_BYTES = 32 * 1024;

export class PerfettoTrace implements TraceTarget {
  readonly #output: ExportOutput;
  readonly #out = new ProtobufWriter();
  readonly #isTimed: boolean;
  readonly #steps = new Steps();
  readonly #eventNames: ReadonlyMap<string, number>;
  readonly #keys: ReadonlyMap<string, { readonly iid: number; readonly isDouble: boolean }>;
  #hasBegun = false;

  /** `isTimed`: times are times of day, else since boot. */
  constructor(output: ExportOutput, registry: RegistryModel, isTimed: boolean) {
    this.#output = output;
    this.#isTimed = isTimed;
    this.#eventNames = new Map(registry.events.map(({ name }, index) => [name, index + 1]));
    this.#keys = new Map(
      registry.attributes.map(({ key, type }, index) => [key, { iid: index + 1, isDouble: type === "double" }]),
    );
    this.#packet(() => {
      const out = this.#out;
      out.uint(PACKET.sequenceFlags, CLEARED | NEEDS_STATE);
      out.bool(PACKET.firstOnSequence, true);
      out.message(PACKET.defaults, () => out.uint(DEFAULTS.clockId, BOOTTIME));
      out.message(PACKET.internedData, () => {
        const name = (field: number, iid: number, text: string) =>
          out.message(field, () => {
            out.uint(INTERNED.iid, iid);
            out.text(INTERNED.name, withoutNul(text));
          });
        for (const [text, iid] of this.#eventNames) name(INTERNED.eventNames, iid, text);
        for (const [text, { iid }] of this.#keys) name(INTERNED.annotationNames, iid, text);
      });
    });
  }

  track({ id, parent, name, kind, unit = "", description = "" }: Track): void {
    const out = this.#out;
    this.#packet(() =>
      out.message(PACKET.trackDescriptor, () => {
        out.uint(DESCRIPTOR.uuid, id);
        out.text(DESCRIPTOR.name, withoutNul(name));
        if (parent !== undefined) out.uint(DESCRIPTOR.parentUuid, parent.id);
        if (kind === "counter") out.message(DESCRIPTOR.counter, () => out.text(COUNTER.unitName, unit));
        // Boots, counters and clients in their order; connections by their time.
        if (kind === "group")
          out.uint(DESCRIPTOR.childOrdering, parent?.parent === undefined ? EXPLICIT : CHRONOLOGICAL);
        out.int(DESCRIPTOR.rank, Math.min(id, 2 ** 31 - 1));
        if (description !== "") out.text(DESCRIPTOR.description, withoutNul(description));
      }),
    );
  }

  begin(track: Track, ms: number, name: string, values: Values): void {
    this.#event(track, ms, BEGIN, () => {
      this.#out.text(EVENT.name, withoutNul(name));
      this.#annotations(values);
    });
  }

  end(track: Track, ms: number): void {
    this.#event(track, ms, END, () => {});
  }

  instant(track: Track, ms: number, name: string, values: Values, { begins, ends }: Flows): void {
    this.#event(track, ms, INSTANT, () => {
      const iid = this.#eventNames.get(name);
      if (iid === undefined) this.#out.text(EVENT.name, withoutNul(name));
      else this.#out.uint(EVENT.nameIid, iid);
      this.#annotations(values);
      if (begins !== 0) this.#out.fixed64(EVENT.flowIds, begins);
      for (const id of ends) this.#out.fixed64(EVENT.terminatingFlowIds, id);
    });
  }

  counter(track: Track, ms: number, value: number): void {
    this.#event(track, ms, COUNT, () => {
      if (Number.isInteger(value)) this.#out.int(EVENT.counterValue, value);
      else this.#out.double(EVENT.doubleCounterValue, value);
    });
  }

  close(): void {
    this.#output.write(this.#out.take());
  }

  #event(track: Track, ms: number, type: number, write: () => void): void {
    const out = this.#out;
    // A nanosecond for each instant before it in its millisecond, so that none is within another.
    const step = type === COUNT ? 0 : Math.min(this.#steps.of(track, ms, type === INSTANT), MOST_STEP);
    const ns = BigInt(Math.max(0, Math.min(ms, MOST_MS))) * NS_PER_MS + BigInt(step);
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      if (this.#isTimed) this.#clocks(ns);
    }
    this.#packet(() => {
      out.bigUint(PACKET.timestamp, ns);
      out.uint(PACKET.sequenceFlags, NEEDS_STATE);
      const from = out.begin(PACKET.trackEvent);
      out.uint(EVENT.type, type);
      out.uint(EVENT.trackUuid, track.id);
      write();
      out.finish(from);
    });
  }

  /** The trace's time is the time of day. One snapshot: several would be applied as steps. */
  #clocks(ns: bigint): void {
    const out = this.#out;
    this.#packet(() =>
      out.message(PACKET.clockSnapshot, () => {
        for (const id of [BOOTTIME, REALTIME])
          out.message(CLOCKS.clocks, () => {
            out.uint(CLOCKS.id, id);
            out.bigUint(CLOCKS.timestamp, ns);
          });
        out.uint(CLOCKS.primaryClock, BOOTTIME);
      }),
    );
  }

  #annotations(values: Values): void {
    const out = this.#out;
    for (const key in values) {
      const value = values[key]!;
      const known = this.#keys.get(key);
      const from = out.begin(EVENT.annotations);
      if (known === undefined) out.text(ANNOTATION.name, withoutNul(key));
      else out.uint(ANNOTATION.nameIid, known.iid);
      if (typeof value === "string") out.text(ANNOTATION.string, withoutNul(value));
      else if (typeof value === "boolean") out.bool(ANNOTATION.bool, value);
      // By the registry, not by the value: 2 may be a double.
      else if (known?.isDouble === true || !Number.isSafeInteger(value)) out.double(ANNOTATION.double, value);
      else out.int(ANNOTATION.int, value);
      out.finish(from);
    }
  }

  #packet(write: () => void): void {
    const out = this.#out;
    const from = out.begin(TRACE_PACKET);
    out.uint(PACKET.sequenceId, SEQUENCE);
    write();
    out.finish(from);
    if (out.length >= TAKE_BYTES) this.#output.write(out.take());
  }
}
