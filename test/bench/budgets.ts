/** What calls on RV32 and Xtensa, code and RAM may cost: test/bench/budgets.json, compared with measurements. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type CaseKey, nameOf, type Row, type Say, sameCase } from "./rows.ts";
import { measureSizes, type Sizes } from "./sizes.ts";
import { measureXs } from "./xs-engines.ts";

const FILE = "test/bench/budgets.json";
/** Counts repeat exactly; this tolerance is for changes that nobody intended. Allocated bytes have none. */
const TOLERANCE = 0.02;

type Call = CaseKey & Pick<Row, "instructions" | "allocatedBytes">;

/** What calls may cost on one kind of processor. */
interface Calls {
  /** Another one gives other counts. */
  readonly compiler: string;
  readonly calls: readonly Call[];
}

/** On RV32 all calls; on Xtensa the natives that its devices call most, because measuring two engines takes twice as long. */
export interface Budgets extends Calls {
  readonly sizes: readonly Sizes[];
  readonly xtensa: Calls;
}

export interface Verdict {
  /** What was compared. */
  readonly what: string;
  readonly isOver: boolean;
  /** With budget and measurement. */
  readonly text: string;
}

export async function measureBudgets(say: Say): Promise<Budgets> {
  const rv32 = await measureXs("xs-rv32", say, false);
  const xtensa = await measureXs("xs-xtensa", say, false, "native");
  return {
    ...callsOf("riscv64-unknown-elf-gcc", rv32),
    sizes: await measureSizes(),
    xtensa: callsOf(
      "xtensa-lx106-elf-gcc",
      xtensa.filter(({ event }) => event === "msg.recv" || event === "drain"),
    ),
  };
}

function callsOf(compiler: string, rows: readonly Row[]): Calls {
  const calls = rows.map(({ path, event, payloadChars, scene, instructions, allocatedBytes }) => {
    return { path, event, payloadChars, ...(scene && { scene }), instructions, allocatedBytes };
  });
  return { compiler: execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n")[0]!, calls };
}

export function readBudgets(): Budgets {
  return JSON.parse(readFileSync(FILE, "utf8"));
}

/** Returns the file written. */
export function acceptBudgets({ compiler, calls, sizes, xtensa }: Budgets): string {
  const placeholders = { compiler, calls: "RV32", sizes, xtensa: { compiler: xtensa.compiler, calls: "XTENSA" } };
  const text = JSON.stringify(placeholders, null, 2)
    .replace('"RV32"', linesOf(calls, "  "))
    .replace('"XTENSA"', linesOf(xtensa.calls, "    "));
  writeFileSync(FILE, `${text}\n`);
  return FILE;
}

/** One line per call, so that a change shows as one line. */
function linesOf(calls: readonly Call[], indent: string): string {
  const lines = calls.map((call) => {
    const members = Object.entries(call).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    return `${indent}  { ${members.join(", ")} }`;
  });
  return `[\n${lines.join(",\n")}\n${indent}]`;
}

export function verdicts(budgets: Budgets, measured: Budgets): Verdict[] {
  const note = noteOf(budgets, measured);
  const found = [
    ...callVerdicts(budgets, measured, nameOf),
    ...callVerdicts(budgets.xtensa, measured.xtensa, (call) => `Xtensa: ${nameOf(call)}`),
  ];
  for (const { path, ...sizes } of measured.sizes) {
    const budget = budgets.sizes.find((other) => other.path === path);
    for (const [size, bytes] of Object.entries(sizes))
      if (!budget) found.push(unknown(`${path} ${size}`));
      else found.push(compare(path, size, budget[size as keyof typeof sizes], bytes, TOLERANCE, note));
  }
  for (const { path } of budgets.sizes)
    if (!measured.sizes.some((size) => size.path === path)) found.push(missing(path));
  return found;
}

function noteOf(budgets: Calls, measured: Calls): string {
  if (budgets.compiler === measured.compiler) return "";
  return ` (budgets are of ${budgets.compiler}, this is ${measured.compiler}: counts differ between compilers)`;
}

function callVerdicts(budgets: Calls, measured: Calls, titleOf: (call: CaseKey) => string): Verdict[] {
  const note = noteOf(budgets, measured);
  const found: Verdict[] = [];
  for (const call of measured.calls) {
    const budget = budgets.calls.find((other) => sameCase(other, call));
    const name = titleOf(call);
    if (!budget) found.push(unknown(name));
    else
      found.push(
        compare(name, "instructions", budget.instructions, call.instructions, TOLERANCE, note),
        compare(name, "allocated bytes", budget.allocatedBytes, call.allocatedBytes, 0, note),
      );
  }
  for (const budget of budgets.calls)
    if (!measured.calls.some((call) => sameCase(call, budget))) found.push(missing(titleOf(budget)));
  return found;
}

function compare(
  name: string,
  unit: string,
  budget: number | null,
  measured: number | null,
  tolerance: number,
  note: string,
): Verdict {
  const what = `${name}: ${unit}`;
  if (budget === null || measured === null) return unknown(what);
  const figures = `budget ${budget}, measured ${measured}`;
  if (measured > budget * (1 + tolerance)) return { what, isOver: true, text: `OVER    ${what}: ${figures}${note}` };
  if (measured < budget * (1 - tolerance))
    return {
      what,
      isOver: false,
      text: `better  ${what}: ${figures}: lower it (npm run bench -- budgets --accept)${note}`,
    };
  return { what, isOver: false, text: `ok      ${what}: ${figures}` };
}

const ACCEPT = "npm run bench -- budgets --accept writes one";
const unknown = (what: string): Verdict => ({ what, isOver: true, text: `OVER    ${what}: has no budget: ${ACCEPT}` });
const missing = (what: string): Verdict => ({
  what,
  isOver: true,
  text: `OVER    ${what}: has a budget, but is not measured`,
});
