import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import {
  AT_BOOT_ID,
  AT_CONTENT_SIZE,
  AT_MAGIC,
  AT_PACKET_SIZE,
  AT_READER,
  AT_STREAM_ID,
  AT_UUID,
  AT_WIRE_FORMAT,
  PACKET_HEADER_BYTES,
  PACKET_MAGIC,
  STREAM_DATA,
  WIRE_FORMAT,
} from "../src/packet-layout.ts";
import { bootIdDigits, ctfMetadata } from "./ctf-metadata.ts";
import { type Problem, TelemetryError } from "./errors.ts";
import { quote } from "./lines.ts";
import { type Damage, type PacketHeader, parsePacketHeader, readTokens, uuidBytes } from "./packet.ts";
import { ReaderHistory } from "./reader-history.ts";
import { RecordDecoder } from "./records.ts";
import type { RegistryModel } from "./registry/model.ts";

/** Files of a trace folder; see docs/format.md. */
export const METADATA_FILE = "metadata";
export const STREAM_FILE = "stream";
export const TOKENS_FILE = ".tokens";

/** One trace folder of a capture. */
export interface BootFolder {
  readonly path: string;
  /** As the folder's name says; undefined if it has a name of its own. */
  readonly bootId: number | undefined;
  readonly reader: number | undefined;
}

const FOLDER_NAME = /^boot-(\d{4})-([0-9a-f]{14})(?:-r([1-9]\d{0,9}))?$/;
const MOST_BOOTS = 9999;

/**
 * The trace folders of a capture folder, in order of arrival; of a trace folder, that one alone; of any other folder, none.
 * Throws what the file system throws.
 */
export function listBoots(path: string): BootFolder[] {
  const isFile = (name: string) => statSync(join(path, name), { throwIfNoEntry: false })?.isFile() ?? false;
  if ([METADATA_FILE, STREAM_FILE, TOKENS_FILE].some(isFile)) return [bootFolder(path)];
  const orderOf = (boot: BootFolder) => Number(FOLDER_NAME.exec(basename(boot.path))![1]);
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && FOLDER_NAME.test(entry.name))
    .map(({ name }) => bootFolder(join(path, name)))
    .sort((a, b) => orderOf(a) - orderOf(b) || a.reader! - b.reader!);
}

function bootFolder(path: string): BootFolder {
  const [, , digits, reader] = FOLDER_NAME.exec(basename(path)) ?? [];
  return digits === undefined
    ? { path, bootId: undefined, reader: undefined }
    : { path, bootId: Number.parseInt(digits, 16), reader: Number(reader ?? 0) };
}

export interface CaptureWriterOptions {
  /** Packets of another one are refused. */
  readonly registry: RegistryModel;
  /** Told of each packet that was refused, and of packets that are missing. */
  readonly onProblem?: (problem: Problem) => void;
}

/** What has been written of one boot and reader. */
interface Trace {
  readonly path: string;
  readonly bootId: number;
  readonly reader: number;
  readonly history: ReaderHistory;
  /** Names of tokens; "" for one that the stream uses and that has none yet. */
  readonly tokens: Map<number, string>;
  /** Of the last packet in the stream, undefined before the first. */
  last: PacketHeader | undefined;
}

/**
 * Writes a capture folder, packet by packet as they arrive: a CTF 1.8 trace for each boot and reader, readable at any
 * moment. Only whole, undamaged packets in rising order get into it. Keeps token names and a few numbers of each boot.
 */
export class CaptureWriter {
  readonly #dir: string;
  readonly #registry: RegistryModel;
  readonly #onProblem: (problem: Problem) => void;
  readonly #uuid: Uint8Array;
  readonly #records: RecordDecoder;
  readonly #traces = new Map<string, Trace>();
  /** Order of arrival of each boot, from 1. */
  readonly #order = new Map<number, number>();
  #closed = false;

  /**
   * Makes the folder. One that has something in it is refused, so that no capture is mixed with another or overwritten.
   * Throws TelemetryError E_NOT_EMPTY or E_WRITE (exit code 2).
   */
  constructor(dir: string, { registry, onProblem }: CaptureWriterOptions) {
    this.#dir = dir;
    this.#registry = registry;
    this.#onProblem = onProblem ?? (() => {});
    this.#uuid = uuidBytes(registry.fingerprint);
    this.#records = new RecordDecoder(registry);
    const entries = attempt(dir, () => {
      mkdirSync(dir, { recursive: true });
      return readdirSync(dir);
    });
    if (entries.length > 0)
      throw new TelemetryError(
        "E_NOT_EMPTY",
        `${dir} is not empty, it holds ${entries[0]}: name a new folder for the capture`,
        2,
      );
  }

  /**
   * Takes one packet. Returns whether it is in the capture now; a packet that is not was reported: damaged, of another
   * registry, repeated, or a token packet that came again. Throws TelemetryError E_WRITE if it cannot be written, and then
   * the files end with the packet before.
   */
  write(packet: Uint8Array): boolean {
    if (this.#closed) throw new TelemetryError("E_CLOSED", `the capture ${this.#dir} is closed`, 2);
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    if (packet.length < PACKET_HEADER_BYTES)
      return this.#refuse({
        code: "E_LENGTH",
        message: `a packet needs ${PACKET_HEADER_BYTES} bytes, this one has ${packet.length}`,
      });
    const outcome = parsePacketHeader(view, 0, this.#uuid);
    if (outcome.kind === "none")
      return this.#refuse({ code: "E_NO_PACKET", message: `${packet.length} bytes that are no packet` });
    if (outcome.kind === "damage") return this.#refuse(outcome.damage, outcome.packetNumber);
    const { header } = outcome;
    if (header.packetBytes !== packet.length)
      return this.#refuse(
        { code: "E_LENGTH", message: `packet_size is ${header.packetBytes} bytes, there are ${packet.length}` },
        header.packetNumber,
      );
    return header.streamId === STREAM_DATA ? this.#data(packet, view, header) : this.#tokens(packet, header);
  }

  /** Ends the capture; nothing can be written any more. Closing twice does nothing. */
  close(): void {
    this.#closed = true;
  }

  #data(packet: Uint8Array, view: DataView, header: PacketHeader): boolean {
    const { packetNumber } = header;
    if (packetNumber === 0)
      return this.#refuse({ code: "E_HEADER", message: "packet_seq_num is 0, expected 1 or more" }, 0);
    const checked = this.#records.check(packet, view, 0, packet.length, header);
    if (checked.damage) return this.#refuse(checked.damage, packetNumber);
    const trace = this.#trace(header);
    if (!trace) return false;
    const { accepted, problem } = trace.history.data(header, checked);
    if (!accepted) return this.#refuse(problem!, packetNumber, trace);
    // Readers of CTF stop at a time or a count that goes back, even if here the packet before was the wrong one.
    const { last } = trace;
    if (last && (header.timestampBegin < last.timestampEnd || header.eventsDiscarded < last.eventsDiscarded))
      return this.#refuse(problem ?? { code: "E_COUNTS", message: "time or losses go back" }, packetNumber, trace);
    if (problem) this.#report(problem, packetNumber, trace);

    const used = new Set<number>();
    this.#records.collectTokens({ bytes: packet, view, at: 0, header, checked }, used);
    const unnamed = [...used].filter((token) => !trace.tokens.has(token));
    for (const token of unnamed) trace.tokens.set(token, "");
    if (unnamed.length > 0) this.#writeMetadata(trace);
    const stream = join(trace.path, STREAM_FILE);
    append(stream, !last && header.eventsDiscarded > 0 ? Buffer.concat([this.#emptyPacket(header), packet]) : packet);
    trace.last = header;
    return true;
  }

  #tokens(packet: Uint8Array, header: PacketHeader): boolean {
    const { packetNumber } = header;
    const { entries, damage } = readTokens(packet, 0, packet.length, header);
    if (damage) return this.#refuse(damage, packetNumber);
    const trace = this.#trace(header);
    if (!trace) return false;
    const wrong = entries.find(({ token, name }) => (trace.tokens.get(token) || name) !== name);
    if (wrong) {
      const message = `token ${wrong.token} is ${quote(trace.tokens.get(wrong.token)!)}, now said to be ${quote(wrong.name)}`;
      return this.#refuse({ code: "E_TOKEN", message }, packetNumber, trace);
    }
    const { accepted, problem } = trace.history.tokens(packetNumber);
    const news = entries.filter(({ token }) => !trace.tokens.get(token));
    if (!accepted) this.#report(problem!, packetNumber, trace);
    if (!accepted && news.length === 0) return false;
    append(join(trace.path, TOKENS_FILE), packet);
    for (const { token, name } of news) trace.tokens.set(token, name);
    if (news.length > 0) this.#writeMetadata(trace);
    return true;
  }

  /** The trace that a packet belongs to, made if it is the first; undefined, and reported, if there are too many. */
  #trace({ bootId, reader, packetNumber }: PacketHeader): Trace | undefined {
    const key = `${bootId}/${reader}`;
    const known = this.#traces.get(key);
    if (known) return known;
    const order = this.#order.get(bootId) ?? this.#order.size + 1;
    if (order > MOST_BOOTS || this.#traces.size >= MOST_BOOTS) {
      const message = `a new boot or reader, but the capture already has ${this.#traces.size}: begin a new one`;
      this.#refuse({ code: "E_TOO_MANY_BOOTS", message }, packetNumber);
      return undefined;
    }
    const number = String(order).padStart(4, "0");
    const path = join(this.#dir, `boot-${number}-${bootIdDigits(bootId)}${reader === 0 ? "" : `-r${reader}`}`);
    const trace = { path, bootId, reader, history: new ReaderHistory(), tokens: new Map(), last: undefined };
    attempt(path, () => mkdirSync(path));
    this.#writeMetadata(trace);
    this.#order.set(bootId, order);
    this.#traces.set(key, trace);
    return trace;
  }

  /** Renames a complete file into place, so that no reader ever sees half of one. */
  #writeMetadata({ path, bootId, reader, tokens }: Trace): void {
    const temporary = join(path, `.${METADATA_FILE}`);
    attempt(path, () => {
      writeFileSync(temporary, ctfMetadata(this.#registry, { bootId, reader, tokens }));
      renameSync(temporary, join(path, METADATA_FILE));
    });
  }

  /** Before it nothing was lost: readers count losses from one packet to the next. */
  #emptyPacket({ bootId, reader }: PacketHeader): Buffer {
    const packet = Buffer.alloc(PACKET_HEADER_BYTES);
    packet.writeInt32LE(PACKET_MAGIC, AT_MAGIC);
    packet.set(this.#uuid, AT_UUID);
    packet.writeUInt32LE(STREAM_DATA, AT_STREAM_ID);
    packet.writeUInt32LE(PACKET_HEADER_BYTES * 8, AT_CONTENT_SIZE);
    packet.writeUInt32LE(PACKET_HEADER_BYTES * 8, AT_PACKET_SIZE);
    packet.writeBigUInt64LE(BigInt(bootId), AT_BOOT_ID);
    packet.writeUInt32LE(reader, AT_READER);
    packet.writeUInt32LE(WIRE_FORMAT, AT_WIRE_FORMAT);
    return packet;
  }

  #refuse(damage: Damage, packet?: number, trace?: Trace): false {
    this.#report(damage, packet, trace);
    return false;
  }

  #report({ code, message }: Damage, packet: number | undefined, trace: Trace | undefined): void {
    this.#onProblem({ code, message, ...(trace && { file: trace.path }), ...(packet !== undefined && { packet }) });
  }
}

/** Appends all bytes or, if that fails, none as far as the file system lets it. */
function append(path: string, bytes: Uint8Array): void {
  attempt(path, () => {
    const file = openSync(path, "a");
    try {
      const before = fstatSync(file).size;
      try {
        for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      } catch (error) {
        try {
          ftruncateSync(file, before);
        } catch {
          // What went wrong first is what must be said.
        }
        throw error;
      }
    } finally {
      closeSync(file);
    }
  });
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new TelemetryError("E_WRITE", `${path} cannot be written: ${(error as Error).message}`, 2);
  }
}
