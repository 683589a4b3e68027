import assert from "node:assert/strict";
import { LiveDecoder, type LiveDecoderOptions, type LiveEvents } from "../../host/decode/live-decoder.ts";
import { registry } from "../../host/generated/registry.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { type BuiltPacket, PacketSource, randomIntegers } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

function live(options: Partial<LiveDecoderOptions> = {}) {
  const seen: LiveEvents[] = [];
  const decoder = new LiveDecoder({ registry, onEvents: (events) => seen.push(events), ...options });
  return { decoder, seen };
}

const one = (source: PacketSource, time: number) => source.data([{ event: "ws.connected", time }]).bytes;

describe("decoding live", () => {
  it("keeps no good device out for a flood of senders of what is no packet, and names each problem", () => {
    const { decoder, seen } = live({ mostDevices: 2 });
    for (let sender = 0; sender < 100; sender++) decoder.push(`stranger ${sender}`, Buffer.alloc(200, sender), T0);
    for (const device of ["a", "b"]) decoder.push(device, one(new PacketSource({ bootId: 5 }), 1), T0);
    const problems = seen.flatMap(({ device, problems }) => problems.map(({ code }) => `${device}: ${code}`));
    assert.deepEqual([problems.length, problems[99]], [100, "stranger 99: E_NO_PACKET"]);
    const { devices, events, packets } = decoder.totals();
    assert.deepEqual([devices, events, packets], [2, 2, 2]);
  });

  it("names each type, however packets overtake each other within three, token packets too", () => {
    const random = randomIntegers(seedFor(3));
    for (const _round of campaign("orders of arrival, live", 2000, 100)) {
      const { decoder, seen } = live();
      const source = new PacketSource({ bootId: 5 });
      const packets: BuiltPacket[] = [];
      let types = 0;
      for (let time = 0; time < 60; time++) {
        if (random(4) === 0) packets.push(source.tokens([[++types, `type ${types}`]]));
        packets.push(source.data([{ event: "msg.send", time, token: types }]));
      }
      const late = packets.map(({ bytes }, index) => ({ bytes, place: index + random(4) }));
      late.sort((a, b) => a.place - b.place);
      for (const { bytes } of late) decoder.push("a", bytes, T0);
      decoder.end();
      const events = seen.flatMap(({ lines }) => lines.map((line) => JSON.parse(line)));
      assert.deepEqual(
        events,
        packets.flatMap((packet) => packet.events),
      );
      const { lostInTransit, repeated } = decoder.totals();
      assert.deepEqual([seen.flatMap(({ problems }) => problems), lostInTransit, repeated], [[], 0, 0]);
    }
  });

  it("waits reorderMs for a name, once: a late listener sees the packets after it at once", () => {
    const { decoder, seen } = live({ reorderMs: 300 });
    const source = new PacketSource({ bootId: 5 });
    const send = (time: number, token: number) => source.data([{ event: "msg.send", time, token }]).bytes;
    const types = () => seen.flatMap(({ lines }) => lines.map((line) => JSON.parse(line).msgType));
    const tokens = source.tokens([
      [1, "one"],
      [2, "two"],
    ]).bytes;
    decoder.push("a", send(0, 2), T0);
    decoder.tick(T0 + 299);
    assert.deepEqual(types(), []);
    decoder.tick(T0 + 300);
    for (const token of [1, 2, 0]) decoder.push("a", send(5, token), T0 + 301);
    assert.deepEqual(types(), ["", "", "", ""]);
    // A new name is waited for.
    decoder.push("a", send(10, 3), T0 + 400);
    decoder.push("a", send(11, 1), T0 + 400);
    decoder.push("a", tokens, T0 + 410);
    assert.equal(types().length, 4);
    decoder.push("a", source.tokens([[3, "three"]]).bytes, T0 + 420);
    assert.deepEqual(types().slice(4), ["three", "one"]);
    assert.equal(decoder.totals().events, 6);
  });

  it("believes the names of a token packet that waits for a lost one before it", () => {
    const { decoder, seen } = live({ reorderMs: 300 });
    const source = new PacketSource({ bootId: 5 });
    const send = (time: number, token: number) => source.data([{ event: "msg.send", time, token }]).bytes;
    decoder.push("a", source.tokens([[1, "one"]]).bytes, T0);
    source.tokens([[2, "lost"]]);
    decoder.push("a", send(0, 3), T0 + 1);
    decoder.push("a", source.tokens([[3, "three"]]).bytes, T0 + 200);
    decoder.tick(T0 + 301);
    const types = seen.flatMap(({ lines }) => lines.map((line) => JSON.parse(line).msgType));
    assert.deepEqual(types, ["three"]);
  });

  it("lets a full window go without names, and everything at the end", () => {
    const { decoder, seen } = live({ reorderPackets: 4 });
    const source = new PacketSource({ bootId: 5 });
    for (let time = 0; time < 5; time++)
      decoder.push("a", source.data([{ event: "msg.send", time, token: time + 1 }]).bytes, T0);
    assert.equal(seen.length, 1);
    decoder.end();
    assert.deepEqual([seen.length, decoder.totals().repeated], [5, 0]);
  });

  it("believes no time of a packet that is refused", () => {
    const { decoder, seen } = live();
    const source = new PacketSource({ bootId: 5 });
    decoder.push("a", one(source, 1000), T0);
    const far = { bootId: 5, timestampBegin: 2 ** 52, packetNumber: 2, firstEventSeq: 2 ** 40 };
    decoder.push("a", new PacketSource(far).data([{ event: "ws.connected", time: 0 }]).bytes, T0 + 1);
    decoder.push("a", one(source, 2000), T0 + 1000);
    decoder.end();
    const last = seen.at(-1)!;
    assert.equal(last.timeOf(2000)!.unixMs, T0 + 1000);
  });

  it("goes by the new time of day once this computer's clock was set, and lets nothing go for it", () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const { decoder, seen } = live();
      const source = new PacketSource({ bootId: 5 });
      const packets = [1000, 2000, 3000].map((time) => one(source, time));
      decoder.push("a", packets[0]!, T0);
      decoder.push("a", packets[2]!, T0 + 2000);
      decoder.clockSet(byMs);
      decoder.tick(T0 + byMs + 2100);
      decoder.push("a", packets[1]!, T0 + byMs + 2100);
      decoder.end();
      const times = seen.map(({ lines, timeOf }) => timeOf(JSON.parse(lines[0]!).ts_mono_ms)!.unixMs);
      assert.deepEqual([decoder.totals().lostInTransit, times.slice(1)], [0, [T0 + byMs + 1000, T0 + byMs + 2000]]);
    }
  });

  it("holds a bounded number of names under a flood of them, forgets those of the flooding device, reports it, and continues to count", () => {
    const { decoder, seen } = live();
    const send = (source: PacketSource, time: number, overwritten = 0) =>
      source.data([{ event: "msg.send", time, token: 1 }], overwritten).bytes;
    const good = new PacketSource({ bootId: 5 });
    decoder.push("good", good.tokens([[1, "getStatus"]]).bytes, T0);
    decoder.push("good", send(good, 1), T0);
    const boots = [1, 2].map((bootId) => {
      const source = new PacketSource({ bootId });
      const packets: Uint8Array[] = [];
      for (let token = 1; token < 65_000; token += 5000)
        packets.push(source.tokens(Array.from({ length: 5000 }, (_, index) => [token + index, `${index}`])).bytes);
      return [...packets, send(source, 1, 10), send(source, 2)];
    });
    const last = boots[1]!.pop()!;
    const names = 65_000 * 2;
    for (let sender = 1; sender <= 5; sender++) {
      for (const packet of boots.flat()) decoder.push(`flood ${sender}`, packet, T0);
      const told = seen.flatMap(({ problems }) => problems.filter(({ code }) => code === "W_FORGOTTEN"));
      const forgotten = told.reduce(
        (sum, { message }) => sum + Number(/(\d+) message type names/.exec(message)![1]),
        0,
      );
      assert.ok(sender * names - forgotten < 2 ** 18, `of ${sender * names} names, ${forgotten} are forgotten`);
    }
    const lost = seen.reduce((sum, { gap }) => sum + (gap?.lostOnDevice ?? 0), 0);
    const types = (device: string) =>
      seen
        .filter((events) => events.device === device)
        .flatMap(({ lines }) => lines.map((line) => JSON.parse(line).msgType));
    for (const device of ["flood 1", "flood 5"]) decoder.push(device, last, T0);
    decoder.push("good", send(good, 2), T0);
    decoder.end();
    assert.deepEqual(types("good"), ["getStatus", "getStatus"]);
    assert.deepEqual(types("flood 1"), ["0", "0", "0", ""]);
    assert.deepEqual(types("flood 5"), ["0", "0", "0", "0"]);
    const { lostOnDevice, lostInTransit } = decoder.totals();
    assert.deepEqual([lost, lostOnDevice, lostInTransit], [100, 100, 0]);
    const codes = seen.flatMap(({ problems }) => problems.map(({ code }) => code));
    assert.deepEqual([...new Set(codes)], ["W_FORGOTTEN", "W_UNNAMED"]);
    assert.equal(decoder.totals().unnamedTokens, 1);
  });

  it("holds a bounded number of boots under a flood of them", () => {
    const { decoder, seen } = live();
    let forgotten = 0;
    const bytes = Buffer.from(new PacketSource().tokens([[1, "x"]]).bytes);
    for (let device = 0; device < 25; device++)
      for (let bootId = 1; bootId <= 4096; bootId++) {
        const packet = Buffer.from(bytes);
        packet.writeUInt32LE(bootId, 64);
        decoder.push(`flood ${device}`, packet, T0);
        for (const { message } of seen.splice(0).flatMap(({ problems }) => problems))
          forgotten += Number(/(\d+) earlier boots/.exec(message)![1]);
      }
    // Each with its name counts as three names.
    assert.ok(25 * 4096 - forgotten <= 2 ** 18 / 3, `${forgotten} boots are forgotten`);
  });

  it("holds a bounded number of waiting packets, releases those of a flooding device, and keeps a good device's order", () => {
    const { decoder, seen } = live();
    const good = new PacketSource({ bootId: 5 });
    const packets = [1, 2, 3].map((time) => one(good, time));
    for (const index of [0, 2]) decoder.push("good", packets[index]!, T0);
    const large = Buffer.from(
      new PacketSource().tokens(Array.from({ length: 5000 }, (_, token) => [token + 1, "x"])).bytes,
    );
    let pushed = 0;
    for (let device = 0; device < 45; device++)
      for (let packet = 1; packet <= 64; packet++) {
        const stray = Buffer.from(large);
        stray.writeUInt32LE(packet * 100_000, 56);
        decoder.push(`flood ${device}`, stray, T0);
        pushed++;
        const { packets: gone, repeated } = decoder.totals();
        assert.ok((pushed - gone - repeated) * large.length <= 64 * 2 ** 20, `${pushed} pushed, ${gone} gone`);
      }
    decoder.push("good", packets[1]!, T0 + 100);
    const times = seen
      .filter(({ device }) => device === "good")
      .flatMap(({ lines }) => lines.map((line) => JSON.parse(line).ts_mono_ms));
    assert.deepEqual([times, decoder.totals().lostInTransit], [[1, 2, 3], 0]);
  });
});
