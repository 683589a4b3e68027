export type { Connection, Counters, Payload, Privacy, Reader, Token } from "./ring/api.ts";
export type { Clock } from "./ring/clock.ts";
export { Reason } from "./ring/reason.ts";
export { enabled, setEnabled } from "./ring/switch.ts";
export { type Policy, Telemetry, type TelemetryOptions } from "./telemetry.ts";
