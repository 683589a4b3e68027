import { mqttSink } from "xs-telemetry/mqtt";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { isFull, isSlow } from "../support/campaign.ts";
import { FakeMQTT } from "../support/fake-io.ts";
import { listen, packetOf, pretenders, wrongIo } from "../support/sinks.ts";

describe("an MQTT sink", () => {
  const good = (mqtt: FakeMQTT) => ({ io: mqtt.io, deviceId: "pump-7", host: "broker" });

  it("refuses until the broker has answered, then publishes each packet under the device's topic", () => {
    const mqtt = new FakeMQTT();
    const { told, events } = listen();
    const sink = mqttSink(good(mqtt))(events);
    const packet = packetOf(300);
    equal(sink.write(packet, 300), false, "taken before");
    mqtt.accept();
    deepEqual(told, ["writable"], "told");
    equal(sink.write(packet, 300), true, "taken");
    mqtt.run(10_000);
    const [{ topic, QoS, bytes }] = mqtt.messages as [(typeof mqtt.messages)[0]];
    deepEqual([topic, QoS, Uint8Array.from(bytes)], ["xs-telemetry/pump-7", 0, packet.slice(0, 300)], "message");
    const { onWritable, onControl, onClose, onError, ...rest } = mqtt.openings[0]!;
    deepEqual(rest, { id: "xs-telemetry-pump-7", keepAlive: 60_000, host: "broker" }, "options");
    sink.close();
    equal(mqtt.closed, 1, "closed");
  });

  it("breaks over what is no packet, and publishes none of it", () => {
    const mqtt = new FakeMQTT();
    const sink = mqttSink(good(mqtt))(listen().events);
    mqtt.accept();
    for (const wrong of pretenders()) throws(() => sink.write(wrong as never, 300), "TypeError", "Uint8Array");
    throws(() => sink.write(new Uint8Array(299), 300), "RangeError", "300", "299");
    mqtt.run(10_000);
    equal(mqtt.messages.length, 0, "messages");
  });

  it("refuses while there is no room, whatever the client itself sends", () => {
    const mqtt = new FakeMQTT();
    mqtt.socketBytes = 400;
    const { told, events } = listen();
    const sink = mqttSink(good(mqtt))(events);
    mqtt.accept();
    const packet = packetOf(300);
    equal(sink.write(packet, 300), true, "taken");
    equal(sink.write(packet, 300), false, "no room");
    mqtt.run(10_000);
    deepEqual(told, ["writable", "writable"], "told");
    equal(sink.write(packet, 300), true, "taken");
    mqtt.run(10_000);
    equal(mqtt.messages.length, 2, "messages");
  });

  it("leaves room for what the client sends by itself", () => {
    for (let socketBytes = 310; socketBytes < 345; socketBytes++) {
      const mqtt = new FakeMQTT();
      mqtt.socketBytes = socketBytes;
      const sink = mqttSink(good(mqtt))(listen().events);
      mqtt.accept();
      for (let count = 0; count < 4; count++) mqtt.ping();
      for (let count = 0; !sink.write(packetOf(300), 300); count++) {
        ok(count < 5, `it comes to an end with ${socketBytes} bytes`);
        mqtt.run(10_000);
      }
    }
  });

  it("writes a packet in parts where the socket has not room for all of it", () => {
    for (const QoS of [0, 1] as const) {
      const mqtt = new FakeMQTT();
      mqtt.socketBytes = 300;
      const { events } = listen();
      const sink = mqttSink({ ...good(mqtt), QoS })(events);
      mqtt.accept();
      for (const value of [1, 2]) {
        const packet = packetOf(1000, value);
        for (let count = 0; !sink.write(packet, 1000); count++) {
          ok(count < 20, "it comes to an end");
          mqtt.run(100_000);
        }
        mqtt.run(100_000);
        deepEqual(Uint8Array.from(mqtt.messages.at(-1)!.bytes), packet.slice(0, 1000), `QoS ${QoS}: message`);
      }
      equal(mqtt.messages.length, 2, "messages");
    }
  });

  it("with QoS 1 has a packet taken when the broker has it", () => {
    const mqtt = new FakeMQTT();
    const { told, events } = listen();
    const sink = mqttSink({ ...good(mqtt), QoS: 1 })(events);
    mqtt.accept();
    const packet = packetOf(300);
    equal(sink.write(packet, 300), false, "taken at once");
    mqtt.run(10_000, false);
    equal(sink.write(packet, 300), false, "taken without an answer");
    told.length = 0;
    const { onControl } = mqtt.openings[0] as { onControl(message: object): void };
    onControl({ operation: 4, id: 99 });
    onControl({ operation: 13 });
    deepEqual(told, [], "told after the answer to something else");
    onControl({ operation: 4, id: mqtt.messages[0]!.id });
    deepEqual(told, ["writable"], "told after the answer");
    equal(sink.write(packet, 300), true, "taken");
    equal(mqtt.messages.length, 1, "messages");
    equal(sink.write(packet, 300), false, "the next one, though it is the same");
    mqtt.run(10_000);
    equal(sink.write(packet, 300), true, "taken");
    deepEqual([mqtt.messages.length, mqtt.messages[1]!.id], [2, mqtt.messages[0]!.id + 1], "messages, id");
  });

  it("numbers messages from 1 to 65,535", () => {
    const mqtt = new FakeMQTT();
    const sink = mqttSink(good(mqtt))(listen().events);
    mqtt.accept();
    const packet = packetOf(256);
    const ends: number[] = [];
    // Where the engine is emulated, the end of the numbers is for the full campaign: they are JavaScript's, whatever its words.
    const all = isSlow && !isFull ? 300 : 65_537;
    for (let count = 1; count <= all; count++) {
      sink.write(packet, 256);
      mqtt.run(10_000);
      const { id } = mqtt.messages.pop()!;
      if (count === 1 || count > all - 3) ends.push(id);
    }
    deepEqual(ends, all === 300 ? [1, 298, 299, 300] : [1, 65_535, 1, 2], "ids");
  });

  it("says that it is broken when the client is, or the broker hangs up", () => {
    const mqtt = new FakeMQTT();
    const { told, events } = listen();
    const opener = mqttSink(good(mqtt));
    opener(events);
    mqtt.hangUp();
    opener(events);
    mqtt.accept();
    mqtt.fail();
    equal(told.filter((each) => each.startsWith("error")).length, 2, "errors told");
    const sink = opener(events);
    mqtt.accept();
    mqtt.writeError = new Error("overflow");
    throws(() => sink.write(packetOf(300), 300), "Error", "overflow");
  });

  it("has no answer of a resolver reach its client once it is closed", () => {
    interface Request {
      host: string;
      onResolved(host: string, address: unknown): void;
      onError(host: string): void;
    }
    let request: Request | undefined;
    class Resolver {
      readonly servers: unknown;
      constructor(options: { servers: unknown }) {
        this.servers = options.servers;
      }
      resolve(asked: Request) {
        deepEqual([asked.host, this.servers], ["broker", ["1.1.1.1"]], "host, servers");
        request = asked;
      }
    }
    const answers: unknown[] = [];
    /** Asks as Moddable's client does. */
    class Client {
      constructor({ host, dns }: { host: string; dns: { io: typeof Resolver; servers: unknown } }) {
        new dns.io(dns).resolve({
          host,
          onResolved: (name, address) => answers.push(name, address),
          onError: (name) => answers.push(name),
        });
      }
      write() {
        return 0;
      }
      close() {}
    }
    const dns = { io: Resolver, servers: ["1.1.1.1"] };
    const open = mqttSink({ io: Client, deviceId: "a", host: "broker", dns });
    const first = open(listen().events);
    const late = request!;
    open(listen().events);
    first.close();
    late.onResolved("broker", "10.0.0.1");
    late.onError("broker");
    deepEqual(answers, [], "after close()");
    request!.onResolved("broker", "10.0.0.2");
    request!.onError("broker");
    deepEqual(answers, ["broker", "10.0.0.2", "broker"], "before close()");
  });

  it("leaves to the client what it is to resolve with, if that is no class of resolvers", () => {
    for (const dns of [{}, { io: "Resolver" }, null]) {
      const mqtt = new FakeMQTT();
      mqttSink({ ...good(mqtt), dns })(listen().events);
      equal(mqtt.openings[0]!.dns, dns, "dns");
    }
  });

  it("refuses wrong options by name", () => {
    const make = (wrong: object) => () => mqttSink({ ...good(new FakeMQTT()), ...wrong });
    throws(make({ hostname: "a" }), "TypeError", '"hostname"', "host");
    for (const io of wrongIo) throws(make({ io }), "TypeError", "io");
    for (const deviceId of [
      undefined,
      7,
      "",
      "a/b",
      "+",
      "a#",
      "a\0",
      "\ud800",
      "\udc00a",
      "\ud800a",
      "x".repeat(65),
      "é".repeat(33),
    ])
      throws(make({ deviceId }), "TypeError", "deviceId", "64 bytes");
    for (const topic of ["", "a/+", "#", "a\0b"]) throws(make({ topic }), "TypeError", "topic");
    for (const QoS of [2, -1, "1", true]) throws(make({ QoS }), "TypeError", "QoS", "0 or 1");
    throws(make({ port: 0 }), "RangeError", "port");
    throws(make({ host: 7 }), "TypeError", "host");
    throws(make({ keepAlive: -1 }), "RangeError", "keepAlive");
    throws(make({ maxPacketBytes: 1 }), "RangeError", "maxPacketBytes");
    for (const deviceId of ["é".repeat(32), "😀".repeat(16), "a b", "$x"]) make({ deviceId })();
    make({ topic: "plant/1/telemetry" })();
  });
});
