/** Lanes, times on the axis, filters and searches over the content of the page. */
import type { PageBoot, PageGap } from "../format.ts";
import { byTime, chosen, type LaneOf, type Lanes, lanesOf, lowerBound } from "./order.ts";
import type { Store } from "./store.ts";

/** Drawn above everything else, so that density does not hide it. */
export const BEGIN = 1;
export const END = 2;
export const REJECTED = 4;
export const FOUND = 8;
export const CLASSES = [BEGIN, END, REJECTED, FOUND] as const;

export type Axis = "day" | "boot";

export interface Client {
  readonly boot: number;
  /** Undefined: events without an owner, by their name. */
  readonly owner: string | number | undefined;
  readonly label: string;
  readonly connections: number[];
}

export interface Connection {
  readonly client: number;
  readonly number: string | number;
  fromX: number;
  toX: number;
}

/** Lanes of one level, and those of each class. */
export interface Level {
  readonly all: Lanes;
  readonly classes: ReadonlyMap<number, Lanes>;
}

export interface Filter {
  readonly event: string;
  readonly result: string;
  readonly reason: string;
  readonly client: string;
  readonly type: string;
}

export const NO_FILTER: Filter = { event: "", result: "", reason: "", client: "", type: "" };

export class Model {
  readonly store: Store;
  readonly clients: Client[] = [];
  readonly connections: Connection[] = [];
  /** By event. */
  readonly clientOf: Int32Array;
  readonly connectionOf: Int32Array;
  readonly flags: Uint8Array;
  readonly x: Float64Array;
  axis: Axis;
  /** Whether a time of day is known at all. */
  readonly hasDay: boolean;
  fromX = 0;
  toX = 1;
  /** Where boots without a known time of day begin. */
  readonly #bootX: Float64Array;
  filter: Filter = NO_FILTER;
  /** All events by time. */
  #order: Uint32Array = new Uint32Array(0);
  /** Those that are shown. */
  order: Uint32Array = new Uint32Array(0);
  boots!: Level;
  byClient!: Level;
  byConnection!: Level;
  rejected: Uint32Array = new Uint32Array(0);
  found: Uint32Array = new Uint32Array(0);
  readonly gaps: readonly { readonly gap: PageGap; fromX: number; toX: number }[];
  readonly gapsOfBoot: (readonly { readonly gap: PageGap; fromX: number; toX: number }[])[];

  constructor(store: Store) {
    this.store = store;
    const { meta } = store;
    this.clientOf = new Int32Array(meta.events);
    this.connectionOf = new Int32Array(meta.events).fill(-1);
    this.flags = new Uint8Array(meta.events);
    this.x = new Float64Array(meta.events);
    this.#bootX = new Float64Array(meta.boots.length);
    this.hasDay = meta.boots.some(({ anchors }) => anchors.length > 0);
    this.axis = "day";
    this.gaps = meta.gaps.map((gap) => ({ gap, fromX: 0, toX: 0 }));
    this.gapsOfBoot = meta.boots.map((_, boot) => this.gaps.filter(({ gap }) => gap.boot === boot));
    this.#findLanes();
    this.setAxis("day");
  }

  setAxis(axis: Axis): void {
    this.axis = axis;
    const { store, x } = this;
    const { meta, boot, ms } = store;
    let from = Number.POSITIVE_INFINITY;
    let to = Number.NEGATIVE_INFINITY;
    const place = (own: PageBoot, index: number) => {
      from = Math.min(from, this.xOf(index, own.firstMs));
      to = Math.max(to, this.xOf(index, own.lastMs));
    };
    const isPlaced = ({ anchors, events }: PageBoot) => events > 0 && (axis === "boot" || anchors.length > 0);
    meta.boots.forEach((own, index) => {
      if (isPlaced(own)) place(own, index);
    });
    if (from > to) [from, to] = [0, 0];
    // One after another, after those with a known time.
    const room = Math.max(1000, (to - from) / 50);
    let end = to > from ? to + room : 0;
    meta.boots.forEach((own, index) => {
      if (own.events === 0 || isPlaced(own)) return;
      this.#bootX[index] = end - own.firstMs;
      place(own, index);
      end += own.lastMs - own.firstMs + room;
    });
    for (let i = 0; i < x.length; i++) x[i] = this.xOf(boot[i]!, ms[i]!);
    for (const each of this.gaps) {
      each.fromX = this.xOf(each.gap.boot, each.gap.fromMs);
      each.toX = this.xOf(each.gap.boot, each.gap.toMs);
      from = Math.min(from, each.fromX);
      to = Math.max(to, each.toX);
    }
    const margin = Math.max(5, (to - from) / 100);
    this.fromX = from - margin;
    this.toX = to + margin;
    this.#order = byTime(boot, meta.boots.length, x);
    const { order, starts } = lanesOf(this.#order, this.connectionOf, this.connections.length);
    this.connections.forEach((connection, index) => {
      connection.fromX = x[order[starts[index]!]!]!;
      connection.toX = x[order[starts[index + 1]! - 1]!]!;
    });
    for (const { connections } of this.clients)
      connections.sort((a, b) => this.connections[a]!.fromX - this.connections[b]!.fromX);
    this.setFilter(this.filter);
  }

  /** On the axis, from a time since boot. */
  xOf(boot: number, ms: number): number {
    if (this.axis === "boot") return ms;
    const { anchors } = this.store.meta.boots[boot]!;
    if (anchors.length === 0) return ms + this.#bootX[boot]!;
    // Between two anchors by linear interpolation, so that the order stays; unless the clock was set.
    const at = anchorAt(anchors, ms);
    const [fromMs, offset] = anchors[at]!;
    const next = anchors[at + 1];
    const isLine = next !== undefined && ms > fromMs && Math.abs(next[1] - offset) < 2;
    return ms + offset + (isLine ? ((ms - fromMs) / (next[0] - fromMs)) * (next[1] - offset) : 0);
  }

  /** Time of day, as decode has it; undefined if unknown. */
  wall(boot: number, ms: number): { readonly unixMs: number; readonly uncertaintyMs: number } | undefined {
    const { anchors } = this.store.meta.boots[boot]!;
    if (anchors.length === 0) return undefined;
    const [, offset, uncertaintyMs] = anchors[anchorAt(anchors, ms)]!;
    return { unixMs: ms + offset, uncertaintyMs };
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    const { store } = this;
    const tests = store.kinds.map((kind) => this.#test(kind.page, filter));
    if (tests.every((test) => test === true)) this.order = this.#order;
    else {
      const kept = new Uint32Array(this.#order.length);
      let count = 0;
      for (const event of this.#order) {
        const test = tests[store.kind[event]!]!;
        if (test === true || (test !== false && test(event))) kept[count++] = event;
      }
      this.order = kept.slice(0, count);
    }
    this.#levels();
  }

  #test(page: Store["kinds"][number]["page"], filter: Filter): boolean | ((event: number) => boolean) {
    const { store } = this;
    if (filter.event !== "" && filter.event !== page.name) return false;
    const tests: ((event: number) => boolean)[] = [];
    const wanted: readonly (readonly [string | null, string])[] = [
      [page.result, filter.result],
      [page.reason, filter.reason],
      [page.owner ?? page.number, filter.client],
      [page.messageType, filter.type],
    ];
    for (const [key, value] of wanted) {
      if (value === "") continue;
      if (key === null) return false;
      const values = store.kinds.find((kind) => kind.page === page)!.byKey.get(key);
      if (values === undefined) return false;
      const word = values.page.type === "word" ? store.meta.words.indexOf(value === '""' ? "" : value) + 1 : 0;
      if (values.page.type === "word") tests.push((event) => values.numbers[store.row[event]!] === word && word > 0);
      else tests.push((event) => String(store.valueAt(values, store.row[event]!)) === value);
    }
    return tests.length === 0 || ((event) => tests.every((test) => test(event)));
  }

  /** Marks what contains a text: names of events, words, texts. Upper and lower case of ASCII are the same. */
  search(text: string): void {
    const { flags, store } = this;
    for (let i = 0; i < flags.length; i++) flags[i]! &= ~FOUND;
    if (text !== "") {
      const wanted = text.toLowerCase();
      const isIn = (word: string) => word.toLowerCase().includes(wanted);
      const words = store.meta.words.map(isIn);
      const needle = new TextEncoder().encode(text);
      for (const { page, values, events } of store.kinds) {
        if (isIn(page.name)) for (const event of events) flags[event]! |= FOUND;
        for (const { page: attribute, numbers, bytes } of values)
          if (attribute.type === "word") {
            for (let row = 0; row < events.length; row++)
              if (numbers[row]! > 0 && words[numbers[row]! - 1]) flags[events[row]!]! |= FOUND;
          } else if (attribute.type === "text")
            eachPlace(bytes, needle, numbers as Uint32Array, (row) => (flags[events[row]!]! |= FOUND));
      }
    }
    this.#levels();
  }

  #levels(): void {
    const { order, store, flags } = this;
    const level = (laneOf: LaneOf, lanes: number): Level => {
      const all = lanesOf(order, laneOf, lanes);
      return { all, classes: new Map(CLASSES.map((bit) => [bit, chosen(all, flags, bit)])) };
    };
    this.boots = level(store.boot, store.meta.boots.length);
    this.byClient = level(this.clientOf, this.clients.length);
    this.byConnection = level(this.connectionOf, this.connections.length);
    const one = { order, starts: Uint32Array.of(0, order.length) };
    this.rejected = chosen(one, flags, REJECTED).order;
    this.found = chosen(one, flags, FOUND).order;
  }

  #findLanes(): void {
    const { store, clients, connections, clientOf, connectionOf, flags } = this;
    const clientLanes = new Map<string | number, number>();
    const connectionLanes: Map<string | number, number>[] = [];
    const kinds = store.kinds.map(({ page, byKey }) => ({
      page,
      owner: byKey.get(page.owner ?? page.number ?? ""),
      number: byKey.get(page.number ?? ""),
      reason: byKey.get(page.reason ?? ""),
      class: page.step === "begin" ? BEGIN : page.step === "end" ? END : 0,
    }));
    const empty = store.meta.words.indexOf("") + 1;
    const { events } = store.meta;
    for (let event = 0; event < events; event++) {
      const { page, owner, number, reason, class: own } = kinds[store.kind[event]!]!;
      const row = store.row[event]!;
      const boot = store.boot[event]!;
      const whose = owner === undefined ? undefined : store.valueAt(owner, row);
      // Usually numbers below 2^32: one number is quicker to find than a text.
      const key =
        typeof whose === "number" && whose >= 0 && whose < 2 ** 32 && boot < 2 ** 20
          ? boot * 2 ** 32 + whose
          : JSON.stringify([boot, whose ?? null, whose === undefined ? page.name : ""]);
      let client = clientLanes.get(key);
      if (client === undefined) {
        client = clients.length;
        clientLanes.set(key, client);
        const label = whose === undefined ? page.name : page.owner === null ? "" : `client ${whose}`;
        clients.push({ boot, owner: whose, label: label || `${page.number} ${whose}`, connections: [] });
        connectionLanes.push(new Map());
      }
      clientOf[event] = client;
      if (whose !== undefined && number !== undefined && number !== owner) {
        const value = store.valueAt(number, row);
        if (value !== undefined) {
          const lanes = connectionLanes[client]!;
          let connection = lanes.get(value);
          if (connection === undefined) {
            connection = connections.length;
            lanes.set(value, connection);
            connections.push({ client, number: value, fromX: 0, toX: 0 });
            clients[client]!.connections.push(connection);
          }
          connectionOf[event] = connection;
        }
      }
      const isRejected = reason !== undefined && reason.numbers[row]! > 0 && reason.numbers[row] !== empty;
      flags[event] = own | (isRejected ? REJECTED : 0);
    }
    // Lanes have these values, once: eight bytes less per event.
    kinds.forEach(({ page, owner, number }, index) => {
      const own = store.kinds[index]!.events;
      if (owner?.page.type === "int") {
        owner.numbers = new Uint8Array(0);
        owner.derived = (row) => clients[clientOf[own[row]!]!]!.owner;
      }
      if (number?.page.type !== "int" || number === owner || page.owner === null) return;
      number.numbers = new Uint8Array(0);
      number.derived = (row) => connections[connectionOf[own[row]!]!]?.number;
    });
  }

  /** For an event, the shown events of its connection, or lane: the lane's order, and its place in it. */
  neighbours(event: number): {
    readonly order: Uint32Array;
    readonly from: number;
    readonly to: number;
    readonly at: number;
  } {
    const connection = this.connectionOf[event]!;
    const { order, starts } = connection >= 0 ? this.byConnection.all : this.byClient.all;
    const lane = connection >= 0 ? connection : this.clientOf[event]!;
    const [from, to] = [starts[lane]!, starts[lane + 1]!];
    let at = lowerBound(order, this.x, from, to, this.x[event]!);
    while (at < to && order[at] !== event && this.x[order[at]!] === this.x[event]) at++;
    return { order, from, to, at };
  }

  /**
   * For a received message, the next one sent on its connection: its answer, as far as can be known. "lost": events of
   * the boot are missing between, "none": there is none.
   */
  answer(event: number): { readonly event: number; readonly ms: number } | "lost" | "none" | undefined {
    const { store } = this;
    if (store.kinds[store.kind[event]!]!.page.way !== "received") return undefined;
    const connection = this.connectionOf[event]!;
    if (connection < 0) return undefined;
    const gaps = this.gapsOfBoot[store.boot[event]!]!;
    const isLost = (from: number, to: number) => gaps.some(({ gap }) => gap.toMs > from && gap.fromMs < to);
    const fromMs = store.ms[event]!;
    // Of all events, not only of those shown.
    const answer = this.#nextSent(event, connection);
    if (answer === undefined) return isLost(fromMs, Number.POSITIVE_INFINITY) ? "lost" : "none";
    const toMs = store.ms[answer]!;
    return isLost(fromMs, toMs) ? "lost" : { event: answer, ms: toMs - fromMs };
  }

  #nextSent(event: number, connection: number): number | undefined {
    const { store, x } = this;
    const order = this.#order;
    const { toX } = this.connections[connection]!;
    let at = lowerBound(order, x, 0, order.length, x[event]!);
    let isBehind = false;
    for (; at < order.length; at++) {
      const next = order[at]!;
      if (x[next]! > toX) return undefined;
      if (next === event) isBehind = true;
      else if (
        isBehind &&
        this.connectionOf[next] === connection &&
        store.kinds[store.kind[next]!]!.page.way === "sent"
      )
        return next;
    }
    return undefined;
  }
}

/** The last anchor before a time, or the first one. */
function anchorAt(anchors: PageBoot["anchors"], ms: number): number {
  let from = 0;
  let to = anchors.length;
  while (to - from > 1) {
    const middle = (from + to) >>> 1;
    if (anchors[middle]![0] <= ms) from = middle;
    else to = middle;
  }
  return from;
}

/** Calls `each` for the rows whose text contains the bytes, ignoring the case of ASCII. */
function eachPlace(bytes: Uint8Array, needle: Uint8Array, starts: Uint32Array, each: (row: number) => void): void {
  const lower = (byte: number) => (byte >= 65 && byte <= 90 ? byte + 32 : byte);
  const wanted = needle.map(lower);
  const first = wanted[0]!;
  const firstUpper = first >= 97 && first <= 122 ? first - 32 : first;
  const last = bytes.length - wanted.length;
  const rows = starts.length - 1;
  let row = 0;
  for (let at = 0; at <= last; at++) {
    const byte = bytes[at]!;
    if (byte !== first && byte !== firstUpper) continue;
    let i = 1;
    while (i < wanted.length && lower(bytes[at + i]!) === wanted[i]) i++;
    if (i < wanted.length) continue;
    while (row + 1 < rows && starts[row + 1]! % 0x8000_0000 <= at) row++;
    // Not across the end of a text.
    if (at + wanted.length <= starts[row + 1]! % 0x8000_0000) each(row);
  }
}
