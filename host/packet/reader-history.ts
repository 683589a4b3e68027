import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES, SLOT_BYTES, TIME_JUMP_MS } from "../../src/ring/packet-layout.ts";
import type { Content, Damage, PacketHeader } from "./packet.ts";

/** How a packet relates to those before it. */
export interface Verdict {
  /** False: a repetition, or damaged; its records must not be used. */
  readonly accepted: boolean;
  /** The problem to report, accepted or not. */
  readonly problem: Damage | undefined;
  /** New losses on the device: overwritten before they were read, or refused. */
  readonly lostOnDevice: number;
  /** Events in packets, or parts of packets, that did not arrive. */
  readonly lostInTransit: number;
  /** Events in packets before the first one seen of this reader. */
  readonly beforeFirst: number;
  /** Packets missing since the last one of this reader and stream, not counting those before the first one seen. */
  readonly missingPackets: number;
}

/** The most records of one slot that fit in a packet. */
const MAX_PACKET_EVENTS = (MAX_PACKET_BYTES - PACKET_HEADER_BYTES) / SLOT_BYTES;
const NO_LOSS = { lostOnDevice: 0, lostInTransit: 0, beforeFirst: 0, missingPackets: 0 };

/**
 * The packets of one boot and reader, one after the other: finds repetitions, losses on the device, losses on the way,
 * and implausible headers. events_discarded and first_event_seq of any two packets say how many events the packets
 * between them held, so both kinds of loss are exact. Holds a few numbers; each call costs the same.
 */
export class ReaderHistory {
  #dataPackets = 0; // number of the last data packet, 0 before the first
  #tokenPackets = 0;
  #nextEventSeq = 0;
  #discarded = 0; // losses on the device before #nextEventSeq
  #endMs = 0;
  #complete = true; // the last data packet arrived whole
  #trusted = true; // the last data packet fits the one right before it, so a packet that does not fit is itself wrong

  /** Returns a function that undoes all calls from here on: for a caller that cannot keep a packet after all. */
  mark(): () => void {
    const marked = new ReaderHistory();
    marked.#take(this);
    return () => this.#take(marked);
  }

  /**
   * Number and content of the next data packet, which is consistent in itself. Call it once for each, in order of
   * arrival.
   */
  data(header: PacketHeader, content: Content): Verdict {
    const { packetNumber, eventsDiscarded, firstEventSeq, timestampBegin } = header;
    const first = this.#dataPackets === 0;
    const gap = firstEventSeq - this.#nextEventSeq;
    const lossesBefore = eventsDiscarded - this.#discarded - content.lost;
    const lostOnDevice = content.complete ? lossesBefore : Math.min(gap, lossesBefore);
    const lostInTransit = gap - lostOnDevice;
    const follows = gap >= 0 && lossesBefore >= 0 && lostInTransit >= 0 && timestampBegin >= this.#endMs;

    let missingPackets = packetNumber - this.#dataPackets - 1;
    if (missingPackets < 0) {
      // A number that damage has increased must not turn the packets after it into repetitions.
      const next = !this.#trusted && follows && lostInTransit === 0 && content.events + content.lost > 0;
      if (!next) return repeated(packetNumber, this.#dataPackets, "data");
      missingPackets = 0;
    }
    const wrong = follows
      ? this.#implausible(header, content, missingPackets, gap, lostInTransit)
      : `first_event_seq ${firstEventSeq}, events_discarded ${eventsDiscarded} and timestamp_begin ${timestampBegin} go back: ` +
        `after packet ${this.#dataPackets} they were ${this.#nextEventSeq}, ${this.#discarded} and ${this.#endMs}`;
    const problem = wrong === undefined ? undefined : { code: "E_COUNTS", message: wrong };
    if (problem && this.#trusted) {
      this.#trusted = false; // if this packet is right after all, the next one is taken
      return { ...NO_LOSS, accepted: false, problem };
    }
    this.#trusted = !problem && content.complete && this.#complete && missingPackets === 0;
    this.#complete = content.complete;
    this.#dataPackets = packetNumber;
    this.#endMs = header.timestampEnd;
    this.#nextEventSeq = firstEventSeq + content.events + content.lost;
    this.#discarded = problem ? eventsDiscarded : this.#discarded + lostOnDevice + content.lost;
    if (problem) return { ...NO_LOSS, accepted: true, problem, lostOnDevice: content.lost };
    return {
      accepted: true,
      problem: missingPackets === 0 ? undefined : missing(packetNumber, missingPackets, lostInTransit, first),
      lostOnDevice: lostOnDevice + content.lost,
      lostInTransit: first ? 0 : lostInTransit,
      beforeFirst: first ? lostInTransit : 0,
      missingPackets: first ? 0 : missingPackets,
    };
  }

  /** The next token packet. A repeated one is not accepted, but its names are as true as before. */
  tokens(packetNumber: number): Verdict {
    const last = this.#tokenPackets;
    if (packetNumber <= last) return repeated(packetNumber, last, "token");
    this.#tokenPackets = packetNumber;
    const missingPackets = last === 0 ? 0 : packetNumber - last - 1;
    // Not spread: in Node 20 each object made that way survives until a full garbage collection.
    return {
      accepted: true,
      problem: undefined,
      lostOnDevice: 0,
      lostInTransit: 0,
      beforeFirst: 0,
      missingPackets,
    };
  }

  #take(other: ReaderHistory): void {
    this.#dataPackets = other.#dataPackets;
    this.#tokenPackets = other.#tokenPackets;
    this.#nextEventSeq = other.#nextEventSeq;
    this.#discarded = other.#discarded;
    this.#endMs = other.#endMs;
    this.#complete = other.#complete;
    this.#trusted = other.#trusted;
  }

  /**
   * Returns why counts that do not go back are impossible all the same; undefined if they are possible. `gap`: events
   * lost since the last packet.
   */
  #implausible(
    { packetNumber, timestampBegin }: PacketHeader,
    { jumpMs }: Content,
    missingPackets: number,
    gap: number,
    lostInTransit: number,
  ): string | undefined {
    const between = `between packets ${this.#dataPackets} and ${packetNumber}`;
    const lacking = missingPackets + (this.#complete ? 0 : 1);
    if (lostInTransit > lacking * MAX_PACKET_EVENTS)
      return `${lostInTransit} events are missing ${between}, more than those packets can hold`;
    const elapsedMs = timestampBegin - this.#endMs;
    // Each packet holds a record: an event, a loss, a time jump, or, in the first one, the boot's record.
    const boots = this.#dataPackets === 0 ? 1 : 0;
    if (missingPackets > gap + boots + elapsedMs / TIME_JUMP_MS)
      return `only ${gap} events are missing ${between}, too few for those packets`;
    // A missing time jump means nothing: it may be the only record that was overwritten.
    const neighbours = this.#dataPackets > 0 && lacking === 0 && gap === 0;
    if (neighbours && jumpMs > 0 && elapsedMs !== jumpMs)
      return `${elapsedMs} ms passed ${between}, but the _time_jump says ${jumpMs}`;
    return undefined;
  }
}

function repeated(packetNumber: number, last: number, stream: string): Verdict {
  const message = `${stream} packet ${packetNumber} comes after ${stream} packet ${last}: ignored as a repetition`;
  return { ...NO_LOSS, accepted: false, problem: { code: "W_REPEATED", message } };
}

function missing(packetNumber: number, missingPackets: number, events: number, first: boolean): Damage {
  const from = packetNumber - missingPackets;
  const packets = missingPackets === 1 ? `packet ${from} is` : `packets ${from} to ${packetNumber - 1} are`;
  const noun = events === 1 ? "event" : "events";
  return first
    ? {
        code: "W_LATE",
        message: `the first packet of this boot and reader; ${packets} missing before it, with ${events} ${noun}`,
      }
    : { code: "W_LOST_IN_TRANSIT", message: `${packets} missing: ${events} ${noun} lost on the way` };
}
