// Code of the caller's that runs within a call: a clock, and traps of what passes for bytes. What it does stands in the records as if
// it had come before or after the call.
import { type Connection, type Reader, Telemetry } from "xs-telemetry";
import { privacy } from "xs-telemetry/privacy";
import { type Layout, Recorder } from "xs-telemetry/recorder";
import { deepEqual, equal, ok, throwsSomething } from "../support/assert.ts";
import { type PlainRecord, readPacket } from "../support/bytes.ts";

const WRAP = 4_294_967_296;
const PLAIN = 5;
const LAYOUT: Layout = { fingerprint: [1, 2, 3, 4], recordSlots: [] };

/** A clock that stands, and once does what it is told before it says what it then reads. */
function slyClock(first: number) {
  const clock = {
    ms: first,
    inside: undefined as (() => void) | undefined,
    now() {
      const { inside } = clock;
      clock.inside = undefined;
      inside?.();
      return clock.ms | 0;
    },
  };
  return clock;
}

/** The records that wait, read into memory of its own. */
function drain(reader: Reader): PlainRecord[] {
  const found: PlainRecord[] = [];
  const buffer = new Uint8Array(4096);
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer))
    found.push(...readPacket(buffer.slice(0, bytes)).records);
  return found;
}

const times = (reader: Reader): number[] => drain(reader).map(({ time }) => time);

/** Passes for bytes, and runs `act` when its prototypes are looked at. */
function slyBytes(bytes: number, act: () => void): Uint8Array {
  const trap = {
    getPrototypeOf(): object {
      act();
      return Uint8Array.prototype;
    },
  };
  return Object.setPrototypeOf(new Uint8Array(bytes), new Proxy({}, trap));
}

describe("a clock that emits as it wraps", () => {
  it("does so once, however a reader's reading is cut in two by events", () => {
    // Before and behind the wrap, so many events each, from within the reading of a reader.
    for (const [before, behind] of [
      [1, 0],
      [2, 0],
      [0, 1],
      [1, 1],
      [2, 3],
    ] as const) {
      const clock = slyClock(WRAP - 100);
      const telemetry = new Telemetry({ capacityBytes: 4096, clock });
      const reader = telemetry.reader();
      const connection = telemetry.connect(1);
      connection.connected();
      const expected = [WRAP - 100, WRAP - 100];
      clock.ms = WRAP - 50;
      clock.inside = () => {
        for (let count = 0; count < before; count++) {
          connection.connected();
          expected.push(WRAP - 50);
        }
        clock.ms = WRAP + 3;
        for (let count = 0; count < behind; count++) {
          connection.connected();
          expected.push(WRAP + 3);
        }
      };
      const found = times(reader);
      clock.ms = WRAP + 4;
      connection.connected();
      clock.ms = WRAP + 5;
      connection.disconnected();
      found.push(...times(reader));
      deepEqual(found, [...expected, WRAP + 4, WRAP + 5], `${before} before, ${behind} behind the wrap`);
    }
  });

  it("and drains there leaves no reading that is older than the reader's", () => {
    const clock = slyClock(WRAP - 100);
    const telemetry = new Telemetry({ capacityBytes: 4096, clock });
    const [outer, inner] = [telemetry.reader(), telemetry.reader()];
    const connection = telemetry.connect(1);
    let found: number[] = [];
    clock.ms = WRAP - 1;
    clock.inside = () => {
      connection.connected();
      clock.ms = WRAP + 1;
      found = times(inner);
    };
    deepEqual(times(outer), [WRAP - 100, WRAP - 1], "the outer reader");
    deepEqual(found, [WRAP - 100, WRAP - 1], "the inner one");
    clock.ms = WRAP + 2;
    connection.connected();
    deepEqual(times(outer), [WRAP + 2], "behind");
  });
});

describe("a buffer whose prototypes emit", () => {
  it("and wrap the clock, moves the time once", () => {
    const clock = slyClock(WRAP - 100);
    const telemetry = new Telemetry({ capacityBytes: 4096, clock });
    const reader = telemetry.reader();
    const connection = telemetry.connect(1);
    const sly = slyBytes(4096, () => {
      connection.connected();
      clock.ms = WRAP + 3;
      connection.connected();
    });
    const found: number[] = [];
    const read = (buffer: Uint8Array) => {
      const bytes = reader.next(buffer);
      // Its own methods are those of the proxy behind it.
      const copy = new Uint8Array(4096);
      for (let index = 0; index < bytes; index++) copy[index] = buffer[index]!;
      if (bytes > 0) found.push(...readPacket(copy.slice(0, bytes)).records.map(({ time }) => time));
    };
    read(sly);
    clock.ms = WRAP + 4;
    connection.connected();
    found.push(...times(reader));
    // The traps ran as often as the engine looked: what they emitted came first, and no time is off.
    ok(found.length >= 4, `${found.length} records`);
    equal(found[0], WRAP - 100, "the first");
    equal(found.at(-1), WRAP + 4, "the last");
    for (const time of found) ok(time <= WRAP + 4, `time ${time}`);
    for (let index = 1; index < found.length; index++) ok(found[index]! >= found[index - 1]!, "time goes back");
  });

  it("or are taken away by the clock, is refused, and the records wait", () => {
    const take: ((memory: ArrayBuffer) => void)[] = [
      (memory) => {
        if (typeof structuredClone === "function") structuredClone(memory, { transfer: [memory] });
        else (memory as unknown as { transfer(): ArrayBuffer }).transfer();
      },
      (memory) => (memory as unknown as { resize(bytes: number): void }).resize(100),
    ];
    for (const act of take) {
      const clock = slyClock(5);
      const telemetry = new Telemetry({ capacityBytes: 4096, clock });
      const reader = telemetry.reader();
      telemetry.connect(1);
      const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
      const memory = new Resizable(512, { maxByteLength: 1024 });
      const buffer = new Uint8Array(memory);
      clock.inside = () => act(memory);
      throwsSomething(() => reader.next(buffer), "next()");
      deepEqual(times(reader), [5], "times");
      equal(telemetry.counters().drained, 1, "drained");
    }
  });
});

describe("a payload whose prototypes emit or drain", () => {
  it("and wrap the clock, moves the time once", () => {
    for (const drains of [false, true]) {
      const clock = slyClock(WRAP - 100);
      const telemetry = new Telemetry({ capacityBytes: 4096, clock });
      const reader = telemetry.reader();
      const connection = telemetry.connect(1);
      connection.connected();
      const found: number[] = [];
      const sly = slyBytes(3, () => {
        clock.ms = WRAP + 3;
        if (drains) found.push(...times(reader));
        else connection.connected();
      });
      connection.received(0, sly);
      clock.ms = WRAP + 4;
      connection.connected();
      found.push(...times(reader));
      equal(found.at(-1), WRAP + 4, "the last");
      equal(found.at(-2), WRAP + 3, "the payload's");
      for (let index = 1; index < found.length; index++) ok(found[index]! >= found[index - 1]!, "time goes back");
    }
  });
});

describe("records of one's own", () => {
  const make = (clock: ReturnType<typeof slyClock>) => {
    const recorder = new Recorder(LAYOUT, { capacityBytes: 4096, clock });
    const write = (between?: () => void) => {
      if (!recorder.begin()) return;
      between?.();
      recorder.words[1] = PLAIN;
      recorder.words[2] = recorder.words[3] = 0;
      recorder.commit(1);
    };
    return { recorder, reader: recorder.reader(), write };
  };

  it("have the newest time where something is drained or emitted between begin() and commit()", () => {
    for (const emits of [false, true]) {
      const clock = slyClock(WRAP - 100);
      const { reader, write } = make(clock);
      const found: number[] = [];
      write();
      clock.ms = WRAP - 1;
      write(() => {
        clock.ms = WRAP + 3;
        if (emits) write();
        else found.push(...times(reader));
      });
      clock.ms = WRAP + 4;
      write();
      found.push(...times(reader));
      deepEqual(found, [WRAP - 100, WRAP + 3, ...(emits ? [WRAP + 3] : []), WRAP + 4], `emits: ${emits}`);
    }
  });

  it("have their time where the wrap lies between begin() and an event of the clock's", () => {
    const clock = slyClock(WRAP - 100);
    const { reader, write } = make(clock);
    write();
    clock.ms = WRAP - 1;
    clock.inside = () => {
      write();
      clock.ms = WRAP + 2;
    };
    write();
    clock.ms = WRAP + 3;
    write();
    deepEqual(times(reader), [WRAP - 100, WRAP - 1, WRAP + 2, WRAP + 3], "times");
  });
});

describe('payloads under "length"', () => {
  it("have each its own length, however a clock emits within a call, and within that", () => {
    const clock = slyClock(1);
    const policies = privacy({ payloads: { "msg.recv": "length", "msg.send": "length" } });
    const telemetry = new Telemetry({ capacityBytes: 4096, clock, privacy: policies });
    const reader = telemetry.reader();
    const connection = telemetry.connect(1);
    const calls: [call: (on: Connection, bytes: number) => void][] = [
      [(on, bytes) => on.received(0, new Uint8Array(bytes))],
      [(on, bytes) => on.sent(0, "x".repeat(bytes))],
      [(on, bytes) => on.rejected(1, 0, new ArrayBuffer(bytes))],
    ];
    for (const [outer] of calls)
      for (const [inner] of calls) {
        times(reader);
        clock.inside = () => {
          clock.inside = () => inner(connection, 31);
          inner(connection, 22);
          inner(connection, 44);
        };
        outer(connection, 17);
        outer(connection, 18);
        const texts = drain(reader).map(({ text }) => String.fromCharCode(...text!));
        const bytes = [31, 22, 44, 17, 18];
        deepEqual(
          texts,
          bytes.map((each) => `[${each} bytes]`),
          "texts",
        );
      }
  });
});
