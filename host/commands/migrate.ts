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
Attributes are renamed, added and left out as the registries of the versions between say; values stay as they are spelled.
A line that cannot go without loss is named on standard error with the reason, and the others are printed. Lines that have
the version already are printed as they are. Docs: docs/versions.md, docs/MIGRATIONS.md.
Exit code 0: every line went. 1: some did not, or there is none. 2: the file could not be read, or the version is not known.

Examples:
  $ xs-telemetry migrate --to 2.0.0 trace.jsonl > trace-2.jsonl
  $ xs-telemetry migrate --to 1.0.0 trace-2.jsonl | xs-telemetry validate -
  $ xs-telemetry extract serial.log | xs-telemetry migrate --to 2.0.0 -
  $ xs-telemetry migrate --registry my-1.yaml --registry my-2.yaml --to 2.0.0 trace.jsonl`;

interface Options extends RegistryOption {
  readonly to: string;
}

export function addMigrate(program: Command, context: Context): void {
  const command = program
    .command("migrate")
    .summary("JSON lines in another schema version")
    .description("Prints JSON lines in another schema version, older or newer.")
    .argument("<file>", "JSON lines; - is standard input");
  addRegistryOption(command)
    .requiredOption("--to <version>", "the schema version to write")
    .addHelpText("after", HELP)
    .action((file: string, options: Options) => runMigrate(file, options, context));
}

async function runMigrate(file: string, options: Options, context: Context): Promise<void> {
  const { to } = options;
  const registries = await registriesOf(options);
  if (isFolder(file)) {
    const wayOut = `a capture is written in any version by decode --schema-version ${visible(to)}`;
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
