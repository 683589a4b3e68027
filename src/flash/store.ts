/**
 * Packets in flash that survive power loss at any write. One file, because every step of writing has its counterpart in
 * what a new store finds: a change of one must consider the other.
 */
import { maxFrameBytes, writeFrame } from "#frame";
import type { OpenSink, Sink } from "../drain/sink.ts";
import { checkBytes } from "../ring/bytes.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES, WIRE_FORMAT } from "../ring/packet-layout.ts";
import type { Flash } from "./flash.ts";
import {
  AT_BLOCK_BYTES,
  AT_BLOCK_MAGIC,
  AT_BLOCK_SEQUENCE,
  AT_BLOCK_WIRE_FORMAT,
  BLOCK_FRAME_BYTES,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  blockSequence,
  PACKET_FIRST_BYTE,
  PAGE_BYTES,
  roundUp,
  u32At,
  writeU32,
} from "./layout.ts";
import { readFrame } from "./read-frame.ts";

const DEFAULT_PACKET_BYTES = 1400;
const MIN_WRITE_ALIGN = 4;
const ERASED = 0xff;
const ERASED_WORD = -1;
/** Marks a byte that cannot be read: neither a delimiter nor erased. */
const UNREADABLE = 1;
/**
 * Blocks that one write() tries before it throws: each takes an erase, 50 to 400 ms in which no other JavaScript runs.
 */
const MOST_TRIES = 4;

export interface FlashStoreOptions {
  /** Opened by the caller, for reading and writing. The store owns all of it, whatever it contains. */
  readonly flash: Flash;
  /** Bytes of the longest packet, 256 to 65,536. Default 1,400, which a datagram holds. */
  readonly maxPacketBytes?: number;
}

/** All counts begin when the store is opened, except `blocks` and `blockBytes`. */
export interface FlashStoreCounters {
  /** Packets that write() has taken. */
  readonly stored: number;
  /** Packets that next() has given. */
  readonly given: number;
  /**
   * Runs of bytes that next() skipped because they cannot be read, or are not an intact frame, or are one that is too
   * long.
   */
  readonly damaged: number;
  /** Blocks given up with packets that nobody had taken. */
  readonly blocksGivenUp: number;
  /**
   * Blocks left because they could not be erased, written or read back, and pages that could not be read, each time.
   */
  readonly failures: number;
  readonly blocks: number;
  readonly blockBytes: number;
}

/**
 * A bounded store of packets in flash that survives power loss at any write: a sink and a source, at the same time if
 * needed. A packet for which write() returned true survives any loss of power, until its block is the oldest and is
 * needed. RAM: 1.02 times maxPacketBytes, plus 400 bytes. Each block is erased once per round. The constructor only
 * reads; it throws RangeError that says what is wrong, and whatever the flash's status() throws. Anything that cannot
 * be read counts as damage.
 */
export class FlashStore implements Sink {
  readonly maxPacketBytes: number;
  readonly #flash: Flash;
  readonly #sizeBytes: number;
  readonly #blocks: number;
  readonly #blockBytes: number;
  /** Blocks of the flash in one block of the store. */
  readonly #eraseBlocks: number;
  readonly #align: number;
  readonly #headerBytes: number;

  /** A frame to be written, or what next() has read of the flash: the bytes from #windowAt on, if that is not -1. */
  readonly #frame: Uint8Array;
  readonly #frameWords: Int32Array;
  #windowAt = -1;
  readonly #page = new Uint8Array(PAGE_BYTES);
  readonly #pageWords: Int32Array;
  /** The smallest number of bytes that is written. */
  readonly #unit: Uint8Array;
  readonly #header: Uint8Array;
  readonly #headerWords: Int32Array;
  readonly #content = new Uint8Array(BLOCK_HEADER_BYTES);
  readonly #mark: Uint8Array;
  readonly #markWords: Int32Array;

  /**
   * The newest block, -1 if there is none. The next packet goes to #writeAt in it, 0 <= #writeAt, or to the next block.
   */
  #writeBlock = -1;
  #writeAt = 0;
  #nextBlock = 0;
  #sequence = 0;
  /** The block to be read, and the position in it; 0 if it is not known yet whether it contains anything. */
  #readBlock = 0;
  #readAt = 0;
  /** The highest number of the blocks that next() has reached. */
  #readSequence = 0;
  #isClosed = false;

  #stored = 0;
  #given = 0;
  #damaged = 0;
  #blocksGivenUp = 0;
  #failures = 0;

  constructor({ flash, maxPacketBytes = DEFAULT_PACKET_BYTES }: FlashStoreOptions) {
    if (
      !Number.isInteger(maxPacketBytes) ||
      maxPacketBytes < MIN_PACKET_BUFFER_BYTES ||
      maxPacketBytes > MAX_PACKET_BYTES
    )
      throw new RangeError(
        `maxPacketBytes must be an integer from ${MIN_PACKET_BUFFER_BYTES} to ${MAX_PACKET_BYTES}, is ${maxPacketBytes}`,
      );
    const { blockLength, blocks, writeAlign = MIN_WRITE_ALIGN, eraseValue = ERASED } = flash.status();
    if (eraseValue !== ERASED) throw new RangeError(`flash.status().eraseValue must be 255, is ${eraseValue}`);
    if (!(blockLength > 0) || blockLength % PAGE_BYTES !== 0)
      throw new RangeError(`flash.status().blockLength must be a multiple of ${PAGE_BYTES}, is ${blockLength}`);
    const align = Math.max(writeAlign, MIN_WRITE_ALIGN);
    if (PAGE_BYTES % align !== 0)
      throw new RangeError(`flash.status().writeAlign must divide ${PAGE_BYTES}, is ${align}`);
    const headerBytes = roundUp(BLOCK_FRAME_BYTES, align);
    const frameBytes = roundUp(maxFrameBytes(maxPacketBytes), align);
    const eraseBlocks = Math.ceil((headerBytes + align + frameBytes) / blockLength);
    this.maxPacketBytes = maxPacketBytes;
    this.#flash = flash;
    this.#eraseBlocks = eraseBlocks;
    this.#blocks = Math.floor(blocks / eraseBlocks);
    this.#blockBytes = blockLength * eraseBlocks;
    this.#sizeBytes = this.#blocks * this.#blockBytes;
    if (!(this.#blocks >= 2))
      throw new RangeError(
        `flash must have room for 2 packets of maxPacketBytes ${maxPacketBytes} in blocks of their own, ${2 * this.#blockBytes} bytes; has ${blocks * blockLength}`,
      );
    this.#align = align;
    this.#headerBytes = headerBytes;
    this.#frame = new Uint8Array(frameBytes);
    this.#frameWords = new Int32Array(this.#frame.buffer);
    this.#pageWords = new Int32Array(this.#page.buffer);
    this.#header = new Uint8Array(headerBytes);
    this.#headerWords = new Int32Array(this.#header.buffer);
    this.#unit = new Uint8Array(align);
    this.#mark = new Uint8Array(align);
    this.#markWords = new Int32Array(this.#mark.buffer);
    this.#recover();
  }

  /**
   * Stores the packet in the first `byteLength` bytes of `buffer`. Returns true: it has been read back and is the same.
   * If the block is full, the oldest block is given up, which takes as long as an erase. Throws if four blocks in a row
   * cannot be written; another call tries the blocks after them. Throws TypeError if `buffer` is not a Uint8Array,
   * RangeError if the packet is longer than the buffer, or than maxPacketBytes. Allocates the view that the flash's
   * write() takes.
   */
  write(buffer: Uint8Array, byteLength: number): boolean {
    if (this.#isClosed) throw new Error("the flash store is closed");
    if (!(byteLength > 0 && byteLength <= this.maxPacketBytes))
      throw new RangeError(`byteLength must be from 1 to ${this.maxPacketBytes}, is ${byteLength}`);
    checkBytes(buffer, byteLength);
    this.#windowAt = -1;
    let frameBytes = writeFrame(buffer, byteLength, this.#frame);
    while (frameBytes % this.#align !== 0) this.#frame[frameBytes++] = 0;
    const view = new Uint8Array(this.#frame.buffer, 0, frameBytes);
    for (let tries = 0; tries < MOST_TRIES; ) {
      if (this.#writeBlock < 0 || this.#writeAt + frameBytes > this.#endOf(this.#writeBlock)) {
        tries++;
        if (!this.#begin()) continue;
      }
      const at = this.#writeAt;
      this.#writeAt += frameBytes;
      if (this.#program(view, this.#frameWords, at)) {
        this.#stored++;
        return true;
      }
      // A place that failed once is not trusted with the next packet before it has been erased.
      this.#writeAt = this.#endOf(this.#writeBlock);
    }
    throw new Error(`flash store: ${MOST_TRIES} blocks before block ${this.#nextBlock} could not be written`);
  }

  /**
   * Writes into `buffer` the oldest packet that it has not given yet. Returns its bytes, 0 if nothing waits. A given
   * packet counts as taken with the next call. After a reboot it begins with the first block that was not taken
   * completely. Skips anything that is damaged or cannot be read. Throws TypeError if `buffer` is not a Uint8Array,
   * RangeError if it is smaller than maxPacketBytes. Allocates nothing.
   */
  next(buffer: Uint8Array): number {
    checkBytes(buffer, this.maxPacketBytes);
    if (this.#isClosed) return 0;
    while (this.#enter()) {
      const block = this.#readBlock;
      const byteLength = this.#scan(buffer, block === this.#writeBlock ? this.#writeAt : this.#endOf(block));
      if (byteLength > 0) {
        this.#given++;
        return byteLength;
      }
      if (block === this.#writeBlock) return 0;
      // Not before the writer has left it: a block that is marked as taken is never written again.
      this.#program(this.#mark, this.#markWords, block * this.#blockBytes + this.#headerBytes);
      this.#leave(block);
    }
    return 0;
  }

  /** What it has done. Allocates the object. */
  counters(): FlashStoreCounters {
    return {
      stored: this.#stored,
      given: this.#given,
      damaged: this.#damaged,
      blocksGivenUp: this.#blocksGivenUp,
      failures: this.#failures,
      blocks: this.#blocks,
      blockBytes: this.#blockBytes,
    };
  }

  /**
   * From now on write() throws and next() returns 0. Nothing waits to be written. Whoever opened the flash closes it.
   */
  close(): void {
    this.#isClosed = true;
  }

  #endOf(block: number): number {
    return (block + 1) * this.#blockBytes;
  }

  #after(block: number): number {
    return block + 1 < this.#blocks ? block + 1 : 0;
  }

  /** Finds the newest block, and where its data ends. */
  #recover(): void {
    for (let block = 0; block < this.#blocks; block++) {
      const sequence = this.#sequenceOf(block);
      if (sequence < 0 || (this.#writeBlock >= 0 && sequence < this.#sequence)) continue;
      this.#writeBlock = block;
      this.#sequence = sequence;
    }
    if (this.#writeBlock < 0) return;
    const block = this.#writeBlock;
    this.#readBlock = this.#nextBlock = this.#after(block);
    this.#sequenceOf(block);
    this.#writeAt = this.#isTaken(block) ? this.#endOf(block) : this.#endOfData(block);
    if (this.#writeAt > 0) return;
    // Power may have been lost while its header was written: then it may read as valid now, and not later.
    this.#nextBlock = block;
    this.#writeAt = this.#endOf(block);
  }

  /** Returns where the next packet may go: after the last byte that is not erased; 0 if the block has no packet. */
  #endOfData(block: number): number {
    const begin = block * this.#blockBytes + this.#headerBytes;
    for (let at = this.#endOf(block) - PAGE_BYTES; at + PAGE_BYTES > begin; at -= PAGE_BYTES) {
      this.#readPage(at);
      let index = PAGE_BYTES - 1;
      while (index >= 0 && this.#page[index] === ERASED) index--;
      if (index < 0 || at + index < begin + this.#align) continue;
      // A frame ends with a zero, and is whole. If this one is not, power was lost while it was written, and bits after
      // it may seem
      // erased without being so: the rest of the page is left alone.
      const end = at + index + 1;
      return this.#page[index] === 0 && end % this.#align === 0 ? end : at + PAGE_BYTES;
    }
    return 0;
  }

  /**
   * Reads a page into #page. If that fails, it counts the failure and reads what it can: packets may lie beside a write
   * that a power loss cut off.
   */
  #readPage(at: number): void {
    try {
      this.#flash.read(this.#page, at);
    } catch {
      this.#failures++;
      for (let index = 0; index < PAGE_BYTES; index += this.#align) {
        try {
          this.#flash.read(this.#unit, at + index);
        } catch {
          this.#unit.fill(UNREADABLE);
        }
        this.#page.set(this.#unit, index);
      }
    }
  }

  /** Reads the beginning of a block into #page. Returns the block's sequence number, -1 if it has no valid header. */
  #sequenceOf(block: number): number {
    this.#readPage(block * this.#blockBytes);
    const end = BLOCK_FRAME_BYTES - 1;
    if (this.#page.indexOf(0) !== 0 || this.#page.indexOf(0, 1) !== end) return -1;
    if (readFrame(this.#page, 1, end, this.#content) !== BLOCK_HEADER_BYTES) return -1;
    return u32At(this.#content, AT_BLOCK_BYTES) === this.#blockBytes ? blockSequence(this.#content) : -1;
  }

  /**
   * Whether the block that begins in #page was marked; may read the next page into it. An interrupted mark does not
   * count: giving a packet twice is better than never.
   */
  #isTaken(block: number): boolean {
    let at = this.#headerBytes;
    if (at === PAGE_BYTES) {
      this.#readPage(block * this.#blockBytes + at);
      at = 0;
    }
    for (let index = 0; index < this.#align; index++) if (this.#page[at + index] !== 0) return false;
    return true;
  }

  /**
   * Gives up the next block, and makes it the newest. Returns whether that succeeded; either way the one after it is
   * next.
   */
  #begin(): boolean {
    const block = this.#nextBlock;
    const at = block * this.#blockBytes;
    this.#nextBlock = this.#after(block);
    this.#leave(block);
    // A block that is given up is not written to, whatever fails: its header may be gone.
    if (block === this.#writeBlock) this.#writeAt = this.#endOf(block);
    const isValid = this.#sequenceOf(block) >= 0;
    if (isValid && !this.#isTaken(block) && this.#endOfData(block) > 0) this.#blocksGivenUp++;
    // Zeros first: an interrupted erase may leave any bits of the old content, but not a valid header where there was
    // none. If no
    // header could be read, only an erase can repair what an interrupted one has left.
    this.#header.fill(0);
    if (!this.#program(this.#header, this.#headerWords, at) && isValid) return false;
    try {
      this.#flash.eraseBlock(block * this.#eraseBlocks, (block + 1) * this.#eraseBlocks);
    } catch {
      this.#failures++;
      return false;
    }
    this.#sequence++;
    writeU32(this.#content, AT_BLOCK_MAGIC, BLOCK_MAGIC);
    writeU32(this.#content, AT_BLOCK_WIRE_FORMAT, WIRE_FORMAT);
    writeU32(this.#content, AT_BLOCK_BYTES, this.#blockBytes);
    writeU32(this.#content, AT_BLOCK_SEQUENCE, this.#sequence);
    writeFrame(this.#content, BLOCK_HEADER_BYTES, this.#header);
    if (!this.#program(this.#header, this.#headerWords, at)) return false;
    this.#writeBlock = block;
    this.#writeAt = at + this.#headerBytes + this.#align;
    return true;
  }

  /**
   * Programs `bytes`, whose words are the first of `words`, at `at`. Returns whether they can be read back; counts it
   * if not.
   */
  #program(bytes: Uint8Array, words: Int32Array, at: number): boolean {
    try {
      this.#flash.write(bytes, at);
      const end = at + bytes.length;
      // Pages are read as a whole, so no views are needed; one at the end of the flash begins before the bytes it is
      // read for.
      for (let from = at; from < end; from += PAGE_BYTES) {
        const pageAt = Math.min(from, this.#sizeBytes - PAGE_BYTES);
        this.#readPage(pageAt);
        const pageEnd = Math.min(end, pageAt + PAGE_BYTES);
        let word = (from - at) / 4;
        for (let index = (from - pageAt) / 4; index < (pageEnd - pageAt) / 4; index++)
          if (this.#pageWords[index] !== words[word++]) throw new Error("not as written");
      }
      return true;
    } catch {
      this.#failures++;
      return false;
    }
  }

  /** Goes to the first packet of the oldest block with packets to read. Returns whether there is such a block. */
  #enter(): boolean {
    if (this.#writeBlock < 0) return false;
    while (this.#readAt === 0) {
      const block = this.#readBlock;
      const sequence = this.#sequenceOf(block);
      // A block that follows newer ones was given up, but its header could not be zeroed; one newer than the newest has
      // a header that
      // does not read the same each time.
      const isNext = sequence >= this.#readSequence && sequence <= this.#sequence;
      if (isNext) this.#readSequence = sequence;
      if (isNext && !this.#isTaken(block)) this.#readAt = block * this.#blockBytes + this.#headerBytes + this.#align;
      else if (block === this.#writeBlock) return false;
      else this.#leave(block);
    }
    return true;
  }

  /** If `block` is being read, the block after it is read next. */
  #leave(block: number): void {
    if (this.#readBlock !== block) return;
    this.#readBlock = this.#after(block);
    this.#readAt = 0;
  }

  /**
   * Reads the next intact packet before `end` into `into`, and moves behind it. Returns its bytes, 0 if there is none.
   */
  #scan(into: Uint8Array, end: number): number {
    const frame = this.#frame;
    while (this.#readAt < end) {
      // The byte after it is read, too.
      if (this.#windowAt < 0 || this.#readAt < this.#windowAt || this.#readAt + 1 >= this.#windowAt + frame.length)
        this.#fill();
      const from = this.#readAt - this.#windowAt;
      if (frame[from] === 0) {
        this.#readAt++;
        continue;
      }
      // Erased bytes look like the code of a full group, but no packet follows.
      if (frame[from] === ERASED && frame[from + 1] !== PACKET_FIRST_BYTE) {
        let word = from >> 2;
        while (this.#frameWords[word] === ERASED_WORD) word++;
        this.#readAt = Math.min(Math.max(this.#readAt + 1, this.#windowAt + word * 4), end);
        continue;
      }
      const stop = frame.indexOf(0, from);
      if (stop >= 0 && this.#windowAt + stop < end) {
        this.#readAt = this.#windowAt + stop;
        const byteLength = readFrame(frame, from, stop, into);
        if (byteLength > 0 && byteLength <= this.maxPacketBytes) return byteLength;
      } else if (this.#fill()) continue;
      else this.#readAt = Math.min(this.#windowAt + frame.length, end);
      this.#damaged++;
    }
    return 0;
  }

  /**
   * Reads the window again, as late in the flash as it still holds what is read next. Returns whether that moved it.
   */
  #fill(): boolean {
    const windowAt = Math.min(this.#readAt & -MIN_WRITE_ALIGN, this.#sizeBytes - this.#frame.length);
    if (windowAt === this.#windowAt) return false;
    this.#windowAt = windowAt;
    try {
      this.#flash.read(this.#frame, windowAt);
    } catch {
      for (let index = 0; index < this.#frame.length; index++) {
        const at = windowAt + index;
        if (index === 0 || at % PAGE_BYTES === 0) this.#readPage(at & -PAGE_BYTES);
        this.#frame[index] = this.#page[at % PAGE_BYTES]!;
      }
    }
    return true;
  }
}

/**
 * The store as a sink for a drainer. Closing that sink leaves the store open: it can be opened again, and read by
 * another drainer. Opening allocates the object. It makes no events, because a store never refuses.
 */
export function flashSink(store: FlashStore): OpenSink {
  return () => ({
    maxPacketBytes: store.maxPacketBytes,
    write: (buffer, byteLength) => store.write(buffer, byteLength),
    close() {},
  });
}
