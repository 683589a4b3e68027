// Tables for fleets, read back by DuckDB.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { folderName, ParquetExporter } from "../../host/export/parquet.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { openRecording } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { arbitraryEvent, type Json } from "../support/arbitrary-events.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { run } from "../support/command.ts";
import { captureFleet, exportTo, linesOf, recordingFrom } from "../support/exports.ts";
import { ownRecordings } from "../support/own-recordings.ts";
import { joined, mixedPackets, PacketSource } from "../support/packets.ts";
import { runs } from "../support/properties.ts";

type Row = Record<string, unknown>;
let root = "";
let instance: DuckDBInstance;

async function ask(sql: string): Promise<Row[]> {
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
  }
}

const tableOf = (folder: string) =>
  `read_parquet('${folder.replaceAll("'", "''")}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)`;
const rowsOf = (folder: string) => ask(`SELECT * FROM ${tableOf(folder)}`);

async function exported(folder: string, bytes: Uint8Array, model: RegistryModel = registry) {
  const exporter = new ParquetExporter(folder, model);
  const outcome = await exportTo(exporter, await recordingFrom(bytes), model);
  return { ...outcome, problems: exporter.problems.map(({ code, count }) => [code, count]) };
}

const asLine = (more: Json) =>
  `${JSON.stringify({ event: "msg.send", ts_mono_ms: 1, connEpoch: 0, eventSeq: 0, clientId: 1, msgType: "x", schemaVersion: "1.0.0", ...more })}\n`;

const filesIn = (folder: string) =>
  (readdirSync(folder, { recursive: true, encoding: "utf8" }) as string[]).filter((name) => name.includes(".")).sort();

describe("export --to parquet", () => {
  before(async () => {
    instance = await DuckDBInstance.create(":memory:");
  });
  after(() => instance.closeSync());
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-parquet-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  for (const model of registries)
    it(`has every value of every event of ${model.schemaVersion}, by the registry's types`, async function () {
      this.timeout(300_000);
      const place = fc.record(
        {
          device: fc
            .string({ unit: "binary", minLength: 1, maxLength: 90 })
            .map((text) => text.replace(/\p{Surrogate}/gu, "�")),
          boot: fc.integer({ min: 1, max: 3 }),
          time: fc
            .date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true })
            .map((date) => date.toISOString()),
        },
        { requiredKeys: [] },
      );
      const event = fc.tuple(arbitraryEvent(model), place).map(([own, more]): Json => ({ ...own, ...more }));
      const sequence = model.attributes.find(({ from }) => from === "sequence")!.key;
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 20 }), async (drawn) => {
          const folder = join(root, String(round++));
          const events = drawn.map((each, index): Json => ({ ...each, [sequence]: index }));
          const { codes, problems } = await exported(
            folder,
            Buffer.from(events.map((each) => `${JSON.stringify(each)}\n`).join("")),
            model,
          );
          assert.deepEqual([codes, problems], [[], []]);
          const rows = await rowsOf(folder);
          const bySequence = new Map(rows.map((row) => [Number(row[sequence]), row]));
          assert.deepEqual([rows.length, bySequence.size], [events.length, events.length]);
          for (const [index, { device, boot, time, ...own }] of events.entries()) {
            const row = bySequence.get(index)!;
            assert.deepEqual(
              [
                row.device_id,
                row.boot === null ? undefined : Number(row.boot),
                (row.time as Date | null)?.toISOString(),
              ],
              [device ?? null, boot, time],
            );
            assert.equal(row.date, time === undefined ? null : String(time).slice(0, 10));
            for (const { attributes } of model.events)
              for (const { key } of attributes) {
                const value = row[key];
                assert.deepEqual(typeof value === "bigint" ? Number(value) : (value ?? undefined), own[key], key);
              }
          }
        }),
        runs(300, 15),
      );
    });

  it("has every value of every event of any registry", async function () {
    this.timeout(300_000);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(ownRecordings, async ({ model, bytes, events }) => {
        if (events.length === 0) return;
        const folder = join(root, `own-${round++}`);
        const { problems } = await exported(folder, bytes, model);
        assert.deepEqual(problems, []);
        const sequence = model.attributes.find(({ from }) => from === "sequence")!.key;
        const rows = (await rowsOf(folder)).sort((a, b) => Number(a[sequence]) - Number(b[sequence]));
        assert.equal(rows.length, events.length);
        for (const [index, event] of events.entries())
          for (const [key, value] of Object.entries(event)) {
            const cell = rows[index]![key];
            assert.deepEqual(typeof cell === "bigint" ? Number(cell) : cell, value, key);
          }
      }),
      runs(100, 10),
    );
  });

  it("has the events of fleets, each once, also if they are exported again, when there are more", async function () {
    this.timeout(300_000);
    for (let round = 0; round < rounds(40, 4); round++) {
      const folder = join(root, `fleet${round}`);
      captureFleet(seedFor(151) + round, folder);
      if (!existsSync(folder)) continue;
      const lines = await linesOf(folder);
      const to = join(root, `lake${round}`);
      const { missing } = await exportTo(new ParquetExporter(to, registry), await openRecording(folder));
      if (lines.length === 0) {
        // No event has arrived.
        assert.deepEqual(existsSync(to) ? filesIn(to) : [], []);
        continue;
      }
      const key = (device: unknown, bootId: unknown, number: unknown, wall: unknown) =>
        JSON.stringify([device, bootId, Number(number), wall]);
      const rows = await rowsOf(to);
      assert.deepEqual(
        rows
          .map((row) => key(row.device_id, row.boot_id, row.eventSeq, (row.time as Date | null)?.getTime() ?? null))
          .sort(),
        lines
          .map(({ device, bootId, eventSeq, time }) =>
            key(device, bootId, eventSeq, time === undefined ? null : Date.parse(String(time))),
          )
          .sort(),
      );
      assert.ok(rows.reduce((sum, row) => sum + Number(row.missing_before), 0) <= missing);
      const files = filesIn(to);
      const again = new ParquetExporter(to, registry);
      await exportTo(again, await openRecording(folder));
      assert.deepEqual(
        again.problems.map(({ code, count }) => [code, count]),
        [["W_EXPORTED", lines.length]],
      );
      assert.deepEqual(filesIn(to), files);
    }
    const source = new PacketSource({ bootId: 5 });
    const packets = [1, 2, 3].map((time) => source.data([{ event: "ws.connected", time, clientId: time }]));
    const to = join(root, "grown");
    for (const count of [1, 2, 2, 3]) await exported(to, joined(packets.slice(0, count)));
    // A recording with fewer events removes nothing.
    await exported(to, packets[1]!.bytes);
    assert.deepEqual((await rowsOf(to)).map(({ eventSeq }) => Number(eventSeq)).sort(), [0, 1, 2]);
    assert.deepEqual(
      filesIn(to).map((name) => name.split("/").at(-1)),
      ["part-00000000000005.2.parquet", "part-00000000000005.3.parquet", "part-00000000000005.parquet"],
    );
  });

  it("takes nothing of another recording for already there: boots with one id, or none", async () => {
    const of = (count: number, start: number, more: Json) =>
      Buffer.from(
        Array.from({ length: count }, (_, eventSeq) =>
          // They begin alike, for less than tells one boot.
          asLine({ eventSeq, ts_mono_ms: eventSeq < 500 ? eventSeq : start + eventSeq, ...more }),
        ).join(""),
      );
    for (const [name, more] of Object.entries({ id: { boot: 1, bootId: "0000000000004d" }, none: {} })) {
      const to = join(root, name);
      const recordings = [of(1500, 0, more), of(2500, 7, more), of(700, 9000, more)];
      let rows = 0;
      for (const recording of recordings) {
        assert.deepEqual((await exported(to, recording)).problems, []);
        rows += recording.toString().split("\n").length - 1;
        assert.equal((await rowsOf(to)).length, rows);
      }
      const files = filesIn(to);
      assert.equal(files.length, 3);
      for (const [index, count] of [1500, 2500, 700].entries())
        assert.deepEqual((await exported(to, recordings[index]!)).problems, [["W_EXPORTED", count]]);
      assert.deepEqual(filesIn(to), files);
      const grown = of(2600, 7, more);
      assert.deepEqual((await exported(to, grown)).problems, [["W_EXPORTED", 2500]]);
      assert.equal((await rowsOf(to)).length, rows + 100);
    }
  });

  it("has types by the registry: doubles stay doubles, integers reach ±2^63, what fits no type is null and told", async () => {
    const model: RegistryModel = {
      ...registry,
      attributes: registry.attributes.map((each) =>
        each.key === "clientId" ? { ...each, type: "double" } : each.key === "ip" ? { ...each, type: "boolean" } : each,
      ),
    };
    const numbers = [-(2 ** 63), 2 ** 63 - 1024, 2 ** 53 - 1, -0];
    const text = [
      ...numbers.map((connEpoch, eventSeq) => asLine({ connEpoch, eventSeq, clientId: 2 })),
      asLine({ eventSeq: 8, clientId: 2.5, msgType: "a\0b\ud800" }),
      asLine({ eventSeq: 9, connEpoch: 1.5, clientId: "x", ip: true, msgType: 7 }),
      asLine({ eventSeq: 10, connEpoch: 2 ** 63 }),
    ].join("");
    const { problems } = await exported(root, Buffer.from(text), model);
    assert.deepEqual(problems, [["E_TYPE", 4]]);
    const rows = await ask(`SELECT * FROM ${tableOf(root)} ORDER BY "eventSeq"`);
    assert.deepEqual(
      rows.slice(0, 4).map(({ connEpoch, clientId }) => [connEpoch, clientId]),
      [
        [-(2n ** 63n), 2],
        [2n ** 63n - 1024n, 2],
        [2n ** 53n - 1n, 2],
        [0n, 2],
      ],
    );
    assert.deepEqual([rows[4]!.clientId, rows[4]!.msgType], [2.5, "a\0b\ufffd"]);
    assert.deepEqual([rows[5]!.connEpoch, rows[5]!.clientId, rows[5]!.ip, rows[5]!.msgType], [null, null, true, null]);
    const types = await ask(`DESCRIBE SELECT * FROM ${tableOf(root)}`);
    const of = new Map(types.map(({ column_name, column_type }) => [column_name, column_type]));
    assert.deepEqual(
      ["device_id", "boot", "time", "clientId", "ip", "connEpoch", "device", "date"].map((name) => of.get(name)),
      ["VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "DOUBLE", "BOOLEAN", "BIGINT", "VARCHAR", "VARCHAR"],
    );
  });

  it("stays within its folder, whatever names a recording has, and takes devices apart", async () => {
    const names = [
      "../../x",
      "/etc",
      ".",
      "..",
      "a/b",
      "a%2Fb",
      "ü\u202e",
      "x".repeat(500),
      `${"x".repeat(500)}y`,
      "'",
      "7",
    ];
    const text = names.map((device) => asLine({ device, boot: 1, bootId: "../../../../../y" })).join("");
    const to = join(root, "a", "lake");
    await exported(to, Buffer.from(text));
    assert.deepEqual(readdirSync(root), ["a"]);
    assert.deepEqual(readdirSync(join(root, "a")), ["lake"]);
    assert.equal(readdirSync(to).length, names.length);
    assert.deepEqual(new Set((await rowsOf(to)).map(({ device_id }) => device_id)), new Set(names));
    assert.equal(folderName("ü 1"), "%C3%BC%201");
  });

  it("leaves nothing half-written where a file of several cannot be written", async () => {
    const to = join(root, "lake");
    mkdirSync(join(to, "device=b"), { recursive: true });
    writeFileSync(join(to, "device=b", "date=__HIVE_DEFAULT_PARTITION__"), "");
    const exporter = new ParquetExporter(to, registry);
    const text = asLine({ device: "a" }) + asLine({ device: "b" });
    await assert.rejects(
      exportTo(exporter, await recordingFrom(Buffer.from(text))),
      (error: { code: string }) => error.code === "E_WRITE",
    );
    await exporter.abandon();
    assert.deepEqual(filesIn(to), [], "neither a file nor a temporary one");
  });

  it("leaves nothing half-written, and the files that are there as they are", async () => {
    const bytes = joined(mixedPackets());
    const to = join(root, "lake");
    await exported(to, bytes);
    const [file] = filesIn(to);
    const whole = readFileSync(join(to, file!));
    const other = new ParquetExporter(to, registries[1]!);
    await assert.rejects(
      exportTo(other, await recordingFrom(bytes), registries[1]!),
      (error: { code: string }) => error.code === "E_COLUMNS",
    );
    writeFileSync(join(to, file!), whole.subarray(0, 50));
    await assert.rejects(exported(to, bytes), (error: { code: string }) => error.code === "E_PARQUET");
    writeFileSync(join(to, file!), whole);
    // A source that fails in the middle.
    const half = new ParquetExporter(join(root, "half"), registry);
    await half.add([]);
    await half.abandon();
    assert.ok(!existsSync(join(root, "half")));
    assert.deepEqual(filesIn(to), [file]);

    const denied = await run(["export", "--to", "parquet", "-", "-o", "/dev/null/lake"], bytes);
    assert.equal(denied.status, 2);
    assert.match(denied.stderr, /E_WRITE: .*cannot be written: ENOTDIR/);
    assert.equal((await run(["export", "--to", "parquet", "-"], bytes)).status, 2);
    const damaged = Uint8Array.from(bytes);
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 100] = 0xee;
    const good = join(root, "good");
    assert.equal((await run(["export", "--to", "parquet", "-", "-o", good], damaged)).status, 1);
    assert.ok((await rowsOf(good)).length > 0);
    const again = await run(["export", "--to", "parquet", "-", "-o", to], bytes);
    assert.match(again.stderr, /: \d+ events \(0 of them new\), 1 boot/);
    const empty = await run(["export", "--to", "parquet", "-", "-o", join(root, "empty")], "");
    assert.equal(empty.status, 1);
    assert.ok(!existsSync(join(root, "empty")));
  });
});
