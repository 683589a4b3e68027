import { type Command, InvalidArgumentError, Option } from "commander";
import { decodePath } from "../decode/decode.ts";
import type { RegistryModel } from "../registry/model.ts";
import { TelemetryError } from "../text/errors.ts";
import { counted, createReporter, REPORT_FORMATS, type Reporter, type ReportFormat } from "../validate/report.ts";
import { CHECKS, type Check, type Issue, type ValidateOptions, Validator } from "../validate/validate.ts";
import { type Context, isFolder } from "./context.ts";
import { bytesDone, openInput, type Progress, placeOf } from "./io.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";

const HELP = `
Exit code 0: no errors. 1: errors. 2: a file could not be read, or an option is wrong.
Checks: schema, each event by itself; sequence, the events of a boot one after the other.
Warnings are attributes that an event does not declare, texts over their bound, keys that stand twice, and losses.
With --strict they are errors, but for losses: a trace with losses is as good as one can be.

Examples:
  $ xs-telemetry validate trace.jsonl
  $ xs-telemetry validate capture/
  $ xs-telemetry validate --strict traces/*.jsonl
  $ xs-telemetry validate --registry sensor.yaml capture/
  $ xs-telemetry extract serial.log | xs-telemetry validate --format json -
  $ xs-telemetry validate --format github trace.jsonl      (annotations in a GitHub workflow)`;

interface Options extends RegistryOption {
  readonly checks: readonly Check[];
  readonly strict?: true;
  readonly schemaVersion?: string;
  readonly format: ReportFormat;
}

export function addValidate(program: Command, context: Context): void {
  const command = program
    .command("validate")
    .summary("check events against the registry")
    .description("Checks that the events follow the registry, and names what does not, line by line.")
    .argument("<file...>", "JSON lines, or a capture folder; - is standard input");
  addRegistryOption(command)
    .addOption(
      new Option("--checks <names>", `what to check, separated by commas: ${CHECKS.join(", ")}`)
        .argParser(parseChecks)
        .default(CHECKS, "all"),
    )
    .option("--strict", "warnings are errors, but for losses")
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
  const registries = await registriesOf(options);
  const settings: ValidateOptions = {
    registries,
    checks,
    strict,
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
  };
  // Before any file is opened: it throws when the version is not known.
  new Validator(settings);
  const registry = decodedRegistry(options, registries);
  // Text for people has colours, and its values are escaped.
  const write = (text: string) => (format === "text" ? context.output.write(text) : context.output.writeLines(text));
  const reporter = createReporter({ format, write, color: context.hasColor });
  for (const file of files) {
    const progress = context.progress("validate", file, format !== "text");
    const around = { reporter, progress, context, format, registry };
    const error = await validateFile(file, new Validator(settings), around);
    // The other files are still worth reading.
    if (error !== undefined) context.fail(error);
  }
  reporter.finish();
}

interface Surroundings {
  readonly reporter: Reporter;
  readonly progress: Progress;
  readonly context: Context;
  readonly format: ReportFormat;
  /** What captures are decoded as. */
  readonly registry: RegistryModel;
}

/** Returns what ended the work on the file before its end, undefined if nothing did. */
async function validateFile(file: string, validator: Validator, around: Surroundings): Promise<unknown> {
  const { reporter, progress, context, format } = around;
  let hasBegun = false;
  let failure: unknown;
  const report = (issue?: Issue) => {
    if (!hasBegun) reporter.begin(file);
    hasBegun = true;
    if (issue !== undefined) reporter.issue(issue);
  };
  try {
    const bytes = isFolder(file)
      ? decodedLines(file, validator, around)
      : (await openInput(file, (input) => progress.update(() => bytesDone(input)))).bytes;
    for await (const issue of validator.lines(bytes)) {
      report(issue);
      if (issue.severity === "error") context.worsen(1);
      if (context.output.isFull) await context.output.flush();
    }
    report();
  } catch (error) {
    failure = error;
    // People read it on standard error.
    if (error instanceof TelemetryError && (hasBegun || format !== "text")) report(issueOf(error, validator));
  }
  progress.clear();
  if (hasBegun) {
    const { eventCount: events, errorCount, warningCount: warnings, isValid } = validator;
    const errors = errorCount + (failure === undefined ? 0 : 1);
    reporter.end({ events, errors, warnings, isValid: isValid && failure === undefined });
  }
  return failure;
}

/** Of a file that could not be read, or not to its end: behind the lines that could. */
function issueOf({ code, message }: TelemetryError, validator: Validator): Issue {
  return { line: validator.line + 1, severity: "error", code, event: null, attribute: null, message };
}

/** A capture as `decode` prints it. Damage is an issue of the line that comes next; losses are only told. */
async function* decodedLines(
  capture: string,
  validator: Validator,
  { progress, context, registry }: Surroundings,
): AsyncGenerator<Uint8Array, void, void> {
  let boot = "";
  for await (const item of decodePath(capture, { registry, output: "lines" })) {
    if (item.kind === "lines") {
      const bootOfItem = `${item.bootId} ${item.bootNumber} ${item.reader}`;
      if (bootOfItem !== boot) validator.beginBoot();
      boot = bootOfItem;
      yield item.lines;
      progress.update(() => counted(validator.eventCount, "event"));
    } else if (item.kind === "problem") {
      if (item.problem.code.startsWith("E_") || item.problem.code === "W_UNNAMED") {
        const { file = capture, message } = item.problem;
        const place = [file, placeOf(item.problem)].filter((part) => part !== "").join(", ");
        validator.addProblem({ ...item.problem, message: `${place}: ${message}` });
      } else {
        progress.clear();
        context.sayProblem(item.problem, capture);
      }
    }
  }
}
