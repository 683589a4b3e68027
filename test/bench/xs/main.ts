/**
 * Runs inside XS: measures the module that xs-telemetry is bound to.
 * Arguments: path ("typescript" or "native"); whether baselines, too; rounds; by what batches are larger than need be, for a clock that is not exact.
 * Prints one line of JSON a case, then how many there were.
 */
import { platformClock } from "../../../src/moddable/platform.ts";
import { ok } from "../../support/assert.ts";
import { adapterCases } from "../adapter-cases.ts";
import type { BenchCase, Running } from "../case.ts";
import { clockCase, emitterCases } from "../emitter-cases.ts";
import { baselineCases } from "./baselines.ts";

declare const args: readonly string[];
declare const print: (line: string) => void;
declare const gc: () => void;
declare const heap: { slots(): number; chunkBytes(): number; collections(): number; readonly slotBytes: number };
/** Retired instructions: the machine for RV32 has this, */
declare const instructions: (() => number) | undefined;
/** the host on Linux this. */
declare const nanoseconds: (() => number) | undefined;

const counter = typeof instructions === "function" ? instructions : nanoseconds!;

interface Sample {
  readonly cost: number;
  readonly allocatedBytes: number;
}

/** So many events, measured; 0 collections, or what was allocated could not be told. */
function sample(running: Running, count: number): Sample {
  running.prepare?.(count);
  gc();
  const collections = heap.collections();
  const slots = heap.slots();
  const chunkBytes = heap.chunkBytes();
  const from = counter();
  running.run(count);
  const to = counter();
  const allocatedBytes = heap.chunkBytes() - chunkBytes + (heap.slots() - slots) * heap.slotBytes;
  ok(heap.collections() === collections, `a collection within ${count} events: the heap is too small for this case`);
  return { cost: to - from, allocatedBytes };
}

/** Turns of the loop in the smaller batch: once round the ring; */
const TURNS = 1024;
/** of cases so short that a clock hardly sees them; */
const MANY_TURNS = 16 * TURNS;
/** of cases that allocate, so few that no collection comes between; */
const FEW_TURNS = 64;
/** packets, so few that none of tokens is among them. */
const PACKETS = 8;

function turnsOf({ path, event }: BenchCase): number {
  if (event === "drain") return PACKETS;
  if (event === "server") return FEW_TURNS; // looking for a type allocates its name
  if (path === "disabled" || event === "clock") return MANY_TURNS;
  return path === "JSON.stringify" || path === "template" || event === "ws.connect" ? FEW_TURNS : TURNS;
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

/** Two batches, one twice as long: their difference, so that what comes once a batch does not count; for each event. */
function differenceOf(running: Running, count: number): Sample {
  const small = sample(running, count);
  const large = sample(running, 2 * count);
  return {
    cost: (large.cost - small.cost) / count,
    allocatedBytes: (large.allocatedBytes - small.allocatedBytes) / count,
  };
}

function measure(benchCase: BenchCase, rounds: number, factor: number): object {
  const { path, event, payloadChars, eventsPerTurn = 1 } = benchCase;
  const running = benchCase.start() as Running;
  const turns = turnsOf(benchCase) * factor;
  const count = turns * eventsPerTurn;
  // The ring is full, and whatever is set up by a first call is there.
  const warmUp = Math.max(count, TURNS);
  running.prepare?.(warmUp);
  running.run(warmUp);
  const costs: number[] = [];
  let allocatedBytes = 0;
  for (let round = 0; round < rounds; round++) {
    const found = differenceOf(running, count);
    // Each time anew: a machine that is slow now is slow for both.
    costs.push(found.cost - differenceOf(EMPTY, turns).cost / eventsPerTurn);
    allocatedBytes = found.allocatedBytes;
  }
  const recordBytes = running.check(warmUp + rounds * 3 * count);
  return { path, event, payloadChars, cost: median(costs), allocatedBytes, recordBytes };
}

const [path, withBaselines, rounds, factor] = [args[0], args[1] === "true", Number(args[2]), Number(args[3])];
ok(path === "typescript" || path === "native", `path is ${path}`);
const baselines = withBaselines ? [clockCase(platformClock()), ...baselineCases(), ...adapterCases("disabled")] : [];
const cases = [...emitterCases(path), ...adapterCases(path), ...baselines];
for (const benchCase of cases) print(JSON.stringify(measure(benchCase, rounds, factor)));
print(JSON.stringify({ cases: cases.length }));
