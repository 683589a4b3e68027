// Packets from devices with one record type for all texts: another fingerprint, the same ids. Everything that reads packets accepts them.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CaptureWriter,
  Collector,
  decode,
  decodePath,
  LiveDecoder,
  type Problem,
  registries,
  registry,
  type TelemetryEvent,
} from "xs-telemetry/host";
import { babeltrace } from "../support/babeltrace.ts";
import { decodeAll } from "../support/emit.ts";
import { play, type Script } from "../support/script.ts";
import { scripts } from "../vectors/scripts.ts";
import earlierVectors from "../vectors/wire-format-1.json" with { type: "json" };

const earlier = earlierVectors as Record<string, { packets: string[] }>;
const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");
/** Of the first reader. */
const firstReader = (packets: readonly string[]): Buffer[] =>
  packets.filter((hex) => hex.slice(160, 168) === "00000000").map(bytesOf);
const OF_TEXTS = firstReader(earlier.texts!.packets);
const NEW: Script = { ...scripts.texts!, bootId: 77 };

async function eventsOf(stream: Uint8Array[]): Promise<TelemetryEvent[]> {
  const { events, problems } = await decodeAll(stream);
  deepEqual(problems, []);
  return events;
}

describe("packets with the fingerprint from before there were record types for shorter texts", () => {
  it("bear another one than those of today, for all versions alike", () => {
    const before = OF_TEXTS[0]!.toString("hex", 4, 20);
    for (const { fingerprint, earlierFingerprints, related } of registries) {
      ok(fingerprint !== before);
      equal([...earlierFingerprints!, ...related!.fingerprints].filter((each) => each === before).length, 1);
    }
  });

  it("are decoded to the events that the same calls give today", async () => {
    let compared = 0;
    for (const [name, { packets }] of Object.entries(earlier)) {
      // A full ring holds more events now.
      if (name.startsWith("overwritten") || name.startsWith("refused")) continue;
      const today = await eventsOf(firstReader(play(scripts[name]!)));
      deepEqual(await eventsOf(firstReader(packets)), today, name);
      compared += today.length;
    }
    ok(compared > 30, `${compared} events`);
  });

  it("share a stream with today's, and in either order a cut one is distinguished from the next", async () => {
    const today = firstReader(play(NEW));
    const whole = (await eventsOf(OF_TEXTS)).concat(await eventsOf(today));
    deepEqual(await eventsOf([...OF_TEXTS, ...today]), whole);
    for (const [first, second] of [
      [OF_TEXTS, today],
      [today, OF_TEXTS],
    ] as const)
      for (let cut = 1; cut <= 20; cut++) {
        const last = first.at(-1)!;
        const stream = Buffer.concat([...first.slice(0, -1), last.subarray(0, last.length - cut), ...second]);
        const { events, problems } = await decodeAll(stream);
        const found = events.map((event) => JSON.stringify(event));
        for (const event of await eventsOf([...second]))
          ok(found.includes(JSON.stringify(event)), `${cut} bytes cut: ${JSON.stringify(event)}`);
        ok(problems.length > 0, `${cut} bytes cut`);
        for (const line of found)
          ok(
            whole.some((event) => JSON.stringify(event) === line),
            `${cut} bytes cut: ${line}`,
          );
      }
  });

  it("are decoded as they come, too", async () => {
    const lines: string[] = [];
    const problems: Problem[] = [];
    const live = new LiveDecoder({
      registry,
      onEvents(found) {
        lines.push(...found.lines);
        problems.push(...found.problems);
      },
    });
    for (const packet of OF_TEXTS) live.push("a", packet, 5);
    live.end();
    deepEqual(problems, []);
    deepEqual(
      lines,
      (await eventsOf(OF_TEXTS)).map((event) => JSON.stringify(event)),
    );
  });

  it("are captured as such, by writers and collectors, and read by babeltrace2", async () => {
    const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-earlier-"));
    const problems: Problem[] = [];
    const onProblem = (problem: Problem) => problems.push(problem);
    try {
      const writer = new CaptureWriter(join(dir, "written"), { registry, onProblem });
      for (const packet of OF_TEXTS) ok(writer.write(packet));
      writer.close();
      const collector = new Collector(join(dir, "collected"), { registry, onProblem });
      for (const packet of OF_TEXTS) collector.packet(undefined, packet, 5);
      collector.close();
      deepEqual(problems, []);
      const expected = await eventsOf(OF_TEXTS);
      for (const name of ["written", "collected"]) {
        const found: TelemetryEvent[] = [];
        for await (const item of decodePath(join(dir, name), { registry }))
          if (item.kind === "events") found.push(...item.events);
        deepEqual(found, expected, name);
        const { events, complaints } = babeltrace(join(dir, name));
        deepEqual(complaints, []);
        equal(events.length, expected.length, name);
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("of damaged bytes are damage as ever: of a registry that is neither they are refused", async () => {
    const other = OF_TEXTS.map((packet) => Buffer.from(packet));
    for (const packet of other) packet[5]! ^= 1;
    const problems: Problem[] = [];
    for await (const item of decode(other, { registry })) if (item.kind === "problem") problems.push(item.problem);
    deepEqual([...new Set(problems.map(({ code }) => code))], ["E_REGISTRY"]);
    ok(problems[0]!.message.includes(registry.fingerprint));
  });
});
