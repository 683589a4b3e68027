/** Registry files, as text. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ioError } from "../text/io-error.ts";
import { mistakesError } from "./mistakes.ts";
import { MAX_REGISTRY_BYTES } from "./yaml-source.ts";

/**
 * Returns the text of a registry file. Reads at most 1 MiB. Throws TelemetryError: E_NOT_FOUND, E_READ, E_IS_DIRECTORY,
 * exit code 2; E_REGISTRY_FILE, exit code 1, if it is too long or not UTF-8.
 */
export function readRegistryText(path: string): string {
  return registryText(readAtMost(path, MAX_REGISTRY_BYTES + 1), path);
}

/**
 * Returns the bytes of a registry as text. Throws TelemetryError E_REGISTRY_FILE if they are too many, or not UTF-8.
 * @internal
 */
export function registryText(bytes: Buffer, file: string): string {
  const failed = (line: number, message: string, fix: string) =>
    mistakesError([{ file, line, column: 1, code: "E_YAML", message, fix }]);
  if (bytes.length > MAX_REGISTRY_BYTES)
    throw failed(1, `the file has more than ${MAX_REGISTRY_BYTES} bytes`, "name a registry, or split this one");
  const text = bytes.toString("utf8");
  const written = Buffer.from(text);
  if (written.equals(bytes)) return text;
  let same = 0;
  while (same < bytes.length && bytes[same] === written[same]) same++;
  const line = bytes.subarray(0, same).filter((byte) => byte === 0x0a).length + 1;
  const byte = `0x${bytes[same]!.toString(16).padStart(2, "0")}`;
  throw failed(line, `not UTF-8: ${byte} at byte ${same}`, "save the file as UTF-8");
}

function readAtMost(path: string, most: number): Buffer {
  try {
    const file = openSync(path, "r");
    try {
      if (fstatSync(file).isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      const bytes = Buffer.alloc(most);
      let length = 0;
      for (let read = -1; read !== 0 && length < most; length += read)
        read = readSync(file, bytes, length, most - length, null);
      return bytes.subarray(0, length);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw ioError(path, error);
  }
}
