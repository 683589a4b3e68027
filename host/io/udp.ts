import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { copyOf, type IOBuffer } from "./bytes.ts";

/** A datagram, and its sender. */
export type Datagram = ArrayBuffer & { address: string; port: number };

export interface UDPOptions {
  /** Local port. Default: any free one. */
  readonly port?: number;
  /** Local address. Default: all. */
  readonly address?: string;
  /** This many datagrams wait to be read. */
  readonly onReadable?: (this: UDP, count: number) => void;
  /** The socket cannot be opened, or has failed. It is closed. */
  readonly onError?: (this: UDP, error?: unknown) => void;
}

/** Most datagrams that wait to be read; further ones are dropped, as on a device with little memory. */
const MOST_WAITING = 16;

/** ECMA-419's UDP on node:dgram: IPv4, and IPv6 if the local address is one. */
export class UDP {
  readonly #socket: Socket;
  readonly #family: 4 | 6;
  readonly #waiting: Datagram[] = [];
  /** Datagrams given to the socket and not sent yet, while it is being bound. */
  #unsent = 0;
  #isClosed = false;

  constructor({ port = 0, address, onReadable, onError }: UDPOptions) {
    this.#family = address?.includes(":") ? 6 : 4;
    this.#socket = createSocket(`udp${this.#family}`);
    this.#socket.on("error", (error) => {
      this.#unsent = 0; // if the socket cannot be bound, waiting datagrams are lost, and Node does not report it
      if (this.#isClosed) {
        this.#end();
        return;
      }
      this.close();
      onError?.call(this, error);
    });
    if (onReadable)
      this.#socket.on("message", (bytes, from) => {
        if (this.#waiting.length === MOST_WAITING) return;
        const buffer = new Uint8Array(bytes).buffer;
        this.#waiting.push(Object.assign(buffer, { address: from.address, port: from.port }));
        onReadable.call(this, this.#waiting.length);
      });
    this.#socket.bind(port, address);
  }

  /**
   * Sends a datagram. `address`: numeric, not a name. Throws if the socket is closed, and TypeError or RangeError for
   * an address of another family, or an invalid port. A datagram that gets lost is not an error.
   */
  write(buffer: IOBuffer, address: string, port: number): void {
    if (this.#isClosed) throw new Error("closed");
    if (isIP(address) !== this.#family)
      throw new TypeError(
        `address must be an IPv${this.#family} address, is ${JSON.stringify(address)}: resolve names first; ` +
          'IPv6 needs a socket with an IPv6 address of its own, such as "::"',
      );
    this.#socket.send(copyOf(buffer), port, address, () => {
      this.#unsent--;
      if (this.#isClosed) this.#end();
    });
    this.#unsent++; // last, because send() throws for what cannot be sent at all
  }

  /** Returns the oldest waiting datagram; undefined if there is none. */
  read(): Datagram | undefined {
    return this.#waiting.shift();
  }

  /** What was written is still sent. Closing twice does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    if (this.#unsent > 0) return;
    try {
      this.#socket.close();
    } catch {
      // It could not even be bound: then it is already closed.
    }
  }
}
