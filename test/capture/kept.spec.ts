import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Collector } from "../../host/capture/collector.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { ran, rounds } from "../support/campaign.ts";
import { gathered } from "../support/decoded.ts";
import { PacketSource } from "../support/packets.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

describe("a capture of which the newest parts are kept", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-kept-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  for (const [what, boots, bootIdOf, most] of [
    ["each with an id of its own", rounds(1_000_000, 10_050), (boot: number) => boot, 20],
    ["all with one id", rounds(20_000, 400), () => 7, 20],
    ["one kept", rounds(20_000, 400), (boot: number) => boot, 1],
  ] as const)
    it(`goes on for as many boots as come: disk and memory stay, counters are exact: ${boots} boots, ${what}`, async function () {
      this.timeout(0);
      const dir = join(root, "capture");
      let givenUp = 0;
      const codes = new Map<string, number>();
      const all = new Collector(dir, {
        registry,
        keepParts: most,
        rotateBytes: 1 << 20,
        onProblem: ({ code, message }) => {
          codes.set(code, (codes.get(code) ?? 0) + 1);
          if (code === "W_GIVEN_UP") givenUp += Number(/^(\d+) events/.exec(message)![1]);
        },
      });
      const device = join(dir, "pump");
      let held: number | undefined;
      const heap: number[] = [];
      for (let boot = 1; boot <= boots; boot++) {
        const source = new PacketSource({ bootId: bootIdOf(boot) });
        // Deep sleep: a boot wakes, reports, sleeps.
        all.packet("pump", source.tokens([[1, "wake"]], boot % 1000).bytes, T0 + boot * 5000);
        all.packet("pump", source.data([{ event: "msg.send", time: boot, token: 1 }]).bytes, T0 + boot * 5000);
        if (boot % 100 === 0) all.tick(T0 + boot * 5000);
        if (boot % Math.ceil(boots / 8) === 0) {
          const folders = readdirSync(device).filter((name) => name.startsWith("boot-"));
          assert.equal(folders.length, most);
          const bytes = folders.reduce((sum, name) => sum + statSync(join(device, name, "stream")).size, 0);
          held ??= bytes;
          assert.equal(bytes, held, "disk");
          collectGarbage();
          heap.push(process.memoryUsage().heapUsed);
        }
      }
      all.close();
      const {
        packets,
        tokenPackets,
        events,
        repeated,
        damaged,
        waiting,
        late,
        stray,
        givenUp: counted,
      } = all.counters();
      assert.deepEqual(
        [packets, tokenPackets, events, repeated, damaged, waiting, late, stray],
        [boots, boots, boots, 0, 0, 0, 0, 0],
      );
      assert.ok(heap.at(-1)! - heap[1]! < 1 << 20, `heap: ${heap}`);
      assert.deepEqual([counted, givenUp, codes.get("W_GIVEN_UP")], [boots - most, boots - most, boots - most]);
      assert.deepEqual(
        [codes.get("E_TOO_MANY_BOOTS"), codes.get("W_BOOT_ID") ?? 0],
        [undefined, bootIdOf(1) === 7 ? boots - 1 : 0],
      );
      const { events: read, summary } = await gathered(decodePath(dir, { registry }));
      assert.deepEqual(
        read.map(({ ts_mono_ms, msgType }) => [ts_mono_ms, msgType]),
        Array.from({ length: most }, (_, index) => [boots - most + 1 + index, "wake"]),
      );
      assert.equal(summary.boots, most);
      ran("boots of a device of which 20 folders are kept, or one", boots);
    });
});
