import { Telemetry, type TelemetryOptions } from "xs-telemetry";
import { type ListenerEvents, Listeners, type ListenersOptions } from "xs-telemetry/listeners";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { FakeTimer } from "../support/fake-io.ts";

/** A listener: what it is told, and what it says. */
class Client {
  readonly texts: string[] = [];
  readonly packets: Uint8Array[] = [];
  closed = 0;
  isBroken = false;
  /** Acknowledges each packet as it comes. */
  takes = false;
  readonly #events: ListenerEvents;

  constructor(listeners: Listeners, token?: string) {
    this.#events = listeners.accept({
      send: (message) => {
        if (this.isBroken) throw new Error("it is closed");
        if (typeof message === "string") this.texts.push(message);
        else {
          this.packets.push(new Uint8Array(message));
          if (this.takes) this.says("taken");
        }
      },
      close: () => {
        this.closed++;
      },
    });
    if (token !== undefined) this.says(token);
  }

  says(text: string | undefined): void {
    this.#events.heard(text);
  }

  goes(): void {
    this.#events.gone();
  }

  /** Clients of the events in the packets of records. */
  get ids(): number[] {
    return this.packets.flatMap((bytes) => (readPacket(bytes).records ?? []).map(({ clientId }) => clientId));
  }
}

function setUp(options: Partial<ListenersOptions> = {}, telemetryOptions: Partial<TelemetryOptions> = {}) {
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 1, clock: { now: () => 5 }, ...telemetryOptions });
  const timer = new FakeTimer();
  const listeners = new Listeners({ telemetry, timer, packetBytes: 256, ...options });
  let last = 0;
  const emit = (count: number) => {
    for (; count > 0; count--) telemetry.connect(++last);
  };
  const client = (token?: string) => new Client(listeners, token);
  return { telemetry, timer, listeners, emit, client };
}

const upTo = (last: number, first = 1) => [...new Array(last - first + 1).keys()].map((index) => first + index);

describe("listeners", () => {
  it("give packets to one that has said its token, each when the last was acknowledged", () => {
    const { emit, client, timer, listeners } = setUp({ token: "s3cret" });
    emit(25);
    const listener = client();
    timer.tick();
    deepEqual([listener.texts, listener.packets.length], [[], 0], "before the token");
    listener.says("s3cret");
    deepEqual(listener.texts, ["accepted"]);
    timer.tick(3);
    equal(listener.packets.length, 1, "one waits");
    for (let count = 1; count <= 3; count++) {
      equal(listener.packets.length, count, "packets");
      listener.says("taken");
    }
    deepEqual(listener.ids, upTo(25));
    equal(listener.packets.length, 3, "nothing waits");
    emit(1);
    timer.tick();
    deepEqual(listener.ids, upTo(26), "what comes later, with the next tick");
    listener.says("taken");
    const { packets, accepted, bytes, listeners: now, ...rest } = listeners.counters();
    deepEqual([packets, accepted, now], [4, 1, 1]);
    equal(
      bytes,
      listener.packets.reduce((sum, packet) => sum + packet.length, 0),
      "bytes",
    );
    deepEqual(rest, { refusedTokens: 0, refusedBusy: 0, dropped: 0, silent: 0, failures: 0 });
  });

  it("do nothing until there is a connection, and nothing more once they are closed", () => {
    const { emit, client, timer, listeners, telemetry } = setUp();
    emit(5);
    deepEqual(timer.everyMs, [], "timers");
    equal(telemetry.counters().pending, 5);
    const waiting = client();
    const listener = client("");
    deepEqual(timer.everyMs, [100], "timers");
    listeners.close();
    listeners.close();
    const late = client();
    timer.tick();
    deepEqual([waiting.closed, listener.closed, late.closed], [1, 1, 1], "closed");
    deepEqual(timer.everyMs, [], "timers");
    late.says("");
    listener.says("taken");
    deepEqual([late.texts, listener.packets.length], [[], 1]);
    equal(listeners.counters().dropped, 1, "the packet in hand");
  });

  it("refuse a wrong token, whatever it is, and close the connection with the next tick", () => {
    const { emit, client, timer, listeners } = setUp({ token: "s3cret" });
    emit(5);
    const wrong = ["", "s3cre", "s3cret ", "s3crets", "S3cret", "x", "\0".repeat(6), "taken", undefined];
    for (const token of wrong) {
      const listener = client();
      listener.says(token);
      deepEqual([listener.texts, listener.packets.length, listener.closed], [["refused: token"], 0, 0], "refused");
      listener.says("s3cret");
      timer.tick();
      deepEqual([listener.texts, listener.closed], [["refused: token"], 1], "a second try");
    }
    equal(listeners.counters().refusedTokens, wrong.length);
    deepEqual(client("s3cret").texts, ["accepted"]);
  });

  it("take any token where none is set", () => {
    const { client } = setUp();
    for (const token of ["", "any"]) deepEqual(client(token).texts, ["accepted"]);
    const binary = setUp().client();
    binary.says(undefined);
    deepEqual(binary.texts, ["accepted"]);
  });

  it("are as many as may be: a further one is refused, until one goes", () => {
    const { client, timer, listeners, emit } = setUp({ most: 2 });
    emit(3);
    const [first, second] = [client(""), client("")];
    deepEqual([first.ids, second.ids], [upTo(3), upTo(3)], "each has all");
    const third = client("");
    deepEqual(third.texts, ["refused: busy"]);
    timer.tick();
    equal(third.closed, 1);
    second.goes();
    deepEqual(client("").texts, ["accepted"]);
    const { refusedBusy, listeners: now, accepted } = listeners.counters();
    deepEqual([refusedBusy, now, accepted], [1, 2, 3]);
  });

  it("hold no more connections without a token than listeners, and none longer than ten seconds", () => {
    const { client, timer, listeners } = setUp({ most: 2, token: "t" });
    const crowd = [client(), client(), client(), client()];
    timer.tick();
    deepEqual(
      crowd.map(({ closed }) => closed),
      [1, 1, 0, 0],
      "the oldest go",
    );
    crowd[2]!.says("t");
    deepEqual(crowd[2]!.texts, ["accepted"], "the others may still say it");
    timer.tick(100);
    deepEqual(
      crowd.map(({ closed }) => closed),
      [1, 1, 0, 1],
    );
    equal(listeners.counters().silent, 3);
  });

  it("lose nothing when a connection breaks: the next goes on, with the packet that was not acknowledged", () => {
    const { client, emit, timer } = setUp();
    emit(25);
    const first = client("");
    first.says("taken");
    deepEqual(first.ids, upTo(20));
    first.goes();
    emit(5);
    timer.tick(100);
    first.says("taken"); // too late
    const next = client("");
    next.takes = true;
    next.says("taken");
    timer.tick(5);
    deepEqual(next.ids, upTo(30, 11), "from the second packet on");
    const numbers = next.packets.map((bytes) => readPacket(bytes).number);
    deepEqual(numbers, [2, 3], "of the same reader");
  });

  it("send the names of message types to each new listener", () => {
    const { client, telemetry, timer } = setUp();
    const connection = telemetry.connect(1);
    const told = (listener: Client) =>
      listener.packets.flatMap((bytes) => (readPacket(bytes).tokens ?? []).map(({ name }) => name));
    for (const _ of [1, 2]) {
      connection.sent(telemetry.messageType("status"));
      const listener = client("");
      listener.takes = true;
      if (listener.packets.length > 0) listener.says("taken");
      timer.tick(4);
      deepEqual(told(listener), ["status"]);
      listener.goes();
    }
  });

  it("answer signs of life, and leave who gives none for thirty seconds", () => {
    const { client, timer, listeners } = setUp();
    const [alive, silent] = [client(""), client("")];
    for (let count = 0; count < 5; count++) {
      timer.tick(100);
      alive.says("alive");
    }
    deepEqual(alive.texts, ["accepted", "alive", "alive", "alive", "alive", "alive"]);
    deepEqual([alive.closed, silent.closed], [0, 1], "closed");
    const { silent: left, listeners: now } = listeners.counters();
    deepEqual([left, now], [1, 1]);
    timer.tick(300);
    equal(alive.closed, 0);
    timer.tick();
    equal(alive.closed, 1);
  });

  it("leave who does not acknowledge, or says what no listener says", () => {
    for (const wrong of ["taken", "hello", undefined, ""]) {
      const { client, timer, listeners } = setUp();
      const listener = client("");
      listener.says(wrong);
      timer.tick();
      deepEqual([listener.closed, listeners.counters().failures], [1, 1], `${wrong}`);
    }
    const { client, timer, emit } = setUp();
    emit(3);
    const slow = client("");
    timer.tick(301);
    deepEqual([slow.closed, slow.packets.length], [1, 1]);
  });

  it("leave a connection that cannot be written to, and keep the packet", () => {
    const { client, emit, timer, listeners } = setUp();
    const broken = client("");
    broken.isBroken = true;
    emit(5);
    timer.tick();
    equal(listeners.counters().failures, 1);
    timer.tick();
    equal(broken.closed, 1);
    deepEqual(client("").ids, upTo(5));
    const never = client();
    never.isBroken = true;
    never.says("");
    timer.tick();
    equal(never.closed, 1, "one that broke before its token");
  });

  it("close no connection that has gone by itself", () => {
    const { client, timer } = setUp({ token: "t" });
    const refused = client("wrong");
    refused.goes();
    refused.goes();
    const waiting = client();
    waiting.goes();
    timer.tick(400);
    deepEqual([refused.closed, waiting.closed], [0, 0]);
  });

  it("hold the ring back under discard as long as one listens, and a second longer at the most", () => {
    const { client, emit, timer, telemetry, listeners } = setUp({}, { capacityBytes: 1024, policy: "discard" });
    const other = telemetry.reader();
    const buffer = new Uint8Array(1024);
    const drain = () => {
      while (other.next(buffer) > 0);
    };
    const listener = client("");
    emit(100);
    drain();
    ok(telemetry.counters().discarded > 0, "it holds the ring back");
    timer.tick();
    listener.goes();
    timer.tick(20);
    emit(20);
    const { discarded } = telemetry.counters();
    timer.tick(10);
    drain();
    emit(30);
    equal(telemetry.counters().discarded, discarded, "it is let go");
    equal(listeners.counters().dropped, 1, "with the packet in hand");
    const next = client("");
    next.takes = true;
    next.says("taken");
    timer.tick(10);
    ok(next.ids.length >= 30, "who comes then gets what there is");
    equal(readPacket(next.packets.at(-1)!).reader, 2, "by another reader");
  });

  it("keep a place under overwrite for the next listener, and report what was lost meanwhile", () => {
    const { client, emit, timer } = setUp({}, { capacityBytes: 1024 });
    const first = client("");
    first.takes = true;
    emit(5);
    timer.tick();
    first.goes();
    emit(500);
    timer.tick(1000);
    const next = client("");
    next.takes = true;
    if (next.packets.length > 0) next.says("taken");
    timer.tick(20);
    const ids = next.ids;
    deepEqual(ids, upTo(505, ids[0]), "the newest");
    equal(readPacket(next.packets.at(-1)!).discarded, 500 - ids.length, "the others are counted");
    equal(readPacket(next.packets.at(-1)!).reader, 0, "by the same reader");
  });

  it("refuse wrong options, naming them", () => {
    const { telemetry } = setUp();
    const cases: [object, ...string[]][] = [
      [{}, "telemetry"],
      [{ telemetry: {} }, "telemetry"],
      [{ telemetry, token: "" }, "token", "1 to 64"],
      [{ telemetry, token: "two words" }, "token"],
      [{ telemetry, token: "x".repeat(65) }, "token"],
      [{ telemetry, token: 5 }, "token"],
      [{ telemetry, token: undefined }, "token", "undefined"],
      [{ telemetry, most: 0 }, "most"],
      [{ telemetry, most: 17 }, "most"],
      [{ telemetry, packetBytes: 255 }, "packetBytes"],
      [{ telemetry, packetBytes: 65_536 }, "packetBytes"],
      [{ telemetry, timer: {} }, "timer"],
      [{ telemetry, tokens: "x" }, "tokens"],
    ];
    for (const [options, ...said] of cases) {
      const kind = ["most", "packetBytes"].includes(said[0]!) ? "RangeError" : "TypeError";
      throws(() => new Listeners(options as ListenersOptions), kind, ...said);
    }
    let shown = "";
    try {
      new Listeners({ telemetry, token: "hunter2 with blanks" });
    } catch (error) {
      shown = String(error);
    }
    equal(shown.includes("hunter2"), false, "a token is not shown");
  });
});
