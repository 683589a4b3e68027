/**
 * `xs-telemetry/io`: ECMA-419's IO classes as Moddable has them, on Node's packages, so that a device's sinks and
 * drainer run unchanged. Separate from `xs-telemetry/host`, which would otherwise load code for ports and brokers just
 * to decode a file.
 */
export type { IOBuffer } from "./bytes.ts";
export { MQTTClient, type MQTTClientOptions, type MQTTControl, type MQTTWill, type MQTTWriteOptions } from "./mqtt.ts";
export { Serial, type SerialOptions } from "./serial.ts";
export { type Datagram, UDP, type UDPOptions } from "./udp.ts";
