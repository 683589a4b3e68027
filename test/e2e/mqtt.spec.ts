// Devices over a real broker: it is restarted in the middle, a capture process is killed, senders are hostile.
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootCounters } from "../../host/simulate/device.ts";
import { type Account, accountOf, checkAllTold, decodedEvents, sum } from "../support/accounts.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { endCapture, startCapture, startSimulation } from "../support/ends.ts";
import { until } from "../support/processes.ts";

describe("end to end, by a broker", () => {
  let folder: string;
  let broker: Broker;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-e2e-"));
    broker = await startBroker();
  });

  afterEach(async () => {
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The content of the capture, or the captures, once everything that was given to the link is decoded or reported. */
  async function whole(path: string, boots: readonly BootCounters[]): Promise<Account> {
    const given = sum(boots.map(({ drained, unsent }) => drained - unsent));
    let account: Account | undefined;
    await until(`${given} events to be decoded or reported`, async () => {
      account = await accountOf(path).catch(() => undefined);
      if (account === undefined) return false;
      const { lostInTransit, beforeFirstPacket } = account.summary;
      return decodedEvents(account) + lostInTransit + beforeFirstPacket === given;
    });
    return account!;
  }

  for (const qos of [0, 1])
    it(`accounts for every event when the broker is restarted in the middle: QoS ${qos}`, async () => {
      const capture = await startCapture(join(folder, "c"), "--mqtt", broker.url, "--client-id", "capture");
      const simulation = startSimulation(
        ..."--devices 5 --events 1200 --rate 300 --reboot-every 0 --capacity 4096 --every 20 --seed 11".split(" "),
        ...["--qos", `${qos}`, "--mqtt", broker.url],
      );
      await until("packets of each device", () => readdirSync(join(folder, "c")).length > 5);
      await broker.stop();
      await broker.start();
      const { devices, link, events } = await simulation.found();
      const boots = devices.flatMap((device) => device.boots);
      ok(link.failures >= 5, "each device has lost its connection");
      ok(events.overwritten > 0, "rings overflow while the broker is away");
      await whole(join(folder, "c"), boots);
      await endCapture(capture);
      const account = await accountOf(join(folder, "c"));
      checkAllTold(account, boots);
      equal(account.summary.damaged, 0);
      if (qos === 1) equal(account.summary.lostInTransit, 0, "what the broker has not acknowledged is sent again");
    });

  it("accounts for every event of a fleet whose packets two captures share, of which one is killed in the middle", async () => {
    const group = ["--mqtt", broker.url, "--group", "captures"];
    const first = await startCapture(join(folder, "c", "first"), ...group);
    const second = await startCapture(join(folder, "c", "second"), ...group);
    const simulation = startSimulation(
      ..."--devices 8 --events 1000 --rate 200 --reboot-every 0 --every 20 --qos 1 --seed 12 --mqtt".split(" "),
      broker.url,
    );
    for (const name of ["first", "second"])
      await until(`a share in ${name}`, async () => {
        const own = await accountOf(join(folder, "c", name)).catch(() => undefined);
        return own !== undefined && decodedEvents(own) > 400;
      });
    const killed = await first.end("SIGKILL");
    equal(killed.signal, "SIGKILL");
    const { devices } = await simulation.found();
    const boots = devices.flatMap((device) => device.boots);
    await whole(join(folder, "c"), boots);
    await endCapture(second);
    const account = await accountOf(join(folder, "c"));
    checkAllTold(account, boots);
    for (const name of ["first", "second"]) {
      const own = await accountOf(join(folder, "c", name));
      ok(decodedEvents(own) > 400, `${name} has a share: ${decodedEvents(own)} events`);
      ok(decodedEvents(own) < decodedEvents(account), `${name} has not all`);
    }
  });
});
