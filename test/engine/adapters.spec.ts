// Runs inside XS only: what the adapters take from the engine's heaps, on servers that behave like the SDK's.
import { Reason, Telemetry, type Token } from "xs-telemetry";
import { instrument } from "xs-telemetry/websocket";
import { instrument as instrumentUpgrade } from "xs-telemetry/websocket-419";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { FakeWebSocketClient } from "../support/fake-websocket-client.ts";
import { type FakeConnection, FakeServer } from "../support/fake-websocket-server.ts";
import { type Allocation, allocationOf, FEW_CALLS, NOTHING } from "../support/xs-allocation.ts";

declare const gc: () => void;
/** Of the command line: which emitter it is. */
declare const args: readonly string[];

/** One that the emitter has not returned yet. */
const TOKEN = 1 as Token;
const status = '{"type":"getStatus"}';

/** What a call takes with the adapter, above what it takes without. */
function ownOf(plain: () => void, recorded: () => void): Allocation {
  const without = allocationOf(plain, FEW_CALLS);
  const found = allocationOf(recorded, FEW_CALLS);
  return {
    slotBytes: found.slotBytes - without.slotBytes,
    chunkBytes: found.chunkBytes - without.chunkBytes,
    collections: found.collections,
  };
}

describe("allocation of the adapter for callback servers", () => {
  const handler = function (this: FakeConnection, message: number) {
    if (message === 3) this.write("answer");
  };
  /** A server whose connection accepts everything without keeping it. */
  const accept = (options?: Parameters<typeof instrument>[2]) => {
    const telemetry = new Telemetry({ capacityBytes: 1024 });
    const server = new FakeServer();
    const instrumented = options && instrument(server, telemetry, options);
    server.callback = handler;
    const connection = server.accept("10.0.0.1");
    connection.peerShakesHands();
    connection.socket!.write = () => undefined;
    return { telemetry, instrumented, connection };
  };
  const plain = accept().connection;

  it("of a message that is received and answered, its type a token: 0 bytes", () => {
    for (const messageType of [TOKEN, () => TOKEN]) {
      const { connection, telemetry } = accept({ messageType });
      const emitted = telemetry.counters().emitted;
      deepEqual(
        ownOf(
          () => plain.peerSends(status),
          () => connection.peerSends(status),
        ),
        NOTHING,
        "received and sent",
      );
      equal(telemetry.counters().emitted - emitted, 2 * (FEW_CALLS + 1), "events");
    }
  });

  it("of a message that is rejected, its type a token: 0 bytes", () => {
    const server = new FakeServer();
    const telemetry = new Telemetry({ capacityBytes: 1024 });
    const instrumented = instrument(server, telemetry, { messageType: 0 });
    server.callback = function (this: FakeConnection, message: number) {
      if (message === 3) instrumented.reject(this, Reason.rateLimit);
    };
    const connection = server.accept("10.0.0.1");
    deepEqual(
      allocationOf(() => connection.peerSends(status), FEW_CALLS),
      NOTHING,
      "rejected",
    );
    equal(telemetry.counters().emitted, 1 + FEW_CALLS + 1, "events");
  });

  it("of a type that is looked for, whatever the message, payloads kept or not: 0 bytes in C", () => {
    const isNative = args[0] === "native";
    const four = ["a", "b", "c", "d"].map((type) => `{"id":1,"type":"${type}","x":1}`);
    const messages: readonly string[][] = [
      [status],
      four,
      ["answer"],
      [`{"a":"${"x".repeat(472)}","type":"ping"}`],
      [`{"a":"${"x".repeat(540)}"}`],
      [`{"a":${"[".repeat(2000)}`],
      [`{"type":"${"\\u0061".repeat(40)}"}`],
    ];
    for (const payloads of [false, true])
      for (const texts of messages) {
        const { connection, telemetry } = accept({ payloads });
        const emitted = telemetry.counters().emitted;
        const send = (to: FakeConnection) => {
          for (let index = 0; index < texts.length; index++) to.peerSends(texts[index]!);
        };
        send(connection);
        const own = ownOf(
          () => send(plain),
          () => send(connection),
        );
        if (isNative) deepEqual(own, NOTHING, `${texts[0]!.slice(0, 30)}, ${payloads}`);
        ok(telemetry.counters().emitted - emitted >= 2 * FEW_CALLS * texts.length, "events");
      }
  });

  it("keeps no connection that the server has forgotten", () => {
    const server = new FakeServer();
    const instrumented = instrument(server, new Telemetry({ capacityBytes: 1024 }));
    server.callback = () => undefined;
    const forgotten: WeakRef<FakeConnection>[] = [];
    const come = () => {
      forgotten.push(new WeakRef(server.accept("10.0.0.1")));
    };
    for (let count = 0; count < 100; count++) come();
    return Promise.resolve().then(() => {
      gc();
      const left = forgotten.filter((one) => one.deref() !== undefined).length;
      ok(left <= 2, `${left} of 100 are kept`);
      ok(instrumented, "the adapter is");
    });
  });
});

describe("allocation of the adapter for ECMA-419 upgrades", () => {
  it("of a message that is received and answered, its type a token: 0 bytes", () => {
    const answer = new Uint8Array(4);
    const details = { more: false, binary: true };
    const options = {
      attach: {},
      onReadable(this: FakeWebSocketClient) {
        this.write(answer);
      },
    };
    const telemetry = new Telemetry({ capacityBytes: 1024 });
    const { io } = instrumentUpgrade({ io: FakeWebSocketClient }, telemetry, { messageType: TOKEN });
    const plain = new FakeWebSocketClient(options);
    const recorded = new io(options);
    deepEqual(
      ownOf(
        () => plain.options.onReadable!.call(plain, 4, details),
        () => recorded.options.onReadable!.call(recorded, 4, details),
      ),
      NOTHING,
      "received and sent",
    );
    equal(telemetry.counters().emitted, 2 + 2 * (FEW_CALLS + 1), "events");
  });
});
