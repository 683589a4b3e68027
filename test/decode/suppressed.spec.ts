// `_suppressed` records: messages beyond the device's limits, which are not events.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter, emittedRegistry } from "xs-telemetry/host";
import { babeltrace } from "../support/babeltrace.ts";
import { run } from "../support/command.ts";
import { decodeAll, drain, emitter } from "../support/emit.ts";

function flood(): Uint8Array[] {
  const { clock, telemetry, reader } = emitter({ limits: { messagesPerSecond: 1, burst: 2 } });
  const connection = telemetry.connect(1);
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 10; count++) connection.received(0);
    connection.connected();
    clock.ms += 5000;
  }
  return drain(reader);
}

describe("messages over a device's limits", () => {
  it("are counted, take no number, and are no loss", async () => {
    const { events, problems, summary } = await decodeAll(flood());
    deepEqual(problems, []);
    equal(summary.suppressed, 24);
    equal(summary.lostOnDevice + summary.lostInTransit, 0);
    deepEqual(
      events.map(({ eventSeq }) => eventSeq),
      [...events.keys()],
    );
  });

  it("are reported at their place by babeltrace2, and summed up by decode", async () => {
    const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-suppressed-"));
    try {
      const writer = new CaptureWriter(dir, {
        registry: emittedRegistry,
        onProblem: ({ message }) => ok(false, message),
      });
      for (const packet of flood()) ok(writer.write(packet));
      writer.close();
      const { events, complaints } = babeltrace(dir);
      deepEqual(complaints, []);
      equal(events.length, 13);
      equal(JSON.stringify(events).split("suppressed").length - 1, 3);
      const { status, stderr } = await run(["decode", dir]);
      equal(status, 0);
      match(stderr, /24 messages beyond the device's limits, not recorded/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("count as damage if they report none, or if unused bits are set", async () => {
    for (const [at, value] of [
      [8, 0],
      [6, 1],
    ] as const) {
      const packets = flood().map((packet) => Buffer.from(packet));
      const records = packets.find((packet) => packet.readUInt32LE(20) === 0)!;
      let record = 96;
      while (records[record + 4] !== 243) record += 16;
      records[record + at] = value;
      const { problems } = await decodeAll(packets);
      equal(problems[0]?.code, "E_RECORD");
      match(problems[0]!.message, /_suppressed/);
    }
  });
});
