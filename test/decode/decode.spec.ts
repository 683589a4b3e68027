import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, StreamDecoder } from "../../host/decode/decode.ts";
import type { DecodeOptions } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import type { DecodedEvent } from "../../host/packet/records.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { TelemetryError } from "../../host/text/errors.ts";
import { assertConforms, decoded, eventsOf, gathered, time0 } from "../support/decoded.ts";
import {
  type BuiltPacket,
  joined,
  mixedPackets,
  OTHER_FINGERPRINT,
  PacketSource,
  packet,
  type RecordSpec,
  randomIntegers,
  tokenEntries,
} from "../support/packets.ts";

describe("decoding a packet stream", () => {
  it("gives every event with all its attributes, as object and as JSON line", () => {
    const packets = mixedPackets();
    const bytes = joined(packets);
    const asEvents = decoded(bytes);
    assert.deepEqual(asEvents.problems, []);
    assert.deepEqual(asEvents.events, eventsOf(packets));
    asEvents.events.forEach(assertConforms);
    const lines = new StreamDecoder({ registry, output: "lines" })
      .push(bytes)
      .flatMap((item) => (item.kind === "lines" ? [Buffer.from(item.lines).toString()] : []))
      .join("");
    assert.equal(
      lines,
      eventsOf(packets)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(""),
    );
  });

  it("sums up events, losses, jumps of time, packets and boots", () => {
    const { summary } = decoded(joined([...mixedPackets(), ...mixedPackets({ bootId: 0x99 })]));
    assert.deepEqual(summary, {
      events: { "ws.connect": 4, "ws.connected": 4, "ws.disconnect": 4, "msg.recv": 6, "msg.send": 4 },
      packets: 12,
      tokenPackets: 4,
      boots: 2,
      lostOnDevice: 114,
      lostInTransit: 0,
      beforeFirstPacket: 0,
      missingPackets: 0,
      timeJumps: 2,
      damaged: 0,
      refused: 0,
      repeated: 0,
      unnamedTokens: 0,
    });
  });

  it("takes bytes in pieces of any size", async () => {
    const packets = mixedPackets();
    const bytes = joined([...packets, { bytes: Uint8Array.of(1, 2, 3) }]);
    const whole = decoded(bytes);
    for (const pieceBytes of [1, 2, 3, 16, 95, 96, 97, 1000])
      assert.deepEqual(decoded(bytes, {}, pieceBytes), whole, `pieces of ${pieceBytes}`);
    const many = joined(Array.from({ length: 500 }, () => ({ bytes })));
    assert.deepEqual(await gathered(decode(many, { registry, with: "none" })), decoded(many, {}, 1000));
  });

  it("escapes every character as JSON.stringify does", () => {
    const source = new PacketSource();
    const all = Array.from({ length: 0x2100 }, (_, code) => String.fromCodePoint(code + 1)).filter(
      (text) => text !== "\0",
    );
    const records = all.flatMap((_, index): RecordSpec[] =>
      index % 20 === 0
        ? [{ event: "msg.send", time: index, payloadSummary: all.slice(index, index + 20).join("") }]
        : [],
    );
    const packets = Array.from({ length: Math.ceil(records.length / 60) }, (_, index) =>
      source.data(records.slice(index * 60, index * 60 + 60)),
    );
    const { events, problems } = decoded(joined(packets), { output: "lines" });
    assert.deepEqual(problems, []);
    assert.deepEqual(events, eventsOf(packets));
  });

  it("keeps 64-bit times, event numbers and losses exact", () => {
    const source = new PacketSource({ bootId: 2 ** 53 - 1 }, 2 ** 52 + 1);
    const times = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 3 * 2 ** 32 + 77, 2 ** 53 - 2];
    const packets = times.map((time, index) => {
      const jump = index === 0 ? 0 : time - times[index - 1]!;
      const records: RecordSpec[] = [{ event: "ws.connect", time }];
      return source.data(jump >= 2 ** 31 ? [{ jump, time }, ...records] : records, index === 2 ? 2 ** 51 : 0);
    });
    const { events, problems, summary } = decoded(joined(packets), { output: "lines" });
    assert.deepEqual(problems, []);
    assert.deepEqual(events, eventsOf(packets));
    assert.equal(events.at(-1)!.ts_mono_ms, 2 ** 53 - 2);
    assert.equal(events.at(-1)!.eventSeq, 2 ** 52 + 2 ** 51 + 5);
    assert.equal(summary.lostOnDevice, 2 ** 52 + 2 ** 51 + 1);
    assert.equal(summary.timeJumps, 2);
  });

  it("decodes every integer width, and enums and tokens wherever a registry puts them", () => {
    const model = oddRegistry();
    const content = [9, 0, 0, 0, 1, 0b1010_0000, 0b0011, 0xab, 0xcd, 0xef, 1, 0, 0x40, 0x42, 0x0f, 0];
    const bytes = joined([
      { bytes: packet({ fingerprint: model.fingerprint, streamId: 1 }, tokenEntries([[1, "one"]])) },
      { bytes: packet({ fingerprint: model.fingerprint, timestampBegin: 9 }, content) },
    ]);
    const { events, problems } = decoded(bytes, { registry: model });
    assert.deepEqual(problems, []);
    const expected = {
      version: "7",
      big: 1_000_000,
      "odd.key": "e",
      small: 0xab,
      __proto__x: "one",
      half: 0xefcd,
      n: 0,
      t: 9,
    };
    assert.deepEqual(Object.entries(events[0]!), Object.entries({ ...expected, name: 'odd"event' }));
  });
});

/** A registry with an enum over two bytes, and names that need escaping. */
function oddRegistry(): RegistryModel {
  const attribute = {
    type: "int" as const,
    brief: "",
    note: "",
    examples: [],
    members: [],
    otelName: "",
    otelNote: "",
  };
  const plain = { ...attribute, from: undefined, maxBytes: undefined, emptyExactlyWhen: undefined };
  const field = (
    key: string,
    type: "u8" | "u16" | "u32" | "enum" | "token",
    offsetBits: number,
    widthBits: number,
  ) => ({
    key,
    type,
    offsetBits,
    widthBits,
    maxBytes: 0,
  });
  const keys = ["version", "big", "odd.key", "small", "__proto__x", "half", "n", "t", "name"];
  return {
    schemaVersion: "7",
    fingerprint: OTHER_FINGERPRINT,
    attributes: [
      { ...plain, key: "version", from: "schema_version" },
      { ...plain, key: "big" },
      { ...plain, key: "odd.key", members: [{ id: "e", value: "e", code: 0b11101, brief: "" }] },
      { ...plain, key: "small" },
      { ...plain, key: "__proto__x" },
      { ...plain, key: "half" },
      { ...plain, key: "n", from: "sequence" },
      { ...plain, key: "t", from: "time" },
      { ...plain, key: "name", from: "event_name" },
    ],
    events: [{ name: 'odd"event', brief: "", attributes: keys.map((key) => ({ key, required: true })) }],
    recordTypes: [
      {
        id: 1,
        event: 'odd"event',
        slots: 1,
        optionals: [],
        fields: [
          field("odd.key", "enum", 45, 7),
          field("small", "u8", 56, 8),
          field("half", "u16", 64, 16),
          field("__proto__x", "token", 80, 16),
          field("big", "u32", 96, 32),
        ],
      },
    ],
  };
}

describe("decoding what is no packet stream", () => {
  const onlyProblem = (bytes: Uint8Array | string) => {
    const { problems, events } = decoded(Buffer.from(bytes));
    assert.deepEqual([events, problems.length], [[], 1]);
    return `${problems[0]!.code} at ${problems[0]!.offsetBytes}: ${problems[0]!.message}`;
  };

  it("says of an empty file that it is empty", () => {
    assert.equal(onlyProblem(""), "E_EMPTY at 0: it is empty: expected a packet stream");
  });

  it("says what a text file is, and which command is for it", () => {
    assert.match(
      onlyProblem('{"event":"ws.connect"}\n'),
      /^E_NO_PACKET at 0: no packet in 23 bytes: .*JSON lines need no decoding/,
    );
    assert.match(
      onlyProblem("\u001b[0;32mI (423) cpu_start: Starting scheduler.\r\n"),
      /text that begins with .*; for telemetry lines in a log use extract$/,
    );
    assert.match(
      onlyProblem(Uint8Array.of(0, 1, 2)),
      /^E_NO_PACKET at 0: no packet in 3 bytes: expected a packet stream or/,
    );
  });

  it("says one thing of 100 MB of garbage, in linear time and little memory", async () => {
    const random = randomIntegers(7);
    const kinds: [string, number, Buffer][] = [
      ["random bytes", 100, Buffer.from(Array.from({ length: 1 << 20 }, () => random(256)))],
      ["zeros", 100, Buffer.alloc(1 << 20)],
      ["overlapping magics", 10, Buffer.alloc(1 << 20, Uint8Array.of(0xc1, 0x1f, 0xfc))],
      ["magics", 10, Buffer.alloc(1 << 20, Uint8Array.of(0xc1, 0x1f, 0xfc, 0xc1))],
    ];
    for (const [kind, count, piece] of kinds) {
      const before = process.memoryUsage().rss;
      const { codes } = await gathered(decode(new Array(count).fill(piece), { registry, with: "none" }));
      assert.deepEqual(codes, ["E_NO_PACKET"], kind);
      assert.ok(process.memoryUsage().rss - before < 64e6, `${kind}: ${process.memoryUsage().rss - before} bytes more`);
    }
  });

  it("takes linear time for headers that all claim the most a packet may have", async function () {
    this.timeout(300_000);
    const bits = 65_536 * 8;
    const header = packet({ contentBits: bits, packetBits: bits, timestampEnd: 1 });
    const zeros = packet({ contentBits: bits, packetBits: bits, timestampEnd: 1 }, new Array(16).fill(0));
    for (const piece of [header, zeros]) {
      const block = Buffer.alloc(1 << 20, piece);
      let damages = 0;
      for await (const item of decode(
        Array.from({ length: 20 }, () => block),
        { registry },
      ))
        if (item.kind === "problem") damages++;
      assert.ok(damages > (19 * block.length) / piece.length);
    }
  });
});

describe("decoding files", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-decode-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** Writes a trace folder from packets. */
  function folder(name: string, packets: readonly BuiltPacket[]): string {
    const path = join(dir, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "stream"), joined(packets.filter(({ kind }) => kind === "data")));
    mkdirSync(join(path, "xs-telemetry"), { recursive: true });
    writeFileSync(join(path, "xs-telemetry", "tokens"), joined(packets.filter(({ kind }) => kind === "tokens")));
    return path;
  }
  const read = (path: string, options: Partial<DecodeOptions> = {}) =>
    gathered(decodePath(path, { registry, with: "none", ...options }));
  const fails = (path: string, code: string, message: RegExp) =>
    assert.rejects(read(path), (error) => {
      assert.ok(error instanceof TelemetryError);
      assert.deepEqual([error.code, error.exitCode], [code, 2]);
      assert.match(error.message, message);
      assert.ok(error.message.includes(path));
      return true;
    });

  it("reads a packet stream from a file as it does from memory", async () => {
    const file = join(dir, "packets");
    const bytes = joined([...mixedPackets(), { bytes: Uint8Array.of(9) }]);
    writeFileSync(file, bytes);
    assert.deepEqual(await read(file), decoded(bytes, { file }));
  });

  it("reads the boots of a capture folder in order of arrival, tokens first", async () => {
    const boots = [
      ["boot-0002-00000000000001", { bootId: 1 }],
      ["boot-0001-1fffffffffffff", { bootId: 2 ** 53 - 1 }],
      ["boot-0002-00000000000001-r10", { bootId: 1, reader: 10 }],
      ["boot-0002-00000000000001-r9", { bootId: 1, reader: 9 }],
      ["boot-0010-00000000000002", { bootId: 2 }],
    ] as const;
    for (const [name, header] of boots) folder(name, mixedPackets(header));
    folder("other", mixedPackets());
    writeFileSync(join(dir, "boot-0003-00000000000004"), "a file");
    const { byPacket, problems, summary, events } = await read(dir);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      [...new Set([...byPacket.keys()].map((key) => key.slice(0, key.lastIndexOf("/"))))],
      [`${2 ** 53 - 1}/0`, "1/0", "1/9", "1/10", "2/0"],
    );
    assert.equal(events.filter(({ msgType }) => msgType === "getStatus").length, 15);
    assert.equal(summary.boots, 3);
    assert.deepEqual(
      (await read(join(dir, "boot-0001-1fffffffffffff"), { output: "lines" })).events,
      eventsOf(mixedPackets()),
    );
    assert.deepEqual(
      (await read(join(dir, "other"))).events,
      eventsOf(mixedPackets()),
      "a folder with a name of its own",
    );
  });

  it("takes a trace folder with tokens alone as one without events, but reports an empty stream", async () => {
    const path = folder("boot-0001-00000000001234", mixedPackets().slice(0, 1));
    assert.deepEqual(
      (await read(dir)).problems.map(({ code, file }) => [code, file]),
      [["E_EMPTY", join(path, "stream")]],
    );
    rmSync(join(path, "stream"));
    const { problems, events, summary } = await read(dir);
    assert.deepEqual([problems, events, summary.tokenPackets], [[], [], 1]);
  });

  it("reports damage with its file, and packets in the wrong file", async () => {
    const path = folder("boot-0001-00000000000001", mixedPackets({ bootId: 1 }));
    const alien = new PacketSource({ bootId: 1, reader: 3 }).data([time0]).bytes;
    const tokens = mixedPackets({ bootId: 1 })[0]!.bytes;
    writeFileSync(join(path, "stream"), joined([{ bytes: alien }, { bytes: tokens }, { bytes: Uint8Array.of(1) }]));
    const { problems, events } = await read(dir);
    assert.deepEqual(events, []);
    assert.deepEqual(
      problems.map(({ code, file }) => [code, file]),
      [
        ["E_MISPLACED", join(path, "stream")],
        ["E_MISPLACED", join(path, "stream")],
      ],
    );
    assert.match(problems[0]!.message, /a data packet of boot 1, reader 3/);
  });

  it("says what is wrong with a boot folder without packets", async () => {
    const problems = async (name: string, make: (boot: string) => void) => {
      const boot = join(dir, name, "boot-0001-00000000000001");
      mkdirSync(boot, { recursive: true });
      make(boot);
      const { summary, problems: found } = await gathered(decodePath(join(dir, name), { registry, with: "none" }));
      assert.equal(summary.damaged, 1, name);
      return found.map(({ code, file }) => [code, file?.slice(boot.length)]);
    };
    assert.deepEqual(await problems("empty", () => {}), [["E_EMPTY", ""]]);
    assert.deepEqual(await problems("no bytes", (boot) => writeFileSync(join(boot, "stream"), "")), [
      ["E_EMPTY", "/stream"],
    ]);
    assert.deepEqual(await problems("folder", (boot) => mkdirSync(join(boot, "stream"))), [["E_READ", "/stream"]]);
  });

  it("says what is wrong with a path that cannot be read", async () => {
    await fails(join(dir, "none"), "E_NOT_FOUND", /no such file/);
    await fails(dir, "E_NO_CAPTURE", /has no packets in it: nothing was captured/);
    mkdirSync(join(dir, "other"));
    await fails(
      dir,
      "E_NO_CAPTURE",
      /is not a capture: neither it nor a folder in it has boot-… folders or a file stream or xs-telemetry\/tokens/,
    );
    await fails(join(dir, "a".repeat(300)), "E_READ", /cannot be read: ENAMETOOLONG/);
  });

  it("passes on what a source throws, after what came before it", async () => {
    const packets = mixedPackets();
    async function* source() {
      yield joined(packets);
      throw new Error("link down");
    }
    const events: DecodedEvent[] = [];
    await assert.rejects(async () => {
      for await (const item of decode(source(), { registry, with: "none" }))
        if (item.kind === "events") events.push(...item.events);
    }, /link down/);
    assert.deepEqual(events, eventsOf(packets));
  });
});
