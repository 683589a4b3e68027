import assert from "node:assert/strict";
import { Deframer } from "../../host/receive/deframer.ts";
import { FrameRecovery, MOST_STEPS, STEPS_PER_BYTE } from "../../host/receive/frame-recovery.ts";
import { campaign, ran, rounds, seedFor } from "../support/campaign.ts";
import { brokenOff, costlyFrames, mutated, repeated } from "../support/costly-bytes.ts";
import { deframe, frame, packetsIn } from "../support/frames.ts";
import { mixedPackets, randomIntegers } from "../support/packets.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);
const CHUNK_BYTES = 64 * 1024;

/** What a deframer finds in these bytes, fed as a file is read. */
function stepsFor(wire: Buffer): number {
  const deframer = new Deframer();
  for (let at = 0; at < wire.length; at += CHUNK_BYTES) deframer.push(wire.subarray(at, at + CHUNK_BYTES));
  deframer.end();
  return deframer.steps;
}

/** The body, counting how often its bytes are read: one at a time, or eight together where they are copied or searched. */
function watched(body: Buffer): { body: Buffer; looks: () => number } {
  let looks = 0;
  const together = (bytes: number) => {
    looks += bytes / 8;
  };
  const proxy = new Proxy(body, {
    get(target, key) {
      if (key === "length") return target.length;
      if (key === "copy")
        return (to: Uint8Array, at: number, from = 0, end = target.length) => {
          together(end - from);
          return target.copy(to, at, from, end);
        };
      if (key === "subarray")
        return (from: number, to: number) => {
          together(to - from);
          return target.subarray(from, to);
        };
      if (key === "indexOf")
        return (value: Buffer, from: number) => {
          const at = target.indexOf(value, from);
          together((at < 0 ? target.length : at) - from);
          return at;
        };
      if (typeof key === "symbol") return undefined;
      looks++;
      return target[Number(key)];
    },
  });
  return { body: proxy, looks: () => looks };
}

describe("what mending frames may cost", () => {
  it("is bounded by the bytes, whatever they are: costly frames, again and again", function () {
    this.timeout(300_000);
    const random = randomIntegers(seedFor(31));
    for (const [name, bytes] of costlyFrames(random, 65_536)) {
      const wire = repeated(bytes, rounds(1_000_000, 150_000));
      const steps = stepsFor(wire);
      assert.ok(steps <= MOST_STEPS + STEPS_PER_BYTE * wire.length, `${name}: ${steps} steps for ${wire.length} bytes`);
      ran("bytes of frames that are costly to mend", wire.length);
    }
  });

  it("is bounded by the bytes, mutated at random", function () {
    this.timeout(600_000);
    const seed = seedFor(32);
    const random = randomIntegers(seed);
    const frames = costlyFrames(random, 8192);
    for (const round of campaign("floods of frames that are costly to mend", 400, 20)) {
      const parts = Array.from({ length: 20 }, () => mutated(frames[random(frames.length)]![1], random));
      const wire = Buffer.concat(parts);
      const steps = stepsFor(wire);
      assert.ok(steps <= MOST_STEPS + STEPS_PER_BYTE * wire.length, `seed ${seed}, round ${round}: ${steps} steps`);
    }
  });

  it("is counted: no body is looked at more often than there are steps", function () {
    this.timeout(300_000);
    const random = randomIntegers(seedFor(33));
    const bodies = costlyFrames(random, 1408).map(([name, bytes]): [string, Buffer] => [name, bytes.subarray(1)]);
    bodies.push(["broken off at 16384", brokenOff(16_384, 30_000).subarray(1, -1)]);
    for (const [name, bytes] of bodies) {
      const recovery = new FrameRecovery();
      // The saved budget goes to the first one; the others belong to a flood.
      for (const streamBytes of [0, bytes.length, 2 * bytes.length]) {
        const { body, looks } = watched(bytes);
        const before = recovery.steps;
        recovery.recover(body, 7, streamBytes);
        const steps = recovery.steps - before;
        assert.ok(looks() <= 2 * steps + 1, `${name}: ${looks()} looks, ${steps} steps`);
        assert.ok(recovery.steps <= MOST_STEPS + STEPS_PER_BYTE * streamBytes, `${name}: ${recovery.steps} steps`);
      }
    }
  });

  it("keeps enough budget to repair a frame with a line in it, even after a flood of irreparable frames", function () {
    this.timeout(600_000);
    const random = randomIntegers(seedFor(34));
    const frames = costlyFrames(random, 8192);
    for (const _round of campaign("floods of frames that are costly to mend", 300, 20)) {
      const [name, bytes] = frames[random(frames.length)]!;
      const flood = repeated(bytes, Math.max(300_000, 3 * bytes.length));
      const good = PACKETS.map((packet) => {
        const whole = frame(packet);
        const at = 1 + random(whole.length - 2);
        return Buffer.concat([whole.subarray(0, at), Buffer.from("W (77) wifi: again\n"), whole.subarray(at)]);
      });
      const found = packetsIn(deframe(Buffer.concat([flood, Buffer.alloc(1), ...good]))).map((packet) =>
        Buffer.from(packet).toString("hex"),
      );
      for (const packet of PACKETS) assert.ok(found.includes(Buffer.from(packet).toString("hex")), name);
    }
  });
});
