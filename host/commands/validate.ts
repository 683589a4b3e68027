import { type Command, InvalidArgumentError, Option } from "commander";
import type { Gap, PacketPlace } from "../decode/types.ts";
import type { Recording } from "../read/recording.ts";
import type { RegistryModel } from "../registry/model.ts";
import { TelemetryError } from "../text/errors.ts";
import { counted, createReporter, REPORT_FORMATS, type Reporter, type ReportFormat } from "../validate/report.ts";
import {
  type BootLosses,
  CHECKS,
  type Check,
  type Issue,
  type ValidateOptions,
  Validator,
} from "../validate/validate.ts";
import type { Context } from "./context.ts";
import { bytesDone, openCapture, type Progress, placeOf } from "./io.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";

const HELP = `
There are two checks: "schema" checks each event by itself, "sequence" checks the order of the events of a boot.
Undeclared attributes, texts that are too long, repeated keys and losses are warnings. --strict makes them errors, except losses: a
valid trace may have them.
Exit code 0: no errors. 1: errors. 2: a file could not be read, or an option is wrong.

Examples:
  $ xs-telemetry validate trace.jsonl
  $ xs-telemetry validate capture/
  $ xs-telemetry validate --strict traces/*.jsonl
  $ xs-telemetry validate --registry sensor.yaml capture/
  $ xs-telemetry extract serial.log | xs-telemetry validate --format json -
  As annotations in a GitHub workflow:
  $ xs-telemetry validate --format github trace.jsonl`;

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
    .description("Checks that events follow the registry, and reports each violation by line.")
    .argument("<file...>", "JSON lines, or any recording that decode reads; - for standard input");
  addRegistryOption(command)
    .addOption(
      new Option("--checks <names>", `what to check, separated by commas: ${CHECKS.join(", ")}`)
        .argParser(parseChecks)
        .default(CHECKS, "all"),
    )
    .option("--strict", "treat warnings as errors, except losses")
    .option("--schema-version <version>", "require this schema version of every event")
    .addOption(new Option("--format <format>", "output format").choices(REPORT_FORMATS).default("text"))
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
    throw new TelemetryError("E_USAGE", "standard input can only be read once: name - once", 2);
  }
  const { checks, strict = false, schemaVersion, format } = options;
  const registries = await registriesOf(options);
  const settings: ValidateOptions = {
    registries,
    checks,
    strict,
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
  };
  // Before any file is opened: it throws if the version is unknown.
  new Validator(settings);
  const registry = decodedRegistry(options, registries);
  // Text for people has colours, and its values are escaped.
  const write = (text: string) => (format === "text" ? context.output.write(text) : context.output.writeLines(text));
  const reporter = createReporter({ format, write, color: context.hasColor });
  for (const file of files) {
    const progress = context.progress("validate", file, format !== "text");
    const error = await validateFile(file, { reporter, progress, context, format, registry, settings });
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
  /** The registry that captures are decoded with. */
  readonly registry: RegistryModel;
  readonly settings: ValidateOptions;
}

/** Returns the error that ended the work on the file early, undefined if there was none. */
async function validateFile(file: string, around: Surroundings): Promise<unknown> {
  const { reporter, progress, context, format, settings } = around;
  const causes = new LossCauses();
  let validator = new Validator(settings);
  let hasBegun = false;
  let failure: unknown;
  const report = (issue?: Issue) => {
    if (!hasBegun) reporter.begin(file);
    hasBegun = true;
    if (issue !== undefined) reporter.issue(issue);
  };
  try {
    const recording = await openCapture(file, (input) => progress.update(() => bytesDone(input)));
    const isLines = ["lines", "text", "bytes"].includes(recording.form);
    validator = new Validator({ ...settings, isRecording: !isLines });
    const bytes = isLines ? recording.lines() : decodedLines(recording, file, validator, causes, around);
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
    const losses = validator.losses().map((loss) => ({ ...loss, ...causes.of(loss) }));
    reporter.end({ events, errors, warnings, isValid: isValid && failure === undefined, losses });
  }
  return failure;
}

/** For a file that could not be read, or not to its end: placed after the lines that could. */
function issueOf({ code, message }: TelemetryError, validator: Validator): Issue {
  return { line: validator.line + 1, severity: "error", code, event: null, attribute: null, message };
}

/** A recording as `decode` prints it. Damage becomes an issue of the next line; places of losses go to `causes`. */
async function* decodedLines(
  recording: Recording,
  capture: string,
  validator: Validator,
  causes: LossCauses,
  { progress, context, registry }: Surroundings,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const item of recording.items({ registry, output: "lines", with: "all", gaps: true })) {
    if (item.kind === "lines") {
      causes.see(item);
      yield item.lines;
      progress.update(() => counted(validator.eventCount, "event"));
    } else if (item.kind === "gap") causes.add(item);
    else if (item.kind === "problem") {
      if (item.problem.code.startsWith("E_") || item.problem.code === "W_UNNAMED") {
        const { file = capture, message } = item.problem;
        const place = [file, placeOf(item.problem)].filter((part) => part !== "").join(", ");
        validator.addProblem({ ...item.problem, message: `${place}: ${message}` });
      } else if (item.problem.code !== "W_LOST_IN_TRANSIT") {
        progress.clear();
        context.sayProblem(item.problem, capture);
      }
    }
  }
}

/**
 * For each boot, events that were lost on the way after its first event: all other missing ones were lost on the
 * device.
 */
class LossCauses {
  readonly #inTransit = new Map<string, number>();

  see(place: PacketPlace): void {
    const key = keyOf(place);
    if (!this.#inTransit.has(key)) this.#inTransit.set(key, 0);
  }

  add(gap: PacketPlace & Gap): void {
    const key = keyOf(gap);
    const before = this.#inTransit.get(key);
    if (before !== undefined) this.#inTransit.set(key, before + gap.lostInTransit);
  }

  /** Nothing if the recording is lines. */
  of({ device, boot, reader = 0, missing }: BootLosses): { cause?: string } {
    const inTransit = this.#inTransit.get(keyOf({ device, boot, reader }));
    if (inTransit === undefined) return {};
    if (inTransit === 0) return { cause: "lost on the device" };
    if (inTransit >= missing) return { cause: "lost on the way" };
    return { cause: `lost, ${missing - inTransit} on the device and ${inTransit} on the way` };
  }
}

function keyOf({
  device,
  boot,
  reader,
}: {
  device: string | undefined;
  boot: number | undefined;
  reader: number;
}): string {
  return JSON.stringify([device, boot, reader]);
}
