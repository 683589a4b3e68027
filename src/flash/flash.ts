/** What a store needs of its memory: what ECMA-419's `embedded:storage/flash` gives. All calls throw if they fail. */
export interface Flash {
  /** Fills `buffer` from `byteOffset` on. */
  read(buffer: Uint8Array, byteOffset: number): unknown;
  /** Programs all of `buffer`. Over bytes that are not erased, a store writes nothing but zeros. */
  write(buffer: Uint8Array, byteOffset: number): unknown;
  /** Sets the blocks from `start` to before `end` to 0xFF. */
  eraseBlock(start: number, end: number): unknown;
  status(): FlashStatus;
}

export interface FlashStatus {
  /** Bytes of a block, the least that can be erased: a multiple of 256. */
  readonly blockLength: number;
  readonly blocks: number;
  /** Writes begin and end at multiples of it. ESP32 does not say; 4 stands for what is not said, and for less. */
  readonly writeAlign?: number;
  /** ESP32 does not say; a store needs 255. */
  readonly eraseValue?: number;
}
