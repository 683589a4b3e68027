import { checkBytes } from "../ring/bytes.ts";
import { checkFunction, checkNames, checkNumber, refuse } from "../ring/options.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { OpenSink, Sink, SinkEvents } from "./sink.ts";

export type { OpenSink, Sink, SinkEvents } from "./sink.ts";

/** The part of an ECMA-419 MQTT client that is used, such as Moddable's `embedded:network/mqtt/client`. */
export interface MQTTConnection {
  /**
   * Begins a message of `byteLength` bytes, which may be more than are written now. Called without `options` it
   * continues the message; its declarations do not know that. Returns for how many bytes there is room now.
   */
  write(bytes: Uint8Array, options: MQTTWriteOptions): number;
  close(): void;
}

interface OpenClient extends MQTTConnection {
  write(bytes: Uint8Array, options?: MQTTWriteOptions): number;
}

export interface MQTTWriteOptions {
  topic: string;
  QoS: number;
  id: number;
  byteLength: number;
}

export interface MQTTSinkOptions {
  /**
   * The class of the client. Its `onWritable(count)` reports room for `count` bytes, `onControl` the broker's answers.
   */
  readonly io: new (
    options: never,
  ) => MQTTConnection;
  /** The last level of the topic: 1 to 64 bytes, no "/". */
  readonly deviceId: string;
  /** The levels before it: 1 to 64 bytes. Default "xs-telemetry". */
  readonly topic?: string;
  /** 0: each packet is sent to the broker once; 1: again, until the broker confirms it. Default 0. */
  readonly QoS?: 0 | 1;
  /** Bytes of the longest packet, 256 to 65,536. Default 1,400. */
  readonly maxPacketBytes?: number;
  // Options with which the client is opened, as its class expects them.
  readonly host?: string;
  readonly port?: number;
  /** Default: "xs-telemetry-" and the device id. A broker allows only one connection with it. */
  readonly id?: string;
  readonly user?: string;
  readonly password?: unknown;
  readonly clean?: boolean;
  /** Default 60,000 ms: a broker that has gone is noticed after 1.5 times that. */
  readonly keepAlive?: number;
  readonly will?: unknown;
  readonly dns?: unknown;
  readonly socket?: unknown;
}

const OPTIONS: readonly string[] = Object.freeze([
  "io",
  "deviceId",
  "topic",
  "QoS",
  "maxPacketBytes",
  "host",
  "port",
  "id",
  "user",
  "password",
  "clean",
  "keepAlive",
  "will",
  "dns",
  "socket",
]);
const MAX_LEVEL_BYTES = 64;
const MAX_PORT = 65_535;
/** The longest that MQTT can express, in ms. */
const MAX_KEEP_ALIVE_MS = 65_535_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_MESSAGE_ID = 65_535;

// Types of MQTT packets, as the client's onControl reports them.
const CONNACK = 2;
const PUBACK = 4;

/** Most bytes of a message's head without its topic; the client may send a ping before it without telling the sink. */
const HEAD_BYTES = 8;
/** No message is begun with less room. */
const LEAST_PIECE_BYTES = 64;

/** The part of an ECMA-419 DNS resolver that is used, if the client is given the class of one. */
interface Resolver {
  resolve(request: Resolution): unknown;
}

interface Resolution {
  onResolved(host: string, address: unknown): void;
  onError(host: string): void;
}

interface ClientOptions {
  onWritable(count: number): void;
  onControl(message?: { operation?: number; id?: number }): void;
  onClose(): void;
  onError(error?: unknown): void;
}

/**
 * Opens sinks that publish each packet as a message under `<topic>/<deviceId>`. Throws TypeError or RangeError that
 * names the option, its value and what is allowed; options that only the client knows are checked when it is opened.
 */
export function mqttSink(options: MQTTSinkOptions): OpenSink {
  checkNames(options, OPTIONS);
  const { io, deviceId, topic = "xs-telemetry", QoS = 0, maxPacketBytes = 1_400, ...client } = options;
  checkFunction("io", io, "a class of MQTT clients");
  const bytes = levelBytes("deviceId", deviceId, false) + 1 + levelBytes("topic", topic, true);
  if (QoS !== 0 && QoS !== 1) refuse("QoS", "0 or 1", QoS);
  checkNumber("maxPacketBytes", maxPacketBytes, MIN_PACKET_BUFFER_BYTES, MAX_PACKET_BYTES);
  if (client.port !== undefined) checkNumber("port", client.port, 1, MAX_PORT);
  if (client.keepAlive !== undefined) checkNumber("keepAlive", client.keepAlive, 0, MAX_KEEP_ALIVE_MS);
  if (client.host !== undefined && typeof client.host !== "string") refuse("host", "a string", client.host);
  const Client = io as unknown as new (options: ClientOptions) => OpenClient;
  const defaults = { id: `xs-telemetry-${deviceId}`, keepAlive: KEEP_ALIVE_MS };
  const message: MQTTWriteOptions = { topic: `${topic}/${deviceId}`, QoS, id: 0, byteLength: 0 };
  const dns = client.dns as { io?: new (options: never) => Resolver } | undefined;
  return (events) =>
    new MQTTSink(message, bytes, maxPacketBytes, events, (own, isClosed) => {
      const options = { ...defaults, ...client, ...own };
      if (dns?.io?.prototype?.resolve) options.dns = { ...dns, io: resolverUntil(isClosed, dns.io) };
      return new Client(options);
    });
}

/**
 * A resolver that reports nothing more once `isClosed()`. Moddable's client does not cancel its request, and throws if
 * the answer finds it closed: in the callback of a timer, which ends the firmware.
 */
function resolverUntil(
  isClosed: () => boolean,
  Base: new (options: never) => Resolver,
): new (
  options: never,
) => Resolver {
  return class extends Base {
    override resolve(request: Resolution): unknown {
      return super.resolve({
        ...request,
        onResolved(host, address) {
          if (!isClosed()) request.onResolved(host, address);
        },
        onError(host) {
          if (!isClosed()) request.onError(host);
        },
      });
    }
  };
}

/**
 * Returns the UTF-8 bytes of a topic, or of one of its levels. Throws TypeError if nothing can be published under it.
 */
function levelBytes(name: string, value: unknown, withLevels: boolean): number {
  const allowed = `a string of 1 to ${MAX_LEVEL_BYTES} bytes without "+", "#", ${withLevels ? "" : '"/", '}U+0000 and lone surrogates`;
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_LEVEL_BYTES) refuse(name, allowed, value);
  let bytes = 0;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    const isHigh = code >= 0xd800 && code < 0xdc00;
    if (code === 0 || code === 0x23 || code === 0x2b || (code === 0x2f && !withLevels)) refuse(name, allowed, value);
    if (isHigh) {
      const next = value.charCodeAt(++index); // NaN past the end
      if (!(next >= 0xdc00 && next < 0xe000)) refuse(name, allowed, value);
    } else if (code >= 0xdc00 && code < 0xe000) refuse(name, allowed, value);
    bytes += isHigh ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
  }
  if (bytes > MAX_LEVEL_BYTES) refuse(name, allowed, value);
  return bytes;
}

class MQTTSink implements Sink {
  readonly maxPacketBytes: number;
  readonly #message: MQTTWriteOptions;
  readonly #topicBytes: number;
  readonly #events: SinkEvents;
  readonly #client: OpenClient;
  #isConnected = false;
  /** Bytes that the client takes now, as far as is known. */
  #room = 0;
  /** Bytes of the packet in hand that the client has; 0: it has not been begun. */
  #sent = 0;
  #isAcknowledged = false;
  #isClosed = false;

  constructor(
    message: MQTTWriteOptions,
    topicBytes: number,
    maxPacketBytes: number,
    events: SinkEvents,
    open: (options: ClientOptions, isClosed: () => boolean) => OpenClient,
  ) {
    this.maxPacketBytes = maxPacketBytes;
    this.#message = message;
    this.#topicBytes = topicBytes;
    this.#events = events;
    const callbacks: ClientOptions = {
      onWritable: (count) => {
        this.#room = count;
        this.#tell();
      },
      onControl: (control) => this.#onControl(control),
      onClose: () => events.onError(),
      onError: (error) => events.onError(error),
    };
    this.#client = open(callbacks, () => this.#isClosed);
  }

  /**
   * Refuses until the broker has answered, while there is no room, and with QoS 1 until the broker has the packet.
   * Allocates a view for the client, which itself allocates far more.
   */
  write(buffer: Uint8Array, byteLength: number): boolean {
    if (!this.#isConnected) return false;
    checkBytes(buffer, byteLength);
    const message = this.#message;
    if (this.#sent < byteLength) {
      const head = this.#sent === 0 ? this.#topicBytes + HEAD_BYTES : 0;
      const left = byteLength - this.#sent;
      const bytes = Math.min(left, this.#room - head);
      if (bytes < Math.min(left, LEAST_PIECE_BYTES)) return false;
      const piece = new Uint8Array(buffer.buffer, buffer.byteOffset + this.#sent, bytes);
      if (this.#sent > 0) this.#room = this.#client.write(piece);
      else {
        this.#isAcknowledged = message.QoS === 0;
        message.id = (message.id % MAX_MESSAGE_ID) + 1;
        message.byteLength = byteLength;
        this.#room = this.#client.write(piece, message);
      }
      this.#sent += bytes;
    }
    if (this.#sent < byteLength || !this.#isAcknowledged) return false;
    this.#sent = 0;
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  #onControl(control: { operation?: number; id?: number } | undefined): void {
    if (control?.operation === CONNACK) this.#isConnected = true;
    else if (control?.operation === PUBACK && this.#sent > 0 && control.id === this.#message.id) {
      this.#isAcknowledged = true;
      this.#tell();
    }
  }

  #tell(): void {
    if (this.#isConnected) this.#events.onWritable();
  }
}
