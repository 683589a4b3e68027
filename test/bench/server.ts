/**
 * A `ws` server in Node with 100 real clients, with and without telemetry: what a message, received and answered, costs the server's process. With
 * telemetry means the adapter, the ring and its packets; all of them are captured and decoded, and every event is accounted for.
 */
import { equal } from "node:assert/strict";
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { type Clients, startClients } from "../support/ws-load.ts";
import { PAYLOADS } from "./case.ts";
import { number, type Table } from "./format.ts";
import type { Order, ServerKind } from "./node/ws-server.ts";
import type { Row, Say } from "./rows.ts";

type RecordedKind = Exclude<ServerKind, "off">;
const RECORDED_KINDS: readonly RecordedKind[] = ["forward", "switched-off", "token", "type"];
const MAIN = "dist/bench/node/ws-server.mjs";
const CLIENTS = 100;
/** For each kind: a million go through the adapter with the type found, and a million with a token. */
const MESSAGES = 1_000_000;
/** For each kind, one after the other: the compiled form of a process stays to its end. */
const PROCESSES = 5;
/** For each process. The two servers in it take turns, and rounds are short, so that a machine that slows down slows both. */
const ROUNDS = 50;
const PAYLOAD_CHARS = 20;
const SHARE = MESSAGES / PROCESSES / ROUNDS;
/** Before those: code is compiled in them. */
const WARM_UP_ROUNDS = 12;
/** Before each round, and not measured: the other server was at work meanwhile, with other sockets and clients. */
const WARM_UP_MESSAGES = 500;
/** The server has its own processor: on one shared with clients, the number of wake-ups changes the cost of a message. */
const SERVER_CPU = 0;
const CLIENTS_CPU = 1;

/** One kind of server. */
export interface ServerCost {
  readonly kind: ServerKind;
  /** Of the server's process, for a message, as a mean. */
  readonly cpuNs: number;
  /** From a round's first message to its last answer, clients included, for a message, as a mean. */
  readonly wallNs: number;
  /** The cost of the server without telemetry for its million messages in the same processes, percent; and the minimum and maximum of a process. */
  readonly cpuPercent: Percent;
  readonly wallPercent: Percent;
}

type Percent = readonly [all: number, least: number, most: number];

/** Of a process: the cost of all messages of a server. */
interface Totals {
  cpuNs: number;
  wallNs: number;
}

type Pair = Readonly<Record<"off" | "on", Totals>>;

/** Throws unless every message is echoed, and every event decoded or reported as lost. */
export async function measureServer(say: Say): Promise<ServerCost[]> {
  const found = new Map<ServerKind, Pair[]>();
  for (const kind of RECORDED_KINDS) {
    const pairs: Pair[] = [];
    for (let set = 0; set < PROCESSES; set++) {
      say(
        `server: ${kind}, process ${set + 1} of ${PROCESSES}, ${ROUNDS} rounds of ${SHARE} messages from ${CLIENTS} clients`,
      );
      pairs.push(await measureProcess(kind));
    }
    found.set(kind, pairs);
    const { cpuPercent, wallPercent } = costOf(kind, pairs);
    say(
      `server: ${kind}: ${cpuPercent[0].toFixed(1)} % by processor time, ${wallPercent[0].toFixed(1)} % by the clock`,
    );
  }
  const off = [...found.values()].flat().map((pair) => ({ off: pair.off, on: pair.off }));
  return [costOf("off", off), ...[...found].map(([kind, pairs]) => costOf(kind, pairs))];
}

/** A process with two servers: without telemetry, and of this kind. */
async function measureProcess(kind: RecordedKind): Promise<Pair> {
  const child = fork(MAIN, [kind], { stdio: ["ignore", 2, 2, "ipc"] });
  const loads: Partial<Record<ServerKind, Clients>> = {};
  const ask = (order: Order) => {
    child.send(order);
    return answerOf(child);
  };
  const payload = PAYLOADS[PAYLOAD_CHARS]!;
  const totals = { off: { cpuNs: 0, wallNs: 0 }, on: { cpuNs: 0, wallNs: 0 } };
  try {
    const ports = (await answerOf(child)) as Record<ServerKind, number>;
    pin(child.pid!, SERVER_CPU);
    for (const served of ["off", kind] as const) {
      loads[served] = await startClients(CLIENTS, ports[served]);
      pin(loads[served].pid, CLIENTS_CPU);
    }
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++)
      for (const served of round % 2 ? (["off", kind] as const) : ([kind, "off"] as const)) {
        await loads[served]!.exchange(WARM_UP_MESSAGES, payload);
        await ask({ kind: served, order: "begin" });
        const fromMs = performance.now();
        await loads[served]!.exchange(SHARE, payload);
        const wallMs = performance.now() - fromMs;
        const cpuNs = (await ask({ kind: served, order: "end" })) as number;
        if (round < 0) continue;
        const total = totals[served === "off" ? "off" : "on"];
        total.cpuNs += cpuNs;
        total.wallNs += wallMs * 1e6;
      }
    for (const served of ["off", kind] as const) {
      await loads[served]!.close();
      delete loads[served];
      const isRecorded = served === "token" || served === "type";
      const expected = isRecorded ? 3 * CLIENTS + 2 * (SHARE + WARM_UP_MESSAGES) * (ROUNDS + WARM_UP_ROUNDS) : 0;
      equal(await ask({ kind: served, order: "close" }), expected, `events emitted, ${served}`);
    }
  } finally {
    for (const load of Object.values(loads)) await load.close();
    if (child.connected) child.disconnect();
  }
  return totals;
}

/** All threads of a process to one processor. */
function pin(pid: number, cpu: number): void {
  execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", String(cpu), String(pid)], { stdio: "ignore" });
}

/** Throws if the process ends instead: its error is on standard error. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`server: its process ended with ${code}`);
  });
  try {
    return ((await Promise.race([once(child, "message", { signal }), ended])) as unknown[])[0];
  } finally {
    ended.catch(() => undefined);
    over.abort();
  }
}

function costOf(kind: ServerKind, pairs: readonly Pair[]): ServerCost {
  const sum = (which: "off" | "on", figure: keyof Totals) => pairs.reduce((all, pair) => all + pair[which][figure], 0);
  const percent = (figure: keyof Totals): Percent => {
    const each = pairs.map(({ off, on }) => (100 * off[figure]) / on[figure]);
    return [(100 * sum("off", figure)) / sum("on", figure), Math.min(...each), Math.max(...each)];
  };
  const messages = pairs.length * ROUNDS * SHARE;
  return {
    kind,
    cpuNs: sum("on", "cpuNs") / messages,
    wallNs: sum("on", "wallNs") / messages,
    cpuPercent: percent("cpuNs"),
    wallPercent: percent("wallNs"),
  };
}

/** Processor time, because it limits a server's throughput, and does not include other work on the machine. */
export function serverRows(costs: readonly ServerCost[]): Row[] {
  return costs.flatMap(({ kind, cpuNs }) =>
    kind === "forward" || kind === "switched-off"
      ? []
      : [
          {
            engine: "node",
            path: kind === "off" ? "disabled" : "typescript",
            event: "server",
            payloadChars: kind === "token" ? 0 : PAYLOAD_CHARS,
            scene: kind === "token" ? "one-token" : "same-type",
            instructions: null,
            ns: Math.round(cpuNs),
            allocatedBytes: null,
            recordBytes: kind === "off" ? 0 : 32,
          } as const,
        ],
  );
}

const TITLES: Readonly<Record<ServerKind, string>> = {
  off: "without telemetry",
  forward: "`emit` and `send` replaced by functions that only pass calls on",
  "switched-off": "the adapter, telemetry switched off, the type is one token",
  token: "recorded, the type is one token",
  type: "recorded, the type looked for in both messages (default)",
};

export function serverTable(costs: readonly ServerCost[]): Table {
  const percent = ([middle, least, most]: ServerCost["cpuPercent"]) =>
    `${number(middle, 1)} (${number(least, 1)}–${number(most, 1)})`;
  return {
    title: `A message, received and answered by a ws server with ${CLIENTS} clients`,
    head: ["server", "processor time, ns", "throughput by it, %", "clock, ns", "throughput by it, %"],
    rows: costs.map(({ kind, cpuNs, wallNs, cpuPercent, wallPercent }) => [
      TITLES[kind],
      number(cpuNs),
      percent(cpuPercent),
      number(wallNs),
      percent(wallPercent),
    ]),
  };
}
