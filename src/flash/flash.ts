/**
 * What a store needs of its memory, as ECMA-419's `embedded:storage/flash` provides it. All calls throw if they fail.
 */
export interface Flash {
  /** Fills `buffer` from `byteOffset` on. */
  read(buffer: Uint8Array, byteOffset: number): unknown;
  /** Programs all of `buffer`. Over bytes that are not erased a store writes only zeros. */
  write(buffer: Uint8Array, byteOffset: number): unknown;
  /** Sets the blocks from `start` up to, but not including, `end` to 0xFF. */
  eraseBlock(start: number, end: number): unknown;
  status(): FlashStatus;
}

export interface FlashStatus {
  /** Bytes of a block, the smallest unit that can be erased: a multiple of 256. */
  readonly blockLength: number;
  readonly blocks: number;
  /** Writes begin and end at multiples of it. ESP32 does not report it; then, and for less, 4 is assumed. */
  readonly writeAlign?: number;
  /** ESP32 does not report it; a store needs 255. */
  readonly eraseValue?: number;
}
