import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { decode } from "../../host/decode/decode.ts";
import type { DecodeOptions } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { WallClock } from "../../host/receive/wall-clock.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { type BuiltPacket, joined, mixedPackets, PacketSource } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
let dir = "";

type Event = Readonly<Record<string, string | number>>;

/** Events of a boot, one second apart. */
function boot(bootId: number, reader = 0, fromMs = 0): BuiltPacket[] {
  const source = new PacketSource({ bootId, reader });
  return [0, 1000, 2000].map((time) => source.data([{ event: "ws.connected", time: fromMs + time }]));
}

/** Writes what these devices send, each packet 10 ms after its time; each boot an hour after the previous one. */
function capture(devices: Readonly<Record<string, readonly BuiltPacket[][]>>): void {
  const all = new Collector(dir, { registry });
  for (const [device, boots] of Object.entries(devices))
    for (const [number, packets] of boots.entries())
      for (const [index, { bytes }] of packets.entries())
        all.packet(device === "" ? undefined : device, bytes, T0 + number * 3_600_000 + index * 1000 + 10);
  all.close();
}

async function read(options: Partial<DecodeOptions> = {}, path = dir): Promise<Event[]> {
  const texts: string[] = [];
  for (const output of ["events", "lines", "batches"] as const) {
    let text = "";
    for await (const item of decodePath(path, { registry, ...options, output })) {
      if (item.kind === "events") text += item.events.map((event) => `${JSON.stringify(event)}\n`).join("");
      if (item.kind === "lines" || item.kind === "batch") text += Buffer.from(item.lines).toString();
    }
    texts.push(text);
  }
  assert.deepEqual(texts, [texts[0], texts[0], texts[0]], "all forms say the same");
  return texts[0]!
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);
}

const own = ({ device, boot, bootId, reader, time, timeUncertaintyMs }: Event) =>
  JSON.parse(
    JSON.stringify([
      device ?? null,
      boot ?? null,
      bootId ?? null,
      reader ?? null,
      time ?? null,
      timeUncertaintyMs ?? null,
    ]),
  );

describe("whose an event is, and when it was", () => {
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), "xs-telemetry-contexts-")), "capture");
  });
  afterEach(() => rmSync(join(dir, ".."), { recursive: true, force: true }));

  it("follows the registry's attributes as soon as there is more than one boot", async () => {
    capture({ "pump-7": [boot(0xab), boot(0xcd)], "pump-8": [boot(0xab)] });
    const events = await read();
    assert.deepEqual(events.map(own), [
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:05.010Z", 1],
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:06.010Z", 1],
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:07.010Z", 1],
      ["pump-7", 2, "000000000000cd", null, "2026-01-02T04:04:05.010Z", 1],
      ["pump-7", 2, "000000000000cd", null, "2026-01-02T04:04:06.010Z", 1],
      ["pump-7", 2, "000000000000cd", null, "2026-01-02T04:04:07.010Z", 1],
      ["pump-8", 1, "000000000000ab", null, "2026-01-02T03:04:05.010Z", 1],
      ["pump-8", 1, "000000000000ab", null, "2026-01-02T03:04:06.010Z", 1],
      ["pump-8", 1, "000000000000ab", null, "2026-01-02T03:04:07.010Z", 1],
    ]);
    const keys = "event,ts_mono_ms,connEpoch,eventSeq,clientId,schemaVersion,device,boot,bootId,time,timeUncertaintyMs";
    for (const event of events) assert.equal(Object.keys(event).join(), keys);
    for (const event of await read({ with: "none" })) assert.equal(Object.keys(event).at(-1), "schemaVersion");
  });

  it("distinguishes boots with one id, each with its own times, in a folder and in a stream", async () => {
    const [first, second] = [boot(0xab), boot(0xab, 0, 500)];
    capture({ "pump-7": [first, second] });
    const expected = [
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:05.010Z", 1],
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:06.010Z", 1],
      ["pump-7", 1, "000000000000ab", null, "2026-01-02T03:04:07.010Z", 1],
      ["pump-7", 2, "000000000000ab", null, "2026-01-02T04:04:05.010Z", 1],
      ["pump-7", 2, "000000000000ab", null, "2026-01-02T04:04:06.010Z", 1],
      ["pump-7", 2, "000000000000ab", null, "2026-01-02T04:04:07.010Z", 1],
    ];
    assert.deepEqual((await read()).map(own), expected);
    const boots: unknown[] = [];
    for await (const item of decode(joined([...first, ...second]), { registry }))
      if (item.kind === "events") boots.push(item.boot);
    assert.deepEqual(boots, [1, 1, 1, 2, 2, 2]);
  });

  it("is not there with one boot of one device, unless it is asked for", async () => {
    capture({ "pump-7": [boot(0xab)] });
    for (const event of await read()) assert.equal(Object.keys(event).at(-1), "schemaVersion");
    assert.deepEqual((await read({ with: ["device"] })).map(own)[0], ["pump-7", null, null, null, null, null]);
    assert.deepEqual((await read({ with: ["boot"] })).map(own)[0], [null, 1, "000000000000ab", null, null, null]);
    const [first] = await read({ with: ["time"] });
    assert.deepEqual(own(first!), [null, null, null, null, "2026-01-02T03:04:05.010Z", 1]);
  });

  it("says the reader where it is not the first, and counts its boot once", async () => {
    capture({ "": [[...boot(0xab), ...boot(0xab, 1)], boot(0xcd)] });
    const events = await read();
    const places = new Set(events.map((event) => JSON.stringify(own(event).slice(0, 4))));
    assert.deepEqual(
      [...places],
      ['[null,1,"000000000000ab",null]', '[null,1,"000000000000ab",1]', '[null,2,"000000000000cd",null]'],
    );
  });

  it("comes with the second boot of a stream, in which nobody knows beforehand", async () => {
    const stream = joined([...boot(1), ...boot(2), ...mixedPackets({ bootId: 1 }).slice(7)]);
    const events: Event[] = [];
    for await (const item of decode<Event>(stream, { registry }))
      if (item.kind === "events") events.push(...item.events);
    assert.deepEqual(
      events.map((event) => event.boot),
      [undefined, undefined, undefined, 2, 2, 2, 1],
    );
  });

  it("says no time that RFC 3339 has no words for, whatever the anchors are", async () => {
    for (const unixMs of [-1e15, 1e300, 8.64e15, 253402300800000, Number.MAX_SAFE_INTEGER]) {
      capture({ "": [boot(0xab)] });
      writeFileSync(
        join(dir, "boot-0001-000000000000ab/xs-telemetry/anchors.jsonl"),
        `{"deviceMs":0,"unixMs":${unixMs}}\n`,
      );
      for (const event of await read({ with: ["time"] }))
        assert.deepEqual(own(event), [null, null, null, null, null, null]);
      rmSync(dir, { recursive: true });
    }
    capture({ "": [boot(0xab)] });
    truncateSync(join(dir, "boot-0001-000000000000ab/xs-telemetry/anchors.jsonl"), 5 << 20);
    const codes: string[] = [];
    for await (const item of decodePath(dir, { registry, with: ["time"] }))
      if (item.kind === "problem") codes.push(item.problem.code);
    assert.deepEqual(codes, ["W_NO_TIME"]);
    rmSync(dir, { recursive: true });
    capture({ "": [boot(0xab)] });
    appendFileSync(
      join(dir, "boot-0001-000000000000ab/xs-telemetry/anchors.jsonl"),
      'garbage\n{"deviceMs":"x"}\n{"deviceMs":1e999,"unixMs":1}\n',
    );
    assert.equal((await read({ with: ["time"] }))[0]!.time, "2026-01-02T03:04:05.010Z");
  });

  it("is within a millisecond of what WallClock says, and never goes back within a boot", async () => {
    const source = new PacketSource({ bootId: 9 });
    const times = Array.from({ length: 400 }, (_, index) => index * 777);
    const all = new Collector(dir, { registry });
    const clock = new WallClock();
    for (const [index, time] of times.entries()) {
      const delayMs = (index * 37) % 91;
      all.packet(undefined, source.data([{ event: "ws.connected", time }]).bytes, T0 + time + delayMs);
    }
    all.close();
    const { readFileSync } = await import("node:fs");
    const { parseAnchors } = await import("../../host/receive/wall-clock.ts");
    const anchors = readFileSync(join(dir, "boot-0001-00000000000009/xs-telemetry/anchors.jsonl"), "utf8");
    for (const anchor of parseAnchors(anchors)) clock.add(anchor);
    let before = 0;
    for (const event of await read({ with: ["time"] })) {
      const { unixMs } = clock.at(event.ts_mono_ms as number)!;
      const shown = Date.parse(event.time as string);
      assert.ok(Math.abs(shown - unixMs) <= 1, `${shown} and ${unixMs}`);
      assert.ok(shown >= before);
      before = shown;
    }
  });

  it("leaves a registry's own attribute of that name what it is", async () => {
    const model: RegistryModel = {
      ...registry,
      attributes: [...registry.attributes, { ...registry.attributes[0]!, key: "time" }],
    };
    capture({ "": [boot(1), boot(2)] });
    const [event] = await read({ registry: model });
    assert.deepEqual(own(event!).slice(1), [1, "00000000000001", null, null, null]);
    await assert.rejects(read({ registry: model, with: ["time"] }), /E_USAGE|registry has its own attribute time/);
  });
});
