/** What the commands read from and write to: files or standard input, standard output with backpressure, messages. */
import { once } from "node:events";
import { fstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, relative } from "node:path";
import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { openRecording, type Recording, recordingOf } from "../read/recording.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { ioError, nameOf } from "../text/io-error.ts";
import { oneLineEach, visible, visibleLines } from "../text/lines.ts";

/** Bytes per read. Limits the issues that lines can bring before they are taken: a line of 3 bytes may have two. */
const CHUNK_BYTES = 64 * 1024;
const OUTPUT_BYTES = 64 * 1024;

export interface Input {
  /** The path as it was given; "-" for standard input. */
  readonly path: string;
  /** Undefined for what has no size: pipes, devices. */
  readonly sizeBytes: number | undefined;
  /** So far. */
  readonly readBytes: number;
  /** May be read once. Fails with a TelemetryError that names the path. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Opens a file, or standard input for "-". `onRead` is called after each read. Throws TelemetryError, exit code 2:
 * E_NOT_FOUND, E_IS_DIRECTORY, E_READ.
 */
export async function openInput(path: string, onRead?: (input: Input) => void): Promise<Input> {
  const input = { path, sizeBytes: undefined as number | undefined, readBytes: 0, bytes: read() };
  let chunks: AsyncIterable<Uint8Array>;
  if (path === "-") chunks = standardInput();
  else {
    try {
      const handle = await open(path);
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        await handle.close();
        throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      }
      if (stat.isFile()) input.sizeBytes = stat.size;
      chunks = handle.createReadStream({ highWaterMark: CHUNK_BYTES });
    } catch (error) {
      throw ioError(path, error);
    }
  }

  async function* read(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const chunk of chunks) {
        input.readBytes += chunk.length;
        onRead?.(input);
        yield chunk;
      }
    } catch (error) {
      throw ioError(path, error, input.readBytes);
    }
  }
  return input;
}

/**
 * Refuses an output that would replace what is read, before anything is written: the same file, by whatever name, or one
 * within the folder. Throws TelemetryError E_USAGE, exit code 2. "-" is standard input or output.
 */
export function checkOutput(input: string, output: string): void {
  if (output === "-") return;
  const written = statOf(output);
  if (written === undefined) return;
  const read = input === "-" ? fstatSync(0) : statOf(input);
  if (read === undefined) return;
  const isSame = written.dev === read.dev && written.ino === read.ino;
  const isWithin = read.isDirectory() && !written.isDirectory() && isIn(realpathSync(output), realpathSync(input));
  if (!isSame && !isWithin) return;
  const what = isSame ? `is ${nameOf(input)}, which is read` : `is a file of ${nameOf(input)}, which is read`;
  throw new TelemetryError("E_USAGE", `${nameOf(output)} ${what}: write to another place`, 2);
}

/** Undefined if there is none, or it cannot be looked at: whoever opens it says why. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function isIn(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== "" && !from.startsWith("..") && !isAbsolute(from);
}

/** Opens any recording, standard input for "-". `onRead` is called after each read. Throws as openRecording. */
export async function openCapture(
  path: string,
  onRead?: (input: Pick<Input, "readBytes" | "sizeBytes">) => void,
): Promise<Recording> {
  if (path === "")
    throw new TelemetryError("E_NOT_FOUND", 'the path is "": name a file or folder, or - for standard input', 2);
  if (path !== "-") {
    const sizeBytes = statSync(path, { throwIfNoEntry: false })?.size;
    return openRecording(path, (readBytes) => onRead?.({ readBytes, sizeBytes }));
  }
  return recordingOf((await openInput(path, onRead)).bytes, "standard input");
}

/**
 * Standard input. Throws TelemetryError E_IS_DIRECTORY, exit code 2, if it is a folder, which Node treats as an empty
 * file.
 */
export function standardInput(): NodeJS.ReadStream {
  if (fstatSync(0).isDirectory()) throw ioError("-", { code: "EISDIR" });
  return process.stdin;
}

/** `serial.log: E_JSON at line 27, byte 2079: not JSON: …` */
export function formatProblem(problem: Problem, path: string): string {
  const place = placeOf(problem);
  const { code, message, file = path } = problem;
  return `${nameOf(file)}: ${code}${place === "" ? "" : ` at ${place}`}: ${visible(message)}`;
}

const MOST_DEVICE_CHARS = 64;

/** A device's id for people. It may come from the network, and be as long as a topic. */
export function deviceText(device: string): string {
  const shown = visible(device);
  return shown.length > MOST_DEVICE_CHARS ? `${shown.slice(0, MOST_DEVICE_CHARS - 1)}…` : shown;
}

/** `line 27, byte 2079`: what is known of the place within the file; "" if nothing. */
export function placeOf({ line, packet, offsetBytes, attribute }: Problem): string {
  const places: string[] = [];
  if (line !== undefined) places.push(`line ${line}`);
  if (packet !== undefined) places.push(`packet ${packet}`);
  if (offsetBytes !== undefined) places.push(`byte ${offsetBytes}`);
  if (attribute !== undefined) places.push(attribute);
  return places.join(", ");
}

/**
 * Gathers output and passes it on in large pieces. `write` never waits: whoever writes much awaits `flush` when
 * `isFull`, so that a slow reader slows the writer. The rest is written when there is time, so a live stream stays
 * live.
 */
export class Output {
  readonly #stream: Writable;
  #pieces: Uint8Array[] = [];
  /** Follows the pieces. */
  #text = "";
  #size = 0;
  #isScheduled = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  get isFull(): boolean {
    return this.#size >= OUTPUT_BYTES;
  }

  /** Bytes that nobody has read yet. */
  get waitingBytes(): number {
    return this.#size + this.#stream.writableLength;
  }

  /** Resolves when there is room for more, at once if nothing waits. Rejects with the stream's error. */
  async room(): Promise<void> {
    await this.flush();
    if (this.#stream.writableNeedDrain) await once(this.#stream, "drain");
  }

  /** Text, or UTF-8, which the caller must not change until flush() has resolved. */
  write(data: string | Uint8Array): void {
    this.#size += data.length;
    if (typeof data === "string") this.#text += data;
    else {
      this.#sealText();
      this.#pieces.push(data);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      // A failed flush() reports it to its caller; the stream's "error" event reports it to everybody.
      this.flush().catch(() => {});
    });
  }

  /**
   * write() for lines of JSON, which may contain DEL, C1 and direction characters: for a terminal they are escaped, so
   * that it obeys none of them. Line ends of other languages are always escaped, unless `isEscaped` says that they
   * already are. The JSON keeps its meaning.
   */
  writeLines(data: string | Uint8Array, isEscaped = false): void {
    const isTerminal = (this.#stream as Partial<WriteStream>).isTTY === true;
    if (isTerminal) this.write(visibleLines(typeof data === "string" ? data : Buffer.from(data).toString()));
    else this.write(isEscaped ? data : oneLineEach(data));
  }

  /** Resolves when the stream has taken everything. Rejects with the stream's error. */
  async flush(): Promise<void> {
    if (this.#size === 0) return;
    this.#sealText();
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    await new Promise<void>((resolve, reject) =>
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve())),
    );
  }

  #sealText(): void {
    if (this.#text !== "") this.#pieces.push(Buffer.from(this.#text));
    this.#text = "";
  }
}

const PROGRESS_AFTER_MS = 1000;
const PROGRESS_EVERY_MS = 200;

/** One line on a terminal, rewritten: nothing for short work, nothing if stderr is not a terminal. */
export class Progress {
  readonly #label: string;
  readonly #isShown: boolean;
  #nextMs = performance.now() + PROGRESS_AFTER_MS;
  #isDrawn = false;

  constructor(label: string, isShown: boolean) {
    this.#label = label;
    this.#isShown = isShown && process.stderr.isTTY === true;
  }

  /** `done` returns the progress; it is called only when it is shown. */
  update(done: () => string): void {
    if (!this.#isShown || performance.now() < this.#nextMs) return;
    this.#nextMs = performance.now() + PROGRESS_EVERY_MS;
    this.#isDrawn = true;
    process.stderr.write(`\r\x1b[K${this.#label}: ${done()}`);
  }

  clear(): void {
    if (this.#isDrawn) process.stderr.write("\r\x1b[K");
    this.#isDrawn = false;
  }
}

/** "12.3 MB of 40.0 MB, 30 %", for Progress. */
export function bytesDone({ readBytes, sizeBytes }: Pick<Input, "readBytes" | "sizeBytes">): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  if (!sizeBytes) return megabytes(readBytes);
  return `${megabytes(readBytes)} of ${megabytes(sizeBytes)}, ${Math.floor((100 * readBytes) / sizeBytes)} %`;
}
