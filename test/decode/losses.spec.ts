import assert from "node:assert/strict";
import { type Decoded, decoded, eventsOf, patched, time0 } from "../support/decoded.ts";
import {
  type BuiltPacket,
  type HeaderSpec,
  joined,
  mixedPackets,
  PacketSource,
  packet,
  type RecordSpec,
  record,
  tokenEntries,
} from "../support/packets.ts";

describe("counting losses", () => {
  /** Eight packets of three events; before the fifth 20 events were overwritten, the sixth reports 4 refused ones. */
  function eight(header: HeaderSpec = {}): BuiltPacket[] {
    const source = new PacketSource(header);
    return Array.from({ length: 8 }, (_, index) => {
      const time = index * 10;
      const events: RecordSpec[] = [0, 1, 2].map((clientId) => ({ event: "ws.connected", time, clientId }));
      return source.data(index === 5 ? [{ lost: 4, time }, ...events] : events, index === 4 ? 20 : 0);
    });
  }
  const sums = ({ summary }: Decoded) => [summary.lostOnDevice, summary.lostInTransit, summary.beforeFirstPacket];

  it("distinguishes losses on the device, losses on the way and what came before, whatever is missing", () => {
    const packets = eight();
    const last = 24 + 24; // the number of the next event
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
    assert.match(problems[0]!.message, /packets 1 to 2 are missing before it, with 6 events/);
    assert.match(problems[1]!.message, /packet 4 is missing: 3 events lost on the way/);
    assert.match(problems[2]!.message, /packets 6 to 7 are missing: 6 events lost on the way/);
  });

  it("counts the events after damage as lost on the way once the next packet has come", () => {
    const packets = eight();
    const bytes = joined(packets);
    const damaged = patched(bytes, 5 * (96 + 48) + 96 + 16 + 16 + 5, 1); // the second event of packet 6, after its _lost
    assert.deepEqual(sums(decoded(damaged)), [24, 2, 0]);
    const gone = patched(bytes, 5 * (96 + 48) + 96 + 5, 1); // its _lost record, so that nothing of the packet is left
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

  it("loses no second packet if the counts of the first were wrong and nothing could show it", () => {
    const packets = eight();
    const bad = { bytes: patched(packets[3]!.bytes, 72, 13) };
    const { byPacket, codes } = decoded(joined([bad, ...packets.slice(4)]));
    assert.deepEqual(codes, ["W_LATE", "E_COUNTS"]);
    for (const { packetNumber, events } of packets.slice(4))
      assert.deepEqual(byPacket.get(`1/0/${packetNumber}`), events, `packet ${packetNumber}`);
  });

  it("rejects time that goes back between packets, and a time jump that is reported wrongly", () => {
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
    assert.deepEqual(types(sent(0), sent(5, 2), named([[5, "five"]]), sent(5, 3)), [
      ["", "", "five"],
      ["W_UNNAMED"],
      1,
    ]);
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
      ["W_UNNAMED"],
      1,
    ]);
  });
});
