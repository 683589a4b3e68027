// OpenTelemetry's LogRecords, read back by other implementations: they contain what decode says of a recording.
// One file, because each case reads both forms, JSON and protobuf, by the same readers, and compares them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { OtlpRecords } from "../../host/export/otlp.ts";
import { identityFrom } from "../../host/export/otlp-identity.ts";
import { OtlpExporter } from "../../host/export/otlp-json.ts";
import { OtlpBatch, OtlpEncoder } from "../../host/export/otlp-protobuf.ts";
import { type ExportItem, exportItems } from "../../host/export/source.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { openRecording, type Recording } from "../../host/read/recording.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { arbitraryEvent, type Json } from "../support/arbitrary-events.ts";
import { registries as ownRegistries } from "../support/arbitrary-registries.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { COMMAND, run } from "../support/command.ts";
import { captureFleet, exportTo, type Line, linesOf, MemoryOutput, recordingFrom } from "../support/exports.ts";
import { loadOtlp, protocDecoded, type ReadRecord, readRequest, recordsOf } from "../support/otlp.ts";
import { joined, mixedPackets, PacketSource } from "../support/packets.ts";
import { runs } from "../support/properties.ts";

const NOW = Date.UTC(2026, 10, 28, 3, 54, 15, 123);
const NOW_NS = `${NOW}000000`;
const NOBODY = identityFrom({});

/** A recording in both encodings, which have to agree. */
async function both(bytes: Uint8Array | string, model: RegistryModel = registry, environment = {}) {
  const output = new MemoryOutput();
  const buffer = Buffer.from(bytes);
  const exporter = new OtlpExporter("it", output, model, identityFrom(environment), () => NOW);
  const outcome = await exportTo(exporter, await recordingFrom(buffer), model);
  const text = output.bytes.toString();
  const read =
    text === ""
      ? []
      : text
          .trimEnd()
          .split("\n")
          .flatMap((line) => recordsOf(JSON.parse(line)));
  const { request } = await encoded(await recordingFrom(buffer), model, environment);
  assert.deepEqual(readRequest(request), read, "JSON and protobuf say the same");
  return { ...outcome, text, request, records: read, problems: exporter.problems };
}

async function encoded(recording: Recording, model: RegistryModel = registry, environment = {}) {
  const maker = new OtlpRecords(model, identityFrom(environment), () => NOW);
  const batch = new OtlpBatch(new OtlpEncoder(maker.scope));
  for await (const items of exportItems(recording, model))
    for (const item of items as ExportItem[])
      if (item.kind !== "problem" && item.kind !== "summary")
        maker.of(item).forEach((record) => void batch.add(record));
  for (const record of maker.end()) batch.add(record);
  return { request: batch.request(), batch };
}

const isLost = ({ eventName }: ReadRecord) => eventName === "xs_telemetry.lost";
const wellFormed = (value: unknown) => (typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value);
const escaped = (text: unknown) => String(text).replaceAll("%", "%25").replaceAll("/", "%2F");

/** An event of decode, made from its record: the registry's attributes under the registry's keys, with device, boot and time. */
function lineOf({ attributes, eventName, resource, scope, time }: ReadRecord, model: RegistryModel): Line {
  const own: Record<string, unknown> = {};
  const rest = new Map(Object.entries(attributes));
  for (const { key, from, otelName, value } of model.attributes) {
    if (from === "event_name") own[key] = eventName;
    else if (from === "schema_version") own[key] = scope.version;
    else if (from === "schema_url") own[key] = value;
    else {
      const name = otelName || key;
      if (rest.has(name)) own[key] = rest.get(name);
      rest.delete(name);
    }
  }
  for (const ours of ["log.record.uid", "session.id"]) rest.delete(ours);
  const uncertainty = rest.get("xs_telemetry.time_uncertainty_ms") ?? 0;
  rest.delete("xs_telemetry.time_uncertainty_ms");
  assert.deepEqual([...rest.keys()], []);
  const unixMs = Number(BigInt(time) / 1_000_000n);
  return Object.fromEntries(
    Object.entries({
      ...own,
      device: resource["device.id"],
      boot: resource["xs_telemetry.boot.number"],
      bootId: resource["xs_telemetry.boot.id"],
      ...(time !== "0" && { time: new Date(unixMs).toISOString(), timeUncertaintyMs: uncertainty }),
    }).filter(([, value]) => value !== undefined),
  ) as Line;
}

/** error.type is not set on success. */
function asRecorded(line: Json, model: RegistryModel): Json {
  const empty = model.attributes.find(({ otelName }) => otelName === "error.type")?.key ?? "";
  return Object.fromEntries(
    Object.entries(line)
      .filter(([key, value]) => !(key === empty && value === "") && key !== "reader")
      .map(([key, value]) => [key, wellFormed(value)]),
  );
}

const sorted = (lines: readonly Json[]) => lines.map((line) => JSON.stringify(Object.entries(line).sort())).sort();

let root = "";

describe("export --to otlp", () => {
  before(loadOtlp);
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-otlp-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("has the events of fleets that decode has, each once, under device and boot, and what was lost", async function () {
    this.timeout(300_000);
    for (let round = 0; round < rounds(120, 8); round++) {
      const folder = join(root, String(round));
      captureFleet(seedFor(191) + round, folder);
      if (!existsSync(folder)) continue;
      const lines = await linesOf(folder);
      const output = new MemoryOutput();
      const exporter = new OtlpExporter("it", output, registry, NOBODY, () => NOW);
      const { missing } = await exportTo(exporter, await openRecording(folder));
      const texts = output.bytes.toString().trimEnd().split("\n");
      const records = texts.flatMap((text) => recordsOf(JSON.parse(text)));
      const { request } = await encoded(await openRecording(folder));
      assert.deepEqual(readRequest(request), records);
      if (round < 3) protocDecoded(request);
      const events = records.filter((record) => !isLost(record));
      assert.deepEqual(
        sorted(events.map((record) => lineOf(record, registry))),
        sorted(lines.map((line) => asRecorded(line, registry))),
      );
      const lost = records.filter(isLost);
      assert.equal(
        lost.reduce((sum, { attributes }) => sum + Number(attributes["xs_telemetry.lost.events"]), 0),
        missing,
      );
      const uids = records.map(({ attributes }) => attributes["log.record.uid"]);
      assert.ok(uids.every((uid) => typeof uid === "string"));
      assert.equal(new Set(uids).size, uids.length, "an identity each");
      for (const { resource, attributes, observed } of events) {
        assert.equal(observed, NOW_NS);
        const of = `${escaped(resource["device.id"])}/${resource["xs_telemetry.boot.id"]}`;
        assert.equal(resource["service.instance.id"], of);
        assert.equal(attributes["log.record.uid"], `${of}/${attributes["lw.event.seq"]}`);
        assert.equal(
          attributes["session.id"],
          `${resource["xs_telemetry.boot.id"]}/${attributes["client.id"]}/${attributes["lw.conn.epoch"]}`,
        );
      }
    }
  });

  for (const model of registries)
    it(`says every value of every event of ${model.schemaVersion}, whose time may be any`, async () => {
      const place = fc.record(
        {
          device: fc.string({ unit: "grapheme" }),
          boot: fc.integer({ min: 1 }),
          bootId: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }).map((id) => id.toString(16).padStart(14, "0")),
          time: fc
            .date({ min: new Date(1), max: new Date("2554-07-21T23:34:33.709Z"), noInvalidDate: true })
            .map((date) => date.toISOString()),
        },
        { requiredKeys: [] },
      );
      const event = fc.tuple(arbitraryEvent(model), place).map(([own, more]): Json => ({ ...own, ...more }));
      await fc.assert(
        fc.asyncProperty(fc.array(event, { maxLength: 20 }), async (events) => {
          const text = events.map((each) => `${JSON.stringify(each)}\n`).join("");
          const { records, codes } = await both(text, model);
          assert.deepEqual(codes, events.length === 0 ? ["E_EMPTY"] : []);
          const expected = events.map((each) =>
            asRecorded(each.time ? { ...each, timeUncertaintyMs: 0 } : each, model),
          );
          assert.deepEqual(
            sorted(records.filter((record) => !isLost(record)).map((record) => lineOf(record, model))),
            sorted(expected),
          );
          for (const { scope, attributes, resource } of records) {
            assert.deepEqual([scope.name, scope.version], ["xs-telemetry", model.schemaVersion]);
            assert.equal("log.record.uid" in attributes, resource["xs_telemetry.boot.id"] !== undefined);
          }
        }),
        runs(1000, 40),
      );
    });

  it("says every value of every event of any registry of one's own", async () => {
    const anything = ownRegistries.chain(({ yaml }) => {
      const model = loadRegistry(yaml, "own.yaml");
      return fc.tuple(fc.constant(model), fc.array(arbitraryEvent(model), { minLength: 1, maxLength: 8 }));
    });
    await fc.assert(
      fc.asyncProperty(anything, async ([model, events]) => {
        const text = events.map((each) => `${JSON.stringify(each)}\n`).join("");
        const { records } = await both(text, model);
        assert.deepEqual(
          sorted(records.filter((record) => !isLost(record)).map((record) => lineOf(record, model))),
          sorted(events.map((each) => asRecorded(each, model))),
        );
      }),
      runs(500, 25),
    );
  });

  it("takes names and targets from a registry of one's own, which gives way to nothing", async () => {
    const yaml = readFileSync("registry/1.0.0.yaml", "utf8")
      .replace("otel: { name: client.address }", "otel: { name: host.ip, target: resource }")
      .replace("otel: { name: lw.msg.type, note: ", "otel: { name: log.record.uid, note: ")
      .replace("otel: { name: lw.msg.result, note: ", "otel: { name: log.record.uid, note: ");
    const path = join(root, "own.yaml");
    writeFileSync(path, yaml);
    const model = loadRegistry(yaml, path);
    const line = (event: string, more: object) =>
      `${JSON.stringify({ event, ts_mono_ms: 5, connEpoch: 0, eventSeq: 3, clientId: 1, ...more, schemaVersion: "1.0.0", boot: 1, bootId: "00000000000007" })}\n`;
    const text =
      line("ws.connect", { ip: "10.0.0.1" }) +
      line("ws.connect", { ip: "10.0.0.2" }) +
      line("msg.recv", { msgType: "x", result: "ok", reason: "" });
    const received = { msgType: "x", result: "ok", reason: "" };
    const lossy = await both(line("msg.recv", received) + line("msg.recv", { ...received, eventSeq: 9 }), model);
    const [lost] = lossy.records.filter(isLost);
    assert.ok(lost?.attributes["_log.record.uid"] && !("log.record.uid" in lost.attributes), "a loss's is not another");
    const { records } = await both(text, model);
    assert.deepEqual(
      records.map(({ resource }) => resource["host.ip"]),
      ["10.0.0.1", "10.0.0.2", undefined],
    );
    const { attributes } = records[2]!;
    assert.deepEqual(
      [attributes["log.record.uid"], attributes.result, attributes["_log.record.uid"]],
      ["x", "ok", "/00000000000007/3"],
    );
    assert.equal(records[0]!.scope.schemaUrl, "");
    const newest = registries.at(-1)!;
    const { records: newer } = await both(joined(mixedPackets()), newest);
    const url = `https://xs-telemetry.invalid/schemas/${newest.schemaVersion}`;
    assert.ok(newer.length > 0 && newer.every(({ scope }) => scope.schemaUrl === url));
  });

  it("is JSON whatever numbers a line has", async () => {
    const line =
      '{"event":"ws.connected","ts_mono_ms":5,"connEpoch":0,"eventSeq":0,"clientId":1e400,"schemaVersion":"1.0.0"}\n';
    const { stdout } = await run(["export", "--to", "otlp", "-"], line);
    const [{ scopeLogs }] = JSON.parse(stdout).resourceLogs;
    const { attributes } = scopeLogs[0].logRecords[0];
    const values = attributes.map(({ value }: { value: Record<string, unknown> }) => value.doubleValue);
    assert.ok(values.includes("Infinity"), stdout);
  });

  it("leaves out times before 1970, and 1970 itself, which means unknown", async () => {
    for (const [time, expected, codes] of [
      ["1969-12-31T23:59:59.999Z", "0", ["W_TIME"]],
      ["1970-01-01T00:00:00.000Z", "0", ["W_TIME"]],
      ["1970-01-01T00:00:00.001Z", "1000000", []],
    ] as const) {
      const line = `{"event":"ws.connected","ts_mono_ms":5,"connEpoch":0,"eventSeq":0,"clientId":1,"schemaVersion":"1.0.0","time":"${time}"}\n`;
      const { records, problems, request } = await both(line);
      protocDecoded(request);
      assert.deepEqual(
        [records.map((record) => record.time), problems.map(({ code }) => code)],
        [[expected], [...codes]],
        time,
      );
    }
  });

  it("has known bytes", async () => {
    const line = (eventSeq: number, more: object) =>
      `${JSON.stringify({ event: "msg.recv", ts_mono_ms: 5 + eventSeq, connEpoch: 2, eventSeq, clientId: 300, msgType: "getStatus", result: "rejected", reason: "rate_limit", schemaVersion: "1.0.0", device: "kitchen", boot: 1, bootId: "0000000000002a", ...more })}\n`;
    const text =
      line(0, { result: "ok", reason: "" }) +
      line(3, { payloadSummary: "☃", time: "2026-11-28T03:54:15.123Z", timeUncertaintyMs: 2 });
    const { request } = await both(text);
    assert.equal(protocDecoded(request), readFileSync("test/export/otlp-two-events.txt", "utf8"));
  });

  it("is whole for an empty recording, reboots, damage, unknown and late times, clocks that were set, hostile texts", async () => {
    const none = await both("");
    assert.deepEqual([none.codes, none.text, none.request.length], [["E_EMPTY"], "", 0]);

    const damaged = joined(mixedPackets());
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 120] = 0xee;
    const good = await both(damaged);
    assert.ok(good.codes.some((code) => code.startsWith("E_")));
    assert.ok(good.records.length >= 8);
    const whole = await both(joined(mixedPackets()));
    const lost = whole.records.filter(isLost);
    assert.equal(
      lost.reduce((sum, { attributes }) => sum + Number(attributes["xs_telemetry.lost.events"]), 0),
      whole.missing,
    );
    assert.ok(lost.every(({ severity, body }) => severity === 13 && /^\d+ events? lost$/.test(body!)));

    const event = (boot: number, more: object) =>
      `${JSON.stringify({ event: "msg.recv", ts_mono_ms: 7, connEpoch: 0, eventSeq: 4, clientId: 1, msgType: 'a"\u202e</script>\0\ud800', result: "ok", reason: "", payloadSummary: "\u0007\ud800x\0y\n{}", schemaVersion: "1.0.0", device: "\u001b]0;\0:/%, x\ud800", boot, bootId: `0000000000000${boot}`, ...more })}\n`;
    const late = "2026-11-28T03:54:15.123Z";
    const text =
      event(1, { time: late, timeUncertaintyMs: 3 }) +
      event(1, { eventSeq: 5, time: "2026-11-28T03:50:00.000Z", timeUncertaintyMs: 0 }) +
      event(2, {}) +
      event(3, { time: "9999-12-31T23:59:59.999Z", ts_mono_ms: 2 ** 53 - 1 }) +
      event(4, { ts_mono_ms: 1.5, eventSeq: 2 ** 53 - 1 }) +
      event(5, { ts_mono_ms: -1, clientId: -(2 ** 53 - 1), eventSeq: -1 });
    const { records, problems, request } = await both(text);
    protocDecoded(request);
    assert.deepEqual(
      records.map(({ time }) => time),
      [`${Date.parse(late)}000000`, `${Date.parse("2026-11-28T03:50:00.000Z")}000000`, "0", "0", "0", "0"],
    );
    assert.deepEqual(
      problems.map(({ code, count }) => [code, count]),
      [["W_TIME", 1]],
    );
    const { attributes, resource } = records[0]!;
    assert.equal(attributes["xs_telemetry.time_uncertainty_ms"], 3);
    assert.equal(attributes["lw.msg.payload_summary"], "\u0007\ufffdx\0y\n{}");
    assert.equal(resource["device.id"], "\u001b]0;\0:/%, x\ufffd");
    assert.equal(attributes["log.record.uid"], "\u001b]0;\0:%2F%25, x\ufffd/00000000000001/4");
    assert.equal(records[4]!.attributes["monotonic.timestamp"], 1.5);
    assert.equal(records[5]!.attributes["client.id"], -(2 ** 53 - 1));
    assert.ok(!("log.record.uid" in records[5]!.attributes), "a number that is none gives no identity");
  });

  it("says after the last event what is missing there, and the events of further readers once", async () => {
    const source = new PacketSource({ bootId: 9 });
    const packets = [source.data([{ event: "ws.connect", time: 1, clientId: 1 }]), source.data([{ lost: 5, time: 9 }])];
    const { records, missing } = await both(joined(packets));
    assert.equal(missing, 5);
    assert.deepEqual(
      records.map(({ eventName, attributes }) => [eventName, attributes["log.record.uid"]]),
      [
        ["ws.connect", "/00000000000009/0"],
        ["xs_telemetry.lost", "/00000000000009/lost-after-0"],
      ],
    );
    const twice = [0, 1].flatMap((reader) => {
      const own = new PacketSource({ bootId: 9, reader });
      return [1, 2].map((time) => own.data([{ event: "ws.connect", time, clientId: time, connEpoch: time }]));
    });
    const told = await both(joined(twice));
    assert.deepEqual([told.records.length, told.codes], [2, ["W_READER"]]);
  });

  it("distinguishes two boots with one id", async () => {
    const line = (boot: number) =>
      `${JSON.stringify({ event: "ws.connected", ts_mono_ms: 7, connEpoch: 0, eventSeq: 0, clientId: 1, schemaVersion: "1.0.0", boot, bootId: "00000000000001" })}\n`;
    const { records } = await both(line(1) + line(2) + line(3));
    assert.deepEqual(
      records.map(({ attributes }) => attributes["log.record.uid"]),
      ["/00000000000001/0", "/00000000000001-2/0", "/00000000000001-3/0"],
    );
    assert.equal(new Set(records.map(({ resource }) => resource["service.instance.id"])).size, 3);
  });

  it("gathers records into lines that a Collector reads, at most 1 MiB", async () => {
    const line = (eventSeq: number) =>
      `${JSON.stringify({ event: "msg.send", ts_mono_ms: 7, connEpoch: 0, eventSeq, clientId: 1, msgType: "☃".repeat(3000), schemaVersion: "1.0.0", boot: 1, bootId: "00000000000001" })}\n`;
    const { text, records } = await both(Array.from({ length: 300 }, (_, seq) => line(seq)).join(""));
    const lines = text.trimEnd().split("\n");
    assert.equal(records.length, 300);
    assert.ok(lines.length > 2 && lines.every((each) => Buffer.byteLength(each) < 2 ** 20));
  });

  it("says who recorded as OpenTelemetry's variables say it", async () => {
    const one = new PacketSource({ bootId: 7 }).data([{ event: "ws.connected", time: 5 }]);
    const variables = {
      OTEL_SERVICE_NAME: "lights",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=the%20lab, service.name=x,device.id=none",
    };
    const [record] = (await both(joined([one]), registry, variables)).records;
    assert.deepEqual(record!.resource, {
      "service.name": "lights",
      "service.instance.id": "/00000000000007",
      "xs_telemetry.boot.number": 1,
      "xs_telemetry.boot.id": "00000000000007",
      "deployment.environment.name": "the lab",
      "device.id": "none",
    });
    for (const wrong of ["=x", "a=%zz", "novalue"])
      assert.throws(
        () => identityFrom({ OTEL_RESOURCE_ATTRIBUTES: wrong }),
        (error: { code: string; message: string }) =>
          error.code === "E_USAGE" && /OTEL_RESOURCE_ATTRIBUTES/.test(error.message) && !/zz/.test(error.message),
      );
  });

  it("is a command: a file that is there whole or not at all, or a pipe whose reader may stop", async () => {
    const bytes = joined(mixedPackets());
    const file = join(root, "events.jsonl");
    const { status, stderr } = await run(["export", "--to", "otlp", "-", "-o", file], bytes);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /standard input: 11 events, 1 boot to .*events.jsonl; 57 events missing; the export shows where/,
    );
    const text = readFileSync(file, "utf8");
    assert.equal(recordsOf(JSON.parse(text)).filter((record) => !isLost(record)).length, 11);
    const damaged = Uint8Array.from(bytes);
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 100] = 0xee;
    assert.equal((await run(["export", "--to", "otlp", "-", "-o", join(root, "good.jsonl")], damaged)).status, 1);
    assert.ok(recordsOf(JSON.parse(readFileSync(join(root, "good.jsonl"), "utf8"))).length > 0, "the good part");
    const full = await run(["export", "--to", "otlp", "-", "-o", "/dev/full"], bytes);
    assert.equal(full.status, 2);
    assert.match(full.stderr, /E_WRITE: \/dev\/full cannot be written: ENOSPC: its disk is full/);
    assert.deepEqual(readdirSync(root).sort(), ["events.jsonl", "good.jsonl"], "no temporary file stays");
    assert.equal((await run(["export", "--to", "otlp", "-"], "")).status, 1, "nothing is in it");
    const many = Buffer.concat(
      Array.from({ length: 300 }, (_, bootId) => joined(mixedPackets({ bootId: bootId + 9 }))),
    );
    const stops = '"$0" "$1" export --to otlp - | head -c 5 > /dev/null; echo $?';
    const piped = spawnSync("bash", ["-o", "pipefail", "-c", stops, process.execPath, COMMAND], { input: many });
    assert.deepEqual([piped.stdout.toString(), piped.stderr.toString()], ["0\n", ""]);
  });
});
