/** Everything that `registry generate` makes from a user's registry. */
import { dirname, relative } from "node:path";
import { ctfMetadata } from "../capture/ctf-metadata.ts";
import { loadRegistry } from "../registry/load.ts";
import { visible } from "../text/lines.ts";
import { referenceDocument, schemaDocument } from "./documents.ts";
import { eventTypesSource } from "./typescript.ts";
import { writersSource } from "./writers.ts";

/** Paths of the requested files. */
export interface Wanted {
  /** The TypeScript module for the device. */
  readonly output: string;
  /** TypeScript types of decoded events. */
  readonly types?: string;
  readonly schema?: string;
  /** CTF metadata. */
  readonly metadata?: string;
  readonly docs?: string;
}

/**
 * Returns the content of each requested file. `file` is the registry's path. Throws TelemetryError that lists the
 * mistakes in it.
 */
export function generatedFiles(text: string, file: string, wanted: Wanted): [path: string, text: string][] {
  const model = loadRegistry(text, file === "-" ? "standard input" : file);
  // As seen from the generated file, so that the text does not depend on where the command runs.
  const seenFrom = (path: string) =>
    file === "-" ? "standard input" : visible(relative(dirname(path), file).replaceAll("\\", "/"));
  const { output, types, schema, metadata, docs } = wanted;
  const files: [string, string][] = [[output, writersSource(model, seenFrom(output))]];
  if (types !== undefined)
    files.push([types, eventTypesSource(model, seenFrom(types), "xs-telemetry registry generate")]);
  if (schema !== undefined) files.push([schema, `${JSON.stringify(schemaDocument(model), null, 2)}\n`]);
  if (metadata !== undefined) files.push([metadata, ctfMetadata(model)]);
  if (docs !== undefined) files.push([docs, referenceDocument(model, seenFrom(docs))]);
  return files;
}
