import { Reason, type TelemetryOptions } from "xs-telemetry";
import {
  type AdapterOptions,
  instrument,
  type Recording,
  type ServerConnection,
  type ServerMessage,
} from "xs-telemetry/websocket";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { ran, rounds } from "../support/campaign.ts";
import { type FakeConnection, FakeServer } from "../support/fake-websocket-server.ts";

const status = '{"type":"getStatus"}';

type Options = AdapterOptions<ServerMessage, ServerConnection>;

function setUp(options: Options = {}, telemetryOptions: Partial<TelemetryOptions> = {}) {
  const { telemetry, events } = adapterTelemetry(telemetryOptions);
  const server = new FakeServer();
  const instrumented = instrument(server, telemetry, options);
  return { telemetry, server, instrumented, events };
}

/** Echoes. */
const echo = function (this: FakeConnection, message: number, value: ServerMessage) {
  if (message === 3) this.write(value);
};

describe("a callback server", () => {
  it("has connects, handshakes, messages both ways and disconnects recorded, with client, address and type", () => {
    const { server, events, instrumented } = setUp();
    server.callback = echo;
    const first = server.accept("192.168.0.25");
    const second = server.accept("10.0.0.1");
    first.peerShakesHands();
    first.peerSends(status);
    first.peerSends(new ArrayBuffer(3));
    first.peerCloses();
    second.close();
    deepEqual(events(), [
      "1 ws.connect 192.168.0.25",
      "2 ws.connect 10.0.0.1",
      "1 ws.connected",
      "1 msg.recv getStatus",
      "1 msg.send getStatus",
      "1 msg.recv",
      "1 msg.send",
      "1 ws.disconnect",
      "2 ws.disconnect",
    ]);
    deepEqual(instrumented.counters(), { failures: 0, lateRejections: 0 });
  });

  it("is called as it was: this, arguments, results and errors", () => {
    for (const isSetFirst of [true, false]) {
      const server = new FakeServer();
      const calls: unknown[][] = [];
      const callback = function (this: unknown, ...args: unknown[]) {
        calls.push([this, ...args]);
        if (args[1] === "throw") throw new RangeError("of the application");
        return "a result";
      };
      if (isSetFirst) server.callback = callback;
      instrument(server, adapterTelemetry().telemetry);
      if (!isSetFirst) server.callback = callback;
      const connection = server.accept("::1");
      equal(connection.peerAsksFor("a", "b"), "a result", "subprotocol");
      connection.peerShakesHands();
      equal(connection.peerSends("x"), "a result", "receive");
      throws(() => connection.peerSends("throw"), "RangeError", "of the application");
      throws(() => connection.write("x".repeat(65_536)), "Error", "message too long");
      connection.peerCloses();
      deepEqual(
        calls.map(([, message]) => message),
        [1, 5, 2, 3, 3, 4],
        "calls",
      );
      for (const [self] of calls) equal(self, connection, "this");
      equal(calls[0]![2], server, "the server");
    }
  });

  it("records a rejection with its reason, and what follows as accepted", () => {
    const { server, events, instrumented } = setUp();
    let seen: boolean[] = [];
    server.callback = function (this: FakeConnection, message, value) {
      if (message !== 3) return;
      if (value === status)
        seen.push(instrumented.reject(this, Reason.rateLimit), instrumented.reject(this, Reason.sizeLimit));
      this.write("no");
    };
    const connection = server.accept("::1");
    events();
    connection.peerSends(status);
    connection.peerSends("other");
    deepEqual(events(), ["1 msg.recv getStatus rate_limit", "1 msg.send", "1 msg.recv", "1 msg.send"]);
    deepEqual(seen, [true, false]);
    seen = [];
    equal(instrumented.reject(connection, Reason.rateLimit), false, "outside a handler");
    equal(instrumented.reject({} as ServerConnection, Reason.rateLimit), false, "another's connection");
    deepEqual(instrumented.counters(), { failures: 0, lateRejections: 3 });
    deepEqual(events(), []);
  });

  it("records a message as accepted once it is answered", () => {
    const { server, events, instrumented } = setUp();
    server.callback = function (this: FakeConnection, message) {
      if (message !== 3) return;
      this.write("answer");
      equal(instrumented.reject(this, Reason.parseError), false, "rejected");
    };
    server.accept("::1").peerSends(status);
    deepEqual(events(), ["1 ws.connect ::1", "1 msg.recv getStatus", "1 msg.send"]);
  });

  it("records a message whose handler throws, or closes", () => {
    const { server, events } = setUp();
    server.callback = function (this: FakeConnection, message, value) {
      if (value === "throw") throw new Error("handler");
      if (message === 3) this.close();
    };
    const connection = server.accept("::1");
    throws(() => connection.peerSends("throw"), "Error", "handler");
    deepEqual(events(), ["1 ws.connect ::1", "1 msg.recv"], "at once");
    connection.peerSends(status);
    connection.close();
    connection.peerSends(status);
    deepEqual(events(), ["1 msg.recv getStatus", "1 ws.disconnect"], "and nothing behind the end");
  });

  it("records no message that was not sent", () => {
    const { server, events } = setUp();
    server.callback = () => undefined;
    const connection = server.accept("::1");
    throws(() => connection.write("x".repeat(65_536)), "Error", "too long");
    connection.write("");
    connection.close();
    throws(() => connection.write("x"), "TypeError");
    deepEqual(events(), ["1 ws.connect ::1", "1 msg.send", "1 ws.disconnect"]);
  });

  it("records a client that vanishes, at any time, once", () => {
    const { server, events } = setUp();
    server.callback = () => undefined;
    server.accept("::1").peerCloses();
    const shaken = server.accept("::2");
    shaken.peerShakesHands();
    shaken.peerCloses();
    const taken = server.accept("::3");
    equal(taken.detach().isOpen, true, "socket");
    deepEqual(
      events().filter((event) => event.includes("disconnect")),
      ["1 ws.disconnect", "2 ws.disconnect", "3 ws.disconnect"],
    );
  });

  it("records a close code where the server's callback is called with one, which the SDK's is not today", () => {
    const { server, events } = setUp();
    const seen: unknown[] = [];
    server.callback = (message: number, value: unknown) => {
      if (message === 4) seen.push(value);
    };
    for (const code of [1001, undefined, 70_000]) server.accept("::1").peerCloses(code);
    deepEqual(
      events().filter((event) => event.includes("disconnect")),
      ["1 ws.disconnect 1001", "2 ws.disconnect", "3 ws.disconnect"],
    );
    deepEqual(seen, [1001, undefined, 70_000], "the application is told as before");
  });

  it("records no more messages than the limits allow, whoever relays them", () => {
    const { telemetry, events } = adapterTelemetry({ limits: { messagesPerSecond: 1, burst: 3 } });
    const server = new FakeServer();
    instrument(server, telemetry);
    server.callback = function (this: FakeConnection, message: number) {
      if (message === 3) this.write("x");
    };
    const connection = server.accept("::1");
    for (let count = 0; count < 5; count++) connection.peerSends("x");
    connection.peerCloses();
    deepEqual(events(), [
      "1 ws.connect ::1",
      "1 msg.recv",
      "1 msg.send",
      "1 msg.recv",
      "7 record 243",
      "1 ws.disconnect",
    ]);
    equal(telemetry.counters().suppressed, 7);
  });

  it("takes ids, types and payloads as its options say", () => {
    const { telemetry, events } = adapterTelemetry();
    const server = new FakeServer();
    const ping = telemetry.messageType("ping");
    const asked: string[] = [];
    instrument(server, telemetry, {
      clientId: (connection) => (connection.socket!.get("REMOTE_IP") === "::9" ? 9 : 8),
      messageType(message, event) {
        asked.push(event);
        return message === "ping" ? ping : "named";
      },
      payloads: true,
    });
    server.callback = echo;
    server.accept("::9").peerSends("ping");
    server.accept("::8").peerSends("x");
    deepEqual(events(), [
      "9 ws.connect ::9",
      "9 msg.recv ping ping",
      "9 msg.send ping ping",
      "8 ws.connect ::8",
      "8 msg.recv named x",
      "8 msg.send named x",
    ]);
    deepEqual(asked, ["msg.recv", "msg.send", "msg.recv", "msg.send"]);
  });

  it("takes one token for all messages", () => {
    const { telemetry, events } = adapterTelemetry();
    const server = new FakeServer();
    instrument(server, telemetry, { messageType: telemetry.messageType("any") });
    server.callback = echo;
    server.accept("::1").peerSends(status);
    deepEqual(events(), ["1 ws.connect ::1", "1 msg.recv any", "1 msg.send any"]);
  });

  it("hears nothing of an adapter that fails, which counts", () => {
    const fail = () => {
      throw new Error("of the options");
    };
    const { server, events, instrumented } = setUp({ clientId: fail, messageType: fail });
    server.callback = echo;
    server.accept("::1").peerSends(status);
    deepEqual(events(), ["1 ws.connect ::1", "1 msg.recv", "1 msg.send"]);
    equal(instrumented.counters().failures, 3, "failures");

    const broken = new Proxy({}, { get: () => fail }) as unknown as Recording;
    const other = new FakeServer();
    const failing = instrument(other, broken);
    other.callback = echo;
    const connection = other.accept("::1");
    connection.peerShakesHands();
    connection.peerSends(status);
    connection.peerCloses();
    ok(failing.counters().failures >= 1, "failures of a Telemetry that throws");
  });

  it("is as it was when the adapter is taken off", () => {
    const { telemetry, events } = adapterTelemetry();
    const server = new FakeServer();
    server.callback = echo;
    const instrumented = instrument(server, telemetry);
    const connection = server.accept("::1");
    const plain = new FakeServer();
    plain.callback = echo;
    const before = Object.getOwnPropertyNames(plain.accept("::1"));
    instrumented.detach();
    instrumented.detach();
    deepEqual(Object.getOwnPropertyNames(connection), before, "properties of a connection");
    equal(connection.callback, echo, "callback of a connection");
    equal(server.callback, echo, "callback");
    deepEqual(Object.getOwnPropertyNames(server), ["callback"], "properties of the server");
    events();
    connection.peerSends(status);
    server.accept("::1").peerSends(status);
    equal(instrumented.reject(connection, Reason.rateLimit), false, "reject");
    deepEqual(events(), []);

    class Own extends FakeServer {}
    Own.prototype.callback = echo;
    const inherited = new Own();
    instrument(inherited, telemetry).detach();
    deepEqual(Object.getOwnPropertyNames(inherited), [], "properties of a server whose class has the callback");
  });

  it("has a callback put before the one that is read, and is recorded once", () => {
    for (const isSetFirst of [true, false]) {
      const { telemetry, events } = adapterTelemetry();
      const server = new FakeServer();
      if (isSetFirst) server.callback = echo;
      const instrumented = instrument(server, telemetry);
      if (!isSetFirst) server.callback = echo;
      const inner = server.callback;
      equal(server.callback, inner, "what is read twice");
      const seen: number[] = [];
      server.callback = function (this: FakeConnection, message, value) {
        seen.push(message);
        return inner.call(this, message, value);
      };
      const connection = server.accept("::1");
      connection.peerShakesHands();
      connection.peerSends(status);
      connection.peerCloses();
      deepEqual(seen, [1, 2, 3, 4], "what the application sees");
      deepEqual(events(), [
        "1 ws.connect ::1",
        "1 ws.connected",
        "1 msg.recv getStatus",
        "1 msg.send getStatus",
        "1 ws.disconnect",
      ]);
      server.callback = inner;
      server.accept("::2");
      deepEqual(events(), ["2 ws.connect ::2"]);
      instrumented.detach();
      equal(server.callback, echo, "callback");
    }
  });

  it("can be recorded by two, which come off in any order", () => {
    for (const first of [0, 1])
      for (const isSetFirst of [true, false]) {
        const server = new FakeServer();
        if (isSetFirst) server.callback = echo;
        const both = [adapterTelemetry(), adapterTelemetry()];
        const adapters = both.map(({ telemetry }) => instrument(server, telemetry));
        if (!isSetFirst) server.callback = echo;
        const connection = server.accept("::1");
        connection.peerShakesHands();
        connection.peerSends(status);
        const begun = ["1 ws.connect ::1", "1 ws.connected", "1 msg.recv getStatus", "1 msg.send getStatus"];
        for (const { events } of both) deepEqual(events(), begun);
        const plain = new FakeServer();
        plain.callback = echo;
        const names = Object.getOwnPropertyNames(plain.accept("::1"));

        adapters[first]!.detach();
        connection.peerSends(status);
        server.accept("::2").peerShakesHands();
        const left = both[1 - first]!;
        deepEqual(both[first]!.events(), [], "of the one that is off");
        const more = ["1 msg.recv getStatus", "1 msg.send getStatus", "2 ws.connect ::2", "2 ws.connected"];
        deepEqual(left.events(), more, "of the one that is left");

        adapters[1 - first]!.detach();
        connection.peerSends(status);
        server.accept("::3").peerShakesHands();
        deepEqual(left.events(), [], "of none");
        deepEqual(Object.getOwnPropertyNames(connection), names, "properties of a connection");
        equal(connection.write, plain.accept("::1").write, "write");
        equal(Object.getOwnPropertyDescriptor(server, "callback")!.value, echo, "callback");
      }
  });

  it("keeps what somebody else has put in a place since", () => {
    const { server, instrumented, events } = setUp();
    server.callback = echo;
    const connection = server.accept("::1");
    const theirs = connection.write.bind(connection);
    (connection as { write: unknown }).write = theirs;
    instrumented.detach();
    equal(connection.write, theirs, "write");
    events();
    connection.peerSends("x");
    deepEqual(events(), []);
  });

  it("survives thousands of connections in a row", () => {
    const { server, telemetry } = setUp({}, { capacityBytes: 1024 });
    server.callback = echo;
    const all = rounds(20_000, 4000);
    let events = 0;
    for (let count = 0; count < all; count++) {
      const connection = server.accept("10.0.0.1");
      events++;
      if (count % 3 > 0) {
        connection.peerShakesHands();
        events++;
      }
      if (count % 3 > 1) {
        connection.peerSends(status);
        events += 2; // it is answered
      }
      if (count % 7 > 0) {
        connection.peerCloses(); // the others are never told of again
        events++;
      }
    }
    const { emitted, overwritten, pending, drained, discarded } = telemetry.counters();
    equal(emitted, events, "emitted");
    equal(emitted, drained + overwritten + discarded + pending, "identity");
    ran("connections to a WebSocket server", all);
  });
});
