/**
 * One case in its own process, so that no other has influenced how its code is compiled: `main.mjs INDEX` prints ns and bytes as JSON; without an
 * index, the cases.
 */
import type { BenchCase, Running } from "../case.ts";
import { nodeCases } from "./cases.ts";

const BATCH_MS = 1;
const WARM_UP_MS = 100;
const MEASURE_MS = 100;

/** Runs this many events; returns the ms they took. */
async function timed(running: Running, count: number): Promise<number> {
  running.prepare?.(count);
  const from = performance.now();
  const pending = running.run(count);
  if (pending) await pending;
  return performance.now() - from;
}

async function measure({ eventsPerTurn = 1, start }: BenchCase): Promise<object> {
  const running = await start();
  let count = 512 * eventsPerTurn;
  let events = 0;
  const ns: number[] = [];
  const begin = performance.now();
  while (performance.now() < begin + WARM_UP_MS) {
    const ms = await timed(running, count);
    events += count;
    if (ms < BATCH_MS) count *= 2;
  }
  const middle = performance.now();
  while (performance.now() < middle + MEASURE_MS || ns.length < 9) {
    ns.push(((await timed(running, count)) * 1e6) / count);
    events += count;
  }
  ns.sort((left, right) => left - right);
  return { ns: ns[ns.length >> 1], recordBytes: running.check(events) };
}

const cases = nodeCases();
const index = process.argv[2];
if (index === undefined) {
  const keys = cases.map(({ path, event, payloadChars }) => ({ path, event, payloadChars }));
  process.stdout.write(JSON.stringify(keys));
} else {
  try {
    process.stdout.write(JSON.stringify(await measure(cases[Number(index)]!)));
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
