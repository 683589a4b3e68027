// The record that a boot begins with where the firmware asks for it: from the emitter to decode, tail and babeltrace2.
import { deepEqual, equal, match } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Telemetry } from "xs-telemetry";
import { type BootRecord, bootText, CaptureWriter, decode, registry } from "xs-telemetry/host";
import { RESET_REASONS, RING_FATES } from "../../host/packet/boot-record.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { run } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";
import { frame } from "../support/frames.ts";

const RECORD_AT = 96;

/** Packets of an emitter that was asked, of so many events; the first holds the boot's record alone. */
function packets(retained: boolean, events = 1): Uint8Array[] {
  const { clock, telemetry, reader } = emitter({ retained });
  const found = drain(reader);
  for (let count = 0; count < events; count++) {
    clock.ms += 10;
    telemetry.connect(count).connected();
    found.push(...drain(reader));
  }
  return found;
}

/** A packet whose boot says something else. */
function saying(packet: Uint8Array, reset: number, ring: number, kept = 0, givenUp = 0): Uint8Array {
  const changed = packet.slice();
  const view = new DataView(changed.buffer);
  changed[RECORD_AT + 5] = reset;
  changed[RECORD_AT + 6] = ring;
  view.setUint32(RECORD_AT + 8, kept, true);
  view.setUint32(RECORD_AT + 12, givenUp, true);
  return changed;
}

async function read(source: Uint8Array[]) {
  const records: BootRecord[] = [];
  const codes: string[] = [];
  for await (const item of decode(source, { registry })) {
    if (item.kind === "boot") records.push(item.record);
    else if (item.kind === "problem") codes.push(item.problem.code);
    else if (item.kind === "summary") return { records, codes, summary: item.summary };
  }
  throw new Error("no summary");
}

describe("the record that a boot begins with", () => {
  it("is the first in the ring for who asks, takes no event number and no event count", async () => {
    const [first, second] = packets(true, 2);
    deepEqual([...first!.subarray(RECORD_AT)], [0, 0, 0, 0, 242, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const { records, codes, summary } = await read([first!, second!]);
    const none = { keptEvents: 0, givenUpEvents: 0, timeMs: 0 };
    deepEqual(records, [{ reset: "unknown", ring: "no memory that outlives a reset", ...none }]);
    deepEqual([codes, summary.events["ws.connect"], summary.events["ws.connected"]], [[], 1, 1]);
    const { telemetry, reader } = emitter({ retained: true });
    drain(reader);
    const { emitted, drained, pending } = telemetry.counters();
    deepEqual([emitted, drained, pending], [0, 0, 0]);
  });

  it("says with retained: false that nothing was requested; without the option there is no record", async () => {
    const { records } = await read(packets(false));
    equal(records[0]!.ring, "not asked for");
    deepEqual(drain(emitter().reader), []);
    const { summary } = await read(drain(emitter().reader));
    equal(summary.bootRecords, undefined);
  });

  it("is nothing but true or false to the option", () => {
    const asked = (retained: unknown) => () => new Telemetry({ capacityBytes: 256, retained: retained as boolean });
    for (const wrong of [1, "true", null, {}])
      match(String(thrown(asked(wrong))), /^TypeError: retained must be true or false, is /);
  });

  it("has each reset reason and fate in words, and codes of a later firmware as numbers", async () => {
    const [first] = packets(true);
    for (const [code, reset] of RESET_REASONS.entries())
      equal((await read([saying(first!, code, 0, 3)])).records[0]!.reset, reset);
    for (const [code, ring] of RING_FATES.entries())
      equal((await read([saying(first!, 0, code)])).records[0]!.ring, ring);
    const { records, codes } = await read([saying(first!, 99, 77, 3, 4)]);
    deepEqual([records[0]!.reset, records[0]!.ring, codes], ["reason 99", "fate 77", []]);
    const text = (kept: number, givenUp: number) =>
      bootText({ reset: "panic", ring: "kept", keptEvents: kept, givenUpEvents: givenUp, timeMs: 0 });
    equal(text(12, 0), "panic; ring of earlier boots: kept 12 events");
    equal(text(1, 7), "panic; ring of earlier boots: kept 1 event, gave up 7 events of earlier boots");
    equal(text(0, 0), "panic; ring of earlier boots: kept 0 events");
  });

  it("counts as damage where it cannot be: after other records, with counts of a ring that was not kept, with unused bits set", async () => {
    const [first] = packets(true);
    const unused = first!.slice();
    unused[RECORD_AT + 7] = 1;
    for (const wrong of [unused, saying(first!, 0, 3, 1), saying(first!, 0, 1, 0, 1)])
      deepEqual((await read([wrong])).codes, ["E_RECORD"]);
    const { telemetry, reader } = emitter({ retained: true });
    telemetry.connect(1);
    const [both] = drain(reader);
    const swapped = both!.slice();
    swapped.set(both!.subarray(RECORD_AT, RECORD_AT + 16), RECORD_AT + 16);
    swapped.set(both!.subarray(RECORD_AT + 16), RECORD_AT);
    deepEqual((await read([swapped])).codes, ["E_RECORD"]);
  });

  it("may be lost on the way, alone in its packet: that is reported as a packet without events", async () => {
    const { codes, summary } = await read(packets(true, 3).slice(1));
    deepEqual([codes, summary.missingPackets, summary.beforeFirstPacket], [["W_LATE"], 0, 0]);
  });

  it("shows in decode's summary and in tail", async () => {
    const source = packets(true, 2);
    source[0] = saying(source[0]!, 4, 0, 57);
    const said = "panic; ring of earlier boots: kept 57 events";
    const decoded = await run(["decode", "-"], Buffer.concat(source));
    match(decoded.stderr, new RegExp(`\n {2}reset: ${said}\n`));
    equal(decoded.stdout.split("\n").length - 1, 4);
    const tailed = await run(["tail", "--stdin"], Buffer.concat(source.map((packet) => frame(packet))));
    match(tailed.stdout, new RegExp(`^── the device booted after: ${said} ──\n`));
  });

  it("shows in show, info, stats and the page of view", async () => {
    const [first, ...rest] = packets(true, 2);
    const bytes = Buffer.concat([saying(first!, 4, 0, 12), ...rest]);
    const said = "panic; ring of earlier boots: kept 12 events";
    const shown = await run(["show", "-"], bytes);
    match(shown.stdout, new RegExp(`the device booted after: ${said}`), shown.stderr);
    const { telemetry } = emitter({ retained: true });
    const later = telemetry.reader();
    telemetry.connect(1);
    const ofLater = await run(["show", "-"], Buffer.concat(drain(later)));
    equal(ofLater.stdout.match(/booted after/g)?.length, 1, "whichever reader tells it");
    const info = await run(["info", "-"], bytes);
    match(info.stdout, new RegExp(`booted after +${said}\n`));
    const json = JSON.parse((await run(["info", "-", "--format", "json"], bytes)).stdout);
    deepEqual(json.resets, { [said]: 1 });
    const stats = await run(["stats", "-", "--format", "json"], bytes);
    const [boot] = JSON.parse(stats.stdout).boots;
    deepEqual(boot.reset, { reset: "panic", ring: "kept", keptEvents: 12, givenUpEvents: 0, timeMs: 0 });
    match((await run(["stats", "-"], bytes)).stdout, / after\n.* panic\n/);
    const page = await run(["view", "-", "-o", "-"], bytes);
    const meta = /id="meta">([^<]*)</.exec(page.stdout)![1]!;
    const { boots } = JSON.parse(gunzipSync(Buffer.from(meta, "base64")).toString());
    deepEqual([boots[0].reset, boots[0].after], [said, "panic"]);
  });

  it("is an event for babeltrace2, its codes labels", () => {
    const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
    try {
      const capture = new CaptureWriter(join(folder, "capture"), { registry });
      const source = packets(true, 2);
      source[0] = saying(source[0]!, 6, 0, 57, 3);
      for (const packet of source) capture.write(packet);
      capture.close();
      const { events, complaints } = babeltrace(join(folder, "capture"));
      deepEqual(complaints, []);
      const { name, fields } = events[0]!;
      equal(name, "_boot");
      deepEqual([fields.reset, fields.ring, fields.keptEvents, fields.givenUpEvents], ["task watchdog", "kept", 57, 3]);
      deepEqual(
        events.slice(1).map((event) => event.name),
        ["ws.connect", "ws.connected", "ws.connect", "ws.connected"],
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
