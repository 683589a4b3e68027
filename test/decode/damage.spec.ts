import assert from "node:assert/strict";
import { StreamDecoder } from "../../host/decode/decode.ts";
import { registry } from "../../host/generated/registry.ts";
import { campaign, isTaken, seedFor } from "../support/campaign.ts";
import { assertConforms, decoded, eventsOf, patched, time0 } from "../support/decoded.ts";
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
} from "../support/packets.ts";

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

  it("loses no packet behind one that lost bytes at its end, however many, and delivers nothing that is none", () => {
    const packets = mixedPackets();
    packets.forEach((cut, index) => {
      const [before, after] = [packets.slice(0, index), packets.slice(index + 1)];
      if (after.length === 0) return;
      const others = [...eventsOf(before), ...eventsOf(after)];
      const start = joined(before).length;
      for (let lost = 1; lost < cut.bytes.length; lost++) {
        const left = cut.bytes.length - lost;
        const bytes = Buffer.concat([joined(before), cut.bytes.subarray(0, left), joined(after)]);
        const ends = recordEndsOf(cut);
        const whole = cut.events.filter((_, position) => ends[position]! <= left);
        const expected = cut.kind === "tokens" ? undefined : [...eventsOf(before), ...whole, ...eventsOf(after)];
        for (const pieceBytes of [bytes.length, 11]) {
          const where = `${lost} bytes lost of ${cut.kind} packet ${cut.packetNumber}, in pieces of ${pieceBytes}`;
          const { events, problems, summary } = decoded(bytes, { output: "lines" }, pieceBytes);
          if (expected !== undefined) assert.deepEqual(events, expected, where);
          else assert.equal(events.length, others.length, where);
          const at = problems.filter(({ offsetBytes }) => offsetBytes === start);
          assert.ok(at.length > 0, `${where}: ${JSON.stringify(problems)}`);
          // If as many bytes are lost as the next packet has, another one stands where this one should end.
          const isHidden = after.some((_, count) => lost === joined(after.slice(0, count + 1)).length);
          if (left >= 20) assert.match(at[0]!.code, isHidden ? /^E_/ : /^E_CUT$/, where);
          assert.equal(summary.damaged, problems.filter(({ code }) => code.startsWith("E_")).length, where);
        }
      }
    });
  });

  it("names where the next packet begins, also where the data end with it", () => {
    const source = new PacketSource();
    const packets = [1, 2].map((time) => source.data([{ event: "ws.connected", time, clientId: 1, connEpoch: 7 }]));
    const first = packets[0]!.bytes;
    const cut = first.subarray(0, first.length - 4);
    for (const [bytes, events] of [
      [packets[1]!.bytes, 1],
      [packets[1]!.bytes.subarray(0, 4), 0],
    ] as const) {
      const found = decoded(Buffer.concat([cut, bytes]));
      assert.deepEqual(
        found.events.map(({ connEpoch }) => connEpoch),
        new Array(events).fill(7),
      );
      assert.match(found.problems[0]!.message, /another packet begins 108 bytes into a packet of 112/);
    }
  });

  it("does not wait for more, and takes a packet's last bytes for what they are, if packets come whole", () => {
    const source = new PacketSource();
    const magic = 0xc1fc1fc1;
    const first = source.data([{ event: "ws.connected", time: 1, clientId: 1, connEpoch: magic }]).bytes;
    const decoder = new StreamDecoder({ registry, isWhole: true });
    assert.equal(decoder.push(first).length, 1);
    // In a stream without frames it is whole if another one follows.
    const bytes = Buffer.concat([first, source.data([{ event: "ws.connected", time: 2 }]).bytes]);
    assert.deepEqual(
      decoded(bytes).events.map(({ connEpoch }) => connEpoch),
      [magic, 0],
    );
  });

  it("survives any one bit flipped: what comes out conforms, other packets stay whole, and most flips are told", () => {
    const packets = mixedPackets({ bootId: 0x1234, reader: 2 });
    const bytes = joined(packets);
    let told = 0;
    let flips = 0;
    let start = 0;
    for (const built of packets) {
      for (let at = start; at < start + built.bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          if (!isTaken(at * 8 + bit, 5)) continue;
          flips++;
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
            const unnamed = (event: object) => ({ ...event, msgType: undefined });
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
    assert.ok(flips >= bytes.length && told > flips * 0.6, `${told} of ${flips} flips were told`);
  });

  it("finds every packet between random garbage, and tells each stretch of it", () => {
    const seed = seedFor(3);
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
    const seed = seedFor(4);
    const random = randomIntegers(seed);
    for (const round of campaign("damaged packets decoded", 30_000, 1000)) {
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
    ["stale bytes behind a text", patchedRecord(received, 120, 1), /payloadSummary: bytes past the text's end/],
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
