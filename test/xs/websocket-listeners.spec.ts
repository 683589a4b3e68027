import type { TelemetryOptions } from "xs-telemetry";
import { Listeners, SUBPROTOCOL } from "xs-telemetry/listeners";
import { type AdapterOptions, instrument, type ServerConnection, type ServerMessage } from "xs-telemetry/websocket";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { deepEqual, equal } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { FakeTimer } from "../support/fake-io.ts";
import { type FakeConnection, FakeServer } from "../support/fake-websocket-server.ts";

type Options = AdapterOptions<ServerMessage, ServerConnection>;

function setUp(options: Options = {}, telemetryOptions: Partial<TelemetryOptions> = {}) {
  const { telemetry, events } = adapterTelemetry(telemetryOptions);
  const server = new FakeServer();
  const instrumented = instrument(server, telemetry, options);
  return { telemetry, server, instrumented, events };
}

describe("a callback server with listeners", () => {
  it("hands connections over to listeners, of which the record says no more than that they came", () => {
    const { telemetry, server, instrumented, events } = setUp({ payloads: true });
    const timer = new FakeTimer();
    const listeners = new Listeners({ telemetry, timer, token: "s3cret" });
    const calls: number[] = [];
    server.callback = function (this: FakeConnection, message, value) {
      calls.push(message);
      if (message === 5 && value.includes(SUBPROTOCOL)) {
        instrumented.serve(this, listeners);
        return SUBPROTOCOL;
      }
      if (message === 3) this.write("echo");
      return undefined;
    };
    const other = server.accept("::1");
    other.peerAsksFor("chat");
    const listener = server.accept("::2");
    equal(listener.peerAsksFor("chat", SUBPROTOCOL), SUBPROTOCOL, "what the server is told");
    const { written } = listener.socket!;
    listener.peerShakesHands();
    listener.peerSends("s3cret");
    other.peerSends("x");
    listener.peerSends("taken");
    deepEqual(calls, [1, 5, 1, 5, 3], "what the application is told");
    equal(written[0], "accepted");
    const packets = written.slice(1).map((packet) => readPacket(new Uint8Array(packet as ArrayBuffer)));
    deepEqual(
      packets.map(({ number, records }) => [number, records.length]),
      [
        [1, 3],
        [2, 2],
      ],
      "two packets, each of its own",
    );
    const seen = events();
    deepEqual(seen, ["1 ws.connect ::1", "2 ws.connect ::2", "2 ws.disconnect", "1 msg.recv x", "1 msg.send echo"]);
    listener.peerSends("alive");
    timer.tick(10);
    deepEqual(events(), [], "nothing feeds itself");
    listener.peerCloses();
    equal(listeners.counters().listeners, 0, "it has gone");

    const wrong = server.accept("::3");
    wrong.peerAsksFor(SUBPROTOCOL);
    wrong.peerSends("wrong");
    equal(wrong.socket !== undefined, true, "the server may still read");
    timer.tick();
    equal(wrong.socket, undefined, "closed");
    deepEqual(events(), ["3 ws.connect ::3", "3 ws.disconnect"]);

    instrumented.detach();
    const late = server.accept("::4");
    late.peerAsksFor(SUBPROTOCOL);
    late.peerSends("s3cret");
    equal(late.socket!.written[0], "accepted", "without a record too");
    equal(instrumented.counters().failures, 0, "failures");
    instrumented.serve(late, undefined as never);
    instrumented.serve(undefined as never, listeners);
    equal(instrumented.counters().failures, 2, "failures");
  });
});
