/** What specs of privacy share: an emitter under policies, and what it records. */
import { type Payload, Telemetry, type TelemetryOptions } from "xs-telemetry";
import { type PayloadPolicy, type PrivacyOptions, privacy } from "xs-telemetry/privacy";
import { type PlainPacket, readPacket } from "./bytes.ts";

export const BUFFER = new Uint8Array(1024);
export const RING = { capacityBytes: 8192, bootId: 9, clock: { now: () => 5 } };

/** An emitter with these policies; without any, none is asked for. */
export function setUp(policies?: PrivacyOptions, options: Partial<TelemetryOptions> = {}) {
  return watch(new Telemetry({ ...RING, ...(policies && { privacy: privacy(policies) }), ...options }));
}

export function watch(telemetry: Telemetry) {
  const reader = telemetry.reader();
  const records = () => {
    const packets: PlainPacket[] = [];
    for (let bytes = reader.next(BUFFER); bytes > 0; bytes = reader.next(BUFFER))
      packets.push(readPacket(BUFFER.slice(0, bytes)));
    return packets.flatMap((packet) => packet.records);
  };
  /** The text of each record since the last call; "none" for one without, "" for an empty one. */
  const texts = () =>
    records().map(({ type, text }) =>
      text === undefined ? ([9, 10, 11].includes(type) ? "" : "none") : String.fromCharCode(...text),
    );
  return { telemetry, connection: telemetry.connect(1), records, texts };
}

export type Emitting = ReturnType<typeof setUp>;

/** One policy for both events. */
export const both = (policy: PayloadPolicy) => ({ payloads: { "msg.recv": policy, "msg.send": policy } });

/** The texts of so many records without one. */
export const none = (count: number): string[] => new Array(count).fill("none");

export const wrong = (value: unknown) => value as Payload;
