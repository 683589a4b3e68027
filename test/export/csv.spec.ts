// Tables for spreadsheets, read back by a reader of RFC 4180.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Telemetry } from "xs-telemetry";
import { CsvExporter } from "../../host/export/csv.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { openRecording } from "../../host/read/recording.ts";
import { arbitraryEvent, type Json } from "../support/arbitrary-events.ts";
import { COMMAND, run } from "../support/command.ts";
import { captureFleet, exportTo, MemoryOutput, recordingFrom } from "../support/exports.ts";
import { ownRecordings } from "../support/own-recordings.ts";
import { joined, mixedPackets } from "../support/packets.ts";
import { runs } from "../support/properties.ts";

/** Cells of rows; undefined for an empty cell without quotes. */
function readCsv(text: string): (string | undefined)[][] {
  const rows: (string | undefined)[][] = [];
  let row: (string | undefined)[] = [];
  for (let at = 0; at < text.length; ) {
    const [all, quoted, plain = ""] = /^(?:"((?:[^"]|"")*)"|([^",\n]*))/.exec(text.slice(at))!;
    row.push(quoted === undefined ? (plain === "" ? undefined : plain) : quoted.replaceAll('""', '"'));
    at += all.length;
    assert.match(text[at] ?? "", /[,\n]/, "a cell ends");
    if (text[at++] === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

async function tabled(bytes: Uint8Array, model = registry) {
  const output = new MemoryOutput();
  const outcome = await exportTo(new CsvExporter("it", output, model), await recordingFrom(bytes), model);
  const text = output.bytes.toString();
  assert.equal(text[0], "\ufeff");
  const [names, ...rows] = readCsv(text.slice(1));
  return {
    ...outcome,
    text,
    names: names!,
    rows: rows.map((row) => new Map(row.map((cell, index) => [names![index]!, cell]))),
  };
}

const asCell = (value: unknown) => {
  if (typeof value !== "string") return value === undefined ? undefined : String(value);
  return /^[=+\-@\t\r\n'＝＋－＠]/.test(value) ? `'${value}` : value;
};

describe("export --to csv", () => {
  for (const model of registries)
    it(`has every value of every event, by the columns of ${model.schemaVersion}`, async () => {
      const place = fc.record(
        {
          device: fc.string({ unit: "grapheme" }),
          boot: fc.integer({ min: 1 }),
          time: fc
            .date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })
            .map((date) => date.toISOString()),
        },
        { requiredKeys: [] },
      );
      const event = fc.tuple(arbitraryEvent(model), place).map(([own, more]): Json => ({ ...own, ...more }));
      const keys = new Set(model.events.flatMap(({ attributes }) => attributes.map(({ key }) => key)));
      await fc.assert(
        fc.asyncProperty(fc.array(event, { maxLength: 20 }), async (events) => {
          const text = events.map((each) => `${JSON.stringify(each)}\n`).join("");
          const { rows, codes } = await tabled(Buffer.from(text), model);
          // Arbitrary events are in no order.
          const others = codes.filter((code) => code !== "E_SEQUENCE");
          assert.deepEqual(others, events.length === 0 ? ["E_EMPTY"] : []);
          assert.equal(rows.length, events.length);
          for (const [index, row] of rows.entries()) {
            const { device, boot, time, ...own } = events[index]!;
            assert.deepEqual(
              [row.get("device_id"), row.get("boot"), row.get("time")],
              [device, boot, time].map(asCell),
            );
            for (const key of keys) assert.equal(row.get(key), asCell(own[key]), key);
          }
        }),
        runs(2000, 60),
      );
    });

  it("has every value of every event of any registry", async () => {
    await fc.assert(
      fc.asyncProperty(ownRecordings, async ({ model, bytes, events }) => {
        const { rows, names } = await tabled(bytes, model);
        assert.equal(rows.length, events.length);
        assert.equal(new Set(names).size, names.length, "no column stands twice");
        for (const [index, event] of events.entries())
          for (const [key, value] of Object.entries(event)) assert.equal(rows[index]!.get(key), asCell(value), key);
      }),
      runs(300, 15),
    );
  });

  it("makes no formula of a text, and shows where events are missing", async () => {
    for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", '=HYPERLINK("http://x","y")', "＝1"]) {
      const line = `${JSON.stringify({ event: "msg.send", ts_mono_ms: 1, connEpoch: 0, eventSeq: 0, clientId: 1, msgType: text, schemaVersion: "1.0.0" })}\n`;
      const { rows } = await tabled(Buffer.from(line));
      assert.equal(rows[0]!.get("msgType"), `'${text}`);
    }
    const { rows, missing } = await tabled(joined(mixedPackets()));
    assert.equal(
      rows.reduce((sum, row) => sum + Number(row.get("missing_before")), 0),
      missing,
    );
    assert.deepEqual([rows.length, missing], [11, 57]);
  });

  it("shows events as missing where their numbers are, also within a packet", async () => {
    const telemetry = new Telemetry({ capacityBytes: 4096, policy: "discard", clock: { now: () => 5 } });
    const connection = telemetry.connect(1);
    const reader = telemetry.reader();
    const buffer = new Uint8Array(1400);
    const packets: Uint8Array[] = [];
    for (let round = 0; round < 40; round++) {
      for (let count = 0; count < 60 + 40 * (round % 5); count++) connection.received(0);
      packets.push(buffer.slice(0, reader.next(buffer)));
    }
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
    const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-csv-"));
    captureFleet(1006, folder);
    for (const recording of [await recordingFrom(Buffer.concat(packets)), await openRecording(folder)]) {
      const output = new MemoryOutput();
      const { missing } = await exportTo(new CsvExporter("it", output, registry), recording);
      const [names, ...rows] = readCsv(output.bytes.toString().slice(1));
      const cell = (row: readonly (string | undefined)[], name: string) => row[names!.indexOf(name)];
      const next = new Map<string, number>();
      let shown = 0;
      for (const row of rows) {
        const boot = `${cell(row, "device_id")} ${cell(row, "boot")}`;
        const number = Number(cell(row, "eventSeq"));
        assert.equal(Number(cell(row, "missing_before")), number - (next.get(boot) ?? 0), `${boot}, event ${number}`);
        shown += Number(cell(row, "missing_before"));
        next.set(boot, number + 1);
      }
      assert.ok(shown > 0 && shown <= missing, `${shown} of ${missing} are before an event`);
    }
    rmSync(folder, { recursive: true });
  });

  it("gives way to a registry's own names", async () => {
    const attributes = registry.attributes.map((each) => (each.key === "ip" ? { ...each, key: "Time" } : each));
    const events = registry.events.map((event) => ({
      ...event,
      attributes: event.attributes.map((each) => (each.key === "ip" ? { ...each, key: "Time" } : each)),
    }));
    const { names } = await tabled(new Uint8Array(0), { ...registry, attributes, events });
    assert.ok(names.includes("_time") && names.includes("Time") && !names.includes("time"));
  });

  it("is a command whose output may be piped, and whose reader may stop", async () => {
    const { status, stdout, stderr } = await run(["export", "--to", "csv", "-"], joined(mixedPackets()));
    assert.equal(status, 0, stderr);
    assert.equal(readCsv(stdout.slice(1)).length, 12);
    const damaged = joined(mixedPackets());
    damaged[mixedPackets()[0]!.bytes.length + 120] = 0xee;
    assert.equal((await run(["export", "--to", "csv", "-"], damaged)).status, 1);
    const many = Buffer.concat(
      Array.from({ length: 300 }, (_, bootId) => joined(mixedPackets({ bootId: bootId + 9 }))),
    );
    const piped = spawnSync(
      "bash",
      [
        "-o",
        "pipefail",
        "-c",
        '"$0" "$1" export --to csv - | head -c 5 > /dev/null; echo $?',
        process.execPath,
        COMMAND,
      ],
      { input: many },
    );
    assert.deepEqual([piped.stdout.toString(), piped.stderr.toString()], ["0\n", ""]);
  });
});
