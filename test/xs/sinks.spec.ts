import { Telemetry } from "xs-telemetry";
import { Drainer, type OpenSink } from "xs-telemetry/drainer";
import { mqttSink } from "xs-telemetry/mqtt";
import { serialSink } from "xs-telemetry/serial";
import { udpSink } from "xs-telemetry/udp";
import { deepEqual, equal, ok, random, throws } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { FakeMQTT, FakeSerial, FakeTimer, FakeUDP } from "../support/fake-io.ts";
import { packetsOnLine } from "../support/line-frames.ts";
import { listen, packetOf, pretenders, wrongIo } from "../support/sinks.ts";

describe("a serial sink", () => {
  const open = (serial: FakeSerial, maxPacketBytes = 1400) =>
    serialSink({ io: serial.io, baud: 115_200, maxPacketBytes });

  it("writes each packet as a frame, in pieces as the port has room", () => {
    const serial = new FakeSerial();
    const { told, events } = listen();
    const sink = open(serial)(events);
    const packet = packetOf(300);
    equal(sink.write(packet, 300), false, "taken before the port is known to have room");
    for (let count = 0; told.length === 0; count++) {
      ok(count < 10, "it comes to an end");
      serial.run(1000);
    }
    deepEqual(told, ["writable"], "told");
    equal(sink.write(packet, 300), true, "taken");
    serial.run(1000);
    deepEqual(packetsOnLine(serial.bytes), [packet.slice(0, 300)], "packets");
    deepEqual(told, ["writable"], "told while nothing waits");
    equal(sink.write(packet, 100), true, "taken at once, as there is room");
    serial.run(1000);
    equal(packetsOnLine(serial.bytes).length, 2, "packets");
    deepEqual(serial.writes.slice(0, 6), [128, 128, 32, 16, 2, 1], "pieces");
  });

  it("opens the port with the options it is given, and its own callbacks", () => {
    const serial = new FakeSerial();
    const { told, events } = listen();
    const sink = serialSink({ io: serial.io, baud: 9600, port: 1, transmit: 17, receive: 16 })(events);
    const { onWritable, onError, ...rest } = serial.openings[0]!;
    deepEqual(rest, { baud: 9600, port: 1, transmit: 17, receive: 16 }, "options");
    equal(sink.maxPacketBytes, 1400, "maxPacketBytes");
    serial.fail("unplugged");
    deepEqual(told, ["error unplugged"], "told");
    sink.close();
    equal(serial.closed, 1, "closed");
  });

  it("waits when others have filled the port, and continues although the port does not report its room", () => {
    const serial = new FakeSerial();
    const { events } = listen();
    const sink = open(serial)(events);
    const packet = packetOf(400);
    serial.run(0);
    serial.intrude(100);
    equal(sink.write(packet, 400), false, "output full");
    deepEqual(serial.writes, [], "writes");
    serial.intrude(128);
    for (let count = 0; count < 3; count++) equal(sink.write(packet, 400), false, "still full");
    serial.run(128);
    equal(sink.write(packet, 400), false, "one byte fits");
    deepEqual(serial.writes, [1], "writes");
    for (let count = 0; !sink.write(packet, 400); count++) {
      ok(count < 20, "it comes to an end");
      serial.run(128);
    }
    serial.run(128);
    deepEqual(packetsOnLine(serial.bytes), [packet.slice(0, 400)], "packets");
  });

  it("knows a full port by what ports say, in debug builds too; builds without messages say nothing", () => {
    for (const message of [
      "",
      "output full",
      "output full (in Serial.prototype.write)",
      "write: output full",
      "output full: requested > count",
      "tx full",
      "would overflow",
      "would block (in write)",
    ]) {
      const serial = new FakeSerial();
      const sink = open(serial)(listen().events);
      serial.run(0);
      serial.writeError = new Error(message);
      equal(sink.write(packetOf(50), 50), false, `not taken: ${message}`);
      equal(sink.write(packetOf(50), 50), false, "a byte is");
      serial.run(10);
      equal(sink.write(packetOf(50), 50), true, "taken");
    }
  });

  it("may be closed from within the port's write()", () => {
    for (const place of ["write", "onWritable"]) {
      let port: { onWritable(count: number): void } | undefined;
      let writes = 0;
      let closes = 0;
      const io = class {
        constructor(options: never) {
          port = options;
        }
        write() {
          writes++;
          sink.close();
        }
        close() {
          closes++;
        }
      };
      const { told, events } = listen();
      const sink = serialSink({ io })(events);
      if (place === "write") port!.onWritable(1_000);
      sink.write(packetOf(300), 300);
      if (place === "onWritable") port!.onWritable(1_000);
      deepEqual([writes, closes], [1, 1], `writes, closes in ${place}`);
      ok(!told.some((each) => each.startsWith("error")), "errors told");
    }
  });

  it("says that it is broken when the port is: by a throw when asked, else by onError()", () => {
    const serial = new FakeSerial();
    const { told, events } = listen();
    const sink = open(serial)(events);
    serial.run(0);
    serial.writeError = new TypeError("gone");
    throws(() => sink.write(packetOf(300), 300), "TypeError", "gone");
    const other = new FakeSerial();
    const second = open(other)(events);
    second.write(packetOf(300), 300);
    other.writeError = new TypeError("gone");
    other.run(0);
    deepEqual(told, ["error TypeError: gone"], "told");
    other.openError = new Error("in use");
    throws(() => open(other)(events), "Error", "in use");
  });

  it("begins a new frame when it was opened again in the middle of one", () => {
    const serial = new FakeSerial();
    const opener = open(serial);
    const first = opener(listen().events);
    first.write(packetOf(300), 300);
    serial.run(0);
    first.close();
    const second = opener(listen().events);
    const packet = packetOf(200, 3);
    for (let count = 0; !second.write(packet, 200); count++) {
      ok(count < 10, "it comes to an end");
      serial.run(1000);
    }
    serial.run(1000);
    deepEqual(packetsOnLine(serial.bytes), [packet.slice(0, 200)], "packets");
  });

  it("breaks over what is no packet, and none of it is on the line", () => {
    const serial = new FakeSerial();
    const sink = open(serial)(listen().events);
    serial.run(1000);
    for (const wrong of pretenders()) throws(() => sink.write(wrong as never, 300), "TypeError", "Uint8Array");
    throws(() => sink.write(new Uint8Array(299), 300), "RangeError", "300", "299");
    serial.run(1000);
    equal(serial.bytes.length, 0, "bytes on the line");
  });

  it("refuses wrong options by name", () => {
    const { io } = new FakeSerial();
    throws(() => serialSink(undefined as never), "TypeError", "options");
    throws(() => serialSink({ io, speed: 1 } as never), "TypeError", '"speed"', "baud");
    for (const wrong of wrongIo) throws(() => serialSink({ io: wrong } as never), "TypeError", "io");
    throws(() => serialSink({ io, baud: 0 }), "RangeError", "baud", "1", "0");
    throws(() => serialSink({ io, baud: "fast" } as never), "TypeError", "baud", '"fast"');
    throws(() => serialSink({ io, maxPacketBytes: 255 }), "RangeError", "maxPacketBytes", "256");
    throws(() => serialSink({ io, maxPacketBytes: 65_537 }), "RangeError", "maxPacketBytes", "65536");
  });
});

describe("a UDP sink", () => {
  it("sends each packet as a datagram", () => {
    const udp = new FakeUDP();
    const { told, events } = listen();
    const sink = udpSink({ io: udp.io, address: "192.168.0.9", port: 4_444, localPort: 5_555 })(events);
    const packet = packetOf(300);
    for (const bytes of [300, 300, 299, 300]) equal(sink.write(packet, bytes), true, "taken");
    const other = packetOf(300, 9);
    equal(sink.write(other, 300), true, "taken from another buffer");
    deepEqual(
      udp.datagrams.map(({ bytes }) => bytes),
      [packet.slice(0, 300), packet.slice(0, 300), packet.slice(0, 299), packet.slice(0, 300), other.slice(0, 300)],
      "datagrams",
    );
    deepEqual([udp.datagrams[0]!.address, udp.datagrams[0]!.port], ["192.168.0.9", 4444], "to");
    deepEqual([udp.openings[0]!.port, sink.maxPacketBytes], [5555, 1400], "from, maxPacketBytes");
    udp.fail("no network");
    deepEqual(told, ["error no network"], "told");
    udp.writeError = new Error("UDP send failed");
    throws(() => sink.write(packet, 300), "Error", "UDP send failed");
    sink.close();
    equal(udp.closed, 1, "closed");
  });

  it("breaks over what is no packet, and sends none of it", () => {
    const udp = new FakeUDP();
    const sink = udpSink({ io: udp.io, address: "10.0.0.1", port: 1 })(listen().events);
    for (const wrong of pretenders()) throws(() => sink.write(wrong as never, 300), "TypeError", "Uint8Array");
    throws(() => sink.write(new Uint8Array(299), 300), "RangeError", "300", "299");
    equal(udp.datagrams.length, 0, "datagrams");
  });

  it("leaves the local port to the socket unless one is given", () => {
    const udp = new FakeUDP();
    udpSink({ io: udp.io, address: "::1", port: 1 })(listen().events);
    deepEqual(Object.keys(udp.openings[0]!), ["onReadable", "onError"], "options");
  });

  it("leaves nothing of what others send waiting in the socket", () => {
    const udp = new FakeUDP();
    udpSink({ io: udp.io, address: "10.0.0.1", port: 1 })(listen().events);
    for (const count of [1, 3, 0]) {
      udp.receive(count);
      equal(udp.waiting.length, 0, `waiting of ${count}`);
    }
  });

  it("refuses wrong options by name", () => {
    const good = { io: new FakeUDP().io, address: "10.0.0.1", port: 1 };
    const make = (wrong: object) => () => udpSink({ ...good, ...wrong });
    throws(make({ host: "a" }), "TypeError", '"host"', "address");
    for (const io of wrongIo) throws(make({ io }), "TypeError", "io");
    for (const address of [undefined, "", 7, "x".repeat(46)]) throws(make({ address }), "TypeError", "address", "45");
    for (const port of [0, 65_536, 1.5]) throws(make({ port }), "RangeError", "port", String(port), "65535");
    throws(make({ localPort: 0 }), "RangeError", "localPort");
    throws(make({ maxPacketBytes: 65_508 }), "RangeError", "maxPacketBytes", "65507");
  });
});

describe("drainer and sink", () => {
  interface Link {
    open: OpenSink;
    /** Something happens: time passes, the link breaks or comes back. */
    step(below: (limit: number) => number): void;
    /** From now on all is well. */
    mend(): void;
    run(): void;
    packets(): Uint8Array[];
  }

  const links: Record<string, () => Link> = {
    serial() {
      const serial = new FakeSerial();
      return {
        open: serialSink({ io: serial.io }),
        step(below) {
          const what = below(20);
          if (what === 0) serial.fail();
          else if (what === 1) serial.writeError = new Error(["output full", "", "gone"][below(3)]!);
          else if (what === 2) serial.openError = serial.openError ? undefined : new Error("in use");
          else serial.run(below(200));
        },
        mend() {
          serial.openError = serial.writeError = undefined;
        },
        run: () => serial.run(1000),
        packets: () => packetsOnLine(serial.bytes),
      };
    },
    udp() {
      const udp = new FakeUDP();
      return {
        open: udpSink({ io: udp.io, address: "10.0.0.1", port: 1 }),
        step(below) {
          const what = below(20);
          if (what === 0) udp.fail();
          else if (what < 4) udp.writeError = new Error("UDP send failed");
          else if (what === 4) udp.openError = udp.openError ? undefined : new Error("no socket");
        },
        mend() {
          udp.openError = udp.writeError = undefined;
        },
        run() {},
        packets: () => udp.datagrams.map(({ bytes }) => bytes),
      };
    },
    mqtt() {
      const mqtt = new FakeMQTT();
      mqtt.socketBytes = 700;
      return {
        open: mqttSink({ io: mqtt.io, deviceId: "d", QoS: 1 }),
        step(below) {
          const what = below(20);
          if (what === 0) mqtt.fail();
          else if (what === 1) mqtt.hangUp();
          else if (what === 2) mqtt.writeError = new Error("would block");
          else if (what === 3) mqtt.openError = mqtt.openError ? undefined : new Error("no host");
          else if (what < 8) mqtt.accept();
          else mqtt.run(below(1500), below(4) > 0);
        },
        mend() {
          mqtt.openError = mqtt.writeError = undefined;
        },
        run() {
          mqtt.accept();
          mqtt.run(10_000);
        },
        packets: () => mqtt.messages.map(({ bytes }) => Uint8Array.from(bytes)),
      };
    },
  };

  for (const [name, make] of Object.entries(links))
    it(`lose nothing and keep the order, whatever happens to the link: ${name}`, () => {
      for (const place of campaign("runs of drainers over links that fail", 200, 20)) {
        const seed = seedFor(place);
        const { below } = random(seed);
        const telemetry = new Telemetry({ capacityBytes: 512 + below(2000), bootId: 1, clock: { now: () => 0 } });
        const reader = telemetry.reader();
        const timer = new FakeTimer();
        const link = make();
        const drainer = new Drainer({
          source: reader,
          open: link.open,
          timer,
          packetBytes: 256 + below(800),
          retryMs: 100,
          mostRetryMs: 400,
          stallMs: 2_000,
        });
        const connection = telemetry.connect(1);
        for (let step = 0; step < 400; step++) {
          if (below(3) === 0)
            for (let count = below(20); count > 0; count--) connection.sent(telemetry.messageType(`t${below(9)}`));
          link.step(below);
          if (below(2) === 0) timer.tick();
        }
        link.mend();
        for (let count = 0; count < 200; count++) {
          timer.tick();
          link.run();
        }
        checkDelivered(`seed ${seed}`, link.packets(), reader.counters());
        equal(drainer.counters().inHand, 0, `seed ${seed}: in hand`);
        drainer.close();
      }
    });

  function checkDelivered(
    what: string,
    packets: readonly Uint8Array[],
    counters: { emitted: number; drained: number; overwritten: number; discarded: number; pending: number },
  ): void {
    const { emitted, drained, overwritten, discarded, pending } = counters;
    equal(pending, 0, `${what}: pending`);
    equal(emitted, drained + overwritten + discarded, `${what}: emitted`);
    const numbers = [0, 0];
    let events = 0;
    for (const bytes of packets) {
      const { stream, number, records } = readPacket(bytes);
      if (number <= numbers[stream]!) {
        equal(number, numbers[stream], `${what}: repetition in stream ${stream}`);
        continue;
      }
      equal(number, numbers[stream]! + 1, `${what}: number in stream ${stream}`);
      numbers[stream] = number;
      events += records.filter(({ type }) => type < 240).length;
    }
    equal(events, drained, `${what}: events received`);
  }
});
