/** What stats remembers of current boots: their connections, and messages that wait for an answer. */

import type { BootRecord } from "../packet/boot-record.ts";
import type { ReadPlace } from "./events.ts";
import type { Numbers } from "./histogram.ts";

/** Most connections of a boot that are followed; beyond that, the oldest counts as open and is no longer followed. */
const MOST_OPEN = 16_384;
/** Most messages of a connection, and of a boot, that wait for an answer; beyond that they count as not followed. */
const MOST_WAITING = 1024;
const MOST_WAITING_OF_BOOT = 65_536;

/** Messages of one type. */
export interface TypeStats {
  received: number;
  sent: number;
  bytes: number;
  /** Milliseconds from a message to the next one sent on its connection. */
  readonly answers: Numbers;
  unanswered: number;
  /** Events are missing after them, or too many waited: whether there was an answer is unknown. */
  unknown: number;
}

interface Waiting {
  readonly type: TypeStats;
  readonly ms: number;
}

interface Connection {
  /** NaN if its beginning was not seen. */
  readonly fromMs: number;
  waiting: Waiting[];
}

/** Sums over all connections. */
export interface ConnectionSums {
  begun: number;
  ended: number;
  openAtEnd: number;
  /** Known only from later events: its beginning was not seen. */
  begunUnseen: number;
  readonly durations: Numbers;
}

export interface BootStats {
  readonly place: ReadPlace;
  /** A reader that repeats another one: not counted. */
  readonly isDouble: boolean;
  events: number;
  /** The number of the next event, if none is missing. */
  nextSeq: number;
  firstMs: number;
  lastMs: number;
  firstWall: number | undefined;
  lastWall: number | undefined;
  lostOnDevice: number;
  lostInTransit: number;
  beforeFirstPacket: number;
  /** For lines: unknown where. */
  missing: number;
  /** The record that it began with, if there is one. */
  reset: BootRecord | undefined;
  readonly packetSums: { packets: number; bytes: number; mostRingFill: number };
  second: number;
  secondEvents: number;
  /** By owner of connections. */
  readonly clients: Map<unknown, { events: number; rejected: number }>;
  readonly spans: Spans;
}

/** Connections of one boot. */
export class Spans {
  readonly #sums: ConnectionSums;
  /** By number, then by owner: normally a number has one. */
  readonly #open = new Map<number, Map<unknown, Connection>>();
  #openCount = 0;
  #waiting = 0;

  constructor(sums: ConnectionSums) {
    this.#sums = sums;
  }

  begin(owner: unknown, number: number, ms: number): void {
    this.#sums.begun++;
    this.#forget(owner, number);
    this.#set(owner, number, { fromMs: ms, waiting: [] });
  }

  end(owner: unknown, number: number, ms: number): void {
    const connection = this.#open.get(number)?.get(owner);
    this.#sums.ended++;
    if (connection === undefined) this.#sums.begunUnseen++;
    else {
      if (Number.isNaN(connection.fromMs)) this.#sums.begunUnseen++;
      else this.#sums.durations.add(ms - connection.fromMs);
      this.#settle(connection);
      this.#delete(owner, number);
    }
  }

  received(owner: unknown, number: number, ms: number, type: TypeStats): void {
    const connection = this.#known(owner, number);
    if (connection.waiting.length >= MOST_WAITING || this.#waiting >= MOST_WAITING_OF_BOOT) {
      type.unknown++;
      return;
    }
    connection.waiting.push({ type, ms });
    this.#waiting++;
  }

  sent(owner: unknown, number: number, ms: number): void {
    const connection = this.#known(owner, number);
    const { waiting } = connection;
    if (waiting.length === 0) return;
    for (const { type, ms: fromMs } of waiting) type.answers.add(ms - fromMs);
    this.#waiting -= waiting.length;
    connection.waiting = [];
  }

  /** Events are missing: waiting messages may have been answered there. */
  gap(): void {
    if (this.#waiting === 0) return;
    for (const owners of this.#open.values())
      for (const connection of owners.values()) {
        for (const { type } of connection.waiting) type.unknown++;
        connection.waiting = [];
      }
    this.#waiting = 0;
  }

  /** The boot has ended, or is no longer followed. */
  close(): void {
    for (const owners of this.#open.values())
      for (const connection of owners.values()) {
        this.#settle(connection);
        this.#left(connection);
      }
    this.#open.clear();
    this.#openCount = 0;
  }

  #known(owner: unknown, number: number): Connection {
    const known = this.#open.get(number)?.get(owner);
    if (known !== undefined) return known;
    const connection: Connection = { fromMs: Number.NaN, waiting: [] };
    this.#set(owner, number, connection);
    return connection;
  }

  #set(owner: unknown, number: number, connection: Connection): void {
    if (this.#openCount >= MOST_OPEN) {
      const [oldest, owners] = this.#open.entries().next().value!;
      this.#forget(owners.keys().next().value, oldest);
    }
    let owners = this.#open.get(number);
    if (owners === undefined) {
      owners = new Map();
      this.#open.set(number, owners);
    }
    owners.set(owner, connection);
    this.#openCount++;
  }

  /** A connection that was open, and of which nothing more will be known. */
  #forget(owner: unknown, number: number): void {
    const connection = this.#open.get(number)?.get(owner);
    if (connection === undefined) return;
    this.#settle(connection);
    this.#left(connection);
    this.#delete(owner, number);
  }

  #left(connection: Connection): void {
    if (Number.isNaN(connection.fromMs)) this.#sums.begunUnseen++;
    else this.#sums.openAtEnd++;
  }

  #settle(connection: Connection): void {
    for (const { type } of connection.waiting) type.unanswered++;
    this.#waiting -= connection.waiting.length;
    connection.waiting = [];
  }

  #delete(owner: unknown, number: number): void {
    const owners = this.#open.get(number)!;
    owners.delete(owner);
    if (owners.size === 0) this.#open.delete(number);
    this.#openCount--;
  }
}
