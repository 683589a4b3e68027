// Runs inside XS only: what a script can do to an emitter with objects, collections and re-entrance. Made for the natives, under
// AddressSanitizer and with a collection before each allocation; the TypeScript emitter behaves the same.
import { type Connection, type Reader, Reason, setEnabled, Telemetry } from "xs-telemetry";
import { equal, ok, throwsSomething } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { frozenBuiltins } from "../support/frozen.ts";

declare const gc: () => void;
/** Of the command line: the second says that each allocation collects, which is slow. */
declare const args: string[];

const BUFFER = new Uint8Array(4096);

function recordsOf(telemetry: Telemetry): { type: number }[] {
  const reader = telemetry.reader();
  const records: { type: number }[] = [];
  for (let bytes = reader.next(BUFFER); bytes > 0; bytes = reader.next(BUFFER)) {
    const packet = readPacket(BUFFER.slice(0, bytes));
    if (packet.records) records.push(...packet.records);
  }
  reader.close();
  return records;
}

/** A constructor that is nobody's business: what it does is its own, but nothing is recorded, and nothing breaks. */
function throwsOrMakesNothing(call: () => unknown): void {
  try {
    call();
  } catch {
    // as good
  }
}

/** The identity of the counters, and that the emitter still works. */
function isSound(telemetry: Telemetry): void {
  const before = telemetry.counters();
  equal(before.emitted, before.drained + before.overwritten + before.discarded + before.pending, "emitted");
  telemetry.connect(1).connected();
  equal(telemetry.counters().emitted, before.emitted + 2, "emitted after two more");
}

const setUp = () => new Telemetry({ capacityBytes: 1024, clock: { now: () => 5 } });

describe("hostile use", () => {
  it("of a method on another object throws, and records nothing", () => {
    const telemetry = setUp();
    const connection = telemetry.connect(1);
    const reader = telemetry.reader();
    const others: unknown[] = [
      undefined,
      null,
      1,
      "text",
      {},
      [],
      new Uint8Array(4),
      new ArrayBuffer(64),
      telemetry,
      reader,
      Object.create(connection as object),
      Object.getPrototypeOf(connection),
      new Proxy(connection as object, {}),
      Object.setPrototypeOf({}, Object.getPrototypeOf(connection)),
    ];
    const emitted = telemetry.counters().emitted;
    for (const other of others)
      for (const name of ["connected", "received", "sent", "disconnected"] as const)
        throwsSomething(() => (connection[name] as () => void).call(other as never), `${name} of ${typeof other}`);
    const Made = (connection as object).constructor as new (...parameters: unknown[]) => object;
    const Read = (reader as object).constructor as new (...parameters: unknown[]) => object;
    for (const other of others) {
      throwsOrMakesNothing(() => new Made(other, 1, "::1"));
      throwsOrMakesNothing(() => new Read(other));
    }
    throwsOrMakesNothing(() => new Made());
    throwsOrMakesNothing(() => new Read());
    equal(telemetry.counters().emitted, emitted, "emitted");
    isSound(telemetry);
  });

  it("with arguments of every kind never throws", () => {
    const telemetry = setUp();
    const connection = telemetry.connect(1);
    const buffer = new ArrayBuffer(32);
    const throwing = {
      get [Symbol.toPrimitive](): never {
        throw new Error("toPrimitive");
      },
      get length(): never {
        throw new Error("length");
      },
      get byteLength(): never {
        throw new Error("byteLength");
      },
      get [Symbol.toStringTag](): never {
        throw new Error("toStringTag");
      },
    };
    const values: unknown[] = [
      undefined,
      null,
      true,
      Number.NaN,
      -0,
      -1,
      1.5,
      2 ** 31,
      2 ** 53,
      Number.POSITIVE_INFINITY,
      10n ** 30n,
      "",
      "x",
      "\ud83d",
      "\ud83d".concat("\ude00"),
      "é\0".repeat(60),
      "x".repeat(1 << 20),
      Symbol("s"),
      {},
      [],
      () => 1,
      throwing,
      new Proxy({}, { get: () => throwing.length, getPrototypeOf: () => throwing.length }),
      telemetry,
      connection,
      telemetry.reader(),
      Object.setPrototypeOf(telemetry.connect(2), ArrayBuffer.prototype),
      Object.setPrototypeOf(telemetry.connect(2), Uint8Array.prototype),
      Object.defineProperty(Object.setPrototypeOf(telemetry.reader(), ArrayBuffer.prototype), "byteLength", {
        value: 1 << 20,
      }),
      Object.create(ArrayBuffer.prototype, { byteLength: { value: 1 << 20 } }),
      buffer,
      new ArrayBuffer(0),
      new SharedArrayBuffer(8),
      new DataView(buffer, 4),
      new Uint8Array(buffer, 7, 9),
      new Uint8Array(0),
      new Uint8ClampedArray(3),
      new Int16Array(3),
      new Float64Array(3),
      new Uint8Array(1 << 20).fill(0xff),
    ];
    for (const first of values) {
      for (const second of args[1] === "stress" ? [first] : values) {
        connection.received(first as never, second as never);
        connection.sent(first as never, second as never);
        connection.answered(first as never, second as never);
        connection.rejected(first as never, second as never, first as never);
      }
      connection.rejected(Reason.rateLimit, first as never, first as never);
      telemetry.connect(first as never, first as never).disconnected();
      telemetry.messageType(first as never);
    }
    for (const call of [connection.received, connection.rejected, connection.sent, connection.answered])
      (call as () => void).call(connection);
    isSound(telemetry);
    ok(recordsOf(telemetry).length > 0, "records are read");
  });

  it("of a buffer that is detached or resized never throws at an event, and next() says what is wrong", () => {
    const telemetry = setUp();
    const connection = telemetry.connect(1);
    const detached = new ArrayBuffer(512);
    const view = new Uint8Array(detached);
    (detached as unknown as { transfer(): ArrayBuffer }).transfer();
    const resizable = new (ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer)(512, {
      maxByteLength: 1024,
    });
    const tracking = new Uint8Array(resizable);
    for (const payload of [detached, view, resizable, tracking]) connection.received(0, payload);
    const reader = telemetry.reader();
    ok(reader.next(tracking) > 0, "a packet");
    connection.connected();
    (resizable as unknown as { resize(bytes: number): void }).resize(100);
    for (const payload of [resizable, tracking]) connection.received(0, payload);
    throwsSomething(() => reader.next(tracking), "next(a buffer that shrank)");
    throwsSomething(() => reader.next(view), "next(a detached buffer)");
    for (const wrong of [undefined, null, detached, resizable, {}, "x", new DataView(new ArrayBuffer(512)), telemetry])
      throwsSomething(() => reader.next(wrong as never), "next(no Uint8Array)");
    throwsSomething(() => (reader.next as unknown as () => void)(), "next()");
    isSound(telemetry);
  });

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

  it("of objects whose emitter nobody else keeps works after collections", () => {
    const connections: Connection[] = [];
    const readers: { next(buffer: Uint8Array): number }[] = [];
    for (let count = 0; count < 20; count++) {
      const telemetry = new Telemetry({ capacityBytes: 256 });
      if (count % 2) connections.push(telemetry.connect(count));
      else {
        telemetry.connect(count).sent(telemetry.messageType("left behind"));
        readers.push(telemetry.reader());
      }
      telemetry.reader(); // left open, and dropped
      telemetry.reader().close();
      for (let dropped = 0; dropped < 5; dropped++) telemetry.connect(dropped).connected();
      gc();
    }
    gc();
    setEnabled(false);
    for (const connection of connections) connection.received(0, "while off");
    setEnabled(true);
    for (const connection of connections) connection.received(0, "x".repeat(200));
    for (const reader of readers) {
      const types: number[] = [];
      for (let bytes = reader.next(BUFFER); bytes > 0; bytes = reader.next(BUFFER)) types.push(BUFFER[20]!);
      ok(types.includes(1) && types.includes(0), "a packet of tokens and one of records");
    }
    connections.length = 0;
    readers.length = 0;
    gc();
    gc();
    setEnabled(false);
    setEnabled(true);
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

  it("of WeakRef, and of what arrays and functions do, gets hold of no emitter", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const given = new Set<unknown>();
    const keep = (...values: unknown[]) => {
      for (let index = 0; index < values.length; index++) given.add(values[index]);
    };
    const { apply } = Reflect;
    const derefs = WeakRef.prototype.deref;
    const restore: (() => void)[] = [];
    const replace = (owner: object, name: string) => {
      const known = Reflect.get(owner, name) as (...values: unknown[]) => unknown;
      Object.defineProperty(owner, name, {
        configurable: true,
        writable: true,
        value: function (this: unknown, ...values: unknown[]) {
          const result = apply(known, this, values);
          keep(this, ...values, result);
          return result;
        },
      });
      restore.push(() => Object.defineProperty(owner, name, { configurable: true, writable: true, value: known }));
    };
    const known = WeakRef;
    Object.assign(globalThis, {
      WeakRef: class {
        constructor(target: object) {
          keep(target);
        }
        deref(): undefined {
          return undefined;
        }
      },
    });
    restore.push(() => Object.assign(globalThis, { WeakRef: known }));
    const arrays = ["push", "forEach", "filter", "map", "splice", "indexOf"];
    for (const name of arrays) replace(Array.prototype, name);
    for (const name of ["get", "set"]) replace(Map.prototype, name);
    replace(known.prototype, "deref");
    let telemetry: Telemetry;
    try {
      telemetry = setUp();
      telemetry.messageType("a");
      telemetry.reader().close();
      setEnabled(false);
      telemetry.connect(1).connected();
      setEnabled(true);
      telemetry.counters();
    } finally {
      for (let index = restore.length; index-- > 0; ) restore[index]!();
    }
    const all = [...given];
    for (const value of given) {
      if (Array.isArray(value)) all.push(...value);
      if (value instanceof WeakRef) all.push(derefs.call(value));
    }
    ok(all.length > 5, `${all.length} values seen`);
    for (const value of all)
      for (const name of ["countersOf", "connect", "messageType"])
        ok(typeof (value as Record<string, unknown> | undefined)?.[name] !== "function", `no ${name}() was seen`);
    equal(telemetry.counters().suppressed, 2, "suppressed: the switch works");
    isSound(telemetry);
  });

  it("of an emitter that a script got hold of stays within its memory", () => {
    let leaked: object = {};
    const telemetry = new Telemetry({
      ...{ capacityBytes: 1024, clock: { now: () => 5 } },
      privacy: {
        protect(emitter) {
          leaked = emitter;
          return emitter;
        },
      },
    });
    const connection = telemetry.connect(1);
    const first = telemetry.reader();
    // The natives' classes; the emitter in TypeScript has none.
    const Made = (connection as object).constructor as new (...parameters: unknown[]) => Connection;
    const Read = (first as object).constructor as new (...parameters: unknown[]) => Reader;
    const Ring = Object.getPrototypeOf(Object.getPrototypeOf(leaked))?.constructor as
      | (new (
          ...parameters: unknown[]
        ) => object)
      | undefined;
    const bytesOf = (value: unknown) => value;
    const good: unknown[] = [64, false, 0, 0, 1, undefined, 64, bytesOf, 0, 0];
    const changed = (index: number, value: unknown) => good.map((known, at) => (at === index ? value : known));
    const odd = [
      -1,
      0,
      1,
      15.5,
      2 ** 24 + 1,
      2 ** 28 - 6,
      2 ** 28,
      2 ** 32 + 16,
      2 ** 53,
      Number.NaN,
      "x",
      {},
      null,
      undefined,
    ];
    if (Ring !== undefined && Ring !== Object) {
      for (let index = 0; index < good.length; index++) {
        throwsSomething(() => new Ring(...good.slice(0, index)), `a ring of ${index} arguments`);
        for (const value of odd) throwsOrMakesNothing(() => use(new Ring(...changed(index, value))));
      }
      for (const slots of odd.slice(0, 12))
        throwsSomething(() => new Ring(...changed(0, slots)), `a ring of ${String(slots)} slots`);
      use(new Ring(...good));
    }
    function use(ring: object): void {
      const made = new Made(ring, 1, "::1");
      for (let count = 0; count < 40; count++) made.received(0, "x".repeat(200));
      const reader = new Read(ring);
      for (let count = 0; count < 40; count++) reader.next(BUFFER);
      gc();
    }

    // Its methods, with what nobody passes.
    const methods = leaked as Record<string, ((...parameters: unknown[]) => unknown) | undefined>;
    for (const name of ["enable", "messageType", "count"]) {
      throwsOrMakesNothing(() => methods[name]?.());
      for (const value of odd) throwsOrMakesNothing(() => methods[name]?.(value));
    }
    throwsOrMakesNothing(() => new Made(leaked));
    throwsOrMakesNothing(() => new Made(leaked, 1));
    const { fill } = first as unknown as { fill?(buffer?: unknown): unknown };
    for (const value of [...odd, new ArrayBuffer(8), new Uint8Array(8)])
      if (fill) throwsSomething(() => fill.call(first, value), "fill()");
    if (fill) throwsSomething(() => fill.call(first), "fill() of nothing");
    throwsOrMakesNothing(() => telemetry.reader().next(BUFFER));
    setEnabled(true);
    isSound(telemetry);
  });

  it("of what an adapter asks a connection for stays within its memory, and the server goes on", () => {
    const telemetry = new Telemetry({ capacityBytes: 4096, clock: { now: () => 5 } });
    type Function = (this: unknown, ...values: unknown[]) => unknown;
    const connection = telemetry.connect(1) as Connection & {
      relay?(...values: unknown[]): { 0: Function; 1: Function; settle: Function; reject: Function; stop: Function };
      typeOf?(message?: unknown): number;
    };
    if (!connection.relay || !connection.typeOf) return; // in TypeScript
    const nothing = () => undefined;
    const good: unknown[] = [nothing, nothing, nothing, 0, false];
    for (let index = 0; index < good.length; index++) {
      throwsOrMakesNothing(() => connection.relay!(...good.slice(0, index)));
      for (const value of [undefined, null, 0, 1.5, -1, 2 ** 40, "x", {}, Symbol("x")])
        throwsOrMakesNothing(() => {
          const made = connection.relay!(...good.map((known, at) => (at === index ? value : known)));
          for (const call of [made[0], made[1]]) throwsOrMakesNothing(() => call.call({}, 3, "text"));
        });
    }
    for (const message of [
      undefined,
      null,
      5,
      {},
      [],
      "",
      "x",
      new ArrayBuffer(0),
      new DataView(BUFFER.buffer),
      Symbol("x"),
    ])
      connection.typeOf(message);
    connection.typeOf();

    // What is called takes the relay from its functions, collects, comes back, throws.
    let inside: Function = nothing;
    const text = ["{", '"type":"', "long ".repeat(8), '"}'].join(""); // on the heap, where a collection moves it
    const relay = connection.relay(
      function (this: unknown, ...values: unknown[]) {
        return inside.apply(this, values);
      },
      function (this: unknown) {
        gc();
        return 1;
      },
      nothing,
      undefined,
      true,
    );
    const [receive, write] = [relay[0], relay[1]];
    const acts: Function[] = [
      () => gc(),
      () => write.call(undefined, text),
      () => receive.call(undefined, 3, text),
      () => relay.reject(Reason.rateLimit),
      () => relay.settle(),
      () => write.call(undefined),
      () => receive.call(undefined),
      () => {
        throw new Error("handler");
      },
      () => {
        for (const call of [receive, write]) delete (call as unknown as unknown[])[0];
        gc();
        return write;
      },
    ];
    const before = telemetry.counters().emitted;
    for (const act of acts) {
      inside = () => {
        inside = nothing;
        return act.call(undefined);
      };
      for (const payload of [text, new Uint8Array(60).fill(65), new ArrayBuffer(8)])
        throwsOrMakesNothing(() => receive.call(undefined, 3, payload));
      gc();
    }
    ok(telemetry.counters().emitted > before + 2 * acts.length, "messages are recorded");
    throwsSomething(() => receive.call(undefined, 3, text), "a function without its relay");
    for (const other of [undefined, {}, connection, receive]) {
      for (const call of [relay.settle, relay.reject, relay.stop])
        throwsSomething(() => call.call(other, Reason.rateLimit), "a relay's method on another object");
      (write as unknown as unknown[])[0] = other;
      throwsSomething(() => write.call(undefined, text), "a function with another relay");
    }
    isSound(telemetry);
  });

  it("of the first reader that a collection takes while it counts", () => {
    let leaked: object = {};
    const telemetry = new Telemetry({
      ...{ capacityBytes: 1024, clock: { now: () => 5 } },
      privacy: {
        protect(emitter) {
          leaked = emitter;
          return emitter;
        },
      },
    });
    let reader: Reader | undefined = telemetry.reader();
    const closing = {
      valueOf() {
        reader?.close();
        reader = undefined;
        gc();
        gc();
        return 1;
      },
    };
    throwsOrMakesNothing(() => (leaked as { count?(which: unknown): number }).count?.(closing));
    isSound(telemetry);
  });

  it("of the names of tokens: an array that a script got hold of moves, shrinks and ends the buffer of next()", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const bufferOf = (bytes: number, most?: number) =>
      new (ArrayBuffer as unknown as new (bytes: number, options?: object) => ArrayBuffer)(
        bytes,
        most ? { maxByteLength: most } : undefined,
      );
    const push = Array.prototype.push;
    for (const kind of ["detached", "shrunk", "closed", "again", "object", "number", "long"]) {
      const telemetry = setUp();
      const reader = telemetry.reader();
      let names: unknown[] = [];
      // biome-ignore lint/suspicious/noExplicitAny: a method of any array
      Array.prototype.push = function (this: any[], ...items: unknown[]) {
        if (items[0] === "first") names = this;
        return push.apply(this, items);
      };
      try {
        telemetry.messageType("first");
        telemetry.messageType("second");
      } finally {
        Array.prototype.push = push;
      }
      telemetry.connect(1);
      const memory = bufferOf(4096, kind === "shrunk" ? 8192 : undefined);
      const view = new Uint8Array(memory);
      const answers: Record<string, () => unknown> = {
        detached() {
          (memory as unknown as { transfer(): ArrayBuffer }).transfer();
          gc();
          gc();
          return "x".repeat(60);
        },
        shrunk() {
          (memory as unknown as { resize(bytes: number): void }).resize(8);
          gc();
          return "x".repeat(60);
        },
        closed() {
          reader.close();
          return "x".repeat(60);
        },
        again: () => `x${reader.next(new Uint8Array(256))}`,
        object: () => ({
          toString() {
            (memory as unknown as { transfer(): ArrayBuffer }).transfer();
            gc();
            return "y";
          },
        }),
        number: () => 5,
        long: () => "\ud83d".repeat(5_000),
      };
      let asked = 0;
      Object.defineProperty(names, 0, {
        configurable: true,
        get: () => (asked++ === 0 ? answers[kind]!() : "x"),
      });
      throwsOrMakesNothing(() => reader.next(view));
      throwsOrMakesNothing(() => reader.next(BUFFER));
      isSound(telemetry);
    }
  });
});
