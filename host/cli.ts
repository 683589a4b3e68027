/** The command line: `xs-telemetry <command>`. Exit code 0 good, 1 the data is bad, 2 usage or I/O. */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addBench } from "./commands/bench.ts";
import { addCapture } from "./commands/capture.ts";
import { addCompletion } from "./commands/completion.ts";
import { Context } from "./commands/context.ts";
import { addDecode } from "./commands/decode.ts";
import { addExtract } from "./commands/extract.ts";
import { arrangeHelp } from "./commands/help.ts";
import { addInfo } from "./commands/info.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addRegistry } from "./commands/registry.ts";
import { addSelftest } from "./commands/selftest.ts";
import { addShow } from "./commands/show.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addStats } from "./commands/stats.ts";
import { addTail } from "./commands/tail.ts";
import { addValidate } from "./commands/validate.ts";
import { addView } from "./commands/view.ts";
import { TelemetryError } from "./text/errors.ts";
import { visibleLines } from "./text/lines.ts";

const HELP = `
Results go to standard output, everything else to standard error; - is standard input.
Exit code 0: good. 1: the data is bad. 2: wrong use, or a file could not be read or written.

More of a command: xs-telemetry help validate

Examples:
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/
  $ xs-telemetry show capture/
  $ xs-telemetry decode capture/ | xs-telemetry validate -`;

function createProgram(context: Context): Command {
  const program = new Command("xs-telemetry")
    .description("Telemetry of Moddable XS devices: record, read, check.")
    .version(packageJson.version, "-v, --version")
    .exitOverride()
    .showHelpAfterError("(--help shows the options, with examples)")
    // It says what was given, which may be names of files that somebody else has made: `decode *`.
    .configureOutput({
      outputError: (text, write) => write(visibleLines(text.replace(/^error: /, "xs-telemetry: E_USAGE: "))),
    })
    .addHelpText("after", HELP);
  program.commandsGroup("Record:");
  addCapture(program, context);
  addTail(program, context);
  addSimulate(program, context);
  program.commandsGroup("Read:");
  addInfo(program, context);
  addShow(program, context);
  addStats(program, context);
  addDecode(program, context);
  addView(program, context);
  addExtract(program, context);
  program.commandsGroup("Check:");
  addValidate(program, context);
  addMigrate(program, context);
  addBench(program, context);
  addSelftest(program, context);
  program.commandsGroup("Registry and shell:");
  addRegistry(program, context);
  addCompletion(program, context);
  arrangeHelp(program);
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
