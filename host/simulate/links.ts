/** The destinations of simulated devices. */
import { lookup } from "node:dns/promises";
import type { Writable } from "node:stream";
import { mqttSink } from "../../src/drain/mqtt.ts";
import { serialSink } from "../../src/drain/serial.ts";
import type { OpenSink } from "../../src/drain/sink.ts";
import { udpSink } from "../../src/drain/udp.ts";
import type { IOBuffer } from "../io/bytes.ts";
import { MQTTClient } from "../io/mqtt.ts";
import { Serial } from "../io/serial.ts";
import { UDP, type UDPOptions } from "../io/udp.ts";
import { linkError } from "../receive/links/link.ts";
import { readBroker } from "../receive/links/mqtt.ts";
import { brokerError, noGreeting } from "../receive/links/mqtt-errors.ts";
import { openSerialPort } from "../receive/links/serial-port.ts";
import { readAuthority } from "../text/network-errors.ts";

/** Data that a port has taken may be under way for this long. */
const CLOSE_MS = 2000;

/** The destination of all devices of a simulation. */
export interface Destination {
  /** What a device opens. */
  open(device: string): OpenSink;
  /** Call it once the devices are off. */
  close(): void;
}

/**
 * Frames on a stream, or on an open serial port, which stays open when the device reboots, as the line does. For one
 * device.
 */
export function streamSinks(stream: Writable, baud: number | undefined, maxPacketBytes: number): Destination {
  return {
    open: () => serialSink({ io: Serial, port: stream, maxPacketBytes, ...(baud !== undefined && { baud }) }),
    close() {},
  };
}

/** Frames on a serial port. Throws TelemetryError, exit code 2, if it cannot be opened. For one device. */
export async function openSerial(path: string, baud: number, maxPacketBytes: number): Promise<Destination> {
  const port = await openSerialPort({ path, baud });
  return {
    ...streamSinks(port, baud, maxPacketBytes),
    close() {
      if (!port.isOpen) return; // unplugged: it would drain when somebody opens it again
      // Data in the FIFO still leaves.
      const end = () => {
        clearTimeout(late);
        port.close(() => {}); // it may have closed meanwhile
      };
      const late = setTimeout(end, CLOSE_MS);
      port.drain(end);
    },
  };
}

/**
 * Datagrams to an address. Each device has its own socket, and keeps it over a reboot. Throws TelemetryError E_HOST if
 * the host has no address.
 */
export async function udpSinks(host: string, port: number, maxPacketBytes: number): Promise<Destination> {
  const { address, family } = await lookup(host).catch(() => {
    throw linkError("E_HOST", `${host} has no address: check the name, and this machine's network`);
  });
  const local = family === 6 ? { address: "::" } : {};
  const sockets = new Set<UDP>();
  return {
    open: () => udpSink({ io: deviceSocket(local, sockets), address, port, maxPacketBytes }),
    close() {
      for (const socket of sockets) socket.close();
    },
  };
}

export interface MqttDestination {
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** File with the certificate, PEM, of the authority that signed the broker's. */
  readonly ca?: string | undefined;
  readonly topic?: string | undefined;
  /** Default 0. */
  readonly QoS?: 0 | 1;
}

/**
 * Messages to a broker, one for each packet; each device is a separate client. Connects once beforehand, so that errors
 * are reported at once: throws TelemetryError E_URL, E_BROKER, E_BROKER_REFUSED or E_TLS, exit code 2.
 */
export async function openMqtt(options: MqttDestination, maxPacketBytes: number): Promise<Destination> {
  const { protocol, host, port, username, password, shown } = readBroker(options);
  if (protocol !== "mqtt" && protocol !== "mqtts")
    throw linkError("E_URL", `the URL of --mqtt begins with ${protocol}://: devices speak mqtt:// or mqtts://`);
  const { ca, topic, QoS = 0 } = options;
  const secure = protocol === "mqtts" ? (ca === undefined ? {} : { ca: readAuthority(ca) }) : undefined;
  const client = {
    host,
    ...(port !== undefined && { port }),
    ...(username !== undefined && { user: username }),
    ...(password !== undefined && { password }),
    ...(secure && { socket: { secure } }),
  };
  await new Promise<void>((resolve, reject) => {
    const failed = (error?: unknown): void => {
      const isGreeted = error !== undefined && (error as { code?: unknown }).code !== undefined;
      reject(isGreeted ? brokerError(error as Error, shown, ca !== undefined) : noGreeting(shown));
    };
    const probe: MQTTClient = new MQTTClient({
      ...client,
      onWritable() {
        probe.close();
        resolve();
      },
      onError: failed,
      onClose: failed,
    });
  });
  return {
    open: (deviceId) =>
      mqttSink({ io: MQTTClient, deviceId, QoS, maxPacketBytes, ...client, ...(topic !== undefined && { topic }) }),
    close() {},
  };
}

/** A class of sockets that all use one real socket, made when needed: it outlives those that open and close it. */
function deviceSocket(options: UDPOptions, sockets: Set<UDP>) {
  let shared: UDP | undefined;
  return class {
    readonly #onError: (error?: unknown) => void;

    constructor({ onError }: { onError(error?: unknown): void }) {
      this.#onError = onError;
    }

    write(bytes: IOBuffer, address: string, port: number): void {
      shared ??= this.#open();
      shared.write(bytes, address, port);
    }

    close(): void {}

    #open(): UDP {
      const socket = new UDP({
        ...options,
        onError: (error) => {
          sockets.delete(socket);
          shared = undefined;
          this.#onError(error);
        },
      });
      sockets.add(socket);
      return socket;
    }
  };
}
