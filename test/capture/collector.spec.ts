import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { Collector, type CollectorOptions } from "../../host/capture/collector.ts";
import { ctfMetadata } from "../../host/capture/ctf-metadata.ts";
import { ANCHORS_FILE, deviceFolderName, listBoots, listCaptures, TOKENS_FILE } from "../../host/capture/folder.ts";
import type { DecodeItem, DecodeSummary } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { parseAnchors } from "../../host/receive/wall-clock.ts";
import type { Problem, TelemetryError } from "../../host/text/errors.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { drain, emitter } from "../support/emit.ts";
import { type BuiltPacket, mixedPackets, OTHER_FINGERPRINT, PacketSource, randomIntegers } from "../support/packets.ts";

let root = "";
let dir = "";
let problems: (Problem & { device: string | undefined })[] = [];

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const codes = () => problems.map(({ code }) => code);

function collector(options: Partial<CollectorOptions> = {}): Collector {
  problems = [];
  return new Collector(dir, {
    registry,
    onProblem: (problem, device) => problems.push({ ...problem, device }),
    ...options,
  });
}

async function decoded(path = dir): Promise<{ events: unknown[]; problems: string[]; summary: DecodeSummary }> {
  const items: DecodeItem[] = [];
  for await (const item of decodePath(path, { registry, with: "none" })) items.push(item);
  return {
    events: items.flatMap((item) => (item.kind === "events" ? item.events : [])),
    problems: items.flatMap((item) => (item.kind === "problem" ? [item.problem.code] : [])),
    summary: items.flatMap((item) => (item.kind === "summary" ? [item.summary] : []))[0]!,
  };
}

/** Packets with events of one second each, and losses where `lost` says so. */
function plain(count: number, header = {}, lost: (index: number) => number = () => 0) {
  const source = new PacketSource({ bootId: 7, ...header });
  const packets = [source.tokens([[1, "getStatus"]])];
  for (let index = 0; index < count; index++)
    packets.push(source.data([{ event: "msg.send", time: index * 1000, token: 1 }], lost(index)));
  return packets;
}

describe("collecting packets of devices", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-collector-"));
    dir = join(root, "capture");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("makes a folder for each device, with its packets in order and its log text with the time of day", async () => {
    const all = collector();
    const packets = mixedPackets();
    for (const device of ["a", "b c", "../x"]) {
      for (const index of [0, 2, 1, 3, 4, 5, 7, 6]) all.packet(device, packets[index]!.bytes, T0);
      all.text(device, "I (1) hello", T0 + 1);
    }
    all.close();
    assert.deepEqual(readdirSync(dir).sort(), ["%2E.%2Fx", "a", "b%20c"]);
    assert.deepEqual(readdirSync(root), ["capture"]);
    for (const name of readdirSync(dir)) {
      assert.deepEqual(readdirSync(join(dir, name)).sort(), ["boot-0001-00000000001234", "device.txt", "log.txt"]);
      assert.equal(readFileSync(join(dir, name, "log.txt"), "utf8"), "2026-01-02T03:04:05.001Z I (1) hello\n");
      assert.deepEqual(
        (await decoded(join(dir, name))).events,
        packets.flatMap(({ events }) => events),
      );
    }
    const { events, problems: told, summary } = await decoded();
    const each = packets.flatMap(({ events: own }) => own);
    assert.deepEqual([events, told, summary.boots], [[...each, ...each, ...each], [], 3]);
    const { devices, packets: written, events: counted, lines, repeated } = all.counters();
    assert.deepEqual([devices, written, counted, lines, repeated], [3, 18, events.length, 3, 0]);
    assert.deepEqual(babeltrace(dir).complaints, []);
  });

  it("writes the only device of a link into the folder itself", async () => {
    const all = collector();
    for (const { bytes } of plain(3)) all.packet(undefined, bytes, T0);
    all.text(undefined, "x", T0);
    all.close();
    assert.deepEqual(readdirSync(dir).sort(), ["boot-0001-00000000000007", "log.txt"]);
    assert.equal((await decoded()).events.length, 3);
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
    const all = collector();
    for (const device of ["abc", "ABC", "Abc"]) all.packet(device, plain(1)[1]!.bytes, T0);
    all.close();
    assert.equal(new Set(readdirSync(dir).map((name) => name.toLowerCase())).size, 3);
  });

  it("refuses a folder that has something in it", () => {
    mkdirSync(dir);
    writeFileSync(join(dir, "x"), "");
    assert.throws(() => collector(), { code: "E_NOT_EMPTY", exitCode: 2 });
  });

  it("refuses packets of another registry, naming both fingerprints, and what is no packet; tells each with whose it is, and makes no folder", () => {
    const all = collector();
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
    assert.deepEqual(readdirSync(dir), []);
    assert.equal(problems[0]!.code, "E_REGISTRY");
    for (const fingerprint of [OTHER_FINGERPRINT, registry.fingerprint])
      assert.match(problems[0]!.message, new RegExp(fingerprint));
    const told = problems.map(({ code, device }) => `${device}: ${code}`);
    assert.deepEqual(told.slice(0, 20), new Array(20).fill("other: E_REGISTRY"));
    assert.deepEqual(
      told.slice(20),
      Array.from({ length: 100 }, (_, count) => `d${count}: E_NO_PACKET`),
    );
    assert.deepEqual([all.counters().refused, all.counters().damaged], [20, 100]);
  });

  it("tells each damaged packet of each device, and counts them", () => {
    const all = collector();
    for (const device of ["a", "b"])
      for (const { bytes } of plain(12)) {
        if (bytes[20] === 0) bytes[100] = 239; // the first record's type
        all.packet(device, bytes, T0);
      }
    all.close();
    const of = (device: string) => problems.filter((problem) => problem.device === device).map(({ code }) => code);
    assert.deepEqual([of("a"), of("b")], [new Array(12).fill("E_RECORD_TYPE"), new Array(12).fill("E_RECORD_TYPE")]);
    assert.ok(problems.every(({ file, device }) => file === join(dir, device!)));
    assert.equal(all.counters().damaged, 24);
  });

  it("refuses further devices in a flood of ids, counts them and says so once", () => {
    const all = collector({ mostDevices: 5 });
    for (let count = 0; count < 1000; count++) all.packet(`id-${count}`, plain(1)[1]!.bytes, T0);
    all.close();
    assert.equal(readdirSync(dir).length, 5);
    assert.deepEqual(codes(), ["E_TOO_MANY_DEVICES"]);
    assert.equal(all.counters().ofRefusedDevices, 995);
  });

  it("reports gaps when the window has passed, and drops what comes later", () => {
    const all = collector({ reorderMs: 100 });
    const packets = plain(5);
    for (const index of [0, 1, 2, 4]) all.packet("a", packets[index]!.bytes, T0);
    all.tick(T0 + 99);
    assert.deepEqual(codes(), []);
    assert.equal(all.counters().waiting, 1);
    all.tick(T0 + 100);
    assert.deepEqual(codes(), ["W_LOST_IN_TRANSIT"]);
    all.packet("a", packets[3]!.bytes, T0 + 101);
    all.close();
    const { late, lostInTransit, missingPackets, waiting } = all.counters();
    assert.deepEqual([late, lostInTransit, missingPackets, waiting], [1, 1, 1, 0]);
  });

  it("rotates by size: each part is a trace of its own, losses are counted once, and decode reads one stream", async () => {
    const all = collector({ rotateBytes: 1000 });
    const packets = plain(40, {}, (index) => (index % 7 === 0 ? index : 0));
    for (const [index, { bytes }] of packets.entries()) if (index !== 20) all.packet("a", bytes, T0 + index);
    all.close();
    const parts = readdirSync(join(dir, "a")).filter((name) => name.startsWith("boot-"));
    assert.ok(parts.length >= 5, String(parts.length));
    const { events, problems: told, summary } = await decoded();
    assert.deepEqual(
      events,
      packets.flatMap(({ events: own }, index) => (index === 20 ? [] : own)),
    );
    const lost = 7 + 14 + 21 + 28 + 35;
    assert.deepEqual(
      [told, summary.lostOnDevice, summary.lostInTransit, summary.missingPackets],
      [["W_LOST_IN_TRANSIT"], lost, 1, 1],
    );
    let discarded = 0;
    for (const part of parts) {
      const { events: seen, notices, complaints } = babeltrace(join(dir, "a", part));
      assert.deepEqual(complaints, []);
      assert.ok(seen.every(({ fields }) => fields.msgType === "getStatus"));
      for (const notice of notices) discarded += Number(/discarded (\d+) event/.exec(notice)?.[1] ?? 0);
    }
    assert.equal(discarded, lost);
    assert.equal(babeltrace(dir).events.length, events.length);
  });

  it("begins a part with the token packets as they came: packets of one number are the same, none is warned of", async () => {
    const random = randomIntegers(seedFor(17));
    const base = dir;
    for (const round of campaign("captures in parts", 200, 20)) {
      dir = join(base, String(round));
      const all = collector({ rotateBytes: 1 + random(1500) });
      const source = new PacketSource({ bootId: 7 });
      const entries: [number, string][] = [];
      const events: unknown[] = [];
      const send = ({ bytes, events: own }: BuiltPacket) => {
        all.packet("a", bytes, T0);
        events.push(...own);
      };
      for (let step = 0; step < 40; step++) {
        if (random(3) === 0) {
          const token = entries.length + 1;
          entries.push([token, `type ${token}`]);
          send(source.tokens(entries.slice(-1)));
        } else if (random(12) === 0 && entries.length > 0) {
          // All of them again, in one packet or in two.
          const half = random(2) * (entries.length >> 1);
          if (half > 0) send(source.tokens(entries.slice(0, half)));
          send(source.tokens(entries.slice(half)));
        } else send(source.data([{ event: "msg.send", time: step, token: random(entries.length + 1) }]));
      }
      all.close();
      assert.deepEqual(codes(), []);
      const { events: read, problems: told, summary } = await decoded();
      assert.deepEqual([read, told, summary.missingPackets], [events, [], 0]);
      const packets = new Map<number, string>();
      for (const { path } of listBoots(join(dir, "a"))) {
        const part = await decoded(path);
        assert.deepEqual([part.problems.filter((code) => code !== "W_LATE"), part.summary.unnamedTokens], [[], 0]);
        const tokens = existsSync(join(path, TOKENS_FILE)) ? readFileSync(join(path, TOKENS_FILE)) : Buffer.alloc(0);
        for (let at = 0; at < tokens.length; at += tokens.readUInt32LE(at + 44) / 8) {
          const number = Number(tokens.readBigUInt64LE(at + 56));
          const bytes = tokens.toString("hex", at, at + tokens.readUInt32LE(at + 44) / 8);
          assert.equal(bytes, packets.get(number) ?? bytes, `token packet ${number}`);
          packets.set(number, bytes);
        }
      }
    }
  });

  it("warns of nothing in a rotated capture of an emitter whose types come one after the other", async () => {
    const all = collector({ rotateBytes: 1 });
    const { telemetry, reader } = emitter();
    const connection = telemetry.connect(1);
    for (const type of ["a", "b", "c"]) {
      connection.received(telemetry.messageType(type));
      for (const packet of drain(reader)) all.packet(undefined, packet, T0);
    }
    all.close();
    const { events, problems: told } = await decoded();
    assert.deepEqual(
      events.slice(1).map((event) => (event as { msgType: string }).msgType),
      ["a", "b", "c"],
    );
    assert.deepEqual(told, []);
  });

  it("holds no more of token packets than their names are worth", () => {
    const all = new CaptureWriter(dir, { registry, rotateBytes: 1 });
    const source = new PacketSource({ bootId: 7 });
    const same = Array.from({ length: 5000 }, (): [number, string] => [1, "a"]);
    for (let token = 2; token < 100; token++) all.write(source.tokens([...same, [token, "b"]]).bytes);
    // 98 packets of 25 KB: each alone tells a name, none is let go for another.
    assert.ok(all.names < 99 + (99 * 4 * 105 + 16384) / 128, String(all.names));
    const part = join(dir, listBoots(dir).at(-1)!.path.split("/").at(-1)!, TOKENS_FILE);
    assert.ok(readFileSync(part).length < 99 * 4 * 105 + 16384 + 26_000);
    all.close();
  });

  it("gives up the oldest parts, says how many events that were, and names tokens in what is left", async () => {
    const all = collector({ rotateBytes: 1000, keepParts: 2 });
    const packets = plain(40);
    for (const [index, { bytes }] of packets.entries()) all.packet("a", bytes, T0 + index);
    for (let line = 0; line < 100; line++) all.text("a", `line ${line} ${"x".repeat(50)}`, T0);
    all.close();
    const names = readdirSync(join(dir, "a")).filter((name) => !name.startsWith("."));
    assert.equal(names.filter((name) => name.startsWith("boot-")).length, 2);
    assert.ok(names.filter((name) => name.startsWith("log")).length <= 2);
    const { events, summary } = await decoded();
    const { givenUp } = all.counters();
    assert.equal(events.length + givenUp, 40);
    assert.deepEqual([summary.beforeFirstPacket, summary.unnamedTokens], [givenUp, 0]);
    assert.ok(codes().every((code) => code === "W_GIVEN_UP"));
    const told = problems.reduce((sum, { message }) => sum + Number(/^(\d+) events/.exec(message)![1]), 0);
    assert.equal(told, givenUp);
  });

  it("reads what several processes captured of one device as one stream, what several got only once", async () => {
    const packets = [...plain(60), ...plain(10, { bootId: 9 })];
    const random = randomIntegers(11);
    const taken: number[][] = [[], [], []];
    for (let index = 0; index < packets.length; index++) {
      taken[random(3)]!.push(index);
      if (random(4) === 0) taken[random(3)]!.push(index);
    }
    const base = dir;
    for (const [process, indexes] of taken.entries()) {
      dir = join(base, `process-${process}`);
      const all = collector(process === 1 ? { rotateBytes: 700 } : {});
      for (const index of new Set(indexes)) all.packet("dev/1", packets[index]!.bytes, T0);
      all.packet(`own-${process}`, plain(1)[1]!.bytes, T0);
      all.close();
    }
    const { events, problems: told, summary } = await decoded(base);
    const own = plain(1)[1]!.events.map((event) => ({ ...event, msgType: "" }));
    assert.deepEqual(events, [...packets.flatMap((packet) => packet.events), ...own, ...own, ...own]);
    assert.deepEqual(
      [told, summary.lostInTransit, summary.missingPackets, summary.boots],
      [["W_UNNAMED", "W_UNNAMED", "W_UNNAMED"], 0, 0, 5],
    );
  });

  it("finds nothing wrong with a folder of which another one has every packet", async () => {
    const packets = plain(5);
    for (const name of ["1", "2"]) {
      const all = new Collector(join(dir, name), { registry });
      for (const { bytes } of name === "1" ? packets : packets.slice(0, 3)) all.packet("a", bytes, T0);
      all.close();
    }
    const { events, problems: told, summary } = await decoded();
    assert.deepEqual([events.length, told, summary.repeated], [5, [], 3]);
  });

  it("takes from another folder what a packet that lost its last bytes has lost, and goes on behind it in both", async () => {
    const packets = plain(8);
    for (const name of ["1", "2"]) {
      const all = new Collector(join(dir, name), { registry });
      for (const { bytes } of packets) all.packet("a", bytes, T0);
      all.close();
    }
    const [boot] = listCaptures(join(dir, "1"))[0]!.boots;
    const path = join(boot!.path, "stream");
    const file = readFileSync(path);
    const cut = packets.filter(({ kind }) => kind === "data")[3]!.bytes;
    const end = file.indexOf(cut) + cut.length;
    for (const lost of [1, 4, 8, 16]) {
      writeFileSync(path, Buffer.concat([file.subarray(0, end - lost), file.subarray(end)]));
      const { events, problems: told } = await decoded();
      assert.deepEqual(
        events,
        packets.flatMap((packet) => packet.events),
        `${lost} bytes lost`,
      );
      assert.deepEqual(told, ["E_CUT"], `${lost} bytes lost`);
    }
  });

  it("is readable after a process that ended at any step of writing", async () => {
    const packets = plain(12);
    const steps = ["openSync", "writeSync", "closeSync", "mkdirSync", "writeFileSync", "renameSync", "rmSync"] as const;
    const real = Object.fromEntries(steps.map((name) => [name, fs[name]]));
    const base = dir;
    for (let stop = 0, reached = true; reached; stop++) {
      dir = join(base, String(stop));
      let left = stop;
      reached = false;
      let taken = 0;
      try {
        const all = collector({ rotateBytes: 500, keepParts: 3 });
        // From here on nothing is written any more: what is there now is what a kill leaves.
        for (const name of steps)
          (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
            if (left-- > 0) return (real[name] as (...all: unknown[]) => unknown)(...args);
            reached = true;
            throw Object.assign(new Error("killed"), { code: "EIO" });
          };
        for (const { bytes } of packets) {
          all.packet("a", bytes, T0);
          taken++;
        }
        all.close();
      } catch (error) {
        assert.equal((error as TelemetryError).code, "E_WRITE");
      } finally {
        Object.assign(fs, real);
      }
      if (listCaptures(dir).length === 0) continue;
      const { problems: told, events, summary } = await decoded();
      assert.deepEqual(
        told.filter((code) => code.startsWith("E_")),
        [],
        `stopped at step ${stop}`,
      );
      const written = packets.slice(0, taken).reduce((sum, packet) => sum + packet.events.length, 0);
      const there = events.length + summary.beforeFirstPacket;
      assert.ok(there === written || there === written + 1, `step ${stop}: ${there} of ${written}`);
      assert.deepEqual(babeltrace(dir).complaints, []);
    }
  }).timeout(300_000);

  it("says that the disk is full, loses nothing that was written, and ends files with a whole packet", async () => {
    const all = collector();
    const packets = plain(6);
    for (const { bytes } of packets.slice(0, 4)) all.packet("a", bytes, T0);
    const { writeSync } = fs;
    fs.writeSync = ((file: number, bytes: Uint8Array, at: number) => {
      writeSync(file, bytes, at, 50);
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }) as unknown as typeof writeSync;
    try {
      assert.throws(() => all.packet("a", packets[4]!.bytes, T0), {
        code: "E_WRITE",
        exitCode: 2,
        message: /boot-0001-00000000000007.stream cannot be written: ENOSPC: no space is left on its disk/,
      });
    } finally {
      fs.writeSync = writeSync;
    }
    all.close();
    const { events, problems: told } = await decoded();
    assert.deepEqual([events.length, told], [3, []]);
  });

  it("counts what it wrote: lines that the disk did not take are none", () => {
    const all = collector();
    for (const device of ["a", "b"]) all.text(device, "first", T0);
    assert.deepEqual([all.counters().lines, all.counters().unwrittenLines], [0, 2]);
    all.tick(T0);
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    try {
      for (const device of ["a", "b"]) for (let line = 0; line < 3; line++) all.text(device, "more", T0 + 1);
      assert.throws(() => all.tick(T0 + 1), /ENOSPC/);
      assert.throws(() => all.close(), /ENOSPC/);
    } finally {
      fs.writeSync = writeSync;
    }
    const { lines, unwrittenLines } = all.counters();
    assert.deepEqual([lines, unwrittenLines], [2, 6]);
    for (const device of ["a", "b"]) assert.match(readFileSync(join(dir, device, "log.txt"), "utf8"), /^\S+ first\n$/);
  });

  it("stores when a packet was here at the latest, and no more of it than says something", () => {
    const all = collector();
    const packets = plain(600);
    for (const [index, { bytes }] of packets.entries()) all.packet("a", bytes, T0 + index * 1000 + (index % 10));
    all.close();
    const file = join(dir, "a", "boot-0001-00000000000007", ANCHORS_FILE);
    assert.ok(existsSync(file));
    const anchors = parseAnchors(readFileSync(file, "utf8"));
    assert.deepEqual(anchors[0], { deviceMs: 0, unixMs: T0 });
    assert.ok(anchors.length >= 10 && anchors.length <= 14, String(anchors.length));
  });

  it("is not disturbed by a clock that is set by an hour: order, gaps and anchors are as without", async () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const all = collector();
      const packets = plain(4).map(({ bytes }) => bytes);
      for (const index of [0, 1]) all.packet("a", packets[index]!, T0);
      all.packet("a", packets[3]!, T0 + 2000);
      all.clockSet(byMs);
      all.tick(T0 + byMs + 2100);
      all.packet("a", packets[2]!, T0 + byMs + 2150);
      all.packet("a", packets[4]!, T0 + byMs + 3000);
      all.close();
      assert.deepEqual([(await decoded()).events.length, all.counters().missingPackets, codes()], [4, 0, []]);
      const anchors = parseAnchors(readFileSync(join(dir, "a", "boot-0001-00000000000007", ANCHORS_FILE), "utf8"));
      assert.deepEqual(anchors[0], { deviceMs: 0, unixMs: T0 + byMs });
      assert.ok(anchors.every(({ deviceMs, unixMs }) => Math.abs(unixMs - deviceMs - T0 - byMs) <= 1150));
      dir += "-2";
    }
  });

  it("moves no anchor of a boot that has ended, nor for sleep, which the next packet of a boot shows", () => {
    const HOURS_8 = 28_800_000;
    const anchorsOf = (boot: string) =>
      parseAnchors(readFileSync(join(dir, "a", `boot-${boot}`, ANCHORS_FILE), "utf8")).map(({ unixMs }) => unixMs - T0);
    const all = collector({ reorderPackets: 0 });
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

  it("goes on where somebody has deleted its oldest parts", async () => {
    const all = collector({ rotateBytes: 1000, keepParts: 2 });
    const packets = plain(40);
    const parts = () => readdirSync(join(dir, "a")).filter((name) => name.startsWith("boot-"));
    for (const [index, { bytes }] of packets.entries()) {
      all.packet("a", bytes, T0 + index);
      if (index === 15) rmSync(join(dir, "a", parts()[0]!), { recursive: true });
    }
    all.close();
    assert.deepEqual([parts().length, (await decoded()).problems], [2, ["W_LATE"]]);
  });

  it("leaves no empty file where the disk is full from its first byte on", async () => {
    const all = collector();
    const [tokens, data] = plain(1).map(({ bytes }) => bytes);
    all.packet("a", tokens!, T0);
    const { writeSync } = fs;
    fs.writeSync = (() => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }) as unknown as typeof writeSync;
    try {
      assert.throws(() => all.packet("a", data!, T0), { code: "E_WRITE" });
    } finally {
      fs.writeSync = writeSync;
    }
    all.close();
    assert.deepEqual((await decoded()).problems, []);
  });

  it("is decoded as far as it was when decoding began, while it goes on: no event lacks a name that came later", async () => {
    const source = new PacketSource({ bootId: 7 });
    const sends = (token: number) => source.data([{ event: "msg.send", time: 1, token }]).bytes;
    const [names, ...events] = [source.tokens([[1, "first"]]).bytes, ...Array.from({ length: 24 }, () => sends(1))];
    const metadata = ctfMetadata(registry, { bootId: 7, reader: 0, tokens: new Map([[1, "first"]]) });
    // The first part is full.
    const all = collector({
      rotateBytes: events.reduce((sum, { length }) => sum + length, metadata.length + names.length),
    });
    for (const bytes of [names, ...events]) all.packet("a", bytes, T0);
    const items = decodePath(dir, { registry, with: "none" });
    const found: DecodeItem[] = [(await items.next()).value as DecodeItem];
    all.packet("a", source.tokens([[2, "second"]]).bytes, T0);
    all.packet("a", sends(2), T0);
    for await (const item of items) found.push(item);
    all.close();
    assert.equal(readdirSync(join(dir, "a")).filter((name) => name.startsWith("boot-")).length, 2);
    const types = (items: readonly DecodeItem[]) =>
      items
        .flatMap((item) => (item.kind === "events" ? item.events : []))
        .map((event) => Reflect.get(event, "msgType"));
    assert.deepEqual(types(found), new Array(24).fill("first"));
    assert.equal((await decoded()).events.length, 25);
  });

  it("writes names that keep coming without writing all of them again for each", () => {
    const all = collector();
    const source = new PacketSource({ bootId: 7 });
    const { writeFileSync: write } = fs;
    let bytes = 0;
    fs.writeFileSync = ((path: string, content: string, options: object) => {
      bytes += content.length;
      write(path, content, options);
    }) as unknown as typeof write;
    try {
      for (let token = 1; token <= 3000; token++) {
        all.packet("a", source.tokens([[token, `type-${token}`]]).bytes, T0);
        all.packet("a", source.data([{ event: "msg.send", time: token, token }]).bytes, T0);
      }
      all.close();
    } finally {
      fs.writeFileSync = write;
    }
    const { size } = fs.statSync(join(dir, "a", "boot-0001-00000000000007", "metadata"));
    assert.ok(bytes < 40 * size, `${bytes} bytes for ${size}`);
    assert.ok(babeltrace(dir).events.every(({ fields }) => String(fields.msgType).startsWith("type-")));
  });

  it("holds a bounded number of packets under floods of boots, readers and numbers, and accounts for all", () => {
    const random = randomIntegers(2);
    const all = collector({ reorderPackets: 8 });
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
