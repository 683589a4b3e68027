// Runs inside XS only: what the adapters take from the engine's heaps, on servers that behave as the SDK's do.
import { Reason, Telemetry } from "xs-telemetry";
import { instrument } from "xs-telemetry/websocket";
import { instrument as instrumentUpgrade } from "xs-telemetry/websocket-419";
import { createMessageType } from "../../src/adapters/message-type.ts";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { FakeWebSocketClient } from "../support/fake-websocket-client.ts";
import { type FakeConnection, FakeServer } from "../support/fake-websocket-server.ts";
import { type Allocation, allocationOf, FEW_CALLS, NOTHING } from "../support/xs-allocation.ts";

declare const gc: () => void;

const status = '{"type":"getStatus"}';

/** What a call takes with the adapter beyond what it takes without. */
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
  /** A server whose connection takes what it is sent without keeping it. */
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
    for (const messageType of [1, () => 1]) {
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

  it("of a type that is looked for: the name", () => {
    const { connection } = accept({});
    const find = createMessageType();
    let name = "";
    let unknown = "x";
    const searched = allocationOf(() => {
      name = find(status);
    }, FEW_CALLS);
    const nothing = allocationOf(() => {
      unknown = find("answer");
    }, FEW_CALLS);
    equal(name, "getStatus", "name");
    equal(unknown, "", "unknown");
    const own = ownOf(
      () => plain.peerSends(status),
      () => connection.peerSends(status),
    );
    deepEqual(own, searched, "received and sent");
    deepEqual(nothing, NOTHING, "a message without a type");
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
    const { io } = instrumentUpgrade({ io: FakeWebSocketClient }, telemetry, { messageType: 1 });
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
