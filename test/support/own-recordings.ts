/** Recordings of devices with any registry: its packets, and the events that were recorded. */
import fc from "fast-check";
import type { RegistryModel } from "../../host/registry/model.ts";
import { goodCalls } from "./arbitrary-calls.ts";
import { registries } from "./arbitrary-registries.ts";
import { decoded } from "./decoded.ts";
import type { Line } from "./exports.ts";
import { OwnDevice } from "./own-writers.ts";

export interface OwnRecording {
  readonly model: RegistryModel;
  readonly bytes: Uint8Array;
  readonly events: readonly Line[];
}

export const ownRecordings: fc.Arbitrary<OwnRecording> = registries
  .chain((spec) => fc.tuple(fc.constant(spec), goodCalls(spec)))
  .map(([spec, calls]) => {
    const device = new OwnDevice(spec);
    for (const call of calls) device.call(call);
    const bytes = device.drain();
    const { events } = decoded(bytes, { registry: device.model });
    return { model: device.model, bytes, events: events as unknown as Line[] };
  });
