/** Where an export goes: a file that appears only when it is complete, or a stream. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";

export interface ExportOutput {
  /** Whether it gets its name at the end. */
  readonly isRenamed: boolean;
  /** Takes text, or bytes that must not change. Whoever writes much awaits room() now and then. */
  write(data: string | Uint8Array): void;
  /** Resolves when little waits. Fails with TelemetryError E_WRITE (exit code 2). */
  room(): Promise<void>;
  /** Everything is written: a file gets its name, or the name that is given. Fails as room(). */
  finish(path?: string): Promise<void>;
  /** Removes what was written. Does nothing after finish(). */
  abandon(): Promise<void>;
}

const WRITE_BYTES = 256 * 1024;

/** An error for a failed write, with the way out. */
export function writeError(path: string, error: unknown): unknown {
  const { code = "", message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof TelemetryError || syscall === undefined) return error;
  const ways: Record<string, string> = {
    ENOSPC: "its disk is full; free some space, or write elsewhere",
    EDQUOT: "the disk quota is used up; free some space, or write elsewhere",
    EFBIG: "it would exceed the largest file size; write elsewhere, or export less",
    EACCES: "not writable; ask for permission, or write elsewhere",
    EPERM: "not writable; ask for permission, or write elsewhere",
    EROFS: "its disk is read-only; write elsewhere",
    ENOENT: "its folder does not exist; create it first",
    ENOTDIR: "a folder on its path is a file",
    EISDIR: "is a folder; name a file",
  };
  return new TelemetryError("E_WRITE", `${nameOf(path)} cannot be written: ${code}: ${ways[code] ?? message}`, 2);
}

/**
 * A file under a temporary name beside its own, which it gets at the end in one step; an existing file is replaced only
 * then. A device or a pipe is written directly. Fails with TelemetryError E_WRITE (exit code 2).
 */
export async function openFile(path: string): Promise<FileOutput> {
  try {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return undefined;
    });
    if (found?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR", syscall: "open" });
    if (found !== undefined && !found.isFile()) return new FileOutput(path, path, await open(path, "w"));
    const target = await targetOf(path);
    const temporary = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`);
    return new FileOutput(target, temporary, await open(temporary, "wx"));
  } catch (error) {
    throw writeError(path, error);
  }
}

/** The target of a link is replaced, not the link. */
async function targetOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

export class FileOutput implements ExportOutput {
  readonly #path: string;
  readonly #temporary: string;
  #file: FileHandle | undefined;
  #pieces: Uint8Array[] = [];
  #text: string[] = [];
  #waiting = 0;

  constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  write(data: string | Uint8Array): void {
    this.#waiting += data.length;
    if (typeof data === "string") this.#text.push(data);
    else {
      this.#sealText();
      this.#pieces.push(data);
    }
  }

  async room(): Promise<void> {
    if (this.#waiting >= WRITE_BYTES) await this.#flush();
  }

  get isRenamed(): boolean {
    return this.#temporary !== this.#path;
  }

  /** `path`: its name, if it differs from the one it was opened with. */
  async finish(path?: string): Promise<void> {
    await this.#flush();
    try {
      // An error of the disk shows here at the latest.
      if (this.isRenamed) await this.#file!.sync();
      await this.#close();
      if (this.isRenamed) await rename(this.#temporary, await targetOf(path ?? this.#path));
    } catch (error) {
      if (this.isRenamed) await rm(this.#temporary, { force: true }).catch(() => {});
      throw writeError(this.#path, error);
    }
  }

  async abandon(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#close().catch(() => {});
    if (this.isRenamed) await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #flush(): Promise<void> {
    this.#sealText();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#waiting = 0;
    let bytes = Buffer.concat(pieces);
    try {
      while (bytes.length > 0) {
        const { bytesWritten } = await this.#file!.write(bytes);
        bytes = bytes.subarray(bytesWritten);
      }
    } catch (error) {
      throw writeError(this.#path, error);
    }
  }

  #sealText(): void {
    if (this.#text.length > 0) this.#pieces.push(Buffer.from(this.#text.join("")));
    this.#text = [];
  }
}
