// ECMA-419 IO for specs, which behaves as Moddable's on an ESP32: time passes, and things break, when the spec says so.
import type { SinkEvents } from "../../src/drain/sink.ts";

/** A timer whose ticks the spec makes. */
export class FakeTimer {
  readonly #running = new Map<number, { callback: () => void; everyMs: number }>();
  #made = 0;

  repeat(callback: () => void, everyMs: number): number {
    this.#running.set(++this.#made, { callback, everyMs });
    return this.#made;
  }

  clear(handle: unknown): void {
    this.#running.delete(handle as number);
  }

  tick(count = 1): void {
    for (; count > 0; count--) for (const { callback } of [...this.#running.values()]) callback();
  }

  /** Periods of the running timers. */
  get everyMs(): number[] {
    return [...this.#running.values()].map(({ everyMs }) => everyMs);
  }
}

interface PortOptions {
  onReadable?: (this: unknown, count: number) => void;
  onWritable?: (count: number) => void;
  onError?: (error?: unknown) => void;
}

/** For a UART's FIFO: onWritable() comes when only this many bytes are left in it. */
const THRESHOLD_BYTES = 10;

/** A UART: written bytes stay in a FIFO until the line takes them. */
export class FakeSerial {
  /** Everything that was on the line; bytes from others as -1. */
  readonly line: number[] = [];
  /** Options of each opening. */
  readonly openings: Record<string, unknown>[] = [];
  /** Bytes of each write that the port took. */
  readonly writes: number[] = [];
  fifoBytes = 128;
  /** What opening, or the next write, throws. */
  openError: Error | undefined;
  writeError: Error | undefined;
  closed = 0;
  #fifo: number[] = [];
  #options: PortOptions | undefined;
  #isArmed = false;

  /** The class that a sink is given. */
  get io() {
    const world = this;
    return class {
      readonly #own: PortOptions;

      constructor(options: PortOptions & Record<string, unknown>) {
        if (world.openError) throw world.openError;
        if (world.#options) throw new Error("port in use");
        world.openings.push(options);
        this.#own = world.#options = options;
        world.#isArmed = true;
      }

      write(bytes: Uint8Array): void {
        if (world.#options !== this.#own) throw new TypeError("port is closed");
        const error = world.writeError;
        world.writeError = undefined;
        if (error) throw error;
        if (world.#fifo.length + bytes.length > world.fifoBytes) throw new Error("output full");
        for (const byte of bytes) world.#fifo.push(byte);
        world.writes.push(bytes.length);
        world.#isArmed = true;
      }

      close(): void {
        world.closed++;
        if (world.#options === this.#own) world.#options = undefined;
      }
    };
  }

  /** The line takes this many bytes; then the port reports its room, once after each write, if it has little left. */
  run(bytes: number): void {
    this.line.push(...this.#fifo.splice(0, bytes));
    if (!this.#isArmed || this.#fifo.length >= THRESHOLD_BYTES) return;
    this.#isArmed = false;
    this.#options?.onWritable?.(this.fifoBytes - this.#fifo.length);
  }

  /** Somebody else writes, as far as there is room. */
  intrude(bytes: number): void {
    for (; bytes > 0 && this.#fifo.length < this.fifoBytes; bytes--) this.#fifo.push(-1);
  }

  fail(error?: unknown): void {
    this.#options?.onError?.(error);
  }

  /** What this side has written, and the line has taken. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.line.filter((byte) => byte >= 0));
  }
}

/** A UDP socket: nothing waits to be sent, what cannot be sent throws, and everything that arrives is kept until it is read. */
export class FakeUDP {
  readonly datagrams: { bytes: Uint8Array; address: string; port: number }[] = [];
  readonly openings: Record<string, unknown>[] = [];
  /** What has come and waits to be read. */
  readonly waiting: ArrayBuffer[] = [];
  openError: Error | undefined;
  writeError: Error | undefined;
  closed = 0;
  #options: PortOptions | undefined;
  #socket: unknown;

  get io() {
    const world = this;
    return class {
      constructor(options: PortOptions & Record<string, unknown>) {
        if (world.openError) throw world.openError;
        world.openings.push(options);
        world.#options = options;
        world.#socket = this;
      }

      read(): ArrayBuffer | undefined {
        return world.waiting.shift();
      }

      write(bytes: Uint8Array, address: string, port: number): void {
        const error = world.writeError;
        world.writeError = undefined;
        if (error) throw error;
        world.datagrams.push({ bytes: bytes.slice(), address, port });
      }

      close(): void {
        world.closed++;
      }
    };
  }

  /** Somebody sends this many datagrams, which the socket reports once. */
  receive(count: number): void {
    for (let more = count; more > 0; more--) this.waiting.push(new ArrayBuffer(8));
    this.#options?.onReadable?.call(this.#socket, this.waiting.length);
  }

  fail(error?: unknown): void {
    this.#options?.onError?.(error);
  }
}

interface ClientOptions extends PortOptions {
  onControl?: (message: { operation: number; id?: number }) => void;
  onClose?: () => void;
}

interface Message {
  topic: string;
  QoS: number;
  id: number;
  byteLength: number;
  bytes: number[];
}

/** Reserved by the client for its own messages. */
const RESERVED_BYTES = 8;
const CONNACK = 2;
const PUBACK = 4;

/** An MQTT client and its broker: written bytes stay in the socket's buffer until the network takes them. */
export class FakeMQTT {
  /** Messages that the broker has got completely. */
  readonly messages: Message[] = [];
  readonly openings: Record<string, unknown>[] = [];
  socketBytes = 2_000;
  openError: Error | undefined;
  writeError: Error | undefined;
  closed = 0;
  #options: ClientOptions | undefined;
  #isConnected = false;
  #inSocket = 0;
  /** What is in the socket, or being written into it. */
  #underway: Message[] = [];
  #current: Message | undefined;

  get io() {
    const world = this;
    return class {
      readonly #own: ClientOptions;

      constructor(options: ClientOptions & Record<string, unknown>) {
        if (world.openError) throw world.openError;
        world.openings.push(options);
        this.#own = world.#options = options;
        world.#isConnected = false;
        world.#inSocket = 0;
        world.#underway = [];
        world.#current = undefined;
      }

      write(bytes: Uint8Array, options?: Omit<Message, "bytes">): number {
        if (world.#options !== this.#own) throw new TypeError("no socket");
        const error = world.writeError;
        world.writeError = undefined;
        if (error) throw error;
        return world.#write(bytes, options);
      }

      close(): void {
        world.closed++;
        if (world.#options === this.#own) world.#options = undefined;
      }
    };
  }

  #write(bytes: Uint8Array, options?: Omit<Message, "bytes">): number {
    const free = this.socketBytes - this.#inSocket;
    let current = this.#current;
    let size = bytes.length;
    if (current) {
      if (options || bytes.length > current.byteLength - current.bytes.length) throw new Error("in a message");
      if (size > free) throw new Error("would block");
    } else {
      if (!options || !this.#isConnected) throw new Error("not connected");
      if (bytes.length > options.byteLength) throw new Error("invalid");
      const content = 2 + options.topic.length + options.byteLength + (options.QoS ? 2 : 0);
      size += 1 + (content < 128 ? 1 : content < 16_384 ? 2 : 3) + 2 + options.topic.length + (options.QoS ? 2 : 0);
      if (size > free) throw new Error("overflow");
      current = { ...options, bytes: [] };
      this.#underway.push(current);
    }
    this.#inSocket += size;
    for (const byte of bytes) current.bytes.push(byte);
    this.#current = current.bytes.length < current.byteLength ? current : undefined;
    return Math.max(0, this.socketBytes - this.#inSocket - RESERVED_BYTES);
  }

  /** The broker accepts the connection. */
  accept(): void {
    this.#isConnected = true;
    this.#options?.onControl?.({ operation: CONNACK });
    this.#tell();
  }

  /** The network takes this many bytes; the broker acknowledges complete messages, unless told not to. */
  run(bytes: number, acknowledges = true): void {
    if (!this.#options || !this.#isConnected) return;
    this.#inSocket = Math.max(0, this.#inSocket - bytes);
    if (this.#inSocket === 0) {
      const whole = this.#underway.filter((message) => message !== this.#current);
      this.#underway = this.#underway.filter((message) => message === this.#current);
      for (const message of whole) {
        this.messages.push(message);
        if (message.QoS > 0 && acknowledges) this.#options?.onControl?.({ operation: PUBACK, id: message.id });
      }
    }
    this.#tell();
  }

  /** The client pings its broker by itself. */
  ping(): void {
    this.#inSocket += 2;
  }

  #tell(): void {
    const room = this.socketBytes - this.#inSocket - RESERVED_BYTES;
    if (room > 0) this.#options?.onWritable?.(room);
  }

  /** As the client does: the owner may close it first. */
  fail(): void {
    this.#options?.onError?.();
    this.#options = undefined;
  }

  hangUp(): void {
    this.#options?.onClose?.();
  }
}

/** What a scripted sink does with an offered packet. */
export type Answer = "take" | "refuse" | "throw" | "error" | "error-taken" | "nested";

/** A sink that does what its script says, then takes all. */
export class FakeSink {
  readonly script: Answer[] = [];
  /** Packets whose bytes the other side has completely, whatever the sink said about them. */
  readonly packets: Uint8Array[] = [];
  maxPacketBytes = 1_400;
  openError: Error | undefined;
  closeError: Error | undefined;
  /** Refuses whatever the script says. */
  refusesAll = false;
  onTake: () => void = () => {};
  offers = 0;
  opened = 0;
  closed = 0;
  /** Of the sink that was opened last. */
  events: SinkEvents | undefined;

  /** The function that a drainer is given. */
  readonly open = (events: SinkEvents) => {
    if (this.openError) throw this.openError;
    this.opened++;
    this.events = events;
    return {
      maxPacketBytes: this.maxPacketBytes,
      write: (buffer: Uint8Array, byteLength: number) => this.#write(events, buffer, byteLength),
      close: () => {
        this.closed++;
        if (this.closeError) throw this.closeError;
      },
    };
  };

  #write(events: SinkEvents, buffer: Uint8Array, byteLength: number): boolean {
    this.offers++;
    if (this.refusesAll) return false;
    const answer = this.script.shift() ?? "take";
    if (answer === "throw") throw new Error("broken");
    if (answer === "error") events.onError(new Error("broken"));
    if (answer === "nested") events.onWritable();
    if (answer === "error" || answer === "refuse") return false;
    this.packets.push(buffer.slice(0, byteLength));
    this.onTake();
    if (answer === "error-taken") events.onError();
    return true;
  }
}
