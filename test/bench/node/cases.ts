import { deepEqual, equal } from "node:assert/strict";
import { registry, Validator } from "xs-telemetry/host";
import { platformClock } from "../../../host/platform/platform.ts";
import { type BenchCase, CLIENT_ID, messageOf, PAYLOAD_LENGTHS, PAYLOADS, RING_BYTES } from "../case.ts";
import { DataViewRecorder } from "../dataview.ts";
import { clockCase, emitterCases } from "../emitter-cases.ts";
import type { Baseline } from "../rows.ts";
import { CountingClock } from "./clock.ts";
import { PEERS, type Peer } from "./peers.ts";

/** All cases in Node. All read the same clock. */
export function nodeCases(): BenchCase[] {
  const peers = Object.entries(PEERS) as [Baseline, (typeof PEERS)[Baseline] & {}][];
  return [
    ...emitterCases("typescript", new CountingClock()),
    clockCase(platformClock()),
    ...PAYLOAD_LENGTHS.map(dataViewCase),
    ...peers.flatMap(([path, make]) => PAYLOAD_LENGTHS.map((length) => peerCase(path, make, length))),
  ];
}

function peerCase(
  path: Baseline,
  make: (clock: CountingClock) => Peer | Promise<Peer>,
  payloadChars: number,
): BenchCase {
  const payload = PAYLOADS[payloadChars];
  return {
    path,
    event: "msg.recv",
    payloadChars,
    async start() {
      const clock = new CountingClock();
      const peer = await make(clock);
      clock.start();
      const record = (count: number) => {
        for (let turn = 0; turn < count; turn++) peer.received(payload);
      };
      const { batch } = peer;
      const validator = new Validator({ registries: [registry] });
      return {
        run: batch
          ? async (count) => {
              for (let left = count; left > 0; left -= batch.events) {
                record(Math.min(left, batch.events));
                await batch.flush();
              }
            }
          : record,
        check(count) {
          equal(clock.readings, count, `${path}: events`);
          const { event, bytes } = peer.last();
          const expected = messageOf(payload, clock.ms, count - 1);
          validator.checkEvent(expected, 1);
          deepEqual(validator.takeIssues(), [], "what is expected conforms to the registry");
          deepEqual(event, expected, `${path}: the last event`);
          return bytes;
        },
      };
    },
  };
}

function dataViewCase(payloadChars: number): BenchCase {
  const payload = PAYLOADS[payloadChars];
  return {
    path: "DataView",
    event: "msg.recv",
    payloadChars,
    start() {
      const clock = new CountingClock();
      const recorder = new DataViewRecorder(RING_BYTES, new TextEncoder(), () => clock.now());
      return {
        run(count) {
          for (let turn = 0; turn < count; turn++) recorder.received(CLIENT_ID, 1, payload);
        },
        check: (count) => recorder.check(payload, count),
      };
    },
  };
}
