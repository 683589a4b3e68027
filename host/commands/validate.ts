import { statSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { decodePath } from "../decode.ts";
import { TelemetryError } from "../errors.ts";
import { counted, createReporter, REPORT_FORMATS, type Reporter, type ReportFormat } from "../report.ts";
import { CHECKS, type Check, type ValidateOptions, Validator } from "../validate.ts";
import { type Context, REGISTRIES } from "./context.ts";
import { bytesDone, openInput, type Progress, placeOf } from "./io.ts";

const HELP = `
Exit code 0: no errors. 1: errors. 2: a file could not be read, or an option is wrong.
Warnings are attributes that an event does not declare and texts over their bound.

Examples:
  $ xs-telemetry validate trace.jsonl
  $ xs-telemetry validate capture/
  $ xs-telemetry validate --strict traces/*.jsonl
  $ xs-telemetry extract serial.log | xs-telemetry validate --format json -
  $ xs-telemetry validate --format github trace.jsonl      (annotations in a GitHub workflow)`;

interface Options {
  readonly checks: readonly Check[];
  readonly strict?: true;
  readonly schemaVersion?: string;
  readonly format: ReportFormat;
}

export function addValidate(program: Command, context: Context): void {
  program
    .command("validate")
    .summary("check events against the registry")
    .description("Checks that every event follows the registry, and names what does not, line by line.")
    .argument("<file...>", "JSON lines, or a capture folder; - is standard input")
    .addOption(
      new Option("--checks <names>", `what to check, separated by commas: ${CHECKS.join(", ")}`)
        .argParser(parseChecks)
        .default(CHECKS, "all"),
    )
    .option("--strict", "warnings are errors")
    .option("--schema-version <version>", "every event must have this schema version")
    .addOption(new Option("--format <format>", "of the report").choices(REPORT_FORMATS).default("text"))
    .addHelpText("after", HELP)
    .action((files: string[], options: Options) => runValidate(files, options, context));
}

function parseChecks(text: string): readonly Check[] {
  return text.split(",").map((name) => {
    const known = CHECKS.find((check) => check === name.trim());
    if (known === undefined) throw new InvalidArgumentError(`Allowed are ${CHECKS.join(", ")}.`);
    return known;
  });
}

async function runValidate(files: readonly string[], options: Options, context: Context): Promise<void> {
  if (files.filter((file) => file === "-").length > 1) {
    throw new TelemetryError("E_USAGE", "standard input can be read once: name - once", 2);
  }
  const { checks, strict = false, schemaVersion, format } = options;
  const settings: ValidateOptions = {
    registries: REGISTRIES,
    checks,
    strict,
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
  };
  // Before any file is opened: it throws when the version is not known.
  new Validator(settings);
  const write = (text: string) => context.output.write(text);
  const reporter = createReporter({ format, write, color: context.hasColor });
  for (const file of files) {
    try {
      const progress = context.progress("validate", file, format !== "text");
      await validateFile(file, new Validator(settings), reporter, progress, context);
    } catch (error) {
      // The other files are still worth reading.
      context.fail(error);
    }
  }
  reporter.finish();
}

async function validateFile(
  file: string,
  validator: Validator,
  reporter: Reporter,
  progress: Progress,
  context: Context,
): Promise<void> {
  const bytes = isFolder(file)
    ? decodedLines(file, validator, progress, context)
    : (await openInput(file, (input) => progress.update(() => bytesDone(input)))).bytes;
  let hasBegun = false;
  let isWhole = false;
  // Nothing is reported of a file of which nothing can be read.
  const begin = () => {
    if (!hasBegun) reporter.begin(file);
    hasBegun = true;
  };
  try {
    for await (const issue of validator.lines(bytes)) {
      begin();
      reporter.issue(issue);
      if (issue.severity === "error") context.worsen(1);
      if (context.output.isFull) await context.output.flush();
    }
    begin();
    isWhole = true;
  } finally {
    progress.clear();
    const { eventCount: events, errorCount: errors, warningCount: warnings, isValid } = validator;
    if (hasBegun) reporter.end({ events, errors, warnings, isValid: isWhole && isValid });
  }
}

/** A capture as `decode` prints it. Damage is an issue of the line that comes next; losses are only told. */
async function* decodedLines(
  capture: string,
  validator: Validator,
  progress: Progress,
  context: Context,
): AsyncGenerator<Uint8Array, void, void> {
  const newest = REGISTRIES[REGISTRIES.length - 1];
  for await (const item of decodePath(capture, { registry: newest, output: "lines" })) {
    if (item.kind === "lines") {
      yield item.lines;
      progress.update(() => counted(validator.eventCount, "event"));
    } else if (item.kind === "problem") {
      if (item.problem.code.startsWith("E_")) {
        const { file = capture, message } = item.problem;
        validator.addProblem({ ...item.problem, message: `${file}, ${placeOf(item.problem)}: ${message}` });
      } else {
        progress.clear();
        context.sayProblem(item.problem, capture);
      }
    }
  }
}

function isFolder(path: string): boolean {
  try {
    return path !== "-" && statSync(path).isDirectory();
  } catch {
    return false; // openInput says what is wrong with it.
  }
}
