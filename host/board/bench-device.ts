/** Collects the rows of a board's benchmark, and sets them beside those of the emulated processor. */

import type { Problem } from "../text/errors.ts";
import { type BenchRow, caseKey, readBenchLine } from "./bench-rows.ts";

export type BenchState = "waiting" | "running" | "complete";

/**
 * The rows of one run, from lines as they come. A board that starts again in between starts the run again. Holds at most `mostRows`.
 */
export class BenchRun {
  readonly #onProblem: (problem: Problem) => void;
  readonly #mostRows: number;
  readonly #rows = new Map<string, BenchRow>();
  #cases = 0;
  #state: BenchState = "waiting";
  #problems = 0;

  constructor(onProblem: (problem: Problem) => void, mostRows = 1000) {
    this.#onProblem = onProblem;
    this.#mostRows = mostRows;
  }

  get rows(): BenchRow[] {
    return [...this.#rows.values()];
  }

  get state(): BenchState {
    return this.#state;
  }

  /** Cases that the board has announced; 0 before. */
  get cases(): number {
    return this.#cases;
  }

  /** Of this run. */
  get problems(): number {
    return this.#problems;
  }

  /** Takes one line of the log. True if it was one of the benchmark. Rows before a run begins are those of one joined late: passed over. */
  take(text: string): boolean {
    if (this.#state === "complete") return false;
    const line = readBenchLine(text);
    switch (line.kind) {
      case "begin":
        this.#rows.clear();
        this.#problems = 0;
        this.#cases = line.cases;
        this.#state = "running";
        break;
      case "row":
        if (this.#state === "running") this.#add(line.row);
        break;
      case "end":
        if (this.#state === "running") this.#end(line.rows);
        break;
      case "problem":
        if (this.#state === "running") this.#tell(line.problem.code, line.problem.message);
        break;
      default:
        return false;
    }
    return true;
  }

  #add(row: BenchRow): void {
    const key = caseKey(row);
    if (this.#rows.has(key)) this.#tell("E_ROW", `a second row of ${key}; the first stands`);
    else if (this.#rows.size === this.#mostRows) this.#tell("E_ROW", `more than ${this.#mostRows} rows`);
    else this.#rows.set(key, row);
  }

  #end(rows: number): void {
    if (rows !== this.#rows.size) this.#tell("E_ROW", `the board wrote ${rows} rows, ${this.#rows.size} arrived`);
    this.#state = "complete";
  }

  #tell(code: string, message: string): void {
    this.#problems += 1;
    this.#onProblem({ code, message });
  }
}

/** The engine that counts instructions. */
const EMULATED = "xs-rv32";

/** A board's row, with what the same case takes in emulation. */
export interface ComparedRow extends BenchRow {
  /** Of the case on the emulated RV32 processor; null without such a row. */
  readonly emulatedInstructions: number | null;
  /** ns ÷ emulatedInstructions. */
  readonly nsPerInstruction: number | null;
}

/** Sets rows side by side by path, event and payload. */
export function compareRows(rows: readonly BenchRow[], emulated: readonly BenchRow[]): ComparedRow[] {
  const counts = new Map<string, number | null>();
  for (const row of emulated) if (row.engine === EMULATED) counts.set(caseKey(row), row.instructions);
  return rows.map((row) => {
    const emulatedInstructions = counts.get(caseKey(row)) ?? null;
    const nsPerInstruction =
      row.ns === null || emulatedInstructions === null || emulatedInstructions === 0
        ? null
        : row.ns / emulatedInstructions;
    return { ...row, emulatedInstructions, nsPerInstruction };
  });
}
