/** How a capture is written: every step leaves files that can be read, whenever the process ends. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { DEVICE_FILE, LOCK_FILE } from "./folder.ts";
import { readSmall } from "./regular-file.ts";

/** Links are not followed, and what is no file is not waited for: somebody else may have put it there. Absent on Windows. */
const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

/** A folder that this process has made, or found empty. Another one that comes to stand in its place is not written to. */
export class OwnFolder {
  readonly path: string;
  readonly #dev: bigint;
  readonly #ino: bigint;

  /** Throws what the file system throws. */
  constructor(path: string) {
    this.path = path;
    const { dev, ino } = fs.statSync(path, { bigint: true });
    this.#dev = dev;
    this.#ino = ino;
  }

  /** Throws if the path leads somewhere else by now, over a link perhaps; or what the file system throws. */
  check(): void {
    const { dev, ino } = fs.statSync(this.path, { bigint: true });
    if (dev !== this.#dev || ino !== this.#ino) throw new Error("another folder stands in its place");
  }
}

/** A folder within one's own that is there already; a link is none. Throws TelemetryError E_WRITE. */
export function ownFolder(parent: OwnFolder, name: string): OwnFolder {
  const path = join(parent.path, name);
  return attempt(path, () => {
    parent.check();
    if (!fs.lstatSync(path).isDirectory()) throw new Error("what stands there is no folder");
    return new OwnFolder(path);
  });
}

/** Appends all bytes in one piece or, if that fails, none, and makes no file for it, as far as the file system lets it. Throws TelemetryError E_WRITE. */
export function appendFile(folder: OwnFolder, name: string, bytes: Uint8Array): void {
  const path = join(folder.path, name);
  attempt(path, () => {
    folder.check();
    const file = fs.openSync(path, APPEND, 0o666);
    try {
      const stat = fs.fstatSync(file);
      if (!stat.isFile()) throw new Error("what stands there is no regular file");
      // When the file was opened, another folder may have stood there.
      const there = fs.lstatSync(path);
      folder.check();
      if (there.dev !== stat.dev || there.ino !== stat.ino) throw new Error("another file stands in its place");
      const before = stat.size;
      try {
        for (let written = 0; written < bytes.length; ) written += fs.writeSync(file, bytes, written);
      } catch (error) {
        quietly(() => (before === 0 ? fs.rmSync(path) : fs.ftruncateSync(file, before)));
        throw error;
      }
    } finally {
      fs.closeSync(file);
    }
  });
}

/** What is in a file, of `mostBytes` at most; undefined if there is none. Throws TelemetryError E_WRITE, as what it is read for. */
export function readFile(folder: OwnFolder, name: string, mostBytes: number): Buffer | undefined {
  const path = join(folder.path, name);
  return attempt(path, () => {
    folder.check();
    return readSmall(path, folder.path, mostBytes);
  });
}

/** Renames a complete file into place, so that no reader ever sees half of one. Throws TelemetryError E_WRITE. */
export function replaceFile(folder: OwnFolder, name: string, content: string | Uint8Array): void {
  const path = join(folder.path, name);
  const temporary = hidden(path);
  attempt(path, () => {
    folder.check();
    try {
      fs.rmSync(temporary, { force: true }); // whatever it was, it would be written through
      fs.writeFileSync(temporary, content, { flag: "wx" });
      folder.check();
      fs.renameSync(temporary, path);
    } catch (error) {
      quietly(() => fs.rmSync(temporary, { force: true }));
      throw error;
    }
  });
}

/** Renames a new folder into place with these files in it, so that nobody ever sees it without them. Throws TelemetryError E_WRITE. */
export function placeFolder(
  parent: OwnFolder,
  name: string,
  files: readonly (readonly [name: string, content: string | Uint8Array])[],
): OwnFolder {
  const path = join(parent.path, name);
  const temporary = hidden(path);
  return attempt(path, () => {
    parent.check();
    fs.rmSync(temporary, { recursive: true, force: true }); // of a process that was killed
    fs.mkdirSync(temporary);
    try {
      for (const [name, content] of files) {
        const file = join(temporary, name);
        // Readers of CTF look into hidden folders, too: half a metadata file there, of a process that was killed, would stop them.
        fs.writeFileSync(hidden(file), content, { flag: "wx" });
        fs.renameSync(hidden(file), file);
      }
      parent.check();
      fs.renameSync(temporary, path);
      return new OwnFolder(path);
    } catch (error) {
      quietly(() => fs.rmSync(temporary, { recursive: true, force: true }));
      throw error;
    }
  });
}

/** Removes a folder, which is hidden first: what is left if the process ends meanwhile is no part of the capture. It may be gone already. */
export function removeFolder(parent: OwnFolder, name: string): void {
  const path = join(parent.path, name);
  const temporary = hidden(path);
  attempt(path, () => {
    parent.check();
    if (fs.existsSync(path)) fs.renameSync(path, temporary);
    fs.rmSync(temporary, { recursive: true, force: true });
  });
}

/** What a file system makes by itself in a new disk's folder. */
const NOTHING: readonly string[] = ["lost+found"];

/**
 * Makes a folder for a capture. One that has something in it is refused, so that no capture is mixed with another or
 * overwritten; a lock in it is not looked at. `goesOn`: it may be a capture already. Throws TelemetryError E_NOT_EMPTY or E_WRITE (exit code 2).
 */
export function makeCaptureFolder(path: string, goesOn = false): OwnFolder {
  const [folder, entries] = attempt(path, () => {
    makeFolder(path);
    return [new OwnFolder(path), fs.readdirSync(path)] as const;
  });
  // What goes on may have been killed while it made a folder: those names begin with a dot.
  const isNothing = (entry: string) =>
    NOTHING.includes(entry) || entry.startsWith(LOCK_FILE) || (goesOn && entry.startsWith("."));
  const others = entries.filter((entry) => !isNothing(entry));
  if (others.length === 0 || (goesOn && others.some((entry) => isOfCapture(path, entry)))) return folder;
  const wayOut = goesOn
    ? "and nothing that a capture has: name a new folder, or that of a capture"
    : "name a new folder for the capture, or add --append if it is to go on in this one";
  throw new TelemetryError("E_NOT_EMPTY", `${path} is not empty, it holds ${quote(others[0]!)}: ${wayOut}`, 2);
}

/** A trace folder, a device's folder or log text. */
function isOfCapture(path: string, entry: string): boolean {
  return /^boot-\d|^log(-\d+)?\.txt$/.test(entry) || fs.existsSync(join(path, entry, DEVICE_FILE));
}

/**
 * Makes a folder, and before it those that it stands in. Not by Node's `recursive`: that tries for ever where none can be made, as
 * in /proc, and calls a read-only disk ENOENT.
 */
function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (fs.existsSync(path)) return;
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || fs.existsSync(parent) || parent === path) throw error;
    makeFolder(parent);
    makeFolder(path);
  }
}

export function renameFile(folder: OwnFolder, from: string, to: string): void {
  const path = join(folder.path, from);
  attempt(path, () => {
    folder.check();
    fs.renameSync(path, join(folder.path, to));
  });
}

export function removeFile(folder: OwnFolder, name: string): void {
  const path = join(folder.path, name);
  attempt(path, () => {
    folder.check();
    fs.rmSync(path, { force: true });
  });
}

/** What went wrong before must be said, not what this throws. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Left as it is.
  }
}

/** In the same folder, under a name that readers pass over. */
function hidden(path: string): string {
  return join(dirname(path), `.${basename(path)}`);
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on its disk. What was written before is whole; free some, or bound what is kept",
  EDQUOT: "the disk quota is used up; what was written before is whole",
  EACCES: "there is no permission to write there; name a folder of your own",
  EPERM: "there is no permission to write there; name a folder of your own",
  ELOOP: "a link stands in its place, and links are not written through",
  ENXIO: "what stands there is no regular file",
  EROFS: "its disk is read-only; name a folder on another",
  ENOENT: "the folder that it belongs in is gone, or nothing can be made there; name one on a disk",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
};

/** Does something with a file. What the file system throws becomes a TelemetryError E_WRITE (exit code 2), with a way out. */
export function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TelemetryError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new TelemetryError(
      "E_WRITE",
      `${path} cannot be written: ${code in WAYS_OUT ? `${code}: ${WAYS_OUT[code]}` : message}`,
      2,
    );
  }
}
