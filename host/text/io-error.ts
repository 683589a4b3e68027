import { TelemetryError } from "./errors.ts";
import { visible } from "./lines.ts";

/** The path, as people should see it. */
export function nameOf(path: string): string {
  return path === "-" ? "standard input" : visible(path);
}

const WAYS_OUT: Record<string, readonly [code: string, message: string]> = {
  ENOENT: ["E_NOT_FOUND", "no such file; check the path, or use - for standard input"],
  ENOTDIR: ["E_NOT_FOUND", "no such file; a folder on its path is a file"],
  EACCES: ["E_READ", "not readable; ask for permission (chmod +r) or read it as its owner"],
  EPERM: ["E_READ", "not readable; ask for permission (chmod +r) or read it as its owner"],
  EISDIR: ["E_IS_DIRECTORY", "is a directory; name a file in it"],
};

/** A failure of the system as a TelemetryError with the path and a way out. */
export function ioError(path: string, error: unknown, readBytes = 0): TelemetryError {
  if (error instanceof TelemetryError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const [stable, said] = WAYS_OUT[code] ?? ["E_READ", `cannot be read: ${visible(message)}`];
  const place = readBytes > 0 ? `, after ${readBytes} bytes` : "";
  return new TelemetryError(stable, `${nameOf(path)}${place}: ${said}`, 2);
}
