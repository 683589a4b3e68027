// `xs-telemetry selftest --device`: the cases of these very specs that a board runs, over a serial line as a board writes them; and
// examples/selftest itself, inside XS with substitutes for parts of the SDK.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { type SelftestCase, SelftestRun } from "../../host/board/selftest-run.ts";
import { endBoardCommand, listenToBoard } from "../support/board-command.ts";
import { openSerialLine, type SerialLine } from "../support/pty.ts";
import { engine } from "../support/xs.ts";

const begin = '{"selftest":"begin","engine":"esp32c3","path":"native","specs":2}';
const line = (title: string, error = "", note?: string) =>
  JSON.stringify({ selftest: "case", spec: "xs-ring", title, error, note });
const end = (cases: number) => JSON.stringify({ selftest: "end", cases });
const LOG = [
  "ESP-ROM:esp32c3-api1-20210207",
  line("of a run joined late"),
  begin,
  '{"selftest":"spec","spec":"xs-ring","cases":3}',
  line("keeps what is there"),
  `\u001b[0;32mI (400) app: ${line("needs to replace Math.random", "", "built-ins cannot be replaced")}\u001b[0m`,
  "I (312) wifi: a line of the system { not JSON",
  line("wraps"),
  end(3),
];

function play(lines: readonly string[]) {
  const cases: SelftestCase[] = [];
  const run = new SelftestRun((found) => cases.push(found));
  for (const text of lines) run.take(text);
  return { run, cases };
}

describe("a board's self-test", () => {
  it("is found among log lines, from where it begins to where it ends", () => {
    const { run, cases } = play(LOG);
    deepEqual([run.state, run.engine, run.faults], ["complete", "esp32c3, emitter native", []]);
    deepEqual(run.counts, { passed: 2, failed: 0, noted: 1 });
    deepEqual(
      cases.map(({ title, note }) => [title, note]),
      [
        ["keeps what is there", undefined],
        ["needs to replace Math.random", "built-ins cannot be replaced"],
        ["wraps", undefined],
      ],
    );
  });

  it("is not good with a case that failed, without cases, with lines that are lost, cut or wrong, or after a restart", () => {
    deepEqual(play([begin, line("a", "Error: 1 is 2"), end(1)]).run.counts, { passed: 0, failed: 1, noted: 0 });
    const faults: [readonly string[], RegExp][] = [
      [[begin, end(0)], /ran no case/],
      [[begin, line("a", "", "not here"), end(1)], /nothing is proven/],
      [[begin, ...new Array(1000).fill('{"selftest":"x"}'), end(0)], /981 more of these/],
      [[begin, line("a"), end(2)], /ran 2 cases, 1 arrived/],
      [[begin, line("a").slice(0, 30), end(0)], /not JSON/],
      [[begin, '{"selftest":"case","spec":1}'], /not from the self-test/],
      [[begin, line("a"), begin, line("a"), end(1)], /restarted after xs-ring: a/],
      [[begin, begin], /restarted after the run began/],
    ];
    for (const [lines, message] of faults) match(play(lines).run.faults.join(), message);
  });

  describe("by the command", () => {
    let serial: SerialLine;
    before(async () => {
      serial = await openSerialLine();
    });
    after(() => serial.close());
    afterEach(endBoardCommand);

    const selftest = (log: readonly string[], ...options: string[]) => listenToBoard(serial, "selftest", log, options);

    it("lists each case, and ends with 0", async () => {
      const { status, stdout, stderr } = await selftest(LOG);
      equal(status, 0, stderr);
      match(
        stdout,
        /^ok {3}xs-ring: keeps what is there\n– {4}xs-ring: needs .*: built-ins cannot be replaced\nok {3}/,
      );
      match(stderr, /esp32c3, emitter native: 2 passed, 0 failed, 1 cannot run there/);
    });

    it("ends with 1 where a case failed or the board restarted, and with 2 where it says nothing", async () => {
      const failed = await selftest([begin, line("a"), line("b", "Error: 1 is\u0007 2"), end(2)], "--quiet");
      deepEqual([failed.status, failed.stdout], [1, "FAIL xs-ring: b\n     Error: 1 is\\u0007 2\n"]);
      const restarted = await selftest([begin, line("a"), "Guru Meditation Error", begin]);
      equal(restarted.status, 1);
      match(restarted.stderr, /E_SELFTEST: the board restarted after xs-ring: a/);
      const silent = await selftest([begin, line("a")], "--timeout", "1");
      equal(silent.status, 2);
      match(silent.stderr, /E_TIMEOUT: .*the last finished case was xs-ring: a/);
    });
  });

  it("runs inside XS as the firmware has it: every case passes there", async () => {
    const folder = "dist/test-selftest";
    mkdirSync(folder, { recursive: true });
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, `${name}.js`), text);
      return join(folder, `${name}.js`);
    };
    // None of what calls allocate: the host takes a module by a name for one that is preloaded, whose literals are copied.
    const specs = ["xs-vectors", "xs-model", "xs-flash", "xs-text", "engine-hostile"];
    const names = JSON.parse(readFileSync("dist/examples/selftest/specs.js", "utf8").match(/\[.*\]/)![0]) as string[];
    for (const spec of specs) ok(names.includes(spec), spec);
    const modules: Record<string, string> = {
      "selftest/specs": write("specs", `export default ${JSON.stringify(specs)};`),
      "mc/config": write(
        "config",
        `globalThis.trace = print; export default { engine: "xs-host", path: "typescript" };`,
      ),
      // Those names that main.ts asks for, and the host's counters.
      instrumentation: write(
        "instrumentation",
        `const names = ["XS Slot Heap Used", "XS Chunk Heap Used", "XS Garbage Collection Count"];
         const own = heap;
         const read = [() => own.slots() * 16, () => own.chunkBytes(), () => own.collections()];
         export default { map: (name) => names.indexOf(name), get: (index) => read[index]() };`,
      ),
      debug: write("debug", "const own = gc; export default { gc: () => own() };"),
      main: write("main", ""),
    };
    for (const spec of specs) modules[`selftest/${spec}`] = `dist/examples/selftest/${spec}.js`;
    await build({
      entryPoints: ["examples/selftest/main.ts"],
      outfile: modules.main!,
      bundle: true,
      format: "esm",
      external: ["debug", "instrumentation", "mc/config", "selftest/*", "timer"],
      allowOverwrite: true,
      logLevel: "warning",
    });
    const { run } = await engine("host", "typescript");
    const given = Object.entries(modules).flatMap(([name, file]) => ["--module", `${name}=${resolve(file)}`]);
    const { status, stdout, stderr } = await run(modules.main!, [], given);
    const found = play(stdout.trim().split("\n"));
    equal(status, 0, stderr);
    deepEqual([found.run.state, found.run.faults], ["complete", []]);
    deepEqual(
      found.cases.filter(({ error, note }) => error !== "" || note !== undefined),
      [],
    );
    ok(found.run.counts.passed > 60, `${found.run.counts.passed} cases`);
  });
});
