import { deepEqual, equal, notDeepEqual, ok } from "node:assert/strict";
import { Random } from "../../host/simulate/random.ts";
import { Traffic, type TrafficTarget } from "../../host/simulate/traffic.ts";
import type { Token } from "../../src/ring/api.ts";

/** Plays N steps; returns each call with its time. */
function played(
  seed: number,
  steps: number,
  options = { rate: 20, rebootEvery: 500 },
): [number, string, ...unknown[]][] {
  const calls: [number, string, ...unknown[]][] = [];
  const traffic = new Traffic(new Random(seed), options);
  let atMs = 0;
  let connections = 0;
  const target: TrafficTarget = {
    messageType: (name) => name.length as Token,
    connect(...args) {
      const number = connections++;
      calls.push([atMs, "connect", ...args]);
      const call =
        (name: string) =>
        (...given: unknown[]) => {
          calls.push([atMs, name, number, ...given]);
        };
      return {
        connected: call("connected"),
        received: call("received"),
        rejected: call("rejected"),
        sent: call("sent"),
        answered: call("answered"),
        disconnected: call("disconnected"),
      };
    },
  };
  for (let step = 0; step < steps; step++) {
    atMs = traffic.nextMs;
    if (!traffic.step(target)) calls.push([atMs, "reboot"]);
  }
  equal(calls.length, steps, "each step is one call, or a reboot");
  return calls;
}

describe("simulated traffic", () => {
  it("is the same for the same seed, call by call, and another for another", () => {
    deepEqual(played(7, 5000), played(7, 5000));
    notDeepEqual(played(7, 100), played(8, 100));
  });

  it("has all that a device sees: each call, each reason, payloads of every kind, reboots", () => {
    const calls = played(1, 50_000);
    const counts = new Map<string, number>();
    for (const [, name] of calls) counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const name of ["connect", "connected", "received", "rejected", "sent", "disconnected", "reboot"])
      ok(counts.get(name)! > 50, `${name}: ${counts.get(name)}`);
    const rejected = calls.filter(([, name]) => name === "rejected");
    equal(new Set(rejected.map(([, , , reason]) => reason)).size, 4, "reasons");
    const payloads = calls.flatMap(([, name, ...args]) => (name === "received" ? [args[2]] : []));
    ok(payloads.some((payload) => payload === undefined));
    ok(payloads.some((payload) => payload instanceof Uint8Array));
    ok(payloads.some((payload) => typeof payload === "string" && payload.length > 100));
    ok(payloads.some((payload) => typeof payload === "string" && payload.includes("💡")));
  });

  it("goes in bursts, at the rate asked for in the mean", () => {
    const times = played(3, 100_000, { rate: 50, rebootEvery: 0 }).map(([atMs]) => atMs);
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    ok(gaps.every((gap) => gap >= 0));
    const meanMs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    ok(meanMs > 19 && meanMs < 21, `${meanMs} ms from one event to the next, 20 expected`);
    const short = gaps.filter((gap) => gap < meanMs / 2).length / gaps.length;
    ok(short > 0.7, `${short} of the gaps are shorter than half the mean`);
  });

  it("never uses a connection before it is connected, nor after it is gone", () => {
    for (const seed of [1, 2, 3]) {
      const isOpen = new Map<unknown, boolean>();
      let made = 0;
      for (const [, name, connection] of played(seed, 20_000)) {
        if (name === "reboot") isOpen.clear();
        else if (name === "connect") isOpen.set(made++, false);
        else {
          ok(isOpen.has(connection), `${name} on a connection that is gone`);
          equal(
            isOpen.get(connection),
            name === "connected" || name === "disconnected" ? isOpen.get(connection) : true,
          );
          if (name === "connected") isOpen.set(connection, true);
          if (name === "disconnected") isOpen.delete(connection);
        }
      }
    }
  });

  it("does not reboot where that is not wanted", () => {
    ok(played(5, 20_000, { rate: 1, rebootEvery: 0 }).every(([, name]) => name !== "reboot"));
  });
});
