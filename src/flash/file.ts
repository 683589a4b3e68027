import type { Flash } from "./flash.ts";

/** The part of an ECMA-419 file that is used: `File` of `embedded:storage/files`, opened with mode "r+" or "w+". */
export interface File {
  read(buffer: Uint8Array, position: number): unknown;
  write(buffer: Uint8Array, position: number): unknown;
  setSize(length: number): unknown;
  /** Returns when everything written survives a loss of power. */
  flush(): unknown;
  status(): { readonly size: number };
}

export interface FileFlashOptions {
  readonly file: File;
  /** 2 or more. The file gets `blocks` times `blockBytes` bytes. */
  readonly blocks: number;
  /** A multiple of 256. Default 4,096. */
  readonly blockBytes?: number;
}

const DEFAULT_BLOCK_BYTES = 4096;
const ERASE_BYTES = 256;

/**
 * Presents a file of fixed size as flash, for a store on a file system. Flushes after each write and erase. Throws
 * whatever the file throws. A file system that copies on write (littlefs) copies the rest of the file at each flush:
 * keep the file small there. Allocates 256 bytes once, and the object of each status().
 */
export function fileFlash({ file, blocks, blockBytes = DEFAULT_BLOCK_BYTES }: FileFlashOptions): Flash {
  const erased = new Uint8Array(ERASE_BYTES).fill(0xff);
  // New bytes of a grown file read as zeros: blocks without a header.
  if (file.status().size !== blocks * blockBytes) file.setSize(blocks * blockBytes);
  return {
    read: (buffer, byteOffset) => file.read(buffer, byteOffset),
    write(buffer, byteOffset) {
      file.write(buffer, byteOffset);
      file.flush();
    },
    eraseBlock(start, end) {
      for (let at = start * blockBytes; at < end * blockBytes; at += ERASE_BYTES) file.write(erased, at);
      file.flush();
    },
    status: () => ({ blockLength: blockBytes, blocks }),
  };
}
