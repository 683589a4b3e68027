import { SerialPort } from "serialport";
import { copyOf, type IOBuffer } from "./bytes.ts";

/** The part of a stream that Serial needs. A Writable of Node has it, and so do a socket and an open port. */
export interface SerialStream {
  readonly destroyed: boolean;
  write(bytes: Uint8Array, taken: (error?: Error | null) => void): unknown;
  on(event: "error" | "close", listener: (error?: unknown) => void): unknown;
  off(event: "error" | "close", listener: (error?: unknown) => void): unknown;
  listeners(event: "error"): readonly unknown[];
}

export interface SerialOptions {
  /**
   * Path of a serial port, such as "/dev/ttyUSB0"; or a stream or open port to use instead, which close() leaves open.
   */
  readonly port: string | SerialStream;
  /** Bits per second, ten for each byte. A stream without it is as fast as its reader. */
  readonly baud?: number;
  /**
   * Bytes of the FIFO. Default: the 128 of an ESP32, or what the line sends in 2 ms, because Node's timers have a
   * resolution of 1 ms.
   */
  readonly fifoBytes?: number;
  /** The FIFO is almost empty, and has room for `count` bytes; first called when the port is open. */
  readonly onWritable?: (this: Serial, count: number) => void;
  /** The port cannot be opened, or has disappeared. It is closed. */
  readonly onError?: (this: Serial, error?: unknown) => void;
}

const ESP32_FIFO_BYTES = 128;
/** onWritable is called when only this many bytes are left in the FIFO, as on an ESP32. */
const LOW_BYTES = 10;
/** After close(), this long for written bytes to leave. */
const CLOSE_MS = 1000;
/**
 * Errors of a stream are not reported after its Serial is closed; but an error that nobody listens to would end the
 * process.
 */
const ignore = () => {};

/**
 * ECMA-419's Serial, for writing, on package serialport. Bytes leave the FIFO at the speed of the line, even if the
 * port does not enforce it (a pseudo terminal takes 4 KB at once).
 */
export class Serial {
  readonly #options: SerialOptions;
  readonly #stream: SerialStream;
  readonly #fifoBytes: number;
  readonly #bytesPerMs: number;
  /** Bytes in the FIFO at #atMs. */
  #level = 0;
  #atMs = 0;
  /** Bytes that the port has not taken yet. */
  #untaken = 0;
  #isOpen = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  /** Throws TypeError or RangeError for a wrong `port` or `baud`; onError reports problems of the port itself. */
  constructor(options: SerialOptions) {
    const { port, baud } = options;
    if (typeof port === "string" ? baud === undefined : typeof port?.write !== "function")
      throw new TypeError("port must be a path, with baud, or a stream");
    if (baud !== undefined && !(baud > 0)) throw new RangeError(`baud must be above 0, is ${baud}`);
    this.#options = options;
    this.#bytesPerMs = baud === undefined ? Number.POSITIVE_INFINITY : baud / 10_000;
    const perTick = baud === undefined ? 64 * 1024 : Math.ceil(2 * this.#bytesPerMs);
    this.#fifoBytes = options.fifoBytes ?? Math.max(ESP32_FIFO_BYTES, perTick);
    if (typeof port === "string") {
      const opened = (error: Error | null) => (error ? this.#fail(error) : this.#open());
      this.#stream = new SerialPort({ path: port, baudRate: baud! }, opened);
    } else {
      this.#stream = port;
      setImmediate(() => (isGone(port) ? this.#fail() : this.#open()));
    }
    const stream = this.#stream;
    if (!stream.listeners("error").includes(ignore)) stream.on("error", ignore);
    stream.on("error", this.#fail);
    stream.on("close", this.#fail);
  }

  /** Takes all bytes, or throws "output full" and takes none. */
  write(buffer: IOBuffer): void {
    if (buffer.byteLength > this.#free()) throw new Error("output full");
    const bytes = copyOf(buffer);
    this.#level += bytes.length;
    this.#untaken += bytes.length;
    this.#stream.write(bytes, (error) => {
      this.#untaken -= bytes.length;
      if (error) this.#fail(error);
      else this.#schedule();
    });
  }

  /** What was written is still sent, for at most a second. Closing twice does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const stream = this.#stream;
    stream.off("error", this.#fail);
    stream.off("close", this.#fail);
    if (stream === this.#options.port || !(stream instanceof SerialPort)) return; // it belongs to the caller
    const end = () => {
      clearTimeout(late);
      if (stream.isOpen) stream.close();
    };
    const late = setTimeout(end, CLOSE_MS);
    if (stream.isOpen) stream.drain(end);
    else if (stream.opening) stream.once("open", end);
    else end();
  }

  #open(): void {
    if (this.#isClosed) return;
    this.#isOpen = true;
    this.#schedule();
  }

  readonly #fail = (error?: unknown): void => {
    if (this.#isClosed) return;
    this.close();
    this.#options.onError?.call(this, error ?? new Error("the port is gone"));
  };

  #free(): number {
    if (!this.#isOpen || this.#isClosed) return 0;
    const now = performance.now();
    this.#level = Math.max(0, this.#level - (now - this.#atMs) * this.#bytesPerMs);
    this.#atMs = now;
    return this.#fifoBytes - Math.ceil(Math.max(this.#level, this.#untaken));
  }

  /** Calls onWritable when there is room: after some time, or when the port has taken what was written. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    const ms = Math.max(0, this.#level - LOW_BYTES) / this.#bytesPerMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const free = this.#free();
      if (free >= this.#fifoBytes - LOW_BYTES) this.#options.onWritable?.call(this, free);
      else if (this.#untaken <= LOW_BYTES) this.#schedule();
    }, ms);
  }
}

/**
 * For a stream that will take nothing any more. A closed port would keep what is written until somebody opens it again.
 */
function isGone(stream: SerialStream): boolean {
  return stream.destroyed || (stream instanceof SerialPort && !stream.isOpen && !stream.opening);
}
