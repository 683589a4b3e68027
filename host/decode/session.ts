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

/** As much as is read, and looked at, at once. */
export const CHUNK_BYTES = 64 * 1024;
/** State is kept for so many boots, readers of a boot, and token names; beyond that, what was used least lately is forgotten. */
const MOST_BOOTS = 4096;
/** Ids of boots of which is held which packets there were: that takes more. */
const MOST_TOLD_BOOTS = 1024;
const MOST_READERS = 16;
const MOST_NAMES = 1 << 17;
/** A reader takes about as much memory as so many token names. */
const READER_NAMES = 2;
/** So many different boot records are counted each by itself. */
const MOST_BOOT_TEXTS = 16;
const OTHER_BOOT_TEXTS = "further boots";

/** What has been read of one boot and reader. */
export interface ReaderState extends PacketReader {
  /** Boots with this id before it. */
  readonly bootsBefore: number;
  readonly history: ReaderHistory;
  names: TokenNames;
  /** Uses of tokens without a name that have not been told. */
  unnamed: number;
}

/** Of one id, all readers of the first boot that has it; of further ones, under a key of their own. */
type BootKey = number | string;

/** All that outlives a packet and a file: what was seen of each reader, and the sums. */
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
  /** Called for each data packet that is believed, before its events are taken. */
  onAccepted: ((header: PacketHeader, place: BootPlace) => void) | undefined;
  /** What packets of the registry begin with: magic and fingerprint, all of one length. */
  readonly beginnings: readonly Buffer[];
  /** For its scanners, which work one after the other: there may be thousands of files. */
  readonly buffer = Buffer.alloc(MAX_PACKET_BYTES + CHUNK_BYTES);
  /** Least lately used first. */
  readonly #boots = new Map<BootKey, Map<number, ReaderState>>();
  #newestBoot: BootKey = -1;
  readonly #unnamed = new Set<ReaderState>();
  readonly #bootTexts = new Map<string, number>();
  #names = 0;
  #readers = 0;

  /** Of a stream of packets; where folders or somebody else says whose a packet is, it is not asked. */
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

  /** What is held of boots, readers and token names, as so many names. */
  get held(): number {
    return this.#names + READER_NAMES * this.#readers;
  }

  /** `bootsBefore`: how many boots with this id came before. */
  reader(bootId: number, bootsBefore: number, reader: number): ReaderState {
    const key = bootsBefore === 0 ? bootId : `${bootId}/${bootsBefore}`;
    let readers = this.#boots.get(key);
    if (readers === undefined) {
      readers = new Map();
      this.sums.boots++;
    }
    // Not for every packet: what it costs a Map to move an entry adds up to memory.
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

  /** Takes a token's name; false if the token has another one. */
  learn({ names }: ReaderState, token: number, name: string): boolean {
    const before = names.size;
    const agrees = names.learn(token, name);
    this.#names += names.size - before;
    return agrees;
  }

  /** Counts what a boot begins with, as it reads. */
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

  /** What is to be told of tokens without a name, of each boot and reader, since the call before. */
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
    const uses = count === 1 ? "a message type is" : `${count} message types are`;
    const message = `${uses} without a name, as it did not arrive: "" stands for it; ${whose}`;
    return { code: "W_UNNAMED", message, count, bootId, reader, ...(device !== undefined && { device }) };
  }

  /** Counts a damage and says it. */
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

  /** What follows is of this device: its boots are others, whatever their ids. `areMany`: there are several boots in all. */
  begin(device: string | undefined, clockOf?: ClockOf, areMany?: boolean): void {
    this.contexts.begin(device, clockOf, areMany);
    this.teller = new BootTeller(MOST_TOLD_BOOTS);
    this.#boots.clear();
    this.#newestBoot = -1;
    this.#names = 0;
    this.#readers = 0;
  }

  /** Forgets token names, and all boots but the one used last: of that the counts go on, so its losses stay exact. Returns how many. */
  shrink(): { names: number; boots: number } {
    const forgotten = { names: this.#names, boots: 0 };
    for (const [key, readers] of this.#boots) {
      for (const state of readers.values()) {
        // Emptied, too: the record decoder keeps those that it has used last.
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

  /** Tells what is still to be told of it. */
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
