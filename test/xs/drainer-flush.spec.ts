import type { FlushResult } from "xs-telemetry/drainer";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { ids, numbered, setUp, upTo } from "../support/draining.ts";

declare const setTimeout: (callback: () => void, ms: number) => unknown;

describe("flushing a drainer", () => {
  /** What a flush has come to, once promises have had their turn. */
  async function settled(flush: Promise<FlushResult>): Promise<FlushResult | undefined> {
    let result: FlushResult | undefined;
    flush.then((value) => {
      result = value;
    });
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    return result;
  }

  it("takes at once all that was emitted, whatever a slice holds, without a tick", async () => {
    const { sink, drainer, emit } = setUp({ packetsPerSlice: 1 });
    emit(45);
    deepEqual(await settled(drainer.flush()), { isDone: true, leftEvents: 0, inHand: 0 }, "result");
    deepEqual(ids(sink.packets), upTo(45), "events");
    deepEqual(await settled(drainer.flush()), { isDone: true, leftEvents: 0, inHand: 0 }, "nothing waits");
  });

  it("waits for a sink that refuses, and says what is left when the time is over", async () => {
    const { sink, timer, drainer, emit } = setUp({ everyMs: 100, stallMs: 60_000 });
    sink.script.push("refuse", "take", "take", "refuse");
    emit(45);
    const flush = drainer.flush(300);
    equal(await settled(flush), undefined, "refused");
    timer.tick();
    sink.refusesAll = true;
    const [first, second] = [drainer.flush(1000), drainer.flush(100)];
    equal(await settled(flush), undefined, "refused again");
    timer.tick(2);
    const late = await settled(flush);
    deepEqual([late!.isDone, late!.inHand], [false, 1], "time is over");
    ok(late!.leftEvents! > 0 && late!.leftEvents! < 45, `${late!.leftEvents} events left`);
    deepEqual((await settled(second))!.isDone, false, "the shorter one too");
    equal(await settled(first), undefined, "the longer one waits");
    sink.refusesAll = false;
    timer.tick();
    deepEqual(await settled(first), { isDone: true, leftEvents: 0, inHand: 0 }, "taken at last");
    deepEqual(ids(sink.packets), upTo(45), "events, each once");
  });

  it("does not wait for events emitted later", async () => {
    const { sink, telemetry, drainer, emit } = setUp();
    sink.onTake = () => telemetry.connect(99);
    emit(20);
    deepEqual(await settled(drainer.flush()), { isDone: true, leftEvents: 0, inHand: 0 }, "result");
    ok(sink.packets.length < 10, `${sink.packets.length} packets`);
  });

  it("counts what is overwritten meanwhile as left no longer, and what was given up as not done", async () => {
    const { sink, drainer, emit, timer } = setUp({}, 1024);
    sink.refusesAll = true;
    emit(20);
    const flush = drainer.flush(60_000);
    emit(500);
    sink.refusesAll = false;
    timer.tick();
    deepEqual(await settled(flush), { isDone: true, leftEvents: 0, inHand: 0 }, "evicted");
    sink.refusesAll = true;
    emit(20);
    const closed = drainer.flush(60_000);
    drainer.close();
    deepEqual((await settled(closed))!.isDone, false, "closed with a packet in hand");
  });

  it("asks a source that counts no events until it has nothing", async () => {
    for (const counters of [undefined, () => ({ packets: 7 }), () => ({ drained: "x", overwritten: 1, pending: 1 })]) {
      const source = Object.assign(numbered(30), counters && { counters });
      const { drainer, sink } = setUp({ source });
      deepEqual(await settled(drainer.flush()), { isDone: true, leftEvents: undefined, inHand: 0 }, "result");
      equal(sink.packets.length, 30, "packets");
    }
  });

  it("opens a sink that waits to be tried again, and refuses a wrong time", async () => {
    const { drainer, sink, timer, emit } = setUp({ retryMs: 60_000, mostRetryMs: 60_000 });
    sink.openError = new Error("no link");
    emit(3);
    timer.tick();
    sink.openError = undefined;
    equal(sink.packets.length, 0, "not open");
    equal((await settled(drainer.flush()))?.isDone, true, "opened for it");
    throws(() => drainer.flush(0), "RangeError", "timeoutMs");
  });
});
