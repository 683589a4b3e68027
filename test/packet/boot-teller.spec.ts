import assert from "node:assert/strict";
import { BootTeller } from "../../host/packet/boot-teller.ts";
import { type PacketHeader, parsePacketHeader, uuidBytes } from "../../host/packet/packet.ts";
import { campaign, rounds, seedFor } from "../support/campaign.ts";
import { FINGERPRINT, PacketSource, packet, randomIntegers, record } from "../support/packets.ts";

function headerOf(bytes: Uint8Array): PacketHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const outcome = parsePacketHeader(view, 0, [uuidBytes(FINGERPRINT)]);
  assert.ok(outcome.kind === "header");
  return outcome.header;
}

/** The boot that each packet is assigned to. */
function told(teller: BootTeller, packets: readonly Uint8Array[]): number[] {
  return packets.map((bytes) => {
    const boot = teller.of(headerOf(bytes), bytes);
    return typeof boot === "number" ? boot : boot.boot;
  });
}

/** Data packets of two events each, with token packets among them; all names are repeated every twenty. */
function boot(count: number, fromMs: number, everyMs = 50): Uint8Array[] {
  const source = new PacketSource({ bootId: 7 });
  return Array.from({ length: count }, (_, index) => {
    const time = fromMs + everyMs * index;
    const data = () =>
      source.data([
        { event: "msg.send", time, token: 1, clientId: fromMs },
        { event: "msg.send", time: time + 1, clientId: index },
      ]).bytes;
    return index % 20 === 0 ? [source.tokens([[1, `type ${fromMs}`]], time).bytes, data()] : [data()];
  }).flat();
}

describe("telling boots of one id", () => {
  it("finds each packet's boot when packets overtake each other by three, also over the beginning of a boot", () => {
    const random = randomIntegers(seedFor(51));
    let wrongTokens = 0;
    for (const round of campaign("boots of one id whose packets overtake each other", 20_000, 300)) {
      const boots = [100, 60 + random(2) * 100_000, 10].map((fromMs) => boot(20 + random(60), fromMs, 1 + random(99)));
      const sent = boots.flatMap((packets, of) => packets.map((bytes) => ({ bytes, of })));
      const arrived = sent.map((one, index) => ({ ...one, place: index + random(4) }));
      arrived.sort((a, b) => a.place - b.place);
      const found = told(
        new BootTeller(),
        arrived.map(({ bytes }) => bytes),
      );
      const wrong = arrived.filter(({ of }, index) => of !== found[index]).map(({ bytes }) => headerOf(bytes).streamId);
      assert.ok(!wrong.includes(0), `round ${round}: data packets`);
      wrongTokens += wrong.length;
    }
    // The last token packet of a boot may look like the second one of the next.
    assert.ok(wrongTokens <= 10 + rounds(20_000, 300) / 100, String(wrongTokens));
  });

  it("takes what comes again for a repetition, however long ago, and whatever is forgotten of it", () => {
    const packets = boot(20_000, 100);
    const teller = new BootTeller();
    const random = randomIntegers(seedFor(52));
    told(teller, packets);
    const again = Array.from({ length: 3000 }, () => packets[random(packets.length)]!);
    assert.deepEqual(new Set(told(teller, [...again, ...packets])), new Set([0]));
  });

  it("holds no more than 64 ids, four boots of each, and goes on counting where a boot is forgotten", () => {
    const teller = new BootTeller();
    const start = (of: number) => boot(3, of * 7)[1]!;
    assert.deepEqual(
      told(
        teller,
        Array.from({ length: 10 }, (_, of) => start(of)),
      ),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    assert.deepEqual(told(teller, [9, 8, 7, 6].map(start)), [9, 8, 7, 6]);
    const others = Array.from({ length: 64 }, (_, bootId) =>
      packet({ bootId: 100 + bootId }, record({ event: "ws.connected", time: 0 })),
    );
    assert.deepEqual(new Set(told(teller, others)), new Set([0]));
    assert.deepEqual(told(teller, [start(9)]), [0], "forgotten");
  });

  it("says which packets of the further boot it had taken for the boot before: alike ones, and names that it had none of", () => {
    const teller = new BootTeller();
    const source = new PacketSource({ bootId: 7 });
    const first = [1, 2, 3].map((time) => source.data([{ event: "ws.connected", time }]).bytes);
    const second = new PacketSource({ bootId: 7 });
    const names = [1, 2].map((token) => second.tokens([[token, `${token}`]], 1).bytes);
    const alike = [1, 2].map((time) => second.data([{ event: "ws.connected", time }]).bytes);
    const other = second.data([{ event: "ws.connected", time: 9 }]).bytes;
    assert.deepEqual(told(teller, first), [0, 0, 0]);
    assert.deepEqual(told(teller, names), [0, 0]);
    for (const bytes of alike) {
      assert.equal(teller.of(headerOf(bytes), bytes), 0);
      teller.passedOver(headerOf(bytes), bytes);
    }
    const further = teller.of(headerOf(other), other);
    assert.ok(typeof further !== "number");
    assert.deepEqual(
      [
        further.boot,
        further.warning.code,
        further.first.map(({ packet, wasTaken }) => [Buffer.from(packet), wasTaken]),
      ],
      [
        1,
        "W_BOOT_ID",
        [...names.map((bytes) => [Buffer.from(bytes), true]), ...alike.map((bytes) => [Buffer.from(bytes), false])],
      ],
    );
    assert.deepEqual(told(teller, [...names, ...alike, other]), [1, 1, 1, 1, 1]);
    assert.deepEqual(told(teller, [first[2]!]), [0]);
  });

  it("begins no boot for a packet whose bytes are damaged, for the empty one of a capture, nor for one whose number alone is wrong", () => {
    const teller = new BootTeller();
    const packets = boot(50, 100);
    told(teller, packets);
    const header = headerOf(packets[10]!);
    assert.equal(teller.of({ ...header, timestampBegin: 1 }, undefined), 0);
    assert.equal(teller.of({ ...header, contentBytes: 96 }, packets[10]!), 0);
    const last = headerOf(packets.at(-1)!);
    for (const packetNumber of [3, 20, 50]) {
      const wrong = {
        ...last,
        packetNumber,
        firstEventSeq: last.firstEventSeq + 2,
        timestampBegin: last.timestampEnd + 50,
      };
      assert.equal(teller.of(wrong, Uint8Array.of(packetNumber)), 0);
    }
    assert.deepEqual(new Set(told(teller, packets)), new Set([0]));
  });

  it("recognises a boot without its first packets by counts and time that go back", () => {
    for (const from of [4, 10, 60]) {
      const teller = new BootTeller();
      const source = new PacketSource({ bootId: 7 }, 1000);
      told(teller, [source.data([{ event: "ws.connected", time: 60_000 }]).bytes]);
      const second = boot(80, 10, 1).slice(from);
      assert.deepEqual(new Set(told(teller, second)), new Set([1]), `from ${from}`);
    }
  });
});
