// Devices over UDP, with everything that a network does to datagrams: every event is decoded or reported, by cause.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../host/simulate/random.ts";
import { accountOf, checkAllTold, decodedEvents, expectedOf, sum } from "../support/accounts.ts";
import { endCapture, startCapture, startSimulation, udpPort, untilUdpRead } from "../support/ends.ts";
import { openLossyUdp } from "../support/lossy-udp.ts";
import { until } from "../support/processes.ts";

describe("end to end, by UDP", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-e2e-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("accounts for every event of 20 devices at once, each in a folder of its own, over reboots", async () => {
    const capture = await startCapture(join(folder, "c"), "--udp", "0");
    const port = udpPort(capture);
    const simulation = startSimulation(
      ..."--devices 20 --events 400 --rate 200 --reboot-every 150 --every 20 --seed 20 --udp".split(" "),
      `127.0.0.1:${port}`,
    );
    const { devices, events } = await simulation.found();
    await untilUdpRead(port);
    await endCapture(capture);
    equal(events.emitted, 20 * 400);
    const folders = readdirSync(join(folder, "c")).filter((name) => !name.startsWith("."));
    equal(folders.length, 20);
    const whole = await accountOf(join(folder, "c"));
    ok(devices.some(({ boots }) => boots.length > 2));
    let decoded = 0;
    for (const name of folders) {
      const account = await accountOf(join(folder, "c", name));
      const { boots } = devices.find(({ boots }) => boots.some(({ bootId }) => account.decoded.has(bootId)))!;
      deepEqual(account.problems, []);
      for (const { bootId, drained, unsent } of boots) equal(account.decoded.get(bootId) ?? 0, drained - unsent);
      equal(account.summary.lostInTransit + account.summary.beforeFirstPacket, 0);
      decoded += decodedEvents(account);
    }
    equal(decodedEvents(whole), decoded, "the folder of all devices holds what each holds");
    equal(decoded + events.pending + events.unsent + events.overwritten, events.emitted);
  });

  for (const seed of [1, 2])
    it(`accounts for every event by cause where datagrams are lost, doubled and overtaken, and rings overflow: seed ${seed}`, async () => {
      const capture = await startCapture(join(folder, "c"), "--udp", "0");
      const port = udpPort(capture);
      const network = await openLossyUdp({ random: new Random(seed), port, lost: 0.1, doubled: 0.1, late: 0.15 });
      const policy = seed === 1 ? "overwrite" : "discard";
      const simulation = startSimulation(
        ..."--devices 4 --events 3000 --rate 1000 --reboot-every 1500 --capacity 2048 --packet 512 --every 25 --slice 1".split(
          " ",
        ),
        ...["--policy", policy, "--seed", `${seed}`, "--udp", `127.0.0.1:${network.port}`],
      );
      const { devices, link, events } = await simulation.found();
      const boots = devices.flatMap((device) => device.boots);
      await until("all datagrams to pass by", () => network.datagrams() === link.packets);
      await network.close();
      await untilUdpRead(port);
      await endCapture(capture);

      const { lost, doubled, late } = network.counts;
      ok(lost > 20 && doubled > 20 && late > 20, JSON.stringify(network.counts));
      ok(events.overwritten + events.discarded > 100, "rings overflow");
      const expected = boots.map((boot) =>
        expectedOf(boot, network.boots.get(boot.bootId) ?? { passed: [], dropped: [] }),
      );
      const account = await accountOf(join(folder, "c"));
      const { summary } = account;
      boots.forEach(({ bootId }, index) => {
        equal(account.decoded.get(bootId) ?? 0, expected[index]!.decoded, `events decoded of boot ${bootId}`);
      });
      equal(summary.lostOnDevice, sum(expected.map(({ lostOnDevice }) => lostOnDevice)), "lost on the device");
      equal(summary.lostInTransit + summary.beforeFirstPacket, sum(expected.map(({ notArrived }) => notArrived)));
      equal(summary.damaged, 0);
      const afterLast = sum(expected.map((each) => each.afterLast));
      equal(
        decodedEvents(account) + summary.lostOnDevice + summary.lostInTransit + summary.beforeFirstPacket + afterLast,
        events.emitted,
      );
    });

  it("reports everything that rings lose, when nothing is lost on the way", async () => {
    const capture = await startCapture(join(folder, "c"), "--udp", "0");
    const port = udpPort(capture);
    const simulation = startSimulation(
      ..."--devices 2 --events 4000 --rate 2000 --reboot-every 0 --capacity 1024 --every 20 --slice 2 --seed 3".split(
        " ",
      ),
      ...["--udp", `127.0.0.1:${port}`],
    );
    const { devices, events } = await simulation.found();
    await untilUdpRead(port);
    await endCapture(capture);
    ok(events.overwritten > 500, `${events.overwritten} overwritten`);
    const account = await accountOf(join(folder, "c"));
    equal(account.summary.lostInTransit + account.summary.beforeFirstPacket, 0);
    checkAllTold(
      account,
      devices.flatMap(({ boots }) => boots),
    );
  });
});
