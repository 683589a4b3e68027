import assert from "node:assert/strict";
import { AnchorChoice, ClockWatch, formatAnchor, parseAnchors, WallClock } from "../../host/receive/wall-clock.ts";
import { seedFor } from "../support/campaign.ts";
import { randomIntegers } from "../support/packets.ts";

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
    const seed = seedFor(12);
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
      assert.ok(stored < 8000, `seed ${seed}: ${stored} anchors stored`);
      for (let deviceMs = 0; deviceMs < span; deviceMs += span / 97) {
        const { unixMs, uncertaintyMs } = clock.at(deviceMs)!;
        const error = unixMs - true_(deviceMs);
        assert.ok(Math.abs(error) <= uncertaintyMs + 43, `seed ${seed}: ${error} at ${deviceMs}, ± ${uncertaintyMs}`);
        assert.ok(uncertaintyMs < 4000, `seed ${seed}: ± ${uncertaintyMs} at ${deviceMs}`);
      }
    }
  });

  it("goes on storing anchors for years, few enough, whichever way the clocks drift", () => {
    const days = 5 * 365;
    for (const drift of [-49e-6, 49e-6]) {
      const choice = new AnchorChoice();
      let stored = 0;
      let lastMs = 0;
      for (let deviceMs = 0; deviceMs < days * 86_400_000; deviceMs += 600_000) {
        if (!choice.take({ deviceMs, unixMs: Math.ceil(BOOT + deviceMs * (1 + drift)) })) continue;
        const gapMs = deviceMs - lastMs;
        assert.ok(gapMs <= Math.max(600_000, deviceMs / 1000 + 600_000), `none for ${gapMs} ms at ${deviceMs}`);
        lastMs = deviceMs;
        stored++;
      }
      assert.ok(stored < 20_000, `${stored} anchors stored`);
    }
  });

  it("is put right when this computer's clock was set forward, or back", () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const clock = new WallClock();
      const choice = new AnchorChoice();
      const before = { deviceMs: 1000, unixMs: BOOT + 1000 };
      clock.add(before);
      assert.ok(choice.take(before));
      clock.shift(byMs);
      choice.shift(byMs);
      const after = { deviceMs: 2000, unixMs: BOOT + byMs + 2003 };
      clock.add(after);
      assert.ok(!choice.take(after), "it says no more than the one before");
      assert.deepEqual(clock.at(1500), { unixMs: BOOT + byMs + 1500, uncertaintyMs: 4 });
    }
  });

  it("tells a clock that was set, once, from one that runs", () => {
    const watch = new ClockWatch();
    const seen = [
      [BOOT, 1000],
      [BOOT + 5000, 6003],
      [BOOT + 3_605_000, 6003],
      [BOOT + 3_605_100, 6103],
      [BOOT + 5200, 6203],
      [BOOT + 5300, 6303],
    ].map(([unixMs, steadyMs]) => watch.stepMs(unixMs!, steadyMs!));
    assert.deepEqual(seen, [0, 0, 3_599_997, 0, -3_600_000, 0]);
  });

  it("passes over a line of a file that is none", () => {
    const anchor = { deviceMs: 1, unixMs: 2 };
    assert.deepEqual(parseAnchors(`${formatAnchor(anchor)}{"deviceMs":1}\nx\n${formatAnchor(anchor)}{"dev`), [
      anchor,
      anchor,
    ]);
  });
});
