/** Generated files on disk. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { ioError, nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";

/** Contents by path. */
export type GeneratedFiles = ReadonlyMap<string, string>;

/** Returns the paths of files that are missing or differ. Throws TelemetryError if one cannot be read. */
export function differing(files: GeneratedFiles): string[] {
  return [...files.keys()].filter((path) => textOf(path) !== files.get(path));
}

/**
 * Writes the files that differ, and their folders; returns their paths. Throws TelemetryError if one cannot be written.
 */
export function write(files: GeneratedFiles): string[] {
  const paths = differing(files);
  for (const path of paths) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, files.get(path)!);
    } catch (error) {
      throw new TelemetryError(
        "E_WRITE",
        `${nameOf(path)}: cannot be written: ${visible((error as Error).message)}`,
        2,
      );
    }
  }
  return paths;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw ioError(path, error);
  }
}
