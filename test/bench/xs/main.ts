/**
 * Runs inside XS: measures the module that xs-telemetry is bound to.
 * Arguments: path ("typescript" or "native"); whether to measure baselines, too; rounds; the factor by which batches are larger than necessary, for
 * an inexact clock.
 * Prints one line of JSON per case, then the number of cases.
 */
import { platformClock } from "../../../src/moddable/platform.ts";
import { ok } from "../../support/assert.ts";
import { adapterCases } from "../adapter-cases.ts";
import { clockCase, emitterCases } from "../emitter-cases.ts";
import { baselineCases } from "./baselines.ts";
import { type Meter, measureCase } from "./measure.ts";

declare const args: readonly string[];
declare const print: (line: string) => void;
declare const gc: () => void;
declare const heap: { slots(): number; chunkBytes(): number; collections(): number; readonly slotBytes: number };
/** Retired instructions: the machine for RV32 has this, */
declare const instructions: (() => number) | undefined;
/** the host on Linux this. */
declare const nanoseconds: (() => number) | undefined;

const [path, withBaselines, rounds, factor] = [args[0], args[1] === "true", Number(args[2]), Number(args[3])];
ok(path === "typescript" || path === "native", `path is ${path}`);

const TURNS = 1024;
const meter: Meter = {
  now: typeof instructions === "function" ? instructions : nanoseconds!,
  allocatedBytes: () => heap.chunkBytes() + heap.slots() * heap.slotBytes,
  collections: () => heap.collections(),
  gc,
  rounds,
  factor,
  turns: TURNS,
  manyTurns: 16 * TURNS,
  fewTurns: 64,
  packets: 8,
};

const baselines = withBaselines ? [clockCase(platformClock()), ...baselineCases(), ...adapterCases("disabled")] : [];
const cases = [...emitterCases(path), ...adapterCases(path), ...baselines];
for (const benchCase of cases) {
  const { event, payloadChars, scene } = benchCase;
  print(JSON.stringify({ path: benchCase.path, event, payloadChars, scene, ...measureCase(benchCase, meter) }));
}
print(JSON.stringify({ cases: cases.length }));
