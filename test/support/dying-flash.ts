// NOR flash as it behaves: programming only clears bits, erasing sets those of a block. And what it keeps when power is lost in the middle.
import type { Flash } from "../../src/flash/flash.ts";
import { random } from "./assert.ts";

export type Operation =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "erase"; readonly at: number; readonly end: number };

export type Random = ReturnType<typeof random>;

const PAGE_BYTES = 256;
/** Made once: a stack for each of them would take most of the time of a spec. */
const CANNOT_READ = new Error("flash: cannot read");

export interface NorFlashOptions {
  readonly blockLength: number;
  readonly blocks: number;
  /** The result of status(); absent, as on ESP32, if undefined. */
  readonly writeAlign?: number;
}

export class NorFlash implements Flash {
  readonly bytes: Uint8Array;
  /** Bytes that do not read the same each time: place, and the other value. */
  readonly marginal = new Map<number, number>();
  /** Bytes that cannot be read until they are erased, as in flash with error correction after an interrupted write. */
  readonly unreadable = new Set<number>();
  readonly options: NorFlashOptions;
  /** Called before each operation. */
  onOperation: ((operation: Operation) => void) | undefined;
  readonly #random: Random;

  constructor(options: NorFlashOptions, bytes?: Uint8Array, seed = 1) {
    this.options = options;
    this.bytes = bytes ?? new Uint8Array(options.blockLength * options.blocks).fill(0xff);
    this.#random = random(seed);
  }

  read(buffer: Uint8Array, at: number): void {
    this.#check(buffer.length, at, 1);
    for (let index = 0; index < buffer.length; index++) {
      if (this.unreadable.size > 0 && this.unreadable.has(at + index)) throw CANNOT_READ;
      buffer[index] = this.bytes[at + index]!;
    }
    this.marginal.forEach((other, place) => {
      if (place >= at && place < at + buffer.length && this.#random.below(2)) buffer[place - at] = other;
    });
  }

  write(buffer: Uint8Array, at: number): void {
    this.#check(buffer.length, at, this.options.writeAlign ?? 4);
    this.onOperation?.({ kind: "write", at, bytes: buffer.slice() });
    this.program(buffer, at);
  }

  eraseBlock(start: number, end = start + 1): void {
    const { blockLength } = this.options;
    this.#check((end - start) * blockLength, start * blockLength, blockLength);
    this.onOperation?.({ kind: "erase", at: start * blockLength, end: end * blockLength });
    this.bytes.fill(0xff, start * blockLength, end * blockLength);
    for (let at = start * blockLength; at < end * blockLength; at++) {
      this.marginal.delete(at);
      this.unreadable.delete(at);
    }
  }

  status() {
    const { blockLength, blocks, writeAlign } = this.options;
    const size = blockLength * blocks;
    return writeAlign === undefined
      ? { size, blockLength, blocks }
      : { size, blockLength, blocks, writeAlign, eraseValue: 255 };
  }

  program(buffer: Uint8Array, at: number): void {
    for (let index = 0; index < buffer.length; index++) {
      this.bytes[at + index]! &= buffer[index]!;
      const other = this.marginal.get(at + index);
      // A weak bit stays weak until it is erased, unless it is programmed in full.
      if (other !== undefined) this.marginal.set(at + index, other & buffer[index]!);
    }
  }

  #check(length: number, at: number, align: number): void {
    if (length <= 0 || at < 0 || at + length > this.bytes.length || at % align !== 0 || length % align !== 0)
      throw new Error(`flash: ${length} bytes at ${at}, aligned to ${align}`);
  }
}

/** How many bytes of a write were programmed; one more is programmed in part. "pages": pages in any order, "whole": all, but it never returned. */
export type Cut = number | "pages" | "whole";

/**
 * A flash with the remains of `flash` when power is lost in the middle of `operation`. Partly changed bytes do not read the same each time if
 * `isMarginal`, and cannot be read if `isUnreadable`.
 */
export function remainsOf(
  flash: NorFlash,
  operation: Operation,
  cut: Cut,
  seed: number,
  isMarginal = false,
  isUnreadable = false,
): NorFlash {
  const chance = random(seed);
  const left = new NorFlash(flash.options, flash.bytes.slice(), seed);
  for (const [place, other] of flash.marginal) left.marginal.set(place, other);
  for (const place of flash.unreadable) left.unreadable.add(place);
  if (operation.kind === "erase") {
    for (let at = operation.at; at < operation.end; at++) {
      const fate = cut === "whole" ? 1 : chance.below(3);
      if (fate === 1) left.bytes[at] = 0xff;
      else if (fate === 2) {
        left.bytes[at]! |= chance.below(256);
        if (isUnreadable) left.unreadable.add(at);
      }
    }
    return left;
  }
  const { at, bytes } = operation;
  if (cut === "whole") left.program(bytes, at);
  else if (cut === "pages") {
    for (let index = 0; index < bytes.length; ) {
      const end = Math.min(bytes.length, index + PAGE_BYTES - ((at + index) % PAGE_BYTES));
      // Within a page, bytes are programmed in any order, too; this many of 32 are not.
      const missing = chance.pick([0, 1, 16, 31, 32]);
      if (isUnreadable && missing > 0 && missing < 32) left.unreadable.add(at + index + chance.below(end - index));
      for (const first = index; index < end; index++) {
        const isSeen = index === first && missing < 32; // that the page was being written
        if (isSeen || chance.below(32) >= missing) left.program(bytes.subarray(index, index + 1), at + index);
        else if (isMarginal && missing < 32 && chance.below(24) === 0)
          left.marginal.set(at + index, left.bytes[at + index]! & (bytes[index]! | chance.below(256)));
      }
    }
  } else {
    left.program(bytes.subarray(0, cut), at);
    const place = at + cut;
    const before = left.bytes[place]!;
    left.program(Uint8Array.of(bytes[cut]! | chance.below(256)), place);
    if (isUnreadable) left.unreadable.add(place);
    if (isMarginal) left.marginal.set(place, chance.below(2) ? before : before & bytes[cut]!);
  }
  return left;
}
