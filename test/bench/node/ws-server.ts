/**
 * A process with two servers, one without telemetry and one of the kind that its argument names: no client's work is in its processor time. Both are
 * in one process, because processes of the same program differ by more than the cost of telemetry, depending on how they were compiled and laid out;
 * only two, because code that serves several kinds is compiled for all of them. Its first message contains the ports. On `{ kind, order }`: "begin"
 * does the work between rounds, and answers; "end" answers with the processor time since, in ns; "close" checks that every event is accounted for,
 * and answers with the number of emitted events.
 */
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WebSocket, WebSocketServer } from "ws";
import { setEnabled, Telemetry } from "xs-telemetry";
import { CaptureWriter, decodePath, registry } from "xs-telemetry/host";
import { instrument } from "xs-telemetry/ws";
import { interpose, layers } from "../../../host/adapters/interpose.ts";
import { echoServer } from "../../support/ws-load.ts";
import { MESSAGE_TYPE } from "../case.ts";

/**
 * Without telemetry; with functions instead of `emit` and `send` that only pass on; with the adapter, the type a token, and telemetry switched off;
 * the same, switched on; and with the type looked for.
 */
export type ServerKind = "off" | "forward" | "switched-off" | "token" | "type";

export interface Order {
  readonly kind: ServerKind;
  readonly order: "begin" | "end" | "close";
}

interface Served {
  readonly port: number;
  begin(): void;
  end(): void;
  close(): Promise<number>;
}

/** Of 100 ms, at 80,000 messages a second. */
const CAPACITY_BYTES = 256 << 10;
const DRAIN_EVERY_MS = 20;
/** Of a round, and the warm-up before it. */
const MOST_DRAINED_BYTES = 1 << 20;

async function serve(kind: ServerKind): Promise<Served> {
  const { server, port } = await echoServer();
  const ended = async () => {
    while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
    server.close();
  };
  if (kind === "token" || kind === "type") return { port, ...record(server, kind, ended) };
  if (kind === "forward") forward(server);
  const emitted = kind === "switched-off" ? leaveOff(server) : () => 0;
  const nothing = () => undefined;
  return { port, begin: nothing, end: nothing, close: () => ended().then(emitted) };
}

/** The adapter, the ring, its packets; and a capture of them. */
function record(server: WebSocketServer, kind: "token" | "type", ended: () => Promise<void>): Omit<Served, "port"> {
  const telemetry = new Telemetry({ capacityBytes: CAPACITY_BYTES });
  const token = telemetry.messageType(MESSAGE_TYPE);
  const instrumented = instrument(server, telemetry, kind === "token" ? { messageType: token } : {});
  const reader = telemetry.reader();
  const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-server-"));
  const path = join(folder, "capture");
  const writer = new CaptureWriter(path, { registry });
  const buffer = new Uint8Array(65_536);
  // The server sends its packets away: writing them to disk is the work of another process, and is done between the rounds.
  const sent = new Uint8Array(MOST_DRAINED_BYTES);
  let ends: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  const drain = () => {
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) {
      const at = ends.at(-1) ?? 0;
      sent.set(buffer.subarray(0, bytes), at);
      ends.push(at + bytes);
    }
  };
  const capture = () => {
    ends.forEach((end, index) => {
      ok(writer.write(sent.subarray(ends[index - 1] ?? 0, end)), "the capture takes the packet");
    });
    ends = [];
  };
  return {
    begin() {
      capture();
      timer = setInterval(drain, DRAIN_EVERY_MS);
    },
    end() {
      drain();
      clearInterval(timer);
    },
    /** After the clients have gone. Throws unless everything that was emitted is decoded or reported as lost. */
    async close() {
      await ended();
      drain();
      capture();
      writer.close();
      const { emitted, drained, overwritten, discarded, pending } = reader.counters();
      equal(emitted, drained + overwritten + discarded + pending, "the identity of the counters");
      equal(pending, 0, "events pending");
      equal(instrumented.counters().failures, 0, "failures of the adapter");
      for await (const item of decodePath(path, { registry })) {
        if (item.kind === "problem") throw new Error(item.problem.message);
        if (item.kind !== "summary") continue;
        const decoded = Object.values(item.summary.events).reduce((sum, count) => sum + count, 0);
        equal(decoded, drained, "events decoded");
        equal(decoded + item.summary.lostOnDevice, emitted, "events decoded and reported as lost");
      }
      rmSync(folder, { recursive: true });
      return emitted;
    },
  };
}

const handingOn = layers(() => ({
  emit(this: WebSocket, ...args: unknown[]): boolean {
    return super.emit(...args);
  },
  send(this: WebSocket, ...args: unknown[]): void {
    super.send(...args);
  },
}));

/** The minimum that any adapter needs, whatever it records. */
function forward(server: WebSocketServer): void {
  server.on("connection", (webSocket) => interpose(webSocket, handingOn));
}

/** The adapter, while nothing is recorded. Returns a function that gives the number of events. */
function leaveOff(server: WebSocketServer): () => number {
  const telemetry = new Telemetry({ capacityBytes: CAPACITY_BYTES });
  setEnabled(false);
  instrument(server, telemetry, { messageType: telemetry.messageType(MESSAGE_TYPE) });
  return () => telemetry.counters().emitted;
}

const served = new Map<ServerKind, Served>();
for (const kind of ["off", process.argv[2] as ServerKind] as const) served.set(kind, await serve(kind));

let cpu = process.cpuUsage();
process.on("message", async ({ kind, order }: Order) => {
  const server = served.get(kind)!;
  if (order === "begin") {
    server.begin();
    process.send!("ready");
    cpu = process.cpuUsage();
  } else if (order === "end") {
    server.end();
    const { user, system } = process.cpuUsage(cpu);
    process.send!((user + system) * 1e3);
  } else process.send!(await server.close());
});
process.on("disconnect", () => process.exit());
process.send!(Object.fromEntries([...served].map(([kind, { port }]) => [kind, port])));
