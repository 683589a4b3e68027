import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ANCHORS_FILE, deviceFolderName } from "../../host/capture/folder.ts";
import { registry } from "../../host/generated/registry.ts";
import { parseAnchors } from "../../host/receive/wall-clock.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { Collecting, plain, T0 } from "../support/collecting.ts";
import { mixedPackets, OTHER_FINGERPRINT, PacketSource, randomIntegers } from "../support/packets.ts";

describe("collecting packets of devices", () => {
  const at = new Collecting();

  it("makes a folder for each device, with its packets in order and its log text with the time of day", async () => {
    const all = at.collector();
    const packets = mixedPackets();
    for (const device of ["a", "b c", "../x"]) {
      for (const index of [0, 2, 1, 3, 4, 5, 7, 6]) all.packet(device, packets[index]!.bytes, T0);
      all.text(device, "I (1) hello", T0 + 1);
    }
    all.close();
    assert.deepEqual(readdirSync(at.dir).sort(), ["%2E.%2Fx", "a", "b%20c"]);
    assert.deepEqual(readdirSync(at.root), ["capture"]);
    for (const name of readdirSync(at.dir)) {
      assert.deepEqual(readdirSync(join(at.dir, name)).sort(), ["boot-0001-00000000001234", "device.txt", "log.txt"]);
      assert.equal(readFileSync(join(at.dir, name, "log.txt"), "utf8"), "2026-01-02T03:04:05.001Z I (1) hello\n");
      assert.deepEqual(
        (await at.decoded(join(at.dir, name))).events,
        packets.flatMap(({ events }) => events),
      );
    }
    const { events, problems: told, summary } = await at.decoded();
    const each = packets.flatMap(({ events: own }) => own);
    assert.deepEqual([events, told, summary.boots], [[...each, ...each, ...each], [], 3]);
    const { devices, packets: written, events: counted, lines, repeated } = all.counters();
    assert.deepEqual([devices, written, counted, lines, repeated], [3, 18, events.length, 3, 0]);
    assert.deepEqual(babeltrace(at.dir).complaints, []);
  });

  it("writes the only device of a link into the folder itself", async () => {
    const all = at.collector();
    for (const { bytes } of plain(3)) all.packet(undefined, bytes, T0);
    all.text(undefined, "x", T0);
    all.close();
    assert.deepEqual(readdirSync(at.dir).sort(), ["boot-0001-00000000000007", "log.txt"]);
    assert.equal((await at.decoded()).events.length, 3);
  });

  it("names folders safely and never two ids alike", () => {
    const ids = [
      "",
      ".",
      "..",
      "../..",
      "/etc",
      "a/b",
      "a\\b",
      "a%2Fb",
      "con",
      "CON.txt",
      "boot-0001-00000000000007",
      "stream",
    ];
    ids.push(
      "metadata",
      "log.txt",
      "a.",
      "a\0b",
      "ü",
      "\ud800",
      "\udc00",
      "%",
      "%25",
      "%-",
      "x".repeat(300),
      `${"x".repeat(300)}y`,
    );
    ids.push("-rf", "--help", "-", "-".repeat(300));
    ids.push(`${"/".repeat(300)}`, "A4:CF:12:34:56:78", "192.168.0.4_5000");
    const names = ids.map(deviceFolderName);
    assert.equal(new Set(names).size, ids.length, names.join(" "));
    for (const name of names) {
      assert.match(name, /^[A-Za-z0-9_%][A-Za-z0-9._%-]*$/);
      assert.ok(name.length <= 110 && !name.endsWith("."));
      assert.doesNotMatch(name, /^(con|prn|aux|nul|stream|metadata|boot-)/i);
    }
    assert.equal(deviceFolderName("a4cf12-kitchen_2.local"), "a4cf12-kitchen_2.local");
  });

  it("keeps apart ids that differ in case only", () => {
    const all = at.collector();
    for (const device of ["abc", "ABC", "Abc"]) all.packet(device, plain(1)[1]!.bytes, T0);
    all.close();
    assert.equal(new Set(readdirSync(at.dir).map((name) => name.toLowerCase())).size, 3);
  });

  it("refuses a folder that has something in it", () => {
    mkdirSync(at.dir);
    writeFileSync(join(at.dir, "x"), "");
    assert.throws(() => at.collector(), { code: "E_NOT_EMPTY", exitCode: 2 });
  });

  it("refuses packets from another registry, naming both fingerprints, and bytes that are not packets; reports each with its device, and makes no folder", () => {
    const all = at.collector();
    for (let count = 0; count < 10; count++)
      for (const { bytes } of plain(1, { fingerprint: OTHER_FINGERPRINT })) all.packet("other", bytes, T0);
    const random = randomIntegers(1);
    for (let count = 0; count < 100; count++)
      all.packet(
        `d${count}`,
        Uint8Array.from({ length: random(300) }, () => random(256)),
        T0,
      );
    all.close();
    assert.deepEqual(readdirSync(at.dir), []);
    assert.equal(at.problems[0]!.code, "E_REGISTRY");
    for (const fingerprint of [OTHER_FINGERPRINT, registry.fingerprint])
      assert.match(at.problems[0]!.message, new RegExp(fingerprint));
    const told = at.problems.map(({ code, device }) => `${device}: ${code}`);
    assert.deepEqual(told.slice(0, 20), new Array(20).fill("other: E_REGISTRY"));
    assert.deepEqual(
      told.slice(20),
      Array.from({ length: 100 }, (_, count) => `d${count}: E_NO_PACKET`),
    );
    assert.deepEqual([all.counters().refused, all.counters().damaged], [20, 100]);
  });

  it("reports each damaged packet of each device, and counts them", () => {
    const all = at.collector();
    for (const device of ["a", "b"])
      for (const { bytes } of plain(12)) {
        if (bytes[20] === 0) bytes[100] = 239; // the first record's type
        all.packet(device, bytes, T0);
      }
    all.close();
    const of = (device: string) => at.problems.filter((problem) => problem.device === device).map(({ code }) => code);
    assert.deepEqual([of("a"), of("b")], [new Array(12).fill("E_RECORD_TYPE"), new Array(12).fill("E_RECORD_TYPE")]);
    assert.ok(at.problems.every(({ file, device }) => file === join(at.dir, device!)));
    assert.equal(all.counters().damaged, 24);
  });

  it("refuses further devices in a flood of ids, counts them and says so once", () => {
    const all = at.collector({ mostDevices: 5 });
    for (let count = 0; count < 1000; count++) all.packet(`id-${count}`, plain(1)[1]!.bytes, T0);
    all.close();
    assert.equal(readdirSync(at.dir).length, 5);
    assert.deepEqual(at.codes(), ["E_TOO_MANY_DEVICES"]);
    assert.equal(all.counters().ofRefusedDevices, 995);
  });

  it("reports gaps when the window has passed, and drops what comes later", () => {
    const all = at.collector({ reorderMs: 100 });
    const packets = plain(5);
    for (const index of [0, 1, 2, 4]) all.packet("a", packets[index]!.bytes, T0);
    all.tick(T0 + 99);
    assert.deepEqual(at.codes(), []);
    assert.equal(all.counters().waiting, 1);
    all.tick(T0 + 100);
    assert.deepEqual(at.codes(), ["W_LOST_IN_TRANSIT"]);
    all.packet("a", packets[3]!.bytes, T0 + 101);
    all.close();
    const { late, lostInTransit, missingPackets, waiting } = all.counters();
    assert.deepEqual([late, lostInTransit, missingPackets, waiting], [1, 1, 1, 0]);
  });

  it("stores when a packet was here at the latest, and no more of it than says something", () => {
    const all = at.collector();
    const packets = plain(600);
    for (const [index, { bytes }] of packets.entries()) all.packet("a", bytes, T0 + index * 1000 + (index % 10));
    all.close();
    const file = join(at.dir, "a", "boot-0001-00000000000007", ANCHORS_FILE);
    assert.ok(existsSync(file));
    const anchors = parseAnchors(readFileSync(file, "utf8"));
    assert.deepEqual(anchors[0], { deviceMs: 0, unixMs: T0 });
    assert.ok(anchors.length >= 10 && anchors.length <= 14, String(anchors.length));
  });

  it("is not disturbed by a clock that is set by an hour: order, gaps and anchors are as without", async () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const all = at.collector();
      const packets = plain(4).map(({ bytes }) => bytes);
      for (const index of [0, 1]) all.packet("a", packets[index]!, T0);
      all.packet("a", packets[3]!, T0 + 2000);
      all.clockSet(byMs);
      all.tick(T0 + byMs + 2100);
      all.packet("a", packets[2]!, T0 + byMs + 2150);
      all.packet("a", packets[4]!, T0 + byMs + 3000);
      all.close();
      assert.deepEqual([(await at.decoded()).events.length, all.counters().missingPackets, at.codes()], [4, 0, []]);
      const anchors = parseAnchors(readFileSync(join(at.dir, "a", "boot-0001-00000000000007", ANCHORS_FILE), "utf8"));
      assert.deepEqual(anchors[0], { deviceMs: 0, unixMs: T0 + byMs });
      assert.ok(anchors.every(({ deviceMs, unixMs }) => Math.abs(unixMs - deviceMs - T0 - byMs) <= 1150));
      at.dir += "-2";
    }
  });

  it("moves no anchor of a boot that has ended, nor for sleep, which the next packet of a boot shows", () => {
    const HOURS_8 = 28_800_000;
    const anchorsOf = (boot: string) =>
      parseAnchors(readFileSync(join(at.dir, "a", `boot-${boot}`, ANCHORS_FILE), "utf8")).map(
        ({ unixMs }) => unixMs - T0,
      );
    const all = at.collector({ reorderPackets: 0 });
    const ended = plain(2);
    for (const { bytes } of ended) all.packet("a", bytes, T0);
    const going = new PacketSource({ bootId: 8 });
    const send = (time: number, wallMs: number) =>
      all.packet("a", going.data([{ event: "msg.send", time }]).bytes, T0 + wallMs);
    send(0, 0);
    const before = anchorsOf("0001-00000000000007");
    all.clockSet(HOURS_8);
    all.tick(T0 + HOURS_8);
    // The clock was not set: as much time has passed for the device.
    send(HOURS_8, HOURS_8 + 3);
    assert.deepEqual(anchorsOf("0002-00000000000008"), [0, HOURS_8 + 3]);
    all.clockSet(60_000);
    send(HOURS_8 + 1000, HOURS_8 + 61_003);
    assert.deepEqual(anchorsOf("0002-00000000000008").slice(0, 2), [60_000, HOURS_8 + 60_003]);
    assert.deepEqual(anchorsOf("0001-00000000000007"), before);
    all.close();
  });

  it("holds a bounded number of packets under floods of boots, readers and numbers, and accounts for all", () => {
    const random = randomIntegers(2);
    const all = at.collector({ reorderPackets: 8 });
    let given = 0;
    for (let count = 0; count < 2000; count++) {
      const header = {
        bootId: random(2) ? 1 : random(2 ** 31),
        reader: random(3) ? 0 : random(2 ** 31),
        packetNumber: 1 + random(2 ** 31),
      };
      all.packet(
        `d${random(3)}`,
        new PacketSource(header).data([{ event: "ws.connected", time: count }]).bytes,
        T0 + count,
      );
      given++;
      assert.ok(all.counters().waiting <= 24);
    }
    all.close();
    const { packets, repeated, late, stray, damaged, refused } = all.counters();
    assert.equal(packets + repeated + late + stray + damaged + refused, given);
  });
});
