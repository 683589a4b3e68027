import type { Command } from "commander";
import { boardLines } from "../board/board-lines.ts";
import { type SelftestCase, SelftestRun } from "../board/selftest-run.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import { addBoardOptions, type BoardOptions } from "./board-options.ts";
import type { Context } from "./context.ts";

const HELP = `
Flash the self-test first: npm run build in the repository, then mcconfig -i -m -p esp32/<board> in its examples/selftest. Start
this command, then reset the board. The cases are the specs that run inside XS: records byte by byte, hostile arguments, the flash
store in RAM, what a call allocates.

A case that cannot run on a device (built-ins are in flash there, or a counter is missing) is listed with the reason.

Exit code 0: every case passed, or cannot run on the board. 1: a case failed, the board restarted, or lines are missing. 2: the
port cannot be opened, or stays silent.

Examples:
  $ xs-telemetry selftest --device /dev/ttyUSB0
  $ xs-telemetry selftest --device /dev/ttyUSB0 --quiet`;

interface Options extends BoardOptions {
  readonly quiet?: boolean;
}

export function addSelftest(program: Command, context: Context): void {
  const command = program
    .command("selftest")
    .summary("collect self-test results from a board")
    .description("Collects over a serial port the results of xs-telemetry's own specs, run on a board.");
  addBoardOptions(command)
    .option("--quiet", "print only the cases that failed")
    .addHelpText("after", HELP)
    .action((options: Options) => runSelftest(options, context));
}

async function runSelftest({ device, baud, timeout, quiet = false }: Options, context: Context): Promise<void> {
  const run = new SelftestRun((found) => {
    if (!quiet || found.error !== "") context.output.writeLines(lineOf(found));
  });
  await boardLines({
    path: device,
    baud,
    timeoutS: timeout,
    take: (line) => (run.take(line) ? (run.state === "complete" ? "done" : "more") : "other"),
    silence: () => `${nameOf(device)} at ${baud} baud was silent for ${counted(timeout, "second")}; ${heard(run)}`,
    say: (line) => context.say(line),
  });
  for (const message of run.faults) context.sayProblem({ code: "E_SELFTEST", message }, device);
  const { passed, failed, noted } = run.counts;
  if (failed > 0 || run.faults.length > 0) context.worsen(1);
  const notRun = noted > 0 ? `, ${noted} cannot run there` : "";
  context.say(`${nameOf(device)}, ${run.engine}: ${passed} passed, ${failed} failed${notRun}`);
}

function lineOf({ spec, title, error, note }: SelftestCase): string {
  const name = `${visible(spec)}: ${visible(title)}`;
  if (error !== "") return `FAIL ${name}\n     ${visible(error)}\n`;
  return note === undefined ? `ok   ${name}\n` : `–    ${name}: ${visible(note)}\n`;
}

function heard(run: SelftestRun): string {
  if (run.state === "waiting")
    return "no self-test has started: reset the board, and check that examples/selftest was flashed with mcconfig -i";
  return `the last finished case was ${visible(run.last)}; the board may have crashed in the next one, see its log`;
}
