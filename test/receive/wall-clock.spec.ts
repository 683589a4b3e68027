import assert from "node:assert/strict";
import {
  type Anchor,
  AnchorChoice,
  ClockWatch,
  formatAnchor,
  MOST_ANCHORS_BYTES,
  parseAnchors,
  WallClock,
} from "../../host/receive/wall-clock.ts";
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

  it("stores few anchors whatever a device's clock does, and however packets overtake each other", () => {
    const wild: readonly ((index: number) => Anchor)[] = [
      (index) => ({ deviceMs: index * 3000, unixMs: BOOT + index * 1000 }),
      (index) => ({ deviceMs: index * 1000, unixMs: BOOT + (index ^ 1) * 1000 }),
      (index) => ({ deviceMs: (index * 7919) % 2 ** 40, unixMs: BOOT + index }),
    ];
    for (const [kind, anchorOf] of wild.entries()) {
      const choice = new AnchorChoice();
      let bytes = 0;
      for (let index = 0; index < 1_000_000; index++) {
        const anchor = anchorOf(index);
        if (choice.take(anchor)) bytes += formatAnchor(anchor).length;
      }
      assert.ok(bytes < MOST_ANCHORS_BYTES / 2, `${kind}: ${bytes} bytes`);
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

  it("recognises a clock that was set, once", () => {
    let uptimeMs = 50_000;
    const watch = new ClockWatch(() => uptimeMs);
    const seen = [
      [BOOT, 1000],
      [BOOT + 5000, 6003],
      [BOOT + 3_605_000, 6003],
      [BOOT + 3_605_100, 6103],
      [BOOT + 5200, 6203],
      [BOOT + 5300, 6303],
    ].map(([unixMs, steadyMs]) => {
      uptimeMs = 49_000 + steadyMs!;
      return watch.stepMs(unixMs!, steadyMs!);
    });
    assert.deepEqual(seen, [0, 0, 3_599_997, 0, -3_600_000, 0]);
  });

  it("distinguishes sleep from a clock that was set, also if both happened, if uptime is counted in seconds, or if the steady clock counts sleep", () => {
    const HOURS_8 = 8 * 3_600_000;
    for (const step of [10, 1000])
      for (const setMs of [0, 7_200_000, -7_200_000]) {
        const floor = (ms: number) => Math.floor(ms / step) * step;
        let slept = 0;
        let steady = 0;
        const watch = new ClockWatch(() => floor(77_777 + steady + slept));
        const at = (elapsed: number, set: number) => {
          steady = elapsed;
          return watch.stepMs(BOOT + elapsed + slept + set, elapsed);
        };
        assert.equal(at(1000, 0), 0);
        slept = HOURS_8;
        const told = at(2000, setMs);
        assert.ok(
          Math.abs(told - setMs) <= step && Math.abs(watch.sleptMs - HOURS_8) <= step,
          `${told} ${watch.sleptMs}`,
        );
        assert.ok(watch.isSure);
        assert.equal(at(3000, setMs), 0);
        assert.equal(watch.sleptMs, 0);
      }
    // As on systems whose steady clock continues while they sleep.
    let elapsed = 1000;
    const watch = new ClockWatch(() => 5 + elapsed);
    const steps = [1000, HOURS_8, HOURS_8 + 1000].map((ms) => {
      elapsed = ms;
      return watch.stepMs(BOOT + ms, ms);
    });
    assert.deepEqual(steps, [0, 0, 0]);
  });

  it("says when nobody counts sleep, and reads this system's uptime otherwise", () => {
    const watch = new ClockWatch(() => undefined);
    assert.deepEqual([watch.stepMs(BOOT, 1), watch.stepMs(BOOT + 9000, 2), watch.isSure], [0, 8999, false]);
    const real = new ClockWatch();
    assert.deepEqual([real.stepMs(BOOT, 1), real.stepMs(BOOT + 9000, 2), real.isSure], [0, 8999, true]);
  });

  it("stays as it is where the boot has ended, and where the device's clock shows that the computer slept", () => {
    for (const byMs of [3_600_000, 28_800_000]) {
      const clock = new WallClock();
      clock.add({ deviceMs: 1000, unixMs: BOOT + 1000 });
      clock.shift(byMs);
      assert.deepEqual(clock.at(1000), { unixMs: BOOT + 1000, uncertaintyMs: 1 }, "no packet came since");
      // As much later for the device, too.
      clock.add({ deviceMs: 2000 + byMs, unixMs: BOOT + 2003 + byMs });
      assert.deepEqual(clock.at(1000)!.unixMs, BOOT + 1000);
      clock.add({ deviceMs: 3000 + byMs, unixMs: BOOT + 3003 + byMs });
      assert.deepEqual(clock.at(1000)!.unixMs, BOOT + 1000, "asked once");
    }
  });

  it("says that it may be off by as much where nobody knows whether the clock was set, until packets show it", () => {
    const clock = new WallClock();
    clock.add({ deviceMs: 1000, unixMs: BOOT + 1000 });
    clock.shift(28_800_000, false);
    // A packet that had waited that long, or a clock that was set.
    clock.add({ deviceMs: 2000, unixMs: BOOT + 28_802_003 });
    const doubtful = clock.at(1000)!;
    assert.ok(doubtful.uncertaintyMs >= 28_800_000, String(doubtful.uncertaintyMs));
    // It had waited: the device's clock ran all the time.
    clock.add({ deviceMs: 28_803_000, unixMs: BOOT + 28_803_010 });
    assert.ok(Math.abs(clock.at(28_803_000)!.unixMs - BOOT - 28_803_010) < 2);
    assert.ok(Math.abs(clock.at(1000)!.unixMs - BOOT - 1000) <= clock.at(1000)!.uncertaintyMs);
    const stored = { deviceMs: 1, unixMs: 2, uncertaintyMs: 3 };
    assert.deepEqual(parseAnchors(formatAnchor(stored)), [stored]);
  });

  it("skips an invalid line of a file", () => {
    const anchor = { deviceMs: 1, unixMs: 2 };
    assert.deepEqual(parseAnchors(`${formatAnchor(anchor)}{"deviceMs":1}\nx\n${formatAnchor(anchor)}{"dev`), [
      anchor,
      anchor,
    ]);
  });
});
