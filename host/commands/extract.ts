import type { Command } from "commander";
import { TelemetryError } from "../errors.ts";
import { extract } from "../extract.ts";
import { nameOf } from "../io-error.ts";
import { counted } from "../report.ts";
import type { Context } from "./context.ts";
import { bytesDone, openInput } from "./io.ts";

const HELP = `
A line is telemetry when its text from the first "{", colours and carriage returns removed, has a key "event".
Valid ones are printed, broken ones are named on stderr with line, byte and what is wrong, and then the exit code is 1.

Examples:
  $ xs-telemetry extract serial.log > trace.jsonl
  $ cat /dev/ttyUSB0 | xs-telemetry extract -
  $ xs-telemetry extract serial.log | xs-telemetry validate -`;

export function addExtract(program: Command, context: Context): void {
  program
    .command("extract")
    .summary("telemetry lines out of a raw serial log")
    .description("Prints the telemetry lines of a raw serial log as JSON lines.")
    .argument("<log>", "the log; - is standard input")
    .addHelpText("after", HELP)
    .action((log: string) => runExtract(log, context));
}

async function runExtract(log: string, context: Context): Promise<void> {
  const progress = context.progress("extract", log, true);
  const input = await openInput(log, (now) => progress.update(() => bytesDone(now)));
  const counts = { event: 0, broken: 0, skipped: 0 };
  try {
    for await (const found of extract(input.bytes)) {
      counts[found.kind] += 1;
      if (found.kind === "event") {
        context.output.write(`${found.text}\n`);
        if (context.output.isFull) await context.output.flush();
        continue;
      }
      if (found.kind === "broken") context.worsen(1);
      progress.clear();
      context.sayProblem(found.problem, log);
    }
  } finally {
    progress.clear();
  }
  if (input.readBytes === 0) {
    throw new TelemetryError(
      "E_EMPTY",
      `${nameOf(log)} is empty (0 bytes), expected a serial log; check what wrote it`,
      1,
    );
  }
  const skipped = counts.skipped > 0 ? `, ${counted(counts.skipped, "line")} too long to read` : "";
  context.say(`${nameOf(log)}: ${counted(counts.event, "telemetry line")}, ${counts.broken} broken${skipped}`);
}
