/** What a drainer takes, and what it reports. */
import type { OpenSink } from "./sink.ts";
import type { DrainTimer } from "./timer.ts";

/** Where packets come from: a Reader, or a store of packets. */
export interface PacketSource {
  /** Writes the next packet into buffer. Returns its bytes, 0 if nothing waits. */
  next(buffer: Uint8Array): number;
  /** The next packets send all tokens again, where there are any. */
  repeatTokens?(): void;
  /** A Reader's, whose drained, overwritten and pending events flush() goes by. It learns nothing from others. */
  counters?(): object;
}

/** What flush() came to. */
export interface FlushResult {
  /** A sink took all that there was when flush() was called. */
  readonly isDone: boolean;
  /** Events of then that still wait in the source. Undefined where it does not count events, as a flash store. */
  readonly leftEvents: number | undefined;
  /** 1 if a packet is in hand that no sink has taken, else 0. */
  readonly inHand: number;
}

export interface DrainerOptions {
  readonly source: PacketSource;
  /** Opens the sink; again after each failure. */
  readonly open: OpenSink;
  /** Time between two ticks, 1 to 60,000 ms. Default 100. The times below are counted in ticks, rounded up. */
  readonly everyMs?: number;
  /** Most packets moved in a slice, 1 to 1,000: by a tick, or when the sink says it is writable. Default 4. */
  readonly packetsPerSlice?: number;
  /** Bytes of the one packet buffer, 256 to 65,536. Default 1,400. Packets are no longer than the sink takes. */
  readonly packetBytes?: number;
  /** Time from a sink's failure to the next opening, 1 to 86,400,000 ms; twice that for each further one. Default 1,000. */
  readonly retryMs?: number;
  /** The doubling ends here, `retryMs` to 86,400,000 ms. Default 60,000, or `retryMs` if that is more. */
  readonly mostRetryMs?: number;
  /** A sink that has not taken a packet for that long is broken, 1 to 86,400,000 ms. Default 60,000: more than connecting takes. */
  readonly stallMs?: number;
  /** Tokens are sent again after that long, 1 to 86,400,000 ms. Default 60,000. */
  readonly tokensEveryMs?: number;
  /** Default: the platform's. */
  readonly timer?: DrainTimer;
}

/** What a drainer has done since it was made. A packet that is lost shows to the reader of the packets as a gap in their numbers. */
export interface DrainerCounters {
  /** Packets that a sink took, and their bytes. */
  readonly packets: number;
  readonly bytes: number;
  /** 1 while a packet waits that the source has given and no sink has taken, else 0. */
  readonly inHand: number;
  /** Packets given up: longer than a sink takes that was opened later, or in hand at close(). */
  readonly dropped: number;
  /** write() said: not now. */
  readonly refusals: number;
  /** Sinks opened. */
  readonly opens: number;
  /** Sinks that could not be opened, or broke: by a throw, by onError(), or because they stalled. */
  readonly failures: number;
  /** Those of the failures that were stalls. */
  readonly stalls: number;
  /** Sinks whose close() threw. */
  readonly closeFailures: number;
  /** Calls of the source that threw, or gave no number of bytes. */
  readonly sourceFailures: number;
}
