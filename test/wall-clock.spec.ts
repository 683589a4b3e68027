import assert from "node:assert/strict";
import { AnchorChoice, formatAnchor, parseAnchors, WallClock } from "../host/wall-clock.ts";
import { randomIntegers } from "./support/packets.ts";

const BOOT = Date.UTC(2026, 4, 6, 7, 8, 9);

describe("time of day from anchors", () => {
  it("knows none without an anchor", () => assert.equal(new WallClock().at(5), undefined));

  it("takes the least bound, and says how far delays were apart", () => {
    const clock = new WallClock();
    for (const [deviceMs, delay] of [
      [1000, 30],
      [2000, 5],
      [3000, 80],
    ] as const)
      clock.add({ deviceMs, unixMs: BOOT + deviceMs + delay });
    assert.deepEqual(clock.at(2000), { unixMs: BOOT + 2005, uncertaintyMs: 25 });
  });

  it("loosens bounds by 50 ppm of the time between", () => {
    const clock = new WallClock();
    clock.add({ deviceMs: 0, unixMs: BOOT });
    assert.deepEqual(clock.at(0), { unixMs: BOOT, uncertaintyMs: 1 });
    assert.deepEqual(clock.at(1_000_000), { unixMs: BOOT + 1_000_050, uncertaintyMs: 50 });
    clock.add({ deviceMs: 1_000_000, unixMs: BOOT + 1_000_020 });
    assert.equal(clock.at(1_000_000)!.unixMs, BOOT + 1_000_020);
  });

  it("is right within its uncertainty, or the least delay, over weeks of a drifting clock, from the anchors that are stored", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = randomIntegers(seed);
    for (const drift of [-40e-6, 0, 40e-6]) {
      const clock = new WallClock();
      const choice = new AnchorChoice();
      const true_ = (deviceMs: number) => BOOT + deviceMs * (1 + drift);
      let stored = 0;
      const span = 14 * 86_400_000;
      for (let deviceMs = 0; deviceMs < span; deviceMs += 2000) {
        const unixMs = Math.ceil(true_(deviceMs)) + 3 + random(40);
        const anchor = { deviceMs, unixMs };
        if (!choice.take(anchor)) continue;
        stored++;
        clock.add(anchor);
      }
      assert.ok(stored < 10_000, `${stored}`);
      for (let deviceMs = 0; deviceMs < span; deviceMs += span / 97) {
        const { unixMs, uncertaintyMs } = clock.at(deviceMs)!;
        const error = unixMs - true_(deviceMs);
        assert.ok(Math.abs(error) <= uncertaintyMs + 43, `seed ${seed}: ${error} at ${deviceMs}, ± ${uncertaintyMs}`);
      }
    }
  });

  it("passes over a line of a file that is none", () => {
    const anchor = { deviceMs: 1, unixMs: 2 };
    assert.deepEqual(parseAnchors(`${formatAnchor(anchor)}{"deviceMs":1}\nx\n${formatAnchor(anchor)}{"dev`), [
      anchor,
      anchor,
    ]);
  });
});
