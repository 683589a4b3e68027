// `xs-telemetry bench --device`: a board's benchmark from its log, over a serial line as a board writes it.
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchRun, compareRows, type Problem, readBenchFile, readBenchLine } from "xs-telemetry/host";
import { endBoardCommand, listenToBoard } from "../support/board-command.ts";
import { openSerialLine, type SerialLine } from "../support/pty.ts";

const FOLDER = "dist/test-bench-device";
mkdirSync(FOLDER, { recursive: true });

const row = (path: string, event: string, payloadChars: number, ns: number) => ({
  engine: "esp32c3",
  path,
  event,
  payloadChars,
  scene: null,
  instructions: null,
  ns,
  allocatedBytes: 0,
  recordBytes: 16,
});
const ROWS = [row("native", "msg.recv", 0, 5137.5), row("native", "msg.send", 0, 5200), row("native", "off", 0, 900)];
const EMULATED = ROWS.slice(0, 2).map((each, index) => ({
  ...each,
  engine: "xs-rv32",
  instructions: 685 + 10 * index,
  ns: null,
}));
const begin = (cases = ROWS.length) => JSON.stringify({ bench: "begin", engine: "esp32c3", path: "native", cases });
const end = (rows = ROWS.length) => JSON.stringify({ bench: "end", rows });
const LOG = [
  "ESP-ROM:esp32c3-api1-20210207",
  JSON.stringify(ROWS[0]),
  begin(),
  JSON.stringify(ROWS[0]),
  "I (312) wifi: a line of the system between rows { not JSON",
  `\u001b[0;32mI (400) app: ${JSON.stringify(ROWS[1])}\u001b[0m`,
  JSON.stringify(ROWS[2]),
  end(),
];
const rv32File = join(FOLDER, "rv32.json");
writeFileSync(rv32File, JSON.stringify({ rows: EMULATED }));

function play(lines: readonly string[], mostRows?: number) {
  const problems: Problem[] = [];
  const run = new BenchRun((problem) => problems.push(problem), mostRows);
  for (const line of lines) run.take(line);
  return { run, codes: problems.map(({ code }) => code), messages: problems.map(({ message }) => message) };
}

describe("rows of a board's benchmark", () => {
  it("are found among log lines, from where a run begins to where it ends", () => {
    const { run, codes } = play(LOG);
    deepEqual(run.rows, ROWS);
    deepEqual([run.state, run.cases, codes], ["complete", 3, []]);
  });

  it("are those of the last run if the board starts again", () => {
    const { run, codes } = play([begin(), JSON.stringify(ROWS[0]), `{"engine":"esp`, ...LOG.slice(2)]);
    deepEqual([run.rows, run.problems, codes], [ROWS, 0, ["E_JSON"]]);
  });

  it("are checked each: what is missing, of another type or cut is named", () => {
    const { event, ...withoutEvent } = ROWS[0]!;
    equal(event, "msg.recv");
    const wrong = [
      [JSON.stringify(withoutEvent), /event is missing/],
      [JSON.stringify({ ...ROWS[0], ns: "5" }), /ns is "5", expected a number or null/],
      [JSON.stringify({ ...ROWS[0], payloadChars: -1 }), /payloadChars is -1/],
      [JSON.stringify({ ...ROWS[0], path: "x".repeat(41) }), /path is "x+", expected a text/],
      [JSON.stringify(ROWS[0]).slice(0, 60), /not JSON/],
      ['{"bench":"started"}', /bench is "started", expected begin, end or failed/],
    ] as const;
    for (const [line, message] of wrong) {
      const found = readBenchLine(line);
      ok(found.kind === "problem", line);
      match(found.problem.message, message);
    }
  });

  it("are counted: the board says how many it wrote", () => {
    const { run, messages } = play([begin(), JSON.stringify(ROWS[0]), end(3)]);
    deepEqual([run.state, messages], ["complete", ["the board wrote 3 rows, 1 arrived"]]);
  });

  it("are kept once for each case, up to a limit", () => {
    const text = JSON.stringify(ROWS[0]);
    deepEqual(play([begin(), text, text, end(1)]).codes, ["E_ROW"]);
    deepEqual(play([begin(), ...ROWS.map((each) => JSON.stringify(each))], 2).codes, ["E_ROW"]);
  });

  it("do not hide a case that failed on the board", () => {
    const failed = { bench: "failed", ...ROWS[1], message: "Error: a collection within 16 events\u0007" };
    const { codes, messages } = play([begin(), JSON.stringify(failed), end(0)]);
    deepEqual(codes, ["E_CASE"]);
    match(messages[0]!, /^native msg\.send, 0 characters failed on the board: Error: a collection within 16 events/);
    ok(!messages[0]!.includes("\u0007"));
  });

  it("are ignored, and disturb nothing, if values are of a wrong type", () => {
    const odd = '{"toString":1,"valueOf":1}';
    const lines = [
      `{"bench":"failed","path":${odd},"event":"x"}`,
      `{"bench":"failed","path":"native","event":"x","payloadChars":0,"message":${odd}}`,
      `{"engine":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    ];
    deepEqual(play([begin(0), ...lines, end(0)]).messages, [
      "an object x, missing characters failed on the board: missing",
      "native x, 0 characters failed on the board: an object",
      "engine is an array, expected a text of 1 to 40 characters",
    ]);
  });

  it("keep nothing that is not a row's", () => {
    const found = readBenchLine(JSON.stringify({ ...ROWS[0], more: 1 }));
    deepEqual(found, { kind: "row", row: ROWS[0] });
  });

  it("are set beside those of the emulated processor of the same case, and of no other", () => {
    const compared = compareRows(ROWS, [...EMULATED, { ...EMULATED[0]!, engine: "xs-host", instructions: 1 }]);
    deepEqual(
      compared.map(({ emulatedInstructions, nsPerInstruction }) => [emulatedInstructions, nsPerInstruction]),
      [
        [685, 7.5],
        [695, 5200 / 695],
        [null, null],
      ],
    );
  });

  it("are set beside those of the board's kind of processor, or of the one that there is", () => {
    const xtensa = EMULATED.map((each) => ({ ...each, engine: "xs-xtensa", instructions: 479 }));
    const found = (engine: string, emulated: typeof EMULATED) => {
      const [first] = compareRows([{ ...ROWS[0]!, engine }], emulated);
      return `${first!.instructionSet} ${first!.emulatedInstructions}`;
    };
    for (const engine of ["esp32", "esp32s2", "esp32s3"]) equal(found(engine, [...EMULATED, ...xtensa]), "Xtensa 479");
    for (const engine of ["esp32c3", "esp32c6", "unknown"]) equal(found(engine, [...xtensa, ...EMULATED]), "RV32 685");
    equal(found("esp32", EMULATED), "RV32 685");
    equal(found("esp32c3", xtensa), "Xtensa 479");
    equal(found("esp32s3", []), "Xtensa null");
  });

  it("to compare with are read from a file, and refused with the way out", () => {
    deepEqual(readBenchFile(rv32File), EMULATED);
    const file = join(FOLDER, "bad.json");
    for (const [text, message] of [
      ["{", /is not JSON/],
      ['{"rows":[]}', /has no rows; write it with: npm run/],
      ['{"rows":[{"engine":1}]}', /row 0: engine is 1/],
      ['{"rows":[null]}', /row 0: is not an object/],
    ] as const) {
      writeFileSync(file, text);
      throws(() => readBenchFile(file), message);
    }
    throws(() => readBenchFile("none.json"), { code: "E_NOT_FOUND", exitCode: 2 });
  });
});

describe("xs-telemetry bench --device", () => {
  let line: SerialLine;
  before(async () => {
    line = await openSerialLine();
  });
  after(() => line.close());
  afterEach(endBoardCommand);

  const bench = (log: readonly string[], ...options: string[]) => listenToBoard(line, "bench", log, options);

  it("prints the rows as a table, beside the emulated ones", async () => {
    const { status, stdout, stderr } = await bench(LOG, "--compare", rv32File);
    equal(status, 0, stderr);
    match(stdout, /^esp32c3\nevent +characters +path +ns .* RV32 instructions +ns per instruction\n/);
    match(stdout, /^msg\.recv +0 +native +5,137\.5 +0 +16 +685 +7\.50$/m);
    match(stdout, /^off +0 +native +900\.0 +0 +16 +– +–$/m);
    match(stderr, /3 cases of 3, 0 problems/);
  });

  it("prints the rows as JSON, in the form of npm run bench", async () => {
    const { status, stdout } = await bench(LOG, "--json");
    equal(status, 0);
    deepEqual(JSON.parse(stdout), { rows: ROWS });
  });

  it("ends with 1 if a row was broken on the way, and names it", async () => {
    const { status, stderr } = await bench([begin(), `${JSON.stringify(ROWS[0]).slice(0, 50)}`, end(1)]);
    equal(status, 1);
    match(stderr, /E_JSON: not JSON; other text may have got in between: \{"engine"/);
  });

  it("ends with 2 if the board says nothing, with what to look at", async () => {
    const silent = await bench(["boot"], "--timeout", "1");
    equal(silent.status, 2);
    match(
      silent.stderr,
      /E_TIMEOUT: .* at 460800 baud was silent for 1 second; no benchmark has started: reset the board/,
    );
    const stopped = await bench([begin(), JSON.stringify(ROWS[0])], "--timeout", "1");
    match(stopped.stderr, /1 of 3 cases arrived, then nothing: the board may have crashed/);
  });

  it("ends with 2 without a port, or with a file to compare that is not there", async () => {
    const run = async (...args: string[]) => {
      const started = spawn(process.execPath, ["dist/host/cli.js", "bench", ...args], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let stderr = "";
      started.stderr.on("data", (text) => (stderr += text));
      return { status: await new Promise((resolve) => started.on("close", resolve)), stderr };
    };
    deepEqual((await run()).status, 2);
    const noPort = await run("--device", "/dev/none");
    deepEqual([noPort.status, /E_NO_PORT/.test(noPort.stderr)], [2, true], noPort.stderr);
    const noFile = await run("--device", line.hostPath, "--compare", "none.json");
    deepEqual([noFile.status, /E_NOT_FOUND/.test(noFile.stderr)], [2, true], noFile.stderr);
    const noNumber = await run("--device", line.hostPath, "--baud", "fast");
    deepEqual(
      [noNumber.status, /--baud is fast, expected an integer/.test(noNumber.stderr)],
      [2, true],
      noNumber.stderr,
    );
  });
});
