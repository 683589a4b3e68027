/** How a capture is written: every step leaves files that can be read, whenever the process ends. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { TelemetryError } from "../text/errors.ts";

/** Appends all bytes in one piece or, if that fails, none, and makes no file for it, as far as the file system lets it. Throws TelemetryError E_WRITE. */
export function appendFile(path: string, bytes: Uint8Array): void {
  attempt(path, () => {
    const file = fs.openSync(path, "a");
    try {
      const before = fs.fstatSync(file).size;
      try {
        for (let written = 0; written < bytes.length; ) written += fs.writeSync(file, bytes, written);
      } catch (error) {
        try {
          if (before === 0) fs.rmSync(path);
          else fs.ftruncateSync(file, before);
        } catch {
          // What went wrong first is what must be said.
        }
        throw error;
      }
    } finally {
      fs.closeSync(file);
    }
  });
}

/** Renames a complete file into place, so that no reader ever sees half of one. Throws TelemetryError E_WRITE. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = hidden(path);
  attempt(path, () => {
    try {
      fs.writeFileSync(temporary, content);
      fs.renameSync(temporary, path);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Renames a folder into place with these files in it, so that nobody ever sees it without them. Throws TelemetryError E_WRITE. */
export function placeFolder(
  path: string,
  files: readonly (readonly [name: string, content: string | Uint8Array])[],
): void {
  const temporary = hidden(path);
  attempt(path, () => {
    try {
      fs.mkdirSync(temporary);
      for (const [name, content] of files) fs.writeFileSync(join(temporary, name), content);
      fs.renameSync(temporary, path);
    } catch (error) {
      fs.rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  });
}

/** Removes a folder, which is hidden first: what is left if the process ends meanwhile is no part of the capture. It may be gone already. */
export function removeFolder(path: string): void {
  const temporary = hidden(path);
  attempt(path, () => {
    if (fs.existsSync(path)) fs.renameSync(path, temporary);
    fs.rmSync(temporary, { recursive: true, force: true });
  });
}

/**
 * Makes a folder for a capture. One that has something in it is refused, so that no capture is mixed with another or
 * overwritten. Throws TelemetryError E_NOT_EMPTY or E_WRITE (exit code 2).
 */
export function makeCaptureFolder(path: string): void {
  const entries = attempt(path, () => {
    makeFolder(path);
    return fs.readdirSync(path);
  });
  if (entries.includes(CLAIM_FILE)) throw claimed(path);
  if (entries.length > 0) {
    const message = `${path} is not empty, it holds ${entries[0]}: name a new folder for the capture`;
    throw new TelemetryError("E_NOT_EMPTY", message, 2);
  }
}

/** In the folder of a capture that goes on. It is empty until something arrives: without this, others would take it for theirs. */
const CLAIM_FILE = ".capturing";

/** Claims a folder that makeCaptureFolder() has made, for one process alone. Throws TelemetryError E_NOT_EMPTY or E_WRITE (exit code 2). */
export function claimFolder(path: string): void {
  const isClaimed = attempt(path, () => {
    try {
      fs.closeSync(fs.openSync(join(path, CLAIM_FILE), "wx"));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return false;
    }
  });
  if (!isClaimed) throw claimed(path);
}

/** Gives back what claimFolder() has claimed. Never throws: a capture is whole with the file or without. */
export function releaseFolder(path: string): void {
  try {
    fs.rmSync(join(path, CLAIM_FILE), { force: true });
  } catch {
    // Readers pass over it.
  }
}

function claimed(path: string): TelemetryError {
  const message =
    `${path} is not empty, it holds ${CLAIM_FILE}: another capture writes into it, or was killed; ` +
    "name a new folder for the capture";
  return new TelemetryError("E_NOT_EMPTY", message, 2);
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

export function renameFile(from: string, to: string): void {
  attempt(from, () => fs.renameSync(from, to));
}

export function removeFile(path: string): void {
  attempt(path, () => fs.rmSync(path, { force: true }));
}

/** In the same folder, under a name that readers pass over. */
function hidden(path: string): string {
  return join(dirname(path), `.${basename(path)}`);
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on its disk. What was written before is whole; free some, or bound what is kept",
  EDQUOT: "the disk quota is used up; what was written before is whole",
  EROFS: "its disk is read-only; name a folder on another",
  ENOENT: "the folder that it belongs in is gone, or nothing can be made there; name one on a disk",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
};

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new TelemetryError(
      "E_WRITE",
      `${path} cannot be written: ${code in WAYS_OUT ? `${code}: ${WAYS_OUT[code]}` : message}`,
      2,
    );
  }
}
