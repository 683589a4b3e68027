// What the emitter writes, in a capture folder: babeltrace2 and decode must agree.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Policy, Reason } from "xs-telemetry";
import { CaptureWriter, decodePath, registry } from "xs-telemetry/host";
import { random } from "../support/assert.ts";
import { type BabeltraceEvent, babeltrace } from "../support/babeltrace.ts";
import { drain, emitter } from "../support/emit.ts";

const TWO_31 = 2 ** 31;

type Shown = Pick<BabeltraceEvent, "name" | "timeMs" | "fields">;

describe("captures of what the emitter writes", () => {
  let folder = "";
  let capture: CaptureWriter;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
    capture = new CaptureWriter(join(folder, "capture"), {
      registry,
      onProblem: ({ code, message }) => {
        throw new Error(`${code}: ${message}`);
      },
    });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Opens the capture with both; returns the events of each boot, how many are lost according to babeltrace2, and its internal records. */
  async function compare() {
    capture.close();
    const decoded = new Map<string, Shown[]>();
    let lost = 0;
    for await (const item of decodePath(join(folder, "capture"), { registry, with: "none" })) {
      if (item.kind === "problem") throw new Error(`${item.problem.code}: ${item.problem.message}`);
      if (item.kind === "summary") lost = item.summary.lostOnDevice;
      if (item.kind !== "events") continue;
      const key = `${item.bootId}/${item.reader}`;
      const list = decoded.get(key) ?? [];
      decoded.set(key, list);
      for (const { event: name, ts_mono_ms: timeMs, eventSeq, schemaVersion, ...fields } of item.events) {
        ok(Number.isSafeInteger(eventSeq));
        equal(schemaVersion, "1.0.0");
        list.push({ name, timeMs, fields } as unknown as Shown);
      }
    }
    const { events, notices, complaints } = babeltrace(join(folder, "capture"));
    deepEqual(complaints, []);
    const shown = new Map<string, Shown[]>();
    const internal: BabeltraceEvent[] = [];
    for (const event of events) {
      if (event.name.startsWith("_")) {
        internal.push(event);
        continue;
      }
      const key = `${event.context.boot_id}/${event.context.reader}`;
      const list = shown.get(key) ?? [];
      shown.set(key, list);
      const { name, timeMs, fields } = event;
      list.push({ name, timeMs, fields });
    }
    deepEqual([...shown.keys()].sort(), [...decoded.keys()].sort());
    for (const [key, list] of decoded) deepEqual(shown.get(key), list, `boot/reader ${key}`);
    const noticed = notices.reduce((sum, notice) => sum + Number(/discarded (\d+) event/.exec(notice)?.[1] ?? 0), 0);
    equal(noticed, lost, "lost events that babeltrace2 tells of");
    return { decoded, lost, internal };
  }

  /** One more event of any kind, by its number. */
  function emit({ telemetry }: ReturnType<typeof emitter>, count: number): void {
    const type = telemetry.messageType(["", "getStatus", 'a"b\\c\n', "zones.get"][count % 4]!);
    const connection = telemetry.connect(count, [undefined, "192.168.0.25", ""][count % 3]);
    [
      () => connection.connected(),
      () => connection.received(type, "a payload"),
      () => connection.received(type, ""),
      () => connection.rejected(Reason.parseError, type),
      () => connection.rejected(Reason.sizeLimit, type, "x".repeat(200)),
      () => connection.sent(type, count % 2 ? "" : "é".repeat(60)),
      () => connection.sent(type),
      () => connection.disconnected(),
    ][count % 8]!();
  }

  for (const policy of ["overwrite", "discard"] as const satisfies Policy[]) {
    it(`agree at every fill level, ${policy}`, async () => {
      const boots: [number, number][] = [];
      for (let fill = 1; fill <= 60; fill++) {
        const device = emitter({ capacityBytes: 1024, policy, bootId: fill });
        for (let count = 0; count < fill; count++) {
          device.clock.ms += count % 5;
          emit(device, count);
        }
        for (const packet of drain(device.reader, 512)) capture.write(packet);
        // After the wrap of the ring.
        for (let count = 0; count < fill; count++) emit(device, count);
        for (const packet of drain(device.reader, 300)) capture.write(packet);
        const { drained, overwritten, discarded } = device.telemetry.counters();
        boots.push([drained, overwritten + discarded]);
      }
      const { decoded, lost, internal } = await compare();
      equal(decoded.size, 60);
      deepEqual(
        [...decoded.values()].map(({ length }) => length),
        boots.map(([drained]) => drained),
      );
      equal(
        lost,
        boots.reduce((sum, [, gone]) => sum + gone, 0),
      );
      ok(lost > 500, `${lost} lost`);
      equal(internal.filter(({ name }) => name === "_lost").length > 0, policy === "discard");
      const told = internal.reduce((sum, { name, fields }) => sum + (name === "_lost" ? Number(fields.count) : 0), 0);
      equal(told, policy === "discard" ? lost : 0, "events that _lost records tell of");
    });
  }

  it("agree with time across 2^31 and 2^32, over jumps, and with several boots and readers", async () => {
    for (let bootId = 1; bootId <= 4; bootId++) {
      const device = emitter({ capacityBytes: 4096, bootId });
      const late = bootId === 3 ? device.telemetry.reader() : undefined;
      for (let count = 0; count < 60; count++) {
        device.clock.ms += [1, 0, TWO_31 - 1, 1000, bootId * 500_000_000][count % 5]!;
        emit(device, count);
        if (count % 7 === 0) for (const packet of drain(device.reader)) capture.write(packet);
        if (count % 20 === 19) {
          device.clock.ms += TWO_31 - 5;
          drain(device.reader, 256).forEach((packet) => {
            capture.write(packet);
          });
          device.clock.ms += TWO_31 - 5;
        }
      }
      for (const packet of drain(device.reader)) capture.write(packet);
      if (late) for (const packet of drain(late)) capture.write(packet);
    }
    const { decoded, internal } = await compare();
    deepEqual([...decoded.keys()].sort(), ["1/0", "2/0", "3/0", "3/1", "4/0"]);
    ok(internal.filter(({ name }) => name === "_time_jump").length >= 8);
    for (const { name, fields } of internal)
      if (name === "_time_jump") ok(Number(fields.elapsed_ms ?? fields.elapsedMs) >= TWO_31, JSON.stringify(fields));
    for (const events of decoded.values()) ok(events.at(-1)!.timeMs > 2 ** 33);
  });

  it("agree for random traffic and drains", async () => {
    const seed = 33_007;
    const dice = random(seed);
    for (let bootId = 1; bootId <= 25; bootId++) {
      const policy = dice.pick(["overwrite", "discard"] as const);
      const device = emitter({ capacityBytes: 256 + dice.below(2000), policy, bootId, messageTypes: dice.below(5) });
      for (let count = 0; count < 150; count++) {
        device.clock.ms += dice.below(4) * dice.below(1000);
        emit(device, dice.below(1000));
        if (dice.below(12) === 0)
          for (const packet of drain(device.reader, 256 + dice.below(500))) capture.write(packet);
      }
      for (const packet of drain(device.reader)) capture.write(packet);
    }
    const { decoded } = await compare().catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`);
    });
    equal(decoded.size, 25);
  });
});
