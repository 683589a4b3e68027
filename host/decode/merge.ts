/** Merges by packet number what several folders hold of one boot and reader. */
import { existsSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import type { BootFolder, DeviceCapture } from "../capture/folder.ts";
import { NotRegular, openRegular } from "../capture/regular-file.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/packet.ts";
import { ioError } from "../text/io-error.ts";
import { MAGIC, ownBytes } from "./own-bytes.ts";
import { PacketScanner } from "./packet-scanner.ts";
import { CHUNK_BYTES, type Session } from "./session.ts";
import type { DecodeItem } from "./types.ts";

/** One boot and reader of a device. */
export interface Trace {
  readonly device: string | undefined;
  /** Its folders: for each capture, in order, those that follow each other. */
  readonly chains: readonly (readonly BootFolder[])[];
  /** Earlier boots of the device with this id. */
  readonly bootsBefore: number;
}

/** A file of packets of one boot, reader and stream. */
export interface TraceFile {
  readonly file: string;
  readonly boot: BootFolder;
  readonly streamId: number;
  readonly repeatsTokens: boolean;
  readonly bootsBefore: number;
  /** The folder that it must be in. */
  readonly root: string;
  /** Bytes from here on are not read. */
  readonly endBytes: number;
}

/** Whether the folder of a file is gone: a growing capture deletes its oldest parts. */
export function isGivenUp(file: string): boolean {
  return !existsSync(dirname(file));
}

/** Returns whether there is a file, or why it is not opened. Throws TelemetryError E_READ. */
export async function canBeRead(path: string, root: string): Promise<boolean | NotRegular> {
  try {
    const opened = await openRegular(path, root);
    await opened?.file.close();
    return opened !== undefined;
  } catch (error) {
    if (error instanceof NotRegular) return error;
    if (isGivenUp(path)) return false;
    throw ioError(path, error);
  }
}

/** The boots and readers of the captures, by their ids, in order of arrival; those of one device together. */
export function tracesOf(captures: readonly DeviceCapture[]): Trace[] {
  const traces = new Map<string, { device: string | undefined; chains: Map<string, BootFolder[]> }>();
  for (const { path, device, boots } of captures) {
    for (const boot of boots) {
      // The boot of a folder with another kind of name is unknown until it is read.
      const key = JSON.stringify(boot.bootId === undefined ? [boot.path] : [device, boot.bootId, boot.reader]);
      const trace = traces.get(key) ?? { device, chains: new Map<string, BootFolder[]>() };
      traces.set(key, trace);
      const chain = trace.chains.get(path);
      if (chain === undefined) trace.chains.set(path, [boot]);
      else chain.push(boot);
    }
  }
  const order = (device: string | undefined) => (device === undefined ? "" : `.${device}`);
  return [...traces.values()]
    .map(({ device, chains }) => ({ device, chains: [...chains.values()], bootsBefore: 0 }))
    .sort((a, b) => (order(a.device) < order(b.device) ? -1 : order(a.device) > order(b.device) ? 1 : 0));
}

/**
 * Decodes files of one boot, reader and stream; each chain is in order of packet numbers. A packet that several chains
 * have is taken once, and counted as repeated. Holds some hundred KB for each chain.
 */
export async function* mergeFiles(
  session: Session,
  chains: readonly (readonly TraceFile[])[],
): AsyncGenerator<DecodeItem, void, undefined> {
  const sources = chains.map((files) => new PacketSource(session, files));
  const last = Buffer.alloc(MAX_PACKET_BYTES);
  let lastBytes = 0;
  try {
    for (const source of sources) yield* await source.advance();
    for (;;) {
      let least: PacketSource | undefined;
      for (const source of sources)
        if (!source.isDone && (least === undefined || source.number < least.number)) least = source;
      if (least === undefined) return;
      const bytes = least.packet;
      const isRepeated = lastBytes === bytes.length && last.compare(bytes, 0, lastBytes, 0, lastBytes) === 0;
      if (isRepeated && least.skip()) session.sums.repeated++;
      else {
        yield* least.take();
        // Not the empty packet that begins a part: another chain may have packets between it and the packet that it
        // follows.
        if (least.isWhole && bytes.length > PACKET_HEADER_BYTES) lastBytes = bytes.copy(last);
      }
      yield* await least.advance();
    }
  } finally {
    for (const source of sources) await source.close();
  }
}

/** Reads a chain of files, packet by packet. */
export class PacketSource {
  /** The number of the next packet; for bytes that are not a packet, the number before them. */
  number = 0;
  isDone = false;
  /** The next packet, or bytes that are not one; valid until advance(). */
  packet: Buffer = Buffer.alloc(0);
  /** Of a whole packet. */
  header: PacketHeader | undefined;
  readonly #session: Session;
  readonly #files: TraceFile[];
  readonly #buffer = Buffer.alloc(MAX_PACKET_BYTES + CHUNK_BYTES);
  readonly #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
  readonly #scannerBuffer: Buffer<ArrayBuffer> | undefined;
  #file: FileHandle | undefined;
  #path = "";
  #isAtEnd = false;
  /** Bytes of the file that are not read yet. */
  #left = 0;
  #scanner: PacketScanner | undefined;
  #start = 0;
  #end = 0;
  /** Everything that the scanner was given was whole packets: it waits for nothing. */
  #isClean = true;

  /** `decodes`: take() will be called. */
  constructor(session: Session, files: readonly TraceFile[], decodes = true) {
    this.#session = session;
    this.#files = [...files].reverse();
    this.#scannerBuffer = decodes ? Buffer.alloc(MAX_PACKET_BYTES + CHUNK_BYTES) : undefined;
  }

  get isWhole(): boolean {
    return this.header !== undefined;
  }

  /** Moves to the next packet. Returns the results of the end of a file. */
  async advance(): Promise<DecodeItem[]> {
    const items: DecodeItem[] = [];
    this.#start += this.packet.length;
    for (;;) {
      if (this.#file === undefined && !(await this.#open())) break;
      await this.#fill();
      if (this.#start < this.#end) {
        this.#find();
        return items;
      }
      items.push(...(this.#scanner?.end() ?? []));
      await this.close();
    }
    this.isDone = true;
    this.packet = Buffer.alloc(0);
    return items;
  }

  /** Decodes the next packet. */
  take(): DecodeItem[] {
    if (!this.isWhole) this.#isClean = false;
    return this.#scanner!.push(this.packet);
  }

  /** Skips the next packet. Returns false if damage precedes it, or may, so that the scanner must see what follows. */
  skip(): boolean {
    const maySkip = this.#isClean && this.#scanner!.waitingBytes === 0;
    if (maySkip) this.#scanner!.skip(this.packet.length);
    return maySkip;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<boolean> {
    const next = this.#files.pop();
    if (next === undefined) return false;
    this.#path = next.file;
    try {
      const opened = await openRegular(next.file, next.root);
      if (opened === undefined) throw Object.assign(new Error("gone"), { code: "ENOENT" });
      this.#file = opened.file;
      this.#left = Math.min(next.endBytes, opened.sizeBytes);
    } catch (error) {
      if (isGivenUp(next.file)) return this.#open();
      throw ioError(next.file, error);
    }
    if (this.#scannerBuffer) this.#scanner = new PacketScanner(this.#session, next, this.#scannerBuffer);
    this.#isAtEnd = false;
    this.#isClean = true;
    this.#start = 0;
    this.#end = 0;
    this.packet = Buffer.alloc(0);
    return true;
  }

  /**
   * Makes sure that the longest packet and the beginning of the next one are in the buffer, if the file has that much
   * left.
   */
  async #fill(): Promise<void> {
    const { length } = this.#session.beginnings[0]!;
    if (this.#end - this.#start >= MAX_PACKET_BYTES + length || this.#isAtEnd) return;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < this.#buffer.length) {
      let count: number;
      try {
        const room = Math.min(this.#buffer.length - this.#end, this.#left);
        count = room === 0 ? 0 : (await this.#file!.read(this.#buffer, this.#end, room)).bytesRead;
      } catch (error) {
        throw ioError(this.#path, error);
      }
      if (count === 0) {
        this.#isAtEnd = true;
        return;
      }
      this.#end += count;
      this.#left -= count;
    }
  }

  /** The packet at the buffer's beginning, or the bytes up to where the next one may begin. */
  #find(): void {
    const left = this.#end - this.#start;
    if (left >= PACKET_HEADER_BYTES) {
      const outcome = parsePacketHeader(this.#view, this.#start, this.#session.uuids);
      if (
        outcome.kind === "header" &&
        outcome.header.packetBytes <= left &&
        this.#isUncut(outcome.header.packetBytes)
      ) {
        this.number = outcome.header.packetNumber;
        this.packet = this.#buffer.subarray(this.#start, this.#start + outcome.header.packetBytes);
        this.header = outcome.header;
        return;
      }
    }
    const next = this.#buffer.subarray(this.#start + 1, this.#end).indexOf(MAGIC);
    this.packet = this.#buffer.subarray(this.#start, next < 0 ? this.#end : this.#start + 1 + next);
    this.header = undefined;
  }

  #isUncut(packetBytes: number): boolean {
    const { beginnings } = this.#session;
    return ownBytes(this.#buffer, this.#start, packetBytes, this.#end, beginnings, this.#isAtEnd) === packetBytes;
  }
}
