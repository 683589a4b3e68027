// Traces for viewers, read back by another protobuf implementation and by JSON.parse: they contain what decode says of a
// recording. One file, because each case is made for both formats, and reads both back.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ChromeTrace } from "../../host/export/chrome.ts";
import type { ExportOutput } from "../../host/export/output.ts";
import { PerfettoTrace } from "../../host/export/perfetto.ts";
import { TraceTracks } from "../../host/export/trace.ts";
import { sinceBootPath, TraceExporter } from "../../host/export/traces.ts";
import { registry } from "../../host/generated/registry.ts";
import { openRecording, type Recording } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { run } from "../support/command.ts";
import { captureFleet, exportTo, type Line, linesOf, MemoryOutput, recordingFrom } from "../support/exports.ts";
import { ownRecordings } from "../support/own-recordings.ts";
import { joined, mixedPackets, PacketSource } from "../support/packets.ts";
import { runs } from "../support/properties.ts";
import { protocText, type ReadEvent, type ReadTrace, readChrome, readPerfetto } from "../support/trace-readers.ts";

const FORMATS = [
  [
    "perfetto",
    readPerfetto,
    (output: ExportOutput, model: RegistryModel, timed: boolean) => new PerfettoTrace(output, model, timed),
  ],
  ["chrome", readChrome, (output: ExportOutput, _: RegistryModel, timed: boolean) => new ChromeTrace(output, timed)],
] as const;

type Format = (typeof FORMATS)[number];

/** The traces of a recording by the names they get. */
async function traced([, read, open]: Format, recording: Recording, model = registry) {
  const outputs: MemoryOutput[] = [];
  const exporter = new TraceExporter(
    "it.x",
    async () => {
      const output = new MemoryOutput();
      outputs.push(output);
      return output;
    },
    (output, isTimed) => new TraceTracks(open(output, model, isTimed), model, isTimed),
  );
  const outcome = await exportTo(exporter, recording, model);
  const traces = new Map(outputs.map((output) => [output.name!, read(output.bytes)]));
  return { ...outcome, traces };
}

/** What a viewer can rely on. */
function assertSound({ events }: ReadTrace): void {
  const open = new Map<string, number>();
  const begun = new Set<string>();
  const times = new Set<string>();
  for (const { type, uuid, ms, step, flows, ends } of events) {
    if (type === "instant") assert.ok(times.size < times.add(`${uuid} ${ms} ${step}`).size, "none is within another");
    if (type === "begin") {
      assert.ok(!open.has(uuid), "slices of one track do not overlap");
      open.set(uuid, ms);
    } else if (type === "end") {
      assert.ok(open.get(uuid)! <= ms, "no slice ends before it begins");
      open.delete(uuid);
    }
    for (const id of flows) assert.ok(!begun.has(id) && begun.add(id));
    for (const id of ends) assert.ok(begun.delete(id), "a flow that ends has begun, and ends once");
  }
}

function eventsOf({ events }: ReadTrace): Line[] {
  return events.filter(({ type }) => type === "instant").map(({ values }) => values);
}

const sorted = (lines: readonly Line[]) => lines.map((line) => JSON.stringify(Object.entries(line).sort())).sort();
const withoutPlace = ({ device: _, boot: _b, bootId: _i, reader: _r, time: _t, ...rest }: Line): Line => rest;
/** In Chrome's format, numbers whose digits go beyond 64 bits are texts. */
const asRead = (format: string, event: Line): Line =>
  Object.fromEntries(
    Object.entries(event).map(([key, value]) => {
      const isText = format === "chrome" && Math.abs(Number(value)) >= 2 ** 63 && Math.abs(Number(value)) < 1e21;
      return [key, isText && typeof value === "number" ? String(value) : value];
    }),
  );
let root = "";

for (const format of FORMATS)
  describe(`a trace for ${format[0]}`, () => {
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), "xs-telemetry-trace-"));
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    it("has the events that decode has, each once, at their time, under device, boot, client and connection; and what was lost", async function () {
      this.timeout(300_000);
      for (let round = 0; round < rounds(120, 8); round++) {
        const folder = join(root, String(round));
        captureFleet(seedFor(141) + round, folder);
        if (!existsSync(folder)) continue;
        const lines = await linesOf(folder);
        const { traces, missing, names } = await traced(format, await openRecording(folder));
        const all = [...traces.values()];
        all.forEach(assertSound);
        assert.deepEqual(
          sorted(all.flatMap(eventsOf)),
          sorted(
            lines
              .map(withoutPlace)
              .map((line) => (line.timeUncertaintyMs === 0 ? without(line, "timeUncertaintyMs") : line)),
          ),
        );
        const trace = traces.get("it.x")!;
        const timed = lines.filter(({ time }) => time !== undefined);
        if (timed.length > 0) {
          assert.equal(trace.clocks, 1);
          const places = (of: readonly (readonly unknown[])[]) => of.map((each) => JSON.stringify(each)).sort();
          assert.deepEqual(
            places(
              trace.events
                .filter(({ type }) => type === "instant")
                .map(({ ms, track, name, values: { eventSeq } }) => [ms, track, name, eventSeq]),
            ),
            places(
              timed.map((line) => [
                Date.parse(String(line.time)),
                [line.device, `boot ${line.boot}`, `clientId ${line.clientId}`, `connEpoch ${line.connEpoch}`],
                line.event,
                line.eventSeq,
              ]),
            ),
          );
        }
        assert.equal(names.length, all.length);
        const lost = all.flatMap(({ events }) =>
          events.filter(({ track, type }) => track.at(-1) === "lost events" && type === "begin"),
        );
        assert.equal(
          lost.reduce((sum, { values }) => sum + Number(values.missing), 0),
          missing,
        );
        const rates = all.flatMap(({ events }) => events.filter(({ track }) => track.at(-1) === "events a second"));
        assert.equal(
          rates.reduce((sum, { value }) => sum + value!, 0),
          lines.length,
          "the rate counts every event",
        );
      }
    });

    it("has every value of every event of any registry", async () => {
      await fc.assert(
        fc.asyncProperty(ownRecordings, async ({ model, bytes, events }) => {
          const { traces } = await traced(format, await recordingFrom(bytes), model);
          const all = [...traces.values()];
          all.forEach(assertSound);
          assert.deepEqual(sorted(all.flatMap(eventsOf)), sorted(events.map((event) => asRead(format[0], event))));
        }),
        runs(300, 15),
      );
    });

    it("draws connections as slices, answers as flows, the ring and losses as counters", async () => {
      const source = new PacketSource({ bootId: 7, ringCapacitySlots: 100, ringPendingSlots: 20 });
      const packets = [
        source.tokens([[1, "get"]]),
        source.data([
          { event: "ws.connect", time: 1000, clientId: 4, connEpoch: 0 },
          { event: "ws.connect", time: 1001, clientId: 5, connEpoch: 1 },
          { event: "msg.recv", time: 1002, clientId: 4, token: 1 },
          { event: "msg.recv", time: 1003, clientId: 4, token: 1 },
          { event: "msg.send", time: 1004, clientId: 4, token: 1 },
          { event: "msg.recv", time: 1005, clientId: 4, token: 1 },
        ]),
        source.data(
          [
            { event: "msg.send", time: 1010, clientId: 4, token: 1 },
            { event: "ws.disconnect", time: 1011, clientId: 4 },
            { event: "ws.disconnect", time: 1012, clientId: 9, connEpoch: 3 },
          ],
          8,
        ),
      ];
      const { traces, missing } = await traced(format, await recordingFrom(joined(packets)));
      const trace = traces.get("it.x")!;
      assertSound(trace);
      assert.equal(missing, 8);
      assert.equal(trace.clocks, 0, "the time of day is not known");
      const of = (end: string) => trace.events.filter(({ track }) => track.at(-1) === end);
      const steps = (events: readonly ReadEvent[]) => events.map(({ type, ms }) => [type, ms]);
      assert.deepEqual(steps(of("connEpoch 0").filter(({ type }) => type !== "instant")), [
        ["begin", 1000],
        ["end", 1011],
      ]);
      assert.deepEqual(
        steps(of("connEpoch 1")),
        [
          ["begin", 1001],
          ["instant", 1001],
        ],
        "it is open at the end",
      );
      assert.deepEqual(steps(of("connEpoch 3")), [["instant", 1012]], "no beginning is invented");
      assert.deepEqual(steps(of("lost events")), [
        ["begin", 1005],
        ["end", 1010],
      ]);
      assert.deepEqual(of("lost events")[0]!.values, {
        missing: 8,
        lostOnDevice: 8,
        lostInTransit: 0,
        beforeFirstPacket: 0,
      });
      const flows = of("connEpoch 0").filter(({ type }) => type === "instant");
      assert.deepEqual(
        flows.map((event) => [event.flows.length, event.ends.length]),
        [
          [0, 0],
          [1, 0],
          [1, 0],
          [0, format[0] === "chrome" ? 1 : 2],
          [1, 0],
          [0, 0],
          [0, 0],
        ],
        "an answer after a gap may be one to what was lost",
      );
      assert.deepEqual(
        of("ring fill").map(({ value }) => value),
        [26, 23],
      );
      assert.deepEqual(
        of("events lost so far").map(({ value }) => value),
        [8],
      );
      assert.deepEqual(
        of("events a second").map(({ value, ms }) => [ms, value]),
        [
          [1000, 9],
          [2000, 0],
        ],
      );
    });

    it("is whole for an empty recording, one event, damage, boots with and without time of day, hostile texts", async () => {
      const none = await traced(format, await recordingFrom(new Uint8Array(0)));
      assert.deepEqual([none.codes, [...none.traces.values()].flatMap(({ events }) => events)], [["E_EMPTY"], []]);
      const one = new PacketSource().data([{ event: "ws.connected", time: 5, clientId: 1 }]);
      assert.equal(eventsOf((await traced(format, await recordingFrom(one.bytes))).traces.get("it.x")!).length, 1);

      const packets = mixedPackets();
      const damaged = joined(packets);
      damaged[packets[0]!.bytes.length + packets[1]!.bytes.length + 120] = 0xee;
      const good = await traced(format, await recordingFrom(damaged));
      assert.ok(good.codes.some((code) => code.startsWith("E_")));
      assert.ok(eventsOf(good.traces.get("it.x")!).length >= 8);

      const event = (boot: number, more: object) =>
        `${JSON.stringify({ event: "msg.recv", ts_mono_ms: 7, connEpoch: 0, eventSeq: 0, clientId: 1, msgType: 'a"\u202e</script>\0\ud800', result: "ok", reason: "", payloadSummary: "\u0007\ud800x\0y", schemaVersion: "1.0.0", device: "\u001b]0;\0:, x", boot, ...more })}\n`;
      const text =
        event(1, { time: "2026-11-28T03:54:15.123Z", timeUncertaintyMs: 3 }) +
        event(2, {}) +
        event(3, { time: "9999-12-31T23:59:59.999Z", ts_mono_ms: 2 ** 53 - 1 }) +
        event(4, { ts_mono_ms: 1.5 }) +
        event(5, { ts_mono_ms: -1 });
      const both = await traced(format, await recordingFrom(Buffer.from(text)));
      assert.deepEqual([...both.traces.keys()].sort(), ["it.since-boot.x", "it.x"]);
      assert.equal(eventsOf(both.traces.get("it.x")!).length, 2);
      assert.equal(eventsOf(both.traces.get("it.since-boot.x")!).length, 3);
      const [first] = both.traces.get("it.x")!.events.filter(({ type }) => type === "instant");
      assert.equal(first!.ms, Date.parse("2026-11-28T03:54:15.123Z"));
      assert.equal(first!.values.payloadSummary, "\u0007\ufffdx␀y");
      assert.equal(first!.values.timeUncertaintyMs, 3);

      const far = event(1, { clientId: 2 ** 63, connEpoch: -(2 ** 63) - 4096, eventSeq: 1e21 });
      const [number] = eventsOf([...(await traced(format, await recordingFrom(Buffer.from(far)))).traces.values()][0]!);
      const digits = (value: number) => (format[0] === "chrome" ? String(value) : value);
      assert.deepEqual(
        [number!.clientId, number!.connEpoch, number!.eventSeq],
        [digits(2 ** 63), digits(-(2 ** 63) - 4096), 1e21],
      );
    });

    it("puts no instants of one millisecond into each other, of which readers drop those beyond 512", async () => {
      const burst = Array.from({ length: 800 }, (_, eventSeq) => {
        const event = eventSeq === 0 ? "ws.connect" : "ws.connected";
        return JSON.stringify({ event, ts_mono_ms: 10, connEpoch: 0, eventSeq, clientId: 1, schemaVersion: "1.0.0" });
      });
      const { traces } = await traced(format, await recordingFrom(Buffer.from(`${burst.join("\n")}\n`)));
      const trace = [...traces.values()][0]!;
      assertSound(trace);
      const instants = trace.events.filter(({ type }) => type === "instant");
      assert.deepEqual(
        instants.map(({ ms, step, values }) => [ms, step, values.eventSeq]),
        burst.map((_, eventSeq) => [10, eventSeq, eventSeq]),
      );
    });

    it("ends no connection before it begins if a clock was set back; instants are where decode has them", async () => {
      const at = (event: string, eventSeq: number, time: string) =>
        `${JSON.stringify({ event, ts_mono_ms: 10 + eventSeq, connEpoch: 0, eventSeq, clientId: 1, schemaVersion: "1.0.0", boot: 1, time, timeUncertaintyMs: 0 })}\n`;
      const [late, early] = ["2026-11-28T03:54:15.123Z", "2026-11-28T03:50:00.000Z"];
      const text = at("ws.connect", 0, late) + at("ws.disconnect", 1, early);
      const trace = (await traced(format, await recordingFrom(Buffer.from(text)))).traces.get("it.x")!;
      assertSound(trace);
      assert.deepEqual(
        trace.events.filter(({ type }) => type !== "counter").map(({ type, ms }) => [type, ms]),
        [
          ["begin", Date.parse(late)],
          ["instant", Date.parse(late)],
          ["instant", Date.parse(early)],
          ["end", Date.parse(late)],
        ],
      );
    });

    it("shows the events of several readers once", async () => {
      const packets = [0, 1].flatMap((reader) => {
        const source = new PacketSource({ bootId: 9, reader });
        return [1, 2].map((time) => source.data([{ event: "ws.connect", time, clientId: time, connEpoch: time }]));
      });
      const { traces, codes } = await traced(format, await recordingFrom(joined(packets)));
      assert.deepEqual([eventsOf(traces.get("it.x")!).length, codes], [2, ["W_READER"]]);
    });
  });

function without(line: Line, key: string): Line {
  return Object.fromEntries(Object.entries(line).filter(([each]) => each !== key));
}

describe("export --to perfetto and chrome", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-trace-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("writes a file that is there whole or not at all, or standard output", async () => {
    const bytes = joined(mixedPackets());
    const file = join(root, "trace.json");
    const { status, stderr } = await run(["export", "--to", "chrome", "-", "-o", file], bytes);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /standard input: 11 events, 1 boot to .*trace.json; 57 events missing; the export shows where/,
    );
    assert.equal(eventsOf(readChrome(readFileSync(file))).length, 11);
    const piped = await run(["export", "--to", "chrome", "-"], bytes);
    assert.equal(piped.stdout, readFileSync(file, "utf8"));
    assert.match(piped.stderr, /11 events, 1 boot to standard output;/);

    const before = readFileSync(file);
    const damaged = Uint8Array.from(bytes);
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 100] = 0xee; // a record of an unknown type
    assert.equal((await run(["export", "--to", "chrome", "-", "-o", join(root, "good.json")], damaged)).status, 1);
    assert.ok(eventsOf(readChrome(readFileSync(join(root, "good.json")))).length > 0, "the good part");
    const failed = await run(["export", "--to", "perfetto", join(root, "none"), "-o", file]);
    assert.deepEqual([failed.status, readFileSync(file)], [2, before]);
    for (const bad of [root, join(root, "none/x"), join(file, "x")]) {
      const outcome = await run(["export", "--to", "perfetto", "-", "-o", bad], bytes);
      assert.equal(outcome.status, 2);
      assert.match(outcome.stderr, /E_WRITE: .*cannot be written: (EISDIR|ENOENT|ENOTDIR): /);
    }
    const full = await run(["export", "--to", "chrome", "-", "-o", "/dev/full"], bytes);
    assert.equal(full.status, 2);
    assert.match(full.stderr, /E_WRITE: \/dev\/full cannot be written: ENOSPC: its disk is full/);
    assert.deepEqual(readdirSync(root).sort(), ["good.json", "trace.json"], "no temporary file stays");
    assert.equal((await run(["export", "--to", "svg", "-"], bytes)).status, 2);
    assert.equal((await run(["export", "--to", "perfetto", "-"], "")).status, 1, "nothing is in it");
  });

  it("has no field that protoc does not know, and known ones for a connection of two messages", async () => {
    const { ensure } = await import(`${process.cwd()}/build/machine.mjs`);
    ensure("protoc");
    const read = async (bytes: Uint8Array) => {
      const { traces } = await traced(
        ["perfetto", protocText, FORMATS[0][2]] as unknown as Format,
        await recordingFrom(bytes),
      );
      return [...traces.values()] as unknown as string[];
    };
    const line = (eventSeq: number, event: string, more: object = {}) =>
      `${JSON.stringify({ event, ts_mono_ms: 5 + 7 * eventSeq, connEpoch: 2, eventSeq, clientId: 300, ...more, schemaVersion: "1.0.0", device: "kitchen", boot: 1, bootId: "0000000000002a", time: new Date(1_795_838_055_123 + 7 * eventSeq).toISOString(), timeUncertaintyMs: 2 })}\n`;
    const text =
      line(0, "ws.connect", { ip: "10.0.0.7" }) +
      line(1, "msg.recv", { msgType: "getStatus", result: "ok", reason: "", payloadSummary: "☃" }) +
      line(2, "msg.send", { msgType: "status" }) +
      line(5, "ws.disconnect");
    assert.deepEqual(await read(Buffer.from(text)), [readFileSync("test/export/perfetto-connection.txt", "utf8")]);
    // If these bytes change, Perfetto's own reader has to read them again.
    const recorded = readFileSync("test/export/perfetto-connection-read.txt", "utf8");
    const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    const format = ["perfetto", sha256, FORMATS[0][2]] as unknown as Format;
    const { traces } = await traced(format, await recordingFrom(Buffer.from(text)));
    assert.deepEqual([...traces.values()], [/sha256 (\S+)/.exec(recorded)![1]]);
    assert.equal((await read(joined(mixedPackets()))).length, 1);
  });

  it("wants a file where two are needed", async () => {
    const line = (more: object) =>
      `${JSON.stringify({ event: "ws.connected", ts_mono_ms: 7, connEpoch: 0, eventSeq: 0, clientId: 1, schemaVersion: "1.0.0", ...more })}\n`;
    const text = line({ boot: 1, time: "2026-11-28T03:54:15.123Z", timeUncertaintyMs: 0 }) + line({ boot: 2 });
    const { status, stderr } = await run(["export", "--to", "chrome", "-"], text);
    assert.equal(status, 2);
    assert.match(stderr, /E_TIME: .*name a file with -o/);
    const file = join(root, "t.json");
    assert.equal((await run(["export", "--to", "chrome", "-", "-o", file], text)).status, 0);
    assert.ok(existsSync(file) && existsSync(sinceBootPath(file)));
  });
});
