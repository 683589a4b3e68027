#!/usr/bin/env node
/** The command line: `xs-telemetry <command>`. Exit code 0 good, 1 the data is bad, 2 usage or I/O. */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addBench } from "./commands/bench.ts";
import { addCapture } from "./commands/capture.ts";
import { Context } from "./commands/context.ts";
import { addDecode } from "./commands/decode.ts";
import { addExtract } from "./commands/extract.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addRegistry } from "./commands/registry.ts";
import { addShow } from "./commands/show.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addStats } from "./commands/stats.ts";
import { addTail } from "./commands/tail.ts";
import { addValidate } from "./commands/validate.ts";
import { TelemetryError } from "./text/errors.ts";

const HELP = `
Results go to standard output, everything else to standard error; - is standard input.
Exit code 0: good. 1: the data is bad. 2: wrong use, or a file could not be read or written.

Examples:
  $ xs-telemetry decode capture/ > trace.jsonl
  $ xs-telemetry extract serial.log > trace.jsonl
  $ xs-telemetry validate trace.jsonl
  $ xs-telemetry migrate --to 2.0.0 trace.jsonl
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/
  $ xs-telemetry tail --udp 9419
  $ xs-telemetry simulate --udp 127.0.0.1:9419 --devices 20
  $ xs-telemetry registry check my.yaml
  $ xs-telemetry bench --device /dev/ttyUSB0
  $ xs-telemetry help validate`;

function createProgram(context: Context): Command {
  const program = new Command("xs-telemetry")
    .description("Telemetry of Moddable XS devices: capture, decode, extract from logs, validate, migrate.")
    .version(packageJson.version)
    .exitOverride()
    .showHelpAfterError("(--help shows the options, with examples)")
    .addHelpText("after", HELP);
  addDecode(program, context);
  addShow(program, context);
  addStats(program, context);
  addExtract(program, context);
  addValidate(program, context);
  addMigrate(program, context);
  addCapture(program, context);
  addTail(program, context);
  addSimulate(program, context);
  addRegistry(program, context);
  addBench(program, context);
  return program;
}

async function main(): Promise<void> {
  const context = new Context();
  // Nobody to tell when stderr is gone; the exit code still says it.
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads has had enough (`| head`): that is their right, not a failure.
    if (error.code !== "EPIPE") context.fail(new TelemetryError("E_WRITE", `standard output: ${error.message}`, 2));
    process.exit(context.exitCode);
  });
  try {
    await createProgram(context).parseAsync();
    await context.output.flush();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong. Its own exit code for that is 1; --help and --version have 0.
      if (error.exitCode !== 0) context.worsen(2);
    } else if ((error as NodeJS.ErrnoException).syscall !== "write") {
      context.fail(error);
    }
    await context.output.flush().catch(() => {});
  }
  process.exitCode = context.exitCode;
}

await main();
