/** What specs of hostile scripts share: an emitter, and the checks of it afterwards. */
import { Telemetry } from "xs-telemetry";
import { equal } from "./assert.ts";
import { readPacket } from "./bytes.ts";

export const BUFFER = new Uint8Array(4096);

export function recordsOf(telemetry: Telemetry): { type: number }[] {
  const reader = telemetry.reader();
  const records: { type: number }[] = [];
  for (let bytes = reader.next(BUFFER); bytes > 0; bytes = reader.next(BUFFER)) {
    const packet = readPacket(BUFFER.slice(0, bytes));
    if (packet.records) records.push(...packet.records);
  }
  reader.close();
  return records;
}

/** An internal constructor: what it does is its own affair, but nothing is recorded, and nothing breaks. */
export function throwsOrMakesNothing(call: () => unknown): void {
  try {
    call();
  } catch {
    // as good
  }
}

/** Checks the identity of the counters, and that the emitter still works. */
export function isSound(telemetry: Telemetry): void {
  const before = telemetry.counters();
  equal(before.emitted, before.drained + before.overwritten + before.discarded + before.pending, "emitted");
  telemetry.connect(1).connected();
  equal(telemetry.counters().emitted, before.emitted + 2, "emitted after two more");
}

export const setUp = () => new Telemetry({ capacityBytes: 1024, clock: { now: () => 5 } });
