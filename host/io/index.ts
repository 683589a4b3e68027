/**
 * `xs-telemetry/io`: ECMA-419's IO classes as Moddable has them, over Node's packages, so that a device's sinks and drainer run
 * as they are. Apart from `xs-telemetry/host`, which would else load what speaks to ports and brokers for whoever decodes a file.
 */
export type { IOBuffer } from "./bytes.ts";
export { MQTTClient, type MQTTClientOptions, type MQTTControl, type MQTTWill, type MQTTWriteOptions } from "./mqtt.ts";
export { Serial, type SerialOptions } from "./serial.ts";
export { type Datagram, UDP, type UDPOptions } from "./udp.ts";
