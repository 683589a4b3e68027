/** export: a recording for other tools. */
import { type Command, Option } from "commander";
import type { Exporter } from "../export/exporter.ts";
import type { ExportOutput } from "../export/output.ts";
import type { ExportItem } from "../export/source.ts";
import type { RegistryModel } from "../registry/model.ts";
import { nameOf } from "../text/io-error.ts";
import { counted } from "../validate/report.ts";
import { type Context, REGISTRIES } from "./context.ts";
import { bytesDone, checkOutput, type Output, openCapture } from "./io.ts";
import { numberText } from "./numbers.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { usage } from "./source.ts";

const HELP = `
perfetto  a trace for https://ui.perfetto.dev: drag the file onto the page
chrome    the same trace as JSON, for viewers of Chrome traces
csv       a table for spreadsheets
parquet   tables for DuckDB, Spark, Trino, ClickHouse, pandas: a folder of files
          by device and date; a later export adds only new events
otlp      OpenTelemetry LogRecords as JSON lines, for the Collector's
          otlpjsonfile receiver; to send them, use forward
har       WebSocket connections with their messages, for browsers' developer
          tools and other programs that read HAR

A file appears under its name only when it is complete. If the time of day is known for some boots only, a trace has the others in
a second file, .since-boot. Losses and damage are reported on standard error.
Exit code 0: nothing is damaged; events may have been lost. 1: something is damaged, or there is no event; the good part is
exported. 2: a file could not be read or written, or an option is wrong.

Examples:
  $ xs-telemetry export --to perfetto capture/ -o trace.pftrace
  $ xs-telemetry export --to chrome capture/ | gzip > trace.json.gz
  $ xs-telemetry export --to csv capture/ -o events.csv
  $ xs-telemetry export --to parquet fleet/ -o lake/
  $ xs-telemetry export --to otlp capture/ -o events.jsonl`;

const FORMATS = ["perfetto", "chrome", "csv", "parquet", "otlp", "har"] as const;

interface Options extends RegistryOption {
  readonly to: (typeof FORMATS)[number];
  readonly output: string;
  readonly schemaVersion?: string;
}

export function addExport(program: Command, context: Context): void {
  const known = REGISTRIES.map(({ schemaVersion }) => schemaVersion).join(", ");
  const command = program
    .command("export")
    .summary("convert a recording for other tools")
    .description("Converts a recording for other tools: trace viewers, spreadsheets, databases.")
    .argument("<recording>", "a capture folder, or a file of packets, frames or JSON lines; - for standard input")
    .addOption(new Option("--to <format>", "output format").choices(FORMATS).makeOptionMandatory())
    .option("-o, --output <path>", "output file, for parquet a folder; - for standard output", "-");
  addRegistryOption(command)
    .option(
      "--schema-version <version>",
      `schema version of the names: ${known}; with --registry, one of its versions (default: as decode)`,
    )
    .addHelpText("after", HELP)
    .action((recording: string, options: Options) => runExport(recording, options, context));
}

/** The most problems of one code that are printed; further ones are counted. */
const MOST_NAMED = 20;

async function runExport(path: string, options: Options, context: Context): Promise<void> {
  const { exportItems } = await import("../export/source.ts");
  const registry = decodedRegistry(options, await registriesOf(options));
  checkOutput(path, options.output);
  const progress = context.progress("export", path, false);
  const problems = new Map<string, number>();
  const sums = { events: 0, boots: 0, missing: 0 };
  const isTaken = (item: ExportItem) => {
    if (item.kind === "problem") {
      const { code } = item.problem;
      const count = (problems.get(code) ?? 0) + 1;
      problems.set(code, count);
      if (code.startsWith("E_")) context.worsen(1);
      progress.clear();
      if (count <= MOST_NAMED) context.sayProblem(item.problem, path);
      return false;
    }
    if (item.kind === "summary") return false;
    if (item.kind === "event") sums.events++;
    else if (item.kind === "gap") sums.missing += item.missing;
    sums.boots = Math.max(sums.boots, item.boot.index + 1);
    return true;
  };
  const recording = await openCapture(path, (input) => progress.update(() => bytesDone(input)));
  const exporter = await exporterOf(options, registry, context);
  try {
    for await (const items of exportItems(recording, registry)) {
      await exporter.add(items.filter((item) => isTaken(item)) as Parameters<Exporter["add"]>[0]);
      progress.update(() => counted(sums.events, "event"));
    }
    const names = await exporter.finish();
    progress.clear();
    for (const problem of exporter.problems ?? []) {
      if (problem.code.startsWith("E_")) context.worsen(1);
      context.sayProblem(problem, path);
    }
    for (const [code, count] of problems)
      if (count > MOST_NAMED) context.say(`${nameOf(path)}: ${code}: ${numberText(count - MOST_NAMED)} more like it`);
    if (sums.events === 0) {
      context.worsen(1);
      if (problems.size === 0) context.say(`${nameOf(path)}: E_EMPTY: there is no event in it`);
    }
    const lost = sums.missing === 0 ? "" : `; ${counted(sums.missing, "event")} missing; the export shows where`;
    const to = names.map((name) => (name === "-" ? "standard output" : nameOf(name))).join(", ");
    const repeated = exporter.repeated ?? 0;
    const isNew = repeated === 0 ? "" : ` (${numberText(sums.events - repeated)} of them new)`;
    context.say(
      `${nameOf(path)}: ${counted(sums.events, "event")}${isNew}, ${counted(sums.boots, "boot")}${to && ` to ${to}`}${lost}`,
    );
  } finally {
    progress.clear();
    await exporter.abandon();
  }
}

async function exporterOf({ to, output: path }: Options, registry: RegistryModel, context: Context): Promise<Exporter> {
  const open = async (): Promise<ExportOutput> =>
    path === "-" ? new StreamOutput(context.output) : (await import("../export/output.ts")).openFile(path);
  switch (to) {
    case "perfetto":
    case "chrome": {
      const { TraceExporter } = await import("../export/traces.ts");
      const { TraceTracks } = await import("../export/trace.ts");
      const { PerfettoTrace } = await import("../export/perfetto.ts");
      const { ChromeTrace } = await import("../export/chrome.ts");
      return new TraceExporter(path, open, (output, isTimed) => {
        const target =
          to === "perfetto" ? new PerfettoTrace(output, registry, isTimed) : new ChromeTrace(output, isTimed);
        return new TraceTracks(target, registry, isTimed);
      });
    }
    case "csv":
      return new (await import("../export/csv.ts")).CsvExporter(path, await open(), registry);
    case "har":
      return new (await import("../export/har.ts")).HarExporter(path, await open(), registry);
    case "otlp": {
      const { OtlpExporter } = await import("../export/otlp-json.ts");
      const { identityFrom } = await import("../export/otlp-identity.ts");
      const identity = identityFrom(process.env);
      return new OtlpExporter(path, await open(), registry, identity);
    }
    case "parquet": {
      if (path === "-") throw usage("--to parquet writes several files: name a folder with -o");
      return new (await import("../export/parquet.ts")).ParquetExporter(path, registry);
    }
  }
}

/** Standard output. */
class StreamOutput implements ExportOutput {
  readonly isRenamed = false;
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  write(data: string | Uint8Array): void {
    this.#output.write(data);
  }

  async room(): Promise<void> {
    if (this.#output.isFull) await this.#output.room();
  }

  async finish(): Promise<void> {
    await this.#output.flush();
  }

  async abandon(): Promise<void> {}
}
