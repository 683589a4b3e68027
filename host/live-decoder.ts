import { PACKET_HEADER_BYTES, STREAM_DATA } from "../src/packet-layout.ts";
import type { Problem } from "./errors.ts";
import { parsePacketHeader } from "./packet.ts";
import { PacketScanner, Session } from "./packet-scanner.ts";
import type { RegistryModel } from "./registry/model.ts";

export interface LiveDecoderOptions {
  /** Packets of another one are refused. */
  readonly registry: RegistryModel;
  /** Further devices are refused. Default 1,000; each takes about 200 KB once it has sent. */
  readonly mostDevices?: number;
}

/** What a packet brings. */
export interface LiveEvents {
  /** The JSON lines of its events, as decode prints them, without their ends. */
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
  /** Events that were lost on the device before these, or among them. */
  readonly lostOnDevice: number;
}

/** All devices together, from the beginning. */
export interface LiveTotals {
  readonly devices: number;
  readonly packets: number;
  readonly events: number;
  /** Overwritten or refused, as devices counted them. */
  readonly lostOnDevice: number;
  readonly lostInTransit: number;
  /** Packets that came again, or too late. */
  readonly repeated: number;
  /** How full the ring was behind the last data packet, 0 to 1; undefined before the first. */
  readonly ringFill: number | undefined;
}

/**
 * Decodes packets of several devices as they come, each by itself: nothing waits for a later packet, and whatever one device
 * sends, it disturbs no other. Never throws. Memory is bounded.
 */
export class LiveDecoder {
  readonly #registry: RegistryModel;
  readonly #mostDevices: number;
  readonly #sessions = new Map<string | undefined, Session>();
  readonly #totals = { packets: 0, events: 0, lostOnDevice: 0, lostInTransit: 0, repeated: 0 };
  #ringFill: number | undefined;

  constructor({ registry, mostDevices = 1000 }: LiveDecoderOptions) {
    this.#registry = registry;
    this.#mostDevices = mostDevices;
  }

  /** Takes a packet of a device, in the order in which it sent them. */
  push(device: string | undefined, packet: Uint8Array): LiveEvents {
    const session = this.#session(device);
    if (session === undefined) {
      const message = `a further device, but ${this.#mostDevices} are followed already: it is left out`;
      return { lines: [], problems: [{ code: "E_TOO_MANY_DEVICES", message }], lostOnDevice: 0 };
    }
    const { lostOnDevice, lostInTransit, repeated, packets } = session.sums;
    // One for each packet: what is damaged in one is sought in no other.
    const scanner = new PacketScanner(session, {});
    const lines: string[] = [];
    const problems: Problem[] = [];
    for (const item of [...scanner.push(packet), ...scanner.end()]) {
      if (item.kind === "lines") lines.push(...Buffer.from(item.lines).toString().trimEnd().split("\n"));
      else if (item.kind === "problem") problems.push(withoutOffset(item.problem));
    }
    const { sums } = session;
    const totals = this.#totals;
    totals.packets++;
    totals.events += lines.length;
    totals.lostOnDevice += sums.lostOnDevice - lostOnDevice;
    totals.lostInTransit += sums.lostInTransit - lostInTransit;
    totals.repeated += sums.repeated - repeated;
    if (sums.packets > packets) this.#noteRing(packet, session);
    return { lines, problems, lostOnDevice: sums.lostOnDevice - lostOnDevice };
  }

  totals(): LiveTotals {
    return { devices: this.#sessions.size, ...this.#totals, ringFill: this.#ringFill };
  }

  #session(device: string | undefined): Session | undefined {
    let session = this.#sessions.get(device);
    if (session === undefined && this.#sessions.size < this.#mostDevices) {
      session = new Session({ registry: this.#registry, output: "lines" });
      this.#sessions.set(device, session);
    }
    return session;
  }

  #noteRing(packet: Uint8Array, { uuid }: Session): void {
    if (packet.length < PACKET_HEADER_BYTES) return;
    const outcome = parsePacketHeader(new DataView(packet.buffer, packet.byteOffset, packet.byteLength), 0, uuid);
    if (outcome.kind !== "header" || outcome.header.streamId !== STREAM_DATA) return;
    const { ringPendingSlots, ringCapacitySlots } = outcome.header;
    if (ringCapacitySlots > 0) this.#ringFill = Math.min(1, ringPendingSlots / ringCapacitySlots);
  }
}

/** An offset within a packet says nothing to who sees no bytes. */
function withoutOffset({ offsetBytes: _, ...problem }: Problem): Problem {
  return problem;
}
