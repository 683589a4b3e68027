import type { Counters } from "./api.ts";
import { byteLengthOf, checkBytes, checkLength, wordsOf } from "./bytes.ts";
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
  FIRST_INTERNAL_RECORD_TYPE,
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
  TWO_TO_32,
  WIRE_FORMAT,
} from "./packet-layout.ts";
import { elapsedMs, type Ring, type RingReader, readU64, timeAt, wordAt, writeU64 } from "./ring.ts";
import type { Text } from "./text.ts";
import type { TokenTable } from "./tokens.ts";

const HEADER_WORDS = PACKET_HEADER_BYTES / 4;
const SLOT_WORDS = SLOT_BYTES / 4;
const WIDE_FIELDS: readonly number[] = Object.freeze([
  AT_TIMESTAMP_BEGIN,
  AT_TIMESTAMP_END,
  AT_EVENTS_DISCARDED,
  AT_FIRST_EVENT_SEQ,
  AT_PACKET_SEQ_NUM,
]);

/**
 * The counters of a settled ring, for a reader that has drained and missed that many events; `overwritten` -1: all
 * evicted ones.
 */
export function countersOf(ring: Ring, drained: number, overwritten: number): Counters {
  const emitted = ring.eventSeq();
  const discarded = ring.discarded();
  const { suppressed, invalidArguments, unlistedTypes } = ring.calls();
  if (overwritten < 0) overwritten = ring.evictedEvents;
  const pending = emitted - drained - overwritten - discarded;
  return { emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes };
}

/**
 * Makes a reader that begins at the oldest record of a settled ring. `number`: 0 for the first of its emitter, and so
 * on.
 */
export function createReader(ring: Ring, tokens: TokenTable, text: Text, bootId: number, number: number): RingReader {
  const words = ring.words;
  const { fingerprint, recordSlots } = ring.layout;
  let position = ring.tail;
  let eventSeq = ring.evictedEvents + ring.evictedRefused;
  let drained = 0;
  let overwritten = ring.evictedEvents;
  let refusedSeen = ring.evictedRefused; // refused events reported by records that this reader has passed
  let lastTimeMs = -1; // of the last record read, -1 if the next record does not follow it
  let dataPackets = 0;
  let tokenPackets = 0;
  let tokensSent = 0;
  let repeatedAt = -1; // data packets at the time when repeating the tokens was requested
  let closed: Counters | undefined;

  // The buffer of the last packet, and its words, kept for the next packet: a view allocates. XS copies element by
  // element.
  let buffer: Uint8Array | undefined;
  let bufferBytes = 0;
  let bufferWords: Int32Array | undefined; // undefined: the buffer is not aligned

  const header = new Int32Array(HEADER_WORDS);
  let isWide = false; // some upper half in the header is not 0
  header[AT_MAGIC / 4] = PACKET_MAGIC;
  for (let word = 0; word < 4; word++) header[AT_UUID / 4 + word] = fingerprint[word]!;
  writeU64(header, AT_BOOT_ID / 4, bootId);
  header[AT_READER / 4] = number;
  header[AT_WIRE_FORMAT / 4] = WIRE_FORMAT;
  header[AT_RING_CAPACITY_SLOTS / 4] = ring.capacitySlots;

  /** Moves to the oldest record if the record that this reader would have read next was overwritten. */
  function catchUp(): void {
    if (position >= ring.tail) return;
    // Refused events count as discarded even if the record that reports them was overwritten.
    overwritten += ring.evictedEvents - (eventSeq - refusedSeen);
    refusedSeen = ring.evictedRefused;
    eventSeq = ring.evictedEvents + refusedSeen;
    position = ring.tail;
    lastTimeMs = -1;
  }

  function look(into: Uint8Array, length: number): void {
    buffer = into;
    bufferBytes = length;
    bufferWords = wordsOf(into);
  }

  /** Writes the fields of the header that differ between packets. */
  function stamp(
    into: Uint8Array,
    stream: number,
    packetNumber: number,
    contentBytes: number,
    beginMs: number,
    endMs: number,
    discarded: number,
    firstEventSeq: number,
    pendingSlots: number,
  ): number {
    const packetBytes = (contentBytes + SLOT_BYTES - 1) & -SLOT_BYTES;
    header[AT_STREAM_ID / 4] = stream;
    header[AT_CONTENT_SIZE / 4] = contentBytes * 8;
    header[AT_PACKET_SIZE / 4] = packetBytes * 8;
    header[AT_RING_PENDING_SLOTS / 4] = pendingSlots;
    header[AT_TIMESTAMP_BEGIN / 4] = beginMs | 0;
    header[AT_TIMESTAMP_END / 4] = endMs | 0;
    header[AT_EVENTS_DISCARDED / 4] = discarded | 0;
    header[AT_FIRST_EVENT_SEQ / 4] = firstEventSeq | 0;
    header[AT_PACKET_SEQ_NUM / 4] = packetNumber | 0;
    // The upper halves stay 0, which saves stores, until one of these values needs them.
    if (endMs + discarded + firstEventSeq + packetNumber >= TWO_TO_32) {
      header[AT_TIMESTAMP_BEGIN / 4 + 1] = beginMs / TWO_TO_32;
      header[AT_TIMESTAMP_END / 4 + 1] = endMs / TWO_TO_32;
      header[AT_EVENTS_DISCARDED / 4 + 1] = discarded / TWO_TO_32;
      header[AT_FIRST_EVENT_SEQ / 4 + 1] = firstEventSeq / TWO_TO_32;
      header[AT_PACKET_SEQ_NUM / 4 + 1] = packetNumber / TWO_TO_32;
      isWide = true;
    } else if (isWide) {
      for (let field = 0; field < WIDE_FIELDS.length; field++) header[WIDE_FIELDS[field]! / 4 + 1] = 0;
      isWide = false;
    }
    if (bufferWords) bufferWords.set(header);
    else into.set(new Uint8Array(header.buffer));
    return packetBytes;
  }

  function dataPacket(into: Uint8Array, mostSlots: number): number {
    const first = wordAt(ring, position);
    const sameHigh = position >= ring.sameHighFrom;
    let beginMs = ring.highMs + (words[first]! >>> 0);
    if (!sameHigh)
      beginMs = lastTimeMs < 0 ? timeAt(ring, position) : lastTimeMs + elapsedMs(words, lastTimeMs | 0, first);
    // Takes the records up to the head, or to the physical end of the ring (one copy per packet), as many as fit.
    if (mostSlots > ring.head - position) mostSlots = ring.head - position;
    const endWord = ring.capacitySlots * SLOT_WORDS;
    let at = first;
    let last = first;
    let slots = 0;
    let events = 0;
    let lost = 0;
    if (sameHigh && position >= ring.plainFrom) {
      slots = (endWord - first) >> 2;
      if (slots > mostSlots) slots = mostSlots;
      events = slots;
      at = first + slots * SLOT_WORDS;
      last = at - SLOT_WORDS;
    } else {
      while (slots < mostSlots && at < endWord) {
        const type = words[at + 1]! & 0xff;
        const more = slots + (recordSlots[type] ?? 1);
        if (more > mostSlots) break;
        if (type === RECORD_TIME_JUMP) {
          if (slots > 0) break;
        } else {
          if (!sameHigh && words[at]! >>> 0 < words[last]! >>> 0) break;
          if (type < FIRST_INTERNAL_RECORD_TYPE) events++;
          else if (type === RECORD_LOST) lost += readU64(words, at + 2);
        }
        last = at;
        at = first + more * SLOT_WORDS;
        slots = more;
      }
    }
    position += slots;
    drained += events;
    refusedSeen += lost;
    dataPackets++;
    if (dataPackets % TOKEN_REPEAT_PACKETS === 0) tokensSent = 0;
    lastTimeMs = beginMs + ((words[last]! - words[first]!) >>> 0);
    const packetBytes = stamp(
      into,
      STREAM_DATA,
      dataPackets,
      PACKET_HEADER_BYTES + slots * SLOT_BYTES,
      beginMs,
      lastTimeMs,
      overwritten + refusedSeen,
      eventSeq,
      ring.head - position,
    );
    if (bufferWords) bufferWords.set(new Int32Array(words.buffer, first * 4, at - first), HEADER_WORDS);
    else into.set(new Uint8Array(words.buffer, first * 4, (at - first) * 4), PACKET_HEADER_BYTES);
    eventSeq += events + lost;
    ring.moved();
    return packetBytes;
  }

  function tokenPacket(into: Uint8Array, mostBytes: number): number {
    let end = PACKET_HEADER_BYTES;
    while (tokensSent < tokens.count) {
      const length = text.fromString(tokens.names[tokensSent]!, text.name);
      const next = end + TOKEN_ENTRY_HEADER_BYTES + length;
      if (((next + 15) & ~15) > mostBytes) break;
      tokensSent++;
      into[end] = tokensSent & 0xff;
      into[end + 1] = tokensSent >> 8;
      into[end + 2] = length;
      into[end + 3] = 0;
      into.set(text.name.subarray(0, length), end + TOKEN_ENTRY_HEADER_BYTES);
      end = next;
    }
    into.fill(0, end, (end + 15) & ~15);
    tokenPackets++;
    return stamp(into, STREAM_TOKENS, tokenPackets, end, ring.nowMs(), ring.nowMs(), 0, 0, 0);
  }

  const reader: RingReader = {
    position: () => position,

    next(into) {
      if (buffer === undefined || into !== buffer) checkBytes(into, MIN_PACKET_BUFFER_BYTES);
      // A user's clock may close this reader, or detach the buffer: both are checked after it.
      if (!closed) ring.tick();
      const length = byteLengthOf(into);
      checkLength(length, MIN_PACKET_BUFFER_BYTES);
      if (closed) return 0;
      catchUp();
      if (position === ring.head) return 0;
      if (into !== buffer || length !== bufferBytes) look(into, length);
      let mostBytes = length;
      if (length > MAX_PACKET_BYTES) mostBytes = MAX_PACKET_BYTES;
      return tokensSent < tokens.count
        ? tokenPacket(into, mostBytes)
        : dataPacket(into, (mostBytes - PACKET_HEADER_BYTES) >> 4);
    },

    repeatTokens() {
      // Repeated again and again, they would keep the records from ever being sent.
      if (tokensSent === 0 || repeatedAt === dataPackets) return;
      repeatedAt = dataPackets;
      tokensSent = 0;
    },

    counters() {
      if (closed) return closed;
      ring.settle();
      catchUp();
      return countersOf(ring, drained, overwritten);
    },

    close() {
      if (closed) return;
      closed = reader.counters();
      ring.closed(reader);
    },
  };
  return reader;
}
