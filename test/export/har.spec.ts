// HAR, read back with JSON.parse: it contains what decode says of a recording.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HarExporter } from "../../host/export/har.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { openRecording, type Recording } from "../../host/read/recording.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { run } from "../support/command.ts";
import { captureFleet, exportTo, type Line, linesOf, MemoryOutput, recordingFrom } from "../support/exports.ts";
import { joined, mixedPackets, PacketSource } from "../support/packets.ts";

interface Message {
  readonly type: string;
  readonly time: number;
  readonly opcode: number;
  readonly data: string;
  readonly _attributes?: Line;
}
interface Entry {
  readonly pageref: string;
  readonly startedDateTime: string;
  readonly time: number;
  readonly request: { readonly method: string; readonly url: string };
  readonly response: { readonly status: number };
  readonly timings: { readonly send: number; readonly wait: number; readonly receive: number };
  readonly comment?: string;
  readonly _events: readonly Line[];
  readonly _webSocketMessages: readonly Message[];
}

async function harOf(recording: Recording, model = registry) {
  const output = new MemoryOutput();
  const exporter = new HarExporter("it", output, model);
  const outcome = await exportTo(exporter, recording, model);
  const { log } = JSON.parse(output.bytes.toString());
  assert.equal(log.version, "1.2");
  const entries = log.entries as Entry[];
  const pages = new Map<string, { title: string; comment: string }>(
    log.pages.map((page: { id: string }) => [page.id, page]),
  );
  for (const { pageref, startedDateTime, time, request, timings } of entries) {
    assert.ok(pages.has(pageref));
    assert.ok(!Number.isNaN(Date.parse(startedDateTime)));
    assert.equal(time, timings.send + timings.wait + timings.receive);
    assert.ok(timings.wait >= 0 && timings.receive >= 0);
    assert.ok(request.url.startsWith("ws://") && URL.canParse(request.url.replace(/^ws:\/\/[^/]*/, "ws://x")));
  }
  return { ...outcome, entries, pages, problems: exporter.problems, pieces: output.pieces.length };
}

const eventsOf = (entries: readonly Entry[]): Line[] =>
  entries.flatMap(({ _events, _webSocketMessages }) => [
    ..._events,
    ..._webSocketMessages.flatMap(({ _attributes }) => (_attributes === undefined ? [] : [_attributes])),
  ]);
const lostIn = (entries: readonly Entry[]) =>
  entries
    .flatMap(({ _webSocketMessages: messages }) => messages)
    .filter(({ type }) => type === "error")
    .reduce((sum, { data }) => sum + Number(/^(\d+) events lost$/.exec(data)![1]), 0);
const sorted = (lines: readonly Line[]) => lines.map((line) => JSON.stringify(Object.entries(line).sort())).sort();
const ownOf = ({ device: _, boot: _b, bootId: _i, reader: _r, time: _t, timeUncertaintyMs: _u, ...own }: Line): Line =>
  own;

describe("export --to har", () => {
  it("has the events of fleets, each once, by connection, at their time, and what was lost", async function () {
    this.timeout(300_000);
    const root = mkdtempSync(join(tmpdir(), "xs-telemetry-har-"));
    try {
      for (let round = 0; round < rounds(120, 8); round++) {
        const folder = join(root, String(round));
        captureFleet(seedFor(211) + round, folder);
        if (!existsSync(folder)) continue;
        const model = registries[round % registries.length]!;
        const lines = await linesOf(folder, model);
        const { entries, missing, problems } = await harOf(await openRecording(folder), model);
        assert.deepEqual(sorted(eventsOf(entries)), sorted(lines.map(ownOf)));
        assert.deepEqual([lostIn(entries), problems], [missing, []]);
        // Boots that are alike may have equal events.
        const times = new Map<string, unknown[]>();
        for (const line of lines) {
          const own = JSON.stringify(ownOf(line));
          times.set(own, [...(times.get(own) ?? []), line.time]);
        }
        for (const { _webSocketMessages: messages } of entries)
          for (const { _attributes, time } of messages) {
            const known = times.get(JSON.stringify(_attributes)) ?? [];
            if (known.length === 1 && known[0] !== undefined) assert.equal(time, Date.parse(String(known[0])) / 1000);
          }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it("shows a connection as its client sees it, from its beginning to its end", async () => {
    const source = new PacketSource({ bootId: 7 });
    const packets = [
      source.tokens([[1, "get"]]),
      source.data([
        { event: "ws.connect", time: 1000, clientId: 4, connEpoch: 0, ip: "10.0.0.1" },
        { event: "ws.connected", time: 1005, clientId: 4 },
        { event: "msg.recv", time: 1010, clientId: 4, token: 1, payloadSummary: '{"type":"get"}' },
        { event: "msg.send", time: 1020, clientId: 4, token: 1 },
        { event: "ws.connect", time: 1021, clientId: 5, connEpoch: 1 },
      ]),
      source.data(
        [
          { event: "ws.disconnect", time: 1030, clientId: 4 },
          { event: "msg.send", time: 1031, clientId: 9, connEpoch: 3 },
        ],
        8,
      ),
    ];
    const { entries, pages, missing } = await harOf(await recordingFrom(joined(packets)));
    assert.equal(missing, 8);
    assert.deepEqual(
      entries.map(({ request, time, timings, response, comment = "", _webSocketMessages: messages }) => [
        request.url,
        time,
        timings.wait,
        response.status,
        comment,
        messages.map(({ type, time, data, opcode }) => `${type} ${time} ${opcode} ${data}`),
      ]),
      [
        ["ws://device/4/0", 30, 5, 101, "", ['send 1.01 1 {"type":"get"}', "receive 1.02 1 get"]],
        ["ws://device/5/1", 0, 0, 0, "still open at the end of the recording", []],
        ["ws://device/9/3", 0, 0, 101, "it began before the recording", ["receive 1.031 1 "]],
        ["ws://device/lost-events", 0, 0, 101, "", ["error 1.021 -1 8 events lost"]],
      ],
    );
    assert.deepEqual(
      [...pages.values()].map(({ title, comment }) => [title, comment]),
      [["a device without a name: boot 1", "the time of day is unknown: times are since boot; 8 events lost"]],
    );
  });

  it("parts long connections, so that little of one is kept; leaves out, and counts, what is no WebSocket traffic", async () => {
    const source = new PacketSource({ bootId: 7 });
    const packets = [source.data([{ event: "ws.connect", time: 1, clientId: 4 }])];
    for (let left = 25_000; left > 0; left -= 50)
      packets.push(
        source.data(Array.from({ length: 50 }, () => ({ event: "msg.send" as const, time: 2, clientId: 4 }))),
      );
    const { entries } = await harOf(await recordingFrom(joined(packets)));
    assert.deepEqual(
      entries.map(({ _webSocketMessages: messages, comment = "" }) => [messages.length, comment]),
      [
        [10_000, ""],
        [10_000, "continues the previous entry"],
        [5000, "continues the previous entry"],
      ],
    );
    const events = registry.events.map((event) =>
      event.name === "ws.connected" ? { ...event, span: undefined } : event,
    );
    const one = new PacketSource().data([{ event: "ws.connected", time: 5, clientId: 1 }]);
    const { problems } = await harOf(await recordingFrom(one.bytes), { ...registry, events });
    assert.deepEqual(
      problems.map(({ code, count }) => [code, count]),
      [["W_NO_WEBSOCKET", 1]],
    );
  });

  it("is whole for an empty recording, losses alone, damage, hostile texts, clocks that were set; it is a command", async () => {
    const none = await harOf(await recordingFrom(new Uint8Array(0)));
    assert.deepEqual([none.codes, none.entries, none.pages.size], [["E_EMPTY"], [], 0]);
    const lost = new PacketSource({ bootId: 7 }).data([{ lost: 5, time: 9 }]);
    assert.equal(lostIn((await harOf(await recordingFrom(lost.bytes))).entries), 5);
    const damaged = joined(mixedPackets());
    damaged[mixedPackets()[0]!.bytes.length + mixedPackets()[1]!.bytes.length + 120] = 0xee;
    const good = await harOf(await recordingFrom(damaged));
    assert.ok(good.codes.some((code) => code.startsWith("E_")) && eventsOf(good.entries).length >= 8);
    const line = (event: string, eventSeq: number, more: object) =>
      `${JSON.stringify({ event, ts_mono_ms: 7, connEpoch: 0, eventSeq, clientId: 1, schemaVersion: "1.0.0", device: "a/b#?\u202e\ud800", boot: 1, ...more })}\n`;
    const text =
      line("ws.connect", 0, { time: "2026-11-28T03:54:15.123Z" }) +
      line("msg.recv", 1, { msgType: "\ud800</script>", result: "ok", reason: "", time: "2026-11-28T03:50:00.000Z" }) +
      line("ws.disconnect", 2, { time: "9999-12-31T23:59:59.999Z", ts_mono_ms: 2 ** 53 - 1 }) +
      line("ws.connect", 3, { boot: 2, ts_mono_ms: 2 ** 53 - 1 });
    const hostile = await harOf(await recordingFrom(Buffer.from(text)));
    assert.equal(hostile.entries[0]!._webSocketMessages[0]!.data, "\ufffd</script>");
    assert.match(hostile.entries[0]!.request.url, /^ws:\/\/a%2Fb%23%3F%E2%80%AE%EF%BF%BD\/1\/0$/);
    const { status, stdout, stderr } = await run(["export", "--to", "har", "-"], joined(mixedPackets()));
    assert.equal(status, 0, stderr);
    assert.equal(eventsOf(JSON.parse(stdout).log.entries).length, 11);
    assert.equal((await run(["export", "--to", "har", "-", "-o", "/dev/full"], joined(mixedPackets()))).status, 2);
  });
});
