/** Bytes that an event takes in the ring and on the line, in whole traffics: everything is emitted, drained and decoded in this run. */
import { equal } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decode, registry, simulate, type TelemetryEvent } from "xs-telemetry/host";
import { runClients } from "../../examples/demo/clients.ts";
import { Recorder } from "../../examples/demo/recorder.ts";
import { startServer } from "../../examples/demo/server.ts";
import { PACKET_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import { CAPTURES, replay } from "../support/captures.ts";
import { NOT_MEASURED, unmeasured } from "./parts.ts";
import type { Row, Say } from "./rows.ts";

/** The demo's server and clients; simulated devices; two traces of real devices, which are not part of the project. */
export const TRAFFICS = ["demo", "simulate", "ota_ws_happy_path", "zones_happy_path"] as const;
type Traffic = (typeof TRAFFICS)[number];

/** As in the demo, and a datagram's worth. */
const CAPACITY_BYTES = 16_384;
const DRAIN_EVERY_MS = 25;
const SIMULATED = { seed: 1, devices: 20, events: 2_000 };

interface Emitted {
  readonly packets: readonly Uint8Array[];
  readonly events: number;
}

export async function measureTraffic(say: Say): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scene of TRAFFICS) {
    say(`traffic: ${scene}`);
    const isShared = scene !== "demo" && scene !== "simulate";
    if (isShared && !existsSync(CAPTURES)) {
      say(`traffic: ${scene}: ${NOT_MEASURED}: there is no ${CAPTURES}`);
      rows.push(...unmeasured("node", [{ path: "typescript", event: "traffic", payloadChars: 0, scene }]));
      continue;
    }
    rows.push({
      engine: "node",
      path: "typescript",
      event: "traffic",
      payloadChars: 0,
      scene,
      instructions: null,
      ns: null,
      allocatedBytes: null,
      recordBytes: await bytesAnEvent(await emit(scene)),
    });
  }
  return rows;
}

function emit(scene: Traffic): Emitted | Promise<Emitted> {
  return scene === "demo" ? emitDemo() : scene === "simulate" ? emitSimulated() : emitTrace(`${scene}.jsonl`);
}

async function emitDemo(): Promise<Emitted> {
  const recorder = new Recorder(CAPACITY_BYTES);
  const packets: Uint8Array[] = [];
  const drain = () => packets.push(...recorder.drain());
  const timer = setInterval(drain, DRAIN_EVERY_MS);
  const server = await startServer(recorder);
  await runClients(server.port);
  await server.close();
  clearInterval(timer);
  drain();
  return { packets, events: recorder.telemetry.counters().emitted };
}

async function emitSimulated(): Promise<Emitted> {
  const packets: Uint8Array[] = [];
  const { events } = await simulate({
    ...SIMULATED,
    rate: "max",
    everyMs: 5,
    open: () => () => ({
      maxPacketBytes: 1400,
      write: (buffer, byteLength) => packets.push(buffer.slice(0, byteLength)) > 0,
      close() {},
    }),
  });
  // A reboot loses what is in the ring.
  return { packets, events: events.drained - events.unsent };
}

function emitTrace(name: string): Emitted {
  const lines = readFileSync(join(CAPTURES, name), "utf8").trim().split("\n");
  // An event that does not follow the schema is emitted as well as it can be.
  const events = lines.map((line) => JSON.parse(line) as TelemetryEvent);
  const { telemetry, packets } = replay(events);
  return { packets, events: telemetry.counters().emitted };
}

/** Of the records: packets also have headers. Each emitted event is decoded, or the figure would be wrong. */
async function bytesAnEvent({ packets, events }: Emitted): Promise<number> {
  let decoded = 0;
  let bytes = 0;
  const data = packets.filter((packet) => packet[20] === 0);
  for (const packet of data) bytes += packet.length - PACKET_HEADER_BYTES;
  for await (const item of decode(packets, { registry }))
    if (item.kind === "problem") equal(item.problem, undefined);
    else if (item.kind === "events") decoded += item.events.length;
  equal(decoded, events, "events decoded");
  return bytes / events;
}
