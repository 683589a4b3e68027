// Random operations on the emitter against a plain model of it: a list of entries and where each reader stands.
import { type Connection, type Policy, type Reader, Telemetry } from "xs-telemetry";
import { AssertionFailed, deepEqual, equal, ok, random } from "../support/assert.ts";
import { type PlainRecord, readPacket, ringCounters } from "../support/bytes.ts";
import { rounds, seedFor } from "../support/campaign.ts";

const OPERATIONS = rounds(480_000, 32_000);

const LOST = 240;
const TIME_JUMP = 241;
const TWO_31 = 2 ** 31;

/** One record in the model's ring. */
interface Entry {
  slots: number;
  time: number;
  /** An event's number, or how many events a loss tells of, or the length of a jump. */
  event?: number;
  clientId?: number;
  lost?: number;
  jump?: number;
}

class Model {
  readonly entries: Entry[] = [];
  evictedEntries = 0;
  evictedEvents = 0;
  emitted = 0;
  discarded = 0;
  lostPending = 0;
  used = 0;
  lastRecordMs: number;
  /** For each open reader the number of entries, evicted ones too, that it has passed. */
  readonly readers = new Map<Reader, { at: number; drained: number; overwritten: number }>();

  constructor(
    readonly slots: number,
    readonly policy: Policy,
    nowMs: number,
  ) {
    this.lastRecordMs = nowMs;
  }

  #makeRoom(slots: number): boolean {
    while (this.slots - this.used < slots) {
      if (this.policy === "discard") {
        let slowest = this.readers.size > 0 ? Infinity : this.evictedEntries;
        for (const { at } of this.readers.values()) slowest = Math.min(slowest, at);
        if (slowest <= this.evictedEntries) return false;
      }
      const oldest = this.entries.shift()!;
      for (const reader of this.readers.values()) {
        if (reader.at > this.evictedEntries) continue;
        reader.at = this.evictedEntries + 1;
        if (oldest.event !== undefined) reader.overwritten++;
      }
      this.evictedEntries++;
      if (oldest.event !== undefined) this.evictedEvents++;
      this.used -= oldest.slots;
    }
    return true;
  }

  #store(entry: Entry): void {
    this.entries.push(entry);
    this.used += entry.slots;
    this.lastRecordMs = entry.time;
  }

  /** Stores what precedes a record and the record itself; false if there is no room for all. */
  #put(nowMs: number, slots: number, event?: number, clientId = 0): boolean {
    const jump = nowMs - this.lastRecordMs >= TWO_31;
    const lost = this.lostPending;
    if (!this.#makeRoom(slots + (jump ? 1 : 0) + (lost > 0 ? 1 : 0))) return false;
    if (jump) this.#store({ slots: 1, time: nowMs, jump: nowMs - this.lastRecordMs });
    if (lost > 0) this.#store({ slots: 1, time: nowMs, lost });
    this.lostPending = 0;
    if (event !== undefined) this.#store({ slots, time: nowMs, event, clientId });
    return true;
  }

  emit(nowMs: number, slots: number, clientId: number): void {
    const event = this.emitted++;
    if (this.#put(nowMs, slots, event, clientId)) return;
    this.discarded++;
    this.lostPending++;
  }

  /** What every next() does before it reads. */
  tick(nowMs: number): void {
    if (this.lostPending > 0) this.#put(nowMs, 0);
  }

  addReader(reader: Reader): void {
    this.readers.set(reader, { at: this.evictedEntries, drained: 0, overwritten: this.evictedEvents });
  }

  countersOf(reader: Reader | undefined) {
    const { drained, overwritten } = (reader && this.readers.get(reader)) ?? {
      drained: 0,
      overwritten: this.evictedEvents,
    };
    const { emitted, discarded } = this;
    return [emitted, drained, overwritten, discarded, emitted - drained - overwritten - discarded];
  }

  /** The records that one packet brought must be the next ones of this reader. */
  read(reader: Reader, records: PlainRecord[], firstSeq: number, discardedSoFar: number): void {
    const state = this.readers.get(reader)!;
    let seq = firstSeq;
    for (const record of records) {
      const entry = this.entries[state.at - this.evictedEntries];
      ok(entry, `a record more than the model has, at entry ${state.at}`);
      equal(record.time, entry.time, `time of entry ${state.at}`);
      if (entry.jump !== undefined) deepEqual([record.type, record.u64], [TIME_JUMP, entry.jump], `entry ${state.at}`);
      else if (entry.lost !== undefined) {
        deepEqual([record.type, record.u64], [LOST, entry.lost], `entry ${state.at}`);
        seq += entry.lost;
      } else {
        deepEqual([record.clientId, seq], [entry.clientId, entry.event], `entry ${state.at}`);
        seq++;
        state.drained++;
      }
      state.at++;
    }
    equal(discardedSoFar, seq - state.drained, "events_discarded");
  }
}

/** A text of up to 130 bytes, often one that just fits into its slots, or just not. */
function textOf(dice: ReturnType<typeof random>): string {
  const bytes = dice.below(2) === 0 ? 1 + dice.below(130) : dice.below(8) * 16 + 15 + dice.below(3);
  return "x".repeat(bytes);
}

/** Slots of a record with such a text, of which `most` bytes are kept. */
const slotsOf = (text: string, most: number): number => 1 + Math.ceil(Math.min(text.length, most) / 16);

function run(slots: number, policy: Policy, seed: number, operations: number): void {
  const dice = random(seed);
  const clock = { ms: 0, now: () => clock.ms | 0 };
  const telemetry = new Telemetry({ capacityBytes: slots * 16, policy, bootId: 1, clock });
  const model = new Model(slots, policy, clock.ms);
  const buffers = [256, 272, 400, 1500, 70_000].map((bytes) => new Uint8Array(bytes));
  const readers: Reader[] = [];
  const types = ["a", "bb", "ccc"].map((name) => telemetry.messageType(name));
  let connection: Connection = telemetry.connect(0);
  let clientId = 0;
  model.emit(clock.ms, 1, 0);
  let lastReadingMs = clock.ms;
  const emit = (slots: number) => {
    model.emit(clock.ms, slots, clientId);
    lastReadingMs = clock.ms;
  };

  for (let step = 0; step < operations; step++) {
    const what = dice.below(100);
    if (what < 20) {
      clientId = step;
      const ip = dice.below(2) === 0 ? textOf(dice) : "";
      connection = ip === "" ? telemetry.connect(clientId) : telemetry.connect(clientId, ip);
      emit(slotsOf(ip, 45));
    } else if (what < 25) {
      connection.answered(dice.pick(types), dice.pick(types));
      emit(1);
      emit(1);
    } else if (what < 55) {
      connection.received(dice.pick(types));
      emit(1);
    } else if (what < 70) {
      const payload = textOf(dice);
      connection.sent(dice.pick(types), payload);
      emit(slotsOf(payload, 100));
    } else if (what < 80) {
      // The clock must be read once in 2^31 ms.
      const most = TWO_31 - 1 - (clock.ms - lastReadingMs);
      clock.ms += Math.min(most, dice.below(10) === 0 ? dice.below(TWO_31) : dice.below(20));
    } else if (what < 97) {
      const reader = dice.below(5) > 0 ? readers[0] : readers[dice.below(Math.max(1, readers.length))];
      if (!reader) continue;
      const buffer = dice.pick(buffers);
      model.tick(clock.ms);
      lastReadingMs = clock.ms;
      const length = reader.next(buffer);
      const { at } = model.readers.get(reader)!;
      const waiting = model.entries.length - (at - model.evictedEntries);
      if (length === 0) equal(waiting, 0, "records that wait though next() returned 0");
      else {
        const packet = readPacket(buffer.subarray(0, length));
        if (packet.stream === 1)
          deepEqual(
            packet.tokens.map(({ token }) => token),
            types,
            "tokens",
          );
        else model.read(reader, packet.records, packet.firstSeq, packet.discarded);
      }
    } else if (what === 97 && readers.length < 3) {
      const reader = telemetry.reader();
      readers.push(reader);
      model.addReader(reader);
    } else if (what === 98 && dice.below(4) === 0 && readers.length > 0) {
      const [closed] = readers.splice(dice.below(readers.length), 1);
      closed!.close();
      model.readers.delete(closed!);
      equal(closed!.next(buffers[0]!), 0, "next() of a closed reader");
    }
    const counters = telemetry.counters();
    const { emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes } = counters;
    equal(drained + overwritten + discarded + pending, emitted, "identity of counters()");
    deepEqual([suppressed, invalidArguments, unlistedTypes], [0, 0, 0], "suppressed, invalidArguments, unlistedTypes");
    deepEqual(ringCounters(counters), model.countersOf(readers[0]), "counters()");
    for (const reader of readers)
      deepEqual(ringCounters(reader.counters()), model.countersOf(reader), "reader.counters()");
  }
}

describe("the emitter against a plain model of it", () => {
  const capacities = [16, 17, 23, 64, 250, 1024, 4096, 65_536];
  const each = Math.ceil(OPERATIONS / (capacities.length * 2));
  for (const policy of ["overwrite", "discard"] as const) {
    for (const slots of capacities) {
      it(`keeps every count and every record, ${policy}, ${slots} slots, ${each} operations`, () => {
        const seed = seedFor(slots);
        try {
          run(slots, policy, seed, each);
        } catch (error) {
          throw new AssertionFailed(
            `seed ${seed}: ${error instanceof Error ? `${error.message}\n${error.stack}` : error}`,
          );
        }
      });
    }
  }
});
