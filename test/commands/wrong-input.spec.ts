import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Run, run } from "../support/command.ts";
import { frame } from "../support/frames.ts";
import { joined, mixedPackets, randomIntegers, randomPackets } from "../support/packets.ts";
import { openSerialLine } from "../support/pty.ts";
import { misread } from "../support/uart.ts";

const random = randomIntegers(12);
const FRAMES = Buffer.concat(
  [...mixedPackets(), ...Array.from({ length: 12 }, () => randomPackets(random, 12)).flat()].map(({ bytes }) =>
    frame(bytes),
  ),
);
const EVENT = '{"event":"ws.connected","ts_mono_ms":1,"connEpoch":0,"eventSeq":0,"clientId":4,"schemaVersion":"1.0.0"}';
const EVENTS = Array.from({ length: 400 }, (_, index) => EVENT.replace(":4,", `:${index},`));
const LOG = EVENTS.map((event) => `I (123) app: ${event}\r\n`).join("");
const lines = (text: string) => text.split("\n").filter((line) => line !== "");

describe("input of another kind", () => {
  let folder = "";
  let count = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (bytes: string | Uint8Array) => {
    const file = join(folder, `input-${++count}`);
    writeFileSync(file, bytes);
    return file;
  };

  it("is read by extract: UTF-16 as PowerShell writes it, gzip, and both, from a file and from standard input", async () => {
    const utf16 = Buffer.from(`\ufeff${LOG}`, "utf16le");
    for (const bytes of [utf16, Buffer.from(utf16).swap16(), gzipSync(LOG), gzipSync(utf16)]) {
      const file = await run(["extract", write(bytes)]);
      assert.deepEqual([file.status, lines(file.stdout)], [0, EVENTS], file.stderr);
      const piped = await run(["extract", "-"], bytes);
      assert.deepEqual([piped.status, lines(piped.stdout)], [0, EVENTS], piped.stderr);
    }
    const trace = Buffer.from(`\ufeff${EVENTS.join("\r\n")}\r\n`, "utf16le");
    const migrated = await run(["migrate", "--to", "2.0.0", write(gzipSync(trace))]);
    assert.deepEqual([migrated.status, lines(migrated.stdout).length], [0, 400], migrated.stderr);
    const frames = await run(["extract", "--frames", write(gzipSync(FRAMES))]);
    assert.equal(frames.status, (await run(["extract", "--frames", write(FRAMES)])).status);
    assert.ok(lines(frames.stdout).length > 10, frames.stderr);
    const cut = await run(["extract", write(gzipSync(LOG).subarray(0, -9))]);
    assert.deepEqual([cut.status, lines(cut.stdout).length > 300], [1, true]);
    assert.match(cut.stderr, /E_GZIP: gzip, cut after \d+ bytes/);
    const beginning = write(gzipSync(Buffer.from(`${EVENTS.join("\n")}\n`)).subarray(0, -9));
    for (const to of ["perfetto", "chrome", "csv", "har", "otlp", "parquet", "view"]) {
      const output = join(folder, to);
      const command =
        to === "view" ? ["view", beginning, "-o", output] : ["export", "--to", to, beginning, "-o", output];
      const { status, stderr } = await run(command);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /E_GZIP: gzip, cut after \d+ bytes/);
      assert.match(stderr, /: \d{2,} events/);
      assert.ok(existsSync(output), to);
    }
  });

  it("is read by extract: the inner lines of Docker's and journald's JSON", async () => {
    const docker = (log: string) => `${JSON.stringify({ log, stream: "stdout", time: "2026-01-02T03:04:05Z" })}\n`;
    const long = EVENT.replace("}", `,"payloadSummary":"${"x".repeat(40_000)}"}`);
    const pieces = `I (1) app: ${long}\n`.match(/[\s\S]{1,16384}/g)!;
    const journal = (message: unknown) => `${JSON.stringify({ __CURSOR: "s=1", PRIORITY: "6", MESSAGE: message })}\n`;
    for (const [log, expected] of [
      [EVENTS.map((event) => docker(`I (1) app: ${event}\n`)).join("") + docker("event: none {\n"), EVENTS],
      [docker("before\n") + pieces.map(docker).join("") + docker(`${EVENT}\r\n`), [long, EVENT]],
      [
        journal("boot") + journal(`app: ${EVENT}`) + journal([...Buffer.from(`\x1b[32m${EVENT}\x1b[0m`)]),
        [EVENT, EVENT],
      ],
    ] as const) {
      const { status, stdout, stderr } = await run(["extract", "-"], log);
      assert.deepEqual([status, lines(stdout)], [0, expected], stderr);
    }
    const broken = await run(["extract", "-"], docker(`{"event":"x",\n`));
    assert.equal(broken.status, 1);
    assert.match(broken.stderr, /E_JSON at line 1/);
    const none = await run(["extract", "-"], docker("hello\n"));
    assert.equal(none.status, 1);
    assert.match(none.stderr, /E_NO_LINES: no telemetry line in \d+ bytes/);
  });

  it("ends extract with 1 and the way out: frames, packets, no telemetry at all", async () => {
    for (const [bytes, says] of [
      [FRAMES, /standard input: E_NO_LINES: no telemetry line in \d+ bytes: .*extract --frames/],
      [joined(mixedPackets()), /E_NO_LINES: .*xs-telemetry decode/],
      ["I (1) hello\n", /E_NO_LINES: .*no line has a "\{" followed by a key "event"/],
    ] as const) {
      const { status, stdout, stderr } = await run(["extract", "-"], bytes);
      assert.deepEqual([status, stdout], [1, ""]);
      assert.match(stderr, says);
    }
  });

  it("ends capture and tail with 1 and the way out, whatever it is; a device that sent only text does not count", async () => {
    for (const [bytes, says] of [
      [
        misread(FRAMES, 115_200, 74_880),
        /standard input: E_NO_FRAMES: no packet in \d+ bytes: \d+ % .* does --baud match/,
      ],
      [misread(FRAMES, 115_200, 230_400), /E_NO_FRAMES: .* does --baud match the device\?/],
      [LOG, /E_NO_FRAMES: .*read them with xs-telemetry extract/],
      ["I (1) hello\n", /E_NO_FRAMES: no packet in 12 bytes: it is only log text/],
      [joined(mixedPackets()), /E_NO_FRAMES at byte 0: .*decode -/],
    ] as const)
      for (const command of [["capture", "-o", join(folder, `c-${++count}`)], ["tail"]]) {
        const { status, stderr } = await run([...command, "--stdin"], bytes);
        assert.equal(status, 1, stderr);
        assert.match(stderr, says);
        assert.match(stderr, /0 events, 0 packets, 0 devices/);
        assert.equal(
          stderr.split("E_NO_FRAMES: no packet").length - 1 + stderr.split("decode -").length - 1,
          1,
          stderr,
        );
      }
    const good = await run(["capture", "--stdin", "-o", join(folder, "good")], gzipSync(FRAMES));
    assert.match(good.stderr, /[1-9]\d* packets, 1 device/);
  });

  it("ends a bounded tail of a port so, too; one that is ended by hand has shown what there is", async () => {
    const line = await openSerialLine();
    const bounded = new Run(["tail", "--serial", line.hostPath, "--duration", "2"]);
    await bounded.said(/listening/);
    await line.write(misread(FRAMES, 115_200, 74_880));
    const { status, stderr } = await bounded.outcome;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /E_NO_FRAMES: no packet in \d+ bytes: .* does --baud match the device\?/);
    const unbounded = new Run(["tail", "--serial", line.hostPath]);
    await unbounded.said(/listening/);
    await line.write(Buffer.from("I (1) hello\n"));
    await unbounded.until("the line", () => unbounded.stdout.includes("hello"));
    const ended = await unbounded.end("SIGINT");
    assert.equal(ended.status, 0, ended.stderr);
    await line.close();
  });
});
