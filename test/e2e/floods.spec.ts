// More than can be taken, for as long as it lasts, over every link: memory stays constant, a signal ends the command in the middle, and its counts
// are exact.
import { equal, ok } from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { maxFrameBytes, writeFrame } from "../../src/drain/frame.ts";
import { accountOf, decodedEvents } from "../support/accounts.ts";
import { startBroker } from "../support/broker.ts";
import { ran, rounds } from "../support/campaign.ts";
import type { Run } from "../support/command.ts";
import { emitter } from "../support/emit.ts";
import { startCapture, udpPort } from "../support/ends.ts";
import { pause } from "../support/processes.ts";
import { openSerialLine } from "../support/pty.ts";

const SECONDS = rounds(60, 1);
const PACKET_BYTES = 1400;
/** How much more memory it may take at the end than after a tenth of the flood, when it has warmed up. */
const MOST_GROWTH_KB = 64 * 1024;

/** Writes one packet, and resolves when the link may take the next. */
type Send = (packet: Uint8Array) => Promise<unknown> | undefined;

describe("a flood", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-flood-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const peakKb = ({ child }: Run) =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);

  /** Sends until the capture has ended, which is requested by a signal in the middle. Returns its last output. */
  async function flood(capture: Run, send: Send): Promise<string> {
    const { telemetry, reader, clock } = emitter({ capacityBytes: 1 << 16 });
    const connection = telemetry.connect(1);
    const token = telemetry.messageType("flood");
    const buffer = new Uint8Array(PACKET_BYTES);
    let isOver = false;
    const end = capture.outcome.then(() => {
      isOver = true;
    });
    const startMs = performance.now();
    let warmKb = 0;
    let isEnding = false;
    while (!isOver) {
      for (let turn = 0; turn < 32 && !isOver; turn++) {
        for (let count = 0; count < 80; count++) connection.received(token);
        await Promise.race([send(buffer.slice(0, reader.next(buffer))), end]);
      }
      clock.ms += 1;
      await new Promise((resolve) => setImmediate(resolve));
      const elapsed = (performance.now() - startMs) / 1000 / SECONDS;
      if (isOver || isEnding || elapsed < 0.1) continue;
      warmKb ||= peakKb(capture);
      if (elapsed < 1) continue;
      const grownKb = peakKb(capture) - warmKb;
      ok(grownKb < MOST_GROWTH_KB, `${warmKb} KB, and ${grownKb} KB more in the end`);
      capture.child.kill("SIGINT");
      isEnding = true;
    }
    ran("seconds of a flood", SECONDS);
    const { status, stderr } = await capture.outcome;
    ok(status === 0 || status === 1, stderr);
    return stderr;
  }

  /** What it reports is what is in its folder. */
  async function check(said: string, isLossless: boolean): Promise<void> {
    const account = await accountOf(join(folder, "c"));
    const [, events] = / (\d+) events, \d+ packets, 1 device/.exec(said) ?? [];
    const [, lost] = /^ +(\d+) events lost on the way/m.exec(said) ?? [];
    equal(decodedEvents(account), Number(events), said);
    ok(Number(events) > 1000, said);
    equal(account.summary.lostInTransit, Number(lost ?? 0), said);
    if (isLossless) equal(account.summary.lostInTransit, 0, said);
    equal(account.problems.filter(({ code }) => code.startsWith("E_")).length, 0);
  }

  const framed = (packet: Uint8Array) => {
    const into = new Uint8Array(maxFrameBytes(packet.length));
    return into.subarray(0, writeFrame(packet, packet.length, into));
  };

  it("over standard input", async function () {
    this.timeout(600_000);
    const capture = await startCapture(join(folder, "c"), "--stdin");
    const stdin = capture.child.stdin!;
    const said = await flood(capture, (packet) =>
      stdin.write(framed(packet)) ? undefined : new Promise((resolve) => stdin.once("drain", resolve)),
    );
    await check(said, true);
  });

  it("over a serial line", async function () {
    this.timeout(600_000);
    const line = await openSerialLine();
    try {
      const capture = await startCapture(join(folder, "c"), "--serial", line.hostPath);
      // A writer must not block in the system: nobody would end one that has stopped reading.
      const port = openSync(line.devicePath, constants.O_WRONLY | constants.O_NONBLOCK);
      const said = await flood(capture, async (packet) => {
        const bytes = framed(packet);
        for (let at = 0; at < bytes.length && capture.child.exitCode === null; )
          try {
            at += writeSync(port, bytes, at);
          } catch {
            await pause(1);
          }
      });
      closeSync(port);
      await check(said, true);
    } finally {
      await line.close();
    }
  });

  it("over UDP", async function () {
    this.timeout(600_000);
    const capture = await startCapture(join(folder, "c"), "--udp", "0");
    const socket = createSocket("udp4").on("error", () => {}); // in the end nobody listens
    socket.connect(udpPort(capture), "127.0.0.1");
    await once(socket, "connect");
    const said = await flood(capture, (packet) => {
      socket.send(packet);
      return undefined;
    });
    socket.close();
    await check(said, false);
  });

  it("over a broker", async function () {
    this.timeout(600_000);
    const broker = await startBroker();
    try {
      const capture = await startCapture(join(folder, "c"), "--mqtt", broker.url);
      const device = await mqtt.connectAsync(broker.url);
      const said = await flood(capture, (packet) =>
        device.publishAsync("xs-telemetry/a", packet as Buffer, { qos: 1 }),
      );
      await device.endAsync(true);
      await check(said, true);
    } finally {
      await broker.close();
    }
  });
});
