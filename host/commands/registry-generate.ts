import { relative } from "node:path";
import type { Command } from "commander";
import { differing, write } from "../generate/files.ts";
import type { Wanted } from "../generate/own-registry.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";

const HELP = `
The module has a class with a method for each event, for firmware and host tests. The other outputs are optional: decode and
validate read the registry itself (--registry FILE). A file that is up to date is left untouched.
Exit code 0: the files are up to date. 1: the registry has mistakes, or a file differs (with --check). 2: a file could not be read
or written, or an option is wrong.

Examples:
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts \\
      --docs docs/events.md --schema docs/events.schema.json
  In CI, to see whether the files are up to date:
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts --check`;

interface Options extends Wanted {
  readonly check?: true;
}

export function addRegistryGenerate(registry: Command, context: Context): void {
  registry
    .command("generate")
    .summary("write a module that records a registry's events")
    .description("Writes a TypeScript module that records the events of a registry, and their descriptions.")
    .argument("<file>", "the registry; - for standard input")
    .requiredOption("-o, --output <file>", "the TypeScript module")
    .option("--types <file>", "TypeScript types of decoded events")
    .option("--schema <file>", "JSON Schema of decoded events")
    .option("--metadata <file>", "CTF metadata")
    .option("--docs <file>", "Markdown reference")
    .option("--check", "write nothing; report the files that differ")
    .addHelpText("after", HELP)
    .action((file: string, options: Options) => runGenerate(file, options, context));
}

async function runGenerate(file: string, options: Options, context: Context): Promise<void> {
  const paths = [file, options.output, options.types, options.schema, options.metadata, options.docs];
  for (const [index, path] of paths.entries())
    if (path !== undefined && paths.findIndex((other) => other !== undefined && relative(other, path) === "") < index)
      throw new TelemetryError("E_USAGE", `${nameOf(path)} is named twice: give each output its own file`, 2);
  // Loaded when called: they need a YAML reader.
  const { readSource, refuseSource } = await import("./registry-files.ts");
  for (const path of paths.slice(1)) refuseSource(file, path);
  const { generatedFiles } = await import("../generate/own-registry.ts");
  const files = new Map(generatedFiles(await readSource(file), file, options));
  if (!options.check) {
    const written = write(files);
    for (const path of written) context.say(`wrote ${nameOf(path)}`);
    context.say(`${counted(files.size, "file")}, ${written.length} written`);
    return;
  }
  const changed = differing(files);
  for (const path of changed)
    context.say(`${nameOf(path)} differs from ${nameOf(file)}: run it without --check and commit the result`);
  context.say(`${counted(files.size, "file")}, ${changed.length} ${changed.length === 1 ? "differs" : "differ"}`);
  if (changed.length > 0) context.worsen(1);
}
