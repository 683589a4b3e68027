import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { connectAsync, type IClientOptions } from "mqtt";
import { type MqttLinkOptions, openMqttLink } from "../../../host/receive/links/mqtt.ts";
import { type Broker, startBroker } from "../../support/broker.ts";
import { Authority } from "../../support/certificates.ts";
import { RecordedEvents, refused } from "../../support/link-events.ts";
import { mixedPackets } from "../../support/packets.ts";
import { freePort, until } from "../../support/processes.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);

async function publish(
  url: string,
  topic: string,
  messages: readonly (Uint8Array | string)[],
  options: IClientOptions = {},
) {
  const client = await connectAsync(url, options);
  for (const message of messages) await client.publishAsync(topic, message as Buffer, { qos: 1 });
  await client.endAsync();
}

/** A server that answers as instructed, byte by byte. */
async function fakeBroker(answer: (socket: Socket, bytes: Buffer) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => answer(socket, bytes));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return { url: `mqtt://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, close: () => server.close() };
}

const CONNECT = 0x10;
const SUBSCRIBE = 0x82;

describe("the MQTT link", () => {
  const open = (options: MqttLinkOptions, events = new RecordedEvents()) => openMqttLink(options, events);

  describe("with a broker that lets everybody in", () => {
    let broker: Broker;
    before(async () => {
      broker = await startBroker();
    });
    after(() => broker.close());

    it("passes on one packet per message, with what + matches as the device", async () => {
      const events = new RecordedEvents();
      const link = await open({ url: broker.url }, events);
      assert.equal(link.description, `xs-telemetry/+ of ${broker.url}`);
      await publish(broker.url, "xs-telemetry/kitchen", PACKETS);
      await until("all messages", () => events.packets.length === PACKETS.length);
      assert.deepEqual(new Set(events.packets.map(({ device }) => device)), new Set(["kitchen"]));
      assert.deepEqual(
        events.packets.map(({ packet }) => Buffer.from(packet).toString("hex")),
        PACKETS.map((packet) => Buffer.from(packet).toString("hex")),
      );
      await link.close();
      await link.ended;
    });

    it("names messages that cannot be packets, and goes on", async () => {
      const events = new RecordedEvents();
      const link = await open({ url: broker.url, topic: "a/#" }, events);
      await publish(broker.url, "a/b/c", ["", "hello", Buffer.alloc(65_537), PACKETS[0]]);
      await until("the packet", () => events.packets.length === 1);
      assert.deepEqual(
        events.problems.map(({ problem, device }) => [
          problem.code,
          device,
          /of (\d+) bytes/.exec(problem.message)?.[1],
        ]),
        [
          ["E_MESSAGE", "b/c", "0"],
          ["E_MESSAGE", "b/c", "5"],
          ["E_MESSAGE", "b/c", "65537"],
        ],
      );
      await link.close();
    });

    it("divides the packets among a group, each to one", async () => {
      const all = [new RecordedEvents(), new RecordedEvents()];
      const links = await Promise.all(
        all.map((events) => open({ url: broker.url, topic: "g/+", group: "capture" }, events)),
      );
      await publish(broker.url, "g/x", Array(40).fill(PACKETS[0]));
      const counts = () => all.map(({ packets }) => packets.length);
      await until("all messages", () => counts()[0] + counts()[1] === 40);
      assert.ok(
        counts().every((count) => count > 0),
        counts().join(),
      );
      await Promise.all(links.map((link) => link.close()));
    });

    it("acknowledges a packet only when it was taken: what was not comes again", async () => {
      const options = { url: broker.url, topic: "q/+", clientId: "lasting" };
      const events = new RecordedEvents();
      const first = await open(options, events);
      events.refuseWith = new Error("disk full");
      await publish(broker.url, "q/x", PACKETS.slice(0, 3));
      await assert.rejects(first.ended, /disk full/);
      assert.equal(events.packets.length, 0);
      events.refuseWith = undefined;
      const second = await open(options, events);
      await until("the messages again", () => events.packets.length === 3);
      await second.close();
      // The session outlives its process.
      await publish(broker.url, "q/x", PACKETS.slice(3, 5));
      const third = await open(options, events);
      await until("the messages of meanwhile", () => events.packets.length === 5);
      assert.deepEqual(
        events.packets.map(({ packet }) => Buffer.from(packet).toString("hex")),
        PACKETS.slice(0, 5).map((packet) => Buffer.from(packet).toString("hex")),
      );
      await third.close();
    });

    it("comes back when the broker was restarted, says so, and goes on", async () => {
      const events = new RecordedEvents();
      const link = await open({ url: broker.url, topic: "r/+", clientId: "back" }, events);
      await publish(broker.url, "r/x", [PACKETS[0]]);
      await until("a message", () => events.packets.length === 1);
      await broker.stop();
      await until("the loss to be said", () => events.said.length === 1);
      assert.match(events.said[0], /^mqtt:\/\/127\.0\.0\.1:\d+ closed the connection; trying again every second/);
      await broker.start();
      await publish(broker.url, "r/x", [PACKETS[1]]);
      await until("the message after it", () => events.packets.length === 2);
      // What the broker kept may come before it has confirmed the subscription.
      await until("the return to be said", () => events.said.length === 2);
      assert.match(events.said[1], /is back$/);
      await link.close();
      await link.ended;
    });

    it("is closed at once while the broker is away", async () => {
      const link = await open({ url: broker.url });
      await broker.stop();
      await link.close();
      await link.ended;
      await broker.start();
    });
  });

  describe("with a broker that wants a password", () => {
    let broker: Broker;
    before(async () => {
      broker = await startBroker({ user: { name: "reader", password: "pass1word" } });
    });
    after(() => broker.close());

    it("takes name and password from the URL or beside it", async () => {
      const url = broker.url.replace("//", "//reader:pass1word@");
      const link = await open({ url });
      assert.doesNotMatch(link.description, /pass1word/);
      await link.close();
      await (await open({ url: broker.url, username: "reader", password: "pass1word" })).close();
    });

    it("says that they were refused, without showing them", async () => {
      const url = broker.url.replace("//", "//reader:wr%25ong@");
      const said = await refused(
        open({ url }),
        "E_BROKER_REFUSED",
        /refuses the user name or password: give them in the URL/,
      );
      assert.doesNotMatch(said, /wr(%25|%)ong/);
      await refused(open({ url: broker.url }), "E_BROKER_REFUSED", /XS_TELEMETRY_MQTT_PASSWORD/);
    });
  });

  describe("with TLS", () => {
    const authority = new Authority();
    const brokers: Broker[] = [];
    const listener = async (host: string, days?: number) => {
      const broker = await startBroker({ tls: authority.sign(host, days) });
      brokers.push(broker);
      return `mqtts://127.0.0.1:${broker.tlsPort}`;
    };
    after(async () => {
      await Promise.all(brokers.map((broker) => broker.close()));
      authority.close();
    });

    it("trusts the authority that it is given, and nobody else", async () => {
      const url = await listener("IP:127.0.0.1");
      const events = new RecordedEvents();
      const link = await open({ url, ca: authority.cert }, events);
      await publish(url, "xs-telemetry/x", [PACKETS[0]], { ca: readFileSync(authority.cert) });
      await until("the message", () => events.packets.length === 1);
      await link.close();
      await refused(open({ url }), "E_TLS", /signed by an authority that this machine does not trust: .*--ca FILE/);
      const other = new Authority();
      await refused(open({ url, ca: other.cert }), "E_TLS", /not signed by the authority in --ca/);
      other.close();
      const plain = url.replace("mqtts:", "mqtt:");
      await refused(open({ url: plain }), "E_BROKER", /if that port speaks TLS, write mqtts:\/\//);
      await refused(
        open({ url: brokers[0].url.replace("mqtt:", "mqtts:"), ca: authority.cert }),
        "E_BROKER",
        /without a greeting: check that it is an MQTT broker and speaks TLS/,
      );
    });

    it("names a certificate that has expired, and one of another host", async () => {
      await refused(open({ url: await listener("IP:127.0.0.1", -1), ca: authority.cert }), "E_TLS", /has expired/);
      await refused(
        open({ url: await listener("DNS:broker.example"), ca: authority.cert }),
        "E_TLS",
        /its certificate is for DNS:broker\.example: use a name that it is for/,
      );
    });

    it("wants a file with a certificate for --ca, and TLS for it", async () => {
      const url = "mqtts://127.0.0.1:1";
      await refused(open({ url, ca: "no-such-file" }), "E_NOT_FOUND", /no-such-file: no such file/);
      await refused(open({ url, ca: "package.json" }), "E_TLS", /package\.json has no certificate in PEM/);
      await refused(open({ url: "mqtt://127.0.0.1", ca: authority.cert }), "E_URL", /--ca is for TLS/);
    });
  });

  describe("with something else there", () => {
    it("says that nobody listens, or that the host has no address", async () => {
      await refused(
        open({ url: `mqtt://127.0.0.1:${await freePort()}` }),
        "E_BROKER",
        /nothing listens there: start the broker/,
      );
      await refused(open({ url: "mqtt://no-such-host.invalid" }), "E_BROKER", /no-such-host\.invalid: the host/);
    });

    it("says that no broker has greeted", async () => {
      const server = await fakeBroker((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
      await refused(open({ url: server.url }), "E_BROKER", /is it an MQTT broker|invalid/i);
      server.close();
    });

    it("says that the broker refuses the subscription, at first and after it has come back", async () => {
      let grants = false;
      let sockets: Socket[] = [];
      const server = await fakeBroker((socket, bytes) => {
        sockets.push(socket);
        if (bytes[0] === CONNECT) socket.write(Uint8Array.of(0x20, 2, 0, 0));
        if (bytes[0] === SUBSCRIBE) socket.write(Uint8Array.of(0x90, 3, bytes[2], bytes[3], grants ? 1 : 0x80));
      });
      const message =
        /refuses the subscription to xs-telemetry\/\+: allow it for this user in the broker's access list/;
      await refused(open({ url: server.url }), "E_BROKER_REFUSED", message);
      grants = true;
      const link = await open({ url: server.url });
      grants = false;
      for (const socket of sockets) socket.destroy();
      sockets = [];
      await assert.rejects(link.ended, message);
      server.close();
    });

    it("says that the broker has not answered the subscription, and hangs up", async () => {
      let closed = 0;
      const server = await fakeBroker((socket, bytes) => {
        if (bytes[0] !== CONNECT) return;
        socket.once("close", () => closed++);
        socket.write(Uint8Array.of(0x20, 2, 0, 0));
      });
      await refused(
        open({ url: server.url, greetingMs: 200 }),
        "E_BROKER",
        /has not answered the subscription to xs-telemetry\/\+ for 0\.2 s: see the broker's log/,
      );
      await until("the hanging up", () => closed === 1);
      server.close();
    });

    it("names a broker's other refusals", async () => {
      const server = await fakeBroker((socket) => socket.write(Uint8Array.of(0x20, 2, 0, 3)));
      await refused(
        open({ url: server.url }),
        "E_BROKER_REFUSED",
        /refuses the connection: .*Server unavailable.*\(code 3\)/,
      );
      server.close();
    });
  });

  it("refuses invalid URLs, topics and groups, showing no password", async () => {
    for (const url of [
      "broker",
      "mqtt://",
      "http://u:secret1@host",
      "mqtt://u:secret1@host/topic",
      "mqtt://u:secret1%@host",
      "mqtt://u:secret1@host:99999",
    ])
      assert.doesNotMatch(
        await refused(open({ url }), "E_URL", /expected one such as mqtt:\/\/localhost|--topic|%25/),
        /secret1/,
      );
    const url = "mqtt://127.0.0.1:1";
    for (const topic of ["", "a/#/b", "a+/b", "a\0"]) await refused(open({ url, topic }), "E_TOPIC", /^--topic is /);
    await refused(
      open({ url, topic: "site/pump-1/telemetry" }),
      "E_TOPIC",
      /does not tell devices apart: write \+ in place of the device's name, as in "site\/\+\/telemetry"$/,
    );
    for (const group of ["", "a/b", "a+"]) await refused(open({ url, group }), "E_TOPIC", /^--group is /);
  });

  it("refuses what MQTT cannot carry before it connects: texts of more than 65,535 bytes, an empty client id, a password alone", async () => {
    const url = "mqtt://127.0.0.1:1";
    const long = "é".repeat(32_768);
    const cases: [Omit<MqttLinkOptions, "url">, string, RegExp][] = [
      [{ topic: long }, "E_TOPIC", /^--topic has 65536 bytes, but MQTT allows at most 65535/],
      [{ topic: `+/${long.slice(3)}`, group: "g" }, "E_TOPIC", /^--topic with --group has 65541 bytes/],
      [{ clientId: long }, "E_USAGE", /^--client-id has 65536 bytes/],
      [{ clientId: "" }, "E_USAGE", /^--client-id is "": .*leave it out/],
      [{ username: long }, "E_URL", /^the user name for --mqtt has 65536 bytes/],
      [{ username: "u", password: long }, "E_URL", /^the password for --mqtt has 65536 bytes/],
      [{ password: "secret1" }, "E_URL", /--mqtt has a password, but no user name: .*XS_TELEMETRY_MQTT_USERNAME/],
    ];
    for (const [options, code, message] of cases)
      assert.doesNotMatch(await refused(open({ url, ...options }), code, message), /secret1/);
    await refused(open({ url: "mqtt://:secret1@127.0.0.1:1" }), "E_URL", /no user name/);
    // The longest that fits is tried.
    await refused(
      open({ url, topic: `+/${long.slice(3)}`, clientId: long.slice(1) }),
      "E_BROKER",
      /nothing listens there/,
    );
  });
});
