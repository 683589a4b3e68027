// The two ends of an end-to-end test, as commands: simulated devices, and a capture of them.
import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Simulation } from "../../host/simulate/simulate.ts";
import { Run } from "./command.ts";
import { until } from "./processes.ts";

/** Starts `capture` into a folder; resolves when it listens. */
export async function startCapture(folder: string, ...args: string[]): Promise<Run> {
  const run = new Run(["capture", ...args, "-o", folder]);
  await run.said(/^capturing: /m);
  return run;
}

/** Starts `simulate`; `found()` resolves with what became of every event. */
export function startSimulation(...args: string[]): { run: Run; found(): Promise<Simulation> } {
  const run = new Run(["simulate", ...args, "--format", "json"]);
  return {
    run,
    async found() {
      const { status, stdout, stderr } = await run.outcome;
      equal(status, 0, stderr);
      return JSON.parse(stdout);
    },
  };
}

/** Ends `capture` as a user does; its exit code is 0 or, if something was damaged or refused, 1. */
export async function endCapture(run: Run, status = 0): Promise<void> {
  const outcome = await run.end("SIGINT");
  equal(outcome.status, status, outcome.stderr);
}

/** The port of `capture --udp 0`. */
export function udpPort(run: Run): number {
  const port = Number(/UDP port (\d+)/.exec(run.stderr)?.[1]);
  ok(port > 0, run.stderr);
  return port;
}

/** Resolves when the process that listens on a UDP port has read everything sent to it. Fails if the system dropped some. */
export async function untilUdpRead(port: number, mayDrop = false): Promise<void> {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const socket = () =>
    readFileSync("/proc/net/udp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find((columns) => columns[1] === address);
  await until("all datagrams to be read", () => socket()?.[4]?.endsWith(":00000000") === true);
  if (!mayDrop) equal(socket()?.at(-1), "0", "datagrams that the system dropped");
}
