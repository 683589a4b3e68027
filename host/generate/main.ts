// `npm run generate` writes every generated file that differs; `npm run generate -- --check` names those that would and exits 1.
import { readdirSync, readFileSync } from "node:fs";
import { ctfMetadata } from "../capture/ctf-metadata.ts";
import { loadRegistry } from "../registry/load.ts";
import type { RegistryModel } from "../registry/model.ts";
import { relate } from "../registry/related.ts";
import { compareSemver } from "../registry/semver.ts";
import { layoutHeader } from "./c.ts";
import { type Origin, referenceDocument, schemaDocument } from "./documents.ts";
import { differing, write } from "./files.ts";
import { migrationsDocument, openTelemetryTables } from "./migrations.ts";
import { eventTypesSource, layoutSource } from "./typescript.ts";
import { registriesSource } from "./versions.ts";

/** All versions, oldest first. */
const VERSIONS = readdirSync("registry")
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.slice(0, -".yaml".length))
  .sort(compareSemver);
/** The version that devices emit: everything for devices is made from it. */
const EMITTED = "1.1.0";
const ORIGIN: Origin = { command: "npm run generate", format: "[format.md](format.md)" };

const sourceOf = (version: string): string => `registry/${version}.yaml`;
const models = VERSIONS.map((version) => loadRegistry(readFileSync(sourceOf(version), "utf8"), sourceOf(version)));
const emitted = models[VERSIONS.indexOf(EMITTED)]!;
const source = sourceOf(EMITTED);
/** As the host reads packets with them. */
const related = relate(models);

const files: Record<string, string> = {
  "src/generated/layout.ts": layoutSource(emitted, source),
  "src/moddable/native/telemetryLayout.h": layoutHeader(emitted, source),
  "host/generated/registry.ts": registriesSource(related, related[VERSIONS.indexOf(EMITTED)]!, "registry/*.yaml"),
  [`registry/${EMITTED}.tsdl`]: ctfMetadata(emitted),
  "docs/MIGRATIONS.md": migrationsDocument(models),
  "docs/otel.md": withSections("docs/otel.md", models),
};
for (const model of models) {
  const version = model.schemaVersion;
  const suffix = model === models[0] ? "" : `-${version}`;
  files[`host/generated/events${suffix}.ts`] = eventTypesSource(model, sourceOf(version));
  files[`registry/${version}.schema.json`] = `${JSON.stringify(schemaDocument(model), null, 2)}\n`;
  files[`docs/registry${suffix}.md`] = referenceDocument(model, sourceOf(version), ORIGIN);
}

/** Returns the document with the table of each version replaced, between its two marks. */
function withSections(path: string, versions: readonly RegistryModel[]): string {
  let text = readFileSync(path, "utf8");
  for (const model of versions) {
    const [begin, end] = [`<!-- generated: ${model.schemaVersion} -->`, "<!-- end -->"];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) {
      console.error(
        `${path} has no section for version ${model.schemaVersion}: add these two lines where its table should be:\n${begin}\n${end}`,
      );
      process.exit(1);
    }
    text = `${text.slice(0, from)}${begin}\n\n${openTelemetryTables(model)}\n\n${text.slice(to)}`;
  }
  return text;
}

const [option, ...others] = process.argv.slice(2);
if (others.length > 0 || (option !== undefined && option !== "--check")) {
  console.error(`generate: ${[option, ...others].join(" ")}: the only option is --check`);
  process.exit(2);
}
const check = option === "--check";
const generated = new Map(Object.entries(files));
const changed = check ? differing(generated) : write(generated);
for (const path of changed)
  console.error(
    check ? `${path} differs from registry/*.yaml: run \`npm run generate\` and commit the result` : `wrote ${path}`,
  );
console.error(`${generated.size} generated files, ${changed.length} ${check ? "differ" : "written"}`);
process.exitCode = check && changed.length > 0 ? 1 : 0;
