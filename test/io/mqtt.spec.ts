// ECMA-419's MQTTClient over package mqtt, against a real broker.
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import mqtt from "mqtt";
import { MQTTClient, type MQTTClientOptions } from "../../host/io/mqtt.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { freePort, pause, until } from "../support/processes.ts";

describe("MQTTClient", () => {
  let broker: Broker;
  /** What the broker has given to a subscriber. */
  const received: [topic: string, payload: Buffer][] = [];
  let subscriber: mqtt.MqttClient;

  before(async () => {
    broker = await startBroker({ user: { name: "device", password: "secret" } });
    subscriber = await mqtt.connectAsync(broker.url, { username: "device", password: "secret" });
    subscriber.on("message", (topic, payload) => received.push([topic, payload]));
    await subscriber.subscribeAsync("io/#", { qos: 1 });
  });

  after(async () => {
    await subscriber.endAsync(true);
    await broker.close();
  });

  interface Opened {
    readonly client: MQTTClient;
    readonly calls: string[];
    /** The counts of onWritable. */
    readonly counts: number[];
  }

  function create(options: Partial<MQTTClientOptions> = {}): Opened {
    const calls: string[] = [];
    const counts: number[] = [];
    const client = new MQTTClient({
      host: "127.0.0.1",
      port: broker.port,
      user: "device",
      password: "secret",
      onWritable(count) {
        calls.push("writable");
        counts.push(count);
      },
      onControl: ({ operation, id }) => calls.push(`control ${operation}${id === undefined ? "" : ` ${id}`}`),
      onClose: () => calls.push("close"),
      onError: (error) => calls.push(`error: ${(error as Error).message}`),
      ...options,
    });
    return { client, calls, counts };
  }

  async function opened(options?: Partial<MQTTClientOptions>): Promise<Opened> {
    const found = create(options);
    await until("the broker to accept the client", () => found.counts.length > 0);
    return found;
  }

  it("is writable once the broker has accepted it, and says so in a device's order", async () => {
    const { client, calls, counts } = create();
    throws(() => client.write(new Uint8Array(1), { topic: "io/early" }), /not connected/);
    await until("onWritable", () => counts.length > 0);
    deepEqual(calls, ["control 2", "writable"]);
    deepEqual(counts, [5744 - 8]);
    client.close();
    client.close();
    throws(() => client.write(new Uint8Array(1), { topic: "io/late" }), /not connected/);
  });

  it("publishes what it was given, whole or in parts, also right before it is closed", async () => {
    const { client } = await opened();
    const buffer = Uint8Array.of(1, 2, 3);
    client.write(buffer, { topic: "io/whole" });
    buffer.fill(9);
    client.write(Uint8Array.of(4), { topic: "io/parts", byteLength: 3 });
    throws(() => client.write(Uint8Array.of(4), { topic: "io/other" }), /not finished/);
    client.write(Uint8Array.of(5).buffer);
    throws(() => client.write(new Uint8Array(2)), /more bytes than byteLength/);
    client.write(Uint8Array.of(6));
    throws(() => client.write(Uint8Array.of(7)), /options.topic is missing/);
    client.close();
    await until("both messages", () => received.length >= 2);
    deepEqual(
      received.map(([topic, payload]) => [topic, [...payload]]),
      [
        ["io/whole", [1, 2, 3]],
        ["io/parts", [4, 5, 6]],
      ],
    );
  });

  it("takes no more than its send buffer holds, and reports when there is room again", async () => {
    const { client, counts } = await opened({ sendBytes: 200 });
    deepEqual(counts, [192]);
    const left = client.write(new Uint8Array(100), { topic: "io/room" });
    equal(left, 192 - 100 - 11, "two bytes of head, two of length, seven of topic");
    throws(() => client.write(new Uint8Array(100), { topic: "io/room" }), /overflow/);
    equal(counts.length, 1, "onWritable does not come within write()");
    await until("room", () => counts.length > 1);
    deepEqual(counts, [192, 192]);
    client.close();
  });

  it("holds what has QoS 1 until the broker has acknowledged it", async () => {
    const { client, calls, counts } = await opened({ sendBytes: 200 });
    client.write(new Uint8Array(100), { topic: "io/one", QoS: 1, id: 7 });
    await until("the acknowledgement", () => calls.includes("control 4 7"));
    await until("room", () => counts.length > 1);
    deepEqual(calls, ["control 2", "writable", "control 4 7", "writable"]);
    client.close();
  });

  it("drops, some seconds after it was closed, a broker that acknowledges nothing", async () => {
    const open = new Set<Socket>();
    const silent = createServer((socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      socket.once("data", () => socket.write(Uint8Array.of(0x20, 2, 0, 0)));
      socket.resume();
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { client, calls } = await opened({ port: (silent.address() as AddressInfo).port });
    client.write(new Uint8Array(1), { topic: "io/silence", QoS: 1 });
    client.close();
    equal(open.size, 1);
    await until("the connection to end", () => open.size === 0);
    deepEqual(calls, ["control 2", "writable"]);
    silent.close();
  });

  it("says once why it was not accepted, and is closed then", async () => {
    for (const [options, says] of [
      [{ password: "wrong" }, /Not authorized/],
      [{ port: await freePort() }, /ECONNREFUSED/],
    ] as const) {
      const { calls } = create(options);
      await until("an error", () => calls.length > 0);
      await pause(30);
      equal(calls.length, 1, calls.join());
      ok(says.test(calls[0]!), calls[0]);
    }
    throws(() => new MQTTClient({ host: "" }), { name: "TypeError" });
  });

  it("says once that the broker has ended the connection, and does not connect again", async () => {
    const { client, calls } = await opened();
    await broker.stop();
    await until("the end", () => calls.length > 2);
    await broker.start();
    await pause(50);
    deepEqual(calls, ["control 2", "writable", "close"]);
    throws(() => client.write(new Uint8Array(1), { topic: "io/gone" }), /not connected/);
  });
});
