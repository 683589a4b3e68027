import type { Command } from "commander";
import { BenchRun, type ComparedRow, compareRows } from "../board/bench-device.ts";
import { type BenchRow, readBenchFile } from "../board/bench-rows.ts";
import { boardLines } from "../board/board-lines.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import { addBoardOptions, type BoardOptions } from "./board-options.ts";
import type { Context } from "./context.ts";

const HELP = `
Flash the benchmark first: run mcconfig -i -m -p esp32/<board> in examples/benchmark of the repository. Start this command, then
reset the board. If the board restarts during the run, the run starts over.

The board measures times with its own microsecond clock. --compare adds the number of instructions that the same case takes on
an emulated processor of the board's kind: RV32 (ESP32-C3, C6, H2; exact for that instruction set) or Xtensa (ESP32, S2, S3; exact
for its LX106). Instructions are not cycles: if "ns per instruction" varies from case to case, flash cache and memory cause it.

Exit code 0: every case was measured. 1: rows are missing or broken. 2: the port cannot be opened, or stays silent.

Examples:
  $ xs-telemetry bench --device /dev/ttyUSB0
  $ xs-telemetry bench --device /dev/ttyUSB0 --json > esp32c3.json
  $ xs-telemetry bench --device /dev/ttyUSB0 --compare rv32.json`;

interface Options extends BoardOptions {
  readonly compare?: string;
  readonly json?: true;
}

export function addBench(program: Command, context: Context): void {
  const command = program
    .command("bench")
    .summary("collect benchmark results from a board")
    .description("Collects over a serial port what each event costs on a board that runs the benchmark.");
  addBoardOptions(command)
    .option(
      "--compare <file>",
      "compare with an emulated processor: the output of npm run bench -- xs-rv32 --json, or xs-xtensa",
    )
    .option("--json", "print JSON, in the form of npm run bench -- --json")
    .addHelpText("after", HELP)
    .action((options: Options) => runBench(options, context));
}

async function runBench(options: Options, context: Context): Promise<void> {
  // First, so that an unreadable file is reported before waiting for the board.
  const emulated = options.compare === undefined ? undefined : readBenchFile(options.compare);
  const run = await collect(options, context);
  if (run.problems > 0 || run.rows.length < run.cases) context.worsen(1);
  context.say(
    `${nameOf(options.device)}: ${counted(run.rows.length, "case")} of ${run.cases}, ${counted(run.problems, "problem")}`,
  );
  if (options.json) {
    const rows = emulated === undefined ? run.rows : [...run.rows, ...emulated];
    context.output.writeLines(`${JSON.stringify({ rows }, null, 2)}\n`);
    return;
  }
  const lines = table(emulated === undefined ? run.rows : compareRows(run.rows, emulated));
  context.output.writeLines(`${lines.join("\n")}\n`);
}

/** Resolves with a complete run. Rejects with E_TIMEOUT, or with the port's error. */
async function collect({ device, baud, timeout }: Options, context: Context): Promise<BenchRun> {
  const run = new BenchRun((problem) => context.sayProblem(problem, device));
  const progress = context.progress("bench", device, false);
  try {
    await boardLines({
      path: device,
      baud,
      timeoutS: timeout,
      take(line) {
        if (!run.take(line)) return "other";
        progress.update(() => `${run.rows.length} of ${run.cases} cases`);
        return run.state === "complete" ? "done" : "more";
      },
      silence: () => silence(run, device, baud, timeout),
      say: (line) => context.say(line),
    });
  } finally {
    progress.clear();
  }
  return run;
}

function silence(run: BenchRun, device: string, baud: number, timeout: number): string {
  const heard =
    run.state === "waiting"
      ? "no benchmark has started: reset the board, and check that examples/benchmark was flashed with mcconfig -i"
      : `${run.rows.length} of ${run.cases} cases arrived, then nothing: the board may have crashed, see its log`;
  return `${nameOf(device)} at ${baud} baud was silent for ${counted(timeout, "second")}; ${heard}`;
}

function table(rows: readonly (BenchRow | ComparedRow)[]): string[] {
  const head = ["event", "characters", "path", "ns", "allocated bytes", "bytes per event"];
  const [first] = rows;
  if (first && "instructionSet" in first) head.push(`${first.instructionSet} instructions`, "ns per instruction");
  const cells = rows.map((row) => {
    const own = [visible(row.event), show(row.payloadChars, 0), visible(row.path), show(row.ns, 1)];
    own.push(show(row.allocatedBytes, 0), show(row.recordBytes, 0));
    if ("emulatedInstructions" in row) own.push(show(row.emulatedInstructions, 0), show(row.nsPerInstruction, 2));
    return own;
  });
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]!.length)));
  const isText = (column: number) => column === 0 || column === 2;
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) => (isText(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [rows.length > 0 ? visible(rows[0]!.engine) : "no rows", line(head), ...cells.map(line)];
}

function show(value: number | null, decimals: number): string {
  if (value === null) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
