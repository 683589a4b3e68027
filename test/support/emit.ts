// For specs in Node: everything an emitter drains, and what it decodes to.
import { type Reader, Telemetry, type TelemetryOptions } from "xs-telemetry";
import { type DecodeSummary, decode, type Problem, registry, type TelemetryEvent } from "xs-telemetry/host";

/** All waiting packets, each in its own buffer. */
export function drain(reader: Reader, bufferBytes = 4096): Uint8Array[] {
  const buffer = new Uint8Array(bufferBytes);
  const packets: Uint8Array[] = [];
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
    packets.push(buffer.slice(0, length));
  return packets;
}

export interface Decoded {
  events: TelemetryEvent[];
  problems: Problem[];
  summary: DecodeSummary;
}

export async function decodeAll(source: Uint8Array | Uint8Array[]): Promise<Decoded> {
  const events: TelemetryEvent[] = [];
  const problems: Problem[] = [];
  for await (const item of decode(source, { registry, with: "none" })) {
    if (item.kind === "events") events.push(...item.events);
    else if (item.kind === "problem") problems.push(item.problem);
    else if (item.kind === "summary") return { events, problems, summary: item.summary };
  }
  throw new Error("decode() ended without a summary");
}

/** An emitter with a clock to set and a reader. */
export function emitter(options: Partial<TelemetryOptions> = {}) {
  const clock = { ms: 0, now: () => clock.ms | 0 };
  const telemetry = new Telemetry({ capacityBytes: 16_384, bootId: 7, clock, ...options });
  return { clock, telemetry, reader: telemetry.reader() };
}
