import type { TelemetryEvent } from "xs-telemetry/host";

/** What the trace says, counted. */
export class Tally {
  readonly byKind = new Map<string, number>();
  readonly connections = new Set<number>();
  readonly clients = new Set<number>();
  events = 0;
  jsonBytes = 0;

  add(event: TelemetryEvent, jsonBytes: number): void {
    const kind =
      event.event === "msg.recv" && event.result === "rejected"
        ? `${event.event} rejected: ${event.reason}`
        : event.event;
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
    this.connections.add(event.connEpoch);
    this.clients.add(event.clientId);
    this.events++;
    this.jsonBytes += jsonBytes;
  }
}

/** Rows of two columns, the second aligned right. */
export function table(rows: readonly (readonly [string, string | number])[]): string {
  const left = Math.max(...rows.map(([label]) => label.length));
  const right = Math.max(...rows.map(([, value]) => String(value).length));
  return rows.map(([label, value]) => `  ${label.padEnd(left)}  ${String(value).padStart(right)}`).join("\n");
}
