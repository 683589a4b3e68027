/** Which registries a command reads with: the bundled ones, or those of --registry. */
import type { Command } from "commander";
import { emittedRegistry, registry } from "../generated/registry.ts";
import type { RegistryModel } from "../registry/model.ts";
import { relate } from "../registry/related.ts";
import { compareSemver } from "../registry/semver.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { quote } from "../text/lines.ts";
import { REGISTRIES } from "./context.ts";

export interface RegistryOption {
  readonly registry?: readonly string[];
}

export function addRegistryOption(command: Command): Command {
  return command.option(
    "--registry <file>",
    "use your own registry (YAML); repeat for its other versions",
    (file: string, before: readonly string[] = []) => [...before, file],
  );
}

/**
 * Returns the registries by version, oldest first; without the option the bundled ones. Throws TelemetryError: exit
 * code 1 if one has mistakes, 2 if it cannot be read or two have the same version.
 */
export async function registriesOf({ registry: files }: RegistryOption): Promise<readonly RegistryModel[]> {
  if (files === undefined) return REGISTRIES;
  // Loaded when needed: they bring a YAML reader.
  const { readRegistryText } = await import("../registry/file.ts");
  const { loadRegistry } = await import("../registry/load.ts");
  const models = files.map((file) => loadRegistry(readRegistryText(file), file));
  models.forEach(({ schemaVersion }, index) => {
    const same = models.findIndex((model) => model.schemaVersion === schemaVersion);
    if (same === index) return;
    const both = `${nameOf(files[same]!)} and ${nameOf(files[index]!)}`;
    throw new TelemetryError(
      "E_USAGE",
      `${both} have the same schema version, ${quote(schemaVersion)}: name only one of them`,
      2,
    );
  });
  return relate(models.sort((a, b) => compareSemver(a.schemaVersion, b.schemaVersion)));
}

/** Returns the registry of a version. Throws TelemetryError E_VERSION, which lists the known ones. */
export function registryOf(schemaVersion: string, registries: readonly RegistryModel[]): RegistryModel {
  const found = registries.find((registry) => registry.schemaVersion === schemaVersion);
  if (found !== undefined) return found;
  const known = registries.map((registry) => quote(registry.schemaVersion)).join(", ");
  throw new TelemetryError("E_VERSION", `schema version ${quote(schemaVersion)} is unknown; known: ${known}`, 2);
}

/**
 * Returns the version that captures are decoded as: the requested one, else the first, or the newest of the user's own.
 * Throws as registryOf.
 */
export function decodedRegistry(
  { registry: files, schemaVersion }: RegistryOption & { readonly schemaVersion?: string },
  registries: readonly RegistryModel[],
): RegistryModel {
  if (schemaVersion !== undefined) return registryOf(schemaVersion, registries);
  return files === undefined ? registry : registries[registries.length - 1]!;
}

/**
 * Returns the version that captures are written with: the one that devices emit, or the newest of the user's own, which
 * describes everything in the packets.
 */
export const capturedRegistry = (
  { registry: files }: RegistryOption,
  registries: readonly RegistryModel[],
): RegistryModel => (files === undefined ? emittedRegistry : registries[registries.length - 1]!);
