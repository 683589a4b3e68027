/** Restores the order in which a device sent its packets. */
import { STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import type { PacketHeader } from "../packet/packet.ts";

export interface PacketOrderOptions {
  /** Most packets that wait, over all boots and readers. 0: none waits. Default 64. */
  readonly reorderPackets?: number;
  /** The longest wait of a packet for earlier ones. Default 2,000. */
  readonly reorderMs?: number;
  /**
   * Whether a data packet whose turn it is may be released: otherwise it waits for token packets of its reader, as it
   * waits for earlier packets. Asked again after each of those that is released. Default: it may.
   */
  readonly isReady?: (arrived: ArrivedPacket) => boolean;
}

export const DEFAULT_REORDER_PACKETS = 64;
export const DEFAULT_REORDER_MS = 2000;

/** A packet, and when it arrived. */
export interface ArrivedPacket {
  readonly packet: Uint8Array;
  readonly header: PacketHeader;
  readonly wallMs: number;
  /** How many earlier boots have the id of its boot, according to a BootTeller. Default 0. */
  readonly boot?: number;
}

export interface PacketOrderCounters {
  /** Repeated packets. */
  repeated: number;
  /** Packets that came after they had been given up. */
  late: number;
  /** Packets numbered far from all others, which were not released. */
  stray: number;
}

/** Packets of one boot, reader and stream id. */
interface Sequence {
  /** The packet whose turn it is waits for token packets. */
  isHeld: boolean;
  /** Number of the next packet; 0 as long as any may be the first. */
  next: number;
  /** By number. */
  readonly waiting: Map<number, ArrivedPacket>;
  /** Ranges that were given up, the newest last: a packet from them is late, not repeated. */
  readonly gaps: Gap[];
}

interface Gap {
  readonly from: number;
  /** Not part of it. */
  readonly to: number;
}

/** State is kept for this many sequences; beyond that, the least recently used one ends. */
const MOST_SEQUENCES = 64;
const MOST_GAPS = 16;
/** A number further on than this counts as wrong until there is another one near it. */
const MOST_JUMP = 4096;

/**
 * Releases packets in the order of their numbers, for each boot, reader and stream id. A packet that comes too early
 * waits for the earlier ones, within a window of packets and of time; then those are given up, and are late when they
 * come. The first packet of a sequence may have any number, and waits for lower ones unless it is number 1. A packet
 * whose number is more than 4,096 further on waits until there is another one near it, or for the end: one damaged or
 * forged number does not turn everything after it into repetitions. A data packet that is not ready waits in the same
 * window for token packets. Holds at most the window.
 */
export class PacketOrder {
  readonly counters: PacketOrderCounters = { repeated: 0, late: 0, stray: 0 };
  readonly #release: (arrived: ArrivedPacket) => void;
  readonly #mostPackets: number;
  readonly #mostMs: number;
  readonly #isReady: (arrived: ArrivedPacket) => boolean;
  /** Least recently used first. */
  readonly #sequences = new Map<string, Sequence>();
  #waiting = 0;
  #waitingBytes = 0;

  /**
   * `release` gets each packet when its turn comes. If it throws, push, tick and flush throw; the packet is released
   * then.
   */
  constructor(release: (arrived: ArrivedPacket) => void, options: PacketOrderOptions = {}) {
    this.#release = release;
    this.#mostPackets = options.reorderPackets ?? DEFAULT_REORDER_PACKETS;
    this.#mostMs = options.reorderMs ?? DEFAULT_REORDER_MS;
    this.#isReady = options.isReady ?? (() => true);
  }

  get waiting(): number {
    return this.#waiting;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes a packet, whose bytes must not change any more. */
  push(arrived: ArrivedPacket): void {
    if (this.#mostPackets === 0) {
      this.#release(arrived);
      return;
    }
    const { packetNumber: number } = arrived.header;
    const sequence = this.#sequenceOf(arrived);
    if (number < sequence.next) {
      this.#tooLate(sequence, number);
      return;
    }
    if (sequence.waiting.has(number)) {
      this.counters.repeated++;
      return;
    }
    sequence.waiting.set(number, arrived);
    this.#waiting++;
    this.#waitingBytes += arrived.packet.length;
    if (sequence.next === 0 && number === 1) sequence.next = 1;
    this.#advance(sequence);
    while (this.#waiting > this.#mostPackets) this.#makeRoom();
  }

  /** Releases packets that have waited too long. Call it a few times within reorderMs. */
  tick(wallMs: number): void {
    for (const sequence of this.#sequences.values()) {
      for (;;) {
        const start = believable(sequence);
        if (start === undefined) break;
        let longestMs = 0;
        // If the clock was set back, packets must not wait for hours.
        for (const [number, arrived] of sequence.waiting)
          if (number >= start) longestMs = Math.max(longestMs, Math.abs(wallMs - arrived.wallMs));
        if (longestMs < this.#mostMs) break;
        this.#goOnAt(sequence, start);
      }
    }
  }

  /**
   * The clock of `wallMs` was set forward by this much, or back: waiting packets have not waited longer because of
   * that.
   */
  shift(byMs: number): void {
    for (const { waiting } of this.#sequences.values())
      for (const [number, arrived] of waiting) waiting.set(number, { ...arrived, wallMs: arrived.wallMs + byMs });
  }

  /** Releases everything, in order: no more packets come. */
  flush(): void {
    for (const sequence of this.#sequences.values()) this.#empty(sequence);
  }

  #sequenceOf(arrived: ArrivedPacket): Sequence {
    const key = keyOf(arrived, arrived.header.streamId);
    let sequence = this.#sequences.get(key);
    if (sequence === undefined) {
      sequence = { isHeld: false, next: 0, waiting: new Map(), gaps: [] };
    } else {
      this.#sequences.delete(key);
    }
    this.#sequences.set(key, sequence);
    if (this.#sequences.size > MOST_SEQUENCES) {
      const [oldest, idle] = this.#sequences.entries().next().value!;
      this.#sequences.delete(oldest);
      this.#empty(idle);
    }
    return sequence;
  }

  #tooLate({ gaps }: Sequence, number: number): void {
    if (gaps.some(({ from, to }) => number >= from && number < to)) this.counters.late++;
    else this.counters.repeated++;
  }

  /** Releases all packets that are next. */
  #advance(sequence: Sequence): void {
    while (!sequence.isHeld) {
      const arrived = sequence.waiting.get(sequence.next);
      if (arrived === undefined) return;
      if (arrived.header.streamId === STREAM_DATA && !this.#isReady(arrived)) sequence.isHeld = true;
      else this.#letGo(sequence, arrived);
    }
  }

  /** Releases the packet whose turn it is. */
  #letGo(sequence: Sequence, arrived: ArrivedPacket): void {
    sequence.isHeld = false;
    sequence.next++;
    this.#take(sequence, arrived);
    this.#release(arrived);
    if (arrived.header.streamId !== STREAM_TOKENS) return;
    const data = this.#sequences.get(keyOf(arrived, STREAM_DATA));
    if (data?.isHeld !== true) return;
    data.isHeld = false;
    this.#advance(data);
  }

  /** Stops waiting for anything before this number, and for what its packet needs. */
  #goOnAt(sequence: Sequence, start: number): void {
    for (const [number, arrived] of sequence.waiting) if (number < start) this.#stray(sequence, arrived);
    if (start > sequence.next) {
      sequence.gaps.push({ from: sequence.next, to: start });
      if (sequence.gaps.length > MOST_GAPS) sequence.gaps.shift();
      sequence.next = start;
      sequence.isHeld = false;
    }
    const first = sequence.waiting.get(start)!;
    this.#advance(sequence);
    // It may only need token packets that wait for others.
    const tokens = sequence.isHeld && this.#sequences.get(keyOf(first, STREAM_TOKENS));
    if (tokens) this.#empty(tokens);
    const held = sequence.waiting.get(start);
    if (held === undefined) return;
    this.#letGo(sequence, held);
    this.#advance(sequence);
  }

  #empty(sequence: Sequence): void {
    while (sequence.waiting.size > 0)
      this.#goOnAt(sequence, believable(sequence) ?? Math.min(...sequence.waiting.keys()));
  }

  #makeRoom(): void {
    const sequence = this.#longest();
    const start = believable(sequence);
    if (start !== undefined) this.#goOnAt(sequence, start);
    else this.#stray(sequence, sequence.waiting.values().next().value!);
  }

  #stray(sequence: Sequence, arrived: ArrivedPacket): void {
    this.#take(sequence, arrived);
    this.counters.stray++;
  }

  #longest(): Sequence {
    let longest: Sequence | undefined;
    for (const sequence of this.#sequences.values())
      if (longest === undefined || sequence.waiting.size > longest.waiting.size) longest = sequence;
    return longest!;
  }

  #take(sequence: Sequence, arrived: ArrivedPacket): void {
    sequence.waiting.delete(arrived.header.packetNumber);
    this.#waiting--;
    this.#waitingBytes -= arrived.packet.length;
  }
}

function keyOf({ header: { bootId, reader }, boot = 0 }: ArrivedPacket, streamId: number): string {
  return `${bootId}/${boot}/${reader}/${streamId}`;
}

/**
 * The lowest waiting number that is near the released ones, or near another waiting one; undefined if there is none.
 */
function believable({ next, waiting }: Sequence): number | undefined {
  if (waiting.size === 0) return undefined;
  const numbers = [...waiting.keys()].sort((a, b) => a - b);
  return numbers.find((number, index) => number - next <= MOST_JUMP || numbers[index + 1]! - number <= MOST_JUMP);
}
