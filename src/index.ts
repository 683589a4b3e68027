export type { Connection, Counters, Payload, Reader } from "./api.ts";
export type { Clock } from "./clock.ts";
export type { IpPolicy, PayloadPolicy, Redactor } from "./privacy.ts";
export { Reason } from "./reason.ts";
export { enabled, setEnabled } from "./switch.ts";
export { type Policy, Telemetry, type TelemetryOptions } from "./telemetry.ts";
