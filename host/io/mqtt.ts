import { connect, type MqttClient } from "mqtt";
import { copyOf, type IOBuffer } from "./bytes.ts";

export interface MQTTWill {
  readonly topic: string;
  readonly message: string | IOBuffer;
  readonly QoS?: 0 | 1 | 2;
  readonly retain?: boolean;
}

/** The broker's answer: `MQTTClient.CONNACK`, or `MQTTClient.PUBACK` with the message's id. */
export interface MQTTControl {
  readonly operation: number;
  readonly id?: number;
}

export interface MQTTClientOptions {
  readonly host: string;
  /** Default 1883, with TLS 8883. */
  readonly port?: number;
  readonly user?: string;
  readonly password?: string | IOBuffer;
  /** The client's id. Default: assigned by the broker. */
  readonly id?: string;
  readonly clean?: boolean;
  /** In ms; default 0, never. */
  readonly keepAlive?: number;
  readonly will?: MQTTWill;
  /** TLS, if `secure` is present: options of node:tls. Options for devices only (io, dns) are ignored. */
  readonly socket?: { readonly io?: unknown; readonly secure?: Record<string, unknown> };
  readonly dns?: unknown;
  /** Most bytes that may wait to be sent. Default 5,744: what the TCP buffer of an ESP32 holds. */
  readonly sendBytes?: number;
  /**
   * This many bytes of a message, topic included, can be written; first called when the broker has accepted the client.
   */
  readonly onWritable?: (this: MQTTClient, count: number) => void;
  readonly onControl?: (this: MQTTClient, message: MQTTControl) => void;
  /** The broker has closed the connection. The client is closed. */
  readonly onClose?: (this: MQTTClient) => void;
  /** No connection, refused, or failed. The client is closed. */
  readonly onError?: (this: MQTTClient, error?: unknown) => void;
}

export interface MQTTWriteOptions {
  readonly topic: string;
  /** 0, 1 or 2; default 0. */
  readonly QoS?: number;
  readonly retain?: boolean;
  readonly duplicate?: boolean;
  readonly id?: number;
  /** Bytes of the whole message; further calls without options write the rest. Default: this call has all of it. */
  readonly byteLength?: number;
}

/** A message with parts still to come. */
interface Unfinished {
  readonly options: MQTTWriteOptions;
  readonly parts: Buffer[];
  lackingBytes: number;
}

/** onWritable reports this many bytes less than there are, to leave room for a message's header. */
const OVERHEAD_BYTES = 8;
const CONNECT_MS = 30_000;
/** After close(), this long for what was written to be sent or acknowledged. */
const CLOSE_MS = 5000;

/**
 * ECMA-419's MQTTClient, for publishing, on package mqtt (MQTT 3.1.1). Like the device's own, it does not reconnect
 * once it is closed, and holds no more than its send buffer: bytes that the broker has not acknowledged (QoS 1, 2), or
 * that the socket has not taken (QoS 0).
 */
export class MQTTClient {
  static readonly CONNACK = 2;
  static readonly PUBLISH = 3;
  static readonly PUBACK = 4;

  readonly #client: MqttClient;
  readonly #options: MQTTClientOptions;
  #free: number;
  /** Bytes that were sent, and will be free with the next onWritable. */
  #left = 0;
  #isConnected = false;
  #isClosed = false;
  #isScheduled = false;
  #unfinished: Unfinished | undefined;
  #lastId = 0;

  /** Throws TypeError without a host. */
  constructor(options: MQTTClientOptions) {
    const { host, user, password, id, will, socket, clean = true, keepAlive = 0 } = options;
    if (typeof host !== "string" || host === "") throw new TypeError("host must be a name or an address");
    this.#options = options;
    this.#free = options.sendBytes ?? 5744;
    const secure = socket?.secure;
    this.#client = connect({
      ...secure,
      protocol: secure ? "mqtts" : "mqtt",
      host,
      port: options.port ?? (secure ? 8883 : 1883),
      clientId: id ?? "",
      clean,
      keepalive: Math.ceil(keepAlive / 1000),
      connectTimeout: CONNECT_MS,
      protocolVersion: 4,
      reconnectPeriod: 0,
      queueQoSZero: false,
      ...(user !== undefined && { username: user }),
      ...(password !== undefined && { password: bytesOf(password) }),
      ...(will && { will: willOf(will) }),
    });
    this.#client.on("connect", () => {
      this.#isConnected = true;
      this.#control({ operation: MQTTClient.CONNACK });
      this.#schedule();
    });
    this.#client.on("error", (error) => this.#fail(error));
    this.#client.on("close", () => {
      if (!this.#isConnected) this.#fail(new Error("the connection was closed before the broker accepted it"));
      else if (!this.#isClosed) {
        this.close();
        options.onClose?.call(this);
      }
    });
  }

  /**
   * Publishes a message, or its first part; without options, its next part. Returns how many bytes can be written now.
   * Throws before the broker has accepted the client, after closing, and "overflow" if there is no room: then nothing
   * is taken.
   */
  write(data: IOBuffer, options?: MQTTWriteOptions): number {
    if (!this.#isConnected || this.#isClosed) throw new Error("not connected");
    let message = this.#unfinished;
    if (message ? options !== undefined : options === undefined)
      throw new Error(message ? "the previous message is not finished" : "options.topic is missing");
    const header = options ? headerBytes(options, data.byteLength) : 0;
    if (header + data.byteLength > this.#free) throw new Error("overflow");
    message ??= { options: options!, parts: [], lackingBytes: options!.byteLength ?? data.byteLength };
    if (data.byteLength > message.lackingBytes) throw new Error("more bytes than byteLength");
    this.#free -= header + data.byteLength;
    message.parts.push(copyOf(data));
    message.lackingBytes -= data.byteLength;
    this.#unfinished = message.lackingBytes > 0 ? message : undefined;
    if (message.lackingBytes > 0) this.#release(header + data.byteLength);
    else this.#publish(message, header + data.byteLength);
    return Math.max(0, this.#free - OVERHEAD_BYTES);
  }

  /** What was written is still sent and acknowledged, for at most five seconds. Closing twice does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Nobody is left to receive an error.
    this.#client.on("error", () => {});
    this.#client.end(!this.#isConnected);
    // A silent broker would hold the connection for ever. Until then, only this keeps the process alive.
    if (this.#isConnected) setTimeout(() => this.#client.stream.destroy(), CLOSE_MS).unref();
  }

  #publish({ options, parts }: Unfinished, heldBytes: number): void {
    const { topic, QoS = 0, retain = false, duplicate = false } = options;
    const id = options.id ?? ++this.#lastId;
    const settings = { qos: QoS as 0 | 1 | 2, retain, dup: duplicate };
    this.#client.publish(topic, Buffer.concat(parts), settings, (error) => {
      if (this.#isClosed) return;
      if (error) this.#fail(error);
      else if (QoS > 0) this.#control({ operation: MQTTClient.PUBACK, id });
      this.#release(heldBytes);
    });
  }

  #control(message: MQTTControl): void {
    if (!this.#isClosed) this.#options.onControl?.call(this, message);
  }

  #release(bytes: number): void {
    this.#left += bytes;
    this.#schedule();
  }

  /** Never within write(). */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#free += this.#left;
      this.#left = 0;
      const count = this.#free - OVERHEAD_BYTES;
      if (!this.#isClosed && count > 0) this.#options.onWritable?.call(this, count);
    });
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onError?.call(this, error);
  }
}

function bytesOf(value: string | IOBuffer): Buffer {
  return typeof value === "string" ? Buffer.from(value) : copyOf(value);
}

function willOf({ topic, message, QoS = 0, retain = false }: MQTTWill) {
  return { topic, payload: bytesOf(message), qos: QoS, retain };
}

/** Bytes of a PUBLISH before its payload: flags, remaining length, topic, id. */
function headerBytes({ topic, QoS = 0, byteLength }: MQTTWriteOptions, dataBytes: number): number {
  const rest = 2 + Buffer.byteLength(topic) + (QoS > 0 ? 2 : 0);
  const remaining = rest + (byteLength ?? dataBytes);
  return 1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4) + rest;
}
