// `npm run generate` writes every generated file that differs; `npm run generate -- --check` names those that would and exits 1.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ctfMetadata } from "../ctf-metadata.ts";
import { loadRegistry } from "../registry/load.ts";
import type { RegistryModel } from "../registry/model.ts";
import { layoutHeader } from "./c.ts";
import { referenceDocument, schemaDocument } from "./documents.ts";
import { migrationsDocument, openTelemetryTables } from "./migrations.ts";
import { eventTypesSource, layoutSource } from "./typescript.ts";
import { registriesSource } from "./versions.ts";

/** Oldest first. */
const VERSIONS = ["1.0.0", "2.0.0"];
/** What devices emit: all that is theirs is made from it. */
const EMITTED = "1.0.0";

const sourceOf = (version: string): string => `registry/${version}.yaml`;
const models = VERSIONS.map((version) => loadRegistry(readFileSync(sourceOf(version), "utf8"), sourceOf(version)));
const emitted = models[VERSIONS.indexOf(EMITTED)]!;
const source = sourceOf(EMITTED);

const files: Record<string, string> = {
  "src/generated/layout.ts": layoutSource(emitted, source),
  "src/moddable/native/telemetryLayout.h": layoutHeader(emitted, source),
  "host/generated/registry.ts": registriesSource(models, emitted, "registry/*.yaml"),
  [`registry/${EMITTED}.tsdl`]: ctfMetadata(emitted),
  "docs/MIGRATIONS.md": migrationsDocument(models),
  "docs/otel.md": withSections("docs/otel.md", models),
};
for (const model of models) {
  const version = model.schemaVersion;
  const suffix = model === emitted ? "" : `-${version}`;
  files[`host/generated/events${suffix}.ts`] = eventTypesSource(model, sourceOf(version));
  files[`registry/${version}.schema.json`] = `${JSON.stringify(schemaDocument(model), null, 2)}\n`;
  files[`docs/registry${suffix}.md`] = referenceDocument(model, sourceOf(version));
}

/** The document as it is, but for the table of each version, which stands between two marks. */
function withSections(path: string, versions: readonly RegistryModel[]): string {
  let text = readFileSync(path, "utf8");
  for (const model of versions) {
    const [begin, end] = [`<!-- generated: ${model.schemaVersion} -->`, "<!-- end -->"];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`${path} has no section "${begin}" … "${end}"`);
    text = `${text.slice(0, from)}${begin}\n\n${openTelemetryTables(model)}\n\n${text.slice(to)}`;
  }
  return text;
}

const check = process.argv.includes("--check");
let differing = 0;
for (const [path, text] of Object.entries(files)) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  differing++;
  if (check) {
    console.error(`${path} differs from what registry/*.yaml says: run \`npm run generate\` and commit the result`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.error(`wrote ${path}`);
  }
}
console.error(`${Object.keys(files).length} generated files, ${differing} ${check ? "differ" : "written"}`);
process.exitCode = check && differing > 0 ? 1 : 0;
