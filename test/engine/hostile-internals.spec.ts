// Runs inside XS only: what a script can do that got hold of internal objects. For the natives, as in hostile.spec.ts.
import { type Connection, type Reader, Reason, setEnabled, Telemetry } from "xs-telemetry";
import { equal, ok, throwsSomething } from "../support/assert.ts";
import { frozenBuiltins } from "../support/frozen.ts";
import { BUFFER, isSound, setUp, throwsOrMakesNothing } from "../support/hostile-scripts.ts";

declare const gc: () => void;

describe("hostile use", () => {
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

    // Its methods, with arguments that nobody passes.
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

    // The called function takes the relay from its functions, collects, calls back, throws.
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
