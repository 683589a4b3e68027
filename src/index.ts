export type { Clock } from "./clock.ts";
export type { Connection, Payload } from "./connection.ts";
export type { Counters, Reader } from "./reader.ts";
export { Reason } from "./reason.ts";
export { enabled, setEnabled } from "./switch.ts";
export { type Policy, Telemetry, type TelemetryOptions } from "./telemetry.ts";
