/** A message that a server received and answered, with the adapter and without, on a server that behaves as the SDK's does. */
import { Telemetry } from "xs-telemetry";
import { instrument } from "xs-telemetry/websocket";
import { equal } from "../support/assert.ts";
import { FakeServer } from "../support/fake-websocket-server.ts";
import { type BenchCase, MESSAGE_TYPE, PAYLOADS, RING_BYTES } from "./case.ts";

const PAYLOAD_CHARS = 20;

/**
 * `disabled`: without the adapter. Characters 0: the type is one token; 20: it is looked for in both messages, of so many characters.
 * What the server itself does is next to nothing here: the difference is what counts.
 */
export function adapterCases(path: "typescript" | "native" | "disabled"): BenchCase[] {
  const lengths = path === "disabled" ? [PAYLOAD_CHARS] : [0, PAYLOAD_CHARS];
  return lengths.map((payloadChars) => ({
    path,
    event: "server",
    payloadChars,
    start() {
      const telemetry = new Telemetry({ capacityBytes: RING_BYTES });
      const server = new FakeServer();
      const token = telemetry.messageType(MESSAGE_TYPE);
      if (path !== "disabled") instrument(server, telemetry, payloadChars === 0 ? { messageType: token } : {});
      let answered = 0;
      server.callback = function (this: { write(message: string): void }, message: number, value: string) {
        if (message === 3) this.write(value);
      };
      const connection = server.accept("10.0.0.1");
      connection.peerShakesHands();
      connection.socket!.write = () => {
        answered++;
      };
      const before = telemetry.counters().emitted;
      const message = PAYLOADS[PAYLOAD_CHARS]!;
      return {
        run(count) {
          for (let turn = 0; turn < count; turn++) connection.peerSends(message);
        },
        check(count) {
          equal(answered, count, "answers");
          equal(telemetry.counters().emitted - before, path === "disabled" ? 0 : 2 * count, "events");
          return path === "disabled" ? 0 : 32;
        },
      };
    },
  }));
}
