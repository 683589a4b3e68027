/** Writes packets and log text of any number of devices, from any link, into capture folders. */
import { PACKET_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import { BootTeller } from "../packet/boot-teller.ts";
import { parsePacketHeader, uuidsOf } from "../packet/packet.ts";
import { RecordDecoder } from "../packet/records.ts";
import { type ArrivedPacket, DEFAULT_REORDER_MS, PacketOrder } from "../receive/packet-order.ts";
import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { type CaptureCounters, captureCounters } from "./capture-counters.ts";
import { CaptureWriter, type SharedByWriters } from "./capture-writer.ts";
import { earlierLog, foldersIn } from "./earlier-parts.ts";
import {
  appendFile,
  makeCaptureFolder,
  type OwnFolder,
  ownFolder,
  placeFolder,
  readFile,
  removeFile,
  renameFile,
} from "./files.ts";
import { DEVICE_FILE, deviceFolderName, hashedFolderName, LOG_FILE, logName, MOST_DEVICE_BYTES } from "./folder.ts";

export interface CollectorOptions {
  /** Packets from another registry are refused. */
  readonly registry: RegistryModel;
  /**
   * Called for each problem with packets, with the device that it concerns. The problem's `file`, if it has one, is in
   * the device's folder.
   */
  readonly onProblem?: (problem: Problem, device: string | undefined) => void;
  /** Devices beyond this number are refused. Default 10,000. */
  readonly mostDevices?: number;
  /** As in CaptureWriterOptions; they limit the log text as well. */
  readonly rotateBytes?: number;
  readonly keepParts?: number;
  readonly append?: boolean;
  /** As in PacketOrderOptions, for each device. 0 packets: for a link that keeps the order. */
  readonly reorderPackets?: number;
  readonly reorderMs?: number;
}

/** Every packet given to the collector is counted once in the fields after `devices`, or waits. */
export interface CollectorCounters extends CaptureCounters {
  /** Devices that sent packets. A device that sent only text does not count. */
  readonly devices: number;
  /** Packets that arrived after they had been given up, and packets numbered far from all others. */
  readonly late: number;
  readonly stray: number;
  /** Packets that wait for earlier ones. */
  readonly waiting: number;
  /** Packets, and lines of text, from devices beyond mostDevices. */
  readonly ofRefusedDevices: number;
  /** Lines of log text in log.txt, and lines that are not: not yet, or because writing failed. */
  readonly lines: number;
  readonly unwrittenLines: number;
}

const DEFAULT_MOST_DEVICES = 10_000;
/** Over all devices: waiting packets, and token names. Beyond that, the device that brings more has its state flushed. */
const MOST_WAITING_BYTES = 64 << 20;
const MOST_NAMES = 1 << 20;
/** Boots and readers of a device that are written at the same time. */
const MOST_TRACES_OF_DEVICE = 16;
/** Ids of a device's boots for which it is known which packets there were. */
const MOST_BOOTS_OF_DEVICE = 8;
/** The most log text of a device that is written at once; the rest follows at the next tick. */
const TEXT_AT_ONCE_CHARS = 1 << 16;
/** How often new token names are brought into the metadata. */
const WRITE_NAMES_EVERY_MS = 1000;

interface Device {
  readonly folder: OwnFolder;
  readonly writer: CaptureWriter;
  readonly order: PacketOrder;
  readonly teller: BootTeller;
  /** Reports a problem, and which device it concerns. */
  readonly problem: (problem: Problem) => void;
  hasPackets: boolean;
  /** Names that its writer held when they were last counted. */
  names: number;
  /** Lines that are not in log.txt yet, and their number. */
  text: string;
  textLines: number;
  /** Of log.txt; and how many log files were filled before it. */
  logBytes: number;
  logs: number;
}

/**
 * Sorts what arrives into folders: a capture for each device, its packets in order, its log text with the time of day beside it. Everything on
 * disk can be read at any moment, also after the process was killed. `packet`, `text`, `tick` and `close` throw TelemetryError E_WRITE, exit
 * code 2, if something cannot be written; what was written before is intact.
 *
 * Memory: waiting packets, at most 64 MB plus one packet over all devices; about a million token names; about 10 KB per device.
 */
export class Collector {
  readonly #folder: OwnFolder;
  readonly #options: CollectorOptions;
  readonly #uuids: readonly Uint8Array[];
  readonly #shared: SharedByWriters;
  readonly #devices = new Map<string | undefined, Device>();
  /** Folder names in lower case: some file systems do not distinguish case. */
  readonly #folders = new Set<string>();
  /** Folders that existed before, by their names in lower case. */
  readonly #earlier: ReadonlyMap<string, string>;
  /** Devices with waiting packets. */
  readonly #waiting = new Set<Device>();
  readonly #changed = new Set<Device>();
  /** Devices with lines that are not written yet. */
  readonly #texts = new Set<Device>();
  readonly #sums = {
    late: 0,
    stray: 0,
    repeated: 0,
    damaged: 0,
    refused: 0,
    ofRefusedDevices: 0,
    lines: 0,
    unwrittenLines: 0,
  };
  #devicesWithPackets = 0;
  #waitingPackets = 0;
  #waitingBytes = 0;
  #names = 0;
  #namesAtMs = 0;
  #toldTooMany = false;
  #closed = false;

  /**
   * Makes the folder `dir`, or uses one that the caller has made. Throws TelemetryError E_NOT_EMPTY if it holds
   * something and is not to be continued, or E_WRITE.
   */
  constructor(dir: string | OwnFolder, options: CollectorOptions) {
    this.#options = options;
    this.#uuids = uuidsOf(options.registry);
    const records = new RecordDecoder(options.registry);
    this.#shared = { counters: captureCounters(), records, mostTraces: MOST_TRACES_OF_DEVICE };
    this.#folder = typeof dir === "string" ? makeCaptureFolder(dir, options.append) : dir;
    this.#earlier = options.append ? foldersIn(this.#folder) : new Map();
  }

  /**
   * Takes a packet of a device, which arrived at `wallMs`, milliseconds since 1970. Its bytes must not change any more. `device`: undefined if the
   * link has only one device, whose capture is `dir` itself; else its capture is a folder of `dir` named after it.
   */
  packet(device: string | undefined, packet: Uint8Array, wallMs: number): void {
    this.#mustBeOpen();
    // Bytes that are not a packet make no folder.
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const outcome = packet.length < PACKET_HEADER_BYTES ? undefined : parsePacketHeader(view, 0, this.#uuids);
    if (outcome?.kind !== "header" || outcome.header.packetBytes !== packet.length) {
      this.#refuse(device, packet, outcome?.kind === "damage" ? outcome.damage : undefined);
      return;
    }
    const state = this.#device(device);
    if (state === undefined) return;
    if (!state.hasPackets) this.#devicesWithPackets++;
    state.hasPackets = true;
    this.#place(state, { packet, header: outcome.header, wallMs });
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#ordered(state, () => state.order.flush());
  }

  /** Takes a line of a device's log text: after the next tick it is in log.txt, with its time. */
  text(device: string | undefined, line: string, wallMs: number): void {
    this.#mustBeOpen();
    const state = this.#device(device);
    if (state === undefined) return;
    state.text += `${new Date(wallMs).toISOString()} ${line.replaceAll("\n", " ")}\n`;
    state.textLines++;
    this.#sums.unwrittenLines++;
    // Not each line separately: it may be one byte long.
    this.#texts.add(state);
    if (state.text.length >= TEXT_AT_ONCE_CHARS) this.#writeText(state);
  }

  /** Releases packets that have waited too long for earlier ones, completes metadata. Call it a few times a second. */
  tick(wallMs: number): void {
    this.#mustBeOpen();
    this.#writeTexts();
    for (const state of this.#waiting) this.#ordered(state, () => state.order.tick(wallMs));
    if (Math.abs(wallMs - this.#namesAtMs) < WRITE_NAMES_EVERY_MS) return;
    this.#namesAtMs = wallMs;
    this.#writeNames();
  }

  /**
   * The clock of `wallMs` was set forward by this many milliseconds, or back. Times of day of boots that continue are
   * corrected with their next packet, those of ended boots stay, and no waiting packet is released because of it. If
   * not `isSure`, the computer may have slept instead.
   */
  clockSet(byMs: number, isSure = true): void {
    this.#mustBeOpen();
    for (const { order, writer } of this.#devices.values()) {
      order.shift(byMs);
      writer.shiftAnchors(byMs, isSure);
    }
  }

  /** The counts so far. */
  counters(): CollectorCounters {
    const { counters } = this.#shared;
    const { repeated, damaged, refused, ...sums } = this.#sums;
    return {
      ...counters,
      ...sums,
      repeated: counters.repeated + repeated,
      damaged: counters.damaged + damaged,
      refused: counters.refused + refused,
      devices: this.#devicesWithPackets,
      waiting: this.#waitingPackets,
    };
  }

  /** Releases all waiting packets, and ends the capture. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#writeTexts();
    for (const state of this.#waiting) this.#ordered(state, () => state.order.flush());
    this.#writeNames();
    this.#closed = true;
    for (const { writer } of this.#devices.values()) writer.close();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TelemetryError("E_CLOSED", `the capture ${this.#folder.path} is closed`, 2);
  }

  /** Reports if another boot begins with the packet, and puts the packet in order. */
  #place(state: Device, arrived: ArrivedPacket): void {
    const { teller, order } = state;
    const { header, packet, wallMs } = arrived;
    state.writer.recall(header.bootId, teller);
    const told = teller.of(header, packet);
    const boot = typeof told === "number" ? told : told.boot;
    if (typeof told !== "number") {
      state.problem({ ...told.warning, packet: header.packetNumber, bootId: header.bootId });
      for (const { wasTaken } of told.first) {
        if (wasTaken) this.#shared.counters.tokenPackets--;
        else this.#sums.repeated--;
      }
      for (const first of told.first)
        this.#ordered(state, () => order.push({ packet: first.packet, header: first.header, wallMs, boot }));
    }
    const passedOver = () => this.#shared.counters.repeated + order.counters.repeated + order.counters.late;
    const before = passedOver();
    this.#ordered(state, () => order.push({ packet, header, wallMs, boot }));
    if (passedOver() > before) teller.passedOver(header, packet);
  }

  /** Runs work that moves packets of a device's order, and updates the counts of it. */
  #ordered(state: Device, move: () => void): void {
    const { order } = state;
    const { waiting, waitingBytes } = order;
    const { repeated, late, stray } = order.counters;
    try {
      move();
    } finally {
      this.#waitingPackets += order.waiting - waiting;
      this.#waitingBytes += order.waitingBytes - waitingBytes;
      this.#sums.repeated += order.counters.repeated - repeated;
      this.#sums.late += order.counters.late - late;
      this.#sums.stray += order.counters.stray - stray;
      if (order.waiting > 0) this.#waiting.add(state);
      else this.#waiting.delete(state);
    }
  }

  #write(state: Device, { packet, wallMs, boot }: ArrivedPacket): void {
    const { writer } = state;
    writer.write(packet, wallMs, boot);
    this.#changed.add(state);
    const { names } = writer;
    this.#names += names - state.names;
    state.names = names;
    if (this.#names <= MOST_NAMES) return;
    writer.forget();
    this.#names -= names;
    state.names = 0;
  }

  #writeNames(): void {
    for (const { writer } of this.#changed) writer.writeNames();
    this.#changed.clear();
  }

  /**
   * Returns the device's state, new for its first packet or line; undefined, counted and reported once, if there are
   * too many.
   */
  #device(device: string | undefined): Device | undefined {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const most = this.#options.mostDevices ?? DEFAULT_MOST_DEVICES;
    if (this.#devices.size >= most) {
      this.#sums.ofRefusedDevices++;
      if (!this.#toldTooMany) {
        const message = `device ${quote(device ?? "")} is one more than the allowed ${most}: packets from it and any further device are refused and counted`;
        this.#options.onProblem?.({ code: "E_TOO_MANY_DEVICES", message }, undefined);
      }
      this.#toldTooMany = true;
      return undefined;
    }
    const folder = this.#folderOf(device);
    const { registry, rotateBytes, keepParts, append, reorderPackets, reorderMs } = this.#options;
    const onProblem = (problem: Problem) => this.#options.onProblem?.({ file: folder.path, ...problem }, device);
    const writer = new CaptureWriter(
      folder,
      {
        registry,
        onProblem,
        ...(rotateBytes !== undefined && { rotateBytes }),
        ...(keepParts !== undefined && { keepParts }),
        ...(append !== undefined && { append }),
      },
      this.#shared,
    );
    const order = new PacketOrder((arrived) => this.#write(state, arrived), {
      ...(reorderPackets !== undefined && { reorderPackets }),
      reorderMs: reorderMs ?? DEFAULT_REORDER_MS,
    });
    const log = append ? earlierLog(folder) : { logBytes: 0, logs: 0 };
    const state: Device = {
      folder,
      writer,
      order,
      teller: new BootTeller(MOST_BOOTS_OF_DEVICE),
      problem: onProblem,
      hasPackets: false,
      names: 0,
      text: "",
      textLines: 0,
      ...log,
    };
    this.#devices.set(device, state);
    return state;
  }

  /** Returns the device's folder: its earlier one, or a new one with its id in it. */
  #folderOf(device: string | undefined): OwnFolder {
    if (device === undefined) return this.#folder;
    const named = deviceFolderName(device);
    const hashed = hashedFolderName(device);
    const taken = (name: string) => this.#folders.has(name.toLowerCase());
    for (const name of [named, hashed]) {
      const there = this.#earlier.get(name.toLowerCase());
      const folder = there === undefined || taken(name) ? undefined : ownFolder(this.#folder, there);
      if (folder === undefined || readFile(folder, DEVICE_FILE, MOST_DEVICE_BYTES)?.toString() !== device) continue;
      this.#folders.add(name.toLowerCase());
      return folder;
    }
    const name = taken(named) || this.#earlier.has(named.toLowerCase()) ? hashed : named;
    const folder = placeFolder(this.#folder, name, [[DEVICE_FILE, device]]);
    this.#folders.add(name.toLowerCase());
    return folder;
  }

  #writeTexts(): void {
    for (const state of this.#texts) this.#writeText(state);
  }

  #writeText(state: Device): void {
    const bytes = Buffer.from(state.text);
    const { textLines } = state;
    state.text = "";
    state.textLines = 0;
    this.#texts.delete(state);
    appendFile(state.folder, LOG_FILE, bytes);
    this.#sums.lines += textLines;
    this.#sums.unwrittenLines -= textLines;
    state.logBytes += bytes.length;
    if (state.logBytes >= (this.#options.rotateBytes ?? Number.POSITIVE_INFINITY)) this.#rotateLog(state);
  }

  #rotateLog(state: Device): void {
    renameFile(state.folder, LOG_FILE, logName(++state.logs));
    const { keepParts } = this.#options;
    if (keepParts !== undefined && state.logs >= keepParts)
      removeFile(state.folder, logName(state.logs - Math.max(1, keepParts) + 1));
    state.logBytes = 0;
  }

  /** Bytes that are not a packet for this capture. */
  #refuse(device: string | undefined, packet: Uint8Array, damage: Omit<Problem, "file"> | undefined): void {
    const isOther = damage?.code === "E_REGISTRY" || damage?.code === "E_WIRE_FORMAT";
    if (isOther) this.#sums.refused++;
    else this.#sums.damaged++;
    const { code, message } = damage ?? {
      code: "E_NO_PACKET",
      message: `${packet.length} bytes that are not a whole packet`,
    };
    this.#options.onProblem?.({ code, message }, device);
  }
}
