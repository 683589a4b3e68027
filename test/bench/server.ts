/**
 * A `ws` server in Node with 100 real clients, without telemetry and with it: what a message, received and answered, takes of the
 * server's process. With telemetry means the adapter, the ring and its packets; all of them are captured and decoded, and every event
 * accounted for.
 */
import { equal } from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type Clients, startClients } from "../support/ws-load.ts";
import { PAYLOADS } from "./case.ts";
import { number, type Table } from "./format.ts";
import type { Order, ServerKind } from "./node/ws-server.ts";
import type { Row, Say } from "./rows.ts";

const MAIN = "dist/bench/node/ws-server.mjs";
/** That module is a program of its own, of which this one takes but the types. */
const KINDS: readonly ServerKind[] = ["off", "forward", "token", "type"];
const CLIENTS = 100;
/** Of each kind; so the adapter carries a million messages with the type found, and a million with a token. */
const MESSAGES = 1_000_000;
/** One after the other: what a process was compiled to stays so to its end. */
const PROCESSES = 4;
/** Of each process and kind. Kinds take turns, and rounds are short, so that a machine that slows down slows them all. */
const ROUNDS = 25;
const PAYLOAD_CHARS = 20;
const SHARE = MESSAGES / PROCESSES / ROUNDS;
/** Before those: code is compiled in them. */
const WARM_UP_ROUNDS = 4;
/** Before each round, and not measured: another kind was served meanwhile, with other sockets and clients. */
const WARM_UP_MESSAGES = 2000;

/** One kind of server. */
export interface ServerCost {
  readonly kind: ServerKind;
  /** Of the server's process, for a message: medians of all rounds. */
  readonly cpuNs: number;
  /** From a round's first message to its last answer, clients included, for a message. */
  readonly wallNs: number;
  /** What the kind without telemetry took of it in the same turn, percent: median of all rounds, and the least and most median of a process. */
  readonly cpuPercent: readonly [median: number, least: number, most: number];
  readonly wallPercent: readonly [median: number, least: number, most: number];
}

type Rounds = Readonly<Record<ServerKind, { readonly cpuNs: number[]; readonly wallNs: number[] }>>;

/** Throws unless every message is echoed, and every event decoded or reported as lost. */
export async function measureServer(say: Say): Promise<ServerCost[]> {
  const found: Rounds[] = [];
  for (let set = 0; set < PROCESSES; set++) {
    say(
      `server: process ${set + 1} of ${PROCESSES}, ${ROUNDS} rounds of ${SHARE} messages of each kind from ${CLIENTS} clients`,
    );
    found.push(await measureProcess());
    for (const { kind, cpuPercent, wallPercent } of costsOf(found.slice(-1)))
      say(
        `server: ${kind}: ${cpuPercent[0].toFixed(1)} % by processor time, ${wallPercent[0].toFixed(1)} % by the clock`,
      );
  }
  return costsOf(found);
}

async function measureProcess(): Promise<Rounds> {
  const child = fork(MAIN, [], { stdio: ["ignore", 2, 2, "ipc"] });
  const loads: Partial<Record<ServerKind, Clients>> = {};
  const ask = (order: Order) => {
    child.send(order);
    return answerOf(child);
  };
  const payload = PAYLOADS[PAYLOAD_CHARS]!;
  const rounds = Object.fromEntries(KINDS.map((kind) => [kind, { cpuNs: [], wallNs: [] }])) as unknown as Rounds;
  try {
    const ports = (await answerOf(child)) as Record<ServerKind, number>;
    for (const kind of KINDS) loads[kind] = await startClients(CLIENTS, ports[kind]);
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++)
      for (let turn = 0; turn < KINDS.length; turn++) {
        // Each begins a round as often as the others, and follows each of them.
        const step = round % 2 ? 1 : KINDS.length - 1;
        const kind = KINDS[(WARM_UP_ROUNDS + round + turn * step) % KINDS.length]!;
        await loads[kind]!.exchange(WARM_UP_MESSAGES, payload);
        await ask({ kind, order: "begin" });
        const fromMs = performance.now();
        await loads[kind]!.exchange(SHARE, payload);
        const wallMs = performance.now() - fromMs;
        const cpuNs = (await ask({ kind, order: "end" })) as number;
        if (round < 0) continue;
        rounds[kind].cpuNs.push(cpuNs / SHARE);
        rounds[kind].wallNs.push((wallMs * 1e6) / SHARE);
      }
    for (const kind of KINDS) {
      await loads[kind]!.close();
      delete loads[kind];
      const isRecorded = kind === "token" || kind === "type";
      const expected = isRecorded ? 3 * CLIENTS + 2 * (SHARE + WARM_UP_MESSAGES) * (ROUNDS + WARM_UP_ROUNDS) : 0;
      equal(await ask({ kind, order: "close" }), expected, `events emitted, ${kind}`);
    }
  } finally {
    for (const load of Object.values(loads)) await load.close();
    if (child.connected) child.disconnect();
  }
  return rounds;
}

/** Throws if the process ends instead: what it threw stands on standard error. */
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

function costsOf(found: readonly Rounds[]): ServerCost[] {
  const percents = (kind: ServerKind, figure: "cpuNs" | "wallNs") => {
    const ofProcesses = found.map((rounds) =>
      median(rounds[kind][figure].map((ns, round) => (100 * rounds.off[figure][round]!) / ns)),
    );
    const all = found.flatMap((rounds) =>
      rounds[kind][figure].map((ns, round) => (100 * rounds.off[figure][round]!) / ns),
    );
    return [median(all), Math.min(...ofProcesses), Math.max(...ofProcesses)] as const;
  };
  return KINDS.map((kind) => ({
    kind,
    cpuNs: median(found.flatMap((rounds) => rounds[kind].cpuNs)),
    wallNs: median(found.flatMap((rounds) => rounds[kind].wallNs)),
    cpuPercent: percents(kind, "cpuNs"),
    wallPercent: percents(kind, "wallNs"),
  }));
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1]!;
}

/** Processor time, for it is what bounds a server's throughput, and other work on the machine is not in it. */
export function serverRows(costs: readonly ServerCost[]): Row[] {
  return costs.flatMap(({ kind, cpuNs }) =>
    kind === "forward"
      ? []
      : [
          {
            engine: "node",
            path: kind === "off" ? "disabled" : "typescript",
            event: "server",
            payloadChars: kind === "token" ? 0 : PAYLOAD_CHARS,
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
  forward: "`emit` and `send` replaced by ones that only hand on",
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
