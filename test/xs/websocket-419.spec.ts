import { Reason } from "xs-telemetry";
import { instrument, type PieceOfMessage } from "xs-telemetry/websocket-419";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { deepEqual, equal, throws } from "../support/assert.ts";
import { FakeHTTPConnection, FakeWebSocketClient, handshakeRoute } from "../support/fake-websocket-client.ts";

const bytes = (text: string) => Uint8Array.from(Array.from(text, (letter) => letter.charCodeAt(0)));
const status = '{"type":"getStatus"}';

type Options = Parameters<typeof instrument>[2];

function setUp(options: Options = {}) {
  const { telemetry, events } = adapterTelemetry();
  const instrumented = instrument({ io: FakeWebSocketClient }, telemetry, options);
  return { telemetry, events, instrumented };
}

/** Reads all, and answers with as much; of an empty message there is nothing to read. */
function echo(this: FakeWebSocketClient, count: number, { more }: { more: boolean }) {
  const data = this.read(count) as ArrayBuffer | undefined;
  if (data) this.write(data, { more, binary: false });
}

describe("an ECMA-419 upgrade", () => {
  it("has connections recorded, with address, type, and messages both ways", () => {
    const { events, instrumented } = setUp();
    const connection = new instrumented.io({ attach: { remoteAddress: "192.168.0.25" }, onReadable: echo });
    connection.peerSends(bytes(status));
    connection.peerSends(bytes(""));
    connection.peerSends(new Uint8Array([0, 255]));
    connection.peerCloses();
    deepEqual(events(), [
      "1 ws.connect 192.168.0.25",
      "1 ws.connected",
      "1 msg.recv getStatus",
      "1 msg.send getStatus",
      "1 msg.recv", // the empty one
      "1 msg.recv",
      "1 msg.send",
      "1 ws.disconnect",
    ]);
    equal(connection instanceof FakeWebSocketClient, true, "an instance");
    equal(instrumented.io.close, FakeWebSocketClient.close, "a static");
    deepEqual(instrumented.counters(), { failures: 0, lateRejections: 0 });
  });

  it("records a message in pieces once, with the type in its first, either way", () => {
    const { events, instrumented } = setUp();
    const connection = new instrumented.io({ attach: {}, onReadable: echo });
    connection.peerSends(bytes('{"type":"pieces",'), true);
    connection.peerSends(bytes('"type2":1}'), false);
    connection.peerSends(bytes(status), false);
    // Written while it is received: it counts as received with its first answer.
    deepEqual(events().slice(2), [
      "1 msg.recv pieces",
      "1 msg.send pieces",
      "1 msg.recv getStatus",
      "1 msg.send getStatus",
    ]);
  });

  it("finds the type in whatever onReadable reads first, and none in what is not read", () => {
    const { events, instrumented } = setUp();
    let read: (connection: FakeWebSocketClient, count: number) => void = () => undefined;
    const connection = new instrumented.io({
      attach: {},
      onReadable(this: FakeWebSocketClient, count: number) {
        read(this, count);
      },
    });
    const into = new Uint8Array(100);
    const reads: (typeof read)[] = [
      (one, count) => one.read(count),
      (one) => one.read(into),
      (one) => one.read(into.buffer),
      (one, count) => {
        one.read(2);
        one.read(count - 2);
      },
      () => undefined,
    ];
    for (read of reads) {
      connection.peerSends(bytes(status));
      connection.drop();
    }
    // What the buffers hold from before is not in an empty message.
    for (read of reads.slice(1, 3)) connection.peerSends(new Uint8Array(0));
    deepEqual(events().slice(2), [
      "1 msg.recv getStatus",
      "1 msg.recv getStatus",
      "1 msg.recv getStatus",
      "1 msg.recv", // two bytes tell nothing
      "1 msg.recv",
      "1 msg.recv",
      "1 msg.recv",
    ]);
  });

  it("records no control frames, and no message that was not written", () => {
    const { events, instrumented } = setUp();
    const connection = new instrumented.io({ attach: {} });
    for (const opcode of [8, 9, 10]) connection.write(bytes("x"), { opcode });
    connection.write(bytes(status), { opcode: 1 });
    throws(() => connection.write(new Uint8Array(10_000)), "Error");
    connection.close();
    connection.close();
    throws(() => connection.write(bytes("x")), "Error");
    deepEqual(events(), ["1 ws.connect", "1 ws.connected", "1 msg.send getStatus", "1 ws.disconnect"]);
  });

  it("records the close code of the peer, or of the application where the peer has sent none", () => {
    const { events, instrumented } = setUp();
    const seen: unknown[][] = [];
    const options = {
      attach: {},
      onControl(this: unknown, ...parameters: unknown[]) {
        seen.push([this, ...parameters]);
      },
    };
    const codes = (act: (connection: FakeWebSocketClient) => void) => {
      const connection = new instrumented.io(options);
      act(connection);
      connection.close();
      return events()
        .slice(2)
        .map((event) => event.replace(/^\d+ /, ""));
    };
    const away = new Uint8Array([0x03, 0xe9, 0x21]);
    deepEqual(
      codes((connection) => connection.peerControls(8, away.buffer)),
      ["ws.disconnect 1001"],
    );
    equal(seen.length, 1, "the application is told as well");
    deepEqual(seen[0]!.slice(1), [8, away.buffer], "the same");
    equal(seen[0]![0] instanceof FakeWebSocketClient, true, "this");
    deepEqual(
      codes((connection) => connection.peerControls(8, new ArrayBuffer(0))),
      ["ws.disconnect"],
      "no code",
    );
    deepEqual(
      codes((connection) => connection.peerControls(9, away.buffer)),
      ["ws.disconnect"],
      "a ping",
    );
    const tooBig = new Uint8Array([0x03, 0xf1]);
    deepEqual(
      codes((connection) => connection.write(tooBig, { opcode: 8 })),
      ["ws.disconnect 1009"],
    );
    deepEqual(
      codes((connection) => {
        connection.write(tooBig, { opcode: 8 });
        connection.peerControls(8, away.buffer);
        connection.write(tooBig, { opcode: 8 });
      }),
      ["ws.disconnect 1001"],
      "of both, the peer's",
    );
    const bare = new instrumented.io({ attach: {} });
    bare.peerControls(8, away.buffer);
    bare.close();
    deepEqual(events().slice(2), ["6 ws.disconnect 1001"], "without an onControl of its own");
  });

  it("is called as it was: this, arguments, results and errors", () => {
    const { instrumented } = setUp();
    const calls: unknown[][] = [];
    const options = {
      attach: {},
      target: "target",
      onReadable(this: unknown, ...args: unknown[]) {
        calls.push([this, ...args]);
        throw new RangeError("of the application");
      },
    };
    const connection = new instrumented.io(options);
    throws(() => connection.peerSends(bytes("abc"), true), "RangeError", "of the application");
    equal(calls[0]![0], connection, "this");
    deepEqual(calls[0]!.slice(1), [3, { more: true, binary: true }]);
    equal(connection.options.target, "target", "another option");
    equal(connection.write(bytes("x")), 99, "result of write");
  });

  it("records a rejection before the answer", () => {
    const { events, instrumented } = setUp({ payloads: true });
    const connection = new instrumented.io({
      attach: {},
      onReadable(this: FakeWebSocketClient, count: number) {
        this.read(count);
        equal(instrumented.reject(this, Reason.sizeLimit), true, "reject");
        this.write(bytes("no"));
        equal(instrumented.reject(this, Reason.sizeLimit), false, "reject again");
      },
    });
    connection.peerSends(bytes("much"));
    deepEqual(events().slice(2), ["1 msg.recv size_limit much", "1 msg.send no"]);
    equal(instrumented.counters().lateRejections, 1, "lateRejections");
  });

  it("takes one token for all messages, read or not", () => {
    const { telemetry, events } = adapterTelemetry();
    const { io } = instrument({ io: FakeWebSocketClient }, telemetry, { messageType: telemetry.messageType("any") });
    new io({ attach: {} }).peerSends(bytes(status));
    deepEqual(events().slice(2), ["1 msg.recv any"]);
  });

  it("leaves clients' own connections alone", () => {
    const { events, instrumented } = setUp();
    const own = new instrumented.io({ host: "example.com", onReadable: echo });
    own.peerSends(bytes(status));
    own.close();
    deepEqual(events(), []);
  });

  it("records handshakes that fail, if it knows the route, and each other one once", () => {
    const { telemetry, events } = adapterTelemetry();
    const route = { ...handshakeRoute, onDone: undefined as undefined | ((this: FakeHTTPConnection) => void) };
    let isTaken = true;
    const taken: FakeWebSocketClient[] = [];
    route.onDone = function () {
      if (isTaken) taken.push(new instrumented.io({ attach: this.detach() }));
    };
    const before = { ...route };
    const instrumented = instrument({ io: FakeWebSocketClient, route }, telemetry);
    new FakeHTTPConnection(route, "10.0.0.1").shakesHands();
    new FakeHTTPConnection(route, "10.0.0.2").vanishes();
    isTaken = false;
    new FakeHTTPConnection(route, "10.0.0.3").shakesHands();
    taken[0]!.close();
    deepEqual(events(), [
      "1 ws.connect 10.0.0.1",
      "1 ws.connected",
      "2 ws.connect",
      "2 ws.disconnect",
      "3 ws.connect",
      "3 ws.disconnect",
      "1 ws.disconnect",
    ]);
    instrumented.detach();
    deepEqual(Object.keys(route), Object.keys(before), "keys of the route");
    for (const key of Object.keys(before)) equal(route[key as "onDone"], before[key as "onDone"], key);
    const after = new instrumented.io({ attach: {} });
    after.peerSends(bytes(status));
    deepEqual(events(), []);
  });

  it("records once, and as ended, a connection that the class refuses to make", () => {
    const { telemetry, events } = adapterTelemetry();
    const route = { ...handshakeRoute, onDone: undefined as undefined | ((this: FakeHTTPConnection) => void) };
    route.onDone = function () {
      new instrumented.io({ attach: this.detach(), format: "none" });
    };
    const instrumented = instrument({ io: FakeWebSocketClient, route }, telemetry);
    throws(() => new FakeHTTPConnection(route, "10.0.0.1").shakesHands(), "RangeError");
    deepEqual(events(), ["1 ws.connect 10.0.0.1", "1 ws.disconnect"]);
  });

  it("is closed by a class that cannot make it, as without", () => {
    class Closing extends FakeWebSocketClient {
      constructor(options: ConstructorParameters<typeof FakeWebSocketClient>[0]) {
        super(options);
        this.close();
        throw new RangeError("closed");
      }
    }
    const { telemetry, events } = adapterTelemetry();
    const { io } = instrument({ io: Closing }, telemetry);
    throws(() => new io({ attach: {} }), "RangeError", "closed");
    deepEqual(events(), ["1 ws.connect", "1 ws.disconnect"]);
  });

  it("hears nothing of an adapter that fails, which counts", () => {
    const fail = (): never => {
      throw new Error("of the options");
    };
    const { events, instrumented } = setUp({
      clientId: fail,
      messageType: fail as (message: PieceOfMessage) => string,
    });
    const attach = {
      get remoteAddress() {
        return fail();
      },
    };
    const connection = new instrumented.io({ attach, onReadable: echo });
    connection.peerSends(bytes(status));
    deepEqual(events(), ["1 ws.connect", "1 ws.connected", "1 msg.recv", "1 msg.send"]);
    equal(instrumented.counters().failures, 4, "failures");
  });
});
