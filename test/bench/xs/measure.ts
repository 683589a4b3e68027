/** How a case is measured inside XS, on any machine: two batches, their difference, minus an empty loop. */
import { ok } from "../../support/assert.ts";
import type { BenchCase, Running } from "../case.ts";

/** What the machine counts, and how much of it a run may use. */
export interface Meter {
  /** Instructions or nanoseconds: the unit of a cost. */
  now(): number;
  /** Bytes allocated so far, if known; freed ones count until a collection. */
  allocatedBytes(): number;
  /** Collections of garbage so far; there must be none within a batch. */
  collections(): number;
  gc(): void;
  readonly rounds: number;
  /** The factor by which batches are larger than an exact counter would need. */
  readonly factor: number;
  /** Turns of the loop in the smaller batch: once round the ring; */
  readonly turns: number;
  /** of cases so short that a clock hardly notices them; */
  readonly manyTurns: number;
  /** of cases that allocate, so few that no collection happens in between; */
  readonly fewTurns: number;
  /** packets, so few that none is a packet of tokens. */
  readonly packets: number;
}

export interface Measured {
  readonly cost: number;
  readonly allocatedBytes: number;
  readonly recordBytes: number | null;
}

interface Sample {
  readonly cost: number;
  readonly allocatedBytes: number;
}

/** N events, measured; 0 collections, otherwise the allocation would be unknown. */
function sample(meter: Meter, running: Running, count: number): Sample {
  running.prepare?.(count);
  meter.gc();
  const collections = meter.collections();
  const allocated = meter.allocatedBytes();
  const from = meter.now();
  running.run(count);
  const to = meter.now();
  const allocatedBytes = meter.allocatedBytes() - allocated;
  ok(meter.collections() === collections, `a collection within ${count} events: the heap is too small for this case`);
  return { cost: to - from, allocatedBytes };
}

function turnsOf({ path, event }: BenchCase, { packets, manyTurns, fewTurns, turns }: Meter): number {
  if (event === "drain") return packets;
  if (event === "server") return fewTurns; // looking for a type allocates its name
  if (path === "disabled" || event === "clock") return manyTurns;
  return path === "JSON.stringify" || path === "template" || event === "ws.connect" ? fewTurns : turns;
}

const EMPTY: Running = {
  run(count) {
    for (let turn = 0; turn < count; turn++);
  },
  check: () => 0,
};

function median(values: number[]): number {
  return values.sort((left, right) => left - right)[values.length >> 1]!;
}

/** Two batches, one twice as long: their difference, so that costs that occur once per batch do not count; per event. */
function differenceOf(meter: Meter, running: Running, count: number): Sample {
  const small = sample(meter, running, count);
  const large = sample(meter, running, 2 * count);
  return {
    cost: (large.cost - small.cost) / count,
    allocatedBytes: (large.allocatedBytes - small.allocatedBytes) / count,
  };
}

/** The median of the rounds. Throws if the case's own check fails, or garbage was collected within a batch. */
export function measureCase(benchCase: BenchCase, meter: Meter): Measured {
  const { eventsPerTurn = 1 } = benchCase;
  const running = benchCase.start() as Running;
  const turns = turnsOf(benchCase, meter) * meter.factor;
  const count = turns * eventsPerTurn;
  // The ring is full, and everything that a first call sets up is there.
  const warmUp = running.prepare ? count : Math.max(count, meter.turns);
  running.prepare?.(warmUp);
  running.run(warmUp);
  const costs: number[] = [];
  let allocatedBytes = 0;
  for (let round = 0; round < meter.rounds; round++) {
    const found = differenceOf(meter, running, count);
    // Each time again: a machine that is slow now is slow for both.
    costs.push(found.cost - differenceOf(meter, EMPTY, turns).cost / eventsPerTurn);
    allocatedBytes = found.allocatedBytes;
  }
  const recordBytes = running.check(warmUp + meter.rounds * 3 * count);
  return { cost: median(costs), allocatedBytes, recordBytes };
}
