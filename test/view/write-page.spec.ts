// What a page holds against what decode says, read by the page's own code.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { Collector } from "../../host/capture/collector.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { decodePath, openRecording, type Recording, recordingOf } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import type { TelemetryError } from "../../host/text/errors.ts";
import { MOST_EVENTS } from "../../host/view/event-columns.ts";
import type { PageMeta } from "../../host/view/format.ts";
import { Model } from "../../host/view/page/model.ts";
import { readStore } from "../../host/view/page/store.ts";
import { writePage } from "../../host/view/write-page.ts";
import { goodCalls } from "../support/arbitrary-calls.ts";
import { registries as arbitraryRegistries } from "../support/arbitrary-registries.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { decoded } from "../support/decoded.ts";
import { fleetPackets } from "../support/fleet.ts";
import { OwnDevice } from "../support/own-writers.ts";
import { PacketSource, randomIntegers } from "../support/packets.ts";
import { runs } from "../support/properties.ts";

type Json = Record<string, unknown>;

async function pageOf(recording: Recording, own: RegistryModel = registry): Promise<Model> {
  let html = "";
  const versions = own === registry ? registries : [own];
  await writePage(recording, { registry: own, registries: versions, title: "<t>" }, (text) => {
    html += text;
  });
  assert.ok(html.includes("<title>&#60;t&#62;</title>"));
  const bytes = (id: string) => Buffer.from(new RegExp(`id="${id}">([^<]*)</script>`).exec(html)![1]!, "base64");
  const meta = JSON.parse(gunzipSync(bytes("meta")).toString()) as PageMeta;
  return new Model(await readStore(meta, new Blob([gunzipSync(bytes("data"))]).stream()));
}

/** Events as the page has them, in the order of the recording, what the registry derives left out. */
function eventsIn({ store }: Model): Json[] {
  return Array.from(store.kind, (kind, event) => {
    const { page, values } = store.kinds[kind]!;
    const shown = values.flatMap((each) => {
      const value = store.valueAt(each, store.row[event]!);
      return value === undefined ? [] : [[each.page.key, value]];
    });
    return { event: page.name, ms: store.ms[event], seq: store.seq(event), ...Object.fromEntries(shown) };
  });
}

/** A decoded event in the same terms. */
function expected(event: Json, own: RegistryModel): Json {
  const key = (from: string) => own.attributes.find((each) => each.from === from)!.key;
  const values: Json = {};
  const kind = own.events.find(({ name }) => name === event[key("event_name")])!;
  for (const { key: name } of kind.attributes) {
    const attribute = own.attributes.find((each) => each.key === name)!;
    if (attribute.from !== undefined || attribute.value !== undefined || event[name] === undefined) continue;
    values[name] = typeof event[name] === "boolean" ? String(event[name]) : event[name];
  }
  return { event: event[key("event_name")], ms: event[key("time")], seq: event[key("sequence")], ...values };
}

async function* bytesOf(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  const step = bytes.length > 1e6 ? 65_521 : 1000;
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

describe("the page's data", () => {
  it("has each event of a fleet once, with every value, whose it was and when; and every loss", async () => {
    const root = mkdtempSync(join(tmpdir(), "xs-telemetry-view-"));
    try {
      for (let round = 0; round < rounds(60, 4); round++) {
        const seed = seedFor(round);
        const random = randomIntegers(seed);
        const folder = join(root, String(round));
        const all = new Collector(folder, { registry });
        let wallMs = Date.UTC(2026, 0, 1);
        for (const [device, boots] of fleetPackets(seed, 1 + random(4)))
          for (const packet of boots.flat()) {
            wallMs += 20;
            if (random(20) > 0) all.packet(device, packet, wallMs);
          }
        all.close();
        const lines: Json[] = [];
        let text = "";
        let lost = 0;
        for await (const item of decodePath(folder, { registry, output: "lines", with: "all" })) {
          if (item.kind === "lines") text += Buffer.from(item.lines).toString();
          if (item.kind === "summary")
            lost = item.summary.lostOnDevice + item.summary.lostInTransit + item.summary.beforeFirstPacket;
        }
        for (const line of text.split("\n").slice(0, -1)) lines.push(JSON.parse(line) as Json);
        for (const recording of [await openRecording(folder), await recordingOf(bytesOf(text), "lines")]) {
          const model = await pageOf(recording);
          const said = `seed ${seed}, ${recording.form}`;
          assert.deepEqual(
            eventsIn(model),
            lines.map((line) => expected(line, registry)),
            said,
          );
          lines.forEach((line, event) => {
            const { device, boot } = model.store.meta.boots[model.store.boot[event]!]!;
            assert.deepEqual([device, boot], [line.device ?? null, line.boot], said);
            const wall = model.wall(model.store.boot[event]!, model.store.ms[event]!);
            if (line.time === undefined) assert.equal(wall, undefined, said);
            else
              assert.ok(
                Math.abs(wall!.unixMs - Date.parse(line.time as string)) <= 1,
                `${said}: ${line.time}, here ${wall!.unixMs - Date.parse(line.time as string)} ms on, ${line.ts_mono_ms} of ${JSON.stringify(model.store.meta.boots[model.store.boot[event]!])}`,
              );
          });
          const missing = model.gaps.reduce(
            (sum, { gap }) => sum + gap.onDevice + gap.inTransit + gap.beforeFirst + gap.unexplained,
            0,
          );
          // Lines do not say what is missing before the first of them.
          if (recording.form === "folder") assert.equal(missing, lost, said);
          const { order, x } = model;
          for (let i = 1; i < order.length; i++) assert.ok(x[order[i]!]! >= x[order[i - 1]!]!, said);
        }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it("has every value of events of any registry", async () => {
    const calls = arbitraryRegistries.chain((spec) => fc.tuple(fc.constant(spec), goodCalls(spec)));
    await fc.assert(
      fc.asyncProperty(calls, async ([spec, made]) => {
        const device = new OwnDevice(spec);
        for (const call of made) device.call(call);
        const bytes = device.drain();
        const { events } = decoded(bytes, { registry: device.model });
        if (events.length === 0) return;
        const model = await pageOf(await recordingOf(bytesOf(bytes), "own"), device.model);
        assert.deepEqual(
          eventsIn(model),
          events.map((event) => expected(event as Json, device.model)),
        );
      }),
      runs(300, 15),
    );
  });

  it("says what to cut beyond 2 million events, and opens nothing that is empty as full", async function () {
    this.timeout(120_000);
    assert.equal(MOST_EVENTS, 2_000_000);
    const source = new PacketSource({ bootId: 7 });
    const event = { event: "ws.connected" as const, time: 1 };
    const packets = Array.from({ length: 501 }, () => source.data(new Array(4000).fill(event)).bytes);
    const events = packets.length * 4000;
    assert.ok(events > MOST_EVENTS);
    const most = packets.slice(0, 500);
    const at = await pageOf(await recordingOf(bytesOf(Buffer.concat(most)), "most"));
    assert.equal(at.store.meta.events, MOST_EVENTS);
    await assert.rejects(
      async () => pageOf(await recordingOf(bytesOf(Buffer.concat(packets)), "more")),
      ({ code, exitCode, message }: TelemetryError) =>
        code === "E_TOO_MANY" && exitCode === 2 && /Narrow it with --since and --until, or --device/.test(message),
    );
    const model = await pageOf(await recordingOf(bytesOf(""), "empty"));
    assert.deepEqual([model.store.meta.events, model.order.length, model.gaps.length], [0, 0, 0]);
  });
});
