/**
 * Files of a capture folder from an untrusted source. Something else may be in their place: a device, a FIFO, a link to
 * one of the reader's own files. Only regular files within the folder are opened.
 */
import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { sep } from "node:path";

/** Does not wait for a FIFO, and does not follow a link that was just put there. Absent on Windows. */
const { O_RDONLY, O_RDWR, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const CHANGE = O_RDWR | O_NOFOLLOW | O_NONBLOCK;

/** Why a file is not opened. */
export class NotRegular extends Error {}

interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Opens a file for reading; undefined if there is none. Opens only regular files, because opening alone rewinds a tape,
 * or resets a board. `root`: the folder that it must be in, wherever links lead. Throws NotRegular, or what the file
 * system throws.
 */
export async function openRegular(
  path: string,
  root: string,
): Promise<{ file: FileHandle; sizeBytes: number } | undefined> {
  const real = regularPath(path, root);
  if (real === undefined) return undefined;
  const file = await open(real, READ);
  try {
    const stat = await file.stat({ bigint: true });
    mustBe(stat.isFile() && isStillThere(stat, path, root));
    return { file, sizeBytes: Number(stat.size) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Returns the content of a small file, opened as above; undefined if there is none. Also throws NotRegular if it is
 * larger than `mostBytes`.
 */
export function readSmall(path: string, root: string, mostBytes: number): Buffer | undefined {
  return withRegular(path, root, READ, (file, sizeBytes) => {
    // One byte more than its stated size: it may grow.
    const bytes = Buffer.alloc(Math.min(sizeBytes, mostBytes) + 1);
    let length = 0;
    while (length < bytes.length) {
      const count = fs.readSync(file, bytes, length, bytes.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (length > mostBytes) throw new NotRegular(`more than ${mostBytes} bytes: too large to read`);
    return bytes.subarray(0, length);
  });
}

/** Does something with a file that is opened as above, for reading and writing; undefined if there is none. */
export function changeRegular<T>(
  path: string,
  root: string,
  work: (file: number, sizeBytes: number) => T,
): T | undefined {
  return withRegular(path, root, CHANGE, work);
}

function withRegular<T>(
  path: string,
  root: string,
  flags: number,
  work: (file: number, sizeBytes: number) => T,
): T | undefined {
  const real = regularPath(path, root);
  if (real === undefined) return undefined;
  const file = fs.openSync(real, flags);
  try {
    const stat = fs.fstatSync(file, { bigint: true });
    mustBe(stat.isFile() && isStillThere(stat, path, root));
    return work(file, Number(stat.size));
  } finally {
    fs.closeSync(file);
  }
}

/** Returns where the file really is; undefined if there is nothing. Throws NotRegular if it may not be opened. */
function regularPath(path: string, root: string): string | undefined {
  if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  let real: string;
  try {
    real = fs.realpathSync.native(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP") throw new NotRegular("a link that leads nowhere");
    throw error;
  }
  if (!isWithin(real, root)) throw new NotRegular("a link that leads out of the capture: not followed");
  mustBe(fs.statSync(real, { throwIfNoEntry: false })?.isFile() === true);
  return real;
}

function mustBe(isRegular: boolean): void {
  if (!isRegular) throw new NotRegular("not a regular file");
}

/** Whether the opened file is the one in the folder now: a link on the way may have changed while it was opened. */
function isStillThere({ dev, ino }: Identity, path: string, root: string): boolean {
  const real = fs.realpathSync.native(path);
  const there = fs.lstatSync(real, { bigint: true });
  return isWithin(real, root) && there.dev === dev && there.ino === ino;
}

function isWithin(real: string, root: string): boolean {
  const folder = fs.realpathSync.native(root);
  return real.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
