import type { OpenSink } from "../../src/drain/sink.ts";
import type { Policy } from "../../src/telemetry.ts";
import { type BootCounters, Device, type LinkCounters } from "./device.ts";

export interface SimulateOptions {
  /** Opens the destination for the packets of a device; called for each, with its name. */
  readonly open: (device: string) => OpenSink;
  /** The same seed gives the same devices, boot ids and calls. An integer; its low 32 bits count. */
  readonly seed: number;
  /** Default 1. */
  readonly devices?: number;
  /** The beginning of the devices' names. Default "sim". */
  readonly name?: string;
  /** It ends when each device has emitted this many events … */
  readonly events?: number;
  /** … or after this time; without either, when `signal` is aborted. */
  readonly durationMs?: number;
  readonly signal?: { readonly aborted: boolean };
  /** Mean events per second and device; "max": as fast as the rings are drained, without overwriting. Default 20. */
  readonly rate?: number | "max";
  /** Mean number of events from boot to reboot; 0: never. Default 2,000. */
  readonly rebootEvery?: number;
  /** Default 16,384. */
  readonly capacityBytes?: number;
  /** Default "overwrite". */
  readonly policy?: Policy;
  /** Of the drainer; its own defaults. */
  readonly packetBytes?: number;
  readonly everyMs?: number;
  readonly packetsPerSlice?: number;
  /** After the last event, the time for what waits in rings to leave. Default 5,000 ms. */
  readonly lingerMs?: number;
  /** Called with the number of events so far, now and then. */
  readonly onProgress?: (events: number) => void;
}

export type EventCounters = Omit<BootCounters, "bootId">;

export interface SimulatedDevice {
  readonly device: string;
  readonly boots: readonly BootCounters[];
  readonly link: LinkCounters;
}

export interface Simulation {
  readonly seed: number;
  readonly seconds: number;
  /** Of all boots of all devices. */
  readonly events: EventCounters;
  readonly link: LinkCounters;
  readonly devices: readonly SimulatedDevice[];
}

/** Time between two checks for what is due. */
const STEP_MS = 10;
/**
 * Most devices that are switched on in a ms, and in a step: a broker accepts a limited number of connections at once.
 */
const STARTS_PER_MS = 1;
const STARTS_PER_STEP = 100;

/**
 * Simulates devices until their events or the time have run out; then waits until what they hold has left, and switches
 * them off. Returns what became of every event. Throws what the emitter's constructor throws for a wrong option.
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const { seed, open, name = "sim", durationMs = Number.POSITIVE_INFINITY, signal, lingerMs = 5000 } = options;
  const { devices: count = 1, events: mostEvents = Number.POSITIVE_INFINITY, onProgress } = options;
  const digits = Math.max(4, String(count).length);
  const devices = Array.from({ length: count }, (_, index) => {
    const id = `${name}-${String(index + 1).padStart(digits, "0")}`;
    return new Device({
      id,
      seed,
      number: index + 1,
      open: open(id),
      rate: options.rate ?? 20,
      rebootEvery: options.rebootEvery ?? 2000,
      capacityBytes: options.capacityBytes ?? 16_384,
      policy: options.policy ?? "overwrite",
      packetBytes: options.packetBytes ?? 1400,
      everyMs: options.everyMs ?? 100,
      packetsPerSlice: options.packetsPerSlice ?? 4,
    });
  });

  const fromMs = performance.now();
  const startsMs: number[] = [];
  try {
    await everyStep(() => {
      const nowMs = performance.now();
      const due = Math.min(count, startsMs.length + STARTS_PER_STEP, 1 + (nowMs - fromMs) * STARTS_PER_MS);
      while (startsMs.length < due) startsMs.push(nowMs);
      let isOver = startsMs.length === count;
      let made = 0;
      for (let index = 0; index < startsMs.length; index++) {
        const device = devices[index]!;
        const elapsedMs = nowMs - startsMs[index]!;
        if (device.events < mostEvents && elapsedMs < durationMs) {
          device.advance(elapsedMs, mostEvents);
          if (device.events < mostEvents) isOver = false;
        }
        made += device.events;
      }
      onProgress?.(made);
      return isOver || signal?.aborted === true;
    });
    const endMs = performance.now() + lingerMs;
    await everyStep(() => performance.now() >= endMs || devices.every((device) => device.isDrained()));
  } finally {
    for (const device of devices) device.stop();
  }
  const found = devices.map((device) => ({ device: device.id, boots: device.boots(), link: device.link() }));
  return {
    seed,
    seconds: (performance.now() - fromMs) / 1000,
    events: sumOf(
      ["emitted", "drained", "overwritten", "discarded", "pending", "suppressed", "unsent"],
      found.flatMap(({ boots }) => boots),
    ),
    link: sumOf(
      ["packets", "bytes", "refusals", "opens", "failures", "stalls", "dropped"],
      found.map(({ link }) => link),
    ),
    devices: found,
  };
}

/** Calls `step` until it returns true. Rejects with what it throws. */
function everyStep(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        if (!step()) return;
        resolve();
      } catch (error) {
        reject(error);
      }
      clearInterval(timer);
    }, STEP_MS);
  });
}

function sumOf<Name extends string>(
  names: readonly Name[],
  all: readonly Record<Name, number>[],
): Record<Name, number> {
  const sums = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  for (const each of all) for (const name of names) sums[name] += each[name];
  return sums;
}
