import type { Command } from "commander";
import { BenchRun, type ComparedRow, compareRows } from "../board/bench-device.ts";
import { type BenchRow, readBenchFile } from "../board/bench-rows.ts";
import { openSerialLink } from "../receive/links/serial.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";

const HELP = `
The board runs examples/benchmark of the repository: mcconfig -i -m -p esp32/<board> there, which flashes and starts it. Reset the
board when this command waits. A board that restarts in between begins again.

Times are the board's own, by its microsecond clock. With --compare, each stands beside the instructions that the same case takes on
the emulated processor of the board's kind: RV32 (ESP32-C3, C6, H2; exact for that instruction set) or Xtensa (ESP32, S2, S3; exact for its
LX106). They tell nothing of cycles: "ns an instruction" shows how far the two keep step from case to case. Where it differs, flash cache and memory are what differs.

Exit code 0: every case was measured. 1: rows are missing or broken. 2: the port cannot be opened, or says nothing.

Examples:
  $ xs-telemetry bench --device /dev/ttyUSB0
  $ xs-telemetry bench --device /dev/ttyUSB0 --json > esp32c3.json
  $ xs-telemetry bench --device /dev/ttyUSB0 --compare rv32.json`;

/** What Moddable's release builds with instrumentation write at. */
const DEFAULT_BAUD = 460_800;
const DEFAULT_TIMEOUT_S = 120;

interface Options {
  readonly device: string;
  readonly baud: number;
  readonly timeout: number;
  readonly compare?: string;
  readonly json?: true;
}

export function addBench(program: Command, context: Context): void {
  program
    .command("bench")
    .summary("a board's own figures, from its serial port")
    .description("Collects what an event costs on a board that runs the benchmark.")
    .requiredOption("--device <path>", "the board's serial port")
    .option("--baud <number>", "of the port", integer("--baud", 1, 20_000_000), DEFAULT_BAUD)
    .option("--timeout <seconds>", "longest wait for the next line", integer("--timeout", 1, 86_400), DEFAULT_TIMEOUT_S)
    .option(
      "--compare <file>",
      "rows of an emulated processor: what npm run bench -- xs-rv32 --json, or xs-xtensa, wrote",
    )
    .option("--json", "rows as JSON, as npm run bench -- --json prints them")
    .addHelpText("after", HELP)
    .action((options: Options) => runBench(options, context));
}

function integer(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new TelemetryError("E_USAGE", `${name} is ${visible(text)}, expected an integer from ${least} to ${most}`, 2);
  };
}

async function runBench(options: Options, context: Context): Promise<void> {
  // First: a file that cannot be read is told before the board is waited for.
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

/** Resolves with a complete run. Rejects with E_TIMEOUT, or as the port does. */
async function collect({ device, baud, timeout }: Options, context: Context): Promise<BenchRun> {
  const run = new BenchRun((problem) => context.sayProblem(problem, device));
  const progress = context.progress("bench", device, false);
  let settle: (error?: TelemetryError) => void = () => {};
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  settled.catch(() => {}); // awaited below, unless the port cannot be opened
  const waitLonger = () => setTimeout(() => settle(silence(run, device, baud, timeout)), timeout * 1000);
  const link = await openSerialLink(
    { path: device, baud },
    {
      packet() {},
      text(_device, line) {
        if (!run.take(line)) return;
        clearTimeout(timer);
        timer = waitLonger();
        progress.update(() => `${run.rows.length} of ${run.cases} cases`);
        if (run.state === "complete") settle();
      },
      problem() {}, // of frames, which are none of this
      say: (line) => context.say(line),
    },
  );
  let timer = waitLonger();
  context.say(`${link.description}: waiting for the board; reset it if it has begun already`);
  try {
    await Promise.race([settled, link.ended]);
  } finally {
    clearTimeout(timer);
    progress.clear();
    await link.close();
  }
  return run;
}

function silence(run: BenchRun, device: string, baud: number, timeout: number): TelemetryError {
  const heard =
    run.state === "waiting"
      ? "no benchmark has begun: reset the board, and see that examples/benchmark was flashed with mcconfig -i"
      : `${run.rows.length} of ${run.cases} cases, and then nothing: the board may have crashed, see its log`;
  return new TelemetryError(
    "E_TIMEOUT",
    `${nameOf(device)} at ${baud} baud said nothing for ${counted(timeout, "second")}; ${heard}`,
    2,
  );
}

function table(rows: readonly (BenchRow | ComparedRow)[]): string[] {
  const head = ["event", "characters", "path", "ns", "allocated bytes", "bytes an event"];
  const [first] = rows;
  if (first && "instructionSet" in first) head.push(`${first.instructionSet} instructions`, "ns an instruction");
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
