import { platformTimer } from "#timer";
import type { Reader } from "../ring/api.ts";
import { checkMethods, checkNames, checkNumber, refuse } from "../ring/options.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import {
  ACCEPTED,
  ALIVE,
  isToken,
  MOST_TOKEN_CHARACTERS,
  REFUSED_BUSY,
  REFUSED_TOKEN,
  SILENT_MS,
  TAKEN,
} from "./listener-words.ts";
import type { DrainTimer } from "./timer.ts";

export { SUBPROTOCOL } from "./listener-words.ts";
export type { DrainTimer } from "./timer.ts";

/** The part of a Telemetry that is used. */
export interface ReaderSource {
  reader(): Reader;
}

/** A connection of a WebSocket server, as its adapter hands it over. */
export interface ListenerConnection {
  /**
   * Sends a text, or a packet as a binary message. Throws if that is impossible, or if too much already waits to be
   * sent.
   */
  send(message: string | ArrayBuffer): void;
  close(): void;
}

/** What the adapter reports of it. Neither call throws. */
export interface ListenerEvents {
  /** A message has arrived; undefined: a binary one. */
  heard(text: string | undefined): void;
  /** The connection is closed. */
  gone(): void;
}

export interface ListenersOptions {
  readonly telemetry: ReaderSource;
  /** The token that a listener must send first: 1 to 64 characters of visible ASCII. Without this option anything is accepted; `undefined` is refused. */
  readonly token?: string;
  /** Listeners at a time, 1 to 16. Default 2. As many again may be connected that have not sent their token yet. */
  readonly most?: number;
  /**
   * Bytes of the longest packet, 256 to 65,535; each listener has a buffer of this size. Default 1,000: sockets of
   * Moddable's simulators take no more at once.
   */
  readonly packetBytes?: number;
  /** Default: the platform's. */
  readonly timer?: DrainTimer;
}

/** What has happened since construction. */
export interface ListenersCounters {
  /** Listeners that are connected and accepted now. */
  readonly listeners: number;
  readonly accepted: number;
  readonly refusedTokens: number;
  readonly refusedBusy: number;
  /** Packets that a listener has acknowledged, and their bytes. */
  readonly packets: number;
  readonly bytes: number;
  /** Packets in hand of a place that was given up. */
  readonly dropped: number;
  /**
   * Connections closed because they were silent for 30 s, or for 10 s before their token, or because too many waited to
   * send it.
   */
  readonly silent: number;
  /** Connections closed because they sent what no listener sends, or could not be written to. */
  readonly failures: number;
}

const OPTIONS: readonly string[] = Object.freeze(["telemetry", "token", "most", "packetBytes", "timer"]);
const READER: readonly string[] = Object.freeze(["reader"]);
const TIMER: readonly string[] = Object.freeze(["repeat", "clear"]);
const MOST_LISTENERS = 16;
const EVERY_MS = 100;
const SILENT_TICKS = SILENT_MS / EVERY_MS;
const TOKEN_TICKS = 10_000 / EVERY_MS;
/** An idle place is checked once a second only: counters() makes an object. */
const IDLE_TICKS = 1_000 / EVERY_MS;

/**
 * A reader, and a packet that was read and is not acknowledged. It outlives its listener: the next listener continues
 * where that one stopped.
 */
interface Place {
  readonly reader: Reader;
  readonly buffer: Uint8Array;
  /** Bytes of the packet in hand, 0 if there is none. */
  inHand: number;
  listener: Listener | undefined;
  idleTicks: number;
  /** Events that were refused when the listener left. */
  discarded: number;
}

interface Listener {
  readonly connection: ListenerConnection;
  /** Undefined until its token is accepted. */
  place: Place | undefined;
  /** Nothing more is sent to it. */
  isOver: boolean;
  /** The packet in hand was sent. */
  isSent: boolean;
  /** Ticks since it was last heard. */
  silentTicks: number;
}

/**
 * Gives packets to clients of a WebSocket server that ask for the subprotocol `xs-telemetry`, as docs/links.md
 * describes. A listener gets the next packet when it has acknowledged the last one, so at most one packet waits for
 * each listener. When a listener leaves, its place stays: the next listener continues there, with the packet that was
 * not acknowledged. A place without a listener is given up once the ring refuses events, because the place may be the
 * cause; the next listener then begins with the oldest record.
 *
 * The constructor throws TypeError or RangeError that names the option, its value and what is allowed. Until a
 * connection is handed over, nothing is allocated and no timer runs; then a reader and a buffer are allocated for each
 * place. After that nothing throws. On XS a tick that moves nothing allocates nothing, except the counters, once a
 * second, for a place without a listener. A packet costs one copy.
 */
export class Listeners {
  readonly #telemetry: ReaderSource;
  readonly #token: string | undefined;
  readonly #most: number;
  readonly #packetBytes: number;
  readonly #timer: DrainTimer;
  #handle: unknown;
  #isClosed = false;
  readonly #places: Place[] = [];
  /** Have not sent their token yet. */
  readonly #waiting: Listener[] = [];
  /** Closed by the next tick, because a server may still be reading the message that it has reported. */
  #ending: ListenerConnection[] = [];

  #accepted = 0;
  #refusedTokens = 0;
  #refusedBusy = 0;
  #packets = 0;
  #bytes = 0;
  #dropped = 0;
  #silent = 0;
  #failures = 0;

  constructor(options: ListenersOptions) {
    checkNames(options, OPTIONS);
    const { telemetry, token, most = 2, packetBytes = 1_000, timer = platformTimer() } = options;
    checkMethods("telemetry", telemetry, READER);
    // A token that was meant to be there, and is not, must not open the door to all.
    if ("token" in options && !isToken(token))
      refuse("token", `a string of 1 to ${MOST_TOKEN_CHARACTERS} characters of visible ASCII`, typeof token);
    checkNumber("most", most, 1, MOST_LISTENERS);
    checkNumber("packetBytes", packetBytes, MIN_PACKET_BUFFER_BYTES, MAX_PACKET_BYTES - 1); // Moddable's write() takes no more
    checkMethods("timer", timer, TIMER);
    this.#telemetry = telemetry;
    this.#token = token;
    this.#most = most;
    this.#packetBytes = packetBytes;
    this.#timer = timer;
  }

  /** The counts so far. Allocates the object. */
  counters(): ListenersCounters {
    return {
      listeners: this.#places.filter(({ listener }) => listener !== undefined).length,
      accepted: this.#accepted,
      refusedTokens: this.#refusedTokens,
      refusedBusy: this.#refusedBusy,
      packets: this.#packets,
      bytes: this.#bytes,
      dropped: this.#dropped,
      silent: this.#silent,
      failures: this.#failures,
    };
  }

  /** For adapters: a client has asked for the subprotocol. Nothing is sent to it before it has sent its token. */
  accept(connection: ListenerConnection): ListenerEvents {
    const listener: Listener = { connection, place: undefined, isOver: false, isSent: false, silentTicks: 0 };
    this.#handle ??= this.#timer.repeat(() => this.#tick(), EVERY_MS);
    this.#waiting.push(listener);
    if (this.#isClosed) this.#end(listener);
    else if (this.#waiting.length > this.#most) {
      this.#silent++;
      this.#end(this.#waiting[0]!);
    }
    return {
      heard: (text) => {
        if (!listener.isOver) this.#heard(listener, text);
      },
      gone: () => {
        if (!listener.isOver) this.#leave(listener);
        this.#ending = this.#ending.filter((ending) => ending !== connection);
      },
    };
  }

  /**
   * Closes all connections and readers. Connections that are handed over later are closed. Closing twice does nothing.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of [...this.#waiting]) this.#end(listener);
    for (const place of [...this.#places]) {
      if (place.listener) this.#end(place.listener);
      this.#release(place);
    }
  }

  #tick(): void {
    // From the end, because they leave during the loop; by index, which allocates nothing.
    const waiting = this.#waiting;
    for (let index = waiting.length - 1; index >= 0; index--) this.#age(waiting[index]!, TOKEN_TICKS);
    const places = this.#places;
    for (let index = places.length - 1; index >= 0; index--) {
      const place = places[index]!;
      const { listener } = place;
      if (listener === undefined) this.#idle(place);
      else if (this.#age(listener, SILENT_TICKS) && !listener.isSent) this.#move(listener, place);
    }
    const ending = this.#ending;
    if (ending.length > 0) {
      this.#ending = [];
      for (const connection of ending) this.#closeConnection(connection);
    }
    if (this.#isClosed) this.#stop();
  }

  /** Returns false if it was silent for too long. */
  #age(listener: Listener, most: number): boolean {
    if (++listener.silentTicks <= most) return true;
    this.#silent++;
    this.#end(listener);
    return false;
  }

  /** Under "discard" a reader holds the ring back: one that nobody waits for must not. */
  #idle(place: Place): void {
    if (++place.idleTicks % IDLE_TICKS === 0 && place.reader.counters().discarded > place.discarded)
      this.#release(place);
  }

  #heard(listener: Listener, text: string | undefined): void {
    const { place } = listener;
    listener.silentTicks = 0;
    if (place === undefined) this.#admit(listener, text ?? "");
    else if (text === ALIVE) this.#say(listener, ALIVE);
    else if (text === TAKEN && listener.isSent) {
      this.#packets++;
      this.#bytes += place.inHand;
      place.inHand = 0;
      listener.isSent = false;
      this.#move(listener, place);
    } else {
      this.#failures++;
      this.#end(listener);
    }
  }

  #admit(listener: Listener, token: string): void {
    if (this.#token !== undefined && !isSame(token, this.#token)) {
      this.#refusedTokens++;
      this.#refuse(listener, REFUSED_TOKEN);
      return;
    }
    const place = this.#place();
    if (place === undefined) {
      this.#refusedBusy++;
      this.#refuse(listener, REFUSED_BUSY);
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(listener), 1);
    listener.place = place;
    place.listener = listener;
    place.reader.repeatTokens(); // the listener may be another one by now
    this.#accepted++;
    this.#say(listener, ACCEPTED);
    if (!listener.isOver) this.#move(listener, place);
  }

  #refuse(listener: Listener, why: string): void {
    this.#say(listener, why);
    if (!listener.isOver) this.#end(listener);
  }

  /** Returns a place without a listener, or a new one; undefined if there are as many as allowed. */
  #place(): Place | undefined {
    const idle = this.#places.find(({ listener }) => listener === undefined);
    if (idle !== undefined || this.#places.length >= this.#most) return idle;
    const place: Place = {
      reader: this.#telemetry.reader(),
      buffer: new Uint8Array(this.#packetBytes),
      inHand: 0,
      listener: undefined,
      idleTicks: 0,
      discarded: 0,
    };
    this.#places.push(place);
    return place;
  }

  /** Sends the packet in hand, or the next one, if there is one. */
  #move(listener: Listener, place: Place): void {
    if (place.inHand === 0) place.inHand = place.reader.next(place.buffer);
    if (place.inHand === 0) return;
    listener.isSent = true;
    this.#say(listener, place.buffer.buffer.slice(0, place.inHand) as ArrayBuffer);
  }

  #say(listener: Listener, message: string | ArrayBuffer): void {
    try {
      listener.connection.send(message);
    } catch {
      this.#failures++;
      this.#end(listener);
    }
  }

  /** The connection is to be closed. */
  #end(listener: Listener): void {
    this.#leave(listener);
    this.#ending.push(listener.connection);
  }

  #leave(listener: Listener): void {
    listener.isOver = true;
    const { place } = listener;
    if (place === undefined) {
      this.#waiting.splice(this.#waiting.indexOf(listener), 1);
      return;
    }
    place.listener = undefined;
    place.idleTicks = 0;
    place.discarded = place.reader.counters().discarded;
  }

  #release(place: Place): void {
    if (place.inHand > 0) this.#dropped++;
    place.reader.close();
    this.#places.splice(this.#places.indexOf(place), 1);
  }

  #closeConnection(connection: ListenerConnection): void {
    try {
      connection.close();
    } catch {
      this.#failures++;
    }
  }

  #stop(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle !== undefined) this.#timer.clear(handle);
  }
}

/** Takes as long for a wrong token as for the right one. */
function isSame(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let index = 0; index < token.length; index++) difference |= token.charCodeAt(index) ^ given.charCodeAt(index);
  return difference === 0;
}
