import { deepEqual, equal, notDeepEqual, ok, rejects } from "node:assert/strict";
import { type SimulateOptions, type Simulation, simulate } from "../../host/simulate/simulate.ts";
import type { OpenSink } from "../../src/drain/sink.ts";
import { run } from "../support/command.ts";
import { decodeAll } from "../support/emit.ts";

/** Sinks that keep what they are given; `refuse` says when they refuse it. */
function memory(refuse: () => boolean = () => false) {
  const packets = new Map<string, Uint8Array[]>();
  const open = (device: string): OpenSink => {
    const own: Uint8Array[] = [];
    packets.set(device, own);
    return () => ({
      maxPacketBytes: 1400,
      write(buffer, byteLength) {
        if (refuse()) return false;
        own.push(buffer.slice(0, byteLength));
        return true;
      },
      close() {},
    });
  };
  return { open, packets };
}

async function played(options: Partial<SimulateOptions>, refuse?: () => boolean) {
  const { open, packets } = memory(refuse);
  const found = await simulate({ open, seed: 1, everyMs: 5, packetsPerSlice: 100, ...options });
  return { found, packets };
}

function checkIdentity({ events, devices }: Simulation): void {
  const boots = devices.flatMap((device) => device.boots);
  for (const { emitted, drained, overwritten, discarded, pending } of [events, ...boots])
    equal(emitted, drained + overwritten + discarded + pending);
  for (const name of ["emitted", "drained", "pending", "unsent"] as const)
    equal(
      events[name],
      boots.reduce((sum, boot) => sum + boot[name], 0),
      name,
    );
}

describe("simulate", () => {
  it("emits and sends N events per device, boot after boot, each with its own boot id and clock", async () => {
    const { found, packets } = await played({ devices: 3, events: 3000, rate: "max", rebootEvery: 800 });
    checkIdentity(found);
    equal(found.events.emitted, 9000);
    equal(found.devices.length, 3);
    deepEqual([...packets.keys()], ["sim-0001", "sim-0002", "sim-0003"]);
    const bootIds = new Set<number>();
    for (const { device, boots, link } of found.devices) {
      ok(boots.length > 1, `${device} has ${boots.length} boots`);
      equal(packets.get(device)!.length, link.packets);
      const { events, problems, summary } = await decodeAll(packets.get(device)!);
      deepEqual(problems, []);
      const drained = boots.reduce((sum, boot) => sum + boot.drained, 0);
      equal(events.length, drained);
      equal(summary.boots, boots.filter((boot) => boot.drained > 0).length);
      for (const { bootId } of boots) bootIds.add(bootId);
      const restarts = events.filter(({ eventSeq }) => eventSeq === 0);
      for (const { ts_mono_ms, event } of restarts) {
        ok(ts_mono_ms >= 400 && ts_mono_ms < 20_000, `the first event comes at ${ts_mono_ms} ms`);
        equal(event, "ws.connect");
      }
    }
    equal(bootIds.size, found.devices.flatMap(({ boots }) => boots).length, "no boot id is there twice");
  });

  it("plays the same for the same seed, event by event, and another for another", async () => {
    const eventsOf = async (seed: number) => {
      const { packets } = await played({ seed, devices: 2, events: 500, rate: "max", rebootEvery: 0 });
      const all: unknown[] = [];
      for (const own of packets.values()) all.push((await decodeAll(own)).events);
      return all;
    };
    const first = await eventsOf(7);
    deepEqual(await eventsOf(7), first);
    notDeepEqual(await eventsOf(8), first);
  });

  for (const policy of ["overwrite", "discard"] as const)
    it(`counts what a ring loses that is not emptied in time: ${policy}`, async () => {
      let calls = 0;
      const options = { policy, capacityBytes: 1024, rate: 20_000, events: 4000, rebootEvery: 0 };
      const { found, packets } = await played(options, () => calls++ % 4 !== 0);
      checkIdentity(found);
      const { emitted, overwritten, discarded, pending } = found.events;
      equal(emitted, 4000);
      equal(pending, 0);
      const lost = policy === "overwrite" ? overwritten : discarded;
      ok(lost > 0, "something is lost");
      equal(overwritten + discarded, lost);
      ok(found.link.refusals > 0);
      const { events, summary } = await decodeAll(packets.get("sim-0001")!);
      equal(events.length + summary.lostOnDevice, emitted);
      equal(summary.lostOnDevice, lost);
    });

  it("counts what is left in ring and drainer when nothing takes it", async () => {
    const { found } = await played(
      { events: 300, rate: "max", rebootEvery: 0, lingerMs: 30, capacityBytes: 65_536 },
      () => true,
    );
    checkIdentity(found);
    const { emitted, drained, pending, unsent } = found.events;
    equal(emitted, 300);
    equal(unsent, drained, "what was drained is in the drainer's hand");
    ok(pending > 0);
    equal(found.link.packets, 0);
  });

  it("ends when the time is over, or when it is told to", async () => {
    const timed = await played({ durationMs: 1300, rate: 1000 });
    ok(timed.found.events.emitted > 0);
    checkIdentity(timed.found);
    const interrupt = new AbortController();
    const running = played({
      rate: 1000,
      signal: interrupt.signal,
      onProgress: (events) => events > 20 && interrupt.abort(),
    });
    const { found } = await running;
    ok(found.events.emitted > 20);
    checkIdentity(found);
  });

  it("refuses an option that the emitter refuses", async () => {
    await rejects(played({ capacityBytes: 1, events: 1 }), /capacityBytes must be an integer from 256/);
  });
});

describe("simulate on the command line", () => {
  const simulated = (...args: string[]) => run(["simulate", ...args]);

  const wrong: [args: string, says: RegExp][] = [
    ["", /E_USAGE: name one destination: --serial, --udp, --mqtt or --stdout; none is given/],
    ["--stdout --udp 9", /E_USAGE: .*; --udp and --stdout are given/],
    ["--stdout --devices 2", /E_USAGE: --devices is 2, but a serial line has one device: use --udp or --mqtt/],
    ["--serial /dev/none --devices 2", /E_USAGE: --devices is 2/],
    ["--stdout --format json", /E_USAGE: --format json writes to standard output/],
    ["--udp 70000", /Expected HOST:PORT/],
    ["--udp 9 --devices 0", /Expected a whole number from 1 to 100000/],
    ["--udp 9 --rate fast", /Expected a number above 0/],
    ["--udp 9 --duration 0x10", /Expected a number above 0/],
    ["--udp 9 --duration 1 --rate 1e3", /Expected a number above 0/],
    ["--udp 9 --policy drop", /Allowed choices are overwrite, discard/],
    ["--udp no-such-host.invalid:9", /E_HOST: no-such-host.invalid has no address: check the name/],
    ["--serial /dev/none-of-this-name", /E_NO_PORT: /],
    ["--mqtt mqtt://127.0.0.1:9", /E_BROKER: mqtt:\/\/127.0.0.1:9: nothing listens there/],
    ["--mqtt ws://127.0.0.1:9", /E_URL: .*devices speak mqtt:\/\/ or mqtts:\/\//],
  ];
  for (const [args, says] of wrong)
    it(`says what is wrong, exit code 2: ${args || "no link"}`, async () => {
      const { status, stdout, stderr } = await simulated(...args.split(" ").filter(Boolean));
      deepEqual([status, stdout], [2, ""], stderr);
      ok(says.test(stderr), stderr);
    });

  it("sends datagrams, and sums up as JSON", async () => {
    const { status, stdout, stderr } = await simulated(
      ..."--udp 127.0.0.1:9 --devices 2 --events 100 --rate max --seed 5 --reboot-every 0 --format json".split(" "),
    );
    equal(status, 0, stderr);
    const found = JSON.parse(stdout) as Simulation;
    checkIdentity(found);
    deepEqual([found.seed, found.events.emitted, found.devices.length], [5, 200, 2]);
    ok(/seed 5: 200 events of 2 devices, 2 boots/.test(stderr), stderr);
  });

  it("writes frames to standard output", async () => {
    const { status, stdout, stderr } = await simulated(..."--stdout --events 100 --rate max".split(" "));
    equal(status, 0, stderr);
    ok(stdout.startsWith("\0") && stdout.endsWith("\0"), "frames begin and end with a zero");
    ok(stdout.includes("\0\0"), "and follow each other");
  });
});
