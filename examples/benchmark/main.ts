/**
 * What an event costs on this board: the cases of `npm run bench`, each a line of JSON on the console, which `xs-telemetry bench --device` collects.
 * Time by the board's microsecond clock; allocated bytes by the engine's instrumentation.
 */
import Debug from "debug";
import Instrumentation from "instrumentation";
import config from "mc/config";
import "microseconds";
import Time from "time";
import Timer from "timer";
import { platformClock } from "../../src/moddable/platform.ts";
import type { BenchCase } from "../../test/bench/case.ts";
import { clockCase, emitterCases } from "../../test/bench/emitter-cases.ts";
import { baselineCases } from "../../test/bench/xs/baselines.ts";
import { type Meter, measureCase } from "../../test/bench/xs/measure.ts";

const engine: string = config.engine;
const path: "native" | "typescript" = config.path;

const slotBytes = Instrumentation.map("XS Slot Heap Used");
const chunkBytes = Instrumentation.map("XS Chunk Heap Used");
const collections = Instrumentation.map("XS Garbage Collection Count");

/** NaN if the engine is built without it: `mcconfig` without -i. */
function counter(index: number | undefined): number {
  return (index === undefined ? undefined : Instrumentation.get(index)) ?? Number.NaN;
}

const TURNS = 1024;
/** Rings and batches as large as a board has room for. */
const meter: Meter = {
  now: () => Time.microseconds!,
  allocatedBytes: () => counter(slotBytes) + counter(chunkBytes),
  collections: () => counter(collections) || 0,
  gc: () => Debug.gc(),
  rounds: 5,
  factor: 1,
  turns: TURNS,
  manyTurns: 16 * TURNS,
  fewTurns: 16,
  packets: 2,
};

function print(value: object): void {
  trace(`${JSON.stringify(value)}\n`);
}

function measureAndPrint(benchCase: BenchCase): void {
  const { event, payloadChars } = benchCase;
  const key = { engine, path: benchCase.path, event, payloadChars };
  try {
    const { cost, allocatedBytes, recordBytes } = measureCase(benchCase, meter);
    print({ ...key, instructions: null, ns: Math.round(cost * 10_000) / 10, allocatedBytes, recordBytes });
    rows++;
  } catch (error) {
    print({ bench: "failed", ...key, message: String(error) });
  }
}

let rows = 0;
const cases = [
  ...emitterCases(path),
  ...(path === "typescript" ? [clockCase(platformClock()), ...baselineCases()] : []),
];
print({ bench: "begin", engine, path, cases: cases.length });
// One at a time, so that the system's watchdog gets its turn.
Timer.repeat((timer) => {
  const benchCase = cases.shift();
  if (benchCase) measureAndPrint(benchCase);
  else {
    Timer.clear(timer);
    print({ bench: "end", rows });
  }
}, 10);
