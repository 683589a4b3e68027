// forward, of recordings that are out of order, cut, replaced, pruned, or quiet.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Telemetry } from "xs-telemetry";
import { seedFor } from "../support/campaign.ts";
import { Run, run } from "../support/command.ts";
import { linesOf } from "../support/exports.ts";
import { assertDelivered, isLost, uidOf, writeCapture } from "../support/forwards.ts";
import { frame } from "../support/frames.ts";
import { loadOtlp } from "../support/otlp.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { joined, mixedPackets, randomIntegers } from "../support/packets.ts";
import { until } from "../support/processes.ts";

let root = "";
let capture = "";

describe("forward, of any recording", () => {
  before(loadOtlp);
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "xs-telemetry-forwarded-"));
    capture = join(root, "capture");
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  it("delivers every event of lines in whatever order, and what its position forgets again", async function () {
    this.timeout(60_000);
    writeCapture(capture, 6000);
    const path = join(root, "shuffled.jsonl");
    const lines = (await linesOf(capture)).map((line) => `${JSON.stringify(line)}\n`);
    const random = randomIntegers(seedFor(221));
    for (let at = lines.length - 1; at > 0; at--) {
      const other = random(at + 1);
      [lines[at], lines[other]] = [lines[other]!, lines[at]!];
    }
    fs.writeFileSync(path, lines.join(""));
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const first = await run(["forward", "--otlp", url, path]);
    assert.doesNotMatch(first.stderr, /by earlier runs/);
    await assertDelivered(receiver.records, capture);
    const [, forgotten] = /W_POSITION: .* and left (\d+) delivered events out: the next run sends them again/.exec(
      first.stderr,
    )!;
    const again = await run(["forward", "--otlp", url, path]);
    const [, sent, known] = /; (\d+) records delivered in \d+ requests?; (\d+) records delivered by/.exec(
      again.stderr,
    )!;
    assert.ok(Number(known) >= 6000 - Number(forgotten) && Number(sent) > 0, again.stderr);
    await receiver.close();
  });

  it("delivers, and acknowledges, what stands before a cut", async () => {
    writeCapture(capture, 3000);
    const lines = (await linesOf(capture)).map((line) => `${JSON.stringify(line)}\n`).join("");
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const files = { "cut.jsonl.gz": Buffer.from(lines), "cut.bin.gz": joined(mixedPackets()) };
    for (const [name, bytes] of Object.entries(files)) {
      const before = receiver.records.length;
      const path = join(root, name);
      fs.writeFileSync(path, gzipSync(bytes, { level: 0 }).subarray(0, -200));
      const first = await run(["forward", "--otlp", url, path]);
      assert.equal(first.status, 1, first.stderr);
      assert.match(first.stderr, /E_GZIP: gzip, cut after \d+ bytes/);
      const sent = receiver.records.length - before;
      assert.match(first.stderr, new RegExp(`${sent} records delivered in`));
      assert.ok(sent > 0);
      const again = await run(["forward", "--otlp", url, path]);
      assert.equal(again.status, 1);
      assert.match(again.stderr, new RegExp(`; ${sent} records delivered by earlier runs`));
      assert.equal(receiver.records.length - before, sent);
    }
    await receiver.close();
  });

  it("delivers what was read before a recording that cannot be read", async () => {
    const path = join(root, "packets.bin");
    fs.writeFileSync(path, joined(mixedPackets()));
    const receiver = new OtlpReceiver();
    const { status, stderr } = await run(["forward", "--otlp", await receiver.listen(), path, join(root, "none")]);
    assert.equal(status, 2);
    assert.match(stderr, /E_NOT_FOUND/);
    await assertDelivered(receiver.records, path);
    await receiver.close();
  });

  it("delivers every boot of a device that has one boot id, whatever --keep deletes, and another recording in a file's place", async function () {
    this.timeout(120_000);
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const file = join(root, "x.bin");
    const events = (count: number, start: number) => {
      let now = start;
      const telemetry = new Telemetry({ capacityBytes: 1 << 18, bootId: 77, clock: { now: () => (now += 3) } });
      const reader = telemetry.reader();
      const connection = telemetry.connect(1, "10.0.0.1");
      const buffer = new Uint8Array(1400);
      const packets: Uint8Array[] = [];
      const read = () => {
        for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
          packets.push(buffer.slice(0, length));
      };
      for (let made = 1; made < count; made++) {
        connection.received(telemetry.messageType("getStatus"), "x".repeat(40));
        if (made % 500 === 0) read();
      }
      read();
      return packets;
    };
    for (const [index, count] of [2000, 1500, 1800].entries()) {
      const packets = events(count, index * 1000);
      fs.writeFileSync(file, Buffer.concat(packets));
      const { status, stderr } = await run(["forward", "--otlp", url, file]);
      assert.equal(status, 0, stderr);
      assert.match(stderr, new RegExp(`${count} events read; ${count} records delivered in`));
      if (index > 0) assert.match(stderr, /W_BOOT_ID: another boot with the id 0000000000004d was forwarded before/);
      assert.match((await run(["forward", "--otlp", url, file])).stderr, new RegExp(`; ${count} records delivered by`));
      const captured = await run(
        ["capture", "--stdin", "-o", capture, "--append", "--rotate", "64k", "--keep", "3"],
        Buffer.concat(packets.map((packet) => frame(packet))),
      );
      assert.equal(captured.status, 0, captured.stderr);
      const middle = receiver.records.length;
      const folder = await run(["forward", "--otlp", url, capture]);
      assert.equal(folder.status, 0, folder.stderr);
      const sent = receiver.records.slice(middle).filter((record) => !isLost(record));
      const lines = await linesOf(capture);
      const newest = lines.filter(({ boot }) => boot === lines.at(-1)!.boot).map(({ eventSeq }) => Number(eventSeq));
      const arrived = new Set(sent.map((record) => Number(uidOf(record).split("/").at(-1))));
      assert.deepEqual(
        [...arrived].sort((a, b) => a - b),
        newest,
        folder.stderr,
      );
      assert.ok(newest.length >= 500);
      const again = await run(["forward", "--otlp", url, capture]);
      assert.match(again.stderr, /; 0 records delivered in/, "each once");
    }
    await receiver.close();
  });

  it("ends at the first signal while standard input is quiet, and delivers what came", async function () {
    this.timeout(30_000);
    const receiver = new OtlpReceiver();
    const forward = new Run(["forward", "--otlp", await receiver.listen(), "-"]);
    forward.child.stdin!.write(joined(mixedPackets()));
    await until("the first request", () => receiver.records.length > 0);
    const { status, signal, stderr } = await forward.end("SIGTERM");
    assert.deepEqual([status, signal], [2, null], stderr);
    assert.match(stderr, /E_UNSENT: ended before everything was read: run it again/);
    assert.match(stderr, new RegExp(`${receiver.records.length} records delivered in`));
    const letters = join(root, "refused.jsonl");
    const silent = new Run(["forward", "--otlp", receiver.url, "-", "--dead-letter", letters]);
    await silent.until("it is there", () => fs.existsSync(letters));
    assert.equal((await silent.end("SIGINT")).status, 2);
    await receiver.close();
  });
});
