import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { extractFrames } from "../../host/decode/extract-frames.ts";
import type { DecodeItem } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { frame } from "../support/frames.ts";
import { joined, mixedPackets } from "../support/packets.ts";

const PACKETS = mixedPackets();
const EVENTS = PACKETS.flatMap(({ events }) => events);
const text = (value: string) => Buffer.from(value);
const log = (packets = PACKETS) =>
  Buffer.concat(packets.flatMap(({ bytes }, index) => [text(`I (${index}) wifi: {"event":"x"}\r\n`), frame(bytes)]));

async function extracted(bytes: Uint8Array): Promise<DecodeItem[]> {
  const items: DecodeItem[] = [];
  for await (const item of extractFrames([bytes], { registry })) items.push(item);
  return items;
}
const eventsIn = (items: readonly DecodeItem[]) => items.flatMap((item) => (item.kind === "events" ? item.events : []));
const problemsIn = (items: readonly DecodeItem[]) =>
  items.flatMap((item) => (item.kind === "problem" ? [`${item.problem.code}@${item.problem.offsetBytes}`] : []));

function command(args: readonly string[], input: Uint8Array) {
  return spawnSync(process.execPath, ["dist/host/cli.js", "extract", ...args], { input, encoding: "utf8" });
}

describe("extract --frames", () => {
  it("decodes the packets in frames among log text", async () => {
    const items = await extracted(log());
    assert.deepEqual(eventsIn(items), EVENTS);
    // The log's own lines look like telemetry: that they are not read is reported once.
    assert.deepEqual(problemsIn(items), ["W_LINES@undefined"]);
    const summary = items.at(-1);
    assert.ok(summary?.kind === "summary" && summary.summary.lostOnDevice === 57);
  });

  it("reads a flash image: frames after block headers, erased flash between them", async () => {
    const block = frame(Buffer.from("c11ffcf1010000000010000007000000", "hex"));
    const image = PACKETS.flatMap(({ bytes }) => [block, frame(bytes), Buffer.alloc(700, 0xff)]);
    const items = await extracted(Buffer.concat(image));
    assert.deepEqual([eventsIn(items), problemsIn(items)], [EVENTS, []]);
  });

  it("names a bad frame, the packet that is missing with it, and their places", async () => {
    const bytes = log();
    const first = log(PACKETS.slice(0, 2)).length;
    const start = bytes.indexOf(0, first) + 1;
    bytes[start + 130] = bytes[start + 130]! ^ 1;
    const items = await extracted(bytes);
    const next = bytes.indexOf(0, log(PACKETS.slice(0, 3)).length) + 1;
    assert.deepEqual(problemsIn(items), [`E_FRAME@${start}`, `W_LOST_IN_TRANSIT@${next}`, "W_LINES@undefined"]);
    assert.equal(eventsIn(items).length, EVENTS.length - PACKETS[2]!.events.length);
  });

  it("prints JSON lines, from standard input too, and ends with 1 if a frame is bad or there is none", () => {
    const good = command(["--frames", "-"], log());
    assert.deepEqual([good.status, good.stdout.split("\n").length], [0, EVENTS.length + 1]);
    assert.match(good.stderr, /standard input: 11 events, 6 packets, 1 boot\n {2}57 events lost on the device/);
    const bytes = log();
    bytes[bytes.length - 9] = bytes[bytes.length - 9]! ^ 1;
    const bad = command(["--frames", "-"], bytes);
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /^standard input: E_FRAME at byte \d+: a bad frame: CRC/);
    for (const [input, said] of [
      [text("I (1) only text\n"), /E_NO_FRAMES: no packet in 16 bytes: it is only log text/],
      [new Uint8Array(0), /E_NO_FRAMES: no packet in 0 bytes/],
    ] as const) {
      const none = command(["--frames", "-"], input);
      assert.deepEqual([none.status, none.stdout], [1, ""]);
      assert.match(none.stderr, said);
    }
    const packets = command(["--frames", "-"], joined(PACKETS));
    assert.deepEqual([packets.status, packets.stdout], [0, good.stdout], "packets are read as they are");
  });
});
