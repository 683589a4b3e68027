import { existsSync, readdirSync, statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import {
  type BootFolder,
  DEVICE_FILE,
  type DeviceCapture,
  listCaptures,
  STREAM_FILE,
  TOKENS_FILE,
} from "../capture/folder.ts";
import { NotRegular, openRegular } from "../capture/regular-file.ts";
import type { TelemetryEvent } from "../generated/events.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { ioError } from "../text/io-error.ts";
import { canBeRead, isGivenUp, mergeFiles, type Trace, type TraceFile, tracesOf } from "./merge.ts";
import { learnFromMetadata } from "./names.ts";
import { PacketScanner } from "./packet-scanner.ts";
import { bootsOf, furtherBoot } from "./same-boot.ts";
import { CHUNK_BYTES, Session } from "./session.ts";
import { clocksOf } from "./trace-clocks.ts";
import type { DecodeItem, DecodeOptions, DecodeSummary } from "./types.ts";

/** Bytes per read: many, because another thread reads and each read has to be waited for. */
const READ_BYTES = 1024 * 1024;

type Source = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Decodes a packet stream: packets as the device wrote them, data and tokens. Whatever the bytes are, events conform to
 * the registry, and damage becomes a problem with its place; nothing is thrown except errors of the source. Memory is
 * bounded, and time is linear in the bytes. The problem of a damaged packet has the offset of the packet.
 *
 * `E`: the events of `options.registry`, a type that `registry generate --types` writes; `v2.TelemetryEvent` for
 * version 2.0.0 of the bundled registry. Default: the events of the bundled `registry`. Events conform to the registry
 * that is given; that `E` belongs to that registry is the caller's responsibility.
 */
export async function* decode<E = TelemetryEvent>(
  source: Source,
  options: DecodeOptions,
): AsyncGenerator<DecodeItem<E>, void, undefined> {
  const decoder = new StreamDecoder<E>(options);
  for await (const chunk of source instanceof Uint8Array ? [source] : source)
    for (const slice of slices(chunk)) yield* decoder.push(slice);
  yield* decoder.end();
}

/**
 * Decodes a capture folder, one of its boot folders, or a folder of captures, one for each device or for each process
 * that captured. Packets of one boot and reader in several folders are merged by packet number. The tokens of a boot
 * are read first. Throws TelemetryError E_READ or E_NO_CAPTURE (exit code 2) if there is nothing to read.
 */
export function decodeFolder<E = TelemetryEvent>(
  path: string,
  options: DecodeOptions,
): AsyncGenerator<DecodeItem<E>, void, undefined> {
  return folderItems(path, options) as AsyncGenerator<DecodeItem<E>, void, undefined>;
}

async function* folderItems(path: string, options: DecodeOptions): AsyncGenerator<DecodeItem, void, undefined> {
  const session = new Session(options);
  const buffer = Buffer.alloc(READ_BYTES);
  const captures = capturesOf(path);
  for (const { problem } of captures) if (problem !== undefined) yield session.damage(problem);
  const devices = byDevice(tracesOf(captures));
  const [[trace, further] = []] = devices;
  const only = devices.length === 1 && further === undefined ? await bootsOf(session, trace!, path) : undefined;
  const areMany = only === undefined || only.length > 1;
  for (const traces of devices) {
    /** Where the anchors of the current boot are. */
    let folders: readonly Trace[] = traces;
    const tell = (problem: Problem) => session.items.problem(problem);
    session.begin(traces[0]!.device, (place) => clocksOf(folders, path, tell)(place), areMany);
    for (const trace of traces) {
      const boots = only ?? (await bootsOf(session, trace, path));
      for (const boot of boots) {
        folders = boots.length > 1 ? [boot] : traces;
        if (boot.bootsBefore > 0) yield { kind: "problem", problem: furtherBoot(boot) };
        yield* readTrace(session, boot, path, buffer);
        for (const problem of session.takeUnnamed()) yield { kind: "problem", problem };
      }
    }
  }
  for (const problem of session.takeUnnamed()) yield { kind: "problem", problem };
  yield { kind: "summary", summary: session.summary() };
}

/** decode() for callers that receive bytes and cannot wait: `push` each chunk, then `end`. `E`: as there. */
export class StreamDecoder<E = TelemetryEvent> {
  readonly #session: Session;
  readonly #scanner: PacketScanner;

  constructor(options: DecodeOptions) {
    this.#session = new Session(options);
    const { file, isWhole = false } = options;
    this.#scanner = new PacketScanner(this.#session, { isWhole, ...(file !== undefined && { file }) });
  }

  /**
   * Takes bytes, and keeps no reference to them. Returns the items that they complete; memory grows with them. The
   * bytes of a batch are valid until the next call. Unless packets are pushed whole, a packet waits for 19 more bytes
   * if another one may begin in its last bytes.
   */
  push(chunk: Uint8Array): DecodeItem<E>[] {
    return this.#scanner.push(chunk) as DecodeItem<E>[];
  }

  /** Call it when no more bytes come. Returns the rest, with the summary last. */
  end(): DecodeItem<E>[] {
    const items = this.#scanner.end() as DecodeItem<E>[];
    for (const problem of this.#session.takeUnnamed()) items.push({ kind: "problem", problem });
    items.push({ kind: "summary", summary: this.#session.summary() });
    return items;
  }

  /** Reports a problem that the packets themselves do not show, such as a bad frame. Counted as damage. */
  damage(problem: Problem): DecodeItem<E> {
    return this.#session.damage(problem) as DecodeItem<E>;
  }

  /** The counts so far. */
  summary(): DecodeSummary {
    return this.#session.summary();
  }
}

/** Traces in their order, those of one device together. */
function byDevice(traces: readonly Trace[]): Trace[][] {
  const devices: Trace[][] = [];
  for (const trace of traces) {
    const last = devices.at(-1);
    if (last !== undefined && last[0]!.device === trace.device) last.push(trace);
    else devices.push([trace]);
  }
  return devices;
}

async function* readTrace(
  session: Session,
  { chains, bootsBefore }: Trace,
  root: string,
  buffer: Buffer,
): AsyncGenerator<DecodeItem, void, undefined> {
  const boots = chains.flat();
  const files = new Map<BootFolder, number>();
  const { sums } = session;
  // Of a growing capture, only what is there now: later packets may use tokens that are not read.
  const sizes = new Map(boots.map((boot) => [boot, sizeOf(join(boot.path, STREAM_FILE))]));
  for (const [name, streamId] of [[TOKENS_FILE, STREAM_TOKENS] as const, [STREAM_FILE, STREAM_DATA] as const]) {
    const repeatsTokens = boots.length > 1;
    const found: TraceFile[][] = [];
    const damagedBefore = sums.damaged;
    const without: BootFolder[] = [];
    for (const chain of chains) {
      const ofChain: TraceFile[] = [];
      for (const boot of chain) {
        const file = join(boot.path, name);
        const isThere = await canBeRead(file, root);
        if (name === TOKENS_FILE && (isThere !== true || sizeOf(file) === 0)) without.push(boot);
        if (isThere === false) continue;
        files.set(boot, (files.get(boot) ?? 0) + 1);
        const endBytes = name === STREAM_FILE ? sizes.get(boot)! : Number.POSITIVE_INFINITY;
        if (isThere === true) ofChain.push({ file, boot, streamId, repeatsTokens, bootsBefore, root, endBytes });
        else yield session.damage({ code: "E_READ", message: `${isThere.message}; expected packets in it`, file });
      }
      if (ofChain.length > 0) found.push(ofChain);
    }
    if (found.length > 1) yield* mergeFiles(session, found);
    else
      for (const file of found.flat())
        yield* readFile(
          new PacketScanner(session, file),
          file.file,
          buffer,
          () => openRegular(file.file, root),
          file.endBytes,
        );
    if (name !== TOKENS_FILE) continue;
    for (const boot of sums.damaged > damagedBefore ? boots : without) {
      const { names, problem } = learnFromMetadata(session, boot, bootsBefore, root);
      if (names > 0) files.set(boot, (files.get(boot) ?? 0) + 1);
      if (problem !== undefined) yield { kind: "problem", problem };
    }
  }
  const empty = `no packets: it has neither ${STREAM_FILE} nor ${TOKENS_FILE}`;
  for (const boot of boots)
    if (!files.has(boot) && existsSync(boot.path))
      yield session.damage({ code: "E_EMPTY", message: empty, file: boot.path });
}

/**
 * Decodes a file, if there is one, up to `endBytes` and to its end when it was opened. `buffer` is used for reading.
 */
async function* readFile(
  scanner: PacketScanner,
  path: string,
  buffer: Buffer,
  open: () => Promise<{ readonly file: FileHandle; readonly sizeBytes?: number } | undefined>,
  endBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<DecodeItem, void, undefined> {
  try {
    const opened = await open();
    if (opened === undefined) throw Object.assign(new Error("gone"), { code: "ENOENT", syscall: "open" });
    const { file, sizeBytes = Number.POSITIVE_INFINITY } = opened;
    try {
      for (let left = Math.min(endBytes, sizeBytes); left > 0; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(left, buffer.length));
        if (bytesRead === 0) break;
        left -= bytesRead;
        for (const chunk of slices(buffer.subarray(0, bytesRead))) yield* scanner.push(chunk);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof NotRegular) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    if (isGivenUp(path)) return;
    throw ioError(path, error);
  }
  yield* scanner.end();
}

/**
 * Pieces of a chunk: the results of one piece are taken before the next is decoded, so memory is bounded however large
 * chunks are.
 */
function* slices(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < chunk.length; at += CHUNK_BYTES) yield chunk.subarray(at, at + CHUNK_BYTES);
}

/** Infinite for a file that does not exist (yet), or cannot be examined. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether a folder looks like a capture that received no packets. */
function isWithoutPackets(path: string): boolean {
  return readdirSync(path).every((name) => name.startsWith(".") || name.startsWith("log") || name === DEVICE_FILE);
}

function capturesOf(path: string): readonly DeviceCapture[] {
  let captures: readonly DeviceCapture[];
  try {
    captures = listCaptures(path);
  } catch (error) {
    throw ioError(path, error);
  }
  if (captures.length > 0) return captures;
  if (isWithoutPackets(path))
    throw new TelemetryError(
      "E_NO_CAPTURE",
      `${path} has no packets in it: nothing was captured, or everything was refused`,
      2,
    );
  const message = `${path} is not a capture: neither it nor a folder in it has boot-… folders or a file ${STREAM_FILE} or ${TOKENS_FILE}`;
  throw new TelemetryError("E_NO_CAPTURE", message, 2);
}
