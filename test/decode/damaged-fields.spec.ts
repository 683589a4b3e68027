// Packets that arrived whole with impossible content: numbers, headers, records, tokens.
import assert from "node:assert/strict";
import { decoded, eventsOf, patched, time0 } from "../support/decoded.ts";
import {
  type HeaderSpec,
  joined,
  mixedPackets,
  PacketSource,
  packet,
  type RecordSpec,
  record,
  tokenEntries,
} from "../support/packets.ts";

function patchedRecord(spec: RecordSpec, at: number, ...values: number[]): number[] {
  return [...patched(Uint8Array.from(record(spec)), at, ...values)];
}

describe("decoding damaged packets", () => {
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
    ["they must be equal in a data packet", { contentBits: 111 * 8 }],
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
    ["stale bytes behind a text", patchedRecord(received, 120, 1), /payloadSummary: bytes after the end of the text/],
    [
      "text that is too long",
      patchedRecord(received, 16, ...new Array(101).fill(0x61)),
      /101 bytes of text, expected at most 100/,
    ],
    [
      "an address that is too long",
      patchedRecord(connect, 16, ...new Array(46).fill(0x61)),
      /46 bytes of text, expected at most 45/,
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
    ["a name that is not UTF-8", [1, 0, 1, 0, 0xff], /not UTF-8/],
    ["a name with U+0000", [1, 0, 1, 0, 0], /not UTF-8/],
  ];
  for (const [what, bad, message] of badTokens)
    it(`takes the tokens before ${what}, and reports it`, () => {
      const tokens = packet({ streamId: 1 }, [...tokenEntries([[7, "good"]]), ...bad]);
      const data = packet({}, record({ event: "msg.send", time: 0, token: 7 }));
      const { events, problems } = decoded(joined([{ bytes: tokens }, { bytes: data }]));
      assert.deepEqual([events[0]!.msgType, problems.map(({ code }) => code)], ["good", ["E_TOKEN"]]);
      assert.match(problems[0]!.message, message);
    });

  it("rejects bytes after a token packet's content, and header fields that tokens do not have", () => {
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
