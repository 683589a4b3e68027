// The benchmark on a machine that lacks what a part needs: every row is there, with the reason for a missing figure.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBudgets } from "./budgets.ts";
import { unmeasured } from "./parts.ts";
import { type Row, sameCase } from "./rows.ts";

const { bundleBenchmarks } = await import(`${process.cwd()}/build/bundle.mjs`);

describe("the benchmark", () => {
  let folder: string;
  let command: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "bench-"));
    // Node, and no other tool.
    symlinkSync(process.execPath, join(folder, "node"));
    command = await bundleBenchmarks("dist/test-bench");
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    new Promise<{ status: unknown; stdout: string; stderr: string }>((done) => {
      const options = { env: { ...process.env, PATH: folder }, encoding: "utf8" as const };
      execFile(process.execPath, [command, ...args], options, (error, stdout, stderr) =>
        done({ status: error ? error.code : 0, stdout, stderr }),
      );
    });

  for (const engine of ["xs-rv32", "xs-xtensa", "xs-host"] as const)
    it(`gives rows of null, one sentence why, and exit code 0 where ${engine} cannot be built`, async () => {
      const { status, stdout, stderr } = await run(engine, "--json");
      equal(status, 0, stderr);
      const { rows } = JSON.parse(stdout) as { rows: Row[] };
      for (const row of rows) {
        equal(row.engine, engine);
        deepEqual([row.instructions, row.ns, row.allocatedBytes, row.recordBytes], [null, null, null, null]);
      }
      // Measured elsewhere: the budgets have the emitter's cases, together with the baselines.
      for (const call of readBudgets().calls)
        ok(
          rows.some((row) => sameCase(row, call)),
          `a row of ${call.path} ${call.event}, ${call.payloadChars} characters`,
        );
      for (const path of ["JSON.stringify", "template", "DataView"])
        equal(rows.filter((row) => row.path === path).length, 3, path);
      equal(new Set(rows.map((row) => JSON.stringify(row))).size, rows.length, "no row is there twice");
      const [why, ...others] = stderr.split("\n").filter((line) => line.includes("not measured on this machine"));
      match(why ?? "", new RegExp(`^${engine}: .*missing: .*apt-get install`));
      deepEqual(others, []);
    });

  it("reaches no figure, and says so, of a part that was not measured", async () => {
    const { figuresOf } = await import("./figures.ts");
    const { keysOfXs } = await import("./xs-engines.ts");
    const figures = figuresOf(unmeasured("xs-rv32", await keysOfXs()), []);
    ok(figures.length > 20, `${figures.length} figures`);
    for (const { what, measured } of figures) ok(Number.isNaN(measured), what);
  });

  it("prints tables with a dash for what has no figure", async () => {
    const { status, stdout, stderr } = await run("xs-rv32");
    equal(status, 0, stderr);
    match(stdout, /msg\.recv +0 +native +– +– +–/);
  });
});
