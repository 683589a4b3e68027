import { type Reader, Telemetry } from "xs-telemetry";
import { Drainer } from "xs-telemetry/drainer";
import { deepEqual, equal, ok, random, throws } from "../support/assert.ts";
import { readPacket, ringCounters } from "../support/bytes.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { ids, numbered, setUp, upTo } from "../support/draining.ts";
import { type Answer, FakeSink, FakeTimer } from "../support/fake-io.ts";

declare const setTimeout: (callback: () => void, ms: number) => unknown;

/** Every packet once in its order, but for repetitions of the one before; and all events accounted for. */
function checkDelivery(what: string, packets: readonly Uint8Array[], reader: Reader): void {
  const numbers = [0, 0];
  let events = 0;
  for (const bytes of packets) {
    const { stream, number, records } = readPacket(bytes);
    if (number === numbers[stream]) continue;
    equal(number, numbers[stream]! + 1, `${what}: number of stream ${stream}`);
    numbers[stream] = number;
    events += records.filter(({ type }) => type < 240).length;
  }
  const counters = reader.counters();
  equal(events, counters.drained, `${what}: events received`);
  const [emitted, drained, overwritten, discarded, pending] = ringCounters(counters);
  equal(emitted, drained! + overwritten! + discarded! + pending!, `${what}: emitted`);
}

describe("a drainer", () => {
  it("moves N packets per slice from the source to the sink, and counts them", () => {
    const { sink, timer, drainer, emit } = setUp({ packetsPerSlice: 2, everyMs: 50 });
    emit(45);
    deepEqual([timer.everyMs, sink.opened], [[50], 0], "before the first tick");
    timer.tick();
    deepEqual([sink.opened, sink.packets.length], [1, 2], "after a tick: openings, packets");
    timer.tick();
    equal(sink.packets.length, 4, "packets after two");
    timer.tick(3);
    deepEqual(ids(sink.packets), upTo(45), "events");
    const bytes = sink.packets.reduce((sum, packet) => sum + packet.length, 0);
    deepEqual(
      drainer.counters(),
      {
        packets: 5,
        bytes,
        inHand: 0,
        dropped: 0,
        refusals: 0,
        opens: 1,
        failures: 0,
        stalls: 0,
        closeFailures: 0,
        sourceFailures: 0,
      },
      "counters",
    );
  });

  it("keeps a refused packet in hand, offers it again with each tick, and when the sink is writable", () => {
    const { sink, timer, drainer, emit } = setUp();
    sink.script.push("refuse", "refuse", "refuse");
    emit(20);
    timer.tick();
    deepEqual([sink.offers, drainer.counters().inHand, drainer.counters().refusals], [1, 1, 1], "refused");
    timer.tick();
    equal(sink.offers, 2, "offers after two ticks");
    sink.events!.onWritable();
    equal(sink.offers, 3, "offers after onWritable()");
    sink.events!.onWritable();
    deepEqual(ids(sink.packets), upTo(20), "events");
    deepEqual([drainer.counters().packets, drainer.counters().refusals], [2, 3], "packets, refusals");
  });

  it("moves one slice when the sink is writable, however often it says so from within", () => {
    const { sink, timer, emit } = setUp({ packetsPerSlice: 3 });
    for (let count = 0; count < 10; count++) sink.script.push("nested");
    emit(100);
    timer.tick();
    equal(sink.packets.length, 3, "packets after a tick");
    sink.events!.onWritable();
    equal(sink.packets.length, 6, "packets after onWritable()");
  });

  it("makes no packet longer than the open sink takes, and gives one up that a later one cannot take", () => {
    const { sink, timer, drainer, emit } = setUp({ packetBytes: 1000 });
    sink.maxPacketBytes = 300;
    emit(200);
    timer.tick(2);
    ok(
      sink.packets.every(({ length }) => length <= 300),
      "bytes",
    );
    sink.events!.onError();
    sink.maxPacketBytes = 1400;
    sink.script.push("throw");
    timer.tick(2);
    equal(drainer.counters().inHand, 1, "in hand");
    sink.maxPacketBytes = 256;
    timer.tick(4);
    const { dropped, inHand } = drainer.counters();
    deepEqual([dropped, inHand], [1, 0], "dropped, in hand");
  });

  it("repeats all tokens whenever a sink is opened, and after a while", () => {
    const source = numbered(0);
    const { sink, timer } = setUp({ source, tokensEveryMs: 1000 });
    timer.tick();
    equal(source.repeated, 1, "opened");
    sink.events!.onError();
    timer.tick(2);
    equal(source.repeated, 2, "opened again");
    timer.tick(9);
    equal(source.repeated, 2, "too early");
    timer.tick();
    equal(source.repeated, 3, "after a second");
    timer.tick(20);
    equal(source.repeated, 5, "after two more");
  });

  it("gives a listener that joins late the tokens that it needs", () => {
    const { telemetry, sink, timer } = setUp({ tokensEveryMs: 1000 });
    const connection = telemetry.connect(1);
    const token = telemetry.messageType("getStatus");
    connection.sent(token);
    timer.tick();
    const heard = sink.packets.length;
    for (let count = 0; count < 12; count++) {
      timer.tick();
      connection.sent(token);
    }
    timer.tick();
    const late = sink.packets.slice(heard).flatMap((bytes) => readPacket(bytes).tokens.map(({ name }) => name));
    deepEqual(late, ["getStatus"], "names");
  });

  it("moves records although tokens are to be repeated more often than the sink can take them", () => {
    for (const breaks of [false, true]) {
      const { telemetry, sink, timer, emit } = setUp({ tokensEveryMs: 300, packetsPerSlice: 2, retryMs: 100 });
      for (let count = 0; count < 64; count++) telemetry.messageType(`${count}`.padEnd(64, "x"));
      emit(30);
      for (let count = 0; count < 500; count++) {
        timer.tick();
        if (breaks && count % 2 === 0) sink.events!.onError();
      }
      deepEqual(ids(sink.packets), upTo(30), `events, ${breaks ? "by a link that breaks" : "by one that lasts"}`);
    }
  });

  it("when closed stops its timer, closes the sink, and does nothing more", () => {
    const { sink, timer, drainer, emit } = setUp();
    sink.script.push("refuse");
    emit(10);
    timer.tick();
    drainer.close();
    drainer.close();
    deepEqual([timer.everyMs, sink.closed], [[], 1], "timers, closed");
    sink.events!.onWritable();
    sink.events!.onError();
    const { dropped, inHand, failures } = drainer.counters();
    deepEqual([dropped, inHand, failures, sink.offers], [1, 0, 0, 1], "dropped, in hand, failures, offers");
  });

  it("when closed asks nothing more of the source, though the timer goes on", () => {
    const source = numbered(0);
    let tick: (() => void) | undefined;
    const timer = {
      repeat(callback: () => void) {
        tick = callback;
      },
      clear() {},
    };
    const { drainer } = setUp({ source, timer, tokensEveryMs: 100 });
    tick!();
    drainer.close();
    const { repeated } = source;
    for (let count = 0; count < 5; count++) tick!();
    equal(source.repeated, repeated, "tokens told");
  });

  it("may be closed by source, sink and timer at any time", () => {
    const places = ["next", "repeatTokens", "open", "write", "close", "clear"];
    for (const place of places) {
      let drainer: Drainer | undefined;
      let closed = 0;
      const at = (here: string) => {
        if (here === place) drainer!.close();
      };
      const timer = new FakeTimer();
      drainer = new Drainer({
        source: {
          next: () => {
            at("next");
            return 100;
          },
          repeatTokens: () => at("repeatTokens"),
        },
        open: (events) => {
          at("open");
          return {
            maxPacketBytes: 1000,
            write: () => {
              at("write");
              if (place === "close") events.onError();
              return true;
            },
            close: () => {
              closed++;
              at("close");
            },
          };
        },
        timer: {
          repeat: (callback, everyMs) => timer.repeat(callback, everyMs),
          clear: () => {
            at("clear");
            throw new Error("no such timer");
          },
        },
      });
      timer.tick(3);
      drainer.close();
      timer.tick(3);
      equal(closed, 1, `sinks closed after close() in ${place}`);
      equal(drainer.counters().inHand, 0, `packets in hand after close() in ${place}`);
    }
  });

  it("runs by the platform's timer if it is given none", async () => {
    const telemetry = new Telemetry({ capacityBytes: 4096 });
    telemetry.connect(7);
    const sink = new FakeSink();
    const drainer = new Drainer({ source: telemetry.reader(), open: sink.open, everyMs: 1 });
    while (sink.packets.length === 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
    drainer.close();
    deepEqual(ids(sink.packets), [7], "events");
  });

  it("refuses wrong options by name, with value and what is allowed", () => {
    const good = { source: numbered(0), open: new FakeSink().open, timer: new FakeTimer() };
    const make = (wrong: object) => () => new Drainer({ ...good, ...wrong });
    throws(() => new Drainer(undefined as never), "TypeError", "options", "undefined");
    throws(make({ sink: 1 }), "TypeError", '"sink"', "source, open");
    throws(make({ source: {} }), "TypeError", "source", "next()");
    throws(make({ source: null }), "TypeError", "source", "null");
    throws(make({ open: {} }), "TypeError", "open", "function");
    throws(make({ timer: { repeat() {} } }), "TypeError", "timer", "clear()");
    for (const [name, least, most] of [
      ["everyMs", 1, 60_000],
      ["packetsPerSlice", 1, 1000],
      ["packetBytes", 256, 65_536],
      ["retryMs", 1, 86_400_000],
      ["mostRetryMs", 1000, 86_400_000],
      ["stallMs", 1, 86_400_000],
      ["tokensEveryMs", 1, 86_400_000],
    ] as const) {
      throws(make({ [name]: least - 1 }), "RangeError", name, String(least), String(most));
      throws(make({ [name]: most + 1 }), "RangeError", name, String(most + 1));
      throws(make({ [name]: 1.5 + least }), "RangeError", name);
      throws(make({ [name]: "8" }), "TypeError", name, '"8"');
    }
    equal(good.timer.everyMs.length, 0, "timers of refused drainers");
  });

  it("loses nothing and keeps the order, whatever the sink does", () => {
    for (const place of campaign("runs of drainers over links that fail", 500, 30)) {
      const seed = seedFor(place);
      const { below, pick } = random(seed);
      const { telemetry, reader, sink, timer, drainer } = setUp({ packetsPerSlice: 1 + below(5) }, 256 + below(2000));
      const answers: Answer[] = ["take", "take", "take", "refuse", "throw", "error", "error-taken", "nested"];
      const connection = telemetry.connect(1);
      for (let step = 0; step < 300; step++) {
        const what = below(12);
        if (what < 4)
          for (let count = below(30); count > 0; count--) connection.sent(telemetry.messageType(`t${below(9)}`));
        else if (what < 8) timer.tick(1 + below(3));
        else if (what < 10) sink.script.push(pick(answers));
        else if (what === 10) sink.events?.onWritable();
        else if (below(2) === 0) sink.events?.onError();
        else sink.openError = sink.openError ? undefined : new Error("no network");
      }
      sink.script.length = 0;
      sink.openError = undefined;
      timer.tick(1000);
      checkDelivery(`seed ${seed}`, sink.packets, reader);
      equal(drainer.counters().inHand, 0, `seed ${seed}: in hand`);
      equal(reader.counters().pending, 0, `seed ${seed}: pending`);
      drainer.close();
    }
  });
});
