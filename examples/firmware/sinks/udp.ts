/**
 * Each packet is a datagram to `xs-telemetry capture --udp 9419` on the computer that `collector` names. From a fixed port: the computer
 * distinguishes devices by where they send from, and so recognises this one after a restart.
 */
import UDP from "embedded:io/socket/udp";
import config from "mc/config";
import { type OpenSink, udpSink } from "xs-telemetry/udp";

export function openSink(): OpenSink {
  const { collector, collectorPort, localPort } = config;
  return udpSink({ io: UDP, address: collector, port: Number(collectorPort), localPort: Number(localPort) });
}
