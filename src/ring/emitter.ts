/**
 * The emitter in TypeScript. One file, because its state is the variables of one function: on XS reading a variable
 * costs a fraction of reading a field, so the code that reads them is inside it. With only `at` and `end` as fields of
 * an object, as two files would have to share them, received() takes 6,657 instructions on RV32 instead of 5,839, a
 * seventh more.
 */
import { createEncoder, platformClock } from "#platform";
import {
  CLIENT_ID_WORD,
  CLOSE_CODE_SHIFT,
  CONN_EPOCH_WORD,
  FINGERPRINT_WORDS,
  IP_MAX_BYTES,
  MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS,
  MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS,
  MSG_TYPE_SHIFT,
  PAYLOAD_SUMMARY_MAX_BYTES,
  REASON_NONE,
  REASON_SHIFT,
  RECORD_MSG_RECV,
  RECORD_MSG_SEND,
  RECORD_SLOTS,
  RECORD_WS_CONNECT,
  RECORD_WS_CONNECTED,
  RECORD_WS_DISCONNECT,
  RECORD_WS_DISCONNECT_CLOSE_CODE,
  RESULT_OK,
  RESULT_REJECTED,
  RESULT_SHIFT,
  WS_CONNECT_IP_BY_SLOTS,
} from "../generated/layout.ts";
import type { Connection, EmitterSettings, Payload, Reader, RecordEmitter, Token } from "./api.ts";
import { bytesOf } from "./bytes.ts";
import { createAllowance, limitedBy } from "./limits.ts";
import {
  BOOT_RING_SHIFT,
  FIRST_INTERNAL_RECORD_TYPE,
  LAST_CONN_EPOCH,
  MAX_RECORD_SLOTS,
  RECORD_BOOT,
  RECORD_LOST,
  RECORD_SUPPRESSED,
  RECORD_TIME_JUMP,
  RING_NO_MEMORY,
  RING_NOT_ASKED,
  SLOT_BYTES,
  TIME_JUMP_MS,
  TWO_TO_32,
} from "./packet-layout.ts";
import { countersOf, createReader } from "./reader.ts";
import { isReason, type Reason } from "./reason.ts";
import { type Layout, type Ring, type RingReader, readU64, writeU64 } from "./ring.ts";
import { enabled, onSwitch } from "./switch.ts";
import { createText, MAX_TEXT_TAIL_BYTES } from "./text.ts";
import { TokenTable } from "./tokens.ts";

const SLOT_WORDS = SLOT_BYTES / 4;
/** All ones, as a mask: it holds even if a script has replaced the platform's encoder. */
const MOST_TEXT_SLOTS = MAX_RECORD_SLOTS - 1;
/** Record types of messages, by the slots of their text; those of msg.send begin at MAX_RECORD_SLOTS. */
const MESSAGE_TYPES: readonly number[] = Object.freeze(
  MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS.concat(MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS),
);
/**
 * Replaces the end of a stretch for the fast calls: the clock has been read for the next record already, and its time
 * is stored there.
 */
const CLOCK_READ = -1;
const MAX_CLIENT_ID = 0xffff_ffff;
const RECEIVED = (RESULT_OK << RESULT_SHIFT) | (REASON_NONE << REASON_SHIFT);
const REJECTED = RESULT_REJECTED << RESULT_SHIFT;

const BUNDLED: Layout = Object.freeze({ fingerprint: FINGERPRINT_WORDS, recordSlots: RECORD_SLOTS });

/**
 * The emitter in TypeScript: a ring, its connections and readers.
 *
 * Most records have one slot, and writing one is all that the application waits for. So the ring opens a stretch of
 * slots at a time. Up to its end such a record needs only the clock; everything that follows from the record (head,
 * event number, evictions) is computed when it is needed. A stretch ends at the end of the ring, before a record that
 * must be evicted and is not an event of one slot, where a reader holds the ring back, where the half of a 32-bit clock
 * changes, and when telemetry is switched off.
 *
 * The rest follows from what is expensive on XS: state is in closures (a field costs as much as three variables), each
 * function names few variables (each name costs at every call), and the fast calls are inlined by hand.
 */
export function createEmitter(settings: EmitterSettings, layout: Layout = BUNDLED): RecordEmitter {
  const { capacitySlots, discard, bootId, messageTypes } = settings;
  const recordSlots = layout.recordSlots;
  const clock = settings.clock ?? platformClock();
  const uptimeMs = settings.uptimeMs ?? clock() >>> 0;

  // After the last slot: spare slots for a record that begins near the end, then a text being written.
  const capacityWords = capacitySlots * SLOT_WORDS;
  const draftWord = capacityWords + (MAX_RECORD_SLOTS - 1) * SLOT_WORDS;
  const buffer = new ArrayBuffer(draftWord * 4 + MAX_TEXT_TAIL_BYTES);
  const words = new Int32Array(buffer);
  const identities = new Float64Array(buffer, 8); // words 2 and 3 of the record that begins at twice the index
  const text = createText(createEncoder(), buffer, draftWord * 4);
  const encode = text.fromString;
  const payloadBytes = text.destination(PAYLOAD_SUMMARY_MAX_BYTES);
  const ipBytes = text.destination(IP_MAX_BYTES);

  // The open stretch.
  let at = 0; // word index of the next record
  let end = 0; // up to here a record of one slot needs only the clock
  // The same for calls that have taken the place before they read the clock: 0 if the clock is the user's, which may
  // emit itself.
  let quickEnd = 0;
  const isQuick = settings.clock === undefined;
  let low = uptimeMs | 0; // low half of the uptime, as the clock read when the ring was last settled

  let counted = 0; // records from this word index to `at` are not in the figures below yet
  let head = 0;
  let tail = 0;
  let plainFrom = 0; // from this position on each record is an event of one slot
  let frozenFrom = Number.POSITIVE_INFINITY; // events with this number or a greater one are refused
  let protectedFrom = discard ? 0 : Number.POSITIVE_INFINITY;

  let eventSeq = settings.eventSeq;
  let evictedEvents = eventSeq;
  let evictedRefused = 0;
  let discarded = 0;
  let lostPending = 0; // refused events that no record reports yet
  let suppressedPending = 0; // messages beyond the limits, likewise
  let untold = 0; // the sum of both

  let high = Math.floor(uptimeMs / TWO_TO_32);
  let recordHigh = high; // of the newest record, or of the start
  let recordLow = low;
  let sameHighFrom = 0;

  const readers: RingReader[] = [];
  let readersMade = 0;
  const tokens = new TokenTable(messageTypes);
  let tokenCount = 0;
  // The last valid tokens: messages of one type come in runs (docs/performance.md), and checking a token is expensive.
  let lastReceived = 0;
  let lastSent = 0;
  let connections = 0;
  let suppressed = 0;
  let invalidArguments = 0;
  let unlistedTypes = 0;

  /** Closes the stretch, so that the next record takes the slow path. Telemetry is switched off and on this way. */
  const gate = {
    enable(): void {
      end = at;
      quickEnd = 0;
    },
  };
  onSwitch(gate);

  function settle(): void {
    const written = (at - counted) >> 2;
    if (written === 0) return;
    counted = at;
    head += written;
    eventSeq += written;
    low = words[at - SLOT_WORDS]!;
    recordLow = low;
    if (head - tail > capacitySlots) {
      evictedEvents += head - tail - capacitySlots;
      tail = head - capacitySlots;
    }
  }

  /**
   * Takes a reading of the clock as the time. Everything is settled here, after the clock, and no earlier value is
   * used: the clock is the user's, and may have emitted and drained.
   */
  function advance(now: number): void {
    if (at !== counted) settle();
    if (low < 0 && now >= 0) high++;
    low = now;
  }

  /**
   * The same, if no record follows at once: if the half differs from the newest record's, the next record may need more
   * than its time.
   */
  function observe(now: number): void {
    advance(now);
    if (high !== recordHigh || (now ^ recordLow) < 0) gate.enable();
  }

  function makeRoom(slots: number): boolean {
    while (capacitySlots - (head - tail) < slots) {
      if (tail >= protectedFrom) return false;
      const word = (tail % capacitySlots) * SLOT_WORDS;
      const type = words[word + 1]! & 0xff;
      if (type < FIRST_INTERNAL_RECORD_TYPE) evictedEvents++;
      else if (type === RECORD_LOST) evictedRefused += readU64(words, word + 2);
      tail += recordSlots[type] ?? 1;
    }
    return true;
  }

  /** Writes a record of the format's own. There must be room for it. */
  function writeInternal(type: number, value: number): void {
    const word = at < capacityWords ? at : 0;
    at = counted = word + SLOT_WORDS;
    head++;
    plainFrom = head;
    recordLow = low;
    words[word] = low;
    words[word + 1] = type;
    writeU64(words, word + 2, value);
  }

  // There is no memory here that outlives a reset, and no platform that says why there was one.
  if (settings.retained !== undefined)
    writeInternal(RECORD_BOOT | ((settings.retained ? RING_NO_MEMORY : RING_NOT_ASKED) << BOOT_RING_SHIFT), 0);

  const newestMs = () => recordHigh * TWO_TO_32 + (recordLow >>> 0);
  const nowMs = () => high * TWO_TO_32 + (low >>> 0);

  /**
   * Makes room for a record of `slots`, and writes the internal records that must precede it in another half of the
   * clock, or after a loss. Returns false, and writes nothing, if there is no room.
   */
  function precede(slots: number): boolean {
    const idleMs = nowMs() - newestMs();
    const jumped = idleMs >= TIME_JUMP_MS;
    if (!makeRoom(slots + (jumped ? 1 : 0) + (lostPending > 0 ? 1 : 0) + (suppressedPending > 0 ? 1 : 0))) return false;
    if (high !== recordHigh) {
      recordHigh = high;
      sameHighFrom = head;
    }
    if (jumped) writeInternal(RECORD_TIME_JUMP, idleMs);
    if (untold > 0) {
      if (lostPending > 0) writeInternal(RECORD_LOST, lostPending);
      if (suppressedPending > 0) writeInternal(RECORD_SUPPRESSED, suppressedPending);
      lostPending = 0;
      suppressedPending = 0;
      untold = 0;
    }
    return true;
  }

  /** Counts an event, makes room, stores its time. Returns the record's word index, -1 if the event was refused. */
  function reserve(slots: number, now: number): number {
    if (at !== counted) settle();
    eventSeq++;
    if ((now ^ low) < 0) advance(now);
    low = now;
    let hasRoom = true;
    let isNext = false; // nothing has to precede it
    if (untold === 0) if (high === recordHigh) if ((now ^ recordLow) >= 0) isNext = true;
    if (eventSeq > frozenFrom) hasRoom = false;
    else if (!isNext) hasRoom = precede(slots);
    else if (capacitySlots - (head - tail) < slots) hasRoom = makeRoom(slots);
    if (!hasRoom) {
      discarded++;
      lostPending++;
      untold++;
      gate.enable(); // a record that fits leaves the gate as it is
      return -1;
    }
    let word = at;
    if (word >= capacityWords) word = 0;
    head += slots;
    at = word + slots * SLOT_WORDS;
    if (at >= capacityWords) at -= capacityWords;
    counted = at;
    recordLow = now;
    words[word] = now;
    if (slots === 1) {
      open();
      return word;
    }
    plainFrom = head;
    end = at;
    quickEnd = 0;
    return word;
  }

  /**
   * Opens a stretch of slots for the fast path; none while telemetry is off, because a payload's code may have switched
   * it off while the payload was read.
   */
  function open(): void {
    if (!enabled) {
      gate.enable();
      return;
    }
    let room = capacitySlots - (head - tail);
    if (tail >= plainFrom && protectedFrom > tail) room += Math.min(protectedFrom, head) - tail;
    if (room > frozenFrom - eventSeq) room = frozenFrom - eventSeq;
    end = Math.min(at + room * SLOT_WORDS, capacityWords);
    quickEnd = isQuick ? end : 0;
  }

  // The functions below read `now` before they do anything else: a user's clock may emit itself.

  /** Records an event of one slot: its word 1, and words 2 and 3 as the number with those bits, which is not NaN. */
  function put(now: number, word1: number, identity: number): void {
    let word = at;
    if (word < end && (now ^ low) >= 0) {
      at = word + SLOT_WORDS;
      words[word] = now;
    } else {
      word = reserve(1, now);
      if (word < 0) return;
    }
    words[word + 1] = word1;
    identities[word >> 1] = identity;
  }

  /**
   * Records an event with the text of the draft, which takes that many slots. `word1` contains the record type for
   * that.
   */
  function putText(now: number, textSlots: number, word1: number, identity: number): void {
    const word = reserve(1 + textSlots, now);
    if (word < 0) return;
    words[word + 1] = word1;
    identities[word >> 1] = identity;
    words.copyWithin(word + SLOT_WORDS, draftWord, draftWord + textSlots * SLOT_WORDS);
  }

  /** Returns a token in use; 0, and counted, for everything else. */
  function tokenOf(value: unknown): Token {
    if (typeof value === "number" && value === (value & 0xffff) && value <= tokenCount) return value as Token;
    if (enabled) invalidArguments++;
    return 0;
  }

  /** Records msg.recv or msg.send. `fields`: the bits of word 1 besides the record type, with a token in use. */
  function message(sent: boolean, fields: number, identity: number, payload: unknown): void {
    if (enabled)
      if (typeof payload === "string" && payload !== "") {
        const now = clock();
        const textSlots = ((encode(payload, payloadBytes) + SLOT_BYTES - 1) >> 4) & MOST_TEXT_SLOTS;
        // putText, inlined.
        const word = reserve(1 + textSlots, now);
        if (word < 0) return;
        words[word + 1] = fields | MESSAGE_TYPES[sent ? MAX_RECORD_SLOTS + textSlots : textSlots]!;
        identities[word >> 1] = identity;
        words.copyWithin(word + SLOT_WORDS, draftWord, draftWord + textSlots * SLOT_WORDS);
      } else otherMessage(sent, fields, identity, payload);
    else suppressed++;
  }

  /** The same for a payload that is not a string, or is empty. */
  function otherMessage(sent: boolean, fields: number, identity: number, payload: unknown): void {
    // First what may run the caller's code: reading an object, then the clock.
    const bytes = payload === undefined || payload === "" ? payload : bytesOf(payload);
    if (bytes === undefined && payload !== undefined) invalidArguments++;
    const now = quickEnd === CLOCK_READ ? words[at]! : clock();
    if (bytes === undefined) put(now, (sent ? RECORD_MSG_SEND : RECORD_MSG_RECV) | fields, identity);
    else {
      const textSlots = bytes === "" ? 0 : (text.fromBytes(bytes, payloadBytes) + SLOT_BYTES - 1) >> 4;
      const type = MESSAGE_TYPES[sent ? MAX_RECORD_SLOTS + textSlots : textSlots]!;
      putText(now, textSlots, type | fields, identity);
    }
  }

  class RingConnection implements Connection {
    /** Words 2 and 3 of its records, as the number with those bits: one store for both. */
    readonly #identity: number;

    constructor(identity: number) {
      this.#identity = identity;
    }

    // The first two methods are found first. A nested `if` costs a quarter of `&&`. The time is stored where the next
    // record
    // goes in any case; if it is in another half of the clock, the slow path stores it again, after the records that
    // must precede it.

    received(messageType: number, payload?: Payload): void {
      if (messageType !== lastReceived) lastReceived = tokenOf(messageType);
      if (payload === undefined)
        if (at < quickEnd)
          if (((words[at] = clock()) ^ low) >= 0) {
            words[at + 1] = RECORD_MSG_RECV | RECEIVED | (lastReceived << MSG_TYPE_SHIFT);
            identities[at >> 1] = this.#identity;
            at += SLOT_WORDS;
            return;
          } else quickEnd = CLOCK_READ;
      message(false, RECEIVED | (lastReceived << MSG_TYPE_SHIFT), this.#identity, payload);
    }

    sent(messageType: number, payload?: Payload): void {
      if (messageType !== lastSent) lastSent = tokenOf(messageType);
      if (payload === undefined)
        if (at < quickEnd)
          if (((words[at] = clock()) ^ low) >= 0) {
            words[at + 1] = RECORD_MSG_SEND | (lastSent << MSG_TYPE_SHIFT);
            identities[at >> 1] = this.#identity;
            at += SLOT_WORDS;
            return;
          } else quickEnd = CLOCK_READ;
      message(true, lastSent << MSG_TYPE_SHIFT, this.#identity, payload);
    }

    answered(receivedType: number, sentType: number): void {
      if (receivedType !== lastReceived) lastReceived = tokenOf(receivedType);
      if (sentType !== lastSent) lastSent = tokenOf(sentType);
      const received = RECORD_MSG_RECV | RECEIVED | (lastReceived << MSG_TYPE_SHIFT);
      const sent = RECORD_MSG_SEND | (lastSent << MSG_TYPE_SHIFT);
      if (at + SLOT_WORDS < quickEnd)
        if (((words[at] = clock()) ^ low) >= 0) {
          words[at + 1] = received;
          identities[at >> 1] = this.#identity;
          words[at + SLOT_WORDS] = words[at]!;
          words[at + SLOT_WORDS + 1] = sent;
          identities[(at + SLOT_WORDS) >> 1] = this.#identity;
          at += 2 * SLOT_WORDS;
          return;
        } else quickEnd = CLOCK_READ;
      if (enabled) {
        const now = quickEnd === CLOCK_READ ? words[at]! : clock();
        put(now, received, this.#identity);
        put(now, sent, this.#identity);
      } else suppressed += 2;
    }

    connected(): void {
      if (enabled) put(clock(), RECORD_WS_CONNECTED, this.#identity);
      else suppressed++;
    }

    disconnected(closeCode?: number): void {
      if (enabled)
        if (closeCode === undefined) put(clock(), RECORD_WS_DISCONNECT, this.#identity);
        else put(clock(), disconnectWord(closeCode), this.#identity);
      else suppressed++;
    }

    rejected(reason: Reason, messageType: number, payload?: Payload): void {
      if (isReason(reason)) {
        const fields = REJECTED | (reason << REASON_SHIFT) | (tokenOf(messageType) << MSG_TYPE_SHIFT);
        message(false, fields, this.#identity, payload);
      } else {
        suppressed++;
        if (enabled) invalidArguments++;
      }
    }
  }

  /** Word 1 of ws.disconnect with a close code. */
  function disconnectWord(closeCode: unknown): number {
    if (typeof closeCode === "number" && closeCode === (closeCode & 0xffff))
      return RECORD_WS_DISCONNECT_CLOSE_CODE | (closeCode << CLOSE_CODE_SHIFT);
    invalidArguments++;
    return RECORD_WS_DISCONNECT;
  }

  const { limits } = settings;
  const allow = limits && createAllowance(limits, low);

  /**
   * Returns how many of that many messages are within the limits; while telemetry is off all of them, because then they
   * are counted elsewhere.
   */
  const admitted = (count: number): number => (enabled ? allow!(count, clock()) : count);

  /** Counts messages beyond the limits, to be reported before the next record. */
  function over(count: number): void {
    suppressed += count;
    suppressedPending += count;
    untold += count;
    gate.enable();
  }

  const LimitedConnection = limits && limitedBy(RingConnection, admitted, over);

  const identityWords = new Uint32Array(2);
  const identityNumber = new Float64Array(identityWords.buffer);

  function validClientId(value: unknown): number {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_CLIENT_ID) return value as number;
    if (enabled) invalidArguments++;
    if (typeof value !== "number" || !(value > 0)) return 0;
    return Math.min(Math.floor(value), MAX_CLIENT_ID);
  }

  const ring: Ring = {
    layout,
    capacitySlots,
    words,
    head,
    tail,
    evictedEvents,
    evictedRefused,
    plainFrom,
    sameHighFrom,
    highMs: 0,
    tick() {
      observe(clock());
      // In a frozen ring nothing is written, because it could evict.
      if (untold > 0 && eventSeq < frozenFrom) {
        precede(0);
        gate.enable();
      }
      ring.settle();
    },
    settle() {
      if (at !== counted) settle();
      if (tail !== ring.tail) {
        ring.tail = tail;
        ring.evictedEvents = evictedEvents;
        ring.evictedRefused = evictedRefused;
      }
      ring.head = head;
      ring.plainFrom = plainFrom;
      ring.sameHighFrom = sameHighFrom;
      ring.highMs = recordHigh * TWO_TO_32;
    },
    eventSeq: () => eventSeq,
    discarded: () => discarded,
    nowMs,
    newestMs,
    moved: protect,
    closed(reader) {
      readers.splice(readers.indexOf(reader), 1);
      protect();
    },
    calls: () => ({ suppressed, invalidArguments, unlistedTypes }),
  };

  /** Under "discard" the slowest reader decides what may be evicted; without a reader nothing may be. */
  function protect(): void {
    if (!discard) return;
    protectedFrom = readers.length > 0 ? Number.POSITIVE_INFINITY : tail;
    // Not for…of, which allocates on XS: this runs for every packet.
    for (let index = 0; index < readers.length; index++)
      protectedFrom = Math.min(protectedFrom, readers[index]!.position());
    gate.enable();
  }

  return {
    connect(clientId, ip) {
      identityWords[CLIENT_ID_WORD - 2] = validClientId(clientId);
      identityWords[CONN_EPOCH_WORD - 2] = Math.min(connections++, LAST_CONN_EPOCH);
      const identity = identityNumber[0]!;
      if (enabled) {
        const now = clock();
        if (typeof ip === "string") {
          const textSlots = ip === "" ? 0 : ((encode(ip, ipBytes) + SLOT_BYTES - 1) >> 4) & MOST_TEXT_SLOTS;
          putText(now, textSlots, WS_CONNECT_IP_BY_SLOTS[textSlots]!, identity);
        } else put(now, RECORD_WS_CONNECT, identity);
        if (ip !== undefined && typeof ip !== "string") invalidArguments++;
      } else suppressed++;
      return LimitedConnection ? new LimitedConnection(identity) : new RingConnection(identity);
    },

    messageType(name) {
      if (typeof name !== "string") {
        invalidArguments++;
        return 0;
      }
      const token = tokens.intern(name, text);
      tokenCount = tokens.count;
      if (token >= 0) return token as Token;
      unlistedTypes++;
      return 0;
    },

    reader(): Reader {
      ring.settle();
      const reader = createReader(ring, tokens, text, bootId, readersMade++);
      readers.push(reader);
      protect();
      return reader;
    },

    records: () => ({
      begin: () => observe(clock()),
      write(slots, fields, tail) {
        if (at !== counted) settle();
        const word = reserve(slots, low);
        if (word < 0) return;
        words.set(fields, word + 1);
        if (tail) words.set(tail, word + 1 + fields.length);
      },
      tokenOf,
      count(suppressedCalls, invalid) {
        suppressed += suppressedCalls;
        invalidArguments += invalid;
      },
    }),

    freeze(events) {
      const more = typeof events === "number" && events > 0 ? Math.min(Math.floor(events), Number.MAX_SAFE_INTEGER) : 0;
      if (events !== more) invalidArguments++;
      if (frozenFrom < Number.POSITIVE_INFINITY) return;
      if (at !== counted) settle();
      frozenFrom = eventSeq + more;
      gate.enable();
    },

    thaw() {
      frozenFrom = Number.POSITIVE_INFINITY;
    },

    counters() {
      ring.settle();
      return readers[0] ? readers[0].counters() : countersOf(ring, 0, -1);
    },
  };
}
