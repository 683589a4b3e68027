/** What decoding remembers from one packet to the next. */
import { MAX_PACKET_BYTES } from "../../src/ring/packet-layout.ts";
import { type BootRecord, bootText } from "../packet/boot-record.ts";
import { BootTeller } from "../packet/boot-teller.ts";
import type { BootPlace } from "../packet/line-context.ts";
import { bootIdDigits, type PacketHeader, uuidsOf } from "../packet/packet.ts";
import { ReaderHistory } from "../packet/reader-history.ts";
import { RecordDecoder, type RecordTally, TokenNames } from "../packet/records.ts";
import type { Problem } from "../text/errors.ts";
import { type ClockOf, Contexts } from "./contexts.ts";
import { DecodeItems } from "./items.ts";
import { MAGIC } from "./own-bytes.ts";
import type { DecodeItem, DecodeOptions, DecodeSummary, PacketReader, PacketSink } from "./types.ts";

/** Bytes that are read and examined at once. */
export const CHUNK_BYTES = 64 * 1024;
/**
 * State is kept for this many boots, readers of a boot, and token names; beyond that, the least recently used is
 * forgotten.
 */
const MOST_BOOTS = 4096;
/** Most ids of boots for which it is known which packets there were: that takes more memory. */
const MOST_TOLD_BOOTS = 1024;
const MOST_READERS = 16;
const MOST_NAMES = 1 << 17;
/** A reader takes about as much memory as this many token names. */
const READER_NAMES = 2;
/** The most different boot records that are counted separately. */
const MOST_BOOT_TEXTS = 16;
const OTHER_BOOT_TEXTS = "further boots";

/** What has been read of one boot and reader. */
export interface ReaderState extends PacketReader {
  /** Earlier boots with this id. */
  readonly bootsBefore: number;
  readonly history: ReaderHistory;
  names: TokenNames;
  /** Uses of tokens without a name that have not been reported. */
  unnamed: number;
}

/** For one id, all readers of the first boot that has it; for later boots under a key of their own. */
type BootKey = number | string;

/** Everything that outlives a packet and a file: the state of each reader, and the sums. */
export class Session {
  readonly uuids: readonly Uint8Array[];
  readonly records: RecordDecoder;
  readonly tally: RecordTally;
  readonly sums = {
    packets: 0,
    tokenPackets: 0,
    boots: 0,
    lostOnDevice: 0,
    lostInTransit: 0,
    beforeFirstPacket: 0,
    missingPackets: 0,
    timeJumps: 0,
    suppressed: 0,
    damaged: 0,
    refused: 0,
    repeated: 0,
  };
  readonly items: PacketSink;
  readonly contexts: Contexts;
  /** Called for each accepted data packet, before its events are taken. */
  onAccepted: ((header: PacketHeader, place: BootPlace) => void) | undefined;
  /** The first bytes of the registry's packets: magic and fingerprint, all of one length. */
  readonly beginnings: readonly Buffer[];
  /** For its scanners, which work one after the other: there may be thousands of files. */
  readonly buffer = Buffer.alloc(MAX_PACKET_BYTES + CHUNK_BYTES);
  /** Least recently used first. */
  readonly #boots = new Map<BootKey, Map<number, ReaderState>>();
  #newestBoot: BootKey = -1;
  readonly #unnamed = new Set<ReaderState>();
  readonly #bootTexts = new Map<string, number>();
  #names = 0;
  #readers = 0;

  /** For a stream of packets; it is not used where folders or others decide which boot a packet belongs to. */
  teller = new BootTeller(MOST_TOLD_BOOTS);

  constructor(options: DecodeOptions) {
    const { registry, output = "events" } = options;
    this.uuids = uuidsOf(registry);
    this.beginnings = this.uuids.map((uuid) => Buffer.concat([MAGIC, uuid]));
    this.records = new RecordDecoder(registry);
    this.tally = this.records.tally();
    this.contexts = new Contexts(options);
    this.items =
      typeof output === "function"
        ? output(this.records, (place) => this.contexts.timeOf(place))
        : new DecodeItems(this.records, this.contexts, output, options);
  }

  /** Boots, readers and token names that are held, counted in names. */
  get held(): number {
    return this.#names + READER_NAMES * this.#readers;
  }

  /** `bootsBefore`: the number of earlier boots with this id. */
  reader(bootId: number, bootsBefore: number, reader: number): ReaderState {
    const key = bootsBefore === 0 ? bootId : `${bootId}/${bootsBefore}`;
    let readers = this.#boots.get(key);
    if (readers === undefined) {
      readers = new Map();
      this.sums.boots++;
    }
    // Not for every packet: moving an entry of a Map costs memory in the long run.
    if (key !== this.#newestBoot) {
      this.#boots.delete(key);
      this.#boots.set(key, readers);
      this.#newestBoot = key;
    }
    let state = readers.get(reader);
    if (state === undefined) {
      const [known] = readers.values();
      const place = known === undefined ? this.contexts.boot(bootId, reader) : { ...known.place, reader };
      state = { place, bootsBefore, history: new ReaderHistory(), names: new TokenNames(), unnamed: 0 };
      readers.set(reader, state);
      this.#readers++;
      if (readers.size > MOST_READERS) this.#forgetReader(readers);
    }
    if (this.#boots.size > MOST_BOOTS || this.#names > MOST_NAMES) this.#forgetOldest();
    return state;
  }

  /** Takes a token's name; returns false if the token has another one. */
  learn({ names }: ReaderState, token: number, name: string): boolean {
    const before = names.size;
    const agrees = names.learn(token, name);
    this.#names += names.size - before;
    return agrees;
  }

  /** Counts the records of boots, by their text. */
  countBoot(record: BootRecord): void {
    const text = this.#bootTexts.size < MOST_BOOT_TEXTS ? bootText(record) : OTHER_BOOT_TEXTS;
    this.#bootTexts.set(text, (this.#bootTexts.get(text) ?? 0) + 1);
  }

  /** Counts uses of tokens without a name. */
  countUnnamed(state: ReaderState, uses: number): void {
    if (uses === 0) return;
    state.unnamed += uses;
    this.#unnamed.add(state);
  }

  /** Returns what is to be reported of tokens without a name, for each boot and reader, since the previous call. */
  takeUnnamed(): Problem[] {
    const problems = Array.from(this.#unnamed, (state) => this.#unnamedProblem(state));
    this.#unnamed.clear();
    return problems;
  }

  #unnamedProblem(state: ReaderState): Problem {
    const { place, bootsBefore, unnamed: count } = state;
    const { device, bootId, reader } = place;
    state.unnamed = 0;
    const whose = `boot ${bootIdDigits(bootId)}${bootsBefore === 0 ? "" : ` (number ${bootsBefore + 1} with this id)`}, reader ${reader}`;
    const uses = count === 1 ? "1 message type is" : `${count} message types are`;
    const message = `${uses} written as "", because the name did not arrive; ${whose}`;
    return { code: "W_UNNAMED", message, count, bootId, reader, ...(device !== undefined && { device }) };
  }

  /** Counts a damage and reports it. */
  damage(problem: Problem): DecodeItem {
    this.sums.damaged++;
    return { kind: "problem", problem };
  }

  summary(): DecodeSummary {
    const { unnamedTokens } = this.tally;
    const texts = this.#bootTexts;
    const leftOut = this.records.leftOut(this.tally);
    const events = this.records.eventsByName(this.tally);
    const { suppressed, ...sums } = this.sums;
    return {
      events,
      ...sums,
      ...(suppressed > 0 && { suppressed }),
      unnamedTokens,
      ...(Object.keys(leftOut).length > 0 && { leftOut }),
      ...(texts.size > 0 && { bootRecords: Object.fromEntries(texts) }),
    };
  }

  /**
   * What follows comes from this device: its boots are others, whatever their ids. `areMany`: there are several boots
   * in all.
   */
  begin(device: string | undefined, clockOf?: ClockOf, areMany?: boolean): void {
    this.contexts.begin(device, clockOf, areMany);
    this.teller = new BootTeller(MOST_TOLD_BOOTS);
    this.#boots.clear();
    this.#newestBoot = -1;
    this.#names = 0;
    this.#readers = 0;
  }

  /**
   * Forgets token names, and all boots but the most recently used one: its counts go on, so its losses stay exact.
   * Returns how many it forgot.
   */
  shrink(): { names: number; boots: number } {
    const forgotten = { names: this.#names, boots: 0 };
    for (const [key, readers] of this.#boots) {
      for (const state of readers.values()) {
        // Also emptied: the record decoder keeps those that it used last.
        state.names.forget();
        state.names = new TokenNames();
      }
      if (key === this.#newestBoot) continue;
      this.#boots.delete(key);
      this.#readers -= readers.size;
      forgotten.boots++;
    }
    this.#names = 0;
    return forgotten;
  }

  /** Forgets the oldest of several readers. */
  #forgetReader(readers: Map<number, ReaderState>): void {
    if (readers.size < 2) return;
    const [oldest] = readers.keys();
    this.#leave(readers.get(oldest!)!);
    this.#names -= readers.get(oldest!)!.names.size;
    this.#readers--;
    readers.delete(oldest!);
  }

  /** Reports what is still to be reported of it. */
  #leave(state: ReaderState): void {
    if (this.#unnamed.delete(state)) this.items.problem(this.#unnamedProblem(state));
  }

  #forgetOldest(): void {
    const [oldest, readers] = this.#boots.entries().next().value!;
    if (this.#boots.size === 1) {
      this.#forgetReader(readers);
      return;
    }
    for (const state of readers.values()) {
      this.#leave(state);
      this.#names -= state.names.size;
    }
    this.#readers -= readers.size;
    this.#boots.delete(oldest);
  }
}
