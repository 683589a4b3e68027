/** Each packet a datagram to `xs-telemetry capture --udp 9419` on the computer that `collector` names. */
import UDP from "embedded:io/socket/udp";
import config from "mc/config";
import { type OpenSink, udpSink } from "xs-telemetry/udp";

export function openSink(): OpenSink {
  return udpSink({ io: UDP, address: config.collector, port: Number(config.collectorPort) });
}
