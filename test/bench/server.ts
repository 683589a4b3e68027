/**
 * A WebSocket server in Node with 100 real clients, with telemetry and without: what a message costs it, received and answered. With
 * telemetry means the adapter, the ring and its packets; all of them are captured and decoded, and every event accounted for.
 */
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, decodePath, registry } from "xs-telemetry/host";
import { instrument } from "xs-telemetry/ws";
import { type Clients, echoServer, startClients } from "../support/ws-load.ts";
import { PAYLOADS } from "./case.ts";
import type { Row, Say } from "./rows.ts";

const CLIENTS = 100;
/** With telemetry; as many without it. Rounds of both alternate, so that a machine that slows down slows both. */
const MESSAGES = 1_000_000;
const ROUNDS = 40;
const PAYLOAD_CHARS = 20;
const CAPACITY_BYTES = 4 << 20;
const DRAIN_EVERY_MS = 20;

export async function measureServer(say: Say): Promise<Row[]> {
  const payload = PAYLOADS[PAYLOAD_CHARS]!;
  const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-server-"));
  const telemetry = new Telemetry({ capacityBytes: CAPACITY_BYTES });
  const reader = telemetry.reader();
  const writer = new CaptureWriter(join(folder, "capture"), { registry });
  const buffer = new Uint8Array(65_536);
  // The server sends its packets away: what writes them to disk is another process's work, and not measured.
  let packets: Uint8Array[] = [];
  const drain = () => {
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
  };
  const capture = () => {
    for (const packet of packets) ok(writer.write(packet), "the capture takes the packet");
    packets = [];
  };

  const [plain, recorded] = [await echoServer(), await echoServer()];
  const instrumented = instrument(recorded.server, telemetry);
  const loads: Record<"disabled" | "typescript", Clients> = {
    disabled: await startClients(CLIENTS, plain.port),
    typescript: await startClients(CLIENTS, recorded.port),
  };
  /** Of a round: what the clock and what this process took for a message, ns. */
  const walls = { disabled: [] as number[], typescript: [] as number[] };
  const cpus = { disabled: [] as number[], typescript: [] as number[] };
  const share = MESSAGES / ROUNDS;
  const round = async (path: "disabled" | "typescript", keep: boolean) => {
    const timer = path === "typescript" ? setInterval(drain, DRAIN_EVERY_MS) : undefined;
    const cpu = process.cpuUsage();
    const started = performance.now();
    await loads[path].exchange(share, payload);
    if (timer) drain();
    const wall = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    clearInterval(timer);
    capture();
    if (!keep) return;
    walls[path].push((wall * 1e6) / share);
    cpus[path].push(((user + system) * 1e3) / share);
  };
  // Both are compiled before either is measured.
  for (const path of ["disabled", "typescript"] as const) await round(path, false);
  for (let number = 0; number < ROUNDS; number++) {
    say(
      `server: round ${number + 1} of ${ROUNDS}, ${share} messages from ${CLIENTS} clients with telemetry and without`,
    );
    for (const path of number % 2 ? (["disabled", "typescript"] as const) : (["typescript", "disabled"] as const))
      await round(path, true);
  }

  for (const load of Object.values(loads)) await load.close();
  for (const { server } of [plain, recorded]) {
    while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
    server.close();
  }
  drain();
  capture();
  writer.close();
  const { emitted, drained, overwritten, discarded, pending } = reader.counters();
  equal(emitted, 3 * CLIENTS + 2 * (MESSAGES + share), "events emitted");
  equal(emitted, drained + overwritten + discarded + pending, "the identity of the counters");
  equal(pending, 0, "events pending");
  equal(instrumented.counters().failures, 0, "failures of the adapter");
  for await (const item of decodePath(join(folder, "capture"), { registry })) {
    if (item.kind === "problem") throw new Error(item.problem.message);
    if (item.kind !== "summary") continue;
    const decoded = Object.values(item.summary.events).reduce((sum, count) => sum + count, 0);
    equal(decoded, drained, "events decoded");
    equal(decoded + item.summary.lostOnDevice, emitted, "events decoded and reported as lost");
  }
  rmSync(folder, { recursive: true });

  const percent = ({ disabled, typescript }: typeof walls) =>
    ((100 * median(disabled)) / median(typescript)).toFixed(1);
  say(`server: ${emitted} events emitted, ${drained} decoded, ${overwritten + discarded} lost and reported`);
  say(`server: throughput with telemetry ${percent(walls)} % of that without, ${percent(cpus)} % by processor time`);
  return (["typescript", "disabled"] as const).map((path) => ({
    engine: "node",
    path,
    event: "server",
    payloadChars: PAYLOAD_CHARS,
    instructions: null,
    ns: Math.round(median(walls[path])),
    allocatedBytes: null,
    recordBytes: path === "typescript" ? 32 : 0,
  }));
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1]!;
}
