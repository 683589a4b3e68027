// Random operations on the emitter against a plain model of it: every count, and every byte of every packet. The clock is a user's,
// and does all of the same itself when it is read, or it is the platform's. One file, because each operation stands beside what the
// model expects of it.
import { type Connection, type Policy, type Reader, Reason, setEnabled, Telemetry, type Token } from "xs-telemetry";
import { AssertionFailed, deepEqual, equal, random, throws } from "../support/assert.ts";
import { isInXs, isStressed, ran, rounds, seedFor } from "../support/campaign.ts";
import { type Event, RingModel } from "../support/ring-model.ts";
import { textOfBytes } from "../support/text-model.ts";

/** The code is the same everywhere; Node is fast, and an engine shows what depends on it in few. */
const OPERATIONS = isInXs ? rounds(320_000, 16_000) : rounds(50_400_000, 400_000);

/** With a collection before each allocation, of which the driver makes many. */
const STRESSED_OPERATIONS = rounds(800, 40);

const TWO_31 = 2 ** 31;
const MOST_TYPES = 12;
const IP_BYTES = 45;
const PAYLOAD_BYTES = 100;
const BOOT_ID = 2 ** 53 - 1;
const REASONS = [Reason.rateLimit, Reason.sizeLimit, Reason.parseError, Reason.authFailed];
/** What the registry says of the results. */
const REJECTED = 1;
const NO_CODES = [-1, 65_536, 2 ** 32 + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "1000", null, {}] as number[];
const NO_COUNTS = [-1, 2.5, 1e300, Number.POSITIVE_INFINITY, Number.NaN, undefined, null, "7", {}] as number[];
const CHARACTERS = ["a", "Z", "\0", "\n", "é", "☃", "😀"];

/** UTF-8 of a string without lone surrogates. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
}

/** A payload or an address, and what a record has of it. */
interface Text {
  value: unknown;
  bytes: readonly number[];
  isInvalid?: boolean;
}

/** Record types: without the text, with an empty one, with the longest and the slots of that, with one that takes a single slot. */
const RECORDS = { connect: [1, 9, 2, 4, 24], received: [5, 10, 6, 8, 12], sent: [7, 11, 8, 8, 18] } as const;

/** The record of an event with a text, or without one that is none. */
function recordOf(event: keyof typeof RECORDS, text: Text | undefined): Pick<Event, "type" | "slots" | "text"> {
  const [without, empty, longest, most, shortest] = RECORDS[event];
  if (text === undefined || text.isInvalid) return { type: without, slots: 1, text: [] };
  if (text.bytes.length === 0) return { type: empty, slots: 1, text: [] };
  const textSlots = Math.ceil(text.bytes.length / 16);
  const type = textSlots < most - 1 ? shortest + textSlots - 1 : longest;
  return { type, slots: 1 + textSlots, text: text.bytes };
}

interface Asking {
  readonly count: number;
  admitted: number;
  isOn: boolean;
}

class Driver {
  readonly #dice: ReturnType<typeof random>;
  readonly #telemetry: Telemetry;
  readonly #model: RingModel;
  readonly #readers: Reader[] = [];
  readonly #buffers = [256, 272, 400, 1500, 70_000].map((bytes) => new Uint8Array(bytes));
  readonly #odd = new Uint8Array(new ArrayBuffer(1400), 3, 900); // not aligned
  readonly #texts: Text[] = [];
  readonly #addresses: Text[] = [];
  readonly #isPlatform: boolean;
  #ms = 0;
  /** What the emitter takes for the time: readings that go back are not taken. */
  #nowMs: number;
  #connection!: Connection;
  #clientId = 0;
  #connEpoch = 0;
  #isOn = true;
  /** The clock does something itself when it is read next. */
  #isSly = false;
  #depth = 0;
  #failure: unknown;
  /** A call whose messages the limits are asked for, until the clock is read. */
  #asking: Asking | undefined;
  readonly #limits: { messagesPerSecond: number; burst: number } | undefined;

  constructor(slots: number, policy: Policy, seed: number, isPlatform: boolean, isLimited: boolean) {
    this.#dice = random(seed);
    this.#isPlatform = isPlatform;
    this.#nowMs = isPlatform ? Number.NaN : 0;
    const clock = { now: () => this.#read() };
    const { below, pick } = this.#dice;
    if (isLimited)
      this.#limits = { messagesPerSecond: pick([1, 7, 50, 1000, 1_000_000]), burst: 1 + below(pick([2, 30, 1e6])) };
    const limits = this.#limits && { limits: this.#limits };
    const options = { capacityBytes: slots * 16, policy, bootId: BOOT_ID, messageTypes: MOST_TYPES, ...limits };
    this.#telemetry = new Telemetry(isPlatform ? options : { ...options, clock });
    this.#model = new RingModel(slots, policy, this.#nowMs, BOOT_ID, this.#limits);
    for (let count = isStressed ? 4 : 40; count > 0; count--) {
      this.#texts.push(this.#text(PAYLOAD_BYTES));
      this.#addresses.push(this.#text(IP_BYTES));
    }
    this.#connect();
  }

  run(operations: number): void {
    for (let step = 0; step < operations; step++) {
      if (!this.#isPlatform && this.#dice.below(8) === 0) this.#isSly = true;
      try {
        this.#operate();
      } catch (error) {
        this.#failure ??= error;
      }
      this.#isSly = false;
      if (this.#failure) throw this.#failure;
      this.#compare();
    }
    setEnabled(true);
  }

  #compare(): void {
    this.#equalCounters(this.#telemetry.counters(), this.#model.countersOf(this.#readers[0]), "counters()");
    for (const reader of this.#readers)
      this.#equalCounters(reader.counters(), this.#model.countersOf(reader), "reader.counters()");
  }

  #equalCounters(counters: ReturnType<Reader["counters"]>, expected: readonly number[], what: string): void {
    const { emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes } = counters;
    if (
      emitted !== expected[0] ||
      drained !== expected[1] ||
      overwritten !== expected[2] ||
      discarded !== expected[3] ||
      pending !== expected[4] ||
      suppressed !== expected[5] ||
      invalidArguments !== expected[6] ||
      unlistedTypes !== expected[7]
    )
      deepEqual(
        [emitted, drained, overwritten, discarded, pending, suppressed, invalidArguments, unlistedTypes],
        expected,
        what,
      );
    equal(drained + overwritten + discarded + pending, emitted, `identity of ${what}`);
  }

  /** The user's clock; the first reading of a call with messages is the limits'. */
  #read(): number {
    const asking = this.#asking;
    this.#asking = undefined;
    try {
      return this.#readTime();
    } finally {
      if (asking) {
        asking.admitted = this.#model.admit(asking.count, this.#nowMs);
        asking.isOn = this.#isOn;
      }
    }
  }

  /** It may do anything before it says the time, which may be the one before that. */
  #readTime(): number {
    const before = this.#ms;
    if (this.#isSly) {
      this.#isSly = this.#dice.below(3) === 0 && this.#depth < 3;
      this.#depth++;
      try {
        for (let count = 1 + this.#dice.below(3); count > 0; count--) this.#operate();
      } catch (error) {
        this.#failure ??= error; // the emitter takes what a clock throws
      }
      this.#depth--;
      this.#isSly = false;
      if (this.#dice.below(4) === 0) throw new Error("no time");
    }
    // One that is 2^31 ms older could not be told from a later one.
    const isOlder = this.#dice.below(16) === 0 && this.#nowMs - before < TWO_31;
    const reading = isOlder ? before : this.#ms;
    this.#nowMs = Math.max(this.#nowMs, reading);
    return reading | 0;
  }

  #operate(): void {
    const { below, pick } = this.#dice;
    const what = below(100);
    if (what < 15) this.#connect();
    else if (what < 20) this.#answer();
    else if (what < 50) this.#message(false, this.#token(), undefined);
    else if (what < 56) this.#message(true, this.#token(), undefined);
    else if (what < 68) this.#message(below(2) === 0, this.#token(), pick(this.#texts));
    else if (what < 71) this.#reject();
    else if (what < 73) this.#plain(3, () => this.#connection.connected());
    else if (what < 75) this.#disconnect();
    else if (what < 80) this.#wait();
    else if (what < 81) this.#name();
    else if (what < 95) this.#next();
    else if (what === 95) this.#switch();
    else if (what === 96)
      this.#pickReader((reader) => {
        reader.repeatTokens();
        this.#model.repeatTokens(reader);
      });
    else if (what === 97 && this.#readers.length < 3) {
      const reader = this.#telemetry.reader();
      this.#readers.push(reader);
      this.#model.addReader(reader);
    } else if (what === 98 && below(4) === 0) this.#close();
    else if (what === 98) this.#freeze();
    else if (what === 99)
      this.#pickReader((reader) => {
        throws(() => reader.next("x" as never), "TypeError");
      });
  }

  #text(most: number): Text {
    const { below, pick } = this.#dice;
    const what = below(10);
    if (what === 0) return { value: "", bytes: [] };
    if (what === 1) return { value: below(2) === 0 ? 5 : null, bytes: [], isInvalid: true };
    if (what < 5 && most === PAYLOAD_BYTES) {
      const bytes = new Uint8Array(below(150));
      for (let index = 0; index < bytes.length; index++) bytes[index] = below(5) === 0 ? below(256) : 32 + below(90);
      return { value: what === 4 ? bytes.slice().buffer : bytes, bytes: textOfBytes(bytes, most) };
    }
    let value = "";
    for (let count = 1 + below(120); count > 0; count--) value += below(4) === 0 ? pick(CHARACTERS) : "x";
    return { value, bytes: textOfBytes(utf8(value), most) };
  }

  /** A token in use, mostly. */
  #token(): Token {
    const { below } = this.#dice;
    const count = this.#model.names.length;
    if (this.#limits) return below(count + 1) as Token; // whether one that is not in use is counted is the limits' affair
    return (below(50) === 0 ? [count + 1, -1, 1.5, Number.NaN, 65_536][below(5)]! : below(count + 1)) as Token;
  }

  /** What a record has of a token; one that is not in use is counted, while telemetry is on. */
  #tokenOf(token: number): number {
    const isInUse = Number.isInteger(token) && token >= 0 && token <= this.#model.names.length;
    if (!isInUse && this.#isOn) this.#model.invalidArguments++;
    return isInUse ? token : 0;
  }

  /** The same of messages that may be over the limits. */
  #tellLimited(call: () => void, events: readonly Partial<Event>[], isInvalid = false): void {
    if (!this.#limits || !this.#isOn) {
      this.#tell(call, events, isInvalid);
      return;
    }
    const asking: Asking = { count: events.length, admitted: 0, isOn: true };
    this.#asking = asking;
    const { clientId, connEpoch } = { clientId: this.#clientId, connEpoch: this.#connEpoch };
    call();
    const told = events.slice(0, asking.admitted);
    if (!asking.isOn) this.#model.suppressed += told.length;
    else {
      if (isInvalid && told.length > 0) this.#model.invalidArguments++;
      this.#emit(told, clientId, connEpoch);
    }
    this.#model.suppress(events.length - told.length);
  }

  #emit(events: readonly Partial<Event>[], clientId: number, connEpoch: number): void {
    for (const event of events)
      this.#model.emit(this.#nowMs, { slots: 1, code: 0, token: 0, text: [], clientId, connEpoch, type: 0, ...event });
  }

  /** Makes a call that tells events at one reading of the clock. Whether telemetry is on is asked before the clock is. */
  #tell(call: () => void, events: readonly Partial<Event>[], isInvalid = false): void {
    const { clientId, connEpoch } = { clientId: this.#clientId, connEpoch: this.#connEpoch };
    const isOn = this.#isOn;
    if (isOn && isInvalid) this.#model.invalidArguments++;
    if (!isOn) this.#model.suppressed += events.length;
    call();
    if (isOn) this.#emit(events, clientId, connEpoch);
  }

  #plain(type: number, call: () => void): void {
    this.#tell(call, [{ type }]);
  }

  /** Codes that are none are left out, and counted while telemetry is on. */
  #disconnect(): void {
    const { below, pick } = this.#dice;
    const code = below(3) === 0 ? undefined : below(4) > 0 ? below(65_536) : pick(NO_CODES);
    const isKnown = Number.isInteger(code) && code! >= 0 && code! < 65_536;
    this.#tell(
      () => this.#connection.disconnected(code),
      [isKnown ? { type: 26, token: code! } : { type: 4 }],
      code !== undefined && !isKnown,
    );
  }

  #connect(): void {
    const { below, pick } = this.#dice;
    const clientId = below(3) === 0 ? below(2 ** 32) : below(1000);
    const ip = below(2) === 0 ? pick(this.#addresses) : undefined;
    const connEpoch = this.#model.connections++;
    const event = { ...recordOf("connect", ip), clientId, connEpoch };
    let made: Connection;
    this.#tell(
      () => {
        made = ip ? this.#telemetry.connect(clientId, ip.value as string) : this.#telemetry.connect(clientId);
      },
      [event],
      ip?.isInvalid,
    );
    this.#connection = made!;
    this.#clientId = clientId;
    this.#connEpoch = connEpoch;
  }

  #message(isSent: boolean, token: Token, text: Text | undefined, reason = -1): void {
    const code = reason < 0 ? 0 : REJECTED | ((reason + 1) << 4);
    const known = this.#tokenOf(token);
    const event = { ...recordOf(isSent ? "sent" : "received", text), code, token: known };
    const connection = this.#connection;
    const value = text?.value as string | undefined;
    const call = () => {
      if (reason >= 0) connection.rejected(REASONS[reason]!, token, value);
      else if (isSent) connection.sent(token, value);
      else connection.received(token, value);
    };
    if (reason >= 0) this.#tell(call, [event], text?.isInvalid);
    else this.#tellLimited(call, [event], text?.isInvalid);
  }

  #reject(): void {
    const { below, pick } = this.#dice;
    if (below(8) > 0) {
      this.#message(false, this.#token(), below(2) === 0 ? pick(this.#texts) : undefined, below(4));
      return;
    }
    this.#model.suppressed++;
    if (this.#isOn) this.#model.invalidArguments++;
    this.#connection.rejected(77 as never, 0);
  }

  #answer(): void {
    const [received, sent] = [this.#token(), this.#token()];
    const events = [
      { type: 5, token: this.#tokenOf(received) },
      { type: 7, token: this.#tokenOf(sent) },
    ];
    this.#tellLimited(() => this.#connection.answered(received, sent), events);
  }

  /** The clock must be read once in 2^31 ms. */
  #wait(): void {
    const { below } = this.#dice;
    const most = TWO_31 - 1 - (this.#ms - this.#nowMs);
    if (!this.#isPlatform) this.#ms += Math.min(most, below(10) === 0 ? below(TWO_31) : below(20));
  }

  #name(): void {
    const { below } = this.#dice;
    const name = below(6) === 0 ? "x".repeat(65) : `type ${below(MOST_TYPES + 4)}`.padEnd(1 + below(64), ".");
    const { names } = this.#model;
    const known = names.indexOf(name) + 1;
    const isListed = known > 0 || (name.length <= 64 && names.length < MOST_TYPES);
    if (known === 0 && isListed) names.push(name);
    if (!isListed) this.#model.unlistedTypes++;
    equal(this.#telemetry.messageType(name), known > 0 ? known : isListed ? names.length : 0, "token of a name");
  }

  #switch(): void {
    this.#isOn = !this.#isOn || this.#dice.below(2) === 0;
    setEnabled(this.#isOn);
  }

  /** Seldom for long, or it would be all that is looked at. */
  #freeze(): void {
    const { below, pick } = this.#dice;
    const model = this.#model;
    if (model.frozenFrom < Infinity && below(3) > 0) {
      this.#telemetry.thaw();
      model.frozenFrom = Infinity;
      return;
    }
    const isOdd = below(5) === 0;
    const events = isOdd ? pick(NO_COUNTS) : below(pick([1, 4, 100]));
    if (isOdd) model.invalidArguments++;
    const more = isOdd
      ? [2.5, 1e300, Infinity].includes(events)
        ? Math.floor(Math.min(events, 2 ** 53 - 1))
        : 0
      : events;
    if (model.frozenFrom === Infinity) model.frozenFrom = model.emitted + more;
    this.#telemetry.freeze(events);
  }

  #pickReader(then: (reader: Reader) => void): void {
    const { below } = this.#dice;
    const reader = this.#readers[below(5) > 0 ? 0 : below(Math.max(1, this.#readers.length))];
    if (reader) then(reader);
  }

  #next(): void {
    this.#pickReader((reader) => {
      const buffer = this.#dice.below(8) === 0 ? this.#odd : this.#dice.pick(this.#buffers);
      const bytes = reader.next(buffer);
      this.#model.tick(this.#nowMs);
      if (!this.#model.readers.has(reader)) equal(bytes, 0, "next() of a reader that its clock closes");
      else if (bytes === 0) equal(this.#model.waiting(reader), 0, "records that wait though next() returned 0");
      else this.#model.read(reader, buffer.subarray(0, bytes), this.#nowMs);
    });
  }

  #close(): void {
    const { below } = this.#dice;
    const reader = this.#readers[below(Math.max(1, this.#readers.length))];
    if (!reader) return;
    this.#readers.splice(this.#readers.indexOf(reader), 1);
    reader.close();
    this.#model.readers.delete(reader);
    equal(reader.next(this.#buffers[0]!), 0, "next() of a closed reader");
    reader.repeatTokens();
    reader.close();
  }
}

describe("the emitter against a plain model of it", () => {
  const capacities = isStressed ? [16] : [16, 17, 23, 64, 250, 1024, 4096, 65_536];
  const each = isStressed ? STRESSED_OPERATIONS : Math.ceil(OPERATIONS / (capacities.length * 5));
  for (const policy of ["overwrite", "discard"] as const)
    for (const slots of capacities)
      for (const clock of policy === "overwrite"
        ? ["user's", "platform's", "limited user's"]
        : ["user's", "limited user's"])
        it(`keeps every count and every byte, ${policy}, ${slots} slots, ${clock} clock, ${each} operations`, function () {
          (this as { timeout?(ms: number): void } | undefined)?.timeout?.(3_600_000);
          const seed = seedFor(slots);
          try {
            new Driver(slots, policy, seed, clock === "platform's", clock.startsWith("limited")).run(each);
          } catch (error) {
            throw new AssertionFailed(
              `seed ${seed}: ${error instanceof Error ? `${error.message}\n${error.stack}` : error}`,
            );
          } finally {
            setEnabled(true);
          }
          ran("operations on the ring, against a model of every byte", each);
        });
});
