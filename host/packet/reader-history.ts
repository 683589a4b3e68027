import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES, SLOT_BYTES, TIME_JUMP_MS } from "../../src/ring/packet-layout.ts";
import type { Content, Damage, PacketHeader } from "./packet.ts";

/** What a packet is after those before it. */
export interface Verdict {
  /** False: a repetition, or damaged; its records must not be used. */
  readonly accepted: boolean;
  /** What to report, accepted or not. */
  readonly problem: Damage | undefined;
  /** New losses on the device: overwritten before they were read, or refused. */
  readonly lostOnDevice: number;
  /** Events of packets, or parts of packets, that did not arrive. */
  readonly lostInTransit: number;
  /** Events of packets before the first one seen of this reader. */
  readonly beforeFirst: number;
  /** Packets missing since the last one of this reader and stream; those before the first one seen are none. */
  readonly missingPackets: number;
}

/** As many records of one slot fit in a packet. */
const MAX_PACKET_EVENTS = (MAX_PACKET_BYTES - PACKET_HEADER_BYTES) / SLOT_BYTES;
const NO_LOSS = { lostOnDevice: 0, lostInTransit: 0, beforeFirst: 0, missingPackets: 0 };

/**
 * The packets of one boot and reader, one after the other: tells repetitions, losses on the device, losses on the way, and
 * headers that cannot be true. From events_discarded and first_event_seq of any two packets follows how many events the
 * packets between them held, so both kinds of loss are exact. Holds a few numbers; each call costs the same.
 */
export class ReaderHistory {
  #dataPackets = 0; // number of the last data packet, 0 before the first
  #tokenPackets = 0;
  #nextEventSeq = 0;
  #discarded = 0; // losses on the device before #nextEventSeq
  #endMs = 0;
  #complete = true; // the last data packet arrived whole
  #trusted = true; // the last data packet fits the one right before it, so a packet that does not fit is wrong itself

  /** Returns what takes back all calls from here on: for whoever cannot keep a packet after all. */
  mark(): () => void {
    const marked = new ReaderHistory();
    marked.#take(this);
    return () => this.#take(marked);
  }

  /** Number and content of the next data packet, which holds by itself. Call once for each, in order of arrival. */
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
      // A number that went up by damage must not make repetitions of the packets after it.
      const next = !this.#trusted && follows && lostInTransit === 0 && content.events + content.lost > 0;
      if (!next) return repeated(packetNumber, this.#dataPackets, "data");
      missingPackets = 0;
    }
    const wrong = follows
      ? this.#implausible(header, content, missingPackets, gap, lostInTransit)
      : `first_event_seq ${firstEventSeq}, events_discarded ${eventsDiscarded} and timestamp_begin ${timestampBegin} do not ` +
        `follow packet ${this.#dataPackets}, after which they were ${this.#nextEventSeq}, ${this.#discarded} and ${this.#endMs}`;
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

  /** The next token packet. A repeated one is not accepted, but what it says of tokens is as true as before. */
  tokens(packetNumber: number): Verdict {
    const last = this.#tokenPackets;
    if (packetNumber <= last) return repeated(packetNumber, last, "token");
    this.#tokenPackets = packetNumber;
    const missingPackets = last === 0 ? 0 : packetNumber - last - 1;
    // Not spread: in Node 20 each object made so stays until a full garbage collection.
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

  /** Why counts that do not go back cannot be true either; undefined if they can. `gap`: events lost since the last packet. */
  #implausible(
    { packetNumber, timestampBegin }: PacketHeader,
    { jumpMs }: Content,
    missingPackets: number,
    gap: number,
    lostInTransit: number,
  ): string | undefined {
    const between = `between packets ${this.#dataPackets} and ${packetNumber}`;
    const lacking = missingPackets + (this.#complete ? 0 : 1);
    if (lostInTransit > lacking * MAX_PACKET_EVENTS) return `${lostInTransit} events lie ${between}, more than fit`;
    const elapsedMs = timestampBegin - this.#endMs;
    // Each packet holds a record: an event, a loss, a jump of time, or, the first one, what a boot begins with.
    const boots = this.#dataPackets === 0 ? 1 : 0;
    if (missingPackets > gap + boots + elapsedMs / TIME_JUMP_MS) return `only ${gap} events lie ${between}`;
    // That no jump is told means nothing: it may be all that was overwritten.
    const neighbours = this.#dataPackets > 0 && lacking === 0 && gap === 0;
    if (neighbours && jumpMs > 0 && elapsedMs !== jumpMs)
      return `${elapsedMs} ms lie ${between}, but the _time_jump says ${jumpMs}`;
    return undefined;
  }
}

function repeated(packetNumber: number, last: number, stream: string): Verdict {
  const message = `${stream} packet ${packetNumber} comes after ${stream} packet ${last}: passed over as a repetition`;
  return { ...NO_LOSS, accepted: false, problem: { code: "W_REPEATED", message } };
}

function missing(packetNumber: number, missingPackets: number, events: number, first: boolean): Damage {
  const from = packetNumber - missingPackets;
  const packets = missingPackets === 1 ? `packet ${from} is` : `packets ${from} to ${packetNumber - 1} are`;
  return first
    ? {
        code: "W_LATE",
        message: `the first packet of this boot and reader; ${packets} not here, with ${events} events`,
      }
    : { code: "W_LOST_IN_TRANSIT", message: `${packets} missing, with ${events} events: lost on the way` };
}
