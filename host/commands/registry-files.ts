/** What the registry commands read and write. */
import { statSync, writeFileSync } from "node:fs";
import { readRegistryText, registryText } from "../registry/file.ts";
import { MAX_REGISTRY_BYTES } from "../registry/yaml-source.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import type { Context } from "./context.ts";
import { openInput } from "./io.ts";

/** Returns the text of a registry, from a file or standard input. Fails with a TelemetryError. */
export async function readSource(path: string): Promise<string> {
  if (path !== "-") return readRegistryText(path);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of (await openInput(path)).bytes) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_REGISTRY_BYTES) break;
  }
  return registryText(Buffer.concat(pieces), nameOf(path));
}

/** Throws TelemetryError E_USAGE if the output is the registry itself, by any path. */
export function refuseSource(source: string, output: string | undefined): void {
  if (source === "-" || output === undefined || output === "-") return;
  const [from, to] = [source, output].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (from && to && from.dev === to.dev && from.ino === to.ino)
    throw new TelemetryError("E_USAGE", `${nameOf(output)} is the registry itself: name another file to write`, 2);
}

/** Writes to the file, or to standard output. With `mayReplace` false, an existing file stays as it is. */
export function writeResult(text: string, path: string | undefined, mayReplace: boolean, context: Context): void {
  if (path === undefined || path === "-") {
    context.output.writeLines(text);
    return;
  }
  try {
    writeFileSync(path, text, { flag: mayReplace ? "w" : "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST")
      throw new TelemetryError("E_EXISTS", `${nameOf(path)} already exists; name another, or add --force`, 2);
    throw new TelemetryError("E_WRITE", `${nameOf(path)} cannot be written: ${message}`, 2);
  }
  context.say(`wrote ${nameOf(path)}`);
}
