import { platformTimer } from "#timer";
import type { Counters } from "../ring/api.ts";
import { checkFunction, checkMethods, checkNames, checkNumber } from "../ring/options.ts";
import { MAX_PACKET_BYTES, MIN_PACKET_BUFFER_BYTES } from "../ring/packet-layout.ts";
import type { DrainerCounters, DrainerOptions, FlushResult, PacketSource } from "./api.ts";
import type { OpenSink, Sink, SinkEvents } from "./sink.ts";
import type { DrainTimer } from "./timer.ts";

export type { DrainerCounters, DrainerOptions, FlushResult, PacketSource } from "./api.ts";
export type { OpenSink, Sink, SinkEvents } from "./sink.ts";
export type { DrainTimer } from "./timer.ts";

const OPTIONS: readonly string[] = Object.freeze([
  "source",
  "open",
  "everyMs",
  "packetsPerSlice",
  "packetBytes",
  "retryMs",
  "mostRetryMs",
  "stallMs",
  "tokensEveryMs",
  "timer",
]);
const SOURCE_METHODS: readonly string[] = Object.freeze(["next"]);
const TIMER_METHODS: readonly string[] = Object.freeze(["repeat", "clear"]);
const MAX_EVERY_MS = 60_000;
const MAX_MS = 86_400_000;
const MAX_PACKETS_PER_SLICE = 1_000;

/** A flush() that waits. */
interface Flush {
  /**
   * The value of drained + overwritten at which everything has been given that was there; undefined: when the source is
   * empty.
   */
  readonly target: number | undefined;
  /** Packets given up before it. */
  readonly dropped: number;
  leftTicks: number;
  readonly resolve: (result: FlushResult) => void;
}

/**
 * Moves packets from a source to a sink, a slice at a time: with each tick of a timer, and when a sink that refused
 * becomes writable. It holds one packet until a sink takes it. A packet that a sink refuses, or fails on, is offered
 * again; a reader of the packets drops repeated ones by their numbers.
 *
 * The constructor throws TypeError or RangeError that names the option, its value and what is allowed, and allocates
 * the packet buffer. The first tick opens the sink. After that nothing throws, whatever source, sink and timer do. On
 * XS a tick that moves nothing allocates nothing, and moving a packet allocates only what source and sink allocate;
 * opening a sink allocates.
 */
export class Drainer {
  readonly #source: PacketSource;
  readonly #openSink: OpenSink;
  readonly #timer: DrainTimer;
  readonly #handle: unknown;
  readonly #packetsPerSlice: number;
  // In ticks.
  readonly #retryTicks: number;
  readonly #mostRetryTicks: number;
  readonly #stallTicks: number;
  readonly #tokensEveryTicks: number;
  readonly #everyMs: number;

  readonly #memory: Uint8Array;
  /** The part of the memory that the open sink accepts. */
  #buffer: Uint8Array;
  /** Bytes of the packet in hand, 0 if there is none. */
  #inHand = 0;
  #sink: Sink | undefined;
  /** Only calls with this number count: those of the sink that is open, or being opened. */
  #events: SinkEvents | undefined;
  /** Source or sink are being called: their callbacks are only noted. */
  #isBusy = false;
  #isBroken = false;
  #isClosed = false;
  /** Ticks until the sink is opened. */
  #waitTicks = 0;
  #nextRetryTicks: number;
  /** Ticks since the sink was opened, took a packet, or was offered one. */
  #stalledTicks = 0;
  #tokenTicks = 0;
  #flushes: Flush[] = [];

  #packets = 0;
  #bytes = 0;
  #dropped = 0;
  #refusals = 0;
  #opens = 0;
  #failures = 0;
  #stalls = 0;
  #closeFailures = 0;
  #sourceFailures = 0;

  constructor(options: DrainerOptions) {
    checkNames(options, OPTIONS);
    const { source, open, everyMs = 100, packetsPerSlice = 4, packetBytes = 1_400 } = options;
    const { retryMs = 1_000, stallMs = 60_000, tokensEveryMs = 60_000, timer = platformTimer() } = options;
    checkMethods("source", source, SOURCE_METHODS);
    checkFunction("open", open);
    checkNumber("everyMs", everyMs, 1, MAX_EVERY_MS);
    checkNumber("packetsPerSlice", packetsPerSlice, 1, MAX_PACKETS_PER_SLICE);
    checkNumber("packetBytes", packetBytes, MIN_PACKET_BUFFER_BYTES, MAX_PACKET_BYTES);
    checkNumber("retryMs", retryMs, 1, MAX_MS);
    const { mostRetryMs = Math.max(retryMs, 60_000) } = options;
    checkNumber("mostRetryMs", mostRetryMs, retryMs, MAX_MS);
    checkNumber("stallMs", stallMs, 1, MAX_MS);
    checkNumber("tokensEveryMs", tokensEveryMs, 1, MAX_MS);
    checkMethods("timer", timer, TIMER_METHODS);
    this.#source = source;
    this.#openSink = open;
    this.#timer = timer;
    this.#packetsPerSlice = packetsPerSlice;
    this.#everyMs = everyMs;
    this.#retryTicks = this.#nextRetryTicks = Math.ceil(retryMs / everyMs);
    this.#mostRetryTicks = Math.ceil(mostRetryMs / everyMs);
    this.#stallTicks = Math.ceil(stallMs / everyMs);
    this.#tokensEveryTicks = Math.ceil(tokensEveryMs / everyMs);
    this.#memory = this.#buffer = new Uint8Array(packetBytes);
    this.#handle = timer.repeat(() => this.#tick(), everyMs);
  }

  /** The counts so far. Allocates the object. */
  counters(): DrainerCounters {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      inHand: this.#inHand > 0 ? 1 : 0,
      dropped: this.#dropped,
      refusals: this.#refusals,
      opens: this.#opens,
      failures: this.#failures,
      stalls: this.#stalls,
      closeFailures: this.#closeFailures,
      sourceFailures: this.#sourceFailures,
    };
  }

  /**
   * Call it before deep sleep, a restart, or the end of a program. Resolves as soon as a sink has taken everything that
   * had been emitted by then, or after `timeoutMs` with what is left; 1 to 86,400,000, counted in ticks. Moves up to
   * 1,000 packets at once, whatever packetsPerSlice is, and does not wait for retryMs. Never rejects; throws RangeError
   * if timeoutMs is out of range. What "taken" means depends on the sink: a datagram that was sent may still be lost.
   */
  flush(timeoutMs = 1_000): Promise<FlushResult> {
    checkNumber("timeoutMs", timeoutMs, 1, MAX_MS);
    return new Promise((resolve) => {
      const given = this.#givenEvents();
      const target = given && given.gone + given.pending;
      this.#flushes.push({ target, dropped: this.#dropped, leftTicks: Math.ceil(timeoutMs / this.#everyMs), resolve });
      if (this.#isClosed) this.#endFlushes();
      else if (this.#isBusy)
        return; // work in progress continues, or a tick continues it
      else if (this.#sink === undefined) this.#open();
      this.#slice();
    });
  }

  /**
   * Stops the timer and closes the sink. What waits in the source stays there; a packet in hand is given up and counted
   * as dropped. Closing twice does nothing.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#timer.clear(this.#handle);
    } catch {
      // If the timer keeps ticking, it finds the drainer closed.
    }
    this.#drop();
    this.#closeSink();
    this.#endFlushes();
  }

  #tick(): void {
    if (this.#isBusy || this.#isClosed) return;
    if (++this.#tokenTicks >= this.#tokensEveryTicks) this.#repeatTokens();
    if (this.#isClosed) return; // perhaps by the source
    if (this.#sink === undefined) {
      if (--this.#waitTicks <= 0) this.#open();
    } else if (this.#inHand === 0) this.#stalledTicks = 0;
    else if (++this.#stalledTicks > this.#stallTicks) {
      this.#stalls++;
      this.#fail();
    }
    this.#slice(); // does nothing without a sink
    if (this.#flushes.length === 0) return; // a tick with nothing to do allocates nothing
    for (const flush of this.#flushes) flush.leftTicks--;
    this.#settleFlushes();
  }

  #open(): void {
    const events: SinkEvents = {
      onWritable: () => {
        if (this.#events === events) this.#slice();
      },
      onError: () => {
        if (this.#events !== events) return;
        if (this.#isBusy) this.#isBroken = true;
        else this.#fail();
      },
    };
    this.#events = events;
    this.#isBroken = false;
    this.#isBusy = true;
    let sink: Sink | undefined;
    let mostBytes = 0;
    try {
      const open = this.#openSink;
      sink = open(events);
      mostBytes = Math.min(sink.maxPacketBytes, this.#memory.length); // a number, or it throws
      if (!(mostBytes >= MIN_PACKET_BUFFER_BYTES)) this.#isBroken = true;
    } catch {
      this.#isBroken = true;
    }
    this.#isBusy = false;
    this.#sink = sink;
    if (this.#isClosed) this.#closeSink();
    else if (this.#isBroken) this.#fail();
    else {
      this.#opens++;
      this.#stalledTicks = 0;
      const memory = this.#memory;
      // One view as long as the sink is open: a reader recognises it.
      this.#buffer = mostBytes < memory.length ? memory.subarray(0, Math.floor(mostBytes)) : memory;
      if (this.#inHand > this.#buffer.length) this.#drop();
      this.#repeatTokens();
    }
  }

  /**
   * Moves packets until the source is empty, the sink refuses, or the slice is full. Calls from inside it do nothing.
   */
  #slice(): void {
    if (this.#isBusy || this.#sink === undefined) return;
    this.#isBusy = true;
    const sink = this.#sink;
    let isSource = false;
    try {
      for (let left = this.#flushes.length > 0 ? MAX_PACKETS_PER_SLICE : this.#packetsPerSlice; left > 0; left--) {
        if (this.#inHand === 0) {
          isSource = true;
          const bytes = this.#source.next(this.#buffer);
          isSource = false;
          if (bytes === 0) {
            if (this.#flushes.length > 0) this.#settleFlushes(true);
            break;
          }
          // Not a number of bytes: there is nothing to send.
          if (!(Number.isInteger(bytes) && bytes > 0 && bytes <= this.#buffer.length)) {
            this.#sourceFailures++;
            break;
          }
          if (this.#isClosed) {
            this.#dropped++;
            break;
          }
          this.#inHand = bytes;
          this.#stalledTicks = 0;
          if (this.#isBroken) break;
        }
        const taken = sink.write(this.#buffer, this.#inHand);
        // A sink that failed on the packet may not have it; after close() it is already counted.
        if (this.#isBroken || this.#isClosed) break;
        if (!taken) {
          this.#refusals++;
          break;
        }
        this.#packets++;
        this.#bytes += this.#inHand;
        this.#inHand = 0;
        this.#stalledTicks = 0;
        this.#nextRetryTicks = this.#retryTicks;
        if (this.#flushes.length > 0) {
          this.#settleFlushes();
          if (this.#flushes.length === 0) break; // anything later can wait
        }
      }
    } catch {
      if (isSource) this.#sourceFailures++;
      else this.#isBroken = true;
    }
    this.#isBusy = false;
    if (this.#isBroken && !this.#isClosed) this.#fail();
  }

  /** Closes a failed sink, and waits before the next attempt: longer after each failure in a row. */
  #fail(): void {
    this.#failures++;
    this.#waitTicks = this.#nextRetryTicks;
    this.#nextRetryTicks = Math.min(this.#nextRetryTicks * 2, this.#mostRetryTicks);
    this.#closeSink();
  }

  #closeSink(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#events = undefined;
    this.#isBroken = false;
    try {
      sink?.close();
    } catch {
      this.#closeFailures++;
    }
  }

  /**
   * Events that have left the source, given or overwritten, and those that wait. Undefined if the source does not
   * report them.
   */
  #givenEvents(): { gone: number; pending: number } | undefined {
    try {
      const { drained, overwritten, pending } = (this.#source.counters?.() ?? {}) as Partial<Counters>;
      const gone = drained! + overwritten!;
      return gone + pending! >= 0 ? { gone, pending: pending! } : undefined;
    } catch {
      this.#sourceFailures++;
      return undefined;
    }
  }

  /** Ends the flushes that are complete, or out of time. `isEmpty`: the source has nothing left. */
  #settleFlushes(isEmpty = false): void {
    const inHand = this.#inHand > 0 ? 1 : 0;
    const gone = this.#givenEvents()?.gone;
    this.#flushes = this.#flushes.filter(({ target, dropped, leftTicks, resolve }) => {
      const leftEvents = gone === undefined || target === undefined ? undefined : Math.max(0, target - gone);
      const isThrough = inHand === 0 && (leftEvents === undefined ? isEmpty : leftEvents === 0);
      if (!isThrough && leftTicks > 0) return true;
      resolve({ isDone: isThrough && dropped === this.#dropped, leftEvents, inHand });
      return false;
    });
  }

  #endFlushes(): void {
    for (const flush of this.#flushes) flush.leftTicks = 0;
    this.#settleFlushes();
  }

  #drop(): void {
    if (this.#inHand > 0) this.#dropped++;
    this.#inHand = 0;
  }

  #repeatTokens(): void {
    this.#tokenTicks = 0;
    try {
      this.#source.repeatTokens?.();
    } catch {
      this.#sourceFailures++;
    }
  }
}
