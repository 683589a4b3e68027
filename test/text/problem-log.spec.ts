import assert from "node:assert/strict";
import { ProblemLog } from "../../host/text/problem-log.ts";

describe("the log of a live source's problems", () => {
  const log = () => {
    const said: string[] = [];
    return {
      said,
      problems: new ProblemLog(({ code, message }, device) => said.push(`${device}: ${code}: ${message}`)),
    };
  };

  it("says the first of a kind, and one in ten seconds with the number of those between", () => {
    const { said, problems } = log();
    for (let ms = 0; ms <= 20_000; ms += 10) problems.add({ code: "E_FRAME", message: `at ${ms}` }, "a", ms);
    problems.add({ code: "E_FRAME", message: "of another" }, "b", 20_000);
    assert.deepEqual(said, [
      "a: E_FRAME: at 0",
      "a: E_FRAME: at 10000 (and 999 more like it since the last report)",
      "a: E_FRAME: at 20000 (and 999 more like it since the last report)",
      "b: E_FRAME: of another",
    ]);
    assert.deepEqual([...problems.counts()], [["E_FRAME", 2002]]);
  });

  it("says of a flood of devices the first hundred", () => {
    const { said, problems } = log();
    for (let device = 0; device < 10_000; device++) problems.add({ code: "W_LATE", message: "late" }, `${device}`, 5);
    assert.equal(said.length, 101);
    assert.equal(problems.hasErrors, false);
    problems.add({ code: "E_FRAME", message: "bad" }, undefined, 5);
    assert.equal(problems.hasErrors, true);
  });
});
