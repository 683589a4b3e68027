// Fleets with reboots, losses, wraps and connections of every kind, and the statistics of their lines by an independent calculation.
import type { Reader } from "xs-telemetry";
import { Reason, Telemetry } from "xs-telemetry";
import { randomIntegers } from "./packets.ts";

export interface FleetPackets {
  /** Packets of each boot, in order, by device. */
  readonly boots: ReadonlyMap<string, readonly (readonly Uint8Array[])[]>;
}

const REASONS = [Reason.rateLimit, Reason.sizeLimit, Reason.parseError, Reason.authFailed];
const TYPES = ["getStatus", "set\u001b[31mLight", "ping", "😀", ""];

/** What devices send: rings that overflow, clocks that wrap, connections that stay open. The same seed gives the same. */
export function fleetPackets(seed: number, devices: number, most = 400): Map<string, Uint8Array[][]> {
  const random = randomIntegers(seed);
  const all = new Map<string, Uint8Array[][]>();
  for (let number = 0; number < devices; number++) {
    const boots: Uint8Array[][] = [];
    for (let left = 1 + random(4); left > 0; left--) boots.push(bootPackets(random, most));
    all.set(["pump-7", "küche\u202e", "-rf", "\u001b]0;owned\u0007"][number % 4]! + number, boots);
  }
  return all;
}

function bootPackets(random: (limit: number) => number, most: number): Uint8Array[] {
  const clock = { ms: random(3) === 0 ? 2 ** 32 - random(5000) : random(5000), now: () => clock.ms | 0 };
  const bootId = random(2 ** 31) * 1024 + random(1024);
  const telemetry = new Telemetry({
    capacityBytes: 256 << random(6),
    bootId,
    clock,
    policy: random(2) ? "overwrite" : "discard",
  });
  const reader = telemetry.reader();
  const tokens = TYPES.map((type) => telemetry.messageType(type));
  const connections = Array.from({ length: 1 + random(6) }, (_, client) =>
    telemetry.connect(client, random(2) ? "10.0.0.7" : undefined),
  );
  const packets: Uint8Array[] = [];
  for (let left = random(most); left > 0; left--) {
    clock.ms += random(5) === 0 ? random(3000) : random(5);
    const index = random(connections.length);
    const connection = connections[index]!;
    const token = tokens[random(tokens.length)]!;
    const payload = random(3) === 0 ? "naïve ☃".repeat(random(12)) : undefined;
    switch (random(12)) {
      case 0:
        connection.disconnected();
        break;
      case 1:
        connections[index] = telemetry.connect(random(9));
        break;
      case 2:
        connection.connected();
        break;
      case 3:
        connection.rejected(REASONS[random(4)]!, token, payload);
        break;
      case 4:
      case 5:
      case 6:
        connection.sent(token, payload);
        break;
      default:
        connection.received(token, payload);
    }
    if (random(12) === 0) packets.push(...drained(reader, random));
  }
  packets.push(...drained(reader, random));
  return packets;
}

function drained(reader: Reader, random: (limit: number) => number): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const buffer = new Uint8Array(256 + random(1200));
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
    packets.push(buffer.slice(0, length));
  return packets;
}

type Line = Readonly<Record<string, string | number>>;

/** Percentiles by sorting all. */
export function spreadOf(values: readonly number[]): {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  greatest: number | null;
} {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? null;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), greatest: sorted.at(-1) ?? null };
}

/**
 * The sums of decoded lines, the slow way: everything is kept, sorted and searched. After a gap in the numbers, no answer is assigned to what came
 * before it.
 */
export function longWay(lines: readonly Line[]) {
  const boots = new Map<string, Line[]>();
  for (const line of lines) {
    const key = JSON.stringify([line.device ?? null, line.boot ?? null]);
    boots.set(key, [...(boots.get(key) ?? []), line]);
  }
  const durations: number[] = [];
  const answers = new Map<string, number[]>();
  const unanswered = new Map<string, number>();
  const unknown = new Map<string, number>();
  const more = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  let openAtEnd = 0;
  let missing = 0;
  for (const events of boots.values()) {
    for (const [index, line] of events.entries()) {
      const same = (other: Line) => other.clientId === line.clientId && other.connEpoch === line.connEpoch;
      const later = events.slice(index + 1);
      if (index > 0) missing += Number(line.eventSeq) - Number(events[index - 1]!.eventSeq) - 1;
      if (line.event === "ws.connect") {
        const end = later.find((other) => same(other) && other.event === "ws.disconnect");
        if (end === undefined) openAtEnd++;
        else durations.push(Number(end.ts_mono_ms) - Number(line.ts_mono_ms));
      }
      if (line.event === "msg.recv") {
        const type = String(line.msgType);
        const next = later.findIndex(
          (other) => same(other) && (other.event === "msg.send" || other.event === "ws.disconnect"),
        );
        const before = later.slice(0, next < 0 ? later.length : next + 1);
        const isWhole = before.every((other, at) => Number(other.eventSeq) === Number(line.eventSeq) + at + 1);
        if (!isWhole) more(unknown, type);
        else if (next < 0 || later[next]!.event === "ws.disconnect") more(unanswered, type);
        else
          answers.set(type, [...(answers.get(type) ?? []), Number(later[next]!.ts_mono_ms) - Number(line.ts_mono_ms)]);
      }
    }
  }
  const count = (test: (line: Line) => boolean) => lines.filter(test).length;
  const types = [
    ...new Set(lines.filter(({ msgType }) => msgType !== undefined).map(({ msgType }) => String(msgType))),
  ];
  return {
    boots: boots.size,
    missing,
    durations: spreadOf(durations),
    openAtEnd,
    begun: count(({ event }) => event === "ws.connect"),
    rejected: count(({ result }) => result === "rejected"),
    types: new Map(
      types.map((type) => [
        type,
        {
          received: count(({ event, msgType }) => event === "msg.recv" && msgType === type),
          sent: count(({ event, msgType }) => event === "msg.send" && msgType === type),
          bytes: lines
            .filter(({ msgType }) => msgType === type)
            .reduce((sum, { payloadSummary }) => sum + Buffer.byteLength(String(payloadSummary ?? "")), 0),
          answers: spreadOf(answers.get(type) ?? []),
          unanswered: unanswered.get(type) ?? 0,
          unknown: unknown.get(type) ?? 0,
        },
      ]),
    ),
  };
}
