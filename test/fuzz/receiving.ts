/** Hostile bytes through everything that receives: Deframer, PacketOrder, StreamDecoder, and Collector with decodePath. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { StreamDecoder } from "../../host/decode/decode.ts";
import { registry } from "../../host/generated/registry.ts";
import { type HeaderOutcome, parsePacketHeader, uuidsOf } from "../../host/packet/packet.ts";
import { decodePath } from "../../host/read/recording.ts";
import { type Deframed, Deframer } from "../../host/receive/deframer.ts";
import { MOST_STEPS, STEPS_PER_BYTE } from "../../host/receive/frame-recovery.ts";
import { PacketOrder } from "../../host/receive/packet-order.ts";
import { brokenOff, costlyFrames, mutated } from "../support/costly-bytes.ts";
import { frame } from "../support/frames.ts";
import { OTHER_FINGERPRINT, PacketSource, randomEvent, randomIntegers, randomPackets } from "../support/packets.ts";

const RUNS_OF_EPISODE = 2000;
/** The number of packets of an episode that go into a capture folder. */
const MOST_CAPTURED = 60;
const WINDOW = 16;
const GOOD_BOOT = 0xabcdef;
const UUIDS = uuidsOf(registry);
const IDS = ["a", "../../x", "..", "a/b", "\0", "CON", "boot-0001-00000000abcdef", "é".repeat(200), "%2E"];

type Random = (limit: number) => number;

export interface FuzzResult {
  readonly runs: number;
  readonly packets: number;
  readonly damages: number;
  readonly lines: number;
}

/**
 * Feeds this many mutated inputs. Throws an AssertionError that names the seed and the episode if a condition does not hold. `captureEvery`: one in
 * this many episodes also goes into a capture folder, which costs more than everything else.
 */
export async function fuzzReceiving(runs: number, seed: number, captureEvery: number): Promise<FuzzResult> {
  const sums = { runs: 0, packets: 0, damages: 0, lines: 0 };
  for (let episode = 0; sums.runs < runs; episode++) {
    const count = Math.min(RUNS_OF_EPISODE, runs - sums.runs);
    try {
      await new Episode(randomIntegers(seed + episode), sums).run(count, episode % captureEvery === 0);
    } catch (error) {
      (error as Error).message = `seed ${seed + episode}, the first episode of it: ${(error as Error).message}`;
      throw error;
    }
  }
  return sums;
}

class Episode {
  readonly #random: Random;
  readonly #sums: { runs: number; packets: number; damages: number; lines: number };
  /** An attacker's material: packets of other boots and registries, and earlier bytes of the line. */
  readonly #pool: Uint8Array[];
  readonly #good = new PacketSource({ bootId: GOOD_BOOT });
  #goodEvents = 0;
  /** Events of each. */
  readonly #goodPackets = new Map<string, number>();
  #time = 0;
  readonly #deframer = new Deframer();
  #bytes = 0;
  readonly #costly: readonly [string, Buffer][];
  readonly #order = new PacketOrder(({ packet }) => this.#decode(packet), { reorderPackets: WINDOW });
  readonly #decoder = new StreamDecoder({ registry });
  #ordered = 0;
  #went = 0;
  #decodedGood = 0;
  #decoded = 0;
  readonly #captured: Uint8Array[] = [];

  constructor(random: Random, sums: { runs: number; packets: number; damages: number; lines: number }) {
    this.#random = random;
    this.#sums = sums;
    this.#costly = costlyFrames(random, 1408);
    this.#pool = [
      ...randomPackets(random, 6),
      ...randomPackets(random, 6),
      ...new PacketSourceOf(random, OTHER_FINGERPRINT).packets(3),
    ].map(({ bytes }) => bytes);
  }

  async run(runs: number, isCaptured: boolean): Promise<void> {
    for (let run = 0; run < runs; run++) this.#one(run);
    this.#items(this.#deframer.end(), []);
    assert.ok(this.#deframer.steps <= MOST_STEPS + STEPS_PER_BYTE * this.#bytes, "the cost of bad frames");
    this.#order.flush();
    const { repeated, late, stray } = this.#order.counters;
    assert.equal(this.#went + repeated + late + stray, this.#ordered, "packets given to the order");
    assert.equal(this.#decodedGood, this.#goodEvents, "events of good packets");
    const summary = this.#decoder.summary();
    const counted = Object.values(summary.events).reduce((sum, count) => sum + count, 0);
    assert.equal(counted, this.#decoded, "events that the summary counts");
    if (isCaptured) await this.#capture();
  }

  /** One input: garbage, then something mutated, sometimes a good packet, in chunks of any size. */
  #one(run: number): void {
    const random = this.#random;
    const parts: Uint8Array[] = [this.#mutated()];
    const intact: Uint8Array[] = [];
    if (random(4) === 0) {
      this.#time += random(50);
      const events = Array.from({ length: 1 + random(3) }, () => randomEvent(random, this.#time, 0));
      const packet = random(8) ? this.#good.data(events) : this.#good.tokens([[1 + random(9), "name"]]);
      if (packet.kind === "tokens") this.#good.names.clear();
      this.#goodEvents += packet.events.length;
      this.#goodPackets.set(Buffer.from(packet.bytes).toString("base64"), packet.events.length);
      intact.push(packet.bytes);
      parts.push(frame(packet.bytes));
      if (random(64) === 0) this.#pool[random(this.#pool.length)] = packet.bytes;
    }
    const bytes = Buffer.concat(parts);
    this.#bytes += bytes.length;
    const items: Deframed[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = random(3) ? bytes.length : 1 + random(40);
      items.push(...this.#deframer.push(bytes.subarray(at, at + size)));
      at += size;
    }
    this.#items(items, intact);
    this.#order.tick(run * 20);
    assert.ok(this.#order.waiting <= WINDOW);
    this.#sums.runs++;
  }

  #items(items: readonly Deframed[], intact: readonly Uint8Array[]): void {
    const found: Uint8Array[] = [];
    for (const item of items) {
      if (item.kind === "text") this.#sums.lines++;
      else if (item.kind === "damage") this.#sums.damages++;
      else {
        this.#sums.packets++;
        found.push(item.packet);
        this.#receive(item.packet);
      }
    }
    for (const packet of intact)
      assert.ok(
        found.some((bytes) => Buffer.compare(bytes, packet) === 0),
        "a good frame was lost",
      );
  }

  #receive(packet: Uint8Array): void {
    const outcome: HeaderOutcome =
      packet.length < 96
        ? { kind: "none" }
        : parsePacketHeader(new DataView(packet.buffer, packet.byteOffset, packet.byteLength), 0, UUIDS);
    if (this.#captured.length < MOST_CAPTURED) this.#captured.push(packet);
    if (outcome.kind !== "header" || outcome.header.packetBytes !== packet.length) return;
    this.#ordered++;
    this.#order.push({ packet, header: outcome.header, wallMs: this.#sums.runs });
  }

  #decode(packet: Uint8Array): void {
    this.#went++;
    for (const item of this.#decoder.push(packet)) {
      if (item.kind !== "events") continue;
      this.#decoded += item.events.length;
      // Forged numbers of the good boot are released at the end.
      if (item.bootId === GOOD_BOOT && item.packet < 2 ** 50) this.#decodedGood += item.events.length;
    }
  }

  /** The same packets into a folder, as of several devices with hostile ids. */
  async #capture(): Promise<void> {
    const random = this.#random;
    const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-fuzz-"));
    try {
      const collector = new Collector(join(dir, "capture"), {
        registry,
        mostDevices: 4,
        rotateBytes: 4000,
        reorderPackets: WINDOW,
      });
      collector.text("good", "is known before any flood", 0);
      let expected = 0;
      for (const [index, packet] of this.#captured.entries()) {
        const isGood =
          packet.length >= 96 && Buffer.from(packet.buffer, packet.byteOffset).readUInt32LE(64) === GOOD_BOOT;
        const events = this.#goodPackets.get(Buffer.from(packet).toString("base64")) ?? 0;
        this.#goodPackets.delete(Buffer.from(packet).toString("base64"));
        expected += events;
        collector.packet(isGood ? "good" : IDS[random(IDS.length)]!, packet, index);
        if (random(20) === 0) collector.text("good", "text", index);
      }
      collector.close();
      const { counters } = { counters: collector.counters() };
      const { packets, tokenPackets, repeated, late, stray, refused, damaged, ofRefusedDevices } = counters;
      const accounted = packets + tokenPackets + repeated + late + stray + refused + damaged + ofRefusedDevices;
      // A repeated token packet is in the capture if it brings a name.
      assert.ok(accounted >= this.#captured.length && accounted <= this.#captured.length + tokenPackets);
      if (counters.devices === 0) return;
      let events = 0;
      for await (const item of decodePath(join(dir, "capture"), { registry, with: "none" })) {
        if (item.kind === "events" && item.bootId === GOOD_BOOT && item.packet < 2 ** 50) events += item.events.length;
        // Counts may be forged; then they are reported.
        const isWrong =
          item.kind === "problem" && item.problem.code.startsWith("E_") && item.problem.code !== "E_COUNTS";
        assert.ok(!isWrong, JSON.stringify(item));
      }
      assert.equal(events, expected, "events of good packets in the capture");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  #mutated(): Uint8Array {
    const random = this.#random;
    const bytes = Buffer.from(this.#pool[random(this.#pool.length)]!);
    switch (random(13)) {
      case 0: // noise
        return Buffer.from(Array.from({ length: random(300) }, () => random(256)));
      case 1: // log text
        return Buffer.from(`I (${random(9999)}) wifi: ${"naïve ☃ ".repeat(random(9))}\n`);
      case 2: // a frame with damaged bytes
        return damaged(frame(bytes), random);
      case 3: // cut at either end
        return frame(bytes).subarray(random(60), random(400));
      case 4: {
        // spliced
        const other = frame(this.#pool[random(this.#pool.length)]!);
        return Buffer.concat([frame(bytes).subarray(0, random(bytes.length)), other.subarray(random(other.length))]);
      }
      case 5: // with text within
        return inserted(frame(bytes), Buffer.from("E (5) in between\n".repeat(1 + random(3))), random);
      case 6: // a damaged packet in a good frame
        return frame(damaged(bytes, random));
      case 7: // a forged number
        bytes.writeBigUInt64LE(BigInt([0, 1, 2 ** 50, 2 ** 53 - 1, random(2 ** 31)][random(5)]!), 56);
        if (bytes.readUInt32LE(64) === GOOD_BOOT) bytes.writeBigUInt64LE(2n ** 50n + BigInt(random(2) * 2 ** 30), 56);
        return frame(bytes);
      case 8: // a forged boot or reader
        bytes.writeUInt32LE(random(2 ** 31), random(2) ? 68 : 80);
        bytes.writeUInt32LE(random(2 ** 31), 64);
        return frame(bytes);
      case 9: // too long
        return random(50) ? bytes : Buffer.concat([frame(bytes).subarray(0, -1), Buffer.alloc(random(150_000), 0x55)]);
      case 10: // without a frame, erased flash
        return Buffer.concat([bytes, Buffer.alloc(random(400), random(2) ? 0xff : 0)]);
      case 11: // expensive to repair
        if (random(200) === 0) return brokenOff(65_536, random(72_000));
        return random(8) ? frame(bytes) : mutated(this.#costly[random(this.#costly.length)]![1], random);
      default: // replayed
        return frame(bytes);
    }
  }
}

class PacketSourceOf {
  readonly #source: PacketSource;
  readonly #random: Random;

  constructor(random: Random, fingerprint: string) {
    this.#random = random;
    this.#source = new PacketSource({ fingerprint });
  }

  packets(count: number) {
    return Array.from({ length: count }, () => this.#source.data([randomEvent(this.#random, 5, 0)]));
  }
}

function damaged(bytes: Buffer, random: Random): Buffer {
  for (let count = 1 + random(3); count > 0; count--) bytes[random(bytes.length)] = random(256);
  // Packets of the good boot must stay as they were: nobody could tell a change from what the device sends.
  if (bytes.length > 68 && bytes.readUInt32LE(64) === GOOD_BOOT) bytes.writeUInt32LE(1, 64);
  return bytes;
}

function inserted(bytes: Buffer, text: Buffer, random: Random): Buffer {
  const at = random(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), text, bytes.subarray(at)]);
}
