// Hostile senders beside good devices: the counts of the good ones stay exact; disk and memory stay bounded.
import { deepEqual, equal, ok } from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import type { BootCounters } from "../../host/simulate/device.ts";
import { Random } from "../../host/simulate/random.ts";
import { type Account, accountOf, decodedEvents, sum } from "../support/accounts.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import type { Run } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";
import { endCapture, startCapture, startSimulation, udpPort, untilUdpRead } from "../support/ends.ts";
import { pause, until } from "../support/processes.ts";

const MEGABYTE = 1e6;

/** Packets as a device of this boot id makes them, small ones. */
function packetsOf(bootId: number, rounds = 4): Uint8Array[] {
  const { telemetry, reader } = emitter({ bootId });
  const token = telemetry.messageType("hostile");
  const connection = telemetry.connect(1);
  const packets: Uint8Array[] = [];
  for (let round = 0; round < rounds; round++) {
    connection.received(token);
    packets.push(...drain(reader, 1400));
  }
  return packets;
}

/** Seeded data from hostile senders. */
function hostile(random: Random): Uint8Array {
  const good = packetsOf(random.below(1000));
  const packet = good[random.below(good.length)]!;
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.below(256));
  switch (random.below(6)) {
    case 0: // nothing of ours
      return bytes(random.below(1500));
    case 1: // truncated
      return packet.subarray(0, random.below(packet.length));
    case 2: // oversized
      return Buffer.concat([packet, bytes(60_000)]);
    case 3: // of another registry
      return Uint8Array.from(packet, (byte, index) => (index >= 4 && index < 20 ? byte ^ 0x5a : byte));
    case 4: {
      // damaged anywhere
      const copy = packet.slice();
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
      return copy;
    }
    default: // replayed
      return packet;
  }
}

/** A socket with its own port. */
async function openSocket(): Promise<Socket> {
  const socket = createSocket("udp4").bind();
  await once(socket, "listening");
  return socket;
}

describe("hostile senders", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-hostile-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** All events of the good devices, in a capture that may also contain others. */
  function checkGood(account: Account, boots: readonly BootCounters[]): void {
    for (const { bootId, emitted, drained } of boots) {
      equal(drained, emitted, "all was given to the link");
      equal(account.decoded.get(bootId), emitted, `events of boot ${bootId}`);
    }
  }

  it("do not disturb devices by UDP: garbage, cut, oversized and replayed datagrams, other registries, a flood of senders", async () => {
    const random = new Random(31);
    const capture = await startCapture(
      join(folder, "c"),
      ..."--udp 0 --max-devices 40 --rotate 64k --keep 2".split(" "),
    );
    const port = udpPort(capture);
    // All are open before the good devices: with a port that one of those has released, a hostile sender would be the same device.
    const sockets = await Promise.all(Array.from({ length: 300 }, openSocket));
    const simulation = startSimulation(
      ..."--devices 4 --events 500 --rate 250 --reboot-every 0 --every 20 --seed 31".split(" "),
      ...["--udp", `127.0.0.1:${port}`],
    );
    // The good ones first, because --max-devices is for the others.
    await until("the good devices", () => readdirSync(join(folder, "c")).length > 4);
    const send = (socket: Socket, bytes: Uint8Array) =>
      new Promise<void>((resolve) => socket.send(bytes, port, "127.0.0.1", () => resolve()));
    for (const [sender, socket] of sockets.entries()) {
      for (const packet of packetsOf(5000 + sender, 1)) await send(socket, packet);
      for (let count = 0; count < 5; count++) await send(socket, hostile(random));
      if (sender % 10 === 0) await pause(5); // no faster than it is read: what the system drops does not count
    }
    const { devices } = await simulation.found();
    await untilUdpRead(port);
    checkMemory(capture);
    await endCapture(capture, 1);
    for (const socket of sockets) socket.close();

    const account = await accountOf(join(folder, "c"));
    checkGood(
      account,
      devices.flatMap(({ boots }) => boots),
    );
    const names = readdirSync(join(folder, "c"));
    ok(names.length <= 40, `${names.length} folders`);
    ok(diskBytes(folder) < 40 * 2 * 65_536 + 2 * MEGABYTE, `${diskBytes(folder)} bytes on disk`);
    for (const code of ["E_DATAGRAM", "E_REGISTRY"]) ok(capture.stderr.includes(code), `${code}: ${capture.stderr}`);
    ok(capture.stderr.length < 100_000, `${capture.stderr.length} characters said`);
    ok(/fingerprint is [0-9a-f]{32}, but [0-9a-f]{32} is in use/.test(capture.stderr), "both fingerprints are named");
  });

  it("do not disturb devices by a broker: forged ids with path characters, a flood of ids, garbage in a device's own topic", async () => {
    const random = new Random(32);
    const broker: Broker = await startBroker();
    try {
      const inner = join(folder, "outer", "c");
      const capture = await startCapture(inner, ..."--max-devices 60 --mqtt".split(" "), broker.url);
      const simulation = startSimulation(
        ..."--devices 4 --events 500 --rate 250 --reboot-every 0 --every 20 --seed 32 --mqtt".split(" "),
        broker.url,
      );
      await until("the good devices", () => readdirSync(inner).length > 4);
      const sender = await mqtt.connectAsync(broker.url);
      const forged = [
        "..",
        ".",
        "...",
        "..\\..\\x",
        "a\\b",
        "%2e%2e%2f",
        "con",
        "nul.txt",
        " ",
        "~",
        "-rf",
        "$(id)",
        "\u202ecod.exe",
      ];
      const ids = [
        ...forged,
        "x".repeat(4000),
        "SIM-0001",
        "sim-0001 ",
        ".hidden",
        "boot-0001-00000000000001",
        "log.txt",
        "\u0001\u001b[2J",
      ];
      for (const id of ids)
        for (const packet of packetsOf(6000 + ids.indexOf(id)))
          await sender.publishAsync(`xs-telemetry/${id}`, Buffer.from(packet)).catch(() => {});
      for (let id = 0; id < 300; id++)
        await sender.publishAsync(`xs-telemetry/flood-${id}`, Buffer.from(packetsOf(7000 + id, 1)[0]!), { qos: 1 });
      for (let count = 0; count < 300; count++)
        await sender.publishAsync("xs-telemetry/sim-0001", Buffer.from(hostile(random)), { qos: 1 });
      await sender.endAsync();
      const { devices } = await simulation.found();
      const boots = devices.flatMap((device) => device.boots);
      await until("the good devices' events", async () => {
        const { decoded } = await accountOf(inner);
        return sum(boots.map(({ bootId }) => decoded.get(bootId) ?? 0)) >= sum(boots.map(({ emitted }) => emitted));
      });
      checkMemory(capture);
      await endCapture(capture, 1);

      const account = await accountOf(inner);
      checkGood(account, boots);
      ok(decodedEvents(account) > 2000, "what is forged well is decoded too");
      deepEqual(readdirSync(folder), ["outer"]);
      deepEqual(readdirSync(join(folder, "outer")), ["c"], "nothing is outside the capture's folder");
      const names = readdirSync(inner);
      ok(names.length <= 60, `${names.length} folders`);
      for (const name of names)
        ok(/^[\w.%-]{1,100}$/.test(name) && !/^\.+$/.test(name), `folder ${JSON.stringify(name)}`);
      ok(diskBytes(folder) < 5 * MEGABYTE, `${diskBytes(folder)} bytes on disk`);
      ok(!capture.stderr.includes("\u001b"), "no control character reaches the terminal");
    } finally {
      await broker.close();
    }
  });

  function checkMemory(capture: Run): void {
    const status = `/proc/${capture.child.pid}/status`;
    ok(existsSync(status));
    const peakMegabytes = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(status, "utf8"))?.[1]) / 1024;
    ok(peakMegabytes > 10 && peakMegabytes < 300, `capture took ${peakMegabytes} MB`);
  }

  function diskBytes(path: string): number {
    return sum(
      readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => {
        const stat = statSync(join(path, name));
        return stat.isFile() ? stat.size : 0;
      }),
    );
  }
});
