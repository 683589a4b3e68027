import { checkBytes } from "../ring/bytes.ts";
import { checkFunction, checkNames, checkNumber, refuse } from "../ring/options.ts";
import { MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { OpenSink, Sink, SinkEvents } from "./sink.ts";

export type { OpenSink, Sink, SinkEvents } from "./sink.ts";

/**
 * The part of an ECMA-419 UDP socket that is used, such as Moddable's `embedded:io/socket/udp`: also `close()`, which
 * its declarations lack.
 */
export interface UDPSocket {
  /** Sends all of the bytes as one datagram, or throws. */
  write(bytes: Uint8Array, address: string, port: number): unknown;
}

interface OpenSocket extends UDPSocket {
  read(): unknown;
  close(): void;
}

export interface UDPSinkOptions {
  /** The class of the socket. */
  readonly io: new (
    options: never,
  ) => UDPSocket;
  /** The destination: an IP address, not a name. */
  readonly address: string;
  readonly port: number;
  /** The local port, 1 to 65,535. Default: any. */
  readonly localPort?: number;
  /** Bytes of the longest packet, 256 to 65,507. Default 1,400: with its headers it is not fragmented on the way. */
  readonly maxPacketBytes?: number;
}

const OPTIONS: readonly string[] = Object.freeze(["io", "address", "port", "localPort", "maxPacketBytes"]);
const MAX_PORT = 65_535;
/** The most that a datagram of IPv4 holds. */
const MAX_DATAGRAM_BYTES = 65_507;
const MAX_ADDRESS_CHARACTERS = 45;

interface SocketOptions {
  port?: number;
  onReadable(this: OpenSocket, count: number): void;
  onError(error?: unknown): void;
}

/**
 * Opens sinks that send each packet as a datagram. Throws TypeError or RangeError that names the option, its value and
 * what is allowed; the socket checks the address with the first packet. A packet that the socket has taken may still be
 * lost.
 */
export function udpSink(options: UDPSinkOptions): OpenSink {
  checkNames(options, OPTIONS);
  const { io, address, port, localPort, maxPacketBytes = 1_400 } = options;
  checkFunction("io", io, "a class of UDP sockets");
  if (typeof address !== "string" || address.length === 0 || address.length > MAX_ADDRESS_CHARACTERS)
    refuse("address", `an IP address of 1 to ${MAX_ADDRESS_CHARACTERS} characters`, address);
  checkNumber("port", port, 1, MAX_PORT);
  if (localPort !== undefined) checkNumber("localPort", localPort, 1, MAX_PORT);
  checkNumber("maxPacketBytes", maxPacketBytes, MIN_PACKET_BUFFER_BYTES, MAX_DATAGRAM_BYTES);
  const Socket = io as unknown as new (options: SocketOptions) => OpenSocket;
  const local = localPort === undefined ? {} : { port: localPort };
  return (events) => new UDPSink(Socket, local, address, port, maxPacketBytes, events);
}

class UDPSink implements Sink {
  readonly maxPacketBytes: number;
  readonly #address: string;
  readonly #port: number;
  readonly #socket: OpenSocket;
  #buffer: Uint8Array | undefined;
  /** The datagram that was sent last: a view of the buffer. */
  #datagram: Uint8Array | undefined;

  constructor(
    Socket: new (options: SocketOptions) => OpenSocket,
    local: { port?: number },
    address: string,
    port: number,
    maxPacketBytes: number,
    events: SinkEvents,
  ) {
    this.maxPacketBytes = maxPacketBytes;
    this.#address = address;
    this.#port = port;
    this.#socket = new Socket({
      ...local,
      // Nobody should send anything here. Moddable's socket keeps everything that arrives until it is read, without a
      // limit.
      onReadable(count) {
        while (count-- > 0) this.read();
      },
      onError: (error) => events.onError(error),
    });
  }

  /**
   * Never refuses. Allocates a view of the packet, because the socket sends all that it is given, unless the previous
   * packet had the same length.
   */
  write(buffer: Uint8Array, byteLength: number): boolean {
    checkBytes(buffer, byteLength);
    let datagram = this.#datagram;
    if (datagram === undefined || buffer !== this.#buffer || byteLength !== datagram.length) {
      datagram = new Uint8Array(buffer.buffer, buffer.byteOffset, byteLength);
      this.#buffer = buffer;
      this.#datagram = datagram;
    }
    this.#socket.write(datagram, this.#address, this.#port);
    return true;
  }

  close(): void {
    this.#socket.close();
  }
}
