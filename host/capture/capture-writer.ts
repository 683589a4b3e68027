import { PACKET_HEADER_BYTES, STREAM_DATA } from "../../src/ring/packet-layout.ts";
import { BootTeller } from "../packet/boot-teller.ts";
import { type Damage, type PacketHeader, parsePacketHeader, readTokens, uuidsOf } from "../packet/packet.ts";
import type { Verdict } from "../packet/reader-history.ts";
import { RecordDecoder } from "../packet/records.ts";
import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { type CaptureCounters, captureCounters } from "./capture-counters.ts";
import { EarlierParts } from "./earlier-parts.ts";
import { makeCaptureFolder, type OwnFolder, removeFolder } from "./files.ts";
import { traceFolderName } from "./folder.ts";
import { type Part, TraceWriter, traceKey } from "./trace-writer.ts";

export interface CaptureWriterOptions {
  /** Packets from another registry are refused. */
  readonly registry: RegistryModel;
  /** Called for each refused packet, and for missing packets. */
  readonly onProblem?: (problem: Problem) => void;
  /**
   * A trace folder that has reached this many bytes is followed by another one of the same boot and reader. Default:
   * never.
   */
  readonly rotateBytes?: number;
  /** How many trace folders are kept, the newest ones; older ones are deleted, and reported. Default: all. */
  readonly keepParts?: number;
  /** The folder may already hold a capture, which is continued: its boots, too, without repeating its packets. */
  readonly append?: boolean;
}

/** The most boots and readers that one capture has folders for. */
const MOST_BOOTS = 9999;

/**
 * The most token names that are held. Beyond that the least recently used boots are forgotten; what they send later
 * goes into another folder.
 */
const MOST_NAMES = 1 << 17;

interface Arrived {
  readonly packet: Uint8Array;
  readonly header: PacketHeader;
  readonly wallMs: number | undefined;
  readonly boot: number | undefined;
}

interface KeptPart {
  readonly part: Part;
  readonly bootId: number;
  readonly boot: number;
  readonly reader: number;
}

/** State that the writers of many devices share. */
export interface SharedByWriters {
  readonly counters: CaptureCounters;
  readonly records: RecordDecoder;
  /** The most boots and readers that a writer holds state for. */
  readonly mostTraces: number;
}

/**
 * Writes a capture folder, packet by packet as they arrive: a CTF 1.8 trace for each boot and reader, readable at any
 * moment. Only whole, undamaged packets in rising order get into it. Holds token names and a few numbers for each boot.
 */
export class CaptureWriter {
  readonly counters: CaptureCounters;
  readonly #folder: OwnFolder;
  readonly #options: CaptureWriterOptions;
  readonly #uuids: readonly Uint8Array[];
  readonly #records: RecordDecoder;
  readonly #mostTraces: number;
  /** By boot and reader, least recently used first. */
  readonly #traces = new Map<string, TraceWriter>();
  /** The trace folders that each boot and reader has. */
  readonly #folders = new Map<string, number>();
  /** Order of arrival of each boot that has one, and how many it has. */
  readonly #boots = new Map<string, { readonly order: number; readonly folders: number }>();
  /** Undefined if somebody else tells which boot a packet belongs to. */
  #teller: BootTeller | undefined;
  /** Of the last trace folder made. */
  #lastOrder = 0;
  /** The trace folders, oldest first, if old ones are to be deleted. */
  #parts: KeptPart[] = [];
  /** What the folder already held. */
  readonly #earlier: EarlierParts | undefined;
  #closed = false;

  /**
   * Makes the folder. Refuses a folder that is not empty, so that no capture is mixed with another or overwritten,
   * unless it is to be continued; a folder that the caller has made is used as it is. `shared`: state shared with other
   * writers. Throws TelemetryError E_NOT_EMPTY or E_WRITE (exit code 2).
   */
  constructor(dir: string | OwnFolder, options: CaptureWriterOptions, shared?: SharedByWriters) {
    this.#options = options;
    this.#uuids = uuidsOf(options.registry);
    this.#records = shared?.records ?? new RecordDecoder(options.registry);
    this.counters = shared?.counters ?? captureCounters();
    this.#mostTraces = shared?.mostTraces ?? MOST_BOOTS;
    this.#folder = typeof dir === "string" ? makeCaptureFolder(dir, options.append) : dir;
    if (options.append !== true) return;
    this.#earlier = new EarlierParts(this.#folder, this.#uuids, this.#records, options.onProblem);
    const { folders } = this.#earlier;
    for (const { bootId, reader, order } of folders) this.#addFolder({ bootId, boot: 0, reader }, order);
    this.#lastOrder = Math.max(0, ...folders.map(({ order }) => order));
    if (options.keepParts === undefined) return;
    const parts = this.#earlier.parts();
    this.#parts = parts.map((part, index) => ({ part, boot: 0, ...folders[index]! }));
  }

  /** Token names that are held, and other state, counted as names. */
  get names(): number {
    let names = 0;
    for (const { held } of this.#traces.values()) names += held;
    return names;
  }

  /**
   * Takes one packet, which arrived at `wallMs`; if given, its time of day is stored. `boot`: how many boots with its
   * id came before, if that is known already. Returns whether the packet is in the capture now. If not, it was
   * reported: damaged, from another registry, repeated, or a repeated token packet. Throws TelemetryError E_WRITE if it
   * cannot be written: the files then end with the previous packet, and this one may be given again.
   */
  write(packet: Uint8Array, wallMs?: number, boot?: number): boolean {
    if (this.#closed) throw new TelemetryError("E_CLOSED", `the capture ${this.#folder.path} is closed`, 2);
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    if (packet.length < PACKET_HEADER_BYTES)
      return this.#refuse({
        code: "E_LENGTH",
        message: `a packet needs ${PACKET_HEADER_BYTES} bytes, this one has ${packet.length}`,
      });
    const outcome = parsePacketHeader(view, 0, this.#uuids);
    if (outcome.kind === "none")
      return this.#refuse({ code: "E_NO_PACKET", message: `${packet.length} bytes that are not a packet` });
    if (outcome.kind === "damage") return this.#refuse(outcome.damage, outcome.packetNumber);
    const { header } = outcome;
    if (header.packetBytes !== packet.length)
      return this.#refuse(
        { code: "E_LENGTH", message: `packet_size is ${header.packetBytes} bytes, but ${packet.length} are here` },
        header.packetNumber,
      );
    const isData = header.streamId === STREAM_DATA;
    const arrived = { packet, header, wallMs, boot };
    const trace = isData ? this.#data(arrived, view) : this.#tokens(arrived);
    if (trace === undefined) return false;
    this.counters.bytes += packet.length;
    if (wallMs !== undefined) trace.anchor(header.timestampEnd, wallMs);
    if (trace.part!.bytes >= (this.#options.rotateBytes ?? Number.POSITIVE_INFINITY)) trace.endPart();
    return true;
  }

  /**
   * Brings token names into the metadata that are not there yet: with many names, doing so for each new one would
   * rewrite all of them. Call it now and then. Throws TelemetryError E_WRITE.
   */
  writeNames(): void {
    for (const trace of this.#traces.values()) trace.writeNames();
  }

  /**
   * This computer's clock was set forward by this much, or back: the anchors of a boot that continues are corrected
   * with its next packet. If not `isSure`, the computer may have slept instead; the anchors then say that they may be
   * off by this much.
   */
  shiftAnchors(byMs: number, isSure = true): void {
    for (const trace of this.#traces.values()) trace.shiftAnchors(byMs, isSure);
  }

  /**
   * Tells a teller what the folder already held of boots with this id, if it is continued. Whoever decides which boot a
   * packet belongs to calls it before asking the teller. Throws TelemetryError E_WRITE.
   */
  recall(bootId: number, teller: BootTeller): void {
    for (const { boot, reader, order, name } of this.#earlier?.tellApart(bootId, teller) ?? []) {
      if (boot === 0) continue;
      this.#dropFolder({ bootId, boot: 0, reader });
      this.#addFolder({ bootId, boot, reader }, order);
      this.#parts = this.#parts.map((kept) => (kept.part.name === name ? { ...kept, boot } : kept));
    }
  }

  /** Forgets the state of all boots. Their next packets go into new folders. */
  forget(): void {
    this.writeNames();
    this.#traces.clear();
  }

  /** Ends the capture; nothing can be written any more. Closing twice does nothing. Throws TelemetryError E_WRITE. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.writeNames();
  }

  #data(arrived: Arrived, view: DataView): TraceWriter | undefined {
    const { packet, header } = arrived;
    const { packetNumber } = header;
    if (header.contentBytes === PACKET_HEADER_BYTES) {
      this.#refuse(
        { code: "E_HEADER", message: "a packet without a record: only capture folders have those" },
        packetNumber,
      );
      return undefined;
    }
    const checked = this.#records.check(packet, view, 0, packet.length, header);
    if (checked.damage) {
      this.#refuse(checked.damage, packetNumber);
      return undefined;
    }
    const trace = this.#trace(arrived);
    if (!trace) return undefined;
    const undo = trace.history.mark();
    const verdict = trace.history.data(header, checked);
    const { accepted, problem } = verdict;
    // Readers of CTF stop at a time or a count that goes back, even if the previous packet was the wrong one.
    const { last } = trace;
    const goesBack =
      last && (header.timestampBegin < last.timestampEnd || header.eventsDiscarded < last.eventsDiscarded);
    if (!accepted || goesBack) {
      this.#refuse(
        problem ?? { code: "E_COUNTS", message: "its time, or its count of losses, goes back" },
        packetNumber,
        trace,
      );
      if (problem?.code === "W_REPEATED") this.#passedOver(arrived);
      return undefined;
    }
    if (problem) this.#report(problem, packetNumber, trace);

    const used = new Set<number>();
    this.#records.collectTokens({ bytes: packet, view, at: 0, header, checked }, used);
    for (const token of used) trace.learn(token, "");
    this.#writeTo(trace, undo, (name) => trace.data(name, packet, header, checked.events));
    this.counters.packets++;
    this.counters.events += checked.events;
    this.#count(verdict);
    return trace;
  }

  #tokens(arrived: Arrived): TraceWriter | undefined {
    const { packet, header } = arrived;
    const { packetNumber } = header;
    const { entries, damage } = readTokens(packet, 0, packet.length, header);
    if (damage) {
      this.#refuse(damage, packetNumber);
      return undefined;
    }
    const trace = this.#trace(arrived);
    if (!trace) return undefined;
    const wrong = entries.find(({ token, name }) => (trace.tokens.get(token) || name) !== name);
    if (wrong) {
      const message = `token ${wrong.token} is ${quote(trace.tokens.get(wrong.token)!)}, but is now called ${quote(wrong.name)}`;
      this.#refuse({ code: "E_TOKEN", message }, packetNumber, trace);
      return undefined;
    }
    const undo = trace.history.mark();
    const verdict = trace.history.tokens(packetNumber);
    if (!verdict.accepted) {
      this.#refuse(verdict.problem!, packetNumber, trace);
      this.#passedOver(arrived);
    }
    let isNew = false;
    for (const { token, name } of entries) if (trace.learn(token, name)) isNew = true;
    if (!verdict.accepted && !isNew) return undefined;
    this.#writeTo(trace, undo, (name) => trace.tokenPacket(name, packet, header, entries));
    this.counters.tokenPackets++;
    this.#count(verdict);
    return trace;
  }

  #count({ lostOnDevice, lostInTransit, beforeFirst, missingPackets }: Verdict): void {
    const sums = this.counters;
    sums.lostOnDevice += lostOnDevice;
    sums.lostInTransit += lostInTransit;
    sums.beforeFirstPacket += beforeFirst;
    sums.missingPackets += missingPackets;
  }

  /**
   * Writes to the trace's folder, which is new for the first packet of a part. Calls `undo` if writing fails: the
   * packet may be given again.
   */
  #writeTo(trace: TraceWriter, undo: () => void, writeAt: (name: string) => void): void {
    const write = (name: string): void => {
      try {
        writeAt(name);
      } catch (error) {
        undo();
        throw error;
      }
    };
    if (trace.part !== undefined) {
      write(trace.part.name);
      return;
    }
    const { bootId, boot, reader } = trace;
    // The readers of a boot share one number, except for what follows a rotation.
    const isFirst = !this.#folders.has(traceKey(bootId, boot, reader));
    const order = isFirst ? this.#boots.get(traceKey(bootId, boot))?.order : undefined;
    write(traceFolderName(order ?? this.#lastOrder + 1, bootId, reader));
    if (order === undefined) this.#lastOrder++;
    this.#addFolder(trace, this.#lastOrder);
    if (this.#options.keepParts === undefined) return;
    this.#parts.push({ part: trace.part!, bootId, boot, reader });
    while (this.#parts.length > Math.max(1, this.#options.keepParts)) this.#giveUp(this.#parts.shift()!);
  }

  /** Deletes a trace folder, and forgets the state that belongs to it. */
  #giveUp({ part, bootId, boot, reader }: KeptPart): void {
    for (const [key, trace] of this.#traces) if (trace.part === part) this.#traces.delete(key);
    this.#earlier?.count(part);
    removeFolder(this.#folder, part.name);
    this.#dropFolder({ bootId, boot, reader });
    this.counters.givenUp += part.events;
    const message = `${part.events} events in ${part.packets} packets deleted: only ${this.#options.keepParts} folders are kept`;
    this.#options.onProblem?.({ code: "W_GIVEN_UP", message, file: part.folder.path });
  }

  /** Registers a trace folder; `order` becomes its boot's, if that has none yet. */
  #addFolder({ bootId, boot, reader }: Omit<KeptPart, "part">, order: number): void {
    const key = traceKey(bootId, boot, reader);
    this.#folders.set(key, (this.#folders.get(key) ?? 0) + 1);
    const bootKey = traceKey(bootId, boot);
    const known = this.#boots.get(bootKey);
    this.#boots.set(bootKey, { order: known?.order ?? order, folders: (known?.folders ?? 0) + 1 });
  }

  #dropFolder({ bootId, boot, reader }: Omit<KeptPart, "part">): void {
    const key = traceKey(bootId, boot, reader);
    const folders = this.#folders.get(key)! - 1;
    if (folders > 0) this.#folders.set(key, folders);
    else this.#folders.delete(key);
    const bootKey = traceKey(bootId, boot);
    const known = this.#boots.get(bootKey)!;
    if (known.folders > 1) this.#boots.set(bootKey, { ...known, folders: known.folders - 1 });
    else this.#boots.delete(bootKey);
  }

  /**
   * Returns the trace that a packet belongs to, a new one for its first packet; undefined, and reported, if there are
   * too many.
   */
  #trace(arrived: Arrived): TraceWriter | undefined {
    const { bootId, reader, packetNumber } = arrived.header;
    const boot = this.#bootOf(arrived);
    const key = traceKey(bootId, boot, reader);
    const known = this.#traces.get(key);
    if (known) return known;
    if (this.#folders.size >= MOST_BOOTS && !this.#folders.has(key)) {
      const message = `a new boot or reader, but the capture already holds ${this.#folders.size}: start a new capture, or limit what is kept (--keep)`;
      this.#refuse({ code: "E_TOO_MANY_BOOTS", message }, packetNumber);
      return undefined;
    }
    while (this.#traces.size >= this.#mostTraces || (this.#traces.size > 0 && this.names > MOST_NAMES)) {
      const [oldest, trace] = this.#traces.entries().next().value!;
      trace.writeNames();
      this.#traces.delete(oldest);
    }
    const { registry, rotateBytes } = this.#options;
    const trace = new TraceWriter(this.#folder, registry, { bootId, boot, reader }, rotateBytes !== undefined);
    this.#earlier?.resume(key, trace);
    this.#traces.set(key, trace);
    return trace;
  }

  /**
   * Returns how many boots with its id came before the packet's boot. Where another one begins, its earlier packets are
   * written before this one.
   */
  #bootOf({ packet, header, wallMs, boot }: Arrived): number {
    if (boot !== undefined) return boot;
    this.#teller ??= new BootTeller();
    this.recall(header.bootId, this.#teller);
    const told = this.#teller.of(header, packet);
    if (typeof told === "number") return told;
    this.#report(told.warning, header.packetNumber, undefined);
    for (const { wasTaken } of told.first) this.counters[wasTaken ? "tokenPackets" : "repeated"]--;
    for (const first of told.first) this.write(first.packet, wallMs, told.boot);
    return told.boot;
  }

  #passedOver({ packet, header, boot }: Arrived): void {
    if (boot === undefined) this.#teller?.passedOver(header, Uint8Array.from(packet));
  }

  #refuse(damage: Damage, packet?: number, trace?: TraceWriter): false {
    const sums = this.counters;
    if (damage.code === "W_REPEATED") sums.repeated++;
    else if (damage.code === "E_REGISTRY" || damage.code === "E_WIRE_FORMAT") sums.refused++;
    else sums.damaged++;
    this.#report(damage, packet, trace);
    return false;
  }

  #report({ code, message }: Damage, packet: number | undefined, trace: TraceWriter | undefined): void {
    const file = trace?.part?.folder.path;
    this.#options.onProblem?.({ code, message, ...(file && { file }), ...(packet !== undefined && { packet }) });
  }
}
