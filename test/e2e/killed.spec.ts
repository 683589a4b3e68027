import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { listCaptures } from "../../host/capture/folder.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { startBroker } from "../support/broker.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { Run } from "../support/command.ts";
import { type Decoded, gathered } from "../support/decoded.ts";
import { frame } from "../support/frames.ts";
import { PacketSource, randomIntegers } from "../support/packets.ts";
import { pause, until } from "../support/processes.ts";

/** A device that never ends, and is restarted now and then. */
class Device {
  events = 0;
  /** The last packets. */
  readonly recent: Uint8Array[] = [];
  #source = new PacketSource({ bootId: 1 });
  #bootId = 1;
  #packets = 0;

  next(): Uint8Array {
    if (this.#packets++ % 100 === 99) this.#source = new PacketSource({ bootId: ++this.#bootId });
    const isName = this.#packets % 25 === 1;
    const time = this.#packets * 10;
    const { bytes } = isName
      ? this.#source.tokens([[1, "getStatus"]], time)
      : this.#source.data([{ event: "msg.send", time, clientId: ++this.events, token: this.#packets > 1 ? 1 : 0 }]);
    this.recent.push(bytes);
    if (this.recent.length > 20) this.recent.shift();
    return bytes;
  }
}

/** The events in a capture: each is numbered in its clientId. Each must be there once. */
function numbersIn({ events }: Decoded, seed: number): Set<number> {
  const numbers = new Set(events.map(({ clientId }) => Number(clientId)));
  assert.equal(numbers.size, events.length, `an event stands there twice, seed ${seed}`);
  return numbers;
}

const decoded = (path: string) => gathered(decodePath(path, { registry }));
/** Whether a folder holds a capture by now, of one device or of several. */
const isThere = (path: string) => existsSync(path) && listCaptures(path).length > 0;
/** Kills it: while it starts, or soon after. */
async function killed(run: Run, random: (limit: number) => number): Promise<void> {
  if (random(3) > 0) await run.said(/capturing/);
  await pause(random(400));
  await run.end("SIGKILL");
}

describe("a capture that is killed at any moment and started again", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-killed-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("has each packet once that was acknowledged to the sender, by MQTT", async function () {
    this.timeout(0);
    const seed = seedFor(1);
    const random = randomIntegers(seed);
    const broker = await startBroker();
    const sender = await connectAsync(broker.url);
    const devices = new Map(["a", "b"].map((name) => [name, new Device()] as const));
    const out = join(folder, "capture");
    const args = ["capture", "--mqtt", broker.url, "--client-id", "c", "-o", out, "--append", "--rotate", "64k"];
    let isOver = false;
    // From here on the broker holds for the session what it has acknowledged.
    const first = new Run(args);
    await first.said(/capturing/);
    const sending = (async () => {
      while (!isOver) {
        for (const [name, device] of devices)
          await sender.publishAsync(`xs-telemetry/${name}`, device.next() as Buffer, { qos: 1 });
        await pause(2);
      }
    })();
    let run = first;
    for (const _kill of campaign("captures that go on, killed at random moments", 200, 5)) {
      await killed(run, random);
      run = new Run(args);
    }
    isOver = true;
    await sending;
    const sent = [...devices.values()].reduce((sum, { events }) => sum + events, 0);
    const count = async () => (isThere(out) ? (await decoded(out)).events.length : 0);
    await until(`all ${sent} events, seed ${seed}`, async () => (await count()) >= sent);
    const { status, stderr } = await run.end();
    assert.equal(status, 0, stderr);
    for (const [name, device] of devices) {
      const found = await decoded(join(out, name));
      assert.equal(numbersIn(found, seed).size, device.events, `seed ${seed}`);
      assert.deepEqual(found.codes, [], `seed ${seed}`);
    }
    await sender.endAsync(true);
    await broker.close();
  });

  it("has each packet once that was written before, by a line that sends some again", async function () {
    this.timeout(0);
    const seed = seedFor(2);
    const random = randomIntegers(seed);
    const device = new Device();
    const out = join(folder, "capture");
    const args = ["capture", "--stdin", "-o", out, "--append"];
    let before = new Set<number>();
    for (const _kill of campaign("captures that go on, killed at random moments", 100, 5)) {
      const run = new Run(args);
      for (const packet of device.recent.slice(random(20))) run.child.stdin!.write(frame(packet));
      let isOver = false;
      const death = killed(run, random).finally(() => {
        isOver = true;
      });
      while (!isOver) {
        for (let more = random(20); more > 0; more--) run.child.stdin!.write(frame(device.next()));
        await pause(5);
      }
      await death;
      const now = isThere(out) ? numbersIn(await decoded(out), seed) : new Set<number>();
      for (const number of before) assert.ok(now.has(number), `event ${number} is gone, seed ${seed}`);
      before = now;
    }
    assert.ok(before.size > 0);
    const last = new Run(args);
    last.child.stdin!.end(Buffer.concat(device.recent.map((packet) => frame(packet))));
    const { status, stderr } = await last.outcome;
    assert.equal(status, 0, stderr);
    assert.match(stderr, /W_TAKEN_OVER: process \d+ on "[^"]+" captured into it, and is gone/);
    const found = await decoded(out);
    const now = numbersIn(found, seed);
    for (const number of before) assert.ok(now.has(number), `event ${number} is gone, seed ${seed}`);
    assert.ok(!found.codes.some((code) => code.startsWith("E_")), `${found.codes}, seed ${seed}`);
  });
});
