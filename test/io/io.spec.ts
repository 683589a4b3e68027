// ECMA-419's IO classes on Node's: what the device's sinks rely on.
import { deepEqual, equal, fail, ok, throws } from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { SerialPort } from "serialport";
import { Serial } from "../../host/io/serial.ts";
import { UDP } from "../../host/io/udp.ts";
import { pause, until } from "../support/processes.ts";
import { openSerialLine } from "../support/pty.ts";

const bytes = (count: number) => Uint8Array.from({ length: count }, (_, index) => index);

describe("Serial over a stream", () => {
  it("is writable once it is open, with the whole FIFO", async () => {
    const port = new PassThrough();
    const count = await new Promise<number>((resolve) => {
      const serial = new Serial({ port, baud: 115_200, onWritable: resolve });
      throws(() => serial.write(bytes(1)), /output full/, "it is not open yet");
    });
    equal(count, 128);
  });

  it("takes all bytes or none, and no more than the FIFO has room for", async () => {
    const port = new PassThrough();
    const serial = await opened({ port, baud: 1200 });
    serial.write(bytes(100));
    throws(() => serial.write(bytes(100)), /output full/);
    serial.write(bytes(28).buffer);
    throws(() => serial.write(bytes(1)), /output full/);
    deepEqual(Uint8Array.from(port.read()), Uint8Array.from([...bytes(100), ...bytes(28)]));
  });

  it("lets bytes go as fast as the line sends them", async () => {
    const port = new PassThrough().resume();
    let written = 0;
    const fromMs = performance.now();
    await new Promise<void>((resolve) => {
      const serial: Serial = new Serial({
        port,
        baud: 57_600,
        onWritable(count) {
          ok(count >= 118 && count <= 128, `${count} bytes free`);
          if (written >= 1152) resolve();
          else serial.write(bytes(count));
          written += count;
        },
      });
    });
    // The line takes 200 ms for 1,152 bytes, of which 10 may be left in the FIFO. How much longer a busy machine takes is not asserted.
    ok(performance.now() - fromMs > 190, `${performance.now() - fromMs} ms`);
  });

  it("waits for a stream that does not take what was written", async () => {
    let take = () => {};
    const port = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        take = done;
      },
    });
    let calls = 0;
    const serial = await opened({ port, onWritable: () => calls++ });
    calls = 0;
    serial.write(bytes(1000));
    await new Promise((resolve) => setTimeout(resolve, 20));
    equal(calls, 0, "nothing has been taken");
    take();
    await new Promise((resolve) => setTimeout(resolve, 20));
    equal(calls, 1);
  });

  it("writes a copy: the buffer is the caller's at once", async () => {
    const port = new PassThrough();
    const serial = await opened({ port, baud: 115_200 });
    const buffer = bytes(4);
    serial.write(buffer);
    buffer.fill(255);
    deepEqual(Uint8Array.from(port.read()), bytes(4));
  });

  it("says once that a port cannot be opened or is gone, and is closed then", async () => {
    const errors: unknown[] = [];
    const missing = await new Promise<Error>((resolve) => {
      new Serial({ port: "/dev/none-of-this-name", baud: 9600, onError: (error) => resolve(error as Error) });
    });
    ok(/No such file/.test(missing.message), missing.message);
    const port = new PassThrough();
    const serial = await opened({ port, onError: (error) => errors.push(error) });
    port.destroy(new Error("unplugged"));
    await new Promise((resolve) => port.once("close", resolve));
    deepEqual(errors.map(String), ["Error: unplugged"]);
    throws(() => serial.write(bytes(1)), /output full/);
    serial.close();
  });

  it("leaves nothing on a stream that was given to it, boot after boot", async () => {
    const port = new PassThrough().resume();
    const events = ["error", "close"] as const;
    const listeners = () => events.map((event) => port.listenerCount(event));
    (await opened({ port })).close();
    const before = listeners();
    for (let count = 0; count < 12; count++) (await opened({ port })).close();
    deepEqual(listeners(), before);
    port.destroy(new Error("nobody is there to be told"));
    await new Promise((resolve) => port.once("close", resolve));
  });

  it("leaves an open port that was given to it open, and says that it is gone once it is", async () => {
    const line = await openSerialLine();
    const port = new SerialPort({ path: line.devicePath, baudRate: 115_200 });
    await once(port, "open");
    (await opened({ port, baud: 115_200 })).close();
    await pause(50);
    ok(port.isOpen, "the next boot writes to it");
    await opened({ port, baud: 115_200 });
    await new Promise((resolve) => port.close(resolve));
    const error = await new Promise((resolve) => opened({ port, baud: 115_200, onError: resolve }));
    equal(String(error), "Error: the port is gone");
    await line.close();
  });

  it("says that a stream does not take what is written, or was destroyed before", async () => {
    const errors: unknown[] = [];
    const port = new Writable({ write: (_chunk, _encoding, done) => done(new Error("broken")), emitClose: false });
    const serial = await opened({ port, onError: (error) => errors.push(error) });
    serial.write(bytes(1));
    await once(port, "error");
    deepEqual(errors.map(String), ["Error: broken"]);
    const other = new Writable({ emitClose: false, write: () => {} });
    const ended = await opened({ port: other, onError: (error) => errors.push(error) });
    other.destroy();
    ended.write(bytes(1));
    await pause(10);
    deepEqual(errors.slice(1).map(String), [
      "Error [ERR_STREAM_DESTROYED]: Cannot call write after a stream was destroyed",
    ]);
    const error = await new Promise((resolve) => opened({ port, onError: resolve }));
    equal(String(error), "Error: the port is gone");
  });

  it("refuses options that make no port", () => {
    throws(() => new Serial({ port: "/dev/ttyUSB0" }), { name: "TypeError", message: /baud/ });
    throws(() => new Serial({ port: 1 as unknown as string }), { name: "TypeError" });
    throws(() => new Serial({ port: "x", baud: 0 }), { name: "RangeError", message: /is 0/ });
  });

  async function opened(options: ConstructorParameters<typeof Serial>[0]): Promise<Serial> {
    return new Promise((resolve) => {
      const serial: Serial = new Serial({
        ...options,
        onWritable(count) {
          options.onWritable?.call(serial, count);
          resolve(serial);
        },
      });
    });
  }
});

describe("UDP", () => {
  it("sends what was written, also right before it is closed, and reads what comes", async () => {
    const received: [string, string, number][] = [];
    let waiting = 0;
    const receiver = new UDP({ address: "127.0.0.1", port: 0, onReadable: (count) => (waiting = count) });
    const peer = createSocket("udp4");
    peer.bind(0, "127.0.0.1");
    await once(peer, "listening");
    const sender = new UDP({ address: "127.0.0.1" });
    const messages: Buffer[] = [];
    const all = new Promise<void>((resolve) =>
      peer.on("message", (message, from) => {
        messages.push(message);
        received.push([message.toString(), from.address, from.port]);
        if (messages.length === 2) resolve();
      }),
    );
    sender.write(Buffer.from("one"), "127.0.0.1", peer.address().port);
    const buffer = Buffer.from("two");
    sender.write(buffer, "127.0.0.1", peer.address().port);
    buffer.fill(0);
    sender.close();
    sender.close();
    throws(() => sender.write(buffer, "127.0.0.1", 9), /closed/);
    await all;
    deepEqual(messages.map(String), ["one", "two"]);
    equal(waiting, 0);
    equal(receiver.read(), undefined);
    receiver.close();
    peer.close();
  });

  it("keeps a bounded number of datagrams for a device that does not read", async () => {
    const port = await new Promise<number>((resolve) => {
      const probe = createSocket("udp4");
      probe.bind(0, "127.0.0.1", () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
      });
    });
    let last = 0;
    let all = () => {};
    const receiver = new UDP({
      address: "127.0.0.1",
      port,
      onReadable(count) {
        last = count;
        if (count === 16) all();
      },
    });
    const filled = new Promise<void>((resolve) => (all = resolve));
    const sender = new UDP({ address: "127.0.0.1" });
    for (let count = 0; count < 40; count++) sender.write(Buffer.from([count]), "127.0.0.1", port);
    await filled;
    await new Promise((resolve) => setTimeout(resolve, 20));
    equal(last, 16);
    const first = receiver.read()!;
    deepEqual([...new Uint8Array(first), first.address], [0, "127.0.0.1"]);
    sender.close();
    receiver.close();
  });

  it("says once that its port is taken, and is closed then", async () => {
    const taken = createSocket("udp4");
    taken.bind(0, "127.0.0.1");
    await once(taken, "listening");
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      new UDP({
        address: "127.0.0.1",
        port: taken.address().port,
        onError: (error) => resolve(error as NodeJS.ErrnoException),
      });
    });
    equal(error.code, "EADDRINUSE");
    taken.close();
  });

  it("refuses an address that its socket cannot send to, and says the way out", async () => {
    const peer = createSocket("udp6");
    peer.bind(0, "::1");
    await once(peer, "listening");
    const { port } = peer.address();
    const errors: unknown[] = [];
    const ipv4 = new UDP({ onError: (error) => errors.push(error) });
    for (const address of ["::1", "no.such.name.invalid", ""])
      throws(() => ipv4.write(bytes(1), address, port), {
        name: "TypeError",
        message: `address must be an IPv4 address, is "${address}": resolve names first; IPv6 needs a socket with an IPv6 address of its own, such as "::"`,
      });
    const ipv6 = new UDP({ address: "::" });
    throws(() => ipv6.write(bytes(1), "127.0.0.1", port), /must be an IPv6 address, is "127.0.0.1"/);
    const message = once(peer, "message");
    ipv6.write(bytes(3), "::1", port);
    deepEqual(Uint8Array.from((await message)[0]), bytes(3));
    deepEqual(errors, []);
    for (const socket of [ipv4, ipv6, peer]) socket.close();
  });

  it("keeps no descriptor of a socket that could not be bound, or was asked what it cannot do", async () => {
    const taken = createSocket("udp4");
    taken.bind(0, "127.0.0.1");
    await once(taken, "listening");
    const options = { address: "127.0.0.1", port: taken.address().port };
    const before = openSockets();
    for (let count = 0; count < 3; count++) {
      await new Promise((resolve) => {
        new UDP({ ...options, onError: resolve }).write(bytes(1), "127.0.0.1", 9);
      });
      const closedFirst = new UDP({ ...options, onError: () => fail("it is closed") });
      closedFirst.write(bytes(1), "127.0.0.1", 9);
      closedFirst.close();
      const misused = new UDP({});
      throws(() => misused.write(bytes(1), "127.0.0.1", 70_000), { name: "RangeError" });
      misused.close();
    }
    await until("all of them to be closed", () => openSockets() === before);
    taken.close();
  });

  function openSockets(): number {
    return process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;
  }
});
