/** What a continued capture already contains: written by earlier processes. */
import fs from "node:fs";
import { basename, join } from "node:path";
import { PACKET_HEADER_BYTES, STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import type { BootTeller } from "../packet/boot-teller.ts";
import { readTokens } from "../packet/packet.ts";
import type { RecordDecoder } from "../packet/records.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { attempt, type OwnFolder, ownFolder, ownFolderIfThere, removeIfThere } from "./files.ts";
import {
  DEVICE_FILE,
  LOG_FILE,
  logName,
  readTraceFolderName,
  SIDE_FOLDER,
  STREAM_FILE,
  TOKENS_FILE,
} from "./folder.ts";
import { type Part, type TraceWriter, traceKey } from "./trace-writer.ts";
import { type EachPacket, endLastLine, firstPacket, readWritten } from "./written-packets.ts";

/** A trace folder that already existed. */
export interface EarlierFolder {
  readonly name: string;
  /** Order of arrival. */
  readonly order: number;
  readonly bootId: number;
  readonly reader: number;
}

/** The trace folders that a capture's folder held when it was opened. */
export class EarlierParts {
  /** In order. */
  readonly folders: readonly EarlierFolder[];
  readonly #folder: OwnFolder;
  readonly #uuids: readonly Uint8Array[];
  readonly #records: RecordDecoder;
  readonly #onProblem: ((problem: Problem) => void) | undefined;
  /** Ids of boots that have not been distinguished yet. */
  readonly #untold: Set<number>;
  /** Names of the folders of a boot and reader that has not been continued yet, in order. */
  readonly #names = new Map<string, string[]>();
  /** Parts with events that were not counted. */
  readonly #uncounted = new Map<string, Part>();

  /** Throws TelemetryError E_WRITE. */
  constructor(
    folder: OwnFolder,
    uuids: readonly Uint8Array[],
    records: RecordDecoder,
    onProblem: ((problem: Problem) => void) | undefined,
  ) {
    this.#folder = folder;
    this.#uuids = uuids;
    this.#records = records;
    this.#onProblem = onProblem;
    this.folders = traceFolders(folder);
    this.#untold = new Set(this.folders.map(({ bootId }) => bootId));
  }

  /**
   * Tells a teller the existing packets of boots with this id. Returns their folders, each with the number of earlier
   * boots with this id; none for an id that was asked for before. Costs reading the first and the last folder of each
   * boot. Throws TelemetryError E_WRITE.
   */
  tellApart(bootId: number, teller: BootTeller): (EarlierFolder & { readonly boot: number })[] {
    if (!this.#untold.delete(bootId)) return [];
    const runs: EarlierFolder[][] = [];
    for (const folder of this.folders) {
      if (folder.bootId !== bootId || !fs.existsSync(join(this.#folder.path, folder.name))) continue;
      const before = this.#goesOn(folder) ? runs.findLast(([first]) => first!.reader === folder.reader) : undefined;
      if (before === undefined) runs.push([folder]);
      else before.push(folder);
    }
    const told = runs.flatMap((run) => {
      const boot = this.#teach(teller, run);
      return run.map((folder) => ({ ...folder, boot }));
    });
    teller.settle(bootId);
    for (const { boot, reader, name } of told) {
      const key = traceKey(bootId, boot, reader);
      this.#names.set(key, [...(this.#names.get(key) ?? []), name]);
    }
    return told;
  }

  /** Returns the folders as parts, oldest first; count() counts their events. Throws TelemetryError E_WRITE. */
  parts(): Part[] {
    const parts = this.folders.map(({ name }) => this.#part(name));
    for (const part of parts) this.#uncounted.set(part.name, part);
    return parts;
  }

  /**
   * Counts events and packets of a part that another process has written, unless that was done. Throws TelemetryError
   * E_WRITE.
   */
  count(part: Part): void {
    if (this.#uncounted.get(part.name) !== part) return;
    this.#uncounted.delete(part.name);
    this.#readStream(part);
  }

  /**
   * Continues a trace: as if this process had written all packets of its boot and reader, in their last folder. If that
   * folder holds something else, or has lost its token packets, the trace continues in a new one. Costs reading that
   * folder. Throws TelemetryError E_WRITE.
   */
  resume(key: string, trace: TraceWriter): void {
    const names = this.#names.get(key);
    if (names === undefined) return;
    this.#names.delete(key);
    for (const name of this.#lastOnes(names)) {
      if (!fs.existsSync(join(this.#folder.path, name))) continue;
      const part = this.#uncounted.get(name) ?? this.#part(name);
      this.#uncounted.delete(name);
      const areTokensGood = this.#readTokens(part, trace);
      const stream = this.#readStream(part, trace);
      const isNamed = areTokensGood && (part.packets === 0 || [...trace.tokens.values()].every((it) => it !== ""));
      if (name === names.at(-1) && stream.isClean && isNamed) trace.goOn(part, stream.packets > 0);
    }
  }

  /** The last folder with events, and those after it, which may have tokens. */
  #lastOnes(names: readonly string[]): string[] {
    const hasEvents = (name: string) => sizeOf(join(this.#folder.path, name, STREAM_FILE)) > PACKET_HEADER_BYTES;
    return names.slice(Math.max(0, names.findLastIndex(hasEvents)));
  }

  /** Whether a rotation began it: then its first packet is an empty one with the number of the packet before it. */
  #goesOn({ name }: EarlierFolder): boolean {
    const first = firstPacket(ownFolder(this.#folder, name), STREAM_FILE, this.#uuids);
    return first?.contentBytes === PACKET_HEADER_BYTES && first.packetNumber > 0;
  }

  /**
   * Returns how many boots with its id came before the boot of these folders. Everything between the first and the last
   * of them adds nothing.
   */
  #teach(teller: BootTeller, run: readonly EarlierFolder[]): number {
    let boot: number | undefined;
    const names = run.map(({ name }) => name);
    for (const name of new Set([names[0]!, ...this.#lastOnes(names)])) {
      const known = boot;
      const part = this.#part(name);
      const take: EachPacket = (packet, _, header) => {
        if (known !== undefined) teller.learn(header, packet, known);
        else {
          const told = teller.of(header, packet);
          boot = typeof told === "number" ? told : told.boot;
        }
      };
      for (const [folder, file] of filesOf(part)) {
        const { cutBytes } = readWritten(folder, basename(file), this.#uuids, take);
        this.#tellCut(part, file, cutBytes);
      }
    }
    return boot ?? 0;
  }

  #part(name: string): Part {
    const folder = ownFolder(this.#folder, name);
    return { folder, side: ownFolderIfThere(folder, SIDE_FOLDER), name, events: 0, packets: 0, bytes: 0 };
  }

  /** Returns false if the file contains anything else, or if there are tokens but no file. */
  #readTokens(part: Part, trace: TraceWriter): boolean {
    if (part.side === undefined) return true;
    let isOwn = true;
    const written = readWritten(part.side, basename(TOKENS_FILE), this.#uuids, (packet, _, header) => {
      const { entries, damage } = readTokens(packet, 0, packet.length, header);
      if (header.streamId !== STREAM_TOKENS || damage !== undefined) {
        isOwn = false;
        return;
      }
      trace.history.tokens(header.packetNumber);
      trace.relearn(packet, header, entries);
    });
    part.bytes += written.bytes;
    this.#tellCut(part, TOKENS_FILE, written.cutBytes);
    return isOwn && written.isClean;
  }

  #readStream(part: Part, trace?: TraceWriter): { isClean: boolean; packets: number } {
    let isOwn = true;
    const written = readWritten(part.folder, STREAM_FILE, this.#uuids, (packet, view, header) => {
      if (header.streamId !== STREAM_DATA) {
        isOwn = false;
        return;
      }
      if (trace !== undefined) trace.last = header;
      if (header.contentBytes === PACKET_HEADER_BYTES) return;
      const checked = this.#records.check(packet, view, 0, packet.length, header);
      part.events += checked.events;
      part.packets++;
      if (trace === undefined) return;
      trace.history.data(header, checked);
      const used = new Set<number>();
      this.#records.collectTokens({ bytes: packet, view, at: 0, header, checked }, used);
      for (const token of used) trace.learn(token, "");
    });
    part.bytes += written.bytes;
    this.#tellCut(part, STREAM_FILE, written.cutBytes);
    return { isClean: isOwn && written.isClean, packets: written.packets };
  }

  #tellCut({ folder }: Part, file: string, cutBytes: number): void {
    if (cutBytes > 0) this.#onProblem?.(cut(join(folder.path, file), cutBytes));
  }
}

function cut(file: string, bytes: number): Problem {
  const message = `${bytes} bytes of an incomplete packet removed: the capture was killed while writing it; its events count as lost on the way`;
  return { code: "W_CUT", message, file };
}

/** The files of packets of a part, and their folders: names before the packets that use them. */
function filesOf({ folder, side }: Pick<Part, "folder" | "side">): (readonly [folder: OwnFolder, file: string])[] {
  return [...(side === undefined ? [] : [[side, TOKENS_FILE] as const]), [folder, STREAM_FILE] as const];
}

/** In order of arrival. */
function traceFolders(folder: OwnFolder): EarlierFolder[] {
  return entriesOf(folder)
    .flatMap((entry) => {
      const read = entry.isDirectory() ? readTraceFolderName(entry.name) : undefined;
      return read === undefined ? [] : [{ name: entry.name, ...read }];
    })
    .sort((a, b) => a.order - b.order || a.reader - b.reader);
}

/** Returns the names of the folders in a folder, by their names in lower case. Throws TelemetryError E_WRITE. */
export function foldersIn(folder: OwnFolder): Map<string, string> {
  const folders = entriesOf(folder).filter((entry) => entry.isDirectory());
  return new Map(folders.map(({ name }) => [name.toLowerCase(), name]));
}

/** Returns the state of a device's log text when an earlier process ended. Throws TelemetryError E_WRITE. */
export function earlierLog(folder: OwnFolder): { logBytes: number; logs: number } {
  const names = new Set(entriesOf(folder).map(({ name }) => name));
  const numbers = [...names].map((name) => Number(/^log-(\d{4,9})\.txt$/.exec(name)?.[1] ?? 0));
  const logs = Math.max(0, ...numbers.filter((number) => names.has(logName(number))));
  return { logBytes: endLastLine(folder, LOG_FILE), logs };
}

/**
 * Throws TelemetryError E_OTHER_CAPTURE, exit code 2, if a capture would continue in a folder of the other kind: one
 * with the trace folders of a single device, or one with a folder for each device. Readers would miss one of the two.
 */
export function mustSuit(path: string, hasOneDevice: boolean): void {
  const entries = attempt(path, () => fs.readdirSync(path));
  const trace = entries.find((name) => readTraceFolderName(name) !== undefined || name === LOG_FILE);
  const device = entries.find((name) => !name.startsWith(".") && fs.existsSync(join(path, name, DEVICE_FILE)));
  const [other, is, comes] = hasOneDevice
    ? [device, "captures of several devices", "one device, which has no name"]
    : [trace, "the capture of one device", "devices that have names"];
  if (other === undefined) return;
  const message = `${path} holds ${quote(other)}: it is ${is}, but this source has ${comes}; name another folder`;
  throw new TelemetryError("E_OTHER_CAPTURE", message, 2);
}

/** The last writes of a killed process reach the disk at most this long before the last touch of its lock. */
const UNWRITTEN_MS = 60_000;

/**
 * Repairs what a killed process has left, whose lock was last touched at `atMs`: cuts off unfinished packets and
 * reports them, and removes folders that were being made or removed. Costs reading the files that were written at the
 * end. Throws TelemetryError E_WRITE.
 */
export function recover(
  folder: OwnFolder,
  uuids: readonly Uint8Array[],
  atMs: number,
  onProblem: (problem: Problem) => void,
): void {
  for (const { name } of entriesOf(folder).filter((entry) => entry.isDirectory())) {
    if (name.startsWith(".")) {
      if (readTraceFolderName(name.slice(1)) !== undefined) removeUnfinished(folder, name);
      continue;
    }
    const inner = ownFolder(folder, name);
    if (readTraceFolderName(name) === undefined) {
      if (fs.existsSync(join(inner.path, DEVICE_FILE))) recover(inner, uuids, atMs, onProblem);
      continue;
    }
    removeUnfinished(inner, `.${SIDE_FOLDER}`);
    for (const [within, file] of filesOf({ folder: inner, side: ownFolderIfThere(inner, SIDE_FOLDER) })) {
      const path = join(inner.path, file);
      const stat = fs.statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || stat.mtimeMs < atMs - UNWRITTEN_MS) continue;
      const { cutBytes } = readWritten(within, basename(file), uuids);
      if (cutBytes > 0) onProblem(cut(path, cutBytes));
    }
  }
}

/** A folder that was being made or removed. */
function removeUnfinished(folder: OwnFolder, name: string): void {
  attempt(join(folder.path, name), () => folder.within((within) => removeIfThere(join(within, name))));
}

function entriesOf(folder: OwnFolder): fs.Dirent[] {
  return attempt(folder.path, () => folder.within((within) => fs.readdirSync(within, { withFileTypes: true })));
}

function sizeOf(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
