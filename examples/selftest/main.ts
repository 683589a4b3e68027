/**
 * The specs of xs-telemetry on this board, each case a line of JSON on the console, which `xs-telemetry selftest --device` collects. One spec at a
 * time is in memory, and one case runs with each tick, so that the system's watchdog gets its turn.
 */
import Debug from "debug";
import Instrumentation from "instrumentation";
import config from "mc/config";
import specs from "selftest/specs";
import Timer from "timer";

interface Case {
  readonly title: string;
  readonly body: () => unknown;
}

const titles: string[] = [];
let cases: Case[] = [];

/** A case that this build cannot run. */
class NotHere extends Error {}

/** One of the engine's counters. Without them the engine cannot say what a call allocates, and a stopped counter would say: nothing. */
function counter(name: Parameters<typeof Instrumentation.map>[0]): () => number {
  const index = Instrumentation.map(name);
  const read = () => (index === undefined ? undefined : Instrumentation.get(index));
  const before = read();
  const held = [{}, `${before} bytes`];
  const after = read();
  Debug.gc();
  const isLive = before !== undefined && held.length > 0 && (after !== before || read() !== before);
  return () => {
    if (!isLive)
      throw new NotHere(`the counter "${name}" is not there, or stands still: build with mcconfig -i, for a device`);
    return read()!;
  };
}

const SLOT_BYTES = 16;
const slotBytes = counter("XS Slot Heap Used");
// What specs expect to exist inside XS.
Object.assign(globalThis, {
  // Which emitter, no stress, campaigns in part, the seed, a slow engine.
  args: [config.path, "", "usual", "0", "slow"],
  gc: () => Debug.gc(),
  heap: {
    slots: () => slotBytes() / SLOT_BYTES,
    chunkBytes: counter("XS Chunk Heap Used"),
    collections: counter("XS Garbage Collection Count"),
    slotBytes: SLOT_BYTES,
  },
  stringOf(buffer: ArrayBuffer): string | undefined {
    // It turns a zero byte into U+0000; C's strings, which this replaces, end there.
    if (new Uint8Array(buffer).includes(0)) return undefined;
    try {
      return String.fromArrayBuffer(buffer);
    } catch {
      return undefined; // not a string of this engine
    }
  },
  setTimeout: (callback: () => void, ms: number) => Timer.set(callback, ms),
  describe(title: string, body: () => void) {
    titles.push(title);
    body();
    titles.pop();
  },
  it(title: string, body: () => unknown) {
    cases.push({ title: [...titles, title].join(": "), body });
  },
});

function print(value: object): void {
  trace(`${JSON.stringify(value)}\n`);
}

const nextTick = () => new Promise<void>((resolve) => void Timer.set(() => resolve(), 1));

/** What was thrown, as a failure; or as a note of why it cannot run here. */
function outcome(thrown: unknown): { error: string; note?: string } {
  if (thrown instanceof NotHere) return { error: "", note: thrown.message };
  return { error: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown) };
}

async function run(): Promise<void> {
  let ran = 0;
  print({ selftest: "begin", engine: config.engine, path: config.path, specs: specs.length });
  for (const spec of specs) {
    try {
      const { default: declare } = await import(`selftest/${spec}`);
      await declare();
      print({ selftest: "spec", spec, cases: cases.length });
    } catch (thrown) {
      ran++;
      cases = [];
      print({ selftest: "case", spec, title: "the spec", ...outcome(thrown) });
    }
    const all = cases;
    cases = [];
    for (const { title, body } of all) {
      await nextTick();
      let result: object;
      try {
        const note = await body();
        result = { error: "", ...(typeof note === "string" ? { note } : {}) };
      } catch (thrown) {
        result = outcome(thrown);
      }
      ran++;
      print({ selftest: "case", spec, title, ...result });
    }
  }
  print({ selftest: "end", cases: ran });
}

run();
