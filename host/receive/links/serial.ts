/** Frames and log text from a serial port. */
import type { SerialPort as Port } from "serialport";
import { nameOf } from "../../text/io-error.ts";
import { Deframer } from "../deframer.ts";
import { InputSample, type NothingFound } from "../nothing-found.ts";
import { Framed } from "./framed.ts";
import { Ending, type Link, type LinkEvents } from "./link.ts";
import { openSerialPort } from "./serial-port.ts";

export interface SerialLinkOptions {
  /** `/dev/ttyUSB0`, `COM3` */
  readonly path: string;
  readonly baud: number;
}

const REOPEN_MS = 1000;

/**
 * Opens a serial port, 8N1, for this process alone. If the port is unplugged, tries to open it every second until it is
 * back. Throws TelemetryError E_NO_PORT, E_PERMISSION, E_PORT_IN_USE or E_LINK, exit code 2.
 *
 * The board is not reset: DTR and RTS stay as the system sets them when it opens a port, both on, which the reset
 * circuits of ESP32 boards treat as neither reset nor boot loader; and they are not dropped when the port is closed.
 */
export async function openSerialLink(options: SerialLinkOptions, events: LinkEvents): Promise<Link> {
  const open = () => openSerialPort(options);
  const port = await open();
  return new SerialLink(port, open, options, events);
}

class SerialLink implements Link {
  readonly description: string;
  readonly #open: () => Promise<Port>;
  readonly #path: string;
  readonly #events: LinkEvents;
  readonly #ending = new Ending();
  readonly #sample = new InputSample();
  #port: Port | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: Port, open: () => Promise<Port>, { path, baud }: SerialLinkOptions, events: LinkEvents) {
    this.description = `${nameOf(path)} at ${baud} baud`;
    this.#open = open;
    this.#path = nameOf(path);
    this.#events = events;
    this.#listen(port);
  }

  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  nothingFound(): NothingFound | undefined {
    return this.#sample.nothingFound("packets");
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const port = this.#port;
    this.#port = undefined;
    // Unfinished bytes are passed on by the port's "close".
    if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()));
    this.#ending.end();
  }

  #listen(port: Port): void {
    this.#port = port;
    const framed = new Framed(new Deframer(), this.#events, this.#sample);
    const attempt = (work: () => void) => {
      if (!this.#ending.attempt(work)) void this.close();
    };
    port.on("error", () => {}); // "close" follows
    port.on("data", (bytes: Buffer) => attempt(() => framed.push(bytes)));
    port.on("close", () => {
      if (!this.#ending.isOver) attempt(() => framed.end());
      if (this.#port !== port) return;
      this.#port = undefined;
      if (this.#ending.isOver) return;
      this.#events.say(
        `${this.#path} has disappeared: it was unplugged, or the board is restarting; trying to open it every second`,
      );
      this.#reopen();
    });
  }

  #reopen(): void {
    this.#timer = setTimeout(async () => {
      const port = await this.#open().catch(() => undefined);
      if (this.#ending.isOver) port?.close();
      else if (port === undefined) this.#reopen();
      else {
        this.#events.say(`${this.#path} is back`);
        this.#listen(port);
      }
    }, REOPEN_MS);
  }
}
