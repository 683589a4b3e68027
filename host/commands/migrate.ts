import type { Command } from "commander";
import { migrate } from "../migrate/migrate.ts";
import { TelemetryError } from "../text/errors.ts";
import { plainBytes } from "../text/input-kind.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import { type Context, isFolder } from "./context.ts";
import { bytesDone, openInput } from "./io.ts";
import { addRegistryOption, type RegistryOption, registriesOf } from "./registries.ts";

const HELP = `
Renames, adds and removes attributes, version by version, as the registries say. Values keep their exact spelling. A line that
would lose information is reported on standard error, with the reason, and is not printed. A line that already has the version
is printed unchanged. See docs/versions.md and docs/MIGRATIONS.md.
Exit code 0: every line was migrated. 1: some were not, or there is none. 2: the file could not be read, or the version is unknown.

Examples:
  $ xs-telemetry migrate --to 2.0.0 trace.jsonl > trace-2.jsonl
  $ xs-telemetry migrate --to 1.0.0 trace-2.jsonl | xs-telemetry validate -
  $ xs-telemetry extract serial.log | xs-telemetry migrate --to 2.0.0 -
  $ xs-telemetry migrate --registry my-1.yaml --registry my-2.yaml --to 2.0.0 -`;

interface Options extends RegistryOption {
  readonly to: string;
}

export function addMigrate(program: Command, context: Context): void {
  const command = program
    .command("migrate")
    .summary("rewrite JSON lines in another schema version")
    .description("Rewrites JSON lines in another schema version, older or newer.")
    .argument("<file>", "JSON lines; - for standard input");
  addRegistryOption(command)
    .requiredOption("--to <version>", "the schema version to write")
    .addHelpText("after", HELP)
    .action((file: string, options: Options) => runMigrate(file, options, context));
}

async function runMigrate(file: string, options: Options, context: Context): Promise<void> {
  const { to } = options;
  const registries = await registriesOf(options);
  if (isFolder(file)) {
    const wayOut = `for a capture, use decode --schema-version ${visible(to)}`;
    throw new TelemetryError("E_IS_DIRECTORY", `${nameOf(file)} is a directory, expected JSON lines; ${wayOut}`, 2);
  }
  const progress = context.progress("migrate", file, true);
  const input = await openInput(file, (now) => progress.update(() => bytesDone(now)));
  let migrated = 0;
  let left = 0;
  try {
    for await (const item of migrate(plainBytes(input.bytes), { to, registries })) {
      if (item.kind === "lines") {
        migrated += item.count;
        context.output.writeLines(item.lines);
        if (context.output.isFull) await context.output.flush();
        continue;
      }
      if (item.problem.code.startsWith("E_")) {
        left += 1;
        context.worsen(1);
      }
      progress.clear();
      context.sayProblem(item.problem, file);
    }
  } finally {
    progress.clear();
  }
  context.say(`${nameOf(file)}: ${counted(migrated, "event")} in ${visible(to)}, ${left} left out`);
}
