/** What a drainer takes, and what it reports. */
import type { OpenSink } from "./sink.ts";
import type { DrainTimer } from "./timer.ts";

/** A source of packets: a Reader, or a store of packets. */
export interface PacketSource {
  /** Writes the next packet into buffer. Returns its bytes, 0 if nothing waits. */
  next(buffer: Uint8Array): number;
  /** Makes the next packets repeat all tokens, if there are any. */
  repeatTokens?(): void;
  /**
   * Counters of a Reader: flush() relies on its drained, overwritten and pending events. Without them it learns
   * nothing.
   */
  counters?(): object;
}

/** The result of flush(). */
export interface FlushResult {
  /** A sink took everything that was there when flush() was called. */
  readonly isDone: boolean;
  /**
   * Events of that moment that still wait in the source. Undefined if the source does not count events, as a flash
   * store.
   */
  readonly leftEvents: number | undefined;
  /** 1 if a packet is in hand that no sink has taken, else 0. */
  readonly inHand: number;
}

export interface DrainerOptions {
  readonly source: PacketSource;
  /** Opens the sink, and opens it again after each failure. */
  readonly open: OpenSink;
  /** Time between two ticks, 1 to 60,000 ms. Default 100. The times below are counted in ticks, rounded up. */
  readonly everyMs?: number;
  /** Most packets moved at once, by a tick or when the sink becomes writable: 1 to 1,000. Default 4. */
  readonly packetsPerSlice?: number;
  /** Bytes of the one packet buffer, 256 to 65,536. Default 1,400. A packet is never longer than the sink accepts. */
  readonly packetBytes?: number;
  /**
   * Time from a failure of the sink to the next attempt to open it, 1 to 86,400,000 ms; doubled with each further
   * failure. Default 1,000.
   */
  readonly retryMs?: number;
  /** Upper limit of that doubling, `retryMs` to 86,400,000 ms. Default 60,000, or `retryMs` if that is more. */
  readonly mostRetryMs?: number;
  /**
   * A sink that takes no packet for this long counts as broken, 1 to 86,400,000 ms. Default 60,000: longer than
   * connecting takes.
   */
  readonly stallMs?: number;
  /** Tokens are repeated after this time, 1 to 86,400,000 ms. Default 60,000. */
  readonly tokensEveryMs?: number;
  /** Default: the platform's. */
  readonly timer?: DrainTimer;
}

/** What a drainer has done since it was made. A reader of the packets sees a lost one as a gap in their numbers. */
export interface DrainerCounters {
  /** Packets that a sink took, and their bytes. */
  readonly packets: number;
  readonly bytes: number;
  /** 1 while it holds a packet that no sink has taken yet, else 0. */
  readonly inHand: number;
  /** Packets given up: longer than a sink that was opened later accepts, or in hand at close(). */
  readonly dropped: number;
  /** How often write() refused. */
  readonly refusals: number;
  /** Sinks opened. */
  readonly opens: number;
  /** Sinks that could not be opened, or that failed: they threw, called onError(), or stalled. */
  readonly failures: number;
  /** Failures that were stalls. */
  readonly stalls: number;
  /** Sinks that threw in close(). */
  readonly closeFailures: number;
  /** Calls of the source that threw, or did not return a number of bytes. */
  readonly sourceFailures: number;
}
