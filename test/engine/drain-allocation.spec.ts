// Runs inside XS only: what draining takes from the engine's heaps, by the engine's own counters. docs/design.md states these figures.
import { Telemetry } from "xs-telemetry";
import { consoleSink } from "xs-telemetry/console";
import { Drainer, type OpenSink } from "xs-telemetry/drainer";
import { Listeners } from "xs-telemetry/listeners";
import { mqttSink } from "xs-telemetry/mqtt";
import { serialSink } from "xs-telemetry/serial";
import { udpSink } from "xs-telemetry/udp";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { allocationOf, FEW_CALLS, NOTHING } from "../support/xs-allocation.ts";

/** Of the command line: the first is which emitter this is. */
declare const args: string[];
declare global {
  interface StringConstructor {
    fromArrayBuffer(buffer: ArrayBufferLike, byteOffset?: number, byteLength?: number): string;
  }
}

const isNative = args[0] === "native";

let held: unknown;
const memory = new Uint8Array(64);
/** What a view of a buffer takes. */
const VIEW = allocationOf(() => {
  held = new Uint8Array(memory.buffer, 0, 32);
}, FEW_CALLS);
/** What a reader takes for a packet of records. */
const READER = isNative ? NOTHING : VIEW;

let tick: () => void = () => {};
const timer = {
  repeat(callback: () => void) {
    tick = callback;
    return 1;
  },
  clear() {},
};

/** A tick with `events` events to drain before it, with an open sink; the first packets, with tokens, have been sent. */
function drained(open: OpenSink, events: number, connect?: () => void): { tick: () => void; packets: () => number } {
  const telemetry = new Telemetry({ capacityBytes: 4096, policy: "overwrite" });
  const drainer = new Drainer({ source: telemetry.reader(), open, timer, tokensEveryMs: 86_400_000 });
  const own = tick;
  const connection = telemetry.connect(1);
  const token = telemetry.messageType("a");
  own();
  connect?.();
  for (let count = 0; count < 4; count++) own();
  return {
    tick() {
      for (let count = 0; count < events; count++) connection.sent(token);
      own();
    },
    packets: () => drainer.counters().packets,
  };
}

/** Few enough, including those cut in two at the end of the ring, to come before the 64th, which repeats the tokens. */
const PACKETS = 40;

// IO that takes all and allocates nothing.
class Port {
  write(): void {}
  close(): void {}
}
class Serial extends Port {
  constructor(options: { onWritable(count: number): void }) {
    super();
    options.onWritable(1_000_000_000);
  }
}

let full: { onWritable(count: number): void } | undefined;
/** A port with room for 128 bytes, again and again. */
class Fifo extends Port {
  constructor(options: { onWritable(count: number): void }) {
    super();
    full = options;
    options.onWritable(128);
  }
}

let client: { onControl(message: object): void; onWritable(count: number): void } | undefined;
class Client extends Port {
  constructor(options: { onControl(message: object): void; onWritable(count: number): void }) {
    super();
    client = options;
  }

  override write(): number {
    return 100_000;
  }
}

function accept(): void {
  client!.onControl({ operation: 2 });
  client!.onWritable(100_000);
}

const TAKES_ALL: OpenSink = () => ({ maxPacketBytes: 1400, write: () => true, close() {} });
const REFUSES: OpenSink = () => ({ maxPacketBytes: 1400, write: () => false, close() {} });

describe("allocation of draining", () => {
  it("a tick while nothing waits: 0 bytes, with any sink", () => {
    const sinks: Record<string, [OpenSink, (() => void)?]> = {
      any: [TAKES_ALL],
      serial: [serialSink({ io: Serial })],
      UDP: [udpSink({ io: Port, address: "10.0.0.1", port: 1 })],
      MQTT: [mqttSink({ io: Client, deviceId: "d" }), accept],
    };
    for (const [name, [open, connect]] of Object.entries(sinks))
      deepEqual(allocationOf(drained(open, 0, connect).tick), NOTHING, name);
  });

  it("a tick of listeners while nothing waits, and while a packet is not acknowledged: 0 bytes; a packet: a copy", () => {
    const telemetry = new Telemetry({ capacityBytes: 4096 });
    const listeners = new Listeners({ telemetry, timer, packetBytes: 256 });
    let packetBytes = 0;
    const connection = {
      send(message: string | ArrayBuffer) {
        if (typeof message === "object") packetBytes = message.byteLength;
      },
      close() {},
    };
    const listener = listeners.accept(connection);
    const waiting = listeners.accept(connection);
    const own = tick;
    const live = () => {
      listener.heard("alive");
      own();
    };
    waiting.gone();
    listener.heard("");
    deepEqual(allocationOf(live), NOTHING, "nothing waits");
    telemetry.connect(1);
    deepEqual(allocationOf(live), NOTHING, "a packet that is not acknowledged");
    const room = new Uint8Array(256);
    equal(packetBytes, 112, "bytes of the packet");
    const copy = allocationOf(() => {
      held = room.buffer.slice(0, 112);
    }, FEW_CALLS);
    const connected = telemetry.connect(2);
    const counted = allocationOf(() => {
      connected.connected();
      listener.heard("taken");
      own();
    }, FEW_CALLS);
    deepEqual(
      counted,
      {
        slotBytes: copy.slotBytes + READER.slotBytes,
        chunkBytes: copy.chunkBytes + READER.chunkBytes,
        collections: 0,
      },
      "a packet",
    );
  });

  it("a tick while the sink refuses, or is to be opened again: 0 bytes", () => {
    const refused = drained(REFUSES, 1);
    deepEqual(allocationOf(refused.tick, 500), NOTHING, "refused");
    const telemetry = new Telemetry({ capacityBytes: 1024 });
    let opens = 0;
    const open: OpenSink = () => {
      opens++;
      throw "no sink";
    };
    new Drainer({ source: telemetry.reader(), open, timer, retryMs: 86_400_000, mostRetryMs: 86_400_000 });
    deepEqual(allocationOf(tick), NOTHING, "waiting");
    equal(opens, 1, "opens");
  });

  for (const [what, events] of [
    ["short", 3],
    ["full", 81],
  ] as const) {
    it(`a ${what} packet, drainer alone: what the reader takes`, () => {
      const found = drained(TAKES_ALL, events);
      const before = found.packets();
      const each = allocationOf(found.tick, PACKETS);
      // The end of the ring cuts a packet in two now and then.
      const packets = found.packets() - before - 1;
      ok(packets >= PACKETS, `${packets} packets`);
      deepEqual(
        { ...each, slotBytes: each.slotBytes * PACKETS },
        { ...READER, slotBytes: READER.slotBytes * packets },
        "ticks",
      );
    });
  }

  it("the serial sink: nothing, whether the port takes a frame at once or in pieces", () => {
    for (const io of [Serial, Fifo]) {
      const buffer = new Uint8Array(1400).fill(1);
      const sink = serialSink({ io })({ onWritable() {}, onError() {} });
      const taken = io === Serial ? () => true : () => full!.onWritable(128);
      deepEqual(
        allocationOf(() => {
          while (!sink.write(buffer, 1400)) taken();
        }, FEW_CALLS / 4),
        NOTHING,
        io === Serial ? "at once" : "in pieces",
      );
      sink.close();
    }
  });

  it("the console sink: the text of each line", () => {
    const buffer = new Uint8Array(1400).fill(1);
    let lines = 0;
    const print = (line: string) => {
      held = line;
      lines++;
    };
    const sink = consoleSink({ print, maxPacketBytes: 1400 })({ onWritable() {}, onError() {} });
    sink.write(buffer, 1400);
    const linesEach = lines;
    const text = new Uint8Array(134).fill(0x41);
    const line = allocationOf(() => {
      held = String.fromArrayBuffer(text.buffer, 0, 134);
    }, FEW_CALLS);
    const each = allocationOf(() => sink.write(buffer, 1400), FEW_CALLS / 4);
    // The last line is shorter.
    ok(
      each.chunkBytes <= linesEach * line.chunkBytes,
      `${each.chunkBytes} bytes for ${linesEach} lines of ${line.chunkBytes}`,
    );
    deepEqual(
      { slotBytes: each.slotBytes, collections: each.collections },
      { slotBytes: 0, collections: 0 },
      "all else",
    );
  });

  it("the UDP sink: a view of the packet, unless the last one was as long", () => {
    const buffer = new Uint8Array(1400);
    const sink = udpSink({ io: Port, address: "10.0.0.1", port: 1 })({ onWritable() {}, onError() {} });
    deepEqual(
      allocationOf(() => sink.write(buffer, 1400)),
      NOTHING,
      "as long",
    );
    let bytes = 300;
    deepEqual(
      allocationOf(() => sink.write(buffer, bytes++ & 1 ? 300 : 301), FEW_CALLS),
      VIEW,
      "of another length",
    );
  });

  it("the MQTT sink: a view of the packet", () => {
    const buffer = new Uint8Array(1400);
    const sink = mqttSink({ io: Client, deviceId: "d" })({ onWritable() {}, onError() {} });
    accept();
    deepEqual(
      allocationOf(() => sink.write(buffer, 1400), FEW_CALLS),
      VIEW,
      "a packet",
    );
  });

  it("repeatTokens(): 0 bytes", () => {
    const reader = new Telemetry({ capacityBytes: 1024 }).reader();
    deepEqual(
      allocationOf(() => reader.repeatTokens()),
      NOTHING,
      "repeatTokens",
    );
    ok(held, "held");
  });
});
