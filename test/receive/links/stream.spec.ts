import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { openStreamLink, SLICE_BYTES } from "../../../host/receive/links/stream.ts";
import { brokenOff, logText } from "../../support/costly-bytes.ts";
import { deframe, frame, textIn } from "../../support/frames.ts";
import { RecordedEvents } from "../../support/link-events.ts";
import { mixedPackets } from "../../support/packets.ts";

async function* chunks(...all: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* all;
}

describe("a stream of bytes", () => {
  it("brings the same whatever its chunks are, and ends with it", async () => {
    const wire = Buffer.concat([
      ...mixedPackets().flatMap(({ bytes }) => [frame(bytes), logText(3 * SLICE_BYTES)]),
      brokenOff(8192, 20_000),
    ]);
    for (const pieces of [[wire], [wire.subarray(0, 7), wire.subarray(7)]]) {
      const events = new RecordedEvents();
      const link = await openStreamLink(chunks(...pieces), events);
      await link.ended;
      assert.equal(events.packets.length, mixedPackets().length);
      assert.deepEqual(events.texts, textIn(deframe(wire)));
      assert.deepEqual(
        events.problems.map(({ problem }) => problem.code),
        ["E_FRAME"],
      );
    }
  });

  it("has its turn with signals and timers: closed in the midst of a chunk, it brings nothing of the rest", async () => {
    const events = new RecordedEvents();
    const line = logText(SLICE_BYTES);
    const link = await openStreamLink(chunks(Buffer.concat(Array.from({ length: 64 }, () => line))), events);
    const turns: number[] = [];
    for (let turn = 0; turn < 8; turn++) {
      await setImmediate();
      turns.push(events.texts.length);
    }
    await link.close();
    const lines = events.texts.length;
    const ofSlice = Math.ceil(SLICE_BYTES / 39);
    assert.ok(lines > 0 && lines <= 9 * ofSlice + 1, `${lines} lines, after turns with ${turns.join(", ")}`);
    await link.ended;
    for (let turn = 0; turn < 8; turn++) await setImmediate();
    assert.equal(events.texts.length, lines);
  });
});
