/** Bundled schema versions by their number, because their index changes with each addition. */
import { registries } from "../../host/generated/registry.ts";
import type { RegistryModel } from "../../host/registry/model.ts";

export function versionOf(schemaVersion: string): RegistryModel {
  const found = registries.find((model) => model.schemaVersion === schemaVersion);
  if (!found) throw new Error(`schema version ${schemaVersion} is not bundled`);
  return found;
}

export const [V1, V11, V2, V21] = [versionOf("1.0.0"), versionOf("1.1.0"), versionOf("2.0.0"), versionOf("2.1.0")];
