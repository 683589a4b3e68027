import { dirname, relative } from "node:path";
import type { Command } from "commander";
import { ctfMetadata } from "../ctf-metadata.ts";
import { TelemetryError } from "../errors.ts";
import { referenceDocument, schemaDocument } from "../generate/documents.ts";
import { differing, type GeneratedFiles, write } from "../generate/files.ts";
import { eventTypesSource } from "../generate/typescript.ts";
import { writersSource } from "../generate/writers.ts";
import { nameOf } from "../io-error.ts";
import { visible } from "../lines.ts";
import { loadRegistry, readRegistryText } from "../registry/load.ts";
import { counted } from "../report.ts";
import type { Context } from "./context.ts";

const COMMAND = "xs-telemetry registry generate";
const HELP = `
The module has a class with a method for each event; firmware and host tests import it. The others are for the computer: decode
and validate need none of them, they read the registry itself with --registry FILE. Files that say the same are left alone.
Exit code 0: written, or nothing to write. 1: the registry has mistakes, or with --check a file differs. 2: a file could not be
read or written, or an option is wrong.

Examples:
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts --docs docs/events.md --schema docs/events.schema.json
  $ xs-telemetry registry generate sensor.yaml -o src/telemetry.gen.ts --check      (in CI: are the files up to date?)`;

interface Options {
  readonly output: string;
  readonly types?: string;
  readonly schema?: string;
  readonly metadata?: string;
  readonly docs?: string;
  readonly check?: true;
}

export function addRegistryGenerate(registry: Command, context: Context): void {
  registry
    .command("generate")
    .summary("typed writers for the events of a registry")
    .description("Writes a TypeScript module that records the events of a registry, and what describes them.")
    .argument("<file>", "the registry, YAML")
    .requiredOption("-o, --output <file>", "the TypeScript module")
    .option("--types <file>", "TypeScript types of decoded events")
    .option("--schema <file>", "JSON Schema of decoded events")
    .option("--metadata <file>", "CTF metadata")
    .option("--docs <file>", "Markdown reference")
    .option("--check", "write nothing, say which files differ")
    .addHelpText("after", HELP)
    .action((file: string, options: Options) => runGenerate(file, options, context));
}

function runGenerate(file: string, options: Options, context: Context): void {
  const files = generated(file, options);
  const count = Object.keys(files).length;
  if (!options.check) {
    const written = write(files);
    for (const path of written) context.say(`wrote ${nameOf(path)}`);
    context.say(`${counted(count, "file")}, ${written.length} written`);
    return;
  }
  const changed = differing(files);
  for (const path of changed)
    context.say(
      `${nameOf(path)} differs from what ${nameOf(file)} says: run it again without --check, commit the result`,
    );
  context.say(`${counted(count, "file")}, ${changed.length} differ`);
  if (changed.length > 0) context.worsen(1);
}

function generated(file: string, { output, types, schema, metadata, docs }: Options): GeneratedFiles {
  const model = loadRegistry(readRegistryText(file), file);
  // As the generated file sees it, so that the text does not depend on where the command runs.
  const seenFrom = (path: string) => visible(relative(dirname(path), file).replaceAll("\\", "/"));
  const files = new Map<string, string>();
  const add = (path: string | undefined, make: (path: string) => string) => {
    if (path === undefined) return;
    if (files.has(path) || relative(path, file) === "")
      throw new TelemetryError("E_USAGE", `${nameOf(path)} is named twice: name a file for each`, 2);
    files.set(path, make(path));
  };
  add(output, (path) => writersSource(model, seenFrom(path)));
  add(types, (path) => eventTypesSource(model, seenFrom(path), COMMAND));
  add(schema, () => `${JSON.stringify(schemaDocument(model), null, 2)}\n`);
  add(metadata, () => ctfMetadata(model));
  add(docs, (path) => referenceDocument(model, seenFrom(path)));
  return Object.fromEntries(files);
}
