// What a call, the code and the RAM cost on the device's kind of processor has not grown: test/bench/budgets.json.
import { ok } from "node:assert/strict";
import { type Budgets, measureBudgets, readBudgets, verdicts } from "./budgets.ts";

const budgets = readBudgets();
const measured = await measureBudgets(() => {});

describe("budgets", () => {
  for (const { what, isOver, text } of verdicts(budgets, measured)) it(`holds: ${what}`, () => ok(!isOver, text));

  it("are exceeded by 3 % more instructions, or by one byte allocated, and both figures are said", () => {
    const [call, ...calls] = measured.calls;
    const grown = (changes: Partial<Budgets["calls"][number]>): string[] =>
      verdicts(measured, { ...measured, calls: [{ ...call!, ...changes }, ...calls] })
        .filter(({ isOver }) => isOver)
        .map(({ text }) => text);
    const instructions = Math.ceil(call!.instructions! * 1.03);
    const allocatedBytes = call!.allocatedBytes! + 1;
    const [first, ...others] = [...grown({ instructions }), ...grown({ allocatedBytes })];
    ok(first?.includes(`budget ${call!.instructions}, measured ${instructions}`), first);
    ok(
      others.length === 1 && others[0]!.includes(`budget ${call!.allocatedBytes}, measured ${allocatedBytes}`),
      others.join(),
    );
  });

  it("say so where the compiler is another one", () => {
    const [size, ...sizes] = measured.sizes;
    const larger = { ...measured, sizes: [{ ...size!, bytecodeBytes: size!.bytecodeBytes * 2 }, ...sizes] };
    const found = verdicts({ ...measured, compiler: "another" }, larger).filter(({ isOver }) => isOver);
    ok(found.length === 1 && found[0]!.text.includes("budgets are of another"), found.map(({ text }) => text).join());
  });
});
