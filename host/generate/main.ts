// `npm run generate` writes every generated file that differs; `npm run generate -- --check` names those that would and exits 1.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ctfMetadata } from "../ctf-metadata.ts";
import { loadRegistry } from "../registry/load.ts";
import { layoutHeader } from "./c.ts";
import { referenceDocument, schemaDocument } from "./documents.ts";
import { eventTypesSource, layoutSource, modelSource } from "./typescript.ts";

const SOURCE = "registry/1.0.0.yaml";
const model = loadRegistry(readFileSync(SOURCE, "utf8"), SOURCE);
const files: Record<string, string> = {
  "src/generated/layout.ts": layoutSource(model, SOURCE),
  "src/moddable/native/telemetryLayout.h": layoutHeader(model, SOURCE),
  "host/generated/events.ts": eventTypesSource(model, SOURCE),
  "host/generated/registry.ts": modelSource(model, SOURCE),
  "registry/1.0.0.schema.json": `${JSON.stringify(schemaDocument(model), null, 2)}\n`,
  "registry/1.0.0.tsdl": ctfMetadata(model),
  "docs/registry.md": referenceDocument(model, SOURCE),
};

const check = process.argv.includes("--check");
let differing = 0;
for (const [path, text] of Object.entries(files)) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  differing++;
  if (check) {
    console.error(`${path} differs from what ${SOURCE} says: run \`npm run generate\` and commit the result`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.error(`wrote ${path}`);
  }
}
console.error(`${Object.keys(files).length} generated files, ${differing} ${check ? "differ" : "written"}`);
process.exitCode = check && differing > 0 ? 1 : 0;
