import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import picocolors from "picocolors";
import { byVersion, checkEvolution, type ReadFile, versionsBefore } from "../registry/evolution.ts";
import { readRegistry } from "../registry/load.ts";
import { formatMistake, type Mistake } from "../registry/mistakes.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { readSource } from "./registry-files.ts";

/** Prints the mistakes of all files on standard output, and a line for each file. */
export async function runCheck(files: readonly string[], against: readonly string[], context: Context): Promise<void> {
  if ([...files, ...against].filter((file) => file === "-").length > 1)
    throw new TelemetryError("E_USAGE", "standard input can only be read once: name - once", 2);
  if (against.length > 0 && files.length === 0)
    throw new TelemetryError("E_USAGE", "--against needs a registry to compare with it: name the file to check", 2);
  const released = await readAll(against, context);
  const checked = await readAll(files.length > 0 ? files : bundledRegistries(), context);
  const versions = [...released.sort(byVersion), ...checked.sort(byVersion)];
  const { bold, green, red } = picocolors.createColors(context.hasColor);
  for (const [index, newer] of versions.entries()) {
    const isReleased = index < released.length;
    const mistakes = isReleased ? [] : versionsBefore(versions, index).flatMap((older) => checkEvolution(older, newer));
    say(mistakes, mistakes.length, context);
    const { schemaVersion, events, attributes, recordTypes } = newer.model;
    const size = [counted(events.length, "event"), counted(attributes.length, "attribute")].join(", ");
    const said = `version ${schemaVersion}, ${size}, ${counted(recordTypes.length, "record type")}`;
    const verdict = mistakes.length === 0 ? green("good") : red(counted(mistakes.length, "mistake"));
    if (!isReleased) context.output.write(`${bold(newer.file)}: ${said}: ${verdict}\n`);
  }
}

/** Returns those without mistakes; the mistakes of the others are printed. */
async function readAll(files: readonly string[], context: Context): Promise<ReadFile[]> {
  const { bold, red } = picocolors.createColors(context.hasColor);
  const good: ReadFile[] = [];
  for (const path of files) {
    const file = nameOf(path);
    try {
      const read = readRegistry(await readSource(path), file);
      if (read.model) {
        good.push({ ...read, file, model: read.model });
      } else {
        say(read.mistakes, read.mistakeCount, context);
        context.output.write(`${bold(file)}: ${red(counted(read.mistakeCount, "mistake"))}\n`);
      }
    } catch (error) {
      context.fail(error);
    }
  }
  return good;
}

function say(mistakes: readonly Mistake[], count: number, context: Context): void {
  const { bold, red } = picocolors.createColors(context.hasColor);
  if (count > 0) context.worsen(1);
  for (const mistake of mistakes) {
    const [place, code] = [`${mistake.file}:${mistake.line}:${mistake.column}`, mistake.code];
    const rest = formatMistake(mistake).slice(`${place}: ${code}`.length);
    context.output.write(`${bold(place)}: ${red(code)}${rest}\n`);
  }
  if (count > mistakes.length) context.output.write(`… and ${count - mistakes.length} more\n`);
}

/** The folder registry/ of the package that contains this file. */
function bundledRegistries(): string[] {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  const registries = join(folder, "registry");
  return readdirSync(registries)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => relative(process.cwd(), join(registries, name)));
}
