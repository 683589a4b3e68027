/** What calls on RV32, code and RAM may cost: test/bench/budgets.json, compared with what is measured. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type CaseKey, nameOf, type Row, type Say, sameCase } from "./rows.ts";
import { measureSizes, type Sizes } from "./sizes.ts";
import { measureXs } from "./xs-engines.ts";

const FILE = "test/bench/budgets.json";
/** Counts repeat exactly; this is for changes that nobody made on purpose. Allocated bytes have none. */
const TOLERANCE = 0.02;

type Call = CaseKey & Pick<Row, "instructions" | "allocatedBytes">;

export interface Budgets {
  /** The compiler of RV32's code: another one gives other counts. */
  readonly compiler: string;
  readonly calls: readonly Call[];
  readonly sizes: readonly Sizes[];
}

export interface Verdict {
  /** What was compared. */
  readonly what: string;
  readonly isOver: boolean;
  /** With budget and measurement. */
  readonly text: string;
}

export async function measureBudgets(say: Say): Promise<Budgets> {
  const rows = await measureXs("xs-rv32", say, false);
  const calls = rows.map(({ path, event, payloadChars, scene, instructions, allocatedBytes }) => {
    return { path, event, payloadChars, ...(scene && { scene }), instructions, allocatedBytes };
  });
  const compiler = execFileSync("riscv64-unknown-elf-gcc", ["--version"], { encoding: "utf8" }).split("\n")[0]!;
  return { compiler, calls, sizes: await measureSizes() };
}

export function readBudgets(): Budgets {
  return JSON.parse(readFileSync(FILE, "utf8"));
}

/** Returns the file written. */
export function acceptBudgets({ compiler, calls, sizes }: Budgets): string {
  const text = JSON.stringify({ compiler, calls: [], sizes }, null, 2);
  // A line a call, so that a change shows as one.
  const lines = calls.map((call) => {
    const members = Object.entries(call).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    return `    { ${members.join(", ")} }`;
  });
  writeFileSync(FILE, `${text.replace('"calls": []', `"calls": [\n${lines.join(",\n")}\n  ]`)}\n`);
  return FILE;
}

export function verdicts(budgets: Budgets, measured: Budgets): Verdict[] {
  const note =
    budgets.compiler === measured.compiler
      ? ""
      : ` (budgets are of ${budgets.compiler}, this is ${measured.compiler}: counts differ between compilers)`;
  const found: Verdict[] = [];
  for (const call of measured.calls) {
    const budget = budgets.calls.find((other) => sameCase(other, call));
    const name = nameOf(call);
    if (!budget) found.push(unknown(name));
    else
      found.push(
        compare(name, "instructions", budget.instructions, call.instructions, TOLERANCE, note),
        compare(name, "allocated bytes", budget.allocatedBytes, call.allocatedBytes, 0, note),
      );
  }
  for (const budget of budgets.calls)
    if (!measured.calls.some((call) => sameCase(call, budget))) found.push(missing(nameOf(budget)));
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
