// A file in Node as the memory of a device's flash store.
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { type File, type FileFlashOptions, fileFlash } from "../../src/flash/file.ts";
import type { Flash } from "../../src/flash/flash.ts";

export interface NodeFileFlashOptions extends Omit<FileFlashOptions, "file"> {
  /**
   * Whether each write waits for the disk, so that it survives a loss of power, and not only the end of the process.
   * Default true.
   */
  readonly sync?: boolean;
}

/**
 * Opens or creates the file `path` as flash. Throws what the file system throws, now and at each call. After closing,
 * reading and writing throw. Closing twice does nothing.
 */
export function openFileFlash(
  path: string,
  { sync = true, ...options }: NodeFileFlashOptions,
): Flash & { close(): void } {
  let fd: number | undefined = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  // After closing, the descriptor may belong to another file.
  const openFd = () => {
    if (fd === undefined) throw new Error(`${path} is closed`);
    return fd;
  };
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  try {
    return { ...fileFlash({ ...options, file: fileOf(openFd, path, sync) }), close };
  } catch (error) {
    close();
    throw error;
  }
}

type Transfer = (fd: number, buffer: Uint8Array, offset: number, length: number, position: number) => number;

/** ECMA-419's file over a descriptor. */
function fileOf(fd: () => number, path: string, sync: boolean): File {
  /** The system may do less at once than requested. */
  const whole = (does: Transfer, buffer: Uint8Array, position: number) => {
    let done = 0;
    while (done < buffer.length) {
      const now = does(fd(), buffer, done, buffer.length - done, position + done);
      if (now === 0)
        throw new RangeError(`${path} ends at byte ${position + done}, before ${position + buffer.length}`);
      done += now;
    }
  };
  return {
    read: (buffer, position) => whole(readSync, buffer, position),
    write: (buffer, position) => whole(writeSync, buffer, position),
    setSize: (length) => ftruncateSync(fd(), length),
    flush: () => {
      if (sync) fsyncSync(fd());
    },
    status: () => fstatSync(fd()),
  };
}
