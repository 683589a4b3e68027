import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import {
  type DecodeItem,
  type DecodeOptions,
  type DecodeSummary,
  decode,
  decodePath,
  StreamDecoder,
} from "../host/decode.ts";
import { type Problem, TelemetryError } from "../host/errors.ts";
import { registry } from "../host/generated/registry.ts";
import type { DecodedEvent } from "../host/records.ts";
import type { RegistryModel } from "../host/registry/model.ts";
import {
  type BuiltPacket,
  changed,
  FINGERPRINT,
  type HeaderSpec,
  joined,
  mixedPackets,
  OTHER_FINGERPRINT,
  PacketSource,
  packet,
  type RecordSpec,
  randomIntegers,
  randomPackets,
  record,
  recordEndsOf,
  tokenEntries,
} from "./support/packets.ts";

interface Decoded {
  events: DecodedEvent[];
  problems: Problem[];
  codes: string[];
  summary: DecodeSummary;
  /** Events by "boot/reader/packet number". */
  byPacket: Map<string, DecodedEvent[]>;
}

function collect(items: Iterable<DecodeItem>): Decoded {
  const events: DecodedEvent[] = [];
  const problems: Problem[] = [];
  const byPacket = new Map<string, DecodedEvent[]>();
  let summary: DecodeSummary | undefined;
  for (const item of items) {
    assert.equal(summary, undefined, "nothing comes after the summary");
    if (item.kind === "problem") problems.push(item.problem);
    else if (item.kind === "summary") summary = item.summary;
    else {
      const lines = item.kind === "lines" ? Buffer.from(item.lines).toString().split("\n").slice(0, -1) : [];
      const found = item.kind === "lines" ? lines.map((line) => JSON.parse(line) as DecodedEvent) : item.events;
      if (item.kind === "lines") assert.equal(item.count, lines.length);
      events.push(...found);
      const key = `${item.bootId}/${item.reader}/${item.packet}`;
      byPacket.set(key, [...(byPacket.get(key) ?? []), ...found]);
    }
  }
  assert.ok(summary, "a summary comes last");
  const total = Object.values(summary.events).reduce((sum, count) => sum + count, 0);
  assert.equal(total, events.length, "the summary counts the events");
  return { events, problems, codes: problems.map(({ code }) => code), summary, byPacket };
}

function decoded(bytes: Uint8Array, options: Partial<DecodeOptions> = {}, pieceBytes = bytes.length): Decoded {
  const decoder = new StreamDecoder({ registry, ...options });
  const items: DecodeItem[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    items.push(...decoder.push(bytes.subarray(at, at + pieceBytes)));
  items.push(...decoder.end());
  return collect(items);
}

async function gathered(items: AsyncIterable<DecodeItem>): Promise<Decoded> {
  const list: DecodeItem[] = [];
  for await (const item of items) list.push(item);
  return collect(list);
}

const conforms = new Ajv2020({ allErrors: true }).compile(
  JSON.parse(readFileSync("registry/1.0.0.schema.json", "utf8")) as object,
);

function assertConforms(event: DecodedEvent): void {
  assert.ok(conforms(event), `${JSON.stringify(event)}: ${JSON.stringify(conforms.errors)}`);
  const model = registry.events.find(({ name }) => name === event.event)!;
  const order = model.attributes.map(({ key }) => key).filter((key) => key in event);
  assert.deepEqual(Object.keys(event), order, "keys stand in the registry's order, none beside them");
  for (const { key, maxBytes = 64 } of registry.attributes) {
    const value = event[key];
    if (typeof value !== "string") continue;
    assert.ok(Buffer.byteLength(value) <= maxBytes, `${key} is within ${maxBytes} bytes: ${JSON.stringify(value)}`);
    assert.equal(Buffer.from(value).toString(), value, `${key} is well-formed: ${JSON.stringify(value)}`);
    assert.ok(!value.includes("\0"), `${key} has no U+0000`);
  }
}

const eventsOf = (packets: readonly BuiltPacket[]) => packets.flatMap(({ events }) => events);
const time0: RecordSpec = { event: "ws.connected", time: 0 };

/** Replaces bytes. */
function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

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
    assert.deepEqual(await gathered(decode(many, { registry })), decoded(many, {}, 1000));
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
        optional: undefined,
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

describe("decoding damaged packets", () => {
  it("delivers all whole records before a cut at any byte, and reports the cut", () => {
    const packets = mixedPackets();
    const bytes = joined(packets);
    const starts = packets.map((_, index) => joined(packets.slice(0, index)).length);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { events, codes, problems } = decoded(bytes.subarray(0, cut), { output: "lines" });
      const index = starts.findLastIndex((start) => start <= cut);
      const whole = eventsOf(packets.slice(0, index));
      const rest = packets[index]!;
      const recordEnds = recordEndsOf(rest).map((end) => starts[index]! + end);
      const expected = [...whole, ...rest.events.filter((_, position) => recordEnds[position]! <= cut)];
      assert.deepEqual(events, expected, `cut at ${cut}`);
      if (starts.includes(cut)) assert.deepEqual(problems, [], `cut at ${cut}`);
      else if (cut < 20) assert.deepEqual(codes, ["E_NO_PACKET"], `cut at ${cut}`);
      else {
        assert.deepEqual(codes, ["E_CUT"], `cut at ${cut}`);
        assert.equal(problems[0]!.offsetBytes, starts[index], `cut at ${cut}`);
      }
    }
  });

  it("survives any one bit flipped: what comes out conforms, other packets stay whole, and most flips are told", () => {
    const packets = mixedPackets({ bootId: 0x1234, reader: 2 });
    const bytes = joined(packets);
    let told = 0;
    let start = 0;
    for (const built of packets) {
      for (let at = start; at < start + built.bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const flipped = patched(bytes, at, bytes[at]! ^ (1 << bit));
          const { events, byPacket, problems } = decoded(flipped, { output: "lines" });
          const where = `bit ${bit} of byte ${at}, ${at - start} of ${built.kind} packet ${built.packetNumber}`;
          events.forEach(assertConforms);
          if (problems.length > 0) told++;
          for (const other of packets) {
            if (other === built || other.kind === "tokens") continue;
            // A flipped packet number may be another packet's.
            const all = byPacket.get(`${0x1234}/2/${other.packetNumber}`);
            const found = all?.filter((event) => other.events.some(({ eventSeq }) => eventSeq === event.eventSeq));
            const unnamed = (event: DecodedEvent) => ({ ...event, msgType: undefined });
            if (built.kind === "data") assert.deepEqual(found, other.events, `${where}: packet ${other.packetNumber}`);
            else
              assert.deepEqual(
                found?.map(unnamed),
                other.events.map(unnamed),
                `${where}: packet ${other.packetNumber}`,
              );
          }
        }
      }
      start += built.bytes.length;
    }
    assert.ok(told > bytes.length * 8 * 0.6, `${told} of ${bytes.length * 8} flips were told`);
  });

  it("finds every packet between random garbage, and tells each stretch of it", () => {
    const seed = Date.now() % 2 ** 32;
    const random = randomIntegers(seed);
    for (let round = 0; round < 100; round++) {
      const packets = mixedPackets();
      const parts: { bytes: Uint8Array }[] = [];
      let stretches = 0;
      for (const built of packets) {
        const garbage = Uint8Array.from({ length: random(3) * random(200) }, () => random(256));
        if (random(3) === 0) garbage.set([0xc1, 0x1f, 0xfc, 0xc1].slice(0, garbage.length), 0);
        if (garbage.length > 0) stretches++;
        parts.push({ bytes: garbage }, built);
      }
      const { events, codes } = decoded(joined(parts), {}, 1 + random(2000));
      assert.deepEqual(events, eventsOf(packets), `seed ${seed}, round ${round}`);
      assert.deepEqual(codes, new Array(stretches).fill("E_STRAY"), `seed ${seed}, round ${round}`);
    }
  });

  it("stays whole, sane and within the registry under random changes", function () {
    this.timeout(300_000);
    const seed = Date.now() % 2 ** 32;
    const random = randomIntegers(seed);
    for (let round = 0; round < 3000; round++) {
      let bytes = joined([...randomPackets(random, 1 + random(4)), ...randomPackets(random, random(3))]);
      for (let change = random(6); change >= 0; change--) bytes = changed(bytes, random);
      try {
        const { events, summary } = decoded(
          bytes,
          { output: random(2) ? "lines" : "events" },
          1 + random(bytes.length + 1),
        );
        events.forEach(assertConforms);
        const numbers = Object.values(summary).filter((value) => typeof value === "number");
        assert.ok(
          numbers.every((value) => Number.isSafeInteger(value) && value >= 0),
          JSON.stringify(summary),
        );
      } catch (error) {
        assert.fail(`seed ${seed}, round ${round}: ${(error as Error).stack}`);
      }
    }
  });

  it("does not let a packet's claimed size swallow the packets after it", () => {
    const [tokens, first, second, third, ...rest] = mixedPackets();
    for (const claimed of [second!.bytes.length + 16, second!.bytes.length + third!.bytes.length, 65_536]) {
      const bits = [0, 8, 16, 24].map((shift) => ((claimed * 8) >>> shift) & 0xff);
      const overlong = patched(second!.bytes, 40, ...bits, ...bits);
      const { byPacket, codes, problems } = decoded(joined([tokens!, first!, { bytes: overlong }, third!, ...rest]));
      const key = (built: BuiltPacket) => `${0x1234}/0/${built.packetNumber}`;
      for (const built of [first!, third!, ...rest])
        if (built.kind === "data") assert.deepEqual(byPacket.get(key(built)), built.events, `claims ${claimed}`);
      assert.deepEqual(byPacket.get(key(second!)), second!.events, "records before the damage are kept");
      assert.ok(codes[0]!.startsWith("E_"), codes.join());
      assert.equal(problems[0]!.offsetBytes, tokens!.bytes.length + first!.bytes.length);
      assert.equal(problems[0]!.packet, second!.packetNumber);
    }
  });

  it("finds good packets inside what an unfinished packet claims at the end of the data", () => {
    const [tokens, first, second] = mixedPackets();
    const bits = [0, 0, 8, 0]; // 65,536 bytes
    const { events, codes } = decoded(
      joined([tokens!, { bytes: patched(first!.bytes, 40, ...bits, ...bits) }, second!]),
    );
    assert.deepEqual(events, [...first!.events, ...second!.events]);
    assert.equal(codes.length, 1);
  });

  it("passes over packets that come again or too late, and says so", () => {
    const [tokens, first, second, third, ...rest] = mixedPackets();
    const order = [tokens!, tokens!, first!, first!, third!, second!, third!, ...rest];
    const { events, codes, summary, problems } = decoded(joined(order));
    assert.deepEqual(events, [...first!.events, ...third!.events, ...eventsOf(rest)]);
    assert.deepEqual(codes, ["W_REPEATED", "W_REPEATED", "W_LOST_IN_TRANSIT", "W_REPEATED", "W_REPEATED"]);
    assert.match(problems[3]!.message, /data packet 2 comes after data packet 3/);
    assert.equal(summary.repeated, 4);
    assert.equal(summary.damaged, 0);
  });

  it("refuses a registry other than its own by both fingerprints, once for a run, and decodes the others", () => {
    const [tokens, first, second] = mixedPackets();
    const foreign = packet({ fingerprint: OTHER_FINGERPRINT, packetNumber: 3 }, record(time0));
    const { events, problems, summary } = decoded(
      joined([{ bytes: foreign }, tokens!, { bytes: foreign }, { bytes: foreign }, first!, second!]),
    );
    assert.deepEqual(events, [...first!.events, ...second!.events]);
    assert.deepEqual(
      problems.map(({ code, offsetBytes, packet }) => [code, offsetBytes, packet]),
      [["E_REGISTRY", 0, 3]],
    );
    assert.ok(problems[0]!.message.includes(OTHER_FINGERPRINT) && problems[0]!.message.includes(FINGERPRINT));
    assert.equal(summary.refused, 3);
  });

  it("refuses another wire format by its number, its own registry's or not", () => {
    for (const fingerprint of [FINGERPRINT, OTHER_FINGERPRINT]) {
      const { events, problems } = decoded(packet({ wireFormat: 2, fingerprint }, record(time0)));
      assert.deepEqual(events, []);
      assert.deepEqual(
        problems.map(({ code }) => code),
        ["E_WIRE_FORMAT"],
      );
      assert.match(problems[0]!.message, /wire_format is 2/);
    }
  });

  it("rejects 64-bit values over 2^53 - 1 by their exact value", () => {
    const wrong = 2n ** 53n;
    const fields: HeaderSpec[] = [
      { timestampBegin: wrong, timestampEnd: wrong },
      { timestampBegin: 0, timestampEnd: wrong },
      { eventsDiscarded: wrong },
      { packetNumber: wrong },
      { bootId: wrong },
      { firstEventSeq: wrong },
    ];
    for (const header of fields) {
      const { events, problems } = decoded(packet(header, record(time0)));
      assert.deepEqual(events, []);
      assert.deepEqual(
        problems.map(({ code }) => code),
        ["E_HEADER"],
        JSON.stringify(Object.keys(header)),
      );
      assert.match(problems[0]!.message, /9007199254740992/);
    }
    for (const content of [
      record({ lost: wrong, time: 0 }),
      record({ lost: 0, time: 0 }),
      record({ jump: 2 ** 31 - 1, time: 0 }),
    ]) {
      const { events, codes } = decoded(packet({}, content));
      assert.deepEqual(events, []);
      assert.deepEqual(codes, ["E_RECORD"]);
    }
  });

  it("rejects event numbers that run past 2^53 - 1", () => {
    const last = 2 ** 53 - 1;
    const source = new PacketSource({}, last);
    const { events, codes } = decoded(source.data([time0, time0]).bytes);
    assert.deepEqual([events.length, events[0]!.eventSeq, codes], [1, last, ["E_RECORD"]]);
    const lost = new PacketSource({}, last - 5).data([{ lost: 6, time: 0 }, time0], 0, { eventsDiscarded: last });
    assert.deepEqual(decoded(lost.bytes).codes, ["E_RECORD"]);
  });

  const badHeaders: [string, HeaderSpec][] = [
    ["stream_id", { streamId: 2 }],
    ["packet_size", { packetBits: 112 * 8 + 8, contentBits: 112 * 8 + 8 }],
    ["packet_size", { packetBits: 65_552 * 8, contentBits: 65_552 * 8 }],
    ["content_size", { contentBits: 112 * 8 - 1 }],
    ["content_size", { contentBits: 95 * 8 }],
    ["content_size", { contentBits: 112 * 8 + 128 }],
    ["they are equal in a data packet", { contentBits: 111 * 8 }],
    ["no record", { contentBits: 96 * 8, packetBits: 96 * 8 }],
    ["timestamp_end", { timestampBegin: 5, timestampEnd: 4 }],
    ["upper 32 bits", { timestampBegin: 2 ** 32 - 1, timestampEnd: 2 ** 32 }],
    ["packet_seq_num is 0", { packetNumber: 0 }],
  ];
  for (const [name, header] of badHeaders)
    it(`rejects a header whose fields are at odds: ${JSON.stringify(header)}`, () => {
      const { events, problems } = decoded(joined([{ bytes: packet(header, record(time0)) }, ...mixedPackets()]));
      assert.deepEqual(events, eventsOf(mixedPackets()));
      assert.equal(problems[0]!.code, "E_HEADER");
      assert.ok(problems[0]!.message.includes(name), problems[0]!.message);
    });

  const received: RecordSpec = { event: "msg.recv", time: 1, token: 0, reason: 2, payloadSummary: "é" };
  const connect: RecordSpec = { event: "ws.connect", time: 1, ip: "10.0.0.1" };
  const badRecords: [string, number[], RegExp][] = [
    ["a reason with the result ok", patchedRecord(received, 5, 0x20), /reason is "" exactly when result is "ok"/],
    [
      "no reason with the result rejected",
      patchedRecord(received, 5, 0x01),
      /reason is "" exactly when result is "ok"/,
    ],
    ["an unknown result", patchedRecord(received, 5, 0x22), /msg\.recv\.result: code 2 is unknown/],
    ["an unknown reason", patchedRecord(received, 5, 0x51), /msg\.recv\.reason: code 5 is unknown/],
    ["stale bits in a head slot", patchedRecord(connect, 5, 1), /ws\.connect: unused bits are not 0: 01000000020100/],
    ["stale bytes behind a text", patchedRecord(received, 120, 1), /payloadSummary: bytes behind the text's end/],
    [
      "text that is too long",
      patchedRecord(received, 16, ...new Array(101).fill(0x61)),
      /101 bytes of text, at most 100/,
    ],
    [
      "an address that is too long",
      patchedRecord(connect, 16, ...new Array(46).fill(0x61)),
      /46 bytes of text, at most 45/,
    ],
    ["text that is not UTF-8", patchedRecord(received, 16, 0xed, 0xa0, 0x80), /payloadSummary: the text is not UTF-8/],
    ["text cut within a character", patchedRecord(received, 16, 0xc3, 0), /payloadSummary: the text is not UTF-8/],
    ["stale bytes in an internal record", patchedRecord({ lost: 1, time: 1 }, 6, 1), /_lost: unused bits are not 0/],
    ["time that goes back", record({ ...connect, time: 0 }), /time goes back from 1 to 0/],
    ["a jump of time in the middle", record({ jump: 2 ** 31, time: 1 }), /_time_jump is not the packet's first record/],
    [
      "an unknown record type",
      patchedRecord(connect, 4, 99),
      /record type 99 is unknown.*: 01000000630000000000000000000000/,
    ],
    ["record type 0", new Array(16).fill(0).with(0, 1), /record type 0 is unknown/],
  ];
  for (const [what, bad, message] of badRecords)
    it(`keeps the records before ${what}, reports its place, and goes on with the next packet`, () => {
      const good = record({ event: "ws.connected", time: 1, clientId: 3 });
      const built = packet({ timestampBegin: 1 }, [...good, ...bad, ...good]);
      const next = packet({ timestampBegin: 1, packetNumber: 2, firstEventSeq: 3 }, good);
      const { events, problems } = decoded(joined([{ bytes: built }, { bytes: next }]), { file: "x.stream" });
      assert.deepEqual(
        events.map(({ eventSeq }) => eventSeq),
        [0, 3],
      );
      assert.deepEqual(problems.length, 1);
      assert.match(problems[0]!.message, message);
      assert.match(problems[0]!.message, /record at byte 112 of the packet/);
      assert.deepEqual([problems[0]!.file, problems[0]!.offsetBytes, problems[0]!.packet], ["x.stream", 0, 1]);
    });

  it("checks the first and the last record's time against the header, and the time after a jump", () => {
    const one = record({ event: "ws.connected", time: 7 });
    assert.deepEqual(decoded(packet({ timestampBegin: 6, timestampEnd: 7 }, one)).codes, ["E_TIME"]);
    const late = decoded(packet({ timestampBegin: 7, timestampEnd: 9 }, [...one, ...one]));
    assert.deepEqual([late.codes, late.events.length], [["E_TIME"], 1]);
    const jump = record({ jump: 2 ** 31, time: 2 ** 31 });
    const after = record({ event: "ws.connected", time: 2 ** 31 + 1 });
    assert.deepEqual(
      decoded(packet({ timestampBegin: 2 ** 31, timestampEnd: 2 ** 31 + 1 }, [...jump, ...after])).codes,
      ["E_TIME"],
    );
    const far = [...record({ event: "ws.connected", time: 0 }), ...record({ event: "ws.connected", time: 2 ** 31 })];
    assert.deepEqual(decoded(packet({ timestampEnd: 2 ** 31 }, far)).codes, ["E_TIME"]);
  });

  const badTokens: [string, number[], RegExp][] = [
    ["token 0", [0, 0, 1, 0, 0x61], /token is 0/],
    ["a name without bytes", [1, 0, 0, 0], /length is 0/],
    ["a name over 64 bytes", [1, 0, 65, 0, ...new Array(65).fill(0x61)], /length is 65/],
    ["a name beyond the packet", [1, 0, 9, 0, 0x61], /needs 9 bytes, 1 left/],
    ["half an entry", [1, 0], /needs 4 bytes, 2 left/],
    ["a name that is not UTF-8", [1, 0, 1, 0, 0xff], /no UTF-8/],
    ["a name with U+0000", [1, 0, 1, 0, 0], /no UTF-8/],
  ];
  for (const [what, bad, message] of badTokens)
    it(`takes the tokens before ${what}, and reports it`, () => {
      const tokens = packet({ streamId: 1 }, [...tokenEntries([[7, "good"]]), ...bad]);
      const data = packet({}, record({ event: "msg.send", time: 0, token: 7 }));
      const { events, problems } = decoded(joined([{ bytes: tokens }, { bytes: data }]));
      assert.deepEqual([events[0]!.msgType, problems.map(({ code }) => code)], ["good", ["E_TOKEN"]]);
      assert.match(problems[0]!.message, message);
    });

  it("rejects bytes behind a token packet's content, and header fields that tokens do not have", () => {
    const built = packet({ streamId: 1 }, tokenEntries([[1, "a"]]));
    assert.deepEqual(decoded(patched(built, 111, 1)).codes, ["E_TOKEN"]);
    for (const header of [
      { eventsDiscarded: 1 },
      { firstEventSeq: 1 },
      { ringPendingSlots: 1 },
      { timestampEnd: 1 },
      { packetNumber: 0 },
    ])
      assert.deepEqual(decoded(packet({ streamId: 1, ...header })).codes, ["E_HEADER"], JSON.stringify(header));
  });
});

function patchedRecord(spec: RecordSpec, at: number, ...values: number[]): number[] {
  return [...patched(Uint8Array.from(record(spec)), at, ...values)];
}

describe("counting losses", () => {
  /** Eight packets of three events; before the fifth 20 events were overwritten, the sixth tells of 4 refused ones. */
  function eight(header: HeaderSpec = {}): BuiltPacket[] {
    const source = new PacketSource(header);
    return Array.from({ length: 8 }, (_, index) => {
      const time = index * 10;
      const events: RecordSpec[] = [0, 1, 2].map((clientId) => ({ event: "ws.connected", time, clientId }));
      return source.data(index === 5 ? [{ lost: 4, time }, ...events] : events, index === 4 ? 20 : 0);
    });
  }
  const sums = ({ summary }: Decoded) => [summary.lostOnDevice, summary.lostInTransit, summary.beforeFirstPacket];

  it("tells losses on the device from losses on the way and from what came before, whatever is missing", () => {
    const packets = eight();
    const last = 24 + 24; // the number of the event that would come next
    for (let missing = 0; missing < 128; missing++) {
      const arrived = packets.filter((_, index) => index === 7 || ((missing >> index) & 1) === 0);
      const first = packets.indexOf(arrived[0]!);
      const { events, summary, codes } = decoded(joined(arrived));
      assert.deepEqual(events, eventsOf(arrived));
      assert.equal(summary.lostOnDevice, 24);
      assert.equal(summary.beforeFirstPacket, 3 * first);
      assert.equal(summary.lostInTransit, 3 * (8 - arrived.length - first));
      assert.equal(summary.missingPackets, 8 - arrived.length - first);
      assert.equal(events.length + 24 + summary.beforeFirstPacket + summary.lostInTransit, last);
      assert.ok(
        codes.every((code) => code === "W_LATE" || code === "W_LOST_IN_TRANSIT"),
        codes.join(),
      );
    }
  });

  it("names the packets that are missing and how many events they held", () => {
    const packets = eight();
    const { problems } = decoded(joined([packets[2]!, packets[4]!, packets[7]!]));
    assert.deepEqual(
      problems.map(({ code, packet }) => [code, packet]),
      [
        ["W_LATE", 3],
        ["W_LOST_IN_TRANSIT", 5],
        ["W_LOST_IN_TRANSIT", 8],
      ],
    );
    assert.match(problems[0]!.message, /packets 1 to 2 are not here, with 6 events/);
    assert.match(problems[1]!.message, /packet 4 is missing, with 3 events/);
    assert.match(problems[2]!.message, /packets 6 to 7 are missing, with 6 events/);
  });

  it("counts the events behind a damage as lost on the way once the next packet has come", () => {
    const packets = eight();
    const bytes = joined(packets);
    const damaged = patched(bytes, 5 * (96 + 48) + 96 + 16 + 16 + 5, 1); // the second event of packet 6, behind its _lost
    assert.deepEqual(sums(decoded(damaged)), [24, 2, 0]);
    const gone = patched(bytes, 5 * (96 + 48) + 96 + 5, 1); // its _lost record, so that nothing of it is left
    assert.deepEqual(sums(decoded(gone)), [24, 3, 0]);
  });

  it("rejects a packet whose counts cannot be true after those before it, and goes on with the next", () => {
    const packets = eight();
    const wrong: [number, number[]][] = [
      [48, [1]], // events_discarded
      [72, [10]], // first_event_seq
      [72, [4]],
      [60, [1]], // packet_seq_num: 2^32 packets missing, but no event
    ];
    for (const [at, values] of wrong) {
      const bad = { bytes: patched(packets[2]!.bytes, at, ...values) };
      const { events, codes, problems } = decoded(joined([...packets.slice(0, 2), bad, ...packets.slice(3)]));
      assert.deepEqual(events, eventsOf(packets.filter((_, index) => index !== 2)), `byte ${at}`);
      assert.deepEqual(codes, ["E_COUNTS", "W_LOST_IN_TRANSIT"], `byte ${at}`);
      assert.equal(problems[0]!.offsetBytes, 2 * (96 + 48));
    }
  });

  it("loses no second packet when the first one's counts were wrong and nothing could tell", () => {
    const packets = eight();
    const bad = { bytes: patched(packets[3]!.bytes, 72, 13) };
    const { byPacket, codes } = decoded(joined([bad, ...packets.slice(4)]));
    assert.deepEqual(codes, ["W_LATE", "E_COUNTS"]);
    for (const { packetNumber, events } of packets.slice(4))
      assert.deepEqual(byPacket.get(`1/0/${packetNumber}`), events, `packet ${packetNumber}`);
  });

  it("rejects time that goes back between packets, and a jump of time that is told wrongly", () => {
    const at = (time: number, number: number, jump?: number) =>
      packet({ timestampBegin: time, packetNumber: number, firstEventSeq: number - 1 }, [
        ...(jump === undefined ? [] : record({ jump, time })),
        ...record({ event: "ws.connected", time }),
      ]);
    const codes = (...packets: Uint8Array[]) => decoded(joined(packets.map((bytes) => ({ bytes })))).codes;
    assert.deepEqual(codes(at(100, 1), at(99, 2)), ["E_COUNTS"]);
    const overwritten = packet(
      { timestampBegin: 99, packetNumber: 2, firstEventSeq: 6, eventsDiscarded: 5 },
      record({ event: "ws.connected", time: 99 }),
    );
    assert.deepEqual(codes(at(100, 1), overwritten), ["E_COUNTS"]);
    assert.deepEqual(codes(at(100, 1), at(100 + 2 ** 31, 2, 2 ** 31 + 1)), ["E_COUNTS"]);
    assert.deepEqual(codes(at(100, 1), at(100 + 2 ** 31, 2, 2 ** 31)), []);
    assert.deepEqual(codes(at(100, 1), at(99 + 2 ** 31, 2)), []);
    assert.deepEqual(codes(at(100, 1), at(100 + 2 ** 31, 2)), [], "a _time_jump may be all that was overwritten");
  });

  it("passes over the empty packet of a capture folder", () => {
    const empty = packet({ packetNumber: 0, bootId: 1, ringCapacitySlots: 0 });
    const source = new PacketSource({}, 2 ** 33);
    const first = source.data([time0]);
    const { events, problems, summary } = decoded(joined([{ bytes: empty }, first]));
    assert.deepEqual([events, problems, summary.lostOnDevice], [first.events, [], 2 ** 33]);
  });

  it("keeps the readers of a boot and the boots of a stream apart", () => {
    const streams = [
      mixedPackets({ bootId: 1 }),
      mixedPackets({ bootId: 1, reader: 1 }),
      mixedPackets({ bootId: 1, reader: 0xffffffff }),
      mixedPackets({ bootId: 2 }),
      mixedPackets({ bootId: 2 ** 53 - 1 }),
    ];
    const woven = streams[0]!.flatMap((_, index) => streams.map((packets) => packets[index]!));
    const { byPacket, problems, summary } = decoded(joined(woven));
    assert.deepEqual(problems, []);
    for (const [index, key] of ["1/0", "1/1", "1/4294967295", "2/0", `${2 ** 53 - 1}/0`].entries())
      for (const { kind, packetNumber, events } of streams[index]!)
        if (kind === "data") assert.deepEqual(byPacket.get(`${key}/${packetNumber}`), events);
    assert.deepEqual([summary.boots, summary.packets, summary.lostOnDevice], [3, 30, 285]);
  });

  it("remembers a thousand devices at once", () => {
    const sources = Array.from({ length: 1000 }, (_, bootId) => new PacketSource({ bootId }));
    const woven = [0, 1, 2].flatMap((time) => sources.map((source) => source.data([{ event: "ws.connected", time }])));
    const { problems, summary } = decoded(joined(woven));
    assert.deepEqual([problems, summary.boots], [[], 1000]);
  });

  it("forgets what it used least lately rather than grow without bound", () => {
    const first = (header: HeaderSpec) => new PacketSource(header).data([time0]);
    const boots = Array.from({ length: 5000 }, (_, bootId) => first({ bootId }));
    const { events, problems, summary } = decoded(joined([...boots, boots[4999]!, boots[0]!]));
    assert.deepEqual([events.length, summary.boots], [5001, 5001]);
    assert.deepEqual(
      problems.map(({ code, offsetBytes }) => [code, offsetBytes]),
      [["W_REPEATED", 5000 * 112]],
    );
    const readers = Array.from({ length: 20 }, (_, reader) => first({ reader }));
    assert.deepEqual(decoded(joined([...readers, readers[19]!, readers[0]!])).codes, ["W_REPEATED"]);
    const names = Array.from({ length: 65_535 }, (_, index): [number, string] => [index + 1, `${index}`]);
    const parts = Array.from({ length: 16 }, (_, part) => tokenEntries(names.slice(part * 4096, part * 4096 + 4096)));
    const tokens = [1, 2, 3, 4, 5].flatMap((bootId) =>
      parts.map((part, index) => ({ bytes: packet({ bootId, streamId: 1, packetNumber: index + 1 }, part) })),
    );
    const last = [5, 1].map((bootId) => new PacketSource({ bootId }).data([{ event: "msg.send", time: 0, token: 9 }]));
    assert.deepEqual(
      decoded(joined([...tokens, ...last])).events.map(({ msgType }) => msgType),
      ["8", ""],
    );
  });
});

describe("naming tokens", () => {
  const sent = (token: number, packetNumber = 1) =>
    packet({ packetNumber, firstEventSeq: packetNumber - 1 }, record({ event: "msg.send", time: 0, token }));
  const named = (entries: [number, string][], packetNumber = 1, header: HeaderSpec = {}) =>
    packet({ streamId: 1, packetNumber, ...header }, tokenEntries(entries));
  const types = (...packets: Uint8Array[]) => {
    const { events, codes, summary } = decoded(joined(packets.map((bytes) => ({ bytes }))));
    return [events.map(({ msgType }) => msgType), codes, summary.unnamedTokens];
  };

  it('gives "" for a token without a name, and counts it until it has one', () => {
    assert.deepEqual(types(sent(0), sent(5, 2), named([[5, "five"]]), sent(5, 3)), [["", "", "five"], [], 1]);
  });

  it("takes names of 64 bytes, of any characters, and the same name twice", () => {
    const long = "😀".repeat(16);
    assert.deepEqual(
      types(
        named([
          [1, long],
          [65535, '"\\\u0001'],
          [3, long],
        ]),
        sent(1),
        sent(65535, 2),
        sent(3, 3),
      ),
      [[long, '"\\\u0001', long], [], 0],
    );
  });

  it("keeps the first meaning of a token and reports another one", () => {
    assert.deepEqual(
      types(
        named([[1, "a"]]),
        named(
          [
            [1, "b"],
            [2, "c"],
          ],
          2,
        ),
        sent(1),
        sent(2, 2),
      ),
      [["a", "c"], ["E_TOKEN"], 0],
    );
  });

  it("learns from a token packet that comes late, too", () => {
    assert.deepEqual(types(named([[1, "a"]], 2), named([[2, "b"]], 1), sent(2)), [["b"], ["W_REPEATED"], 0]);
  });

  it("keeps names of one boot and reader from another", () => {
    assert.deepEqual(types(named([[1, "a"]], 1, { bootId: 2 }), named([[1, "b"]], 1, { reader: 1 }), sent(1)), [
      [""],
      [],
      1,
    ]);
  });
});

describe("decoding what is no packet stream", () => {
  const onlyProblem = (bytes: Uint8Array | string) => {
    const { problems, events } = decoded(Buffer.from(bytes));
    assert.deepEqual([events, problems.length], [[], 1]);
    return `${problems[0]!.code} at ${problems[0]!.offsetBytes}: ${problems[0]!.message}`;
  };

  it("says of an empty file that it is empty", () => {
    assert.equal(onlyProblem(""), "E_EMPTY at 0: no bytes: expected a packet stream");
  });

  it("says what a text file is, and which command is for it", () => {
    assert.match(
      onlyProblem('{"event":"ws.connect"}\n'),
      /^E_NO_PACKET at 0: no packet in 23 bytes, .*JSON lines need no decoding/,
    );
    assert.match(
      onlyProblem("\u001b[0;32mI (423) cpu_start: Starting scheduler.\r\n"),
      /text beginning with .*are for extract$/,
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
      const { codes } = await gathered(decode(new Array(count).fill(piece), { registry }));
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
    writeFileSync(join(path, ".tokens"), joined(packets.filter(({ kind }) => kind === "tokens")));
    return path;
  }
  const read = (path: string, options: Partial<DecodeOptions> = {}) =>
    gathered(decodePath(path, { registry, ...options }));
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

  it("takes a trace folder with tokens alone, or with an empty stream, as one without events", async () => {
    const path = folder("boot-0001-00000000001234", mixedPackets().slice(0, 1));
    assert.deepEqual((await read(dir)).problems, []);
    rmSync(join(path, "stream"));
    const { problems, events, summary } = await read(dir);
    assert.deepEqual([problems, events, summary.tokenPackets], [[], [], 1]);
  });

  it("reports damage with its file, and packets that stand in the wrong one", async () => {
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

  it("says what is wrong with a path that cannot be read", async () => {
    await fails(join(dir, "none"), "E_NOT_FOUND", /does not exist/);
    await fails(dir, "E_NO_CAPTURE", /has neither boot-… folders nor a file stream or \.tokens/);
    await fails(join(dir, "a".repeat(300)), "E_READ", /cannot be read: ENAMETOOLONG/);
    const file = join(dir, "secret");
    writeFileSync(file, "x");
    chmodSync(file, 0);
    if (process.getuid?.() !== 0) await fails(file, "E_READ", /cannot be read: EACCES/);
  });

  it("passes on what a source throws, after what came before it", async () => {
    const packets = mixedPackets();
    async function* source() {
      yield joined(packets);
      throw new Error("link down");
    }
    const events: DecodedEvent[] = [];
    await assert.rejects(async () => {
      for await (const item of decode(source(), { registry })) if (item.kind === "events") events.push(...item.events);
    }, /link down/);
    assert.deepEqual(events, eventsOf(packets));
  });
});
