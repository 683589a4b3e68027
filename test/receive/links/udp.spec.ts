import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { openUdpLink } from "../../../host/receive/links/udp.ts";
import { RecordedEvents, refused } from "../../support/link-events.ts";
import { mixedPackets } from "../../support/packets.ts";
import { pause, until } from "../../support/processes.ts";

const portOf = (description: string) => Number(/port (\d+)/.exec(description)?.[1]);

/** Sends each as a datagram, in order. Resolves to the sender's port. */
async function send(port: number, datagrams: readonly Uint8Array[], host = "127.0.0.1"): Promise<number> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  for (const datagram of datagrams)
    await new Promise((resolve, reject) =>
      socket.send(datagram, port, host, (error) => (error ? reject(error) : resolve(undefined))),
    );
  const { port: from } = socket.address();
  socket.close();
  return from;
}

describe("the UDP link", () => {
  it("hands on a packet a datagram, with the sender as the device", async () => {
    const events = new RecordedEvents();
    const link = await openUdpLink({ port: 0 }, events);
    assert.match(link.description, /^UDP port \d+ of 127\.0\.0\.1$/);
    const packets = mixedPackets().map(({ bytes }) => bytes);
    const from = await send(portOf(link.description), packets);
    await until("all datagrams", () => events.packets.length === packets.length);
    assert.deepEqual(
      events.packets.map(({ device, packet }) => [device, Buffer.from(packet).toString("hex")]),
      packets.map((packet) => [`127.0.0.1_${from}`, Buffer.from(packet).toString("hex")]),
    );
    await link.close();
    await link.ended;
    await link.close();
  });

  it("names what is shorter than a packet's header, and goes on", async () => {
    const events = new RecordedEvents();
    const link = await openUdpLink({ port: 0 }, events);
    const from = await send(portOf(link.description), [
      new Uint8Array(0),
      Buffer.from("hello"),
      mixedPackets()[0].bytes,
    ]);
    await until("the packet", () => events.packets.length === 1);
    assert.deepEqual(
      events.problems.map(({ problem, device }) => [problem.code, device]),
      [
        ["E_DATAGRAM", `127.0.0.1_${from}`],
        ["E_DATAGRAM", `127.0.0.1_${from}`],
      ],
    );
    assert.match(events.problems[1].problem.message, /^a datagram of 5 bytes, a packet has 96 or more/);
    await link.close();
  });

  /** Its owner takes 2 ms for each. */
  class BusyEvents extends RecordedEvents {
    override packet(device: string | undefined, packet: Uint8Array, wallMs: number): void {
      super.packet(device, packet, wallMs);
      for (const until = performance.now() + 2; performance.now() < until; );
    }
  }
  const burst = Array.from({ length: 1000 }, () => mixedPackets()[0].bytes);

  /** Many at once, as far as the system permits; resolves when it has them. */
  async function sendBurst(port: number): Promise<void> {
    const socket = createSocket("udp4");
    let left = burst.length;
    for (let at = 0; at < burst.length; at += 20) {
      for (const datagram of burst.slice(at, at + 20)) socket.send(datagram, port, "127.0.0.1", () => left--);
      await new Promise((resolve) => setImmediate(resolve)); // the link is in this process: it reads
    }
    await until("all are sent", () => left === 0);
    socket.close();
  }

  it("loses none of a burst that comes faster than its owner takes it, not even if it is closed meanwhile, nor keeps timers waiting for it", async () => {
    const events = new BusyEvents();
    const link = await openUdpLink({ port: 0 }, events);
    await sendBurst(portOf(link.description));
    assert.ok(events.packets.length < burst.length, "the burst is over before its owner is done");
    await pause(50);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const closed = link.close();
    assert.ok(events.packets.length < burst.length, "it is not handed on in one piece");
    await closed;
    clearInterval(timer);
    assert.deepEqual([events.packets.length, events.problems.length], [burst.length, 0]);
    assert.ok(turns > 10, `timers, and so signals, have had ${turns} turns meanwhile`);
  });

  it("reports how many datagrams were lost because too many waited", async () => {
    const events = new BusyEvents();
    const link = await openUdpLink({ port: 0, mostWaitingBytes: 20_000 }, events);
    await sendBurst(portOf(link.description));
    await until("all that waited", () => events.problems.length === 1);
    await link.close();
    const lost = Number(/^(\d+) datagrams/.exec(events.problems[0].problem.message)?.[1]);
    assert.equal(events.problems[0].problem.code, "W_OVERRUN");
    assert.ok(lost > 0, "some are lost");
    assert.equal(events.packets.length + lost, burst.length);
  });

  it("names a device of IPv6 without colons", async () => {
    const events = new RecordedEvents();
    const link = await openUdpLink({ port: 0, host: "::1" }, events);
    const from = await send(portOf(link.description), [mixedPackets()[0].bytes], "::1");
    await until("the packet", () => events.packets.length === 1);
    assert.equal(events.packets[0].device, `0--1_${from}`);
    await link.close();
  });

  it("ends with what the packet's owner throws, and takes no more", async () => {
    const events = new RecordedEvents();
    const link = await openUdpLink({ port: 0 }, events);
    events.refuseWith = new Error("disk full");
    await send(portOf(link.description), [mixedPackets()[0].bytes, mixedPackets()[1].bytes]);
    await assert.rejects(link.ended, /disk full/);
    await link.close();
    await refused(
      openUdpLink({ port: portOf(link.description), host: "192.0.2.1" }, events),
      "E_ADDRESS",
      /192\.0\.2\.1/,
    );
  });

  it("says what to do when the port is in use, is the system's, or the address is not this machine's", async () => {
    const events = new RecordedEvents();
    const other = createSocket("udp4").bind(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address();
    await refused(
      openUdpLink({ port }, events),
      "E_PORT_IN_USE",
      new RegExp(`UDP port ${port} of 127.0.0.1 is in use: .*ss -lunp`),
    );
    other.close();
    await refused(
      openUdpLink({ port, host: "192.0.2.1" }, events),
      "E_ADDRESS",
      /192\.0\.2\.1 is not an address of this machine/,
    );
    await refused(openUdpLink({ port, host: "" }, events), "E_ADDRESS", /--host is "": .*0\.0\.0\.0 listens on all/);
    await refused(openUdpLink({ port, host: "no-such-host.invalid" }, events), "E_ADDRESS", /"no-such-host\.invalid"/);
  });
});
