import type { Connection, Payload, Token } from "../../src/ring/api.ts";
import { Reason } from "../../src/ring/reason.ts";
import type { Random } from "./random.ts";

/** What traffic calls: a Telemetry, or a substitute in a test. */
export interface TrafficTarget {
  connect(clientId: number, ip?: string): Connection;
  messageType(name: string): Token;
}

export interface TrafficOptions {
  /** Mean events per second, in the device's own time. Above 0. */
  readonly rate: number;
  /** Mean number of events from boot to reboot; 0: it never reboots. */
  readonly rebootEvery: number;
}

interface MessageType {
  readonly name: string;
  /** How frequent it is. */
  readonly weight: number;
  /** Undefined: it has none. */
  payload?(random: Random): Payload;
}

const MESSAGE_TYPES: readonly MessageType[] = [
  { name: "getStatus", weight: 40 },
  { name: "ping", weight: 25, payload: () => '{"type":"ping"}' },
  {
    name: "setLight",
    weight: 14,
    payload: (random) => `{"type":"setLight","on":${random.chance(0.5)},"level":${random.below(101)}}`,
  },
  { name: "firmwareChunk", weight: 8, payload: (random) => bytes(random, 64) },
  { name: "subscribe", weight: 6, payload: (random) => `{"type":"subscribe","to":["light/${random.below(8)}"]}` },
  { name: "setName", weight: 4, payload: (random) => `{"type":"setName","name":"Küche ${random.below(9)} 💡 – oben"}` },
  {
    name: "setConfig",
    weight: 3,
    payload: (random) => `{"type":"setConfig","wifi":"${"x".repeat(random.below(160))}"}`,
  },
];

const REJECTIONS: readonly { readonly reason: Reason; readonly weight: number }[] = [
  { reason: Reason.rateLimit, weight: 5 },
  { reason: Reason.parseError, weight: 3 },
  { reason: Reason.sizeLimit, weight: 1 },
  { reason: Reason.authFailed, weight: 1 },
];

const MOST_CONNECTIONS = 4;
/** Clients that know the device; one that reconnects has the same id and address. */
const CLIENTS = 16;
const CONNECT_CHANCE = 0.04;
const HANDSHAKE_CHANCE = 0.95;
const REJECT_CHANCE = 0.06;
const REPLY_CHANCE = 0.8;
const PUSH_CHANCE = 0.1;
/** Mean number of messages of a connection. */
const SESSION_MESSAGES = 60;
/** Mean number of events in a burst; within it, gaps are a fifth of the mean gap. */
const BURST_EVENTS = 8;
const BURST_GAP = 0.2;
const BOOT_MS = 400;

interface Client {
  readonly connection: Connection;
  isConnected: boolean;
  messagesLeft: number;
  /** The message that waits for its reply. */
  owed: MessageType | undefined;
}

/**
 * The events of one device: clients connect, complete the handshake or fail, send bursts of messages, some of which are
 * rejected, get replies, leave and come back, until the device reboots. Each step is one call of an emitter, so one
 * event. It is determined by the random numbers alone: the same seed gives the same calls at the same times, whatever
 * they cause.
 */
export class Traffic {
  readonly #random: Random;
  readonly #rebootEvery: number;
  readonly #gapMs: number;
  #clients: Client[] = [];
  #nextMs: number;

  constructor(random: Random, { rate, rebootEvery }: TrafficOptions) {
    this.#random = random;
    this.#rebootEvery = rebootEvery;
    this.#gapMs = 1000 / rate;
    this.#nextMs = this.#bootMs();
  }

  /** When the next call is due, in ms since the device's boot. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /**
   * Makes the call that is due. False: the device reboots instead, and the next call belongs to a new boot; nothing is
   * called.
   */
  step(target: TrafficTarget): boolean {
    const random = this.#random;
    if (this.#rebootEvery > 0 && random.chance(1 / this.#rebootEvery)) {
      this.#clients = [];
      this.#nextMs = this.#bootMs();
      return false;
    }
    const isBurst = !random.chance(1 / BURST_EVENTS);
    const gap = isBurst ? BURST_GAP : BURST_EVENTS - BURST_GAP * (BURST_EVENTS - 1);
    this.#nextMs += random.exponential(gap * this.#gapMs);
    const count = this.#clients.length;
    if (count === 0 || (count < MOST_CONNECTIONS && random.chance(CONNECT_CHANCE))) this.#connect(target);
    else this.#act(random.below(count), target);
    return true;
  }

  #bootMs(): number {
    return BOOT_MS + this.#random.exponential(BOOT_MS);
  }

  #connect(target: TrafficTarget): void {
    const client = this.#random.below(CLIENTS);
    // Some proxies do not say whose connection it is.
    const connection = client === 0 ? target.connect(0) : target.connect(client, `192.168.0.${20 + client}`);
    const messagesLeft = Math.ceil(this.#random.exponential(SESSION_MESSAGES));
    this.#clients.push({ connection, isConnected: false, messagesLeft, owed: undefined });
  }

  #act(index: number, target: TrafficTarget): void {
    const client = this.#clients[index]!;
    const { connection } = client;
    if (!client.isConnected && this.#random.chance(HANDSHAKE_CHANCE)) {
      client.isConnected = true;
      connection.connected();
    } else if (!client.isConnected || client.messagesLeft === 0) {
      this.#clients.splice(index, 1);
      connection.disconnected();
    } else {
      client.messagesLeft--;
      this.#message(client, target);
    }
  }

  #message(client: Client, target: TrafficTarget): void {
    const random = this.#random;
    const { connection, owed } = client;
    client.owed = undefined;
    if (owed) {
      connection.sent(target.messageType(owed.name));
      return;
    }
    const type = random.pick(MESSAGE_TYPES);
    const payload = type.payload?.(random);
    if (random.chance(PUSH_CHANCE)) {
      connection.sent(target.messageType(type.name), payload);
      return;
    }
    if (random.chance(REJECT_CHANCE)) {
      const { reason } = random.pick(REJECTIONS);
      // A message that cannot be parsed has no type either.
      if (reason === Reason.parseError) connection.rejected(reason, 0, '{"type":"setLi');
      else connection.rejected(reason, target.messageType(type.name), payload);
      return;
    }
    if (random.chance(REPLY_CHANCE)) client.owed = type;
    connection.received(target.messageType(type.name), payload);
  }
}

function bytes(random: Random, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256));
}
