/** A message that a server received and answered, with and without the adapter, on a server that behaves like the SDK's. */
import { Telemetry } from "xs-telemetry";
import { instrument } from "xs-telemetry/websocket";
import { deepEqual, equal } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { FakeServer } from "../support/fake-websocket-server.ts";
import { type BenchCase, RING_BYTES } from "./case.ts";
import { charactersOf, SCENES, type Scene } from "./scenes.ts";

/** `disabled`: without the adapter. The server itself does next to nothing here: only the difference counts. */
export function adapterCases(path: "typescript" | "native" | "disabled"): BenchCase[] {
  return SCENES.map((scene) => ({
    path,
    event: "server",
    payloadChars: charactersOf(scene),
    scene: scene.name,
    start() {
      const telemetry = new Telemetry({ capacityBytes: RING_BYTES });
      const reader = telemetry.reader();
      const server = new FakeServer();
      const { isToken, payloads = false } = scene;
      const token = isToken && telemetry.messageType(scene.types[0]!);
      if (path !== "disabled")
        instrument(server, telemetry, { payloads, ...(token !== undefined && { messageType: token }) });
      let answered = 0;
      const { answer } = scene;
      server.callback = function (this: { write(message: string): void }, message: number, value: string) {
        if (message === 3) this.write(answer ?? value);
      };
      const connection = server.accept("10.0.0.1");
      connection.peerShakesHands();
      connection.socket!.write = () => {
        answered++;
      };
      const before = telemetry.counters().emitted;
      const { messages } = scene;
      const recordBytes = payloads ? 96 : 32;
      return {
        run(count) {
          const [first, second = first, third = first, fourth = second] = messages as [string, string, string, string];
          for (let turn = 0; turn < count; turn += 4) {
            connection.peerSends(first);
            connection.peerSends(second);
            connection.peerSends(third);
            connection.peerSends(fourth);
          }
        },
        check(count) {
          equal(answered, count, "answers");
          equal(telemetry.counters().emitted - before, path === "disabled" ? 0 : 2 * count, "events");
          if (path === "disabled") return 0;
          checkTypes(scene, reader);
          return recordBytes;
        },
      };
    },
  }));
}

/** The last recorded messages, each with its answer, have the types of the scene. */
function checkTypes({ types, answer }: Scene, reader: ReturnType<Telemetry["reader"]>): void {
  const buffer = new Uint8Array(4096);
  const names: string[] = [""];
  let found: string[] = [];
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) {
    const { tokens = [], records = [] } = readPacket(buffer.slice(0, bytes));
    for (const { token, name } of tokens) names[token] = name;
    for (const { token } of records) found.push(names[token] ?? "?");
  }
  found = found.slice(-8);
  const expected = [0, 1, 2, 3].flatMap((turn) => {
    const type = types[turn % types.length]!;
    return [type, answer === undefined ? type : ""];
  });
  deepEqual(found, expected, "types");
}
