// capture --forward: what is captured is sent from the disk, whoever is away meanwhile.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seedFor } from "../support/campaign.ts";
import { Run, run } from "../support/command.ts";
import { linesOf } from "../support/exports.ts";
import { frame } from "../support/frames.ts";
import { loadOtlp } from "../support/otlp.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { PacketSource } from "../support/packets.ts";
import { until } from "../support/processes.ts";

let root = "";
let folder = "";
let receiver: OtlpReceiver;
let isDown = false;

const uids = () => receiver.records.map(({ attributes }) => String(attributes["log.record.uid"]));
const expected = async () => (await linesOf(folder)).map(({ bootId, eventSeq }) => `/${bootId}/${eventSeq}`);

describe("capture --forward", () => {
  before(loadOtlp);
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "xs-telemetry-capture-forward-"));
    folder = join(root, "capture");
    isDown = false;
    receiver = new OtlpReceiver(() => (isDown ? { status: 503 } : {}));
  });
  afterEach(async () => {
    await receiver.close();
    fs.rmSync(root, { recursive: true, force: true });
  });

  it("delivers all that came before it ends with its source", async function () {
    this.timeout(60_000);
    const url = await receiver.listen();
    const frames = join(root, "frames.bin");
    const simulated = await run(
      ["simulate", "--stdout", "--seed", String(seedFor(201)), "--events", "3000", "--rate", "max"],
      "",
      {
        stdio: ["pipe", fs.openSync(frames, "w"), "pipe"],
      },
    );
    assert.equal(simulated.status, 0, simulated.stderr);
    const { status, stderr } = await run(
      ["capture", "--stdin", "-o", folder, "--forward", url],
      fs.readFileSync(frames),
    );
    assert.equal(status, 0, stderr);
    const found = uids().filter((uid) => !uid.includes("lost"));
    assert.deepEqual(found.sort(), (await expected()).sort());
    assert.match(stderr, new RegExp(`${found.length} events read; \\d+ records delivered in`));
  });

  it("sends while it captures; what a receiver that was away did not get, the next run delivers", async function () {
    this.timeout(60_000);
    const url = await receiver.listen();
    const args = ["capture", "--stdin", "-o", folder, "--append", "--forward", url];
    const source = new PacketSource({ bootId: 5 });
    let time = 0;
    const event = () => frame(source.data([{ event: "ws.connect", time: ++time, clientId: time }]).bytes);
    const first = new Run(args);
    first.child.stdin!.write(event());
    await until("the first event", () => receiver.records.length === 1);
    first.child.stdin!.write(event());
    await until("the second event", () => receiver.records.length === 2);
    isDown = true;
    first.child.stdin!.write(event());
    await first.said(/W_RETRY: .*503/);
    const ended = await first.end();
    assert.equal(ended.status, 2);
    assert.match(ended.stderr, /E_UNSENT: ended before .*: run it again to continue from here/);
    assert.equal((await linesOf(folder)).length, 3, "it is captured all the same");
    isDown = false;
    const { status, stderr } = await run(args, event());
    assert.equal(status, 0, stderr);
    assert.deepEqual(uids(), await expected(), "each once, in order");
    assert.equal(uids().length, 4);
  });

  it("counts what was deleted before it was sent, also of boots that were deleted whole", async function () {
    this.timeout(60_000);
    const url = await receiver.listen();
    let time = 0;
    const frames: Uint8Array[] = [];
    for (let boot = 1; boot <= 8; boot++) {
      const source = new PacketSource({ bootId: boot });
      for (let packet = 0; packet < 60; packet++) {
        const events = Array.from(
          { length: 20 },
          () => ({ event: "ws.connect", time: ++time, clientId: time }) as const,
        );
        frames.push(frame(source.data(events).bytes));
      }
    }
    const { status, stderr } = await run(
      ["capture", "--stdin", "-o", folder, "--rotate", "64k", "--keep", "2", "--forward", url],
      Buffer.concat(frames),
    );
    const arrived = new Set(uids().filter((uid) => !uid.includes("lost"))).size;
    assert.ok(arrived < 9600, "some were deleted");
    assert.match(stderr, new RegExp(`E_GIVEN_UP: at least ${9600 - arrived} events captured, but deleted before`));
    assert.equal(status, 1);
  });

  it("ends well at a signal when all is delivered, and counts all of it", async function () {
    this.timeout(60_000);
    const url = await receiver.listen();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const [own, before] = [join(root, signal), receiver.records.length];
      const args = ["capture", "--stdin", "-o", own, "--rotate", "64k", "--forward", url];
      const source = new PacketSource({ bootId: signal === "SIGINT" ? 6 : 7 });
      const capture = new Run(args);
      // More than is read at a time.
      for (let sent = 0; sent < 4000; sent += 50) {
        const events = Array.from({ length: 50 }, (_, index) => {
          const time = sent + index + 1;
          return { event: "ws.connect", time, clientId: time } as const;
        });
        capture.child.stdin!.write(frame(source.data(events).bytes));
      }
      await until("all events", () => receiver.records.length === before + 4000);
      const { status, stderr } = await capture.end(signal);
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, /E_UNSENT/);
      assert.match(stderr, /4000 events read; 4000 records delivered in/);
      assert.equal(receiver.records.length, before + 4000, "nothing twice");
      assert.equal((await linesOf(own)).length, 4000);
    }
  });

  it("goes on capturing when the receiver refuses all; says at once what it cannot use", async () => {
    const refusing = new OtlpReceiver(() => ({ status: 401 }));
    const source = new PacketSource({ bootId: 5 });
    const run1 = new Run(["capture", "--stdin", "-o", folder, "--forward", await refusing.listen()]);
    run1.child.stdin!.write(frame(source.data([{ event: "ws.connect", time: 1, clientId: 1 }]).bytes));
    await run1.said(/E_REFUSED: .*401/);
    run1.child.stdin!.end(frame(source.data([{ event: "ws.connect", time: 2, clientId: 2 }]).bytes));
    const { status } = await run1.outcome;
    assert.equal(status, 2);
    assert.equal((await linesOf(folder)).length, 2);
    await refusing.close();
    await receiver.listen();
    const wrong = await run(["capture", "--stdin", "-o", join(root, "other"), "--forward", "localhost:4318"]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /E_URL: --forward is not an http:/);
    assert.ok(!fs.existsSync(join(root, "other")));
  });
});
