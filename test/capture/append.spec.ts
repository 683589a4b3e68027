import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector, type CollectorOptions } from "../../host/capture/collector.ts";
import { mustSuit, recover } from "../../host/capture/earlier-parts.ts";
import { OwnFolder } from "../../host/capture/files.ts";
import { STREAM_FILE, TOKENS_FILE } from "../../host/capture/folder.ts";
import { registry } from "../../host/generated/registry.ts";
import { uuidBytes } from "../../host/packet/packet.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { Problem, TelemetryError } from "../../host/text/errors.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { type Decoded, eventsOf, gathered } from "../support/decoded.ts";
import { type BuiltPacket, mixedPackets, OTHER_FINGERPRINT, PacketSource, randomIntegers } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const UUID = uuidBytes(registry.fingerprint);

let root = "";
let dir = "";
let problems: Problem[] = [];

const codes = () => problems.map(({ code }) => code);

/** A process that continues in the folder. Unless it is closed, it counts as killed: nothing of it is held open. */
function collector(options: Partial<CollectorOptions> = {}): Collector {
  problems = [];
  return new Collector(dir, {
    registry,
    append: true,
    reorderPackets: 0,
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
}

const decoded = (path = dir): Promise<Decoded> => gathered(decodePath(path, { registry }));
const boots = (path = dir) =>
  readdirSync(path)
    .filter((name) => name.startsWith("boot-"))
    .sort();

/** A boot's packets: a name, then an event each. */
function traffic(count: number, bootId = 7, fromMs = 0): BuiltPacket[] {
  const source = new PacketSource({ bootId });
  const packets = [source.tokens([[1, "getStatus"]], fromMs)];
  for (let index = 0; index < count; index++)
    packets.push(source.data([{ event: "msg.send", time: fromMs + index * 10, clientId: index, token: 1 }]));
  return packets;
}

describe("a capture that goes on", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-append-"));
    dir = join(root, "capture");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("joins boots by packet number in their folder, and writes nothing twice", async () => {
    const packets = mixedPackets();
    const once = collector({ append: false });
    for (const { bytes } of packets) once.packet("a", bytes, T0);
    once.close();
    const stream = () => readFileSync(join(dir, "a", boots(join(dir, "a"))[0]!, STREAM_FILE));
    const whole = stream();
    for (let cut = 0; cut <= packets.length; cut++) {
      rmSync(dir, { recursive: true });
      const first = collector();
      for (const { bytes } of packets.slice(0, cut)) first.packet("a", bytes, T0);
      const second = collector();
      for (const { bytes } of packets) second.packet("a", bytes, T0);
      second.close();
      assert.deepEqual([boots(join(dir, "a")), stream()], [["boot-0001-00000000001234"], whole], `cut at ${cut}`);
      assert.deepEqual([...new Set(codes())], cut > 0 ? ["W_REPEATED"] : []);
      assert.equal(second.counters().repeated, cut);
      const { events, codes: told } = await decoded();
      assert.deepEqual([events, told], [eventsOf(packets), []]);
    }
    assert.deepEqual(babeltrace(dir).complaints, []);
  });

  it("decodes each packet once, however often a process is killed, whatever comes again, over devices and boots", async function () {
    this.timeout(0);
    for (const round of campaign("captures that go on, over devices and boots", 200, 4)) {
      const seed = seedFor(round);
      const random = randomIntegers(seed);
      rmSync(dir, { recursive: true, force: true });
      const sources = ["a", "A", "b/c"].flatMap((device) =>
        [1, 2].map((bootId) => ({ device, packets: traffic(1 + random(30), bootId), next: 0 })),
      );
      const options = random(2) ? { rotateBytes: 400 + random(3000) } : {};
      let running = collector(options);
      while (sources.some(({ next, packets }) => next < packets.length)) {
        const source = sources[random(sources.length)]!;
        if (source.next < source.packets.length)
          running.packet(source.device, source.packets[source.next++]!.bytes, T0);
        if (random(4) === 0) running.tick(T0 + random(5000));
        if (random(12) > 0) continue;
        if (random(4) === 0) running.close();
        running = collector(options);
        for (const other of sources) other.next = Math.max(0, other.next - random(4));
      }
      running.close();
      const { events, codes: told, summary } = await decoded();
      const expected = sources.reduce((sum, { packets }) => sum + eventsOf(packets).length, 0);
      assert.deepEqual([events.length, told, summary.repeated], [expected, [], 0], `seed ${seed}`);
      assert.ok(
        events.every(({ msgType }) => msgType === "getStatus"),
        `seed ${seed}`,
      );
    }
  });

  it("keeps boots of one id apart, however often a process is killed, whatever comes again", async function () {
    this.timeout(0);
    for (const round of campaign("captures that go on, of boots that have one id", 100, 4)) {
      const seed = seedFor(round);
      const random = randomIntegers(seed);
      rmSync(dir, { recursive: true, force: true });
      const ofBoots = [1, 3, 8].map((from) => traffic(2 + random(90), 7, from * 100 + random(100)));
      const packets = ofBoots.flat();
      const options = random(2) ? { rotateBytes: 400 + random(3000) } : {};
      const killEvery = 3 + random(60);
      let running = collector(options);
      const told: string[] = [];
      for (let next = 0; next < packets.length; ) {
        running.packet("a", packets[next++]!.bytes, T0);
        if (random(killEvery) > 0) continue;
        if (random(4) === 0) running.close();
        told.push(...codes());
        running = collector(options);
        next = Math.max(0, next - random(4));
      }
      running.close();
      const { events, summary, codes: found } = await decoded();
      const expected = ofBoots.map((boot) => eventsOf(boot).map(({ ts_mono_ms }) => Number(ts_mono_ms)));
      const times = expected.flat().sort((a, b) => a - b);
      assert.deepEqual(
        events.map(({ ts_mono_ms }) => Number(ts_mono_ms)).sort((a, b) => a - b),
        times,
        `seed ${seed}`,
      );
      assert.deepEqual([summary.boots, summary.repeated, summary.lostInTransit], [3, 0, 0], `seed ${seed}`);
      assert.deepEqual([...new Set(found)], ["W_BOOT_ID"], `seed ${seed}`);
      assert.deepEqual([...new Set([...told, ...codes()])].sort().slice(0, 1), ["W_BOOT_ID"], `seed ${seed}`);
    }
  });

  it("cuts off an unfinished packet wherever it was cut, reports it once, and takes the packet when it comes again", async () => {
    const packets = traffic(3);
    const last = packets.at(-1)!.bytes;
    for (const [file, packet] of [
      [STREAM_FILE, last],
      [TOKENS_FILE, new PacketSource({ bootId: 7 }).tokens([[2, "later"]]).bytes],
    ] as const)
      for (let length = 1; length < packet.length; length += 7) {
        rmSync(dir, { recursive: true, force: true });
        const first = collector();
        for (const { bytes } of packets.slice(0, -1)) first.packet(undefined, bytes, T0);
        const path = join(dir, boots()[0]!, file);
        const { size } = statSync(path);
        appendFileSync(path, packet.subarray(0, length));
        const second = collector();
        second.packet(undefined, last, T0);
        second.close();
        assert.deepEqual(codes(), ["W_CUT"], `${file} at ${length}`);
        assert.equal(problems[0]!.file, path);
        assert.match(problems[0]!.message, new RegExp(`^${length} bytes of an incomplete packet removed`));
        if (file === TOKENS_FILE) assert.equal(statSync(path).size, size);
        assert.deepEqual([(await decoded()).events, (await decoded()).codes], [eventsOf(packets), []]);
        const third = collector();
        third.packet(undefined, last, T0);
        assert.deepEqual(codes(), ["W_REPEATED"]);
      }
  });

  it("puts right what was written last of boots that do not go on, and folders that were being made", async () => {
    const packets = traffic(3);
    const first = collector();
    for (const device of ["a", "b"]) for (const { bytes } of packets) first.packet(device, bytes, T0);
    first.tick(T0);
    const stream = join(dir, "a", boots(join(dir, "a"))[0]!, STREAM_FILE);
    appendFileSync(stream, Buffer.alloc(100));
    mkdirSync(join(dir, "b", ".boot-0002-00000000000008"));
    const found: Problem[] = [];
    recover(new OwnFolder(dir), [UUID], Date.now(), (problem) => found.push(problem));
    assert.deepEqual(
      found.map(({ code, file }) => [code, file]),
      [["W_CUT", stream]],
    );
    assert.ok(!existsSync(join(dir, "b", ".boot-0002-00000000000008")));
    assert.equal((await decoded()).events.length, 6);
    recover(new OwnFolder(dir), [UUID], Date.now(), (problem) => found.push(problem));
    assert.equal(found.length, 1);
    // Older leftovers were not written by the killed process.
    appendFileSync(stream, Buffer.alloc(100));
    recover(new OwnFolder(dir), [UUID], Date.now() + 1e6, (problem) => found.push(problem));
    assert.equal(found.length, 1);
  });

  it("leaves alone what it does not understand, and goes on beside it", async () => {
    const packets = traffic(4);
    const start = () => {
      rmSync(dir, { recursive: true, force: true });
      const first = collector();
      for (const { bytes } of packets.slice(0, 3)) first.packet(undefined, bytes, T0);
      return join(dir, boots()[0]!);
    };
    const goOn = () => {
      const second = collector();
      for (const { bytes } of packets.slice(3)) second.packet(undefined, bytes, T0);
      second.close();
      return boots().length;
    };
    // Damage in the middle, and bytes at the end that are not the beginning of a packet.
    let path = join(start(), STREAM_FILE);
    const bytes = readFileSync(path);
    bytes[20]! ^= 1;
    writeFileSync(path, bytes);
    assert.deepEqual([goOn(), readFileSync(path), codes()], [2, bytes, []]);
    path = join(start(), STREAM_FILE);
    appendFileSync(path, "not a packet");
    const { size } = statSync(path);
    assert.deepEqual([goOn(), statSync(path).size, codes()], [2, size, []]);
    // Token packets are gone: they must not overwrite names in the metadata with none.
    rmSync(join(start(), TOKENS_FILE));
    const metadata = readFileSync(join(dir, boots()[0]!, "metadata"), "utf8");
    assert.equal(goOn(), 2);
    assert.equal(readFileSync(join(dir, boots()[0]!, "metadata"), "utf8"), metadata);
    // A boot of another registry with the same id.
    rmSync(dir, { recursive: true, force: true });
    const other = new PacketSource({ bootId: 7, fingerprint: OTHER_FINGERPRINT });
    const theirs = new Collector(dir, { registry: { ...registry, fingerprint: OTHER_FINGERPRINT } });
    theirs.packet(undefined, other.data([{ event: "ws.connected", time: 1 }]).bytes, T0);
    theirs.close();
    const before = readFileSync(join(dir, boots()[0]!, STREAM_FILE));
    assert.equal(goOn(), 2);
    assert.deepEqual(readFileSync(join(dir, boots()[0]!, STREAM_FILE)), before);
  });

  it("keeps the newest parts over restarts, and counts what is given up in those it did not write", async () => {
    const packets = traffic(3000);
    const options = { rotateBytes: 16_384, keepParts: 3 };
    const sums = { givenUp: 0, events: 0 };
    for (let from = 0; from < packets.length; from += 400) {
      const running = collector(options);
      for (const { bytes } of packets.slice(from, from + 400)) running.packet("a", bytes, T0);
      sums.givenUp += running.counters().givenUp;
      sums.events += running.counters().events;
    }
    assert.equal(boots(join(dir, "a")).length, 3);
    assert.equal(sums.events, 3000);
    assert.equal((await decoded()).events.length, 3000 - sums.givenUp);
    assert.ok(sums.givenUp > 1000);
  });

  it("reports losses over the restart exactly, also if a part begins with nothing but names", async () => {
    const packets = traffic(10);
    collector({ rotateBytes: 1 }).packet("a", packets[0]!.bytes, T0);
    const second = collector({ rotateBytes: 1 });
    second.packet("a", packets[1]!.bytes, T0);
    second.packet("a", new PacketSource({ bootId: 7 }).tokens([[1, "getStatus"]]).bytes, T0);
    const third = collector({ rotateBytes: 1 });
    third.packet("a", packets[1]!.bytes, T0);
    third.packet("a", packets[5]!.bytes, T0);
    assert.deepEqual(codes(), ["W_REPEATED", "W_LOST_IN_TRANSIT"]);
    assert.equal(third.counters().lostInTransit, 3);
    third.close();
    const { events, summary } = await decoded();
    assert.deepEqual([events.length, summary.lostInTransit, summary.repeated], [2, 3, 0]);
  });

  it("goes on with log text: a line that was cut ends, and numbers of full files go up", () => {
    const options = { rotateBytes: 200, keepParts: 3 };
    const text = (running: Collector, line: string) => {
      running.text(undefined, line, T0);
      running.tick(T0);
    };
    text(collector(options), "x".repeat(300));
    text(collector(options), "short");
    truncateSync(join(dir, "log.txt"), 10);
    const again = collector(options);
    text(again, "y".repeat(300));
    assert.deepEqual(readdirSync(dir).sort(), ["log-0001.txt", "log-0002.txt"]);
    assert.match(readFileSync(join(dir, "log-0002.txt"), "utf8"), /^2026-01-02\n2026-01-02T03:04:05.000Z y{300}\n$/);
  });

  it("refuses a folder that holds something else, or a capture of the other kind", () => {
    const refused = (code: string, work: () => unknown) =>
      assert.throws(work, (error: TelemetryError) => error.code === code && error.exitCode === 2);
    mkdirSync(join(dir, "lost+found"), { recursive: true }); // of an empty disk
    collector().close();
    writeFileSync(join(dir, "thesis.tex"), "");
    refused("E_NOT_EMPTY", () => collector());
    refused("E_NOT_EMPTY", () => collector({ append: false }));
    rmSync(join(dir, "thesis.tex"));
    const one = collector();
    one.packet(undefined, traffic(1)[1]!.bytes, T0);
    mustSuit(dir, true);
    refused("E_OTHER_CAPTURE", () => mustSuit(dir, false));
    refused("E_NOT_EMPTY", () => collector({ append: false }));
    rmSync(dir, { recursive: true });
    collector().packet("a", traffic(1)[1]!.bytes, T0);
    mustSuit(dir, false);
    refused("E_OTHER_CAPTURE", () => mustSuit(dir, true));
  });

  it("finds a device's folder again by the id in it, whatever its name", async () => {
    const long = "x".repeat(300);
    for (let process = 0; process < 3; process++) {
      const running = collector();
      for (const device of process === 1 ? ["b", "B", long] : [long, "B", "b"])
        running.packet(device, traffic(3)[process + 1]!.bytes, T0);
    }
    assert.equal(readdirSync(dir).length, 3);
    const { summary, events } = await decoded();
    assert.deepEqual([events.length, summary.lostInTransit, summary.repeated], [9, 0, 0]);
  });
});
