import assert from "node:assert/strict";
import { type PacketHeader, parsePacketHeader, uuidBytes } from "../../host/packet/packet.ts";
import { type ArrivedPacket, PacketOrder, type PacketOrderOptions } from "../../host/receive/packet-order.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { FINGERPRINT, packet, randomIntegers, record } from "../support/packets.ts";

const UUIDS = [uuidBytes(FINGERPRINT)];

function arrived(packetNumber: number, wallMs: number, header = {}): ArrivedPacket {
  const content = record({ event: "ws.connected", time: 0 });
  const bytes = packet({ packetNumber, ...header }, content);
  const outcome = parsePacketHeader(new DataView(bytes.buffer), 0, UUIDS) as { header: PacketHeader };
  return { packet: bytes, header: outcome.header, wallMs };
}

function ordered(options: PacketOrderOptions = {}): {
  order: PacketOrder;
  went: number[];
  push: (n: number, ms: number) => void;
} {
  const went: number[] = [];
  const order = new PacketOrder(({ header }) => went.push(header.packetNumber), options);
  return { order, went, push: (number, ms) => order.push(arrived(number, ms)) };
}

describe("putting packets in order", () => {
  it("lets packets in order go at once", () => {
    const { order, went, push } = ordered();
    for (let number = 1; number < 100; number++) {
      push(number, 0);
      assert.equal(went.at(-1), number);
    }
    assert.deepEqual([order.waiting, order.waitingBytes], [0, 0]);
  });

  it("holds what comes too early, and drops what comes twice", () => {
    const { order, went, push } = ordered();
    for (const number of [1, 3, 3, 5, 2, 1, 4, 6, 5]) push(number, 0);
    assert.deepEqual(went, [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(order.counters, { repeated: 3, late: 0, stray: 0 });
  });

  it("gives a gap up after the time of the window, and counts what comes after that as late", () => {
    const { order, went, push } = ordered({ reorderMs: 100 });
    for (const [number, ms] of [
      [1, 0],
      [4, 10],
      [6, 50],
    ] as const)
      push(number, ms);
    order.tick(109);
    assert.deepEqual(went, [1]);
    order.tick(110);
    assert.deepEqual(went, [1, 4]);
    push(2, 120);
    order.tick(150);
    assert.deepEqual(went, [1, 4, 6]);
    push(4, 150);
    assert.deepEqual(order.counters, { repeated: 1, late: 1, stray: 0 });
  });

  it("gives a gap up when the window is full", () => {
    const { order, went, push } = ordered({ reorderPackets: 4 });
    push(1, 0);
    for (const number of [3, 4, 6, 7]) push(number, 0);
    assert.deepEqual([went, order.waiting], [[1], 4]);
    push(9, 0);
    assert.deepEqual([went, order.waiting], [[1, 3, 4], 3]);
  });

  it("begins with any number, after waiting for lower ones, and with number 1 at once", () => {
    const { order, went, push } = ordered({ reorderMs: 100 });
    for (const number of [52, 50, 51]) push(number, 0);
    assert.deepEqual(went, []);
    order.tick(100);
    assert.deepEqual(went, [50, 51, 52]);
    push(49, 110);
    assert.equal(order.counters.late, 1);
  });

  it("takes a far number for true once there is another one near it", () => {
    const { order, went, push } = ordered({ reorderMs: 100 });
    push(2 ** 40, 0);
    order.tick(1000);
    assert.deepEqual(went, []);
    push(2 ** 40 + 1, 1000);
    order.tick(1000);
    assert.deepEqual(went, [2 ** 40, 2 ** 40 + 1]);
  });

  it("makes no repetitions of what comes after a forged number, first or later", () => {
    for (const forged of [2 ** 50, 2 ** 53 - 1, 10_000]) {
      for (const place of [0, 1, 5]) {
        const { order, went, push } = ordered({ reorderMs: 100 });
        const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
        numbers.splice(place, 0, forged);
        for (const [index, number] of numbers.entries()) {
          push(number, index * 1000);
          order.tick(index * 1000 + 500);
        }
        assert.deepEqual(went, [1, 2, 3, 4, 5, 6, 7, 8]);
        order.flush();
        assert.deepEqual(went.at(-1), forged);
        assert.equal(order.counters.repeated, 0);
      }
    }
  });

  it("keeps boots, readers and streams apart", () => {
    const went: string[] = [];
    const order = new PacketOrder(({ header: { bootId, reader, packetNumber } }) =>
      went.push(`${bootId}/${reader}/${packetNumber}`),
    );
    order.push(arrived(1, 0, { bootId: 1 }));
    order.push(arrived(2, 0, { bootId: 2 }));
    order.push(arrived(1, 0, { bootId: 2 }));
    order.push(arrived(1, 0, { bootId: 2, reader: 1 }));
    assert.deepEqual(went, ["1/0/1", "2/0/1", "2/0/2", "2/1/1"]);
  });

  it("holds no more than its window under a flood of boots, readers and numbers, and accounts for each packet", () => {
    const random = randomIntegers(5);
    let went = 0;
    const order = new PacketOrder(() => went++, { reorderPackets: 16 });
    for (let count = 0; count < 20_000; count++) {
      const number = [1, 1 + random(9), 2 ** 50 + random(2 ** 20), 1 + random(2 ** 31)][random(4)]!;
      order.push(
        arrived(number, count, {
          bootId: random(3) ? random(3) : random(2 ** 31),
          reader: random(2) ? 0 : random(2 ** 31),
        }),
      );
      assert.ok(order.waiting <= 16);
    }
    const { repeated, late, stray } = order.counters;
    assert.equal(went + repeated + late + stray + order.waiting, 20_000);
  });

  it("puts random disorder within the window right, whatever is repeated, and loses nothing", () => {
    const seed = seedFor(10);
    const random = randomIntegers(seed);
    for (const round of campaign("orders of arrival", 2000, 200)) {
      const first = random(2) ? 1 : 1 + random(5000);
      const numbers = Array.from({ length: 100 }, (_, index) => first + index);
      const keys = new Map(numbers.map((number) => [number, number + random(12)]));
      const sent = numbers.flatMap((number) => (random(5) ? [number] : [number, number]));
      sent.sort((a, b) => keys.get(a)! - keys.get(b)!);
      const { order, went, push } = ordered();
      for (const number of sent) push(number, 0);
      order.flush();
      assert.deepEqual(went, numbers, `seed ${seed}, round ${round}`);
      assert.equal(order.counters.repeated, sent.length - numbers.length);
    }
  });

  it("lets everything through as it comes where nothing may wait", () => {
    const { order, went, push } = ordered({ reorderPackets: 0 });
    for (const number of [5, 3, 3, 1]) push(number, 0);
    assert.deepEqual([went, order.waiting], [[5, 3, 3, 1], 0]);
  });
});
