// For specs of adapters: an emitter, and what it recorded as one line of text for each event.
import { Telemetry, type TelemetryOptions } from "xs-telemetry";
import { readPacket } from "./bytes.ts";

const NAMES: Record<number, string> = {
  1: "ws.connect",
  2: "ws.connect",
  3: "ws.connected",
  4: "ws.disconnect",
  26: "ws.disconnect",
};
for (const type of [5, 6, 10]) NAMES[type] = "msg.recv";
for (const type of [7, 8, 11]) NAMES[type] = "msg.send";
const REASONS = ["", "rate_limit", "size_limit", "parse_error", "auth_failed"];

export function adapterTelemetry(options: Partial<TelemetryOptions> = {}) {
  const telemetry = new Telemetry({ capacityBytes: 16_384, bootId: 1, clock: { now: () => 5 }, ...options });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(4096);
  const tokens: string[] = [""];
  /** "client event type reason text", or "client event code", of each event since the last call, without empty parts. */
  const events = (): string[] => {
    const lines: string[] = [];
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer)) {
      const packet = readPacket(buffer.slice(0, length));
      for (const { token, name } of packet.tokens ?? []) tokens[token] = name;
      for (const { type, code, token, clientId, text } of packet.records ?? []) {
        const parts = [String(clientId), NAMES[type] ?? `record ${type}`, tokens[token]!, REASONS[code >> 4]!];
        if (type === 26) parts[2] = String(token); // the close code is there
        if (text) parts.push(String.fromCharCode(...text));
        lines.push(parts.filter((part) => part !== "").join(" "));
      }
    }
    return lines;
  };
  return { telemetry, reader, events };
}
