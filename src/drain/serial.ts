import { maxFrameBytes, writeFrame } from "#frame";
import { checkBytes } from "../ring/bytes.ts";
import { checkFunction, checkNames, checkNumber } from "../ring/options.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { OpenSink, Sink, SinkEvents } from "./sink.ts";

export type { OpenSink, Sink, SinkEvents } from "./sink.ts";

/** The part of an ECMA-419 Serial that is used, such as Moddable's `embedded:io/serial`. */
export interface SerialPort {
  /** Takes all of the bytes, or throws: "output full" if there is no room for them now. */
  write(bytes: Uint8Array): unknown;
  close(): void;
}

export interface SerialSinkOptions {
  /** The class of the port. Its `onWritable(count)` reports room for `count` bytes. */
  readonly io: new (
    options: never,
  ) => SerialPort;
  /** Bytes of the longest packet, 256 to 65,536; its frame has its own buffer. Default 1,400. */
  readonly maxPacketBytes?: number;
  // Options with which the port is opened, as its class expects them.
  readonly port?: unknown;
  readonly device?: unknown;
  readonly baud?: number;
  readonly transmit?: unknown;
  readonly receive?: unknown;
  readonly flowControl?: unknown;
  readonly requestToSend?: unknown;
  readonly clearToSend?: unknown;
  readonly dataTerminalReady?: unknown;
  readonly dataSetReady?: unknown;
}

const OPTIONS: readonly string[] = Object.freeze([
  "io",
  "maxPacketBytes",
  "port",
  "device",
  "baud",
  "transmit",
  "receive",
  "flowControl",
  "requestToSend",
  "clearToSend",
  "dataTerminalReady",
  "dataSetReady",
]);
/** Bytes of the longest piece: as many as the FIFO of an ESP32's UART holds. A power of two. */
const MOST_PIECE_BYTES = 128;
const MAX_BAUD = 20_000_000;
/**
 * Contained in the errors of ports without room. Debug builds prepend the function's name; builds without messages say
 * nothing.
 */
const FULL: readonly string[] = Object.freeze(["output full", "tx full", "would overflow", "would block"]);

interface PortOptions {
  onWritable(count: number): void;
  onError(error?: unknown): void;
}

/**
 * Opens sinks that write frames to a serial port, one sink at a time. Allocates the memory of a frame here, once;
 * writing a packet allocates nothing. Throws TypeError or RangeError that names the option, its value and what is
 * allowed; options that only the port knows are checked when it is opened.
 *
 * A frame goes out in pieces as the port has room. Its packet counts as taken when the port has all of it. Log text of
 * others may come between the pieces: the frame's checksum is there for that.
 */
export function serialSink(options: SerialSinkOptions): OpenSink {
  checkNames(options, OPTIONS);
  const { io, maxPacketBytes = 1_400, ...port } = options;
  checkFunction("io", io, "a class of serial ports");
  checkNumber("maxPacketBytes", maxPacketBytes, MIN_PACKET_BUFFER_BYTES, MAX_PACKET_BYTES);
  if (port.baud !== undefined) checkNumber("baud", port.baud, 1, MAX_BAUD);
  const Port = io as unknown as new (options: PortOptions) => SerialPort;
  const output = new FrameOutput(maxPacketBytes);
  return (events) => new SerialSink(output, maxPacketBytes, events, (own) => new Port({ ...port, ...own }));
}

/**
 * A frame, and the piece of it that goes out next. A port takes all bytes that it is given, so each piece would need
 * its own view; instead, the next bytes are moved to where views of 1, 2, 4 … bytes are ready.
 */
class FrameOutput {
  readonly #memory: Uint8Array;
  readonly #frame: Uint8Array;
  readonly #pieces: readonly Uint8Array[];
  #at = 0;
  /** 0: there is no frame. */
  #end = 0;

  constructor(maxPacketBytes: number) {
    const frameBytes = maxFrameBytes(maxPacketBytes);
    const memory = new ArrayBuffer(MOST_PIECE_BYTES + frameBytes);
    this.#memory = new Uint8Array(memory);
    this.#frame = new Uint8Array(memory, MOST_PIECE_BYTES);
    const pieces: Uint8Array[] = [];
    for (let bytes = MOST_PIECE_BYTES; bytes >= 1; bytes >>= 1) pieces.push(new Uint8Array(memory, 0, bytes));
    this.#pieces = pieces;
  }

  begin(packet: Uint8Array, byteLength: number): void {
    this.#at = 0;
    this.#end = writeFrame(packet, byteLength, this.#frame);
  }

  clear(): void {
    this.#at = this.#end = 0;
  }

  hasFrame(): boolean {
    return this.#end > 0;
  }

  isOut(): boolean {
    return this.#at >= this.#end; // past it when cleared from within a port's write()
  }

  /** Returns the longest piece that is left and fits. There must be a byte left, and room for it. */
  piece(room: number): Uint8Array {
    const most = Math.min(room, this.#end - this.#at);
    let index = 0;
    let bytes = MOST_PIECE_BYTES;
    while (bytes > most) {
      bytes >>= 1;
      index++;
    }
    const from = MOST_PIECE_BYTES + this.#at;
    this.#memory.copyWithin(0, from, from + bytes);
    return this.#pieces[index]!;
  }

  advance(bytes: number): void {
    this.#at += bytes;
  }
}

class SerialSink implements Sink {
  readonly maxPacketBytes: number;
  readonly #output: FrameOutput;
  readonly #events: SinkEvents;
  readonly #port: SerialPort;
  /** Bytes that the port takes now, as far as is known. */
  #room = 0;
  /** The port had less room than it reported: others write to it, too, and onWritable() may not come. */
  #isSurprised = false;
  #isPushing = false;

  constructor(
    output: FrameOutput,
    maxPacketBytes: number,
    events: SinkEvents,
    open: (options: PortOptions) => SerialPort,
  ) {
    this.maxPacketBytes = maxPacketBytes;
    this.#output = output;
    this.#events = events;
    this.#port = open({
      onWritable: (count) => this.#onWritable(count),
      onError: (error) => events.onError(error),
    });
  }

  write(buffer: Uint8Array, byteLength: number): boolean {
    const output = this.#output;
    if (!output.hasFrame()) {
      checkBytes(buffer, byteLength);
      output.begin(buffer, byteLength);
    }
    // If the port takes a single byte, it reports again when there is room.
    if (this.#isSurprised && this.#room === 0) this.#room = 1;
    this.#push();
    if (!output.isOut()) return false;
    output.clear();
    return true;
  }

  close(): void {
    this.#output.clear();
    this.#port.close();
  }

  #onWritable(count: number): void {
    this.#room = count;
    if (this.#isPushing || !this.#output.hasFrame()) return;
    try {
      this.#push();
    } catch (error) {
      this.#events.onError(error);
      return;
    }
    if (this.#output.isOut()) this.#events.onWritable();
  }

  /** Gives the port what it has room for. Throws if the port has failed. */
  #push(): void {
    const output = this.#output;
    this.#isPushing = true;
    try {
      while (this.#room > 0 && !output.isOut()) {
        const piece = output.piece(this.#room);
        const bytes = piece.length;
        this.#room -= bytes; // first, because a port may report its room at once
        this.#port.write(piece);
        output.advance(bytes);
        this.#isSurprised = false;
      }
    } catch (error) {
      this.#room = 0;
      this.#isSurprised = true;
      if (!isFull(error)) throw error;
    } finally {
      this.#isPushing = false;
    }
  }
}

function isFull(error: unknown): boolean {
  const message = (error as Error | undefined)?.message;
  return message === "" || (typeof message === "string" && FULL.some((text) => message.includes(text)));
}
