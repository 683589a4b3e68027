/**
 * A process with a server of each kind: no client's work is in its processor time. All in one, for processes of the same program differ
 * by more than telemetry costs, as they were compiled and laid out; what differs here is the kind alone. Its first message says the ports.
 * Told `{ kind, order }`: "begin" does what is between rounds, and answers; "end" answers with the processor time since, in ns; "close"
 * checks that every event is accounted for, and answers with how many were emitted.
 */
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WebSocket, WebSocketServer } from "ws";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, decodePath, registry } from "xs-telemetry/host";
import { instrument } from "xs-telemetry/ws";
import { echoServer } from "../../support/ws-load.ts";
import { MESSAGE_TYPE } from "../case.ts";

/**
 * Without telemetry; with functions in the place of `emit` and `send` that only hand on; with the adapter, and the type a token; the same,
 * and the type looked for.
 */
const KINDS = ["off", "forward", "token", "type"] as const;
export type ServerKind = (typeof KINDS)[number];

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

const CAPACITY_BYTES = 4 << 20;
const DRAIN_EVERY_MS = 20;

async function serve(kind: ServerKind): Promise<Served> {
  const { server, port } = await echoServer();
  const ended = async () => {
    while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
    server.close();
  };
  if (kind === "token" || kind === "type") return { port, ...record(server, kind, ended) };
  if (kind === "forward") forward(server);
  const nothing = () => undefined;
  return { port, begin: nothing, end: nothing, close: () => ended().then(() => 0) };
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
  // The server sends its packets away: what writes them to disk is another process's work, and done between the rounds.
  let packets: Uint8Array[] = [];
  let timer: NodeJS.Timeout | undefined;
  const drain = () => {
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
  };
  const capture = () => {
    for (const packet of packets) ok(writer.write(packet), "the capture takes the packet");
    packets = [];
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
    /** When the clients have gone. Throws unless all that was emitted is decoded or told as lost. */
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

/** What an adapter cannot do without, whatever it records. */
function forward(server: WebSocketServer): void {
  server.on("connection", (webSocket: WebSocket) => {
    const { emit, send } = webSocket;
    const define = (name: string, value: unknown) =>
      Object.defineProperty(webSocket, name, { value, configurable: true, writable: true });
    define("emit", function (this: WebSocket, ...args: Parameters<typeof emit>): boolean {
      return args.length === 3 ? emit.call(this, args[0], args[1], args[2]) : emit.apply(this, args);
    });
    define("send", function (this: WebSocket, ...args: Parameters<typeof send>): void {
      send.apply(this, args);
    });
  });
}

const served = new Map<ServerKind, Served>();
for (const kind of KINDS) served.set(kind, await serve(kind));

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
