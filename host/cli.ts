/** The command line: `xs-telemetry <command>`. Exit code 0 good, 1 the data is bad, 2 usage or I/O. */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { Context } from "./commands/context.ts";
import { arrangeHelp } from "./commands/help.ts";
import { TelemetryError } from "./text/errors.ts";
import { visibleLines } from "./text/lines.ts";

const HELP = `
Results go to standard output, everything else to standard error. A file named - is standard input.
Exit code 0: good. 1: the data is bad. 2: wrong usage, or a file could not be read or written.

Help for one command: xs-telemetry help validate

Examples:
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/
  $ xs-telemetry show capture/
  $ xs-telemetry decode capture/ | xs-telemetry validate -`;

/** Defines a command. */
type Add = (program: Command, context: Context) => void;

/**
 * All commands, in the groups of --help. Most runs use one command: only its code is loaded, because loading is most of
 * the start-up time.
 */
const COMMANDS: Readonly<Record<string, Readonly<Record<string, () => Promise<Add>>>>> = {
  "Record:": {
    capture: async () => (await import("./commands/capture.ts")).addCapture,
    tail: async () => (await import("./commands/tail.ts")).addTail,
    simulate: async () => (await import("./commands/simulate.ts")).addSimulate,
  },
  "Read:": {
    info: async () => (await import("./commands/info.ts")).addInfo,
    show: async () => (await import("./commands/show.ts")).addShow,
    stats: async () => (await import("./commands/stats.ts")).addStats,
    decode: async () => (await import("./commands/decode.ts")).addDecode,
    view: async () => (await import("./commands/view.ts")).addView,
    export: async () => (await import("./commands/export.ts")).addExport,
    forward: async () => (await import("./commands/forward.ts")).addForward,
    extract: async () => (await import("./commands/extract.ts")).addExtract,
  },
  "Check:": {
    validate: async () => (await import("./commands/validate.ts")).addValidate,
    migrate: async () => (await import("./commands/migrate.ts")).addMigrate,
    bench: async () => (await import("./commands/bench.ts")).addBench,
    selftest: async () => (await import("./commands/selftest.ts")).addSelftest,
  },
  "Registry and shell:": {
    registry: async () => (await import("./commands/registry.ts")).addRegistry,
    completion: async () => (await import("./commands/completion.ts")).addCompletion,
  },
};

/** `asked`: the first argument. Help, completion and an unknown command need all commands. */
async function createProgram(context: Context, asked = ""): Promise<Command> {
  const isOne = asked !== "completion" && Object.values(COMMANDS).some((group) => Object.hasOwn(group, asked));
  const program = new Command("xs-telemetry")
    .description("Records, reads and checks the telemetry of Moddable XS devices.")
    .version(packageJson.version, "-v, --version")
    .exitOverride()
    .showHelpAfterError("(--help shows examples and all options)")
    // It repeats the arguments, which may be file names made by somebody else: `decode *`.
    .configureOutput({
      outputError: (text, write) => write(visibleLines(text.replace(/^error: /, "xs-telemetry: E_USAGE: "))),
    })
    .addHelpText("after", HELP);
  for (const [group, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(group);
    for (const [name, load] of Object.entries(commands)) if (!isOne || name === asked) (await load())(program, context);
  }
  arrangeHelp(program);
  return program;
}

async function main(): Promise<void> {
  const context = new Context();
  // Nobody can read stderr any more; the exit code still says it.
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The reader has had enough (`| head`): that is not a failure.
    if (error.code !== "EPIPE") context.fail(new TelemetryError("E_WRITE", `standard output: ${error.message}`, 2));
    process.exit(context.exitCode);
  });
  try {
    const program = await createProgram(context, process.argv[2]);
    await program.parseAsync();
    await context.output.flush();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has reported the error, with exit code 1; --help and --version have 0.
      if (error.exitCode !== 0) context.worsen(2);
    } else if ((error as NodeJS.ErrnoException).syscall !== "write") {
      context.fail(error);
    }
    await context.output.flush().catch(() => {});
  }
  process.exitCode = context.exitCode;
}

await main();
