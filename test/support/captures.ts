// Traces of real devices: read, and their events sent through the emitter.
import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Connection, Reason, setEnabled } from "xs-telemetry";
import { extract, registry, type TelemetryEvent, Validator } from "xs-telemetry/host";
import { drain, emitter } from "./emit.ts";

/** Where the shared ones are; they are not part of the project. */
export const CAPTURES = process.env.XS_TELEMETRY_CAPTURES ?? join("..", "shared", "captures");
const REASONS = {
  rate_limit: Reason.rateLimit,
  size_limit: Reason.sizeLimit,
  parse_error: Reason.parseError,
  auth_failed: Reason.authFailed,
};

/** Sends events through the emitter, with their own times as clock readings. */
export function replay(events: readonly TelemetryEvent[]) {
  const { clock, telemetry, reader } = emitter({ capacityBytes: 1 << 20 });
  const connections = new Map<number, Connection>();
  for (const event of events) {
    clock.ms = event.ts_mono_ms;
    if (event.event === "ws.connect") {
      connections.set(event.clientId, telemetry.connect(event.clientId, event.ip));
      continue;
    }
    let connection = connections.get(event.clientId);
    if (!connection) {
      // The trace begins after this client's ws.connect.
      setEnabled(false);
      connection = telemetry.connect(event.clientId);
      setEnabled(true);
      connections.set(event.clientId, connection);
    }
    if (event.event === "ws.connected") connection.connected();
    else if (event.event === "ws.disconnect") connection.disconnected();
    else {
      const type = telemetry.messageType(event.msgType);
      if (event.event === "msg.send") connection.sent(type, event.payloadSummary);
      else if (event.result === "ok") connection.received(type, event.payloadSummary);
      else connection.rejected(REASONS[event.reason as keyof typeof REASONS], type, event.payloadSummary);
    }
  }
  return { telemetry, packets: drain(reader) };
}

/** The valid events of each trace, by its name. */
export async function readTraces(): Promise<[string, TelemetryEvent[]][]> {
  const traces: [string, TelemetryEvent[]][] = [];
  for (const name of readdirSync(CAPTURES).filter((file) => /\.(jsonl|txt)$/.test(file))) {
    const lines: string[] = [];
    for await (const found of extract(createReadStream(join(CAPTURES, name))))
      if (found.kind === "event") lines.push(found.text);
    const valid = lines.filter((line) => {
      const validator = new Validator({ registries: [registry], checks: ["schema"] });
      validator.checkLine(line, 1);
      return validator.errorCount === 0;
    });
    traces.push([name, valid.map((line) => JSON.parse(line) as TelemetryEvent)]);
  }
  return traces;
}
