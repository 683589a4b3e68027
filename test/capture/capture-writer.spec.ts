import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { ctfMetadata } from "../../host/capture/ctf-metadata.ts";
import { listBoots } from "../../host/capture/folder.ts";
import { StreamDecoder } from "../../host/decode/decode.ts";
import type { DecodeItem } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { type Problem, TelemetryError } from "../../host/text/errors.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import {
  type BuiltPacket,
  changed,
  joined,
  mixedPackets,
  OTHER_FINGERPRINT,
  PacketSource,
  packet,
  type RecordSpec,
  randomIntegers,
  randomPackets,
  record,
  tokenEntries,
} from "../support/packets.ts";

let dir = "";
let problems: Problem[] = [];

function writer(name = "capture"): CaptureWriter {
  problems = [];
  return new CaptureWriter(join(dir, name), { registry, onProblem: (problem) => problems.push(problem) });
}

/** Writes packets; returns for each whether it was accepted. */
function write(packets: readonly { readonly bytes: Uint8Array }[], name = "capture"): boolean[] {
  const capture = writer(name);
  const taken = packets.map(({ bytes }) => capture.write(bytes));
  capture.close();
  return taken;
}

const codes = () => problems.map(({ code }) => code);
const at = (...names: string[]) => readFileSync(join(dir, "capture", ...names));
const time0: RecordSpec = { event: "ws.connected", time: 0 };
const BOOT = "boot-0001-00000000001234";

async function itemsOf(path: string): Promise<DecodeItem[]> {
  const items: DecodeItem[] = [];
  for await (const item of decodePath(path, { registry, with: "none" })) items.push(item);
  return items;
}

const eventsIn = (items: readonly DecodeItem[]) => items.flatMap((item) => (item.kind === "events" ? item.events : []));

function sizeOfData(sum: number, { kind, bytes }: BuiltPacket): number {
  return sum + (kind === "data" ? bytes.length : 0);
}

describe("writing a capture folder", () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-capture-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("keeps data and token packets byte for byte, each in its file, under metadata that has the names", () => {
    const packets = mixedPackets();
    assert.ok(write(packets).every(Boolean));
    assert.deepEqual(problems, []);
    assert.deepEqual(readdirSync(join(dir, "capture")), [BOOT]);
    assert.deepEqual(readdirSync(join(dir, "capture", BOOT)).sort(), ["metadata", "stream", "xs-telemetry"]);
    assert.deepEqual(Uint8Array.from(at(BOOT, "stream")), joined(packets.filter(({ kind }) => kind === "data")));
    assert.deepEqual(
      Uint8Array.from(at(BOOT, "xs-telemetry/tokens")),
      joined(packets.filter(({ kind }) => kind === "tokens")),
    );
    const tokens = new Map([
      [1, "getStatus"],
      [2, 'we"ird\n'],
    ]);
    assert.equal(at(BOOT, "metadata").toString(), ctfMetadata(registry, { bootId: 0x1234, reader: 0, tokens }));
  });

  it("gives back to decode every event that the packets hold", async () => {
    const packets = [...mixedPackets(), ...mixedPackets({ bootId: 5, reader: 1 })];
    write(packets);
    const items = await itemsOf(join(dir, "capture"));
    assert.deepEqual(
      eventsIn(items),
      packets.flatMap(({ events }) => events),
    );
    assert.deepEqual(
      items.filter(({ kind }) => kind === "problem"),
      [],
    );
  });

  it("puts an empty packet before a first one that reports losses, and nowhere else", () => {
    const source = new PacketSource({ bootId: 0x1234 }, 9);
    const packets = [source.data([time0]), source.data([time0], 3)];
    write(packets);
    const stream = at(BOOT, "stream");
    const empty = packet({ packetNumber: 0, bootId: 0x1234, ringCapacitySlots: 0 });
    assert.deepEqual(Uint8Array.from(stream), joined([{ bytes: empty }, ...packets]));
    write(mixedPackets(), "other");
    assert.ok(readFileSync(join(dir, "other", BOOT, "stream")).length === mixedPackets().reduce(sizeOfData, 0));
  });

  it("makes a folder for each boot and reader, numbered in order of arrival", () => {
    const first = (bootId: number, reader: number) => new PacketSource({ bootId, reader }).data([time0]);
    write([first(2 ** 53 - 1, 0), first(3, 2), first(3, 0), first(2 ** 53 - 1, 4294967295), first(0, 0)]);
    const names = [
      "boot-0001-1fffffffffffff",
      "boot-0001-1fffffffffffff-r4294967295",
      "boot-0002-00000000000003",
      "boot-0002-00000000000003-r2",
      "boot-0003-00000000000000",
    ];
    assert.deepEqual(readdirSync(join(dir, "capture")).sort(), names);
    const boots = listBoots(join(dir, "capture"));
    assert.deepEqual(
      boots.map(({ path, bootId, reader }) => [basename(path), bootId, reader]),
      names.map((name, index) => [name, [2 ** 53 - 1, 2 ** 53 - 1, 3, 3, 0][index], [0, 4294967295, 0, 2, 0][index]]),
    );
  });

  it("rewrites metadata for a token that is used without a name, and again when its name comes", () => {
    const capture = writer();
    const metadata = () => at(BOOT, "metadata").toString();
    const source = new PacketSource({ bootId: 0x1234 });
    capture.write(source.data([time0]).bytes);
    assert.match(metadata(), /enum token : u16 \{\n {2}"" = 0\n\}/);
    capture.write(source.data([{ event: "msg.send", time: 0, token: 300 }]).bytes);
    assert.match(metadata(), /"" = 0,\n {2}"" = 300\n/);
    capture.write(source.tokens([[300, "three hundred"]]).bytes);
    assert.match(metadata(), /"" = 0,\n {2}"three hundred" = 300\n/);
    assert.deepEqual(problems, []);
    assert.deepEqual(readdirSync(join(dir, "capture", BOOT)).sort(), ["metadata", "stream", "xs-telemetry"]);
  });

  it("refuses damaged packets, reports each, and goes on", () => {
    const [tokens, first, second] = mixedPackets();
    const flip = ({ bytes }: BuiltPacket, byte: number) => ({ bytes: bytes.with(byte, bytes[byte]! ^ 0x80) });
    const long = { bytes: joined([second!, { bytes: new Uint8Array(16) }]) };
    const short = { bytes: second!.bytes.subarray(0, second!.bytes.length - 16) };
    const bad = [flip(first!, 5), flip(first!, 20), flip(first!, 101), flip(tokens!, 98), flip(first!, 0), long, short];
    const stub = [{ bytes: new Uint8Array(0) }, { bytes: first!.bytes.subarray(0, 95) }];
    const taken = write([tokens!, ...bad, ...stub, first!, second!]);
    assert.deepEqual(taken, [true, ...[...bad, ...stub].map(() => false), true, true]);
    assert.deepEqual(codes(), [
      "E_REGISTRY",
      "E_HEADER",
      "E_RECORD",
      "E_TOKEN",
      "E_NO_PACKET",
      "E_LENGTH",
      "E_LENGTH",
      "E_LENGTH",
      "E_LENGTH",
    ]);
    assert.deepEqual(Uint8Array.from(at(BOOT, "stream")), joined([first!, second!]));
  });

  it("refuses packets of another registry, of another wire format, and the empty packet of a capture", () => {
    const odd = [
      { fingerprint: OTHER_FINGERPRINT },
      { wireFormat: 2 },
      { packetNumber: 0, contentBits: 96 * 8, packetBits: 96 * 8 },
    ];
    const taken = write(odd.map((header, index) => ({ bytes: packet(header, index === 2 ? [] : record(time0)) })));
    assert.deepEqual(
      [taken, codes()],
      [
        [false, false, false],
        ["E_REGISTRY", "E_WIRE_FORMAT", "E_HEADER"],
      ],
    );
    assert.ok(problems[0]!.message.includes(OTHER_FINGERPRINT) && problems[0]!.message.includes(registry.fingerprint));
    assert.deepEqual(readdirSync(join(dir, "capture")), []);
  });

  it("refuses packets that are repeated or too late, and reports missing ones", () => {
    const [tokens, first, second, third, again, fourth] = mixedPackets();
    const taken = write([tokens!, tokens!, first!, first!, third!, second!, fourth!, again!, again!]);
    assert.deepEqual(taken, [true, false, true, false, true, false, true, true, false]);
    assert.deepEqual(codes(), ["W_REPEATED", "W_REPEATED", "W_LOST_IN_TRANSIT", "W_REPEATED", "W_REPEATED"]);
    assert.deepEqual(problems[2]!.file, join(dir, "capture", BOOT));
    assert.deepEqual(Uint8Array.from(at(BOOT, "stream")), joined([first!, third!, fourth!]));
  });

  it("refuses counts and times that cannot be true, so that CTF readers never stop", () => {
    const late = (time: number, number: number, discarded: number, firstEventSeq: number) => ({
      bytes: packet(
        { timestampBegin: time, packetNumber: number, eventsDiscarded: discarded, firstEventSeq },
        record({ event: "ws.connected", time }),
      ),
    });
    // After a first packet numbered 5 nothing shows which of two is wrong: decode takes the later, a stream file cannot take anything back.
    assert.deepEqual(write([late(50, 5, 10, 20), late(40, 6, 10, 21), late(60, 7, 10, 22)]), [true, false, true]);
    assert.deepEqual(codes(), ["W_LATE", "E_COUNTS"]);
    assert.deepEqual(write([late(50, 5, 10, 20), late(50, 6, 9, 21)], "losses"), [true, false]);
    assert.deepEqual(codes(), ["W_LATE", "E_COUNTS"]);
  });

  it("refuses another name for a token it knows, and token packets that bring nothing new late", () => {
    const named = (number: number, name: string) => ({
      bytes: packet({ streamId: 1, packetNumber: number }, tokenEntries([[1, name]])),
    });
    const taken = write([named(2, "a"), named(3, "b"), named(1, "a")]);
    assert.deepEqual(
      [taken, codes()],
      [
        [true, false, false],
        ["E_TOKEN", "W_REPEATED"],
      ],
    );
    assert.match(problems[0]!.message, /token 1 is "a", but is now called "b"/);
  });

  it("refuses a folder that has something in it, and leaves that alone", () => {
    write(mixedPackets());
    const before = at(BOOT, "stream");
    for (const name of ["capture", join("capture", BOOT)])
      assert.throws(
        () => writer(name),
        (error) =>
          error instanceof TelemetryError &&
          error.code === "E_NOT_EMPTY" &&
          error.exitCode === 2 &&
          error.message.startsWith(`${join(dir, name)} is not empty`),
      );
    assert.deepEqual(at(BOOT, "stream"), before);
    mkdirSync(join(dir, "empty"));
    assert.doesNotThrow(() => writer("empty"));
    assert.doesNotThrow(() => writer(join("made", "with", "its", "parents")));
  });

  it("says what could not be written, and leaves whole packets behind", () => {
    writeFileSync(join(dir, "file"), "");
    const cannotWrite = (code: string) => (error: unknown) =>
      error instanceof TelemetryError && error.code === code && error.exitCode === 2;
    assert.throws(() => writer("file"), cannotWrite("E_WRITE"));
    assert.throws(() => writer(join("file", "capture")), cannotWrite("E_WRITE"));
    const [tokens, first, second, third] = mixedPackets();
    const capture = writer();
    capture.write(tokens!.bytes);
    capture.write(first!.bytes);
    const trace = join(dir, "capture", BOOT);
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    try {
      assert.throws(() => capture.write(second!.bytes), /stream cannot be written: ENOSPC/);
    } finally {
      fs.writeSync = writeSync;
    }
    rmSync(trace, { recursive: true });
    assert.throws(() => capture.write(third!.bytes), cannotWrite("E_WRITE"));
    capture.close();
    capture.close();
    assert.throws(() => capture.write(second!.bytes), cannotWrite("E_CLOSED"));
    assert.ok(!existsSync(trace));
  });

  it("takes a packet again that could not be written, and counts it once", async () => {
    const { writeSync } = fs;
    for (let stop = 0; stop < 2; stop++) {
      const capture = writer(`again ${stop}`);
      for (const { bytes } of mixedPackets()) {
        let left = stop;
        fs.writeSync = ((...args: Parameters<typeof writeSync>) => {
          if (left-- > 0) return writeSync(...args);
          throw Object.assign(new Error("full"), { code: "ENOSPC" });
        }) as typeof writeSync;
        try {
          capture.write(bytes);
        } catch (error) {
          assert.equal((error as TelemetryError).code, "E_WRITE");
          fs.writeSync = writeSync;
          assert.ok(capture.write(bytes));
        } finally {
          fs.writeSync = writeSync;
        }
      }
      capture.close();
      assert.deepEqual([problems, capture.counters.repeated], [[], 0]);
      const items = await itemsOf(join(dir, `again ${stop}`));
      assert.deepEqual(
        eventsIn(items),
        mixedPackets().flatMap(({ events }) => events),
      );
      assert.equal(capture.counters.events, eventsIn(items).length);
    }
  });

  it("writes nothing outside its folder, whatever the packets say", () => {
    mkdirSync(join(dir, "outside"));
    const source = new PacketSource({ bootId: 1 });
    const names = ["../outside/x", "/etc/passwd", "..", "\\..\\outside"].map(
      (name, index) => [index + 1, name] as const,
    );
    write([
      source.tokens(names),
      source.data([{ event: "msg.send", time: 0, token: 1, payloadSummary: "../../outside/y" }]),
    ]);
    assert.deepEqual(readdirSync(join(dir, "outside")), []);
    assert.deepEqual(readdirSync(dir).sort(), ["capture", "outside"]);
  });

  it("stops at 9,999 boots, says so, and goes on with those it has", function () {
    this.timeout(300_000);
    const capture = writer();
    for (let bootId = 1; bootId <= 9999; bootId++) capture.write(new PacketSource({ bootId }).data([time0]).bytes);
    assert.deepEqual(problems, []);
    assert.equal(capture.write(new PacketSource({ bootId: 10_000 }).data([time0]).bytes), false);
    assert.equal(capture.write(packet({ bootId: 7, packetNumber: 2, firstEventSeq: 1 }, record(time0))), true);
    assert.deepEqual(codes(), ["E_TOO_MANY_BOOTS"]);
    assert.equal(listBoots(join(dir, "capture")).length, 9999);
  });

  it("is always a good capture, whatever packets arrive, and holds the events that decode finds in them", async function () {
    this.timeout(300_000);
    const seed = seedFor(1);
    const random = randomIntegers(seed);
    for (const round of campaign("captures of packets that were changed", 600, 60)) {
      const label = `seed ${seed}, round ${round}`;
      const arrived = [...randomPackets(random, 1 + random(8)), ...randomPackets(random, random(4))].flatMap(
        (built) => {
          if (random(8) === 0) return [];
          if (random(8) === 0) return [{ bytes: changed(built.bytes, random) }];
          return random(8) === 0 ? [built, built] : [built];
        },
      );
      const name = `round-${round}`;
      const taken = write(arrived, name);
      const items = await itemsOf(join(dir, name)).catch((error: TelemetryError) => {
        assert.equal(error.code, "E_NO_CAPTURE", label);
        return [];
      });
      const bad = items.filter(
        (item) => item.kind === "problem" && item.problem.code.startsWith("E_") && item.problem.code !== "E_COUNTS",
      );
      assert.deepEqual(bad, [], label);
      const decoder = new StreamDecoder({ registry });
      const whole = [...decoder.push(joined(arrived.filter((_, index) => taken[index]))), ...decoder.end()];
      const keys = (list: readonly DecodeItem[]) =>
        eventsIn(list)
          .map(({ ts_mono_ms, eventSeq }) => `${ts_mono_ms} ${eventSeq}`)
          .sort();
      // Where another boot begins, packets that were ignored before may turn out to be its first: the capture has more than was accepted.
      const held = new Set(keys(items));
      if (codes().includes("W_BOOT_ID"))
        assert.deepEqual(
          keys(whole).filter((key) => !held.has(key)),
          [],
          label,
        );
      else assert.deepEqual(keys(items), keys(whole), label);
    }
  });
});
