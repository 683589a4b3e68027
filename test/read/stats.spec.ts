import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { decode } from "../../host/decode/decode.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { Numbers, type Spread } from "../../host/read/histogram.ts";
import { decodePath, openRecording, recordingOf } from "../../host/read/recording.ts";
import type { Statistics } from "../../host/read/statistics.ts";
import { summarize } from "../../host/read/summarize.ts";
import { Top } from "../../host/read/top.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { CAPTURES, readTraces, replay } from "../support/captures.ts";
import { fleetPackets, longWay, spreadOf } from "../support/fleet.ts";
import { randomIntegers } from "../support/packets.ts";

const OPTIONS = { registry, registries };
let root = "";

/** Writes a fleet as it arrives over UDP: packets overtake each other, a few are lost. */
function capture(seed: number, folder: string): void {
  const random = randomIntegers(seed);
  const all = new Collector(folder, { registry });
  let wallMs = Date.UTC(2026, 0, 1);
  for (const [device, boots] of fleetPackets(seed, 1 + random(5)))
    for (const packets of boots) {
      for (let at = 0; at < packets.length; at++) {
        const next = packets[at + 1];
        if (next !== undefined && random(6) === 0) {
          packets[at + 1] = packets[at]!;
          packets[at] = next;
        }
        wallMs += 20;
        if (random(30) > 0) all.packet(device, packets[at]!, wallMs);
      }
    }
  all.close();
}

async function linesOf(path: string): Promise<string> {
  let text = "";
  for await (const item of decodePath(path, { registry, output: "lines", with: "all" }))
    if (item.kind === "lines") text += Buffer.from(item.lines).toString();
  return text;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

/** Percentiles to within 1 %, or the step of integers; everything else exact. */
function assertSpread(found: Spread, expected: ReturnType<typeof spreadOf>, said: string): void {
  assert.deepEqual([found.count, found.greatest], [expected.count, expected.greatest], said);
  for (const key of ["p50", "p90", "p99"] as const) {
    const [a, b] = [found[key], expected[key]];
    if (b === null) assert.equal(a, null, said);
    else assert.ok(Math.abs(a! - b) <= Math.max(0.01 * Math.abs(b), 0), `${said} ${key}: ${a}, expected ${b}`);
  }
}

function assertSame(statistics: Statistics, text: string): void {
  const lines =
    text === ""
      ? []
      : text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line));
  const expected = longWay(lines);
  const { connections, rejections, messageTypes, boots, lost } = statistics;
  assert.equal(
    Object.values(statistics.events).reduce((sum, count) => sum + count, 0),
    lines.length,
  );
  assert.equal(boots.filter(({ events }) => events > 0).length, expected.boots);
  assert.deepEqual([connections.begun, connections.openAtEnd], [expected.begun, expected.openAtEnd]);
  assertSpread(connections.durationMs, expected.durations, "durations");
  assert.equal(rejections.total, expected.rejected);
  assert.equal(rejections.byClient.length > 0, expected.rejected > 0);
  assert.deepEqual(new Set(messageTypes.map(({ type }) => type)), new Set(expected.types.keys()));
  for (const { type, answerMs, received, sent, bytes, unanswered, unknown } of messageTypes) {
    const { answers, ...counts } = expected.types.get(type)!;
    assert.deepEqual({ received, sent, bytes, unanswered, unknown }, counts, type);
    assertSpread(answerMs, answers, type);
  }
  if (lost.missing > 0) assert.equal(lost.missing, expected.missing);
}

describe("stats", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-stats-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("says of fleets what an independent calculation finds in their lines, from packets and from lines alike", async function () {
    this.timeout(600_000);
    for (const round of campaign("fleets whose statistics are worked out a second way", 300, 12)) {
      const seed = seedFor(101) + round;
      const folder = join(root, String(round));
      capture(seed, folder);
      if (!existsSync(folder)) continue;
      const text = await linesOf(folder);
      const { statistics, summary } = await summarize(await openRecording(folder), OPTIONS);
      assertSame(statistics, text);
      const { lostOnDevice, lostInTransit, beforeFirstPacket } = summary!;
      assert.deepEqual(statistics.lost, { lostOnDevice, lostInTransit, beforeFirstPacket, missing: 0 });
      const lines = (await summarize(await recordingOf(bytesOf(text), "lines"), OPTIONS)).statistics;
      assertSame(lines, text);
      // Except for where something was lost, and what else only packets say, both are the same.
      const rows = (from: Statistics) =>
        from.boots
          .filter(({ events }) => events > 0)
          .map(({ device, boot, fromMs, toMs, events }) => ({ device, boot, fromMs, toMs, events }));
      assert.deepEqual(rows(lines), rows(statistics));
      assert.deepEqual(
        lines.busiest.clients.map(({ count }) => count),
        statistics.busiest.clients.map(({ count }) => count),
      );
      assert.deepEqual(
        lines.busiest.seconds.map(({ events }) => events),
        statistics.busiest.seconds.map(({ events }) => events),
      );
      assert.deepEqual(lines.attributes, statistics.attributes);
    }
  });

  if (!existsSync(CAPTURES)) it(`has no captures to compare (${CAPTURES})`, () => assert.ok(!existsSync(CAPTURES)));
  else
    it("says of traces of real devices what an independent calculation finds, from packets and from lines alike", async () => {
      for (const [name, events] of await readTraces()) {
        const { packets } = replay(events);
        const source = (async function* () {
          for (const packet of packets) yield packet;
        })();
        const { statistics } = await summarize(await recordingOf(source, name), OPTIONS);
        let text = "";
        for await (const item of decode(packets, { registry, output: "lines", with: "none" }))
          if (item.kind === "lines") text += Buffer.from(item.lines).toString();
        assertSame(statistics, text);
        assert.equal(text.split("\n").length - 1, events.length, name);
        assertSame((await summarize(await recordingOf(bytesOf(text), name), OPTIONS)).statistics, text);
      }
    });

  it("counts each event once, however many readers there are", async () => {
    const { PacketSource } = await import("../support/packets.ts");
    const packets = [0, 1].flatMap((reader) => {
      const source = new PacketSource({ bootId: 9, reader });
      return [1, 2].map((time) => source.data([{ event: "ws.connect", time, clientId: time, connEpoch: time }]).bytes);
    });
    const source = (async function* () {
      yield Buffer.concat(packets);
    })();
    const { statistics } = await summarize(await recordingOf(source, "packets"), OPTIONS);
    assert.deepEqual(
      [statistics.events["ws.connect"], statistics.repeatedByReaders, statistics.boots.length],
      [2, 2, 1],
    );
  });
});

describe("many numbers", () => {
  it("have percentiles to within a hundredth, below 0 and between whole numbers too", () => {
    const random = randomIntegers(seedFor(102));
    for (const unit of [1, 1e-6]) {
      const values = Array.from({ length: 5000 }, () => {
        const value = Math.exp(random(15)) * (random(3) - 1) * (1 + random(1000) / 1000);
        return unit === 1 ? Math.round(value) : value;
      });
      const numbers = new Numbers(unit);
      for (const value of values) numbers.add(value);
      const found = numbers.spread();
      const sorted = [...values].sort((a, b) => a - b);
      assert.deepEqual([found.least, found.greatest, found.count], [sorted[0], sorted.at(-1), values.length]);
      assert.ok(
        Math.abs(found.mean! - values.reduce((sum, value) => sum + value, 0) / values.length) < 1e-6 * found.greatest!,
      );
      const expected = spreadOf(values);
      for (const key of ["p50", "p90", "p99"] as const)
        assert.ok(
          Math.abs(found[key]! - expected[key]!) <= 0.01 * Math.abs(expected[key]!) + unit,
          `${key} ${found[key]} ${expected[key]}`,
        );
    }
    assert.deepEqual(new Numbers().spread().p50, null);
  });

  it("are held in bounded memory: the greatest of a hundred thousand keys are there", () => {
    const top = new Top<number>();
    for (let key = 0; key < 100_000; key++) top.add(String(key), () => key, key % 10_000 === 7 ? 1000 : 1);
    assert.deepEqual(new Set(top.greatest(10).map(({ count }) => count)), new Set([1000]));
    assert.equal(top.isRough, true);
  });
});
