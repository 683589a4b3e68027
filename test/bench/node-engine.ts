/** Runs the cases in Node, each in separate processes. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type CaseKey, nameOf, type Row, type Say } from "./rows.ts";

const run = promisify(execFile);

/** Built beside the command. */
const MAIN = "dist/bench/node/main.mjs";

/**
 * A case's figure is the median of this many processes: a process that was compiled or laid out badly stays so to its end. Rounds go through all
 * cases, so that a machine that slows down slows them all.
 */
const ROUNDS = 7;

export async function measureNode(say: Say): Promise<Row[]> {
  const json = async (...args: string[]) => JSON.parse((await run(process.execPath, [MAIN, ...args])).stdout);
  const keys = (await json()) as CaseKey[];
  const found = keys.map(() => ({ ns: [] as number[], recordBytes: null as number | null }));
  for (let round = 0; round < ROUNDS; round++) {
    say(`node: round ${round + 1} of ${ROUNDS}, ${keys.length} cases`);
    for (const [index, key] of keys.entries()) {
      const { ns, recordBytes } = await json(String(index)).catch((error) => {
        throw new Error(`node ${nameOf(key)}: ${error.stderr || error.message}`);
      });
      found[index]!.ns.push(ns);
      found[index]!.recordBytes = recordBytes;
    }
  }
  return keys.map((key, index) => {
    const { ns, recordBytes } = found[index]!;
    ns.sort((left, right) => left - right);
    const median = Math.round(ns[ns.length >> 1]! * 10) / 10;
    return { engine: "node", ...key, instructions: null, ns: median, allocatedBytes: null, recordBytes };
  });
}
