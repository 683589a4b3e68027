// A plain model of the emitter: a list of entries, and the position of each reader. It shares no code with src/, and predicts each byte of a packet.
import type { Policy, Reader } from "xs-telemetry";
import { equal, ok } from "./assert.ts";

const LOST = 240;
const TIME_JUMP = 241;
const SUPPRESSED = 243;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
const HEADER_BYTES = 96;
/** All tokens are repeated after this many packets of records. */
const TOKENS_AGAIN = 64;

/** An event, but for its time and number. */
export interface Event {
  type: number;
  slots: number;
  code: number;
  token: number;
  clientId: number;
  connEpoch: number;
  text: readonly number[];
}

/** A record in the model's ring. */
interface Entry {
  type: number;
  slots: number;
  /** NaN if the clock cannot be predicted. */
  time: number;
  /** Of the event, or of the first that it stands for. */
  seq: number;
  /** Of an internal record: how many events were lost, or how long the jump is. */
  value: number;
  event: Event | undefined;
}

interface Standing {
  /** Number of entries that it has passed, including evicted ones. */
  at: number;
  /** Slots of those. */
  slotsAt: number;
  drained: number;
  overwritten: number;
  dataPackets: number;
  tokenPackets: number;
  tokensTold: number;
  /** Packets of records when it was last asked to repeat all tokens. */
  repeatedAt: number;
  number: number;
  /** Low half of the last record's time. */
  lastLow: number;
}

export class RingModel {
  readonly entries: Entry[] = [];
  evictedEntries = 0;
  evictedSlots = 0;
  evictedEvents = 0;
  emitted = 0;
  discarded = 0;
  suppressed = 0;
  invalidArguments = 0;
  unlistedTypes = 0;
  lostPending = 0;
  suppressedPending = 0;
  /** Events with this number or a greater one are refused. */
  frozenFrom = Infinity;
  /** Messages that may be recorded, in thousandths. */
  #allowance: number;
  #allowedMs: number;
  used = 0;
  lastRecordMs: number;
  connections = 0;
  /** The name of token 1 is the first. */
  readonly names: string[] = [];
  readonly readers = new Map<Reader, Standing>();
  readersMade = 0;

  constructor(
    readonly slots: number,
    readonly policy: Policy,
    nowMs: number,
    readonly bootId: number,
    readonly limits?: { messagesPerSecond: number; burst: number },
  ) {
    this.lastRecordMs = nowMs;
    this.#allowance = (limits?.burst ?? 0) * 1000;
    this.#allowedMs = nowMs;
  }

  /** How many of that many messages are within the limits. */
  admit(count: number, nowMs: number): number {
    const { messagesPerSecond, burst } = this.limits!;
    this.#allowance = Math.min(burst * 1000, this.#allowance + (nowMs - this.#allowedMs) * messagesPerSecond);
    this.#allowedMs = nowMs;
    const admitted = Math.min(count, Math.floor(this.#allowance / 1000));
    this.#allowance -= admitted * 1000;
    return admitted;
  }

  /** Messages beyond the limits. */
  suppress(count: number): void {
    this.suppressed += count;
    this.suppressedPending += count;
  }

  #makeRoom(slots: number): boolean {
    while (this.slots - this.used < slots) {
      if (this.policy === "discard") {
        let slowest = this.readers.size > 0 ? Infinity : this.evictedEntries;
        for (const { at } of this.readers.values()) slowest = Math.min(slowest, at);
        if (slowest <= this.evictedEntries) return false;
      }
      const oldest = this.entries.shift()!;
      this.evictedSlots += oldest.slots;
      for (const reader of this.readers.values()) {
        if (reader.at > this.evictedEntries) continue;
        reader.at = this.evictedEntries + 1;
        reader.slotsAt = this.evictedSlots;
        if (oldest.event) reader.overwritten++;
      }
      this.evictedEntries++;
      if (oldest.event) this.evictedEvents++;
      this.used -= oldest.slots;
    }
    return true;
  }

  #store(type: number, slots: number, time: number, seq: number, value: number, event?: Event): void {
    this.entries.push({ type, slots, time, seq, value, event });
    this.used += slots;
    this.lastRecordMs = time;
  }

  /** Stores what precedes a record, and the record itself, if there is one; returns false if there is no room for all. */
  #put(nowMs: number, seq: number, event?: Event): boolean {
    const elapsedMs = nowMs - this.lastRecordMs;
    const hasJumped = elapsedMs >= TWO_31;
    const lost = this.lostPending;
    const slots = event?.slots ?? 0;
    const suppressed = this.suppressedPending;
    if (!this.#makeRoom(slots + (hasJumped ? 1 : 0) + (lost > 0 ? 1 : 0) + (suppressed > 0 ? 1 : 0))) return false;
    if (hasJumped) this.#store(TIME_JUMP, 1, nowMs, seq - lost, elapsedMs);
    if (lost > 0) this.#store(LOST, 1, nowMs, seq - lost, lost);
    if (suppressed > 0) this.#store(SUPPRESSED, 1, nowMs, seq, suppressed);
    this.lostPending = 0;
    this.suppressedPending = 0;
    if (event) this.#store(event.type, slots, nowMs, seq, 0, event);
    return true;
  }

  emit(nowMs: number, event: Event): void {
    const isFrozen = this.emitted >= this.frozenFrom;
    if (isFrozen) this.emitted++;
    else if (this.#put(nowMs, this.emitted++, event)) return;
    this.discarded++;
    this.lostPending++;
  }

  /** What every next() does before it reads. */
  tick(nowMs: number): void {
    if (this.emitted < this.frozenFrom && this.lostPending + this.suppressedPending > 0) this.#put(nowMs, this.emitted);
  }

  addReader(reader: Reader): void {
    this.readers.set(reader, {
      at: this.evictedEntries,
      slotsAt: this.evictedSlots,
      drained: 0,
      overwritten: this.evictedEvents,
      dataPackets: 0,
      tokenPackets: 0,
      tokensTold: 0,
      repeatedAt: -1,
      number: this.readersMade++,
      lastLow: Number.NaN,
    });
  }

  repeatTokens(reader: Reader): void {
    const state = this.readers.get(reader)!;
    if (state.tokensTold === 0 || state.repeatedAt === state.dataPackets) return;
    state.repeatedAt = state.dataPackets;
    state.tokensTold = 0;
  }

  waiting(reader: Reader): number {
    return this.entries.length - (this.readers.get(reader)!.at - this.evictedEntries);
  }

  /** As from counters(), in the order of its keys. */
  countersOf(reader: Reader | undefined): number[] {
    const state = reader && this.readers.get(reader);
    const drained = state?.drained ?? 0;
    const overwritten = state?.overwritten ?? this.evictedEvents;
    const { emitted, discarded, suppressed, invalidArguments, unlistedTypes } = this;
    const pending = emitted - drained - overwritten - discarded;
    return [emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes];
  }

  /** Takes a packet of this reader, which must be exactly the next one. */
  read(reader: Reader, packet: Uint8Array, nowMs: number): void {
    const state = this.readers.get(reader)!;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const u32 = (at: number) => view.getUint32(at, true);
    const u64 = (at: number) => u32(at) + u32(at + 4) * TWO_32;
    equal(u32(0), 0xc1fc1fc1, "magic");
    equal(u32(44), packet.length * 8, "packet_size");
    equal(u64(64), this.bootId, "boot_id");
    equal(u32(80), state.number, "reader");
    equal(u32(84), 1, "wire_format");
    equal(u32(92), this.slots, "ring_capacity_slots");
    const stream = u32(20);
    const expected = state.tokensTold < this.names.length ? 1 : 0;
    equal(stream, expected, "stream_id");
    if (stream === 1) {
      equal(u64(56), ++state.tokenPackets, "number of a token packet");
      for (const field of [48, 52, 72, 76, 88]) equal(u32(field), 0, `byte ${field} of a token packet`);
      if (!Number.isNaN(nowMs)) equal(u64(24), nowMs, "time of a token packet");
      equal(u64(32), u64(24), "end of a token packet");
      this.#readNames(state, packet, u32(40) / 8);
      return;
    }
    equal(u32(40), u32(44), "content_size");
    equal(u64(56), ++state.dataPackets, "number of a data packet");
    if (state.dataPackets % TOKENS_AGAIN === 0) state.tokensTold = 0;
    const first = this.entries[state.at - this.evictedEntries]!;
    equal(u64(72), first.seq, "first_event_seq");
    const begin = u64(24);
    const high = begin - (begin % TWO_32);
    let seq = first.seq;
    let at = HEADER_BYTES;
    while (at < packet.length) {
      const entry = this.entries[state.at - this.evictedEntries];
      ok(entry, `a record more than the model has, at entry ${state.at}`);
      ok(entry.type !== TIME_JUMP || at === HEADER_BYTES, "_time_jump at a packet's beginning only");
      const low = u32(at);
      if (!Number.isNaN(entry.time)) equal(high + low, entry.time, "time");
      else ok(!(low < state.lastLow), "time goes back");
      state.lastLow = low;
      if (at === HEADER_BYTES) equal(low, u32(24), "low half of timestamp_begin");
      const { event } = entry;
      equal(packet[at + 4], entry.type, "type");
      equal(packet[at + 5], event ? event.code : 0, "code");
      equal(view.getUint16(at + 6, true), event ? event.token : 0, "token");
      if (event) {
        equal(u32(at + 8), event.clientId, "clientId");
        equal(u32(at + 12), event.connEpoch, "connEpoch");
        for (let index = 0, bytes = (entry.slots - 1) * 16; index < bytes; index++)
          if (packet[at + 16 + index] !== (event.text[index] ?? 0))
            ok(false, `byte ${index} of a text is ${packet[at + 16 + index]}, not ${event.text[index] ?? 0}`);
        equal(entry.seq, seq++, "eventSeq");
        state.drained++;
      } else {
        equal(u64(at + 8), entry.value, "count, or elapsedMs");
        if (entry.type === LOST) seq += entry.value;
      }
      at += entry.slots * 16;
      state.at++;
      state.slotsAt += entry.slots;
    }
    equal(at, packet.length, "end of the last record");
    equal(u32(32), state.lastLow, "low half of timestamp_end");
    equal(u64(32) - u32(32), high, "upper half of timestamp_end");
    equal(u64(48), seq - state.drained, "events_discarded");
    equal(u32(88), this.evictedSlots + this.used - state.slotsAt, "ring_pending_slots");
  }

  #readNames(state: Standing, packet: Uint8Array, end: number): void {
    let at = HEADER_BYTES;
    while (at < end) {
      const token = ++state.tokensTold;
      const name = this.names[token - 1]!;
      equal(packet[at]! | (packet[at + 1]! << 8), token, "token");
      equal(packet[at + 2]! | (packet[at + 3]! << 8), name.length, "length of a name");
      for (let index = 0; index < name.length; index++)
        equal(packet[at + 4 + index], name.charCodeAt(index), `byte ${index} of the name of ${token}`);
      at += 4 + name.length;
    }
    equal(at, end, "end of the last name");
    for (; at < packet.length; at++) equal(packet[at], 0, "a byte behind the names");
    ok(packet.length - end < 16, "bytes behind the names");
  }
}
