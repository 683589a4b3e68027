/** Where an export goes: a file that is there whole or not at all, or a stream. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";

export interface ExportOutput {
  /** Whether it gets its name at the end. */
  readonly isRenamed: boolean;
  /** Takes text, or bytes that stay as they are. Whoever writes much awaits room() now and then. */
  write(data: string | Uint8Array): void;
  /** Resolves when little waits. Fails with TelemetryError E_WRITE (exit code 2). */
  room(): Promise<void>;
  /** All is written: a file gets its name, or another one. Fails as room(). */
  finish(path?: string): Promise<void>;
  /** Leaves nothing of it. Nothing after finish(). */
  abandon(): Promise<void>;
}

const WRITE_BYTES = 256 * 1024;

/** That something could not be written, and the way out. */
export function writeError(path: string, error: unknown): unknown {
  const { code = "", message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof TelemetryError || syscall === undefined) return error;
  const ways: Record<string, string> = {
    ENOSPC: "no space is left on its disk; make room, or write elsewhere",
    EDQUOT: "its owner may use no more space; make room, or write elsewhere",
    EFBIG: "it would be larger than files may be; write elsewhere, or export less",
    EACCES: "not writable; ask for permission, or write elsewhere",
    EPERM: "not writable; ask for permission, or write elsewhere",
    EROFS: "its disk is read-only; write elsewhere",
    ENOENT: "its folder is not there; create it first",
    ENOTDIR: "a folder on its path is a file",
    EISDIR: "is a folder; name a file",
  };
  return new TelemetryError("E_WRITE", `${nameOf(path)} cannot be written: ${code}: ${ways[code] ?? message}`, 2);
}

/**
 * A file under a temporary name beside its own, which it gets at the end in one step; what is there already is replaced then, not before.
 * A device or a pipe is written as it is. Fails with TelemetryError E_WRITE (exit code 2).
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

/** What a link leads to is replaced, not the link. */
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

  /** `path`: its name, if it is not the one it was opened with. */
  async finish(path?: string): Promise<void> {
    await this.#flush();
    try {
      // What the disk did not take shows here at the latest.
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
