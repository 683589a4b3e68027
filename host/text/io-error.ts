import { TelemetryError } from "./errors.ts";
import { visible } from "./lines.ts";

/** The path, in a form for people. */
export function nameOf(path: string): string {
  return path === "-" ? "standard input" : visible(path);
}

const WAYS_OUT: Record<string, readonly [code: string, message: string]> = {
  ENOENT: ["E_NOT_FOUND", "no such file; check the path, or use - for standard input"],
  ENOTDIR: ["E_NOT_FOUND", "no such file; a folder on its path is a file"],
  EACCES: ["E_READ", "not readable; ask for permission (chmod +r), or read it as its owner"],
  EPERM: ["E_READ", "not readable; ask for permission (chmod +r), or read it as its owner"],
  EISDIR: ["E_IS_DIRECTORY", "is a directory; name a file in it"],
};

/** The error that this process, or this machine, may open no more files; undefined for any other error. */
export function tooManyFiles(error: unknown): TelemetryError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EMFILE" && code !== "ENFILE") return undefined;
  const limit = code === "EMFILE" ? "this process may open no more files" : "this machine may open no more files";
  return new TelemetryError(
    "E_FILES",
    `${limit}: raise the limit (ulimit -n 1024; in a service LimitNOFILE=, of a container --ulimit nofile=), or end programs that hold many files open`,
    2,
  );
}

/** A system error as a TelemetryError with the path and a way out. */
export function ioError(path: string, error: unknown, readBytes = 0): TelemetryError {
  if (error instanceof TelemetryError) return error;
  const refusal = tooManyFiles(error);
  if (refusal !== undefined) return refusal;
  if (path === "") return new TelemetryError("E_NOT_FOUND", 'the path is "": name a file, or - for standard input', 2);
  const { code = "", message } = error as NodeJS.ErrnoException;
  const [stable, said] = WAYS_OUT[code] ?? ["E_READ", `cannot be read: ${visible(message)}`];
  const place = readBytes > 0 ? `, after ${readBytes} bytes` : "";
  return new TelemetryError(stable, `${nameOf(path)}${place}: ${said}`, 2);
}
