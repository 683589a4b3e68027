// What forward has to deliver of a recording, and what a receiver has of it.
import assert from "node:assert/strict";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { registry } from "../../host/generated/registry.ts";
import { linesOf } from "./exports.ts";
import type { ReadRecord } from "./otlp.ts";

export const isLost = ({ eventName }: ReadRecord) => eventName === "xs_telemetry.lost";
export const uidOf = ({ attributes }: ReadRecord) => String(attributes["log.record.uid"]);
export const uidsOf = (records: readonly ReadRecord[]) => records.map(uidOf);

/** What each event of a recording is known by. */
export async function identities(path: string): Promise<string[]> {
  const part = (text: unknown) =>
    String(text ?? "")
      .replaceAll("%", "%25")
      .replaceAll("/", "%2F");
  return (await linesOf(path)).map((line) => `${part(line.device)}/${line.bootId}/${line.eventSeq}`);
}

export async function assertDelivered(records: readonly ReadRecord[], path: string): Promise<void> {
  const expected = (await identities(path)).sort();
  const uids = uidsOf(records.filter((record) => !isLost(record)));
  assert.deepEqual([...new Set(uids)].sort(), expected, "every event, and none that is not in it");
}

/** A capture of one boot with payloads: each 3,000 events or so are a request. */
export function writeCapture(path: string, events: number): void {
  let now = 0;
  const telemetry = new Telemetry({ capacityBytes: 1 << 20, bootId: 77, clock: { now: () => now++ | 0 } });
  const reader = telemetry.reader();
  const connection = telemetry.connect(1, "10.0.0.1");
  const type = telemetry.messageType("getStatus");
  const writer = new CaptureWriter(path, { registry });
  const buffer = new Uint8Array(1400);
  for (let made = 1; made < events; made++) {
    connection.received(type, `{"type":"getStatus","number":${made},"more":"${"x".repeat(50)}"}`);
    if (made % 1000 === 0 || made === events - 1)
      for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
        writer.write(buffer.subarray(0, length), Date.UTC(2026, 0, 2) + now);
  }
  writer.close();
}
