// Runs inside XS only: clocks and payloads that call, collect, throw and switch while they are read. For the natives, as in hostile.spec.ts.
import { type Connection, Reason, setEnabled, Telemetry } from "xs-telemetry";
import { equal, ok, throwsSomething } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { BUFFER, isSound, recordsOf, setUp } from "../support/hostile-scripts.ts";

/** Of the command line: the second says that each allocation collects, which is slow. */
declare const args: string[];
declare const gc: () => void;

describe("hostile use", () => {
  it("by a clock or a payload that emits leaves every record its own: time, type, client, text", () => {
    let inside: (() => void) | undefined;
    let ms = 0;
    const act = () => {
      const call = inside;
      inside = undefined;
      call?.();
    };
    const clock = {
      now: () => {
        act();
        return ++ms;
      },
    };
    const trap = {
      getPrototypeOf(): object {
        act();
        return Uint8Array.prototype;
      },
    };
    const view = (text: string): Uint8Array => {
      const bytes = new Uint8Array(text.length);
      for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
      return bytes;
    };
    // Not a proxy of the prototype itself: in a linked image that is frozen, and the trap may not say anything else.
    const sly = (text: string) => Object.setPrototypeOf(view(text), new Proxy({}, trap));
    const telemetry = new Telemetry({ capacityBytes: 4096, clock });
    const reader = telemetry.reader();
    const outer = telemetry.connect(1);
    const inner = telemetry.connect(2);
    while (reader.next(BUFFER) > 0);
    const calls: [call: (connection: Connection, text: string) => void, type: number, hasText: boolean][] = [
      [(connection) => connection.connected(), 3, false],
      [(connection) => connection.received(0), 5, false],
      [(connection) => connection.sent(0), 7, false],
      [(connection, text) => connection.received(0, text), 6, true],
      [(connection, text) => connection.sent(0, text), 8, true],
      [(connection, text) => connection.received(0, view(text)), 6, true],
      [(connection, text) => connection.sent(0, sly(text)), 8, true],
      [(connection, text) => connection.rejected(Reason.authFailed, 0, sly(text)), 6, true],
    ];
    const some = args[1] === "stress" ? [calls[6]!] : calls;
    for (const [outside, outsideType, outsideText] of some) {
      for (const [within, withinType, withinText] of some) {
        inside = () => within(inner, "inner text, the longer one");
        outside(outer, "outer text");
        const bytes = reader.next(BUFFER);
        const { records } = readPacket(BUFFER.slice(0, bytes));
        const what = `${withinType} within ${outsideType}`;
        equal(records.length, 2, `records of ${what}`);
        const text = (connection: number) => (connection === 1 ? "outer text" : "inner text, the longer one");
        records.forEach(({ type, clientId, text: found }) => {
          equal(type, clientId === 1 ? outsideType : withinType, `type of client ${clientId}, ${what}`);
          const hasText = clientId === 1 ? outsideText : withinText;
          equal(
            found && String.fromCharCode(...found),
            hasText ? text(clientId) : undefined,
            `text of client ${clientId}, ${what}`,
          );
        });
        equal(records[0]!.clientId + records[1]!.clientId, 3, `clients of ${what}`);
        ok(records[0]!.time <= records[1]!.time, `time goes back: ${what}`);
        ok(records[1]!.time <= ms && records[0]!.time > ms - 4, `times of ${what}`);
        equal(reader.next(BUFFER), 0, "nothing more");
      }
    }
    isSound(telemetry);
  });

  it("by a clock that emits, collects, closes, detaches and switches keeps every count", () => {
    let inside: (() => void) | undefined;
    const clock = {
      now: () => {
        const act = inside;
        inside = undefined;
        act?.();
        return 7;
      },
    };
    const telemetry = new Telemetry({ capacityBytes: 1024, clock });
    const connection = telemetry.connect(1);
    const token = telemetry.messageType("a");
    const text = ["x", "y"].join("").repeat(50); // on the heap, where a collection moves it
    const acts: (() => void)[] = [
      () => connection.received(token, text),
      () => gc(),
      () => telemetry.connect(2, "10.0.0.1"),
      () => telemetry.reader().close(),
      () => {
        throw new Error("clock");
      },
    ];
    for (const act of acts) {
      for (const call of [
        () => connection.received(token, text),
        () => connection.received(token, new Uint8Array(20).fill(65)),
        () => connection.sent(token),
        () => connection.answered(token, token),
        () => connection.disconnected(),
        () => telemetry.connect(3, "::1"),
      ]) {
        inside = act;
        call();
      }
    }
    const reader = telemetry.reader();
    inside = () => reader.close();
    equal(reader.next(BUFFER), 0, "next() of a reader that its clock closes");
    const other = telemetry.reader();
    const bytes = new ArrayBuffer(1024);
    const view = new Uint8Array(bytes);
    inside = () => (bytes as unknown as { transfer(): ArrayBuffer }).transfer();
    throwsSomething(() => other.next(view), "next() into a buffer that its clock detaches");
    inside = () => setEnabled(false);
    connection.connected();
    setEnabled(true);
    isSound(telemetry);
    ok(
      recordsOf(telemetry).every(({ type }) => type < 12),
      "only record types that exist",
    );
  });

  it("that switches telemetry off while a payload is looked at leaves it off for the calls that follow", () => {
    const telemetry = new Telemetry({ capacityBytes: 4096 });
    const connection = telemetry.connect(1);
    const trap = {
      getPrototypeOf(): object {
        setEnabled(false);
        return Uint8Array.prototype;
      },
    };
    for (const length of [8, 0, 300]) {
      connection.received(0, Object.setPrototypeOf(new Uint8Array(length), new Proxy({}, trap)));
      const { emitted, suppressed } = telemetry.counters();
      connection.received(0);
      connection.sent(0);
      connection.answered(0, 0);
      connection.connected();
      const after = telemetry.counters();
      setEnabled(true);
      equal(after.emitted, emitted, "emitted while off");
      equal(after.suppressed, suppressed + 5, "suppressed");
    }
    isSound(telemetry);
  });

  it("that throws in the middle of a call leaves the emitter as it was", () => {
    const telemetry = setUp();
    const connection = telemetry.connect(1);
    const evil = {
      get payload(): never {
        throw new Error("getter");
      },
    };
    for (let count = 0; count < 3; count++) {
      throwsSomething(() => connection.received(0, evil.payload), "the caller's own getter");
      throwsSomething(() => new Telemetry({ capacityBytes: 1 } as never), "a wrong option");
      throwsSomething(
        () =>
          new Telemetry({
            get capacityBytes(): never {
              throw new Error("option");
            },
          } as never),
        "an option's getter",
      );
      connection.received(0, "after it");
    }
    isSound(telemetry);
  });
});
