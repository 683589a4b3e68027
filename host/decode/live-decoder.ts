/** Packets of several devices as events, at once. */
import { PACKET_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import { BootTeller } from "../packet/boot-teller.ts";
import type { BootPlace } from "../packet/line-context.ts";
import { type PacketHeader, parsePacketHeader, uuidsOf } from "../packet/packet.ts";
import { type ArrivedPacket, PacketOrder, type PacketOrderOptions } from "../receive/packet-order.ts";
import { WallClock, type WallTime } from "../receive/wall-clock.ts";
import type { Problem } from "../text/errors.ts";
import { PacketScanner } from "./packet-scanner.ts";
import { Session } from "./session.ts";
import type { DecodeOptions, Gap } from "./types.ts";

export interface LiveDecoderOptions
  extends Omit<PacketOrderOptions, "isReady">,
    Pick<DecodeOptions, "registry" | "with"> {
  /** Further devices are refused. Default 1,000; each takes about 200 KB once it has sent. */
  readonly mostDevices?: number;
  /** Called for each packet, in the order in which the device sent them. What it throws, push, tick and end throw. */
  readonly onEvents: (events: LiveEvents) => void;
}

/** What a packet brings. */
export interface LiveEvents {
  readonly device: string | undefined;
  /** Of a data packet that was believed: whose it was. */
  readonly place: BootPlace | undefined;
  /** The JSON lines of its events, as decode prints them, without their ends. */
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
  /** What is missing before these, or among them; undefined if nothing is. */
  readonly gap: Gap | undefined;
  /** What the packet's boot began with, if it says so. */
  readonly boot?: BootRecord;
  /** Time of day of a time of the packet's boot. */
  readonly timeOf: (deviceMs: number) => WallTime | undefined;
}

/** All devices together, from the beginning. */
export interface LiveTotals {
  readonly devices: number;
  /** Taken: data packets of which events were delivered, and token packets. What was refused or passed over is reported, not counted here. */
  readonly packets: number;
  readonly events: number;
  /** Overwritten or refused, as devices counted them. */
  readonly lostOnDevice: number;
  readonly lostInTransit: number;
  /** Packets that came again, or too late. */
  readonly repeated: number;
  /** How full the ring was after the last data packet, 0 to 1; undefined before the first. */
  readonly ringFill: number | undefined;
  /** Uses of a token whose name is not known: "" in the event. */
  readonly unnamedTokens: number;
}

interface Device {
  readonly id: string | undefined;
  readonly session: Session;
  readonly order: PacketOrder;
  readonly teller: BootTeller;
  /** By boot, the oldest first. */
  readonly clocks: Map<string, WallClock>;
  /** Of the boot whose packet is decoded. */
  clock: WallClock | undefined;
  /** By boot and reader, the oldest first: names of tokens up to this one were waited for in vain. */
  readonly unnamed: Map<string, number>;
}

/** Boots of a device whose clocks are kept: packets of the one before may come late. */
const MOST_CLOCKS = 4;
/** Readers of a device of which is kept what was waited for in vain. */
const MOST_UNNAMED = 64;
/**
 * Over all devices: packets that wait; and token names, with boots as so many names. Beyond that the device that has most lets go of
 * it: whoever floods, not whoever comes next.
 */
const MOST_WAITING_BYTES = 64 << 20;
const MOST_HELD_NAMES = 1 << 18;

/**
 * Decodes packets of several devices as they come, each by itself: none waits for a later one, but within the window in which
 * packets may overtake each other, token packets among them. Whatever one device sends, it disturbs no other.
 *
 * Memory over all devices: what waits, at most 64 MB and one packet; 262,144 token names, of at most 100 MB; and what each device takes.
 */
export class LiveDecoder {
  readonly #options: LiveDecoderOptions;
  readonly #uuids: readonly Uint8Array[];
  readonly #devices = new Map<string | undefined, Device>();
  /** Of bytes that are no packet, from whoever is no device. */
  readonly #strangers: Session;
  readonly #totals = { packets: 0, events: 0, lostOnDevice: 0, lostInTransit: 0, repeated: 0, unnamedTokens: 0 };
  #ringFill: number | undefined;
  #waitingBytes = 0;
  #heldNames = 0;
  /** Of data packets that wait: the tokens that have no name yet. */
  readonly #missing = new WeakMap<Uint8Array, number[]>();

  constructor(options: LiveDecoderOptions) {
    this.#options = options;
    this.#uuids = uuidsOf(options.registry);
    this.#strangers = this.#session();
  }

  /** Takes a packet of a device, which arrived at `wallMs`. Nobody changes its bytes any more. */
  push(device: string | undefined, packet: Uint8Array, wallMs: number): void {
    const header = this.#headerOf(packet);
    if (header === undefined) {
      // What is no packet makes no device: whoever sends it could keep out the good ones.
      this.#decode(device, this.#devices.get(device)?.session ?? this.#strangers, packet);
      return;
    }
    const state = this.#device(device);
    if (state === undefined) return;
    this.#place(state, { packet, header, wallMs });
    if (this.#waitingBytes <= MOST_WAITING_BYTES) return;
    const most = this.#deviceWithMost(({ order }) => order.waitingBytes);
    this.#ordered(most, () => most.order.flush());
  }

  /** Lets go what has waited too long for packets before it. Call it a few times a second. */
  tick(wallMs: number): void {
    for (const state of this.#devices.values()) this.#ordered(state, () => state.order.tick(wallMs));
  }

  /** Says that the clock of `wallMs` was set forward by that many milliseconds, or back. Times of day are by the new one from now on. */
  clockSet(byMs: number, isSure = true): void {
    for (const { order, clocks } of this.#devices.values()) {
      order.shift(byMs);
      for (const clock of clocks.values()) clock.shift(byMs, isSure);
    }
  }

  /** Lets go all that waits. */
  end(): void {
    for (const state of this.#devices.values()) this.#ordered(state, () => state.order.flush());
  }

  totals(): LiveTotals {
    return { devices: this.#devices.size, ...this.#totals, ringFill: this.#ringFill };
  }

  #session(): Session {
    const { registry, with: choice } = this.#options;
    return new Session({ registry, output: "lines", gaps: true, ...(choice !== undefined && { with: choice }) });
  }

  #device(device: string | undefined): Device | undefined {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const { mostDevices = 1000, onEvents } = this.#options;
    if (this.#devices.size >= mostDevices) {
      const message = `a further device, but ${mostDevices} are followed already: it is left out`;
      const problems = [{ code: "E_TOO_MANY_DEVICES", message }];
      onEvents({ ...NOTHING, device, problems });
      return undefined;
    }
    const session = this.#session();
    const clock = () => state.clock && ((deviceMs: number) => state.clock?.at(deviceMs));
    session.begin(device, clock, this.#devices.size > 0);
    if (this.#devices.size === 1)
      for (const { session: first } of this.#devices.values()) first.contexts.areMany = true;
    const order = new PacketOrder(
      (arrived) => {
        this.#noteUnnamed(state, arrived);
        this.#decode(device, session, arrived.packet, arrived);
      },
      { ...this.#options, isReady: (arrived) => this.#isNamed(state, arrived) },
    );
    const teller = new BootTeller();
    const state: Device = {
      id: device,
      session,
      order,
      teller,
      clocks: new Map(),
      clock: undefined,
      unnamed: new Map(),
    };
    this.#devices.set(device, state);
    return state;
  }

  /** Says if a further boot begins with the packet, and puts it in order. */
  #place(state: Device, arrived: ArrivedPacket): void {
    const { teller, order, session } = state;
    const { header, packet, wallMs } = arrived;
    const told = teller.of(header, packet);
    const boot = typeof told === "number" ? told : told.boot;
    if (typeof told !== "number") {
      const { id: device } = state;
      const problems = [{ ...told.warning, packet: header.packetNumber, bootId: header.bootId, device }];
      this.#options.onEvents({ ...NOTHING, device, problems });
      for (const { wasTaken } of told.first) this.#totals[wasTaken ? "packets" : "repeated"]--;
      for (const first of told.first)
        this.#ordered(state, () => order.push({ packet: first.packet, header: first.header, wallMs, boot }));
    }
    const passedOver = () => session.sums.repeated + order.counters.repeated + order.counters.late;
    const before = passedOver();
    this.#ordered(state, () => order.push({ packet, header, wallMs, boot }));
    if (passedOver() > before) teller.passedOver(header, packet);
  }

  /** Undefined for bytes that are no whole packet of ours: they have no place in any order. */
  #headerOf(packet: Uint8Array): PacketHeader | undefined {
    if (packet.length < PACKET_HEADER_BYTES) return undefined;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const outcome = parsePacketHeader(view, 0, this.#uuids);
    return outcome.kind === "header" && outcome.header.packetBytes === packet.length ? outcome.header : undefined;
  }

  /** Whether all tokens have names that a data packet uses, but for those waited for in vain before. Costs once what its records cost. */
  #isNamed({ session, unnamed }: Device, arrived: ArrivedPacket): boolean {
    const { packet, header, boot = 0 } = arrived;
    let missing = this.#missing.get(packet);
    if (missing === undefined) {
      const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
      const checked = session.records.check(packet, view, 0, packet.length, header);
      const used = new Set<number>();
      session.records.collectTokens({ bytes: packet, view, at: 0, header, checked }, used);
      const inVain = unnamed.get(readerKey(arrived)) ?? 0;
      missing = [...used].filter((token) => token > inVain);
      this.#missing.set(packet, missing);
    }
    if (missing.length === 0) return true;
    const { held } = session;
    const { names } = session.reader(header.bootId, boot, header.reader);
    this.#heldNames += session.held - held;
    while (missing.length > 0 && names.get(missing.at(-1)!) !== undefined) missing.pop();
    return missing.length === 0;
  }

  /** A packet goes: names that it lacks are not waited for again, as they may have been told before anybody listened. */
  #noteUnnamed({ unnamed }: Device, arrived: ArrivedPacket): void {
    const { packet } = arrived;
    const missing = this.#missing.get(packet);
    if (missing === undefined) return;
    this.#missing.delete(packet);
    if (missing.length === 0) return;
    const key = readerKey(arrived);
    const inVain = missing.reduce((most, token) => Math.max(most, token), unnamed.get(key) ?? 0);
    unnamed.delete(key);
    unnamed.set(key, inVain);
    if (unnamed.size > MOST_UNNAMED) unnamed.delete(unnamed.keys().next().value!);
  }

  /** Runs what moves packets of a device's order, and counts those that wait, and those that it passes over. */
  #ordered({ order }: Device, move: () => void): void {
    const { counters, waitingBytes } = order;
    const before = counters.repeated + counters.late + counters.stray;
    try {
      move();
    } finally {
      this.#waitingBytes += order.waitingBytes - waitingBytes;
      this.#totals.repeated += counters.repeated + counters.late + counters.stray - before;
    }
  }

  /** Of devices, of which there is one at least. */
  #deviceWithMost(amountOf: (state: Device) => number): Device {
    let [most] = this.#devices.values();
    for (const state of this.#devices.values()) if (amountOf(state) > amountOf(most!)) most = state;
    return most!;
  }

  #forgetNames(): void {
    const { id: device, session } = this.#deviceWithMost((state) => state.session.held);
    const before = session.held;
    const { names, boots } = session.shrink();
    this.#heldNames += session.held - before;
    const message = `all devices together hold too much; of this one, ${names} names of message types and ${boots} boots before the last are forgotten`;
    const problems = [{ code: "W_FORGOTTEN", message }];
    this.#options.onEvents({ ...NOTHING, device, problems });
  }

  /** `arrived`: undefined for what is no whole packet. */
  #decode(device: string | undefined, session: Session, packet: Uint8Array, arrived?: ArrivedPacket): void {
    const { lostOnDevice, lostInTransit, repeated, packets, tokenPackets } = session.sums;
    const { unnamedTokens } = session.tally;
    const { held } = session;
    // One for each packet: what is damaged in one is sought in no other.
    const scanner = new PacketScanner(session, { isWhole: true, bootsBefore: arrived?.boot ?? 0 });
    const lines: string[] = [];
    const problems: Problem[] = [];
    let gap: Gap | undefined;
    let boot: BootRecord | undefined;
    let place: BootPlace | undefined;
    const state = this.#devices.get(device);
    const clock = arrived && state && clockOf(state, arrived);
    if (state !== undefined) state.clock = clock;
    // Of a packet that was passed over or refused, nothing is believed.
    session.onAccepted = (accepted, reader) => {
      place = reader;
      clock?.add({ deviceMs: accepted.timestampEnd, unixMs: arrived!.wallMs });
      session.contexts.renew(reader);
      if (accepted.ringCapacitySlots > 0)
        this.#ringFill = Math.min(1, accepted.ringPendingSlots / accepted.ringCapacitySlots);
    };
    for (const item of [...scanner.push(packet), ...scanner.end()]) {
      if (item.kind === "lines") lines.push(...Buffer.from(item.lines).toString().trimEnd().split("\n"));
      else if (item.kind === "gap") gap = item;
      else if (item.kind === "boot") boot = item.record;
      else if (item.kind === "problem") problems.push(withoutOffset(item.problem));
    }
    problems.push(...session.takeUnnamed());
    const { sums } = session;
    const totals = this.#totals;
    totals.packets += sums.packets - packets + sums.tokenPackets - tokenPackets;
    totals.events += lines.length;
    totals.lostOnDevice += sums.lostOnDevice - lostOnDevice;
    totals.lostInTransit += sums.lostInTransit - lostInTransit;
    totals.repeated += sums.repeated - repeated;
    totals.unnamedTokens += session.tally.unnamedTokens - unnamedTokens;
    if (state !== undefined) this.#heldNames += session.held - held;
    const timeOf = (deviceMs: number) => clock?.at(deviceMs);
    this.#options.onEvents({ device, place, lines, problems, gap, timeOf, ...(boot && { boot }) });
    if (this.#heldNames > MOST_HELD_NAMES) this.#forgetNames();
  }
}

/** What there is to tell of a device besides its packets. */
const NOTHING = { place: undefined, lines: [], gap: undefined, timeOf: () => undefined } as const;

function readerKey({ header: { bootId, reader }, boot = 0 }: ArrivedPacket): string {
  return `${bootId}/${boot}/${reader}`;
}

function clockOf({ clocks }: Device, { header: { bootId }, boot = 0 }: ArrivedPacket): WallClock {
  const key = `${bootId}/${boot}`;
  let clock = clocks.get(key);
  if (clock === undefined) {
    clock = new WallClock();
    clocks.set(key, clock);
    if (clocks.size > MOST_CLOCKS) clocks.delete(clocks.keys().next().value!);
  }
  return clock;
}

/** An offset within a packet says nothing to who sees no bytes. */
function withoutOffset({ offsetBytes: _, ...problem }: Problem): Problem {
  return problem;
}
