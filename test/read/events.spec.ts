// The events of packets and of JSON lines, as all commands read them: whose they are, when they were, and what is missing.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { listBoots } from "../../host/capture/folder.ts";
import { type ExportItem, exportItems, followedItems } from "../../host/export/source.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { type ReadItem, readEvents } from "../../host/read/events.ts";
import { followFolder } from "../../host/read/follow.ts";
import { openRecording, recordingOf } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import type { TelemetryError } from "../../host/text/errors.ts";
import { run } from "../support/command.ts";
import { captureFleet } from "../support/exports.ts";
import { mixedPackets } from "../support/packets.ts";

const LINES = mixedPackets()
  .flatMap(({ events }) => events)
  .map((event) => `${JSON.stringify(event)}\n`)
  .join("");
let root = "";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Whose events are, which, and when. */
async function placed(source: AsyncIterable<readonly ExportItem[]>): Promise<string[]> {
  const found: string[] = [];
  for await (const items of source)
    for (const item of items)
      if (item.kind === "event")
        found.push(JSON.stringify([item.boot.device, item.boot.bootId, item.event.eventSeq, item.unixMs]));
  return found.sort();
}

describe("events of a recording", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-events-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("of a folder that is followed end with a word if it is deleted, or one of its files is replaced", async () => {
    for (const [code, change] of [
      ["E_NOT_FOUND", (folder: string) => rmSync(folder, { recursive: true })],
      ["E_REPLACED", (folder: string) => writeFileSync(join(listBoots(folder)[0]!.path, "stream"), "")],
    ] as const) {
      const folder = join(root, code);
      const writer = new CaptureWriter(folder, { registry });
      for (const { bytes } of mixedPackets()) writer.write(bytes);
      writer.close();
      const options = { registry, registries: [registry] };
      const all = async () => {
        for await (const _ of followFolder(folder, options, () => change(folder)));
      };
      await assert.rejects(all(), (error: TelemetryError) => error.code === code && error.exitCode === 2, code);
    }
  });

  it("of lines has no place and no time from attributes that a registry calls so: these are the events' own", async () => {
    for (const [key, value] of [
      ["bootId", "a"],
      ["device", "b"],
      ["boot", 9],
      ["reader", 3],
      ["time", "2026-01-02T03:04:05.678Z"],
    ] as const) {
      const own = {
        ...registry,
        attributes: registry.attributes.map((each) => (each.key === "ip" ? { ...each, key } : each)),
      };
      const line = (eventSeq: number, more: object) =>
        `${JSON.stringify({ event: "ws.connected", ts_mono_ms: 5, connEpoch: 0, eventSeq, clientId: 1, ...more, schemaVersion: "1.0.0" })}\n`;
      const text = line(0, {}) + line(5, { [key]: value });
      const recording = await recordingOf(pieces(Buffer.from(text), 1000), "it");
      const items: ReadItem[] = [];
      for await (const read of readEvents(recording, { registry: own, registries: [own] })) items.push(...read);
      assert.deepEqual(
        items.map((item) => (item.kind === "gap" ? item.missing : item.kind === "event" ? item.wall : item)),
        [undefined, 4, undefined],
        key,
      );
      const nobody = { device: undefined, boot: undefined, bootId: undefined, reader: 0 };
      for (const item of items) if (item.kind !== "problem") assert.deepEqual(item.place, nobody);
    }
  });

  it("of lines has times that a device can have; others count as not known, and are named", async () => {
    for (const time of ["1e25", "-1e25", "1e308", "1e400", "9007199254740992"]) {
      const text = LINES.split("\n")[0]!.replace(/"ts_mono_ms":\d+/, `"ts_mono_ms":${time}`);
      const recording = await recordingOf(pieces(Buffer.from(`${text}\n`), 1000), "it");
      const items: ReadItem[] = [];
      for await (const read of readEvents(recording, { registry, registries })) items.push(...read);
      const [problem, event] = items;
      assert.ok(problem?.kind === "problem" && problem.problem.code === "E_TIME" && problem.problem.line === 1, time);
      assert.match(
        problem.problem.message,
        /^ts_mono_ms is -?[\de+]+|Infinity, expected a number of at most 2\^53 - 1: its time counts as unknown$/,
      );
      assert.ok(event?.kind === "event" && Number.isNaN(event.deviceMs));
    }
  });

  it("of lines has numbers that an event can have; from others no gap is counted, and they are named", async () => {
    const numbered = (number: string) => LINES.split("\n")[0]!.replace(/"eventSeq":\d+/, `"eventSeq":${number}`);
    for (const number of ["1.5", "-1", "1e300", "9007199254740992"]) {
      const text = [numbered("0"), numbered(number), numbered("1"), numbered("3")].join("\n");
      const recording = await recordingOf(pieces(Buffer.from(`${text}\n`), 1000), "it");
      const items: ReadItem[] = [];
      for await (const read of readEvents(recording, { registry, registries })) items.push(...read);
      const told = items.map((item) =>
        item.kind === "gap"
          ? item.missing
          : item.kind === "problem"
            ? [item.problem.code, item.problem.line]
            : item.kind,
      );
      assert.deepEqual(told, ["event", ["E_SEQUENCE", 2], "event", "event", 1, "event"], number);
    }
  });

  it("of packets has place and time of each event, whatever attributes a registry calls so", async () => {
    const folder = join(root, "capture");
    captureFleet(1006, folder);
    const read = async (model: RegistryModel, path = folder) => {
      const items: ReadItem[] = [];
      const options = { registry: model, registries: [model] };
      for await (const some of readEvents(await openRecording(path), options)) items.push(...some);
      return items.map((item) =>
        item.kind === "event"
          ? [item.place, item.wall, item.deviceMs, Object.keys(JSON.parse(item.line)).length]
          : item.kind === "problem"
            ? item.problem.code
            : item,
      );
    };
    const expected = await read(registry);
    assert.ok(expected.length > 200);
    for (const key of ["device", "boot", "bootId", "reader", "time", "timeUncertaintyMs"]) {
      const named = <T extends { readonly key: string }>(each: T): T => (each.key === "ip" ? { ...each, key } : each);
      const model = {
        ...registry,
        attributes: registry.attributes.map(named),
        events: registry.events.map((event) => ({ ...event, attributes: event.attributes.map(named) })),
      };
      const without = (items: typeof expected) => items.map((item) => (Array.isArray(item) ? item.slice(0, 3) : item));
      assert.deepEqual(without(await read(model)), without(expected), key);
      const ended = new AbortController();
      const followed = followedItems(folder, model, () => ended.abort(), ended.signal);
      assert.deepEqual(await placed(followed), await placed(exportItems(await openRecording(folder), model)), key);
    }
  });

  it("of lines out of order, or there twice, is reported once for each boot, and no gap is counted from there", async () => {
    const line = (eventSeq: number, ms: number, more: object = {}) =>
      `${JSON.stringify({ event: "ws.connected", ts_mono_ms: ms, connEpoch: 0, eventSeq, clientId: 1, schemaVersion: "1.0.0", ...more })}\n`;
    const of = (boot: number) => ({ boot, bootId: `0000000000000${boot}` });
    const told = async (text: string) => {
      const items: ReadItem[] = [];
      const recording = await recordingOf(pieces(Buffer.from(text), 1000), "it");
      for await (const read of readEvents(recording, { registry, registries })) items.push(...read);
      return items.flatMap((item) =>
        item.kind === "gap" ? item.missing : item.kind === "problem" ? `${item.problem.code} ${item.problem.line}` : [],
      );
    };
    const shuffled = [0, 5, 3, 1, 4, 2, 9].map((seq) => line(seq, seq, of(1))).join("");
    assert.deepEqual(await told(shuffled + line(0, 0, of(2)) + line(4, 4, of(2))), [4, "E_SEQUENCE 3", 3]);
    const twice = line(0, 0, of(1)) + line(1, 1, of(1));
    assert.deepEqual(await told(twice + twice), ["E_SEQUENCE 3"]);
    assert.deepEqual(
      await told(line(0, 0) + line(3, 9) + line(0, 5) + line(2, 6)),
      [2, 1],
      "another boot, without an id",
    );
    assert.deepEqual(await told(line(0, 0) + line(3, 9) + line(1, 10) + line(9, 11)), [2, "E_SEQUENCE 3"]);
  });

  it("of lines is counted alike by all commands, whatever a line lacks", async () => {
    const good = LINES.split("\n")[0]!;
    const path = join(root, "lines.jsonl");
    for (const [bad, code, events] of [
      [good.replace(/"event":"[^"]*"/, '"event":"foo.bar"'), "E_EVENT", 1],
      [good.replace(/"ts_mono_ms":\d+,/, ""), "E_TIME", 2],
      [good.replace(/"ts_mono_ms":\d+/, '"ts_mono_ms":"x"'), "E_TIME", 2],
      [good.replace(/"ts_mono_ms":\d+/, '"ts_mono_ms":1e300'), "E_TIME", 2],
      [good.replace(/\}$/, ',"time":"12"}'), "E_TIME", 2],
      [good.replace(/\}$/, ',"time":"2026-01-01"}'), "E_TIME", 2],
      [good.replace(/\}$/, ',"time":"2026-11-28T03:54:15.123Z","timeUncertaintyMs":-5}'), "E_TIME", 2],
    ] as const) {
      writeFileSync(path, `${good}\n${bad.replace(/"eventSeq":0/, '"eventSeq":1')}\n`);
      const counts: Record<string, number> = {};
      const info = await run(["info", "--format", "json", path]);
      counts.info = JSON.parse(info.stdout).events;
      const stats = await run(["stats", "--format", "json", path]);
      counts.stats = Object.values<number>(JSON.parse(stats.stdout).events).reduce((sum, count) => sum + count, 0);
      const show = await run(["show", path]);
      counts.show = show.stdout.trimEnd().split("\n").length;
      const csv = await run(["export", "--to", "csv", path]);
      counts.csv = csv.stdout.trimEnd().split("\n").length - 1;
      const chrome = await run(["export", "--to", "chrome", path]);
      counts.chrome = JSON.parse(chrome.stdout).traceEvents.filter(({ ph }: { ph: string }) => ph === "n").length;
      const view = await run(["view", path, "-o", join(root, "page.html")]);
      counts.view = Number(/: (\d+) events?, /.exec(view.stderr)?.[1]);
      assert.deepEqual(new Set(Object.values(counts)), new Set([events]), `${bad} ${JSON.stringify(counts)}`);
      for (const { status, stderr } of [info, stats, show, csv, chrome, view])
        assert.deepEqual([status, stderr.includes(`${code} at line 2`)], [1, true], `${bad}: ${stderr}`);
    }
  });
});
