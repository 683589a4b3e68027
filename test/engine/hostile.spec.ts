// Runs inside XS only: what a script can do to an emitter with objects, collections and re-entrance. Made for the natives, with
// AddressSanitizer and a collection before each allocation; the TypeScript emitter behaves the same.
import { type Connection, Reason, setEnabled, Telemetry } from "xs-telemetry";
import { equal, ok, throwsSomething } from "../support/assert.ts";
import { BUFFER, isSound, recordsOf, setUp, throwsOrMakesNothing } from "../support/hostile-scripts.ts";

/** Of the command line: the second says that each allocation collects, which is slow. */
declare const args: string[];
declare const gc: () => void;

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
});
