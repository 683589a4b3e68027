import assert from "node:assert/strict";
import { StreamDecoder } from "../../host/decode/decode.ts";
import { registry } from "../../host/generated/registry.ts";
import { campaign, isTaken, seedFor } from "../support/campaign.ts";
import { assertConforms, decoded, eventsOf, patched, time0 } from "../support/decoded.ts";
import {
  type BuiltPacket,
  changed,
  FINGERPRINT,
  joined,
  mixedPackets,
  OTHER_FINGERPRINT,
  PacketSource,
  packet,
  randomIntegers,
  randomPackets,
  record,
  recordEndsOf,
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

  it("loses no packet after one that lost bytes at its end, however many, and delivers nothing else", () => {
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
          // If exactly as many bytes are lost as the next packet has, another one takes its place.
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

  it("survives any single flipped bit: the result conforms, other packets stay whole, and most flips are reported", () => {
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
            // A flipped packet number may be that of another packet.
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

  it("finds every packet between random garbage, and reports each run of it", () => {
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
});
