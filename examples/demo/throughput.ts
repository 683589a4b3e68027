// How fast this machine emits, drains and decodes; to be reported, not judged.
import { Telemetry } from "xs-telemetry";
import { decode, registry } from "xs-telemetry/host";

const EVENTS = 500_000;

export interface Throughput {
  emitNs: number;
  drainNs: number;
  decodedEventsPerSecond: number;
}

export async function measureThroughput(): Promise<Throughput> {
  const telemetry = new Telemetry({ capacityBytes: EVENTS * 16 + 1024, bootId: 1, clock: { now: () => 1 } });
  const reader = telemetry.reader();
  const type = telemetry.messageType("getStatus");
  const connection = telemetry.connect(1);

  const emitStart = performance.now();
  for (let count = 0; count < EVENTS; count++) connection.received(type);
  const drainStart = performance.now();
  const packets: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
    packets.push(buffer.slice(0, length));
  const decodeStart = performance.now();
  let events = 0;
  for await (const item of decode(packets, { registry, output: "lines" }))
    if (item.kind === "lines") events += item.count;
  const end = performance.now();
  if (events !== EVENTS + 1) throw new Error(`${EVENTS + 1} events emitted, ${events} decoded`);
  return {
    emitNs: ((drainStart - emitStart) * 1e6) / EVENTS,
    drainNs: ((decodeStart - drainStart) * 1e6) / EVENTS,
    decodedEventsPerSecond: (events * 1000) / (end - decodeStart),
  };
}
