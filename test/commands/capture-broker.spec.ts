import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { type Broker, startBroker } from "../support/broker.ts";
import { Capturing, traffic } from "../support/capturing.ts";
import { run } from "../support/command.ts";
import { pause, until } from "../support/processes.ts";

describe("capture", () => {
  const at = new Capturing();
  const capture = (...args: string[]) => at.capture(...args);

  describe("with a broker", () => {
    let broker: Broker;
    let devices: MqttClient;
    before(async () => {
      broker = await startBroker();
      devices = await connectAsync(broker.url, { reconnectPeriod: 100 });
    });
    after(async () => {
      await devices.endAsync(true);
      await broker.close();
    });
    const publish = async (device: string, packets: readonly Uint8Array[]) => {
      for (const packet of packets) await devices.publishAsync(`xs-telemetry/${device}`, packet as Buffer, { qos: 1 });
    };

    it("loses nothing when the broker is restarted, nor when it is killed itself", async () => {
      const args = ["--mqtt", broker.url, "--client-id", "captures"];
      const first = capture(...args, "-o", "mqtt/1");
      await first.said(/capturing: xs-telemetry\/\+ of mqtt:/);
      const packets = traffic(7, 400);
      const third = Math.floor(packets.length / 3);
      await publish("kitchen", packets.slice(0, third));
      await broker.stop();
      await first.said(/closed the connection; trying again/);
      await broker.start();
      await first.said(/is back/);
      await publish("kitchen", packets.slice(third, 2 * third));
      await first.until("packets on disk", () => existsSync(join(at.folder, "mqtt/1/kitchen")));
      const killed = await first.end("SIGKILL");
      assert.equal(killed.signal, "SIGKILL");
      await publish("kitchen", packets.slice(2 * third));
      await publish("..", traffic(8));
      const second = capture(...args, "-o", "mqtt/2");
      await second.until(
        "what the broker kept",
        () => existsSync(join(at.folder, "mqtt/2")) && at.named("mqtt/2").length > 1,
      );
      await pause(300);
      const { status, stderr } = await second.end();
      assert.equal(status, 0, stderr);
      for (const part of ["mqtt", "mqtt/2"])
        assert.ok(!readdirSync(join(at.folder, part)).some((name) => name.startsWith("boot-")));
      const whole = await run(["decode", join(at.folder, "mqtt")]);
      const events = whole.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
      assert.equal(events.length, 500, whole.stderr);
    });

    it("says a device's id in one line, however long it is", async () => {
      const running = capture("--mqtt", broker.url, "-o", "mqtt/long");
      await running.said(/capturing/);
      await devices.publishAsync(`xs-telemetry/${"\u202e".repeat(9000)}`, "noise", { qos: 1 });
      await running.said(/E_MESSAGE: .*\n/);
      const { stderr } = await running.end();
      assert.ok(stderr.length < 600, stderr);
    });

    it("divides a broker's packets among processes, one of which is killed and comes back: together they have all", async () => {
      const member = (id: number, run: number) =>
        capture("--mqtt", broker.url, "--group", "g", "--client-id", `g-${id}`, "-o", `group/${id}-${run}`);
      const [first, second] = [member(1, 1), member(2, 1)];
      await Promise.all([first.said(/capturing/), second.said(/capturing/)]);
      const bootIds = [21, 22, 23, 24];
      const all = bootIds.map((bootId) => traffic(bootId, 300));
      const count = all[0].length;
      const publishFrom = async (from: number, to: number) => {
        for (let index = from; index < to; index++)
          for (const [device, packets] of all.entries()) await publish(`g${device}`, packets.slice(index, index + 1));
      };
      await publishFrom(0, count >> 1);
      await until("the first has some", () => at.named("group/1-1").length > 0);
      first.child.kill("SIGKILL");
      await publishFrom(count >> 1, count);
      assert.equal((await first.outcome).signal, "SIGKILL");
      const back = member(1, 2);
      await back.said(/capturing/);
      const found = async () => {
        const { stdout } = await run(["decode", join(at.folder, "group")]);
        return stdout.split("\n").length - 1;
      };
      await until("all events", async () => (await found()) >= 300 * bootIds.length);
      assert.deepEqual([(await back.end()).status, (await second.end()).status], [0, 0]);
      const { status, stderr } = await run(["decode", join(at.folder, "group")]);
      assert.equal(status, 0, stderr);
      assert.equal(await found(), 300 * bootIds.length);
      assert.doesNotMatch(stderr, /lost|missing/);
      const parts = ["1-1", "2-1", "1-2"].map((name) => at.named(`group/${name}`).length);
      assert.ok(
        parts.every((devices) => devices > 0),
        `each process has had some: ${parts}`,
      );
    });
  });
});
