/** What decoding remembers from one packet to the next. */
import { MAX_PACKET_BYTES } from "../../src/ring/packet-layout.ts";
import type { BootPlace } from "../packet/line-context.ts";
import { type PacketHeader, uuidBytes } from "../packet/packet.ts";
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
const MOST_READERS = 16;
const MOST_NAMES = 1 << 17;
/** A reader takes about as much memory as so many token names. */
const READER_NAMES = 2;

/** What has been read of one boot and reader. */
export interface ReaderState extends PacketReader {
  readonly history: ReaderHistory;
  names: TokenNames;
}

/** All that outlives a packet and a file: what was seen of each reader, and the sums. */
export class Session {
  readonly uuid: Uint8Array;
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
    damaged: 0,
    refused: 0,
    repeated: 0,
  };
  readonly items: PacketSink;
  readonly contexts: Contexts;
  /** Called for each data packet that is believed, before its events are taken. */
  onAccepted: ((header: PacketHeader, place: BootPlace) => void) | undefined;
  /** What each packet of the registry begins with: magic and fingerprint. */
  readonly beginning: Buffer;
  /** For its scanners, which work one after the other: there may be thousands of files. */
  readonly buffer = Buffer.alloc(MAX_PACKET_BYTES + CHUNK_BYTES);
  /** Least lately used first. */
  readonly #boots = new Map<number, Map<number, ReaderState>>();
  #newestBoot = -1;
  #names = 0;
  #readers = 0;

  constructor(options: DecodeOptions) {
    const { registry, output = "events" } = options;
    this.uuid = uuidBytes(registry.fingerprint);
    this.beginning = Buffer.concat([MAGIC, this.uuid]);
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

  reader(bootId: number, reader: number): ReaderState {
    let readers = this.#boots.get(bootId);
    if (readers === undefined) {
      readers = new Map();
      this.sums.boots++;
    }
    // Not for every packet: what it costs a Map to move an entry adds up to memory.
    if (bootId !== this.#newestBoot) {
      this.#boots.delete(bootId);
      this.#boots.set(bootId, readers);
      this.#newestBoot = bootId;
    }
    let state = readers.get(reader);
    if (state === undefined) {
      const [known] = readers.values();
      const place = known === undefined ? this.contexts.boot(bootId, reader) : { ...known.place, reader };
      state = { place, history: new ReaderHistory(), names: new TokenNames() };
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

  /** Counts a damage and says it. */
  damage(problem: Problem): DecodeItem {
    this.sums.damaged++;
    return { kind: "problem", problem };
  }

  summary(): DecodeSummary {
    const { unnamedTokens } = this.tally;
    return { events: this.records.eventsByName(this.tally), ...this.sums, unnamedTokens };
  }

  /** What follows is of this device: its boots are others, whatever their ids. `areMany`: there are several boots in all. */
  begin(device: string | undefined, clockOf?: ClockOf, areMany?: boolean): void {
    this.contexts.begin(device, clockOf, areMany);
    this.#boots.clear();
    this.#newestBoot = -1;
    this.#names = 0;
    this.#readers = 0;
  }

  /** Forgets token names, and all boots but the one used last: of that the counts go on, so its losses stay exact. Returns how many. */
  shrink(): { names: number; boots: number } {
    const forgotten = { names: this.#names, boots: 0 };
    for (const [bootId, readers] of this.#boots) {
      for (const state of readers.values()) {
        // Emptied, too: the record decoder keeps those that it has used last.
        state.names.forget();
        state.names = new TokenNames();
      }
      if (bootId === this.#newestBoot) continue;
      this.#boots.delete(bootId);
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
    this.#names -= readers.get(oldest!)!.names.size;
    this.#readers--;
    readers.delete(oldest!);
  }

  #forgetOldest(): void {
    const [oldest, readers] = this.#boots.entries().next().value!;
    if (this.#boots.size === 1) {
      this.#forgetReader(readers);
      return;
    }
    for (const { names } of readers.values()) this.#names -= names.size;
    this.#readers -= readers.size;
    this.#boots.delete(oldest);
  }
}
