/** Decodes packets of several devices into events at once. */
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
  /** Devices beyond this number are refused. Default 1,000; each takes about 200 KB once it has sent. */
  readonly mostDevices?: number;
  /** Called for each packet, in the order in which the device sent them. If it throws, push, tick and end throw. */
  readonly onEvents: (events: LiveEvents) => void;
}

/** The result of a packet. */
export interface LiveEvents {
  readonly device: string | undefined;
  /** For an accepted data packet: the boot and reader that it belongs to. */
  readonly place: BootPlace | undefined;
  /** The JSON lines of its events, as decode prints them, without line ends. */
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
  /** What is missing before these events, or among them; undefined if nothing is. */
  readonly gap: Gap | undefined;
  /** The boot's record, if the packet has it. */
  readonly boot?: BootRecord;
  /** Converts a time of the packet's boot to the time of day. */
  readonly timeOf: (deviceMs: number) => WallTime | undefined;
}

/** All devices together, from the beginning. */
export interface LiveTotals {
  readonly devices: number;
  /**
   * Accepted: data packets whose events were delivered, and token packets. Refused or ignored ones are reported, but
   * not counted here.
   */
  readonly packets: number;
  readonly events: number;
  /** Overwritten or refused, as devices counted them. */
  readonly lostOnDevice: number;
  readonly lostInTransit: number;
  /** Packets that arrived again, or too late. */
  readonly repeated: number;
  /** How full the ring was after the last data packet, 0 to 1; undefined before the first. */
  readonly ringFill: number | undefined;
  /** Uses of a token with an unknown name: "" in the event. */
  readonly unnamedTokens: number;
}

interface Device {
  readonly id: string | undefined;
  readonly session: Session;
  readonly order: PacketOrder;
  readonly teller: BootTeller;
  /** By boot, the oldest first. */
  readonly clocks: Map<string, WallClock>;
  /** The boot of the packet that is being decoded. */
  clock: WallClock | undefined;
  /** By boot and reader, the oldest first: names of tokens up to this one were waited for in vain. */
  readonly unnamed: Map<string, number>;
}

/** The most boots of a device with a known clock: packets of the previous one may come late. */
const MOST_CLOCKS = 4;
/** The most readers of a device for which it is known what was waited for in vain. */
const MOST_UNNAMED = 64;
/**
 * Over all devices: waiting packets; and token names, with boots counted as names. Beyond that, the device with the
 * most gives up its own: the one that floods, not the one that comes next.
 */
const MOST_WAITING_BYTES = 64 << 20;
const MOST_HELD_NAMES = 1 << 18;

/**
 * Decodes packets of several devices as they arrive. No packet waits for a later one, except within the window in which
 * packets, including token packets, may overtake each other. Whatever one device sends, it disturbs no other.
 *
 * Memory over all devices: waiting packets, at most 64 MB plus one packet; 262,144 token names, at most 100 MB; and
 * what each device takes.
 */
export class LiveDecoder {
  readonly #options: LiveDecoderOptions;
  readonly #uuids: readonly Uint8Array[];
  readonly #devices = new Map<string | undefined, Device>();
  /** For bytes that are not a packet, and so come from no known device. */
  readonly #strangers: Session;
  readonly #totals = { packets: 0, events: 0, lostOnDevice: 0, lostInTransit: 0, repeated: 0, unnamedTokens: 0 };
  #ringFill: number | undefined;
  #waitingBytes = 0;
  #heldNames = 0;
  /** For waiting data packets: the tokens that have no name yet. */
  readonly #missing = new WeakMap<Uint8Array, number[]>();

  constructor(options: LiveDecoderOptions) {
    this.#options = options;
    this.#uuids = uuidsOf(options.registry);
    this.#strangers = this.#session();
  }

  /** Takes a packet of a device, which arrived at `wallMs`. Its bytes must not change any more. */
  push(device: string | undefined, packet: Uint8Array, wallMs: number): void {
    const header = this.#headerOf(packet);
    if (header === undefined) {
      // Bytes that are not a packet make no device: otherwise anybody could keep out the good ones.
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

  /** Releases packets that have waited too long for earlier ones. Call it a few times a second. */
  tick(wallMs: number): void {
    for (const state of this.#devices.values()) this.#ordered(state, () => state.order.tick(wallMs));
  }

  /**
   * The clock of `wallMs` was set forward by this many milliseconds, or back. From now on times of day follow the new
   * clock.
   */
  clockSet(byMs: number, isSure = true): void {
    for (const { order, clocks } of this.#devices.values()) {
      order.shift(byMs);
      for (const clock of clocks.values()) clock.shift(byMs, isSure);
    }
  }

  /** Releases everything that waits. */
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
      const message = `a new device, but ${mostDevices} are already followed: it is ignored`;
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

  /** Reports if another boot begins with the packet, and puts the packet in order. */
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

  /** Undefined for bytes that are not a whole packet of ours: they have no place in any order. */
  #headerOf(packet: Uint8Array): PacketHeader | undefined {
    if (packet.length < PACKET_HEADER_BYTES) return undefined;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const outcome = parsePacketHeader(view, 0, this.#uuids);
    return outcome.kind === "header" && outcome.header.packetBytes === packet.length ? outcome.header : undefined;
  }

  /**
   * Whether all tokens that a data packet uses have names, except those that were waited for in vain. Costs one pass
   * over its records.
   */
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

  /**
   * A packet is released: its missing names are not waited for again, because they may have been sent before anybody
   * listened.
   */
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

  /** Runs work that moves packets of a device's order, and counts those that wait, and those that it ignores. */
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

  /** Of devices; there must be at least one. */
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
    const message = `the devices together need too much memory: ${names} message type names and ${boots} earlier boots of this one are forgotten`;
    const problems = [{ code: "W_FORGOTTEN", message }];
    this.#options.onEvents({ ...NOTHING, device, problems });
  }

  /** `arrived`: undefined for bytes that are not a whole packet. */
  #decode(device: string | undefined, session: Session, packet: Uint8Array, arrived?: ArrivedPacket): void {
    const { lostOnDevice, lostInTransit, repeated, packets, tokenPackets } = session.sums;
    const { unnamedTokens } = session.tally;
    const { held } = session;
    // A scanner for each packet: after damage in one, the search does not go on in another.
    const scanner = new PacketScanner(session, { isWhole: true, bootsBefore: arrived?.boot ?? 0 });
    const lines: string[] = [];
    const problems: Problem[] = [];
    let gap: Gap | undefined;
    let boot: BootRecord | undefined;
    let place: BootPlace | undefined;
    const state = this.#devices.get(device);
    const clock = arrived && state && clockOf(state, arrived);
    if (state !== undefined) state.clock = clock;
    // Nothing is believed of a packet that was ignored or refused.
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

/** What there is to report of a device besides its packets. */
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

/** An offset within a packet means nothing to a reader who does not see the bytes. */
function withoutOffset({ offsetBytes: _, ...problem }: Problem): Problem {
  return problem;
}
