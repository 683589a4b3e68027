/** Collects the rows of a board's benchmark, and compares them with those of the emulated processor. */

import type { Problem } from "../text/errors.ts";
import { type BenchRow, caseKey, readBenchLine } from "./bench-rows.ts";

export type BenchState = "waiting" | "running" | "complete";

/**
 * The rows of one run, from lines as they arrive. A board that restarts during the run starts it again. Holds at most
 * `mostRows`.
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

  /** Cases that the board has announced; 0 before that. */
  get cases(): number {
    return this.#cases;
  }

  /** Of this run. */
  get problems(): number {
    return this.#problems;
  }

  /**
   * Takes one line of the log. Returns true if it was a line of the benchmark. Rows before a run begins belong to a run
   * that was joined late: they are skipped.
   */
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
    if (this.#rows.has(key)) this.#tell("E_ROW", `a second row of ${key}; the first one counts`);
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

/** The engines that count instructions, by instruction set. */
const EMULATED = { RV32: "xs-rv32", Xtensa: "xs-xtensa" } as const;
export type InstructionSet = keyof typeof EMULATED;

/** Boards by their names in examples/benchmark; all others are RISC-V. */
const XTENSA_BOARD = /^esp32(s\d)?$/;

/** A row of a board, with what the same case takes in emulation. */
export interface ComparedRow extends BenchRow {
  /** The instruction set of the emulation: the board's kind if there are rows of it, else the other. */
  readonly instructionSet: InstructionSet;
  /** Instructions of the case on that emulated processor; null without such a row. */
  readonly emulatedInstructions: number | null;
  /** ns ÷ emulatedInstructions. */
  readonly nsPerInstruction: number | null;
}

/** Matches rows by path, event and payload. */
export function compareRows(rows: readonly BenchRow[], emulated: readonly BenchRow[]): ComparedRow[] {
  const counts = new Map(emulated.map((row) => [`${row.engine} ${caseKey(row)}`, row.instructions]));
  const engines = new Set(emulated.map(({ engine }) => engine));
  return rows.map((row) => {
    const instructionSet = instructionSetFor(row.engine, engines);
    const emulatedInstructions = counts.get(`${EMULATED[instructionSet]} ${caseKey(row)}`) ?? null;
    const nsPerInstruction =
      row.ns === null || emulatedInstructions === null || emulatedInstructions === 0
        ? null
        : row.ns / emulatedInstructions;
    return { ...row, instructionSet, emulatedInstructions, nsPerInstruction };
  });
}

function instructionSetFor(board: string, engines: ReadonlySet<string>): InstructionSet {
  const [own, other]: [InstructionSet, InstructionSet] = XTENSA_BOARD.test(board)
    ? ["Xtensa", "RV32"]
    : ["RV32", "Xtensa"];
  return engines.has(EMULATED[own]) || !engines.has(EMULATED[other]) ? own : other;
}
