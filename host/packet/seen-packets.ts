/** Which packets of one boot, reader and stream have been seen. */
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES, SLOT_BYTES } from "../../src/ring/packet-layout.ts";
import type { PacketHeader } from "./packet.ts";

/**
 * How a packet relates to those before it. "same": one of them, or one that is forgotten. "late": not seen, and it fits
 * between its neighbours, or before all. "next": the one after the last. "later": further on. "wrong": number, counts
 * and time go different ways. "other": from another boot.
 */
export type Place = "same" | "late" | "next" | "later" | "wrong" | "other";

/** A packet with unknown or damaged bytes is the same if it fits. */
export const NO_DIGEST = -1;

/**
 * Remembered exactly: the first ones, which another boot begins with, and the last ones, more than can wait in any
 * order.
 */
const FIRST = 32;
const LAST = 96;
/** Beyond this many rows every second one in the middle is forgotten. */
const MOST_ROWS = 192;
/** A packet this far behind the last one was not overtaken. */
const MOST_LATE = 64;
/** number, firstEventSeq, timestampBegin, eventsDiscarded, digest */
const WIDTH = 5;
const MAX_PACKET_EVENTS = (MAX_PACKET_BYTES - PACKET_HEADER_BYTES) / SLOT_BYTES;

/**
 * Numbers, counts, times and digests of the first, the last, and some packets between, at most 192: 8 KB. Rows are in
 * order of their numbers. Costs a binary search for each packet, and a copy for a late one.
 */
export class SeenPackets {
  #rows = new Float64Array(8 * WIDTH);
  /** 0 <= #count <= MOST_ROWS */
  #count = 0;

  /** Of the last packet by number, 0 before the first. */
  get last(): number {
    return this.#count === 0 ? 0 : this.#rows[(this.#count - 1) * WIDTH]!;
  }

  /** The highest number below this one; 0 if there is none. */
  before(number: number): number {
    const index = this.#indexOf(number);
    return index === 0 ? 0 : this.#rows[(index - 1) * WIDTH]!;
  }

  placeOf(header: PacketHeader, digest: number): Place {
    const rows = this.#rows;
    const { packetNumber, firstEventSeq, timestampBegin } = header;
    const index = this.#indexOf(packetNumber);
    const at = index * WIDTH;
    if (index === this.#count) {
      if (index === 0) return "later";
      const before = at - WIDTH;
      const events = this.#eventsSince(index - 1, header);
      // One that goes back may be damaged; if both do, it is another boot whose first packets are lost.
      if (firstEventSeq < rows[before + 1]! && timestampBegin < rows[before + 2]!) return "other";
      if (!this.#isBehind(index - 1, header)) return "wrong";
      return packetNumber === this.last + 1 && events <= MAX_PACKET_EVENTS ? "next" : "later";
    }
    const isSeen = rows[at] === packetNumber;
    if (isSeen && digest !== NO_DIGEST && rows[at + 4] !== NO_DIGEST) {
      if (rows[at + 4] === digest) return "same";
      // Without a checksum on the link, a number may be damaged: everything else continues from the last packet.
      const events = this.#eventsSince(this.#count - 1, header);
      return events > 0 && events <= MAX_PACKET_EVENTS && this.#isBehind(this.#count - 1, header) ? "wrong" : "other";
    }
    const isBefore = firstEventSeq <= rows[at + 1]! && timestampBegin <= rows[at + 2]!;
    if (isSeen) return isBefore && this.#isBehind(index, header) ? "same" : "other";
    if (index > 0 && !this.#isBehind(index - 1, header)) return "other";
    if (isBefore) return index === 0 && this.last - packetNumber > MOST_LATE ? "other" : "late";
    // Counts and time continue, but the number goes back: one of the two numbers is wrong.
    return this.#isBehind(index, header) ? "wrong" : "other";
  }

  add(header: PacketHeader, digest: number): void {
    const { packetNumber, firstEventSeq, timestampBegin, eventsDiscarded } = header;
    const index = this.#indexOf(packetNumber);
    if (index < this.#count && this.#rows[index * WIDTH] === packetNumber) return;
    const place = this.placeOf(header, digest);
    // The packet after them shows which of two numbers is wrong.
    if (place === "wrong" && index === this.#count - 1) this.#count--;
    else if (place === "wrong" || place === "other") return;
    if (this.#rows.length === this.#count * WIDTH) {
      const larger = new Float64Array(Math.min(2 * this.#count, MOST_ROWS) * WIDTH);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows.copyWithin((index + 1) * WIDTH, index * WIDTH, this.#count * WIDTH);
    this.#rows.set([packetNumber, firstEventSeq, timestampBegin, eventsDiscarded, digest], index * WIDTH);
    this.#count++;
    if (this.#count === MOST_ROWS) this.#thin();
  }

  /** Index of the first row with this number or a higher one. */
  #indexOf(number: number): number {
    let low = 0;
    let high = this.#count;
    if (number > this.last) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle * WIDTH]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Events between a row's packet and this one, including the row's own, except those lost on the device. */
  #eventsSince(index: number, { firstEventSeq, eventsDiscarded }: PacketHeader): number {
    return firstEventSeq - this.#rows[index * WIDTH + 1]! - (eventsDiscarded - this.#rows[index * WIDTH + 3]!);
  }

  #isBehind(index: number, { firstEventSeq, timestampBegin }: PacketHeader): boolean {
    return firstEventSeq >= this.#rows[index * WIDTH + 1]! && timestampBegin >= this.#rows[index * WIDTH + 2]!;
  }

  #thin(): void {
    let kept = FIRST;
    for (let index = FIRST; index < this.#count; index++) {
      if (index < this.#count - LAST && index % 2 === 0) continue;
      this.#rows.copyWithin(kept * WIDTH, index * WIDTH, (index + 1) * WIDTH);
      kept++;
    }
    this.#count = kept;
  }
}
