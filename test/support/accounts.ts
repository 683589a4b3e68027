// What became of every event between an emitter and a decoded capture, by cause.
import { equal, ok } from "node:assert/strict";
import type { DecodeSummary } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { type PacketHeader, parsePacketHeader, uuidsOf } from "../../host/packet/packet.ts";
import { RecordDecoder } from "../../host/packet/records.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { BootCounters } from "../../host/simulate/device.ts";
import type { Problem } from "../../host/text/errors.ts";
import { PACKET_HEADER_BYTES, STREAM_DATA } from "../../src/ring/packet-layout.ts";

export interface Account {
  /** Events decoded, by boot id. */
  readonly decoded: ReadonlyMap<number, number>;
  readonly summary: DecodeSummary;
  readonly problems: readonly Problem[];
}

/** Decodes a capture, or a folder of captures. */
export async function accountOf(folder: string): Promise<Account> {
  const decoded = new Map<number, number>();
  const problems: Problem[] = [];
  for await (const item of decodePath(folder, { registry, output: "lines" })) {
    if (item.kind === "lines") decoded.set(item.bootId, (decoded.get(item.bootId) ?? 0) + item.count);
    else if (item.kind === "problem") problems.push(item.problem);
    else if (item.kind === "summary") return { decoded, problems, summary: item.summary };
  }
  throw new Error("decodePath() ended without a summary");
}

export const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);
export const decodedEvents = ({ decoded }: Account): number => sum(decoded.values());

/** A data packet that was seen. */
export interface SeenPacket {
  readonly header: PacketHeader;
  readonly events: number;
  /** Refused events that it reports. */
  readonly lost: number;
}

const uuids = uuidsOf(registry);
const records = new RecordDecoder(registry);

/** What is in a packet of records; undefined for any other packet. */
export function seen(packet: Uint8Array): SeenPacket | undefined {
  if (packet.length < PACKET_HEADER_BYTES) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const outcome = parsePacketHeader(view, 0, uuids);
  if (outcome.kind !== "header" || outcome.header.streamId !== STREAM_DATA) return undefined;
  const { events, lost } = records.check(packet, view, 0, packet.length, outcome.header);
  return { header: outcome.header, events, lost };
}

/** What a lossy link did with the packets of a boot. */
export interface BootOnTheWay {
  readonly passed: readonly SeenPacket[];
  readonly dropped: readonly SeenPacket[];
}

/** The accounts of a boot. `afterLast`: what nobody could know, because no later packet of the boot arrived. */
export interface Expected {
  readonly decoded: number;
  readonly lostOnDevice: number;
  readonly notArrived: number;
  readonly afterLast: number;
}

/** What must be decoded and reported of a boot, given what the link dropped. Checks that everything adds up to what was emitted. */
export function expectedOf(boot: BootCounters, { passed, dropped }: BootOnTheWay): Expected {
  const byNumber = (one: SeenPacket, other: SeenPacket) => one.header.packetNumber - other.header.packetNumber;
  const last = [...passed].sort(byNumber).at(-1);
  const isBefore = ({ header }: SeenPacket) => last !== undefined && header.packetNumber < last.header.packetNumber;
  const before = dropped.filter(isBefore);
  const after = dropped.filter((packet) => !isBefore(packet));
  const decoded = sum(passed.map(({ events }) => events));
  const notArrived = sum(before.map(({ events }) => events));
  const lateEvents = sum(after.map(({ events }) => events));
  const lostOnDevice = last?.header.eventsDiscarded ?? 0;
  equal(boot.drained - boot.unsent, decoded + notArrived + lateEvents, "what was given to the link passed by");
  const untold = boot.overwritten + boot.discarded - lostOnDevice;
  ok(untold >= 0, "no more losses are told than there were");
  const afterLast = lateEvents + untold + boot.unsent + boot.pending;
  equal(boot.emitted, decoded + lostOnDevice + notArrived + afterLast, `boot ${boot.bootId}`);
  return { decoded, lostOnDevice, notArrived, afterLast };
}

/** Nothing was lost after the last packet of any boot, so everything that was emitted is decoded or reported. */
export function checkAllTold(account: Account, boots: readonly BootCounters[]): void {
  const { summary } = account;
  const of = (name: "emitted" | "drained" | "overwritten" | "discarded" | "pending" | "unsent") =>
    sum(boots.map((boot) => boot[name]));
  equal(of("pending") + of("unsent"), 0, "everything has left the devices");
  equal(summary.lostOnDevice, of("overwritten") + of("discarded"), "lost on the device");
  const { lostInTransit, beforeFirstPacket } = summary;
  equal(decodedEvents(account) + lostInTransit + beforeFirstPacket, of("drained"), "given to the link");
  equal(decodedEvents(account) + summary.lostOnDevice + lostInTransit + beforeFirstPacket, of("emitted"), "emitted");
}
