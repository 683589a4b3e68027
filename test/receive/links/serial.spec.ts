import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { openSerialLink } from "../../../host/receive/links/serial.ts";
import { openStreamLink } from "../../../host/receive/links/stream.ts";
import { frame } from "../../support/frames.ts";
import { RecordedEvents, refused } from "../../support/link-events.ts";
import { mixedPackets } from "../../support/packets.ts";
import { pause, until } from "../../support/processes.ts";
import { openSerialLine, type SerialLine } from "../../support/pty.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);
const BAUD = 115_200;

const hex = (packets: readonly Uint8Array[]) => packets.map((packet) => Buffer.from(packet).toString("hex"));

describe("the serial link", () => {
  let line: SerialLine;
  beforeEach(async () => {
    line = await openSerialLine();
  });
  afterEach(() => line.close());

  it("keeps packets and log text apart, and names a bad frame", async () => {
    const events = new RecordedEvents();
    const link = await openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    assert.equal(link.description, `${line.hostPath} at 115200 baud`);
    await line.write("I (1) boot: up\r\n");
    for (const [index, packet] of PACKETS.entries()) {
      const bytes = frame(packet);
      if (index === 2) bytes[60] ^= 0x40;
      await line.write(bytes);
      await line.write(`I (${index}) app: line\n`);
    }
    await until("all text", () => events.texts.length === PACKETS.length + 1);
    assert.deepEqual(events.texts.slice(0, 2), ["I (1) boot: up", "I (0) app: line"]);
    assert.deepEqual(hex(events.packets.map(({ packet }) => packet)), hex(PACKETS.filter((_, index) => index !== 2)));
    assert.ok(events.packets.every(({ device }) => device === undefined));
    assert.deepEqual(
      events.problems.map(({ problem }) => problem.code),
      ["E_FRAME"],
    );
    await link.close();
    await link.ended;
    await link.close();
  });

  it("waits for a port that was unplugged, says so, and hands on what stood unfinished", async () => {
    const events = new RecordedEvents();
    const link = await openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    await line.write(frame(PACKETS[0]));
    await line.write("half a li");
    await until("the packet", () => events.packets.length === 1);
    await pause(50);
    await line.unplug();
    await until("the loss to be said", () => events.said.length === 1);
    assert.match(
      events.said[0],
      /host has disappeared: it was unplugged, or the board is restarting; trying to open it every second$/,
    );
    assert.deepEqual(events.texts, ["half a li"]);
    await line.plug();
    await until("the return to be said", () => events.said.length === 2);
    assert.match(events.said[1], /is back$/);
    await line.write(frame(PACKETS[1]));
    await until("the next packet", () => events.packets.length === 2);
    await line.unplug();
    await until("the second loss", () => events.said.length === 3);
    await link.close(); // while it waits
    await link.ended;
  });

  it("takes a port for gone whose file is, though nothing else says so", async () => {
    const events = new RecordedEvents();
    const link = await openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    const aside = `${line.hostPath}-aside`;
    renameSync(line.hostPath, aside);
    await until("the loss to be said", () => events.said.length === 1);
    renameSync(aside, line.hostPath);
    await until("the return to be said", () => events.said.length === 2);
    await line.write(frame(PACKETS[0]));
    await until("a packet", () => events.packets.length === 1);
    await link.close();
  });

  it("ends with what the packet's owner throws", async () => {
    const events = new RecordedEvents();
    const link = await openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    events.refuseWith = new Error("disk full");
    await line.write(frame(PACKETS[0]));
    await assert.rejects(link.ended, /disk full/);
    await until("the port to be free", async () => {
      const again = await openSerialLink({ path: line.hostPath, baud: BAUD }, events).catch(() => undefined);
      await again?.close();
      return again !== undefined;
    });
  });

  it("says what to do when the port is in use, is missing, or is not a port", async () => {
    const events = new RecordedEvents();
    const link = await openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    const busy = openSerialLink({ path: line.hostPath, baud: BAUD }, events);
    await refused(busy, "E_PORT_IN_USE", /is in use: end the program that uses it \(`fuser /);
    await link.close();
    const missing = `${line.hostPath}-2`;
    await refused(
      openSerialLink({ path: missing, baud: BAUD }, events),
      "E_NO_PORT",
      /no such port; (found: \/dev\/|no port was found: )/,
    );
    for (const path of ["package.json", "/tmp"])
      await refused(
        openSerialLink({ path, baud: BAUD }, events),
        "E_NO_PORT",
        /is not a serial port: read a log with --stdin < /,
      );
  });
});

describe("the stream link", () => {
  it("hands on packets and text until the stream ends", async () => {
    const events = new RecordedEvents();
    async function* stream() {
      yield Buffer.from("boot\n");
      yield frame(PACKETS[0]);
      yield Buffer.from("half");
    }
    const link = await openStreamLink(stream(), events);
    await link.ended;
    assert.deepEqual(events.texts, ["boot", "half"]);
    assert.deepEqual(hex(events.packets.map(({ packet }) => packet)), hex([PACKETS[0]]));
    await link.close();
  });

  it("ends with what the stream, or the packet's owner, throws", async () => {
    async function* failing() {
      yield Buffer.from("half");
      throw new Error("cable");
    }
    const events = new RecordedEvents();
    await assert.rejects(
      (await openStreamLink(failing(), events)).ended,
      /standard input, after 4 bytes: cannot be read: cable/,
    );
    assert.deepEqual(events.texts, ["half"]);
    events.refuseWith = new Error("disk full");
    async function* good() {
      yield frame(PACKETS[0]);
    }
    await assert.rejects((await openStreamLink(good(), events)).ended, /disk full/);
  });
});
