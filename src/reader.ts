import { FINGERPRINT_WORDS } from "./generated/layout.ts";
import {
  AT_BOOT_ID,
  AT_CONTENT_SIZE,
  AT_EVENTS_DISCARDED,
  AT_FIRST_EVENT_SEQ,
  AT_MAGIC,
  AT_PACKET_SEQ_NUM,
  AT_PACKET_SIZE,
  AT_READER,
  AT_RING_CAPACITY_SLOTS,
  AT_RING_PENDING_SLOTS,
  AT_STREAM_ID,
  AT_TIMESTAMP_BEGIN,
  AT_TIMESTAMP_END,
  AT_UUID,
  AT_WIRE_FORMAT,
  MAX_PACKET_BYTES,
  MIN_PACKET_BUFFER_BYTES,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  RECORD_LOST,
  RECORD_TIME_JUMP,
  SLOT_BYTES,
  STREAM_DATA,
  STREAM_TOKENS,
  TOKEN_ENTRY_HEADER_BYTES,
  TOKEN_REPEAT_PACKETS,
  WIRE_FORMAT,
} from "./packet-layout.ts";
import { type Ring, readU64, slotsOf, writeU64 } from "./ring.ts";
import type { Text } from "./text.ts";
import type { TokenTable } from "./tokens.ts";

/** What was counted since boot, as one reader sees the ring: `emitted = drained + overwritten + discarded + pending`. */
export interface Counters {
  /** Events, refused ones too. */
  readonly emitted: number;
  /** Events put into packets for this reader. */
  readonly drained: number;
  /** Events evicted before this reader read them, those before it was made among them. */
  readonly overwritten: number;
  /** Events refused because the ring was full. */
  readonly discarded: number;
  /** Events in the ring that this reader has yet to read. */
  readonly pending: number;
  /** Calls that emitted nothing: made while telemetry was off, or rejected() with an unknown reason. */
  readonly suppressed: number;
  /** Arguments of a wrong type or out of range. */
  readonly invalidArguments: number;
  /** messageType() calls whose type is not in the table, because it is full or the type has more than 64 bytes. */
  readonly unlistedTypes: number;
}

/** What the emitter counts whoever reads. */
export type CallCounters = Pick<Counters, "suppressed" | "invalidArguments" | "unlistedTypes">;

/** The counters for who has drained and missed so many events. */
export function countersOf(ring: Ring, calls: CallCounters, drained: number, overwritten: number): Counters {
  const emitted = ring.eventSeq();
  const discarded = ring.discarded();
  const { suppressed, invalidArguments, unlistedTypes } = calls;
  const pending = emitted - drained - overwritten - discarded;
  return { emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes };
}

/** A place in the ring from which packets are made. Readers do not disturb each other. */
export interface Reader {
  /**
   * Writes the next packet into buffer. Returns its bytes, 0 if nothing waits or the reader is closed.
   * Throws TypeError if buffer is no Uint8Array, RangeError if it is under 256 bytes; at most 65,536 are used.
   * Allocates one view for a packet of records, nothing if nothing waits; for a packet of tokens as much for each name.
   */
  next(buffer: Uint8Array): number;
  /** The counters as this reader sees them; once it is closed, as it saw them last. Allocates the object. */
  counters(): Counters;
  /** Releases the reader: it holds nothing back any more, and next() returns 0. Closing twice does nothing. */
  close(): void;
}

export class RingReader implements Reader {
  readonly #ring: Ring;
  readonly #tokens: TokenTable;
  readonly #text: Text;
  readonly #calls: CallCounters;
  readonly #moved: (reader: RingReader, closed: boolean) => void;
  readonly #header = new Int32Array(PACKET_HEADER_BYTES / 4);
  readonly #headerBytes = new Uint8Array(this.#header.buffer);

  #position: number;
  #eventSeq: number;
  #drained = 0;
  #overwritten: number;
  #refusedSeen: number; // refused events told by records that this reader has passed
  #lastTimeMs = -1; // of the last record read, -1 if the next one does not follow it
  #dataPackets = 0;
  #tokenPackets = 0;
  #tokensSent = 0;
  #closed: Counters | undefined;

  /** `moved` is told when the reader's position changes and when it closes. */
  constructor(
    ring: Ring,
    tokens: TokenTable,
    text: Text,
    calls: CallCounters,
    bootId: number,
    number: number,
    moved: (reader: RingReader, closed: boolean) => void,
  ) {
    this.#ring = ring;
    this.#tokens = tokens;
    this.#text = text;
    this.#calls = calls;
    this.#moved = moved;
    this.#position = ring.tail();
    this.#eventSeq = ring.tailEventSeq();
    this.#refusedSeen = ring.evictedRefused();
    this.#overwritten = this.#eventSeq - this.#refusedSeen;
    const header = this.#header;
    header[AT_MAGIC / 4] = PACKET_MAGIC;
    for (let word = 0; word < 4; word++) header[AT_UUID / 4 + word] = FINGERPRINT_WORDS[word]!;
    writeU64(header, AT_BOOT_ID / 4, bootId);
    header[AT_READER / 4] = number;
    header[AT_WIRE_FORMAT / 4] = WIRE_FORMAT;
    header[AT_RING_CAPACITY_SLOTS / 4] = ring.capacitySlots;
  }

  /** 0 <= position <= ring.head(); below ring.tail() if records were overwritten that it has not read. */
  get position(): number {
    return this.#position;
  }

  next(buffer: Uint8Array): number {
    if (!(buffer instanceof Uint8Array)) throw new TypeError("buffer must be a Uint8Array");
    if (buffer.length < MIN_PACKET_BUFFER_BYTES)
      throw new RangeError(`buffer must have at least ${MIN_PACKET_BUFFER_BYTES} bytes, has ${buffer.length}`);
    if (this.#closed) return 0;
    const ring = this.#ring;
    ring.tick();
    this.#catchUp();
    if (this.#position === ring.head()) return 0;
    const sizeLimit = Math.min(buffer.length, MAX_PACKET_BYTES);
    return this.#tokensSent < this.#tokens.count
      ? this.#tokenPacket(buffer, sizeLimit)
      : this.#dataPacket(buffer, sizeLimit);
  }

  counters(): Counters {
    if (this.#closed) return this.#closed;
    this.#catchUp();
    return countersOf(this.#ring, this.#calls, this.#drained, this.#overwritten);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = this.counters();
    this.#moved(this, true);
  }

  /** Goes to the oldest record if what this reader would have read next was overwritten. */
  #catchUp(): void {
    const ring = this.#ring;
    if (this.#position >= ring.tail()) return;
    this.#overwritten += ring.tailEventSeq() - this.#eventSeq;
    this.#eventSeq = ring.tailEventSeq();
    this.#position = ring.tail();
    this.#lastTimeMs = -1;
  }

  /** Time in ms of the record at this reader's position. */
  #timeMs(at: number): number {
    const ring = this.#ring;
    if (this.#position >= ring.sameHighFrom() || this.#lastTimeMs < 0) return ring.timeAt(this.#position);
    return this.#lastTimeMs + ring.elapsedMs(this.#lastTimeMs | 0, at);
  }

  #dataPacket(buffer: Uint8Array, sizeLimit: number): number {
    const ring = this.#ring;
    const words = ring.words;
    const first = ring.wordAt(this.#position);
    const beginMs = this.#timeMs(first);
    // Records up to the head, up to the ring's physical end (one copy a packet), as many as fit.
    const slotLimit = Math.min((sizeLimit - PACKET_HEADER_BYTES) >> 4, ring.head() - this.#position);
    const endWord = ring.capacitySlots * 4;
    const sameHigh = this.#position >= ring.sameHighFrom();
    let at = first;
    let last = first;
    let slots = 0;
    let events = 0;
    let lost = 0;
    while (slots < slotLimit && at < endWord) {
      const type = words[at + 1]! & 0xff;
      const more = slots + slotsOf(type);
      if (more > slotLimit) break;
      if (type === RECORD_TIME_JUMP) {
        if (slots > 0) break;
      } else {
        if (!sameHigh && words[at]! >>> 0 < words[last]! >>> 0) break;
        if (type === RECORD_LOST) lost += readU64(words, at + 2);
        else events++;
      }
      last = at;
      at = first + more * 4;
      slots = more;
    }
    this.#lastTimeMs = beginMs + ((words[last]! - words[first]!) >>> 0);
    this.#position += slots;
    this.#drained += events;
    this.#refusedSeen += lost;
    this.#dataPackets++;
    if (this.#dataPackets % TOKEN_REPEAT_PACKETS === 0) this.#tokensSent = 0;

    const sizeBytes = PACKET_HEADER_BYTES + slots * SLOT_BYTES;
    this.#stamp(buffer, STREAM_DATA, this.#dataPackets, sizeBytes, sizeBytes, beginMs, this.#lastTimeMs);
    buffer.set(ring.bytes.subarray(first * 4, at * 4), PACKET_HEADER_BYTES);
    this.#eventSeq += events + lost;
    this.#moved(this, false);
    return sizeBytes;
  }

  #tokenPacket(buffer: Uint8Array, sizeLimit: number): number {
    const text = this.#text;
    let end = PACKET_HEADER_BYTES;
    while (this.#tokensSent < this.#tokens.count) {
      const token = this.#tokensSent + 1;
      const length = text.fromString(this.#tokens.name(token), text.payload);
      const next = end + TOKEN_ENTRY_HEADER_BYTES + length;
      if (((next + 15) & ~15) > sizeLimit) break;
      buffer[end] = token & 0xff;
      buffer[end + 1] = token >> 8;
      buffer[end + 2] = length;
      buffer[end + 3] = 0;
      buffer.set(text.payload.subarray(0, length), end + TOKEN_ENTRY_HEADER_BYTES);
      end = next;
      this.#tokensSent = token;
    }
    const sizeBytes = (end + 15) & ~15;
    buffer.fill(0, end, sizeBytes);
    this.#tokenPackets++;
    const now = this.#ring.uptimeMs();
    this.#stamp(buffer, STREAM_TOKENS, this.#tokenPackets, end, sizeBytes, now, now);
    return sizeBytes;
  }

  #stamp(
    buffer: Uint8Array,
    stream: number,
    packetNumber: number,
    contentBytes: number,
    packetBytes: number,
    beginMs: number,
    endMs: number,
  ): void {
    const header = this.#header;
    const data = stream === STREAM_DATA;
    header[AT_STREAM_ID / 4] = stream;
    writeU64(header, AT_TIMESTAMP_BEGIN / 4, beginMs);
    writeU64(header, AT_TIMESTAMP_END / 4, endMs);
    header[AT_CONTENT_SIZE / 4] = contentBytes * 8;
    header[AT_PACKET_SIZE / 4] = packetBytes * 8;
    writeU64(header, AT_EVENTS_DISCARDED / 4, data ? this.#overwritten + this.#refusedSeen : 0);
    writeU64(header, AT_PACKET_SEQ_NUM / 4, packetNumber);
    writeU64(header, AT_FIRST_EVENT_SEQ / 4, data ? this.#eventSeq : 0);
    header[AT_RING_PENDING_SLOTS / 4] = data ? this.#ring.head() - this.#position : 0;
    buffer.set(this.#headerBytes);
  }
}
