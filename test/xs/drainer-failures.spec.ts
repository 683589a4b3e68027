import { deepEqual, equal } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { ids, setUp } from "../support/draining.ts";
import { FakeSink } from "../support/fake-io.ts";

declare const setTimeout: (callback: () => void, ms: number) => unknown;

describe("a drainer", () => {
  for (const [answer, what] of [
    ["throw", "throws"],
    ["error", "calls onError() and refuses"],
    ["error-taken", "calls onError() and takes the packet"],
  ] as const)
    it(`closes a sink whose write() ${what}, opens another after a while and sends the packet again`, () => {
      const { sink, timer, drainer, emit } = setUp();
      sink.script.push(answer);
      emit(10);
      timer.tick();
      deepEqual([sink.opened, sink.closed, drainer.counters().failures], [1, 1, 1], "opened, closed, failures");
      timer.tick();
      equal(sink.opened, 1, "opened before its time");
      timer.tick();
      deepEqual([sink.opened, sink.closed], [2, 1], "opened, closed after 200 ms");
      const numbers = sink.packets.map((bytes) => readPacket(bytes).number);
      deepEqual(numbers, answer === "error-taken" ? [1, 1] : [1], "packet numbers");
      deepEqual([drainer.counters().packets, drainer.counters().inHand], [1, 0], "packets, in hand");
    });

  it("closes a sink that calls onError() while nothing goes on, and heeds no sink that was closed", () => {
    const { sink, timer, drainer, emit } = setUp();
    timer.tick();
    const first = sink.events!;
    first.onError();
    first.onError();
    deepEqual([sink.closed, drainer.counters().failures], [1, 1], "closed, failures");
    timer.tick(2);
    deepEqual([sink.opened, drainer.counters().opens], [2, 2], "opened");
    emit(10);
    first.onWritable();
    first.onError();
    deepEqual([sink.offers, sink.closed], [0, 1], "offers, closed");
  });

  it("waits twice as long after each failure up to a bound, and as long as at first after a packet", () => {
    let tries = 0;
    const fake = new FakeSink();
    fake.openError = new Error("no network");
    const { timer, drainer, emit } = setUp({
      open: (events) => {
        tries++;
        return fake.open(events);
      },
    });
    const openings: number[] = [];
    for (let tick = 1; tick <= 40; tick++) {
      const before = tries;
      timer.tick();
      if (tries > before) openings.push(tick);
    }
    deepEqual(openings, [1, 3, 7, 15, 23, 31, 39], "ticks of openings");
    fake.openError = undefined;
    emit(10);
    timer.tick(8);
    equal(drainer.counters().packets, 1, "packets");
    fake.events!.onError();
    timer.tick(2);
    equal(drainer.counters().opens, 2, "opens");
  });

  it("goes on waiting longer while sinks open well and take nothing", () => {
    const { sink, timer, drainer, emit } = setUp();
    for (let count = 0; count < 3; count++) sink.script.push("throw");
    emit(10);
    timer.tick(1 + 2 + 4);
    equal(drainer.counters().opens, 3, "opens");
    timer.tick(7);
    equal(drainer.counters().opens, 3, "opens a tick before its time");
    timer.tick();
    deepEqual([drainer.counters().opens, drainer.counters().packets], [4, 1], "opens, packets");
  });

  it("counts what close() throws, and goes on", () => {
    const { sink, timer, drainer, emit } = setUp();
    sink.closeError = new Error("cannot close");
    sink.script.push("throw");
    emit(10);
    timer.tick(3);
    deepEqual([drainer.counters().closeFailures, drainer.counters().packets], [1, 1], "closeFailures, packets");
  });

  it("takes a sink that refuses for too long for broken, but not one that has nothing to take", () => {
    const { sink, timer, drainer, emit } = setUp();
    timer.tick(50);
    equal(drainer.counters().stalls, 0, "stalls while nothing waits");
    for (let count = 0; count < 100; count++) sink.script.push("refuse");
    emit(10);
    timer.tick(6);
    deepEqual([drainer.counters().stalls, sink.closed], [0, 0], "stalls, closed, at the bound");
    timer.tick();
    const { stalls, failures } = drainer.counters();
    deepEqual([stalls, failures, sink.closed], [1, 1, 1], "stalls, failures, closed, behind it");
    sink.script.length = 0;
    timer.tick(2);
    deepEqual(ids(sink.packets).length, 10, "events");
  });

  it("counts a sink that cannot be used as a failure", () => {
    for (const open of [
      () => undefined,
      () => null,
      () => ({ maxPacketBytes: 255, write: () => true, close() {} }),
      () => ({ write: () => true, close() {} }),
      () => ({ maxPacketBytes: 1000 }),
      () => ({ maxPacketBytes: 1000n, write: () => true, close() {} }),
    ]) {
      const { timer, drainer, emit } = setUp({ open: open as never });
      emit(10);
      timer.tick();
      deepEqual([drainer.counters().failures, drainer.counters().packets], [1, 0], "failures, packets");
      drainer.close();
    }
  });

  it("closes a sink that breaks while it is opened", () => {
    const fake = new FakeSink();
    let isBreaking = true;
    const { timer, drainer, emit } = setUp({
      open: (events) => {
        if (isBreaking) events.onError();
        events.onWritable();
        return fake.open(events);
      },
    });
    emit(10);
    timer.tick();
    deepEqual([fake.opened, fake.closed, drainer.counters().failures], [1, 1, 1], "opened, closed, failures");
    isBreaking = false;
    timer.tick(2);
    equal(drainer.counters().packets, 1, "packets");
  });

  it("survives a source that throws or gives no number of bytes", () => {
    for (const bad of [Number.NaN, -1, 257, 1e9, 99.5, undefined, "x", "99", null, [99]] as unknown[]) {
      const answers = [bad, 0, 100];
      let throwsOnce = true;
      const source = {
        next: () => {
          if (throwsOnce) {
            throwsOnce = false;
            throw new Error("no source");
          }
          return answers.length > 0 ? answers.shift() : 0;
        },
        repeatTokens() {
          throw new Error("no tokens");
        },
      };
      const { sink, timer, drainer } = setUp({ source: source as never });
      timer.tick(4);
      const { sourceFailures, packets, failures } = drainer.counters();
      deepEqual([sourceFailures, packets, failures], [3, 1, 0], `${bad}: source failures, packets, failures`);
      equal(sink.packets[0]!.length, 100, "bytes");
    }
  });
});
