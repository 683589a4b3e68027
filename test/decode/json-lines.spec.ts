// The JSON lines that decoding writes byte by byte, compared with JSON.stringify of the same events.
import assert from "node:assert/strict";
import fc from "fast-check";
import { StreamDecoder } from "../../host/decode/decode.ts";
import type { DecodeItem, DecodeOptions } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import type { Field, RegistryModel } from "../../host/registry/model.ts";
import { decoded } from "../support/decoded.ts";
import { emitter } from "../support/emit.ts";
import {
  changed,
  type EventSpec,
  type ExpectedEvent,
  joined,
  OTHER_FINGERPRINT,
  PacketSource,
  packet,
  type RecordSpec,
  randomIntegers,
  randomPackets,
  record,
  tokenEntries,
} from "../support/packets.ts";
import { runs } from "../support/properties.ts";

const FORMS = ["events", "lines", "batches"] as const;

/** Where Python's splitlines() ends a line, and JSON does not. */
const escaped = (json: string) =>
  json.replace(/[\x85\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`);
const linesOf = (events: readonly object[]) => events.map((event) => `${escaped(JSON.stringify(event))}\n`).join("");

/** All results of decoding, in order, as text. Batches are read when they come, because their bytes do not last. */
function transcript(bytes: Uint8Array, options: Partial<DecodeOptions>, pieceBytes: number): string {
  const decoder = new StreamDecoder({ registry, with: "none", ...options });
  const said = (item: DecodeItem) => {
    if (item.kind === "events") return linesOf(item.events);
    if (item.kind === "problem" || item.kind === "summary" || item.kind === "gap" || item.kind === "boot")
      return `${JSON.stringify(item)}\n`;
    return Buffer.from(item.lines).toString();
  };
  let text = "";
  for (let at = 0; at < bytes.length; at += pieceBytes)
    text += decoder
      .push(bytes.subarray(at, at + pieceBytes))
      .map(said)
      .join("");
  return text + decoder.end().map(said).join("");
}

function assertLines(bytes: Uint8Array, expected: readonly object[], pieceBytes: number, options = {}): void {
  for (const output of FORMS) {
    const text = transcript(bytes, { ...options, output }, pieceBytes);
    const lines = text.split(/(?<=\n)/).filter((line) => !line.includes('"W_UNNAMED"'));
    assert.equal(lines.slice(0, -1).join(""), linesOf(expected), output);
  }
}

/** What fits in this many bytes, cut at a code point, without U+0000. */
function fitting(text: string, bytes: number): string {
  let kept = "";
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    if (character !== "\0") kept += character;
  }
  return kept;
}

const HOSTILE = [
  '"',
  "\\",
  "/",
  "\b",
  "\n",
  "\u0001",
  "\u001f",
  " ",
  "a",
  "\u007f",
  "\u0080",
  "é",
  "\u0085",
  "\u2027",
  "\u2028",
  "\u2029",
  "â",
  "\u1029",
  "\ufffd",
  "😀",
];
const text = (mostBytes: number) =>
  fc
    .oneof(
      fc.string({ unit: "binary", maxLength: 110 }),
      fc.string({ unit: fc.constantFrom(...HOSTILE), maxLength: 110 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 110 }),
    )
    .map((value) => fitting(value, mostBytes));

const POWERS = Array.from({ length: 10 }, (_, digits) => 10 ** digits);
const EDGES = [...POWERS, ...POWERS.map((power) => power - 1), 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const u32 = fc.oneof(fc.constantFrom(...EDGES.filter((edge) => edge < 2 ** 32)), fc.nat(0xffff_ffff), fc.nat(9));
const token = fc.oneof(fc.nat(4), fc.nat(0xffff));

/** An event; `time` is how much later it is than the previous one. */
const event: fc.Arbitrary<EventSpec> = fc.oneof(
  fc.record(
    { event: fc.constant("ws.connect" as const), time: fc.nat(99), clientId: u32, connEpoch: u32, ip: text(45) },
    { requiredKeys: ["event", "time"] },
  ),
  fc.record({
    event: fc.constantFrom("ws.connected" as const, "ws.disconnect" as const),
    time: fc.nat(2 ** 20),
    clientId: u32,
    connEpoch: u32,
  }),
  fc.record(
    { event: fc.constant("msg.send" as const), time: fc.nat(99), clientId: u32, token, payloadSummary: text(100) },
    { requiredKeys: ["event", "time"] },
  ),
  fc.record(
    {
      event: fc.constant("msg.recv" as const),
      time: fc.nat(9),
      clientId: u32,
      connEpoch: u32,
      token,
      reason: fc.nat(4),
      payloadSummary: text(100),
    },
    { requiredKeys: ["event", "time"] },
  ),
);

describe("JSON lines", () => {
  it("equal the JSON.stringify of the events, whatever is in them", () => {
    const packets = fc.array(
      fc.record({
        reader: fc.nat(1),
        records: fc.array(event, { minLength: 1, maxLength: 12 }),
        names: fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), text(64)), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(
        packets,
        fc.nat(2 ** 21 - 1),
        fc.oneof(fc.nat(2 ** 52), fc.constantFrom(0, 9999, 10_000, 10 ** 8 - 3, 10 ** 12, 2 ** 53 - 200)),
        fc.integer({ min: 1, max: 5000 }),
        (specs, timeHigh, firstEventSeq, pieceBytes) => {
          // Readers whose packets alternate, and that have other names for the same tokens.
          const sources = [0, 1].map((reader) => new PacketSource({ bootId: 5, reader }, firstEventSeq));
          const times = [0, 0].map(() => timeHigh * 2 ** 32);
          const built = specs.flatMap(({ reader, records, names }) => {
            const source = sources[reader]!;
            const news = names.filter(([number, name]) => name !== "" && !source.names.has(number));
            const fresh = [...new Map(news)];
            const absolute = records.map((spec): RecordSpec => {
              times[reader]! += spec.time;
              return { ...spec, time: times[reader]! };
            });
            const tokens = fresh.length > 0 ? [source.tokens(fresh, times[reader])] : [];
            return [...tokens, source.data(absolute)];
          });
          const expected = built.flatMap(({ events }) => events);
          assertLines(joined(built), expected, pieceBytes);
        },
      ),
      runs(1200, 100),
    );
  });

  it("say what was passed to the emitter, cut at a code point, lone surrogates and U+0000 replaced", () => {
    const units = [...HOSTILE, "\0", "\ud800", "\udfff", "x".repeat(97)];
    const payload = fc.oneof(
      fc.string({ unit: fc.constantFrom(...units), maxLength: 60 }),
      fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 120 }),
    );
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 20 }), (payloads) => {
        const { telemetry, reader } = emitter({ capacityBytes: 16_384 });
        const connection = telemetry.connect(1);
        for (const given of payloads) connection.sent(0, given);
        const buffer = new Uint8Array(1400);
        let text = "";
        const decoder = new StreamDecoder({ registry, output: "batches" });
        for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer))
          for (const item of decoder.push(buffer.subarray(0, bytes)))
            if (item.kind === "batch") text += Buffer.from(item.lines).toString();
        const summaries = text
          .trim()
          .split("\n")
          .slice(1)
          .map((line) => /,"payloadSummary":(.*),"schemaVersion"/s.exec(line)![1]);
        const expected = payloads.map((given) =>
          escaped(JSON.stringify(fitting(Buffer.from(given).toString().replaceAll("\0", "\ufffd"), 100))),
        );
        assert.deepEqual(summaries, expected);
      }),
      runs(1200, 100),
    );
  });

  it("are written of a text exactly when its bytes are right", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    /** The text, or what is wrong with its 112 bytes. */
    const judged = (bytes: Uint8Array): { text: string } | { fault: string } => {
      const end = [...bytes, 0].indexOf(0);
      if (end > 100) return { fault: `${end} bytes of text, expected at most 100` };
      if (bytes.subarray(end).some((byte) => byte !== 0))
        return { fault: `bytes after the end of the text, at ${end} bytes, are not 0` };
      try {
        return { text: decoder.decode(bytes.subarray(0, end)) };
      } catch {
        return { fault: "the text is not UTF-8" };
      }
    };
    const tail = fc.oneof(
      text(112).map((value) => Buffer.from(value)),
      fc.uint8Array({ maxLength: 112 }),
      fc
        .tuple(text(99), fc.uint8Array({ maxLength: 3 }))
        .map(([value, rest]) => Buffer.concat([Buffer.from(value), rest])),
      fc.tuple(text(90), fc.nat(111), fc.nat(255)).map(([value, at, byte]) => {
        const bytes = Buffer.alloc(112);
        bytes.write(value);
        bytes[at] = byte;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(tail, fc.nat(2), (bytes, before) => {
        const filled = Buffer.alloc(112);
        filled.set(bytes);
        const head = record({ event: "msg.send", time: 0, payloadSummary: "x" }).slice(0, 16);
        const good = Array.from({ length: before }, () => record({ event: "ws.connected", time: 0 })).flat();
        const { events, problems } = decoded(packet({}, [...good, ...head, ...filled]), { output: "batches" });
        const verdict = judged(filled);
        const place = `record at byte ${96 + 16 * before} of the packet: msg.send.payloadSummary: `;
        if ("text" in verdict) {
          assert.deepEqual(problems, []);
          assert.equal(events.at(-1)!.payloadSummary, verdict.text);
        } else {
          assert.deepEqual([events.length, problems[0]!.code], [before, "E_RECORD"]);
          assert.equal(problems[0]!.message, place + verdict.fault);
        }
      }),
      runs(4000, 300),
    );
  });

  it("are right for a registry that puts its fields anywhere", () => {
    fc.assert(
      fc.property(
        layout,
        fc.array(fc.uint8Array({ minLength: 11, maxLength: 11 }), { maxLength: 40 }),
        (model, heads) => {
          const { fields } = model.recordTypes[0]!;
          const names = new Map<number, string>([[1, "one"]]);
          const records = heads.map((bytes) => {
            let bits = 0n;
            const values: ExpectedEvent = {};
            for (const { key, type, offsetBits, widthBits } of fields) {
              const given = Buffer.concat([bytes, bytes]).readUInt32LE(offsetBits % 11) % 2 ** Math.min(widthBits, 4);
              bits |= BigInt(given) << BigInt(offsetBits);
              values[key] = type === "enum" ? `v"${given}` : type === "token" ? (names.get(given) ?? "") : given;
            }
            const content = [...Buffer.from(bits.toString(16).padStart(32, "0"), "hex")].reverse();
            content[4] = 1;
            return { content, values };
          });
          const tokens = { bytes: packet({ fingerprint: model.fingerprint, streamId: 1 }, tokenEntries([...names])) };
          const data = { fingerprint: model.fingerprint };
          const bytes = joined([
            tokens,
            ...records.map(({ content }, seq) => ({
              bytes: packet({ ...data, packetNumber: seq + 1, firstEventSeq: seq }, content),
            })),
          ]);
          const { attributes } = model.events[0]!;
          const expected = records.map(({ values }, seq) => {
            const all: ExpectedEvent = { ...values, name: "e", n: seq, t: 0 };
            return Object.fromEntries(attributes.map(({ key }) => [key, all[key]!]));
          });
          assertLines(bytes, expected, bytes.length, { registry: model });
        },
      ),
      runs(1200, 100),
    );
  });

  it("are right for more message types than are remembered, whoever means what by them", () => {
    const sources = [new PacketSource({ reader: 0 }), new PacketSource({ reader: 1 })];
    const packets = sources.map((source, reader) =>
      source.tokens(Array.from({ length: 1500 }, (_, index) => [index + 1, `${reader}"${index}`] as const)),
    );
    for (let index = 0; index < 6000; index += 50)
      for (const source of sources)
        packets.push(
          source.data(
            Array.from({ length: 50 }, (_, at) => ({
              event: "msg.recv" as const,
              time: 0,
              token: (index + (at % 2 === 0 ? at : 0)) % 1600,
              reason: at % 5,
            })),
          ),
        );
    const bytes = joined(packets);
    assertLines(
      bytes,
      packets.flatMap(({ events }) => events),
      bytes.length,
    );
    const { summary } = decoded(bytes);
    assert.equal(
      summary.unnamedTokens,
      packets.flatMap(({ events }) => events).filter(({ msgType }) => msgType === "").length - 2 * 4 * 26,
    );
  });

  it("are in a batch before the problem that follows them, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 3000 }), (seed, pieceBytes) => {
        const random = randomIntegers(seed);
        let bytes = joined([...randomPackets(random, 6), ...randomPackets(random, 3)]);
        for (let change = random(4); change > 0; change--) bytes = changed(bytes, random);
        const [events, lines, batches] = FORMS.map((output) => transcript(bytes, { output }, pieceBytes));
        assert.equal(lines, events);
        assert.equal(batches, events);
      }),
      runs(2000, 150),
    );
  });
});

/** A registry of one event with integers, enums and tokens anywhere, written in any order. */
const layout: fc.Arbitrary<RegistryModel> = fc
  .record({
    cells: fc.array(
      fc.record({
        type: fc.constantFrom("u8" as const, "u16" as const, "u32" as const, "enum" as const, "token" as const),
        width: fc.integer({ min: 1, max: 8 }),
        gap: fc.nat(9),
      }),
      { maxLength: 9 },
    ),
    order: fc.infiniteStream(fc.nat()),
  })
  .map(({ cells, order }) => {
    const fields: Field[] = [];
    let bit = 40;
    for (const { type, width, gap } of cells) {
      const widthBits = { u8: 8, u16: 16, u32: 32, token: 16, enum: width }[type];
      let offsetBits = type === "enum" ? bit + gap : Math.ceil((bit + gap) / 8) * 8;
      // An enum is within a word; the others are as the emitter never writes them, but any bytes are read.
      if (type === "enum" && (offsetBits & 31) + widthBits > 32) offsetBits = (offsetBits + 31) & ~31;
      if (offsetBits + widthBits > 128) break;
      fields.push({ key: `f${fields.length}`, type, offsetBits, widthBits, maxBytes: 0 });
      bit = offsetBits + widthBits;
    }
    const described = {
      type: "int" as const,
      brief: "",
      note: "",
      examples: [],
      members: [],
      otelName: "",
      otelNote: "",
    };
    const enumMembers = Array.from({ length: 16 }, (_, code) => ({
      id: `v${code}`,
      value: `v"${code}`,
      code,
      brief: "",
    }));
    const attributes = [
      { ...described, key: "name", from: "event_name" as const },
      { ...described, key: "n", from: "sequence" as const },
      { ...described, key: "t", from: "time" as const },
      ...fields.map(({ key, type }) => ({ ...described, key, members: type === "enum" ? enumMembers : [] })),
    ];
    const ranked = attributes.map(({ key }) => ({ key, required: true, rank: order.next().value as number }));
    ranked.sort((a, b) => a.rank - b.rank);
    return {
      schemaVersion: "7",
      fingerprint: OTHER_FINGERPRINT,
      attributes,
      events: [{ name: "e", brief: "", attributes: ranked }],
      recordTypes: [{ id: 1, event: "e", slots: 1, fields, optionals: [] }],
    };
  });
