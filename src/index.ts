export type { Connection, Counters, Payload, Privacy, Reader } from "./api.ts";
export type { Clock } from "./clock.ts";
export { Reason } from "./reason.ts";
export { enabled, setEnabled } from "./switch.ts";
export { type Policy, Telemetry, type TelemetryOptions } from "./telemetry.ts";
