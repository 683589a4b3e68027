// forward as a command, with receivers on loopback: every event arrives, whoever dies.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { Collector } from "../../host/capture/collector.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { Run, run } from "../support/command.ts";
import { captureFleet, linesOf } from "../support/exports.ts";
import { fleetPackets } from "../support/fleet.ts";
import { assertDelivered, identities, isLost, uidOf, uidsOf, writeCapture } from "../support/forwards.ts";
import { loadOtlp, protocDecoded, readRequest, recordsOf } from "../support/otlp.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { joined, mixedPackets, PacketSource, randomIntegers } from "../support/packets.ts";
import { endsWithUs, freePort, pause, until } from "../support/processes.ts";

let root = "";
let capture = "";

describe("forward", () => {
  before(loadOtlp);
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "xs-telemetry-forward-"));
    capture = join(root, "capture");
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  it("delivers fleets whole, once, with losses; again only what is new", async function () {
    this.timeout(120_000);
    captureFleet(seedFor(196), capture);
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const { status, stderr, stdout } = await run(["forward", "--otlp", url, capture]);
    assert.deepEqual([status, stdout], [0, ""], stderr);
    await assertDelivered(receiver.records, capture);
    const uids = uidsOf(receiver.records);
    assert.equal(new Set(uids).size, uids.length, "each once");
    const { body } = receiver.requests[0]!;
    protocDecoded(body);
    const missing = Number(/; (\d+) events? missing; the records show where/.exec(stderr)?.[1] ?? 0);
    const lost = receiver.records.filter(isLost);
    assert.equal(
      lost.reduce((sum, { attributes }) => sum + Number(attributes["xs_telemetry.lost.events"]), 0),
      missing,
    );
    assert.equal(receiver.most, 1, "one request at a time");

    const before = receiver.requests.length;
    const again = await run(["forward", "--otlp", url, capture]);
    assert.equal(again.status, 0, again.stderr);
    assert.match(
      again.stderr,
      new RegExp(`0 records delivered in 0 requests; ${uids.length} records delivered by earlier runs`),
    );
    assert.equal(receiver.requests.length, before);

    const more = new Collector(join(root, "more"), { registry });
    const [[, [packets]]] = [...fleetPackets(seedFor(197), 1)] as [[string, Uint8Array[][]]];
    for (const packet of packets!) more.packet("new", packet, Date.UTC(2026, 1, 1));
    more.close();
    for (const name of fs.existsSync(join(root, "more")) ? fs.readdirSync(join(root, "more")) : [])
      if (fs.statSync(join(root, "more", name)).isDirectory())
        fs.renameSync(join(root, "more", name), join(capture, name));
    assert.equal((await run(["forward", "--otlp", url, capture])).status, 0);
    await assertDelivered(receiver.records, capture);
    const all = uidsOf(receiver.records);
    assert.equal(new Set(all).size, all.length, "still each once");
    await receiver.close();
  });

  it("loses nothing when it and the receiver are killed at any time", async function () {
    this.timeout(3_600_000);
    writeCapture(capture, 60_000);
    const expected = new Set(await identities(capture));
    const random = randomIntegers(seedFor(198));
    const port = await freePort();
    let receivers = 0;
    const files: string[] = [];
    // It has written what it answers for.
    const program = `
      const fs = require("fs"), http = require("http"), zlib = require("zlib");
      const file = fs.openSync(process.argv[1], "a");
      http.createServer((request, answer) => {
        const parts = [];
        request.on("error", () => {}).on("data", (part) => parts.push(part)).on("end", () => {
          const body = zlib.gunzipSync(Buffer.concat(parts));
          const length = Buffer.alloc(4);
          length.writeUInt32LE(body.length);
          fs.writeSync(file, Buffer.concat([length, body]));
          setTimeout(() => answer.writeHead(200, { "content-type": "application/x-protobuf" }).end(Buffer.from([10, 0])), 50);
        });
      }).listen(${port}, "127.0.0.1");`;
    let receiver: ChildProcess | undefined;
    const start = () => {
      const file = join(root, `received-${++receivers}`);
      files.push(file);
      receiver = endsWithUs(spawn(process.execPath, ["-e", program, file], { stdio: "ignore" }));
    };
    const forwarding = () =>
      new Run(["forward", "--otlp", `http://127.0.0.1:${port}`, capture], { stdio: ["ignore", "ignore", "pipe"] });
    /** According to the forwarder, everything is delivered: then it is on some receiver's disk. */
    const check = (stderr: string) => {
      const uids = new Set<string>();
      for (const file of files.splice(0)) {
        const bytes = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
        for (let at = 0; at + 4 <= bytes.length; ) {
          const end = at + 4 + bytes.readUInt32LE(at);
          // It was killed before writing it: it has not answered.
          if (end > bytes.length) break;
          for (const record of readRequest(bytes.subarray(at + 4, end))) uids.add(uidOf(record));
          at = end;
        }
        fs.rmSync(file, { force: true });
      }
      assert.deepEqual([uids.size, [...uids].every((uid) => expected.has(uid))], [expected.size, true], stderr);
    };
    /** Everything again, to a receiver that has nothing. */
    const again = () => {
      for (const name of fs.readdirSync(capture)) if (name.startsWith(".forwarded")) fs.rmSync(join(capture, name));
      receiver!.kill("SIGKILL");
      start();
    };
    start();
    for (const _round of campaign("times that a forwarder or its receiver was killed", 100, 6)) {
      const forwarder = forwarding();
      await pause(200 + random(900));
      if (random(2) === 0) {
        receiver!.kill("SIGKILL");
        await pause(random(100));
        start();
        await pause(random(600));
      }
      const { status, stderr } = await forwarder.end("SIGKILL");
      if (status !== 0) continue;
      check(stderr);
      again();
    }
    const { status, stderr } = await forwarding().outcome;
    assert.equal(status, 0, stderr);
    check(stderr);
    receiver!.kill("SIGKILL");
  });

  it("goes on where it was: after a kill little is sent again", async function () {
    this.timeout(60_000);
    writeCapture(capture, 40_000);
    const receiver = new OtlpReceiver((_, index) => ({ isSilent: index === 8 }));
    const url = await receiver.listen();
    const forwarder = new Run(["forward", "--otlp", url, capture]);
    await until("nine requests", () => receiver.requests.length >= 9);
    await pause(300);
    await forwarder.end("SIGKILL");
    const before = receiver.records.length;
    const { status, stderr } = await run(["forward", "--otlp", url, capture]);
    assert.equal(status, 0, stderr);
    await assertDelivered(receiver.records, capture);
    const twice = receiver.records.length - 40_000;
    assert.ok(before > 10_000 && twice <= before / 2, `${twice} of ${before} came twice`);
  });

  it("follows a capture as it grows, through outages, until it is told to end", async function () {
    this.timeout(60_000);
    let isDown = false;
    const receiver = new OtlpReceiver(() => (isDown ? { status: 503 } : {}));
    const url = await receiver.listen();
    const writer = new CaptureWriter(capture, { registry });
    const source = new PacketSource({ bootId: 5 });
    let seq = 0;
    const write = () =>
      writer.write(source.data([{ event: "ws.connect", time: ++seq, clientId: seq }]).bytes, Date.now());
    write();
    const forwarder = new Run(["forward", "--otlp", url, capture, "--follow"]);
    await until("the first event", () => receiver.records.length === 1);
    write();
    await until("the second event", () => receiver.records.length === 2);
    isDown = true;
    write();
    await forwarder.said(/W_RETRY: .*answers 503 Service Unavailable: trying again in/);
    isDown = false;
    await until("the third event", () => receiver.records.length === 3);
    write();
    await until("the fourth event", () => receiver.records.length === 4);
    const { status, stderr } = await forwarder.end();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /W_RETRIED: .* answers again, after \d+ tries/);
    assert.match(stderr, /4 events read; 4 records delivered in 4 requests; tried again \d+ times?/);
    writer.close();
    await assertDelivered(receiver.records, capture);

    const down = new OtlpReceiver(() => ({ status: 503 }));
    const stuck = new Run(["forward", "--otlp", await down.listen(), capture, "--follow"]);
    await stuck.said(/W_RETRY/);
    const ended = await stuck.end("SIGTERM");
    assert.equal(ended.status, 2);
    assert.match(ended.stderr, /E_UNSENT: ended before .* had everything \(answers 503.*\): run it again/);
    await down.close();
    const unauthorized = new OtlpReceiver(() => ({ status: 401 }));
    const refused = await new Run(["forward", "--otlp", await unauthorized.listen(), capture, "--follow"]).outcome;
    assert.equal(refused.status, 2, "it does not go on following in silence");
    assert.match(refused.stderr, /E_REFUSED: .*401/);
    await unauthorized.close();
    await receiver.close();
  });

  it("puts what is refused for good into a file that others read, and says what it could not deliver", async () => {
    captureFleet(seedFor(199), capture, 400);
    const bad = (await identities(capture)).filter((_, index) => index % 50 === 7);
    const receiver = new OtlpReceiver(({ records }) => ({
      status: records.some((record) => bad.includes(uidOf(record))) ? 400 : 200,
    }));
    const url = await receiver.listen();
    const strict = await run(["forward", "--otlp", url, capture]);
    assert.equal(strict.status, 1);
    assert.match(
      strict.stderr,
      /E_REFUSED: .* refuses a record: it answers 400 Bad Request: add --dead-letter FILE to keep what it refuses and continue/,
    );
    const file = join(root, "refused.jsonl");
    const { status, stderr } = await run(["forward", "--otlp", url, capture, "--dead-letter", file]);
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`${bad.length} to the dead-letter file`));
    const letters = fs
      .readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .flatMap((line) => recordsOf(JSON.parse(line)));
    assert.deepEqual(uidsOf(letters).sort(), [...bad].sort());
    await assertDelivered([...receiver.records, ...letters], capture);
    assert.equal((await run(["forward", "--otlp", url, capture])).status, 0, "they are not tried again");
    for (const name of fs.readdirSync(capture)) if (name.startsWith(".forwarded")) fs.rmSync(join(capture, name));
    const full = await run(["forward", "--otlp", url, capture, "--dead-letter", "/dev/full"]);
    assert.equal(full.status, 2);
    assert.match(full.stderr, /E_WRITE: \/dev\/full cannot be written: ENOSPC/);
    const later = await run(["forward", "--otlp", url, capture, "--dead-letter", file]);
    assert.match(
      later.stderr,
      new RegExp(`${bad.length} to the dead-letter file`),
      "what was not put aside is not given up",
    );
    await receiver.close();
  });

  it("sends again what was on its way when it died, and what was answered too late, with the same uid", async function () {
    this.timeout(60_000);
    writeCapture(capture, 50);
    let isSilent = true;
    const receiver = new OtlpReceiver((_, index) => ({ isSilent: isSilent || index < 4 }));
    const url = await receiver.listen();
    const dying = new Run(["forward", "--otlp", url, capture]);
    await dying.until("a request", () => receiver.requests.length === 1);
    await dying.end("SIGKILL");
    isSilent = false;
    const env = { ...process.env, OTEL_EXPORTER_OTLP_TIMEOUT: "200" };
    const { status, stderr } = await run(["forward", "--otlp", url, capture], "", { env });
    await receiver.close();
    assert.equal(status, 0, stderr);
    assert.ok(receiver.requests.length >= 5, "the request of the dead one, and each that was not answered in time");
    const [first, ...others] = receiver.requests.map(({ records }) => uidsOf(records));
    for (const other of others) assert.deepEqual(other, first);
  });

  it("puts a large request that is refused into lines that a Collector reads, of at most 1 MiB", async function () {
    this.timeout(60_000);
    writeCapture(capture, 6000);
    const receiver = new OtlpReceiver(() => ({ status: 500 }));
    const file = join(root, "refused.jsonl");
    const { status, stderr } = await run([
      "forward",
      "--otlp",
      await receiver.listen(),
      capture,
      "--dead-letter",
      file,
    ]);
    await receiver.close();
    assert.equal(status, 1, stderr);
    assert.ok(receiver.requests.some(({ body }) => body.length >= 1 << 20));
    const lines = fs.readFileSync(file, "utf8").trimEnd().split("\n");
    for (const line of lines) assert.ok(Buffer.byteLength(line) < 1 << 20, `${Buffer.byteLength(line)} bytes`);
    const letters = lines.flatMap((line) => recordsOf(JSON.parse(line)));
    assert.deepEqual(
      uidsOf(letters),
      uidsOf(receiver.requests.flatMap(({ records }) => records)),
      "in order, each once",
    );
  });

  it("delivers the good part of what is damaged, and any form of recording; says what is wrong", async () => {
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const file = join(root, "packets.bin");
    const damaged = joined(mixedPackets());
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 100] = 0xee;
    fs.writeFileSync(file, damaged);
    const { status, stderr } = await run(["forward", "--otlp", url, file]);
    assert.equal(status, 1, stderr);
    assert.ok(receiver.records.filter((record) => !isLost(record)).length >= 8);
    assert.equal(fs.readdirSync(root).filter((name) => /^\.packets\.bin\.forwarded-\w+\.json$/.test(name)).length, 1);
    const count = receiver.records.length;
    assert.equal((await run(["forward", "--otlp", url, "-"], joined(mixedPackets()))).status, 0);
    assert.ok(receiver.records.length >= count + 11, "of standard input nothing is kept");
    const line = (await linesOf(file)).map(({ boot: _, bootId: _i, ...rest }) => `${JSON.stringify(rest)}\n`).join("");
    const nameless = await run(["forward", "--otlp", url, "-"], line);
    assert.match(nameless.stderr, /W_NO_BOOT_ID: \d+ records have no boot id/);
    assert.equal((await run(["forward", "--otlp", url, "-"], "")).status, 1, "there is nothing in it");
    const link = join(root, "other.bin");
    fs.symlinkSync(file, link);
    const wrong: [string[], RegExp][] = [
      [["forward", file], /E_USAGE: no receiver is named/],
      [["forward", "--otlp", url], /missing required argument/],
      [["forward", "--otlp", url, join(root, "none")], /E_NOT_FOUND/],
      [["forward", "--otlp", url, file, "--follow"], /E_USAGE: --follow .*packets.bin: name capture folders/],
      [["forward", "--otlp", url, file, join(root, ".", "packets.bin")], /E_USAGE: .*packets.bin is named twice/],
      [["forward", "--otlp", url, file, link], /E_USAGE: .*other.bin is named twice: name each recording once/],
      [["forward", "--otlp", url, "-", "-"], /E_USAGE: .* is named twice/],
      [["forward", "--otlp", url, "-", "--dead-letter", root], /E_WRITE: .*EISDIR/],
    ];
    for (const [args, message] of wrong) {
      const outcome = await run(args, joined(mixedPackets()), {
        env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: "" },
      });
      assert.equal(outcome.status, 2, outcome.stderr);
      assert.match(outcome.stderr, message);
    }
    const unauthorized = new OtlpReceiver(() => ({ status: 401 }));
    const refused = await run(["forward", "--otlp", await unauthorized.listen(), file]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /E_REFUSED: .*401 Unauthorized: put the header that it requires into/);
    await unauthorized.close();
    await receiver.close();
  });

  it("keeps a place for each tenant of a receiver, by the URL's query or a header", async () => {
    const path = join(root, "lines.bin");
    fs.writeFileSync(path, joined(mixedPackets()));
    const receiver = new OtlpReceiver();
    const url = await receiver.listen();
    const to = (query: string, ...more: string[]) =>
      run(["forward", "--otlp", `${url}/v1/logs${query}`, path, ...more]);
    for (const args of [
      ["?tenant=a"],
      ["?tenant=b"],
      ["", "--header", "x-scope-orgid: a"],
      ["", "--header", "x-scope-orgid: b"],
    ] as const) {
      const { status, stderr } = await to(...(args as unknown as [string, ...string[]]));
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, /delivered by earlier runs/);
    }
    // A renewed secret does not make another receiver.
    assert.match(
      (await to("", "--header", "x-scope-orgid: a", "--header", "api-key: new")).stderr,
      /delivered by earlier runs/,
    );
    assert.equal(receiver.taken.length, 4);
    await receiver.close();
  });

  it("ends at a signal while nothing answers, and says what is left", async function () {
    this.timeout(20_000);
    const path = join(root, "lines.bin");
    fs.writeFileSync(path, joined(mixedPackets()));
    const receiver = new OtlpReceiver(() => ({ isSilent: true }));
    const env = { ...process.env, OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" };
    const forward = new Run(["forward", "--otlp", await receiver.listen(), path], { env });
    await until("the request has come", () => receiver.requests.length > 0);
    forward.child.kill("SIGINT");
    const { status, stderr } = await forward.outcome;
    assert.equal(status, 2);
    assert.match(stderr, /E_UNSENT: ended before .* had everything \(no answer for 0\.3 s\): run it again/);
    await receiver.close();
  });

  it("leaves a capture that others read as before, and that goes on", async () => {
    captureFleet(seedFor(200), capture);
    const read = async () => {
      const found: unknown[] = [];
      for await (const item of decodePath(capture, { registry, output: "lines", with: "all" }))
        if (item.kind === "lines") found.push(Buffer.from(item.lines).toString());
        else if (item.kind === "problem") found.push(item.problem);
      return found;
    };
    const before = await read();
    const receiver = new OtlpReceiver();
    assert.equal((await run(["forward", "--otlp", await receiver.listen(), capture])).status, 0);
    await receiver.close();
    assert.deepEqual(await read(), before);
  });
});
