/** How a capture is written: after every step the files can be read, whenever the process ends. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { DEVICE_FILE, LOCK_FILE } from "./folder.ts";
import { readSmall } from "./regular-file.ts";

/**
 * Links are not followed, and nothing waits for a FIFO or a device: somebody else may have put them there. Absent on
 * Windows.
 */
const { O_APPEND, O_CREAT, O_RDONLY, O_WRONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
/**
 * The place where an open folder has a path that keeps leading to it, whatever happens to its name. Node has no
 * openat() elsewhere.
 */
const OPEN_FOLDERS = process.platform === "linux" && fs.existsSync("/proc/self/fd") ? "/proc/self/fd" : undefined;

/** A folder that this process has made, or found empty. If another folder takes its place, nothing is written there. */
export class OwnFolder {
  readonly path: string;
  readonly #dev: bigint;
  readonly #ino: bigint;

  /** `stat`: of the folder, if known. Throws what the file system throws. */
  constructor(
    path: string,
    stat: { readonly dev: bigint; readonly ino: bigint } = fs.statSync(path, { bigint: true }),
  ) {
    this.path = path;
    this.#dev = stat.dev;
    this.#ino = stat.ino;
  }

  /**
   * Does something in the folder, by a path that leads into this folder and no other, even if its name changes
   * meanwhile. On systems other than Linux that path is its name, checked before and after. Throws if its name now
   * leads somewhere else, perhaps over a link; or what the file system throws.
   */
  within<T>(work: (path: string) => T): T {
    return inFolder(this.path, 0, work, (stat) => {
      if (stat.dev !== this.#dev || stat.ino !== this.#ino) throw new Error("another folder has taken its place");
    });
  }
}

/** Does something in a folder after checking it. */
function inFolder<T>(path: string, flags: number, work: (path: string) => T, check: (stat: fs.BigIntStats) => void): T {
  if (OPEN_FOLDERS === undefined) {
    check(fs.statSync(path, { bigint: true }));
    const result = work(path);
    check(fs.statSync(path, { bigint: true }));
    return result;
  }
  const folder = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | flags);
  try {
    check(fs.fstatSync(folder, { bigint: true }));
    return work(join(OPEN_FOLDERS, String(folder)));
  } finally {
    fs.closeSync(folder);
  }
}

/** For a folder that was just made: if a link has taken its place, its target belongs to somebody else. */
const inNewFolder = <T>(path: string, work: (path: string) => T): T => inFolder(path, O_NOFOLLOW, work, () => {});

/** Returns an existing folder within one's own; a link does not count as a folder. Throws TelemetryError E_WRITE. */
export function ownFolder(parent: OwnFolder, name: string): OwnFolder {
  const path = join(parent.path, name);
  return attempt(path, () =>
    parent.within((within) => {
      const stat = fs.lstatSync(join(within, name), { bigint: true });
      if (!stat.isDirectory()) throw new Error("it is not a folder");
      return new OwnFolder(path, stat);
    }),
  );
}

/** As ownFolder(); undefined if nothing is there. */
export function ownFolderIfThere(parent: OwnFolder, name: string): OwnFolder | undefined {
  const isThere = attempt(join(parent.path, name), () =>
    parent.within((within) => fs.lstatSync(join(within, name), { throwIfNoEntry: false }) !== undefined),
  );
  return isThere ? ownFolder(parent, name) : undefined;
}

/**
 * Appends all bytes at once. If that fails, it appends none, and makes no file, as far as the file system permits.
 * Throws TelemetryError E_WRITE.
 */
export function appendFile(folder: OwnFolder, name: string, bytes: Uint8Array): void {
  attempt(join(folder.path, name), () =>
    folder.within((within) => {
      const path = join(within, name);
      const file = fs.openSync(path, APPEND, 0o666);
      try {
        const stat = fs.fstatSync(file);
        if (!stat.isFile()) throw new Error("it is not a regular file");
        const there = fs.lstatSync(path);
        if (there.dev !== stat.dev || there.ino !== stat.ino) throw new Error("another file has taken its place");
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
    }),
  );
}

/**
 * Returns what is in a file, at most `mostBytes`; undefined if there is none. Throws TelemetryError E_WRITE, because it
 * is read in order to write. @internal
 */
export function readFile(folder: OwnFolder, name: string, mostBytes: number): Buffer | undefined {
  return attempt(join(folder.path, name), () =>
    folder.within((within) => readSmall(join(within, name), within, mostBytes)),
  );
}

/** Renames a complete file into place, so that no reader ever sees half of one. Throws TelemetryError E_WRITE. */
export function replaceFile(folder: OwnFolder, name: string, content: string | Uint8Array): void {
  attempt(join(folder.path, name), () => folder.within((within) => writeWhole(join(within, name), content)));
}

/** Gives a file its name when it is complete. */
function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = hidden(path);
  try {
    fs.rmSync(temporary, { force: true }); // whatever it was, writing would go through it
    fs.writeFileSync(temporary, content, { flag: "wx" });
    fs.renameSync(temporary, path);
  } catch (error) {
    quietly(() => fs.rmSync(temporary, { force: true }));
    throw error;
  }
}

/**
 * Renames a new folder into place with these files in it, so that nobody ever sees it without them: `name`, or
 * `folder/name`. Throws TelemetryError E_WRITE.
 */
export function placeFolder(
  parent: OwnFolder,
  name: string,
  files: readonly (readonly [name: string, content: string | Uint8Array])[],
): OwnFolder {
  return attempt(join(parent.path, name), () => {
    const stat = parent.within((within) => {
      const path = join(within, name);
      const temporary = hidden(path);
      removeIfThere(temporary); // of a killed process
      fs.mkdirSync(temporary);
      const stat = fs.lstatSync(temporary, { bigint: true });
      try {
        inNewFolder(temporary, (inside) => {
          // Readers of CTF look into hidden folders, too: half a metadata file there, from a killed process, would stop
          // them.
          for (const [file, content] of files) {
            const beside = dirname(file);
            if (beside === ".") writeWhole(join(inside, file), content);
            else {
              if (!fs.existsSync(join(inside, beside))) fs.mkdirSync(join(inside, beside));
              inNewFolder(join(inside, beside), (folder) => writeWhole(join(folder, basename(file)), content));
            }
          }
        });
        fs.renameSync(temporary, path);
        return stat;
      } catch (error) {
        quietly(() => removeWithin(temporary));
        throw error;
      }
    });
    return new OwnFolder(join(parent.path, name), stat);
  });
}

/**
 * Removes a folder, which is hidden first: if the process ends meanwhile, the rest is not part of the capture. The
 * folder may already be gone.
 */
export function removeFolder(parent: OwnFolder, name: string): void {
  attempt(join(parent.path, name), () =>
    parent.within((within) => {
      const path = join(within, name);
      if (fs.existsSync(path)) fs.renameSync(path, hidden(path));
      removeIfThere(hidden(path));
    }),
  );
}

/** Removes what is there: a folder with its content, or a link itself. */
export function removeIfThere(path: string): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) removeWithin(path);
  else if (stat !== undefined) fs.rmSync(path);
}

/** Removes a folder and its content, but nothing that a link in its place leads to. */
function removeWithin(path: string): void {
  inNewFolder(path, (inside) => {
    for (const name of fs.readdirSync(inside)) fs.rmSync(join(inside, name), { recursive: true, force: true });
  });
  fs.rmdirSync(path);
}

/** What a file system itself creates in the folder of a new disk. */
const NOTHING: readonly string[] = ["lost+found"];

/**
 * Makes a folder for a capture. Refuses one that is not empty, so that no capture is mixed with another or overwritten;
 * a lock in it does not count. `goesOn`: it may already be a capture. Throws TelemetryError E_NOT_EMPTY or E_WRITE
 * (exit code 2).
 */
export function makeCaptureFolder(path: string, goesOn = false): OwnFolder {
  const [folder, entries] = attempt(path, () => {
    makeFolder(path);
    return [new OwnFolder(path), fs.readdirSync(path)] as const;
  });
  // The process before may have been killed while it made a folder: those names begin with a dot.
  const isNothing = (entry: string) =>
    NOTHING.includes(entry) || entry.startsWith(LOCK_FILE) || (goesOn && entry.startsWith("."));
  const others = entries.filter((entry) => !isNothing(entry));
  if (others.length === 0 || (goesOn && others.some((entry) => isOfCapture(path, entry)))) return folder;
  const wayOut = goesOn
    ? "and nothing of a capture: name a new folder, or one with a capture"
    : "name a new folder for the capture, or add --append (append: true) to continue in this one";
  throw new TelemetryError("E_NOT_EMPTY", `${path} is not empty, it holds ${quote(others[0]!)}: ${wayOut}`, 2);
}

/** A trace folder, a device's folder or log text. */
function isOfCapture(path: string, entry: string): boolean {
  return /^boot-\d|^log(-\d+)?\.txt$/.test(entry) || fs.existsSync(join(path, entry, DEVICE_FILE));
}

/**
 * Makes a folder, and its parents first. Not with Node's `recursive`: it loops for ever where no folder can be made, as
 * in /proc, and reports a read-only disk as ENOENT.
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
  attempt(join(folder.path, from), () =>
    folder.within((within) => fs.renameSync(join(within, from), join(within, to))),
  );
}

export function removeFile(folder: OwnFolder, name: string): void {
  attempt(join(folder.path, name), () => folder.within((within) => fs.rmSync(join(within, name), { force: true })));
}

/** The first error must be reported, not the one of this. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Left as it is.
  }
}

/** In the same folder, under a name that readers ignore. */
function hidden(path: string): string {
  return join(dirname(path), `.${basename(path)}`);
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full. Everything written before is intact; free some space, or limit what is kept",
  EDQUOT: "the disk quota is used up; everything written before is intact",
  EACCES: "you have no permission to write there; name a folder of your own",
  EPERM: "you have no permission to write there; name a folder of your own",
  ELOOP: "it is a link, and links are not followed when writing",
  ENXIO: "it is not a regular file",
  EROFS: "its disk is read-only; name a folder on another disk",
  ENOENT: "its parent folder is gone, or cannot hold files; name one on a disk",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
};

/**
 * Does something with a file. Errors of the file system become TelemetryError E_WRITE (exit code 2), with a way out.
 */
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
