/** The cost of single operations in XS on RV32, and their sums for the calls that cannot be made cheap enough. */
import { messageOf, PAYLOADS } from "./case.ts";
import { number, type Table } from "./format.ts";
import type { Say } from "./rows.ts";
import { bundleBench, runInRv32 } from "./xs-engines.ts";

export interface Operation {
  readonly what: string;
  readonly instructions: number;
  readonly allocatedBytes: number;
}

export async function measureOperations(say: Say): Promise<Operation[]> {
  say("xs-rv32: single operations");
  const main = await bundleBench("test/bench/xs/operations.ts", "dist/bench/operations.js");
  const lines = (await runInRv32([], "dist/moddable/xs-telemetry.js", main)).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Operation);
}

/** Median ns of a call in Node, in this process. */
function nsOf(call: () => unknown): number {
  const found: number[] = [];
  let kept: unknown;
  for (let round = 0; round < 15; round++) {
    const from = performance.now();
    for (let turn = 0; turn < 100_000; turn++) kept = call();
    found.push(((performance.now() - from) * 1e6) / 100_000);
  }
  if (kept === undefined) throw new Error("a call that gives nothing");
  return found.sort((left, right) => left - right)[found.length >> 1]!;
}

/** The lower bound for Node's call with 100 characters: encoding the text alone, compared with the JSON of the event. */
export function nodeFloorTable(): Table {
  const text = PAYLOADS[100]!;
  const encoder = new TextEncoder();
  const into = new Uint8Array(100);
  const message = messageOf(text, 5, 1);
  const encodeNs = nsOf(() => encoder.encodeInto(text, into).written);
  const jsonNs = nsOf(() => JSON.stringify(message));
  return {
    title: "100 characters in Node",
    head: ["in one process", "ns"],
    rows: [
      ["`encodeInto` of the text alone", number(encodeNs)],
      ["`JSON.stringify` of the event", number(jsonNs)],
      ["the highest possible `JSON.stringify` ÷ ours", `${number(jsonNs / encodeNs, 1)} ×`],
    ],
  };
}

export function operationsTable(operations: readonly Operation[]): Table {
  return {
    title: "Single operations in XS on RV32",
    head: ["operation", "instructions", "allocated bytes"],
    rows: operations.map(({ what, instructions, allocatedBytes }) => [
      what,
      number(instructions),
      number(allocatedBytes),
    ]),
  };
}
