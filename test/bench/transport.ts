/** From emitter to decoded capture, with commands on this machine: a million events over each link, and fleets of simulated devices. */
import { equal, ok } from "node:assert/strict";
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Simulation } from "xs-telemetry/host";
import { type Broker, startBroker } from "../support/broker.ts";
import { type Run, run } from "../support/command.ts";
import { startCapture, startSimulation, udpPort, untilUdpRead } from "../support/ends.ts";
import { openSerialLine } from "../support/pty.ts";
import { number, type Table } from "./format.ts";
import { outside } from "./outside.ts";
import { type Use, watch } from "./process.ts";
import type { Say } from "./rows.ts";

const FOLDER = "dist/bench/transport";
const EVENTS = 1_000_000;
const FLEETS = [1, 100, 10_000];
const FLEET_SECONDS = 30;
/** From one packet of a device to the next. */
const FLEET_EVERY_S = 10;
const FLEET_RATE = 1;

export interface Load {
  readonly link: string;
  readonly events: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly decoded: number;
  readonly lost: number;
  readonly devices: Use;
  readonly capture: Use;
  readonly decodeSeconds: number;
}

export interface Fleet {
  readonly link: string;
  readonly devices: number;
  readonly seconds: number;
  readonly events: number;
  readonly lost: number;
  readonly players: Use;
  readonly capture: Use;
  /** Undefined where there is none. */
  readonly broker: Use | undefined;
}

/** Throws unless every event is decoded or reported, and memory is flat. */
export async function measureLoads(say: Say): Promise<Load[]> {
  (await outside("build/machine.mjs")).ensure("socat");
  const line = await openSerialLine();
  try {
    return [
      await load("UDP", say, ["--udp", "0"], (capture) => ["--udp", `127.0.0.1:${udpPort(capture)}`, "--slice", "12"]),
      await load("pseudo terminal", say, ["--serial", line.hostPath, "--baud", "20000000"], () => [
        "--serial",
        line.devicePath,
        "--baud",
        "20000000",
        "--slice",
        "100",
      ]),
    ];
  } finally {
    await line.close();
  }
}

async function load(link: string, say: Say, from: readonly string[], to: (capture: Run) => string[]): Promise<Load> {
  say(`transport: ${EVENTS} events by ${link}`);
  rmSync(FOLDER, { recursive: true, force: true });
  const capture = await startCapture(FOLDER, ...from);
  const capturing = watch(capture.child.pid!);
  const emitting = [
    "--events",
    `${EVENTS}`,
    "--rate",
    "max",
    "--reboot-every",
    "0",
    "--capacity",
    "262144",
    "--every",
    "5",
  ];
  const simulation = startSimulation(...emitting, "--seed", "1", ...to(capture));
  const playing = watch(simulation.run.child.pid!);
  const progress = setInterval(() => say(`transport: ${link}: ${captured(capture)}`), 10_000);
  const found = await simulation.found();
  const devices = playing.use();
  clearInterval(progress);
  await settled(capture);
  const use = capturing.use();
  await capture.end("SIGINT");
  const fromMs = performance.now();
  const told = await decode();
  const decodeSeconds = (performance.now() - fromMs) / 1000;
  rmSync(FOLDER, { recursive: true });
  const { events, seconds } = found;
  check(found, told);
  ok(
    use.mostMegabytes < use.earlyMegabytes * 1.5 + 20,
    `capture: from ${use.earlyMegabytes} to ${use.mostMegabytes} MB`,
  );
  const lost = told.lostInTransit + told.beforeFirst;
  const { bytes } = found.link;
  return {
    link,
    events: events.emitted,
    seconds,
    bytes,
    decoded: told.events,
    lost,
    devices,
    capture: use,
    decodeSeconds,
  };
}

/** Devices that send one event per second each: their cost for the host. */
export async function measureFleets(say: Say): Promise<Fleet[]> {
  const found: Fleet[] = [];
  for (const devices of FLEETS) found.push(await fleet("UDP", devices, say));
  (await outside("build/machine.mjs")).ensure("mosquitto");
  const broker = await startBroker();
  try {
    for (const devices of FLEETS) found.push(await fleet("MQTT", devices, say, broker));
  } finally {
    await broker.close();
  }
  return found;
}

async function fleet(link: string, devices: number, say: Say, broker?: Broker): Promise<Fleet> {
  say(`transport: ${devices} devices by ${link}`);
  rmSync(FOLDER, { recursive: true, force: true });
  const capture = await startCapture(FOLDER, ...(broker ? ["--mqtt", broker.url] : ["--udp", "0"]));
  const capturing = watch(capture.child.pid!);
  const brokering = broker && watch(broker.pid());
  const to = broker ? ["--mqtt", broker.url, "--qos", "1"] : ["--udp", `127.0.0.1:${udpPort(capture)}`];
  const simulation = startSimulation(
    ...["--devices", `${devices}`, "--rate", `${FLEET_RATE}`, "--duration", `${FLEET_SECONDS}`, "--reboot-every", "0"],
    ...["--every", `${FLEET_EVERY_S * 1000}`, "--capacity", "4096", "--seed", "2", ...to],
  );
  const playing = watch(simulation.run.child.pid!);
  const found = await simulation.found();
  const players = playing.use();
  await settled(capture);
  const use = capturing.use();
  await capture.end("SIGINT");
  const told = await decode();
  rmSync(FOLDER, { recursive: true });
  const lost = found.events.drained - told.events;
  if (found.events.pending + found.events.unsent === 0 && lost === told.lostInTransit + told.beforeFirst)
    check(found, told);
  return {
    link,
    devices,
    seconds: found.seconds,
    events: found.events.emitted,
    lost,
    players,
    capture: use,
    broker: brokering?.use(),
  };
}

const QUIET_LOOKS = 3;

/** Waits until the capture's process has nothing more to do. */
async function settled(capture: Run): Promise<void> {
  const udp = /UDP port (\d+)/.exec(capture.stderr);
  if (udp) await untilUdpRead(Number(udp[1]), true);
  for (let before = -1, quiet = 0; ; ) {
    const { cpuS } = watch(capture.child.pid!).use();
    // Ten checks a second for what is due take less than this; while it waits for a disk it takes as little, but not for so long.
    quiet = cpuS - before < 0.15 ? quiet + 1 : 0;
    if (quiet === QUIET_LOOKS) return;
    before = cpuS;
    await pause(5000);
  }
}

const captured = ({ stderr }: Run): string => stderr.trim().split("\n").at(-1) ?? "";

interface Told {
  readonly events: number;
  readonly lostOnDevice: number;
  readonly lostInTransit: number;
  readonly beforeFirst: number;
}

/** The output of `decode` for the capture. */
async function decode(): Promise<Told> {
  const { status, stderr } = await run(["decode", FOLDER], "", { stdio: ["ignore", "ignore", "pipe"] });
  equal(status, 0, stderr);
  const count = (pattern: RegExp) => Number(pattern.exec(stderr)?.[1] ?? 0);
  return {
    events: count(/: (\d+) events?,/),
    lostOnDevice: count(/(\d+) events? lost on the device/),
    lostInTransit: count(/(\d+) events? lost on the way/),
    beforeFirst: count(/(\d+) events? sent before the first/),
  };
}

function check({ events }: Simulation, told: Told): void {
  equal(events.pending + events.unsent, 0, "left on the devices");
  equal(told.lostOnDevice, events.overwritten + events.discarded, "lost on the devices");
  equal(told.events + told.lostInTransit + told.beforeFirst, events.drained, "decoded or lost on the way");
  equal(told.events + told.lostOnDevice + told.lostInTransit + told.beforeFirst, events.emitted, "every event");
}

export function loadTable(found: readonly Load[]): Table {
  return {
    title: "A million events, from emitter to decoded capture",
    head: [
      ...["link", "events", "decoded", "lost on the way", "seconds", "events/s", "MB/s"],
      ...["device: CPU s", "capture: CPU s", "capture: MB early", "MB at most", "decode: s"],
    ],
    rows: found.map(({ link, events, decoded, lost, seconds, bytes, devices, capture, decodeSeconds }) => [
      link,
      number(events),
      number(decoded),
      number(lost),
      number(seconds, 1),
      number(events / seconds),
      number(bytes / seconds / 1e6, 2),
      number(devices.cpuS, 1),
      number(capture.cpuS, 1),
      number(capture.earlyMegabytes),
      number(capture.mostMegabytes),
      number(decodeSeconds, 1),
    ]),
  };
}

export function fleetTable(found: readonly Fleet[]): Table {
  return {
    title: `Fleets, ${FLEET_RATE} event a second and device, a packet every ${FLEET_EVERY_S} s`,
    head: [
      ...[
        "link",
        "devices",
        "events",
        "lost on the way",
        "capture: MB",
        "files",
        "CPU s",
        "CPU ms a device and minute",
      ],
      ...["devices: MB", "files", "CPU s", "broker: MB", "CPU s"],
    ],
    rows: found.map(({ link, devices, events, lost, seconds, capture, players, broker }) => [
      link,
      number(devices),
      number(events),
      number(lost),
      number(capture.mostMegabytes),
      number(capture.files),
      number(capture.cpuS, 1),
      number((capture.cpuS * 1000 * 60) / seconds / devices, 1),
      number(players.mostMegabytes),
      number(players.files),
      number(players.cpuS, 1),
      broker ? number(broker.mostMegabytes) : "–",
      broker ? number(broker.cpuS, 1) : "–",
    ]),
  };
}
