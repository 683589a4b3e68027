import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { registry } from "../../host/generated/registry.ts";
import { bootIdDigits } from "../../host/packet/packet.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { type BabeltraceEvent, babeltrace } from "../support/babeltrace.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import type { AnyEvent } from "../support/decoded.ts";
import {
  type BuiltPacket,
  mixedPackets,
  PacketSource,
  packet,
  type RecordSpec,
  randomIntegers,
  randomPackets,
} from "../support/packets.ts";

let dir = "";

/** Events of a capture or trace folder by "boot/reader", and the summary. */
async function decodedBy(path: string, model: RegistryModel = registry) {
  const events = new Map<string, AnyEvent[]>();
  for await (const item of decodePath(path, { registry: model, with: "none" })) {
    assert.notEqual(item.kind === "problem" && item.problem.code.startsWith("E_"), true, JSON.stringify(item));
    if (item.kind === "events") {
      const key = `${item.bootId}/${item.reader}`;
      events.set(key, [...(events.get(key) ?? []), ...(item.events as readonly AnyEvent[])]);
    }
    if (item.kind === "summary") return { events, summary: item.summary };
  }
  assert.fail("no summary");
}

/** A decoded event as babeltrace2 shows it: without what follows from the packet and from the environment. */
function shown({ event, ts_mono_ms, eventSeq, schemaVersion, ...fields }: AnyEvent) {
  assert.ok(Number.isSafeInteger(eventSeq) && schemaVersion === registry.schemaVersion);
  return { name: event, timeMs: ts_mono_ms, fields };
}

/** Opens a folder with babeltrace2: it must show what decode shows, without complaints. Returns the results of both. */
async function assertSame(path: string, label = "") {
  const { events, summary } = await decodedBy(path);
  const output = babeltrace(path);
  assert.deepEqual(output.complaints, [], label);
  const byBoot = new Map<string, BabeltraceEvent[]>();
  for (const event of output.events) {
    if (event.name.startsWith("_")) continue;
    const key = `${event.context.boot_id}/${event.context.reader}`;
    byBoot.set(key, [...(byBoot.get(key) ?? []), event]);
  }
  assert.deepEqual([...byBoot.keys()].sort(), [...events.keys()].sort(), label);
  for (const [key, seen] of byBoot) {
    const same = seen.map(({ name, timeMs, fields }) => ({ name, timeMs, fields }));
    assert.deepEqual(same, events.get(key)!.map(shown), `${label} ${key}`);
  }
  return { ...output, summary, decoded: events };
}

function captured(packets: readonly { readonly bytes: Uint8Array }[], name = "capture"): string {
  const path = join(dir, name);
  const refused: string[] = [];
  const writer = new CaptureWriter(path, {
    registry,
    onProblem: ({ code, message }) => code.startsWith("E_") && refused.push(`${code} ${message}`),
  });
  for (const { bytes } of packets) writer.write(bytes);
  writer.close();
  assert.deepEqual(refused, []);
  return path;
}

describe("CTF traces that babeltrace2 opens", () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-ctf-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("show the same events, attributes and times as decode, one of each record type", async () => {
    const source = new PacketSource({ bootId: 7 });
    const records: RecordSpec[] = [
      { event: "ws.connect", time: 0, clientId: 0xffffffff, connEpoch: 0 },
      {
        event: "ws.connect",
        time: 1,
        clientId: 1,
        connEpoch: 0xffffffff,
        ip: "fe80:0000:0000:0000:0204:61ff:fe9d:f156%wlan0",
      },
      { event: "ws.connected", time: 2, clientId: 2 },
      { event: "ws.disconnect", time: 3, clientId: 3 },
      ...[0, 1, 2, 3, 4].map((reason): RecordSpec => ({ event: "msg.recv", time: 4, token: 1, reason })),
      { event: "msg.recv", time: 5, token: 0, reason: 4, payloadSummary: "x".repeat(100) },
      { event: "msg.send", time: 6, token: 1 },
      { event: "msg.send", time: 7, token: 1, payloadSummary: '"\\\n\u0001\u007f naïve ☃ 😀' },
      { event: "msg.send", time: 7, token: 1, payloadSummary: "" },
      { lost: 3, time: 8 },
    ];
    const path = captured([source.tokens([[1, "getStatus"]]), source.data(records)]);
    const { events } = await assertSame(path);
    assert.equal(events.length, records.length);
    assert.deepEqual(events.at(-1)!.fields, { count: 3 });
    assert.deepEqual([events.at(-1)!.name, events.at(-1)!.timeMs], ["_lost", 8]);
  });

  it("hold no event, with tokens alone", async () => {
    const path = captured([new PacketSource().tokens([[1, "a"]])]);
    assert.deepEqual((await assertSame(path)).events, []);
  });

  it("hold one event", async () => {
    assert.equal(
      (await assertSame(captured([new PacketSource().data([{ event: "ws.connected", time: 5 }])]))).events.length,
      1,
    );
  });

  it("hold many events in packets of every size", async () => {
    const source = new PacketSource({ bootId: 3 });
    const sizes = [1, 2, 3, 60, 1000, 4090];
    const packets = sizes.map((count) =>
      source.data(
        Array.from(
          { length: count },
          (_, time): RecordSpec => ({ event: "ws.connected", time: source.eventSeq + time }),
        ),
      ),
    );
    assert.equal(packets.at(-1)!.bytes.length, 65_536);
    const { events, notices } = await assertSame(captured(packets));
    assert.deepEqual([events.length, notices], [5156, []]);
  });

  it("report every loss, the first packet's too, and beyond 32 bits", async () => {
    for (const lost of [1, 2 ** 33, 2 ** 52]) {
      const source = new PacketSource({ bootId: lost }, lost);
      const at = (time: number): RecordSpec => ({ event: "ws.connected", time });
      const path = captured(
        [source.data([at(9)]), source.data([at(10)], 4), source.data([{ lost: 5, time: 11 }])],
        `lost-${lost}`,
      );
      const { notices, summary } = await assertSame(path);
      const told = notices.map((notice) => Number(/discarded (\d+) events?/.exec(notice)?.[1]));
      assert.deepEqual(told, [lost, 4, 5]);
      assert.equal(summary.lostOnDevice, lost + 9);
    }
  });

  it("report missing packets", async () => {
    const packets = mixedPackets().filter(({ kind, packetNumber }) => kind === "tokens" || packetNumber % 2 === 0);
    const { notices, summary } = await assertSame(captured(packets));
    assert.equal(notices.filter((notice) => /discarded 1 packet /.test(notice)).length, 3);
    assert.equal(summary.missingPackets + Number(summary.beforeFirstPacket > 0), 3);
  });

  it("keep time across 2^31, 2^32 and several wraps, and show where it jumped", async () => {
    const source = new PacketSource({ bootId: 4 });
    const times = [
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 2 ** 31 - 1,
      5 * 2 ** 32,
      20 * 365 * 86_400_000,
    ];
    let last = 0;
    const packets = times.map((time) => {
      const jump = time - last;
      last = time;
      return source.data([...(jump >= 2 ** 31 ? [{ jump, time }] : []), { event: "ws.disconnect", time }]);
    });
    const { events, notices } = await assertSame(captured(packets));
    assert.deepEqual(notices, []);
    assert.deepEqual(
      events.filter(({ name }) => name === "ws.disconnect").map(({ timeMs }) => timeMs),
      times,
    );
    const jumps = events.filter(({ name }) => name === "_time_jump");
    assert.deepEqual(
      jumps.map(({ fields }) => fields.elapsedMs),
      [4 * 2 ** 32 - 2 ** 31 + 1, times.at(-1)! - 5 * 2 ** 32],
    );
  });

  it("show every token's name, whatever is in it, and nothing else becomes of it", async () => {
    const names = [
      "getStatus",
      "getStatus", // the same name twice
      '" = 1 }; event { name = "x"; id = 9; fields := struct {}; }; /*',
      "*/ /* // ",
      "\\",
      '\\"',
      "\\n\\x41\\101\\u0041",
      "\n\r\t\u0001\u001b\u007f",
      "%s%n$x`x`",
      "0",
      "\u0080\u009f\u2028\u2029\ufeff\uffff",
      "😀".repeat(16),
      "?".repeat(3),
      "}",
      "x".repeat(64),
      ...Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1)),
      ...Array.from({ length: 127 }, (_, code) => `${String.fromCharCode(code + 1)}0`), // an escape followed by a digit
    ];
    const source = new PacketSource({ bootId: 5 });
    const tokens = source.tokens(names.map((name, index) => [index + 1, name]));
    const data = source.data(
      names.map((_, index): RecordSpec => ({ event: "msg.send", time: index, token: index + 1 })),
    );
    const { events } = await assertSame(captured([tokens, data]));
    assert.deepEqual(
      events.map(({ fields }) => fields.msgType),
      names,
    );
  });

  it('show "" for a token without a name, and its name once it is known', async () => {
    const source = new PacketSource({ bootId: 6 });
    const first = source.data([1, 2, 65_535].map((token): RecordSpec => ({ event: "msg.send", time: 1, token })));
    const path = join(dir, "capture");
    const writer = new CaptureWriter(path, { registry });
    writer.write(first.bytes);
    assert.deepEqual(
      (await assertSame(path)).events.map(({ fields }) => fields.msgType),
      ["", "", ""],
    );
    writer.write(source.tokens([[65_535, "late"]]).bytes);
    assert.deepEqual(
      (await assertSame(path)).events.map(({ fields }) => fields.msgType),
      ["", "", "late"],
    );
  });

  it("keep boots and readers apart, opened one by one or all at once", async () => {
    const named = (header: { bootId: number; reader?: number }, name: string) => {
      const source = new PacketSource(header);
      const record = (time: number): RecordSpec => ({ event: "msg.send", time, token: 1, clientId: header.bootId });
      return [source.tokens([[1, name]]), source.data([record(1), record(5)]), source.data([record(9)], 2)];
    };
    const sources = [
      named({ bootId: 1 }, "one"),
      named({ bootId: 2 }, "two"),
      named({ bootId: 2, reader: 1 }, "two again"),
      mixedPackets({ bootId: 2 ** 53 - 1 }),
    ];
    const path = captured(sources.flat());
    const names = readdirSync(path).sort();
    const hex = (bootId: number) => bootIdDigits(bootId);
    assert.deepEqual(names, [
      `boot-0001-${hex(1)}`,
      `boot-0002-${hex(2)}`,
      `boot-0002-${hex(2)}-r1`,
      `boot-0003-${hex(2 ** 53 - 1)}`,
    ]);
    const { decoded } = await assertSame(path);
    assert.deepEqual([...decoded.keys()], ["1/0", "2/0", "2/1", `${2 ** 53 - 1}/0`]);
    assert.equal(decoded.get("2/0")![0]!.msgType, "two");
    for (const name of names) await assertSame(join(path, name), name);
  });

  it("are right after every packet, while they grow", async () => {
    const path = join(dir, "capture");
    const writer = new CaptureWriter(path, { registry });
    for (const [index, { bytes }] of mixedPackets().entries()) {
      assert.ok(writer.write(bytes));
      await assertSame(path, `after packet ${index}`);
    }
  });

  it("show the same as decode for random captures", async function () {
    this.timeout(300_000);
    const seed = seedFor(2);
    const random = randomIntegers(seed);
    for (const round of campaign("captures compared with babeltrace2", 1000, 25)) {
      const packets: BuiltPacket[] = randomPackets(random, 1 + random(12)).filter(() => random(10) > 0);
      if (packets.length > 0) await assertSame(captured(packets, `round-${round}`), `seed ${seed}, round ${round}`);
    }
  });

  it("show records of a registry of one's own, with unused bits anywhere and names that are TSDL's", async () => {
    const model = awkwardRegistry();
    const { fingerprint } = model;
    const path = join(dir, "capture");
    const writer = new CaptureWriter(path, { registry: model });
    const a = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12];
    const b = [2, 0, 0, 0, 2, 0x50, 0, 9, 0, 0, 0xcd, 0xab, 0, 0, 0, 0];
    const c = [2, 0, 0, 0, 3, ...new Array(11).fill(0)];
    const d = [3, 0, 0, 0, 4, 0, 0, 7, ...new Array(8).fill(0), 0x68, 0x69, ...new Array(14).fill(0)];
    assert.ok(
      writer.write(
        packet({ fingerprint, timestampBegin: 1, timestampEnd: 3 }, [...a, ...b, ...c, ...d, ...c.with(0, 3)]),
      ),
    );
    const { events } = await decodedBy(path, model);
    const expected = [
      ["plain.name", { event: 0x12345678 }],
      ['quo"te*/', { string: "on", align: 9, "a.b": 0xabcd }],
      ["none", {}],
      ["text", { align: 7, a_b: "hi" }],
      ["none", {}],
    ] as const;
    const values = events.get("1/0")!.map(({ name, t, n, v, ...rest }) => [name, rest]);
    assert.deepEqual(values, expected);
    const { events: seen, complaints } = babeltrace(path);
    assert.deepEqual(complaints, []);
    const key: Record<string, string> = { "a.b": "a_b", a_b: "a_b_" };
    assert.deepEqual(
      seen.map(({ name, fields }) => [
        name,
        Object.fromEntries(Object.entries(fields).filter(([k]) => !k.startsWith("unused_"))),
      ]),
      expected.map(([name, fields]) => [
        name,
        Object.fromEntries(Object.entries(fields).map(([k, value]) => [key[k] ?? k, value])),
      ]),
    );
  });
});

/** Record types with a first field that no alignment reaches, with holes, with spare bits, and with no field at all. */
function awkwardRegistry(): RegistryModel {
  const attribute = {
    type: "int" as const,
    brief: "",
    note: "",
    examples: [],
    members: [],
    otelName: "",
    otelNote: "",
  };
  const field = (key: string, type: "u8" | "u16" | "u32" | "enum" | "text", offsetBits: number, widthBits: number) => ({
    key,
    type,
    offsetBits,
    widthBits,
    maxBytes: type === "text" ? 16 : 0,
  });
  const all = ["name", "t", "n", "v"];
  const event = (name: string, keys: string[]) => ({
    name,
    brief: "",
    attributes: [...all, ...keys].map((key) => ({ key, required: true })),
  });
  return {
    schemaVersion: "0",
    fingerprint: "0123456789abcdef0123456789abcdef",
    attributes: [
      { ...attribute, key: "name", from: "event_name" },
      { ...attribute, key: "t", from: "time" },
      { ...attribute, key: "n", from: "sequence" },
      { ...attribute, key: "v", from: "schema_version" },
      { ...attribute, key: "event" },
      { ...attribute, key: "string", type: "enum", members: [{ id: "on", value: "on", code: 5, brief: "" }] },
      { ...attribute, key: "align" },
      { ...attribute, key: "a.b" },
      { ...attribute, key: "a_b", type: "string", maxBytes: 16 },
    ],
    events: [
      event("plain.name", ["event"]),
      event('quo"te*/', ["string", "align", "a.b"]),
      event("none", []),
      event("text", ["align", "a_b"]),
    ],
    recordTypes: [
      { id: 1, event: "plain.name", slots: 1, optionals: [], fields: [field("event", "u32", 96, 32)] },
      {
        id: 2,
        event: 'quo"te*/',
        slots: 1,
        optionals: [],
        fields: [field("string", "enum", 44, 3), field("align", "u8", 56, 8), field("a.b", "u16", 80, 16)],
      },
      { id: 3, event: "none", slots: 1, optionals: [], fields: [] },
      {
        id: 4,
        event: "text",
        slots: 2,
        optionals: [],
        fields: [field("align", "u8", 56, 8), field("a_b", "text", 128, 128)],
      },
    ],
  };
}
