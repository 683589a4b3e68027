import { referenceDocument, schemaDocument } from "../generate/documents.ts";
import { loadRegistry } from "../registry/load.ts";
import { SCAFFOLD } from "../registry/scaffold.ts";
import { nameOf } from "../text/io-error.ts";
import type { Context } from "./context.ts";
import { readSource, refuseSource, writeResult } from "./registry-files.ts";

export async function runDocs(file: string, output: string | undefined, context: Context): Promise<void> {
  refuseSource(file, output);
  const model = loadRegistry(await readSource(file), nameOf(file));
  writeResult(referenceDocument(model, nameOf(file)), output, true, context);
}

export async function runSchema(file: string, output: string | undefined, context: Context): Promise<void> {
  refuseSource(file, output);
  const model = loadRegistry(await readSource(file), nameOf(file));
  writeResult(`${JSON.stringify(schemaDocument(model), null, 2)}\n`, output, true, context);
}

export async function runNew(output: string | undefined, mayReplace: boolean, context: Context): Promise<void> {
  writeResult(SCAFFOLD, output, mayReplace, context);
}
