/** Each packet a message under `xs-telemetry/<MAC address>`, for `xs-telemetry capture --mqtt mqtt://BROKER`. */
import TCP from "embedded:io/socket/tcp";
import UDP from "embedded:io/socket/udp";
import Resolver from "embedded:network/dns/resolver/udp";
import MQTTClient from "embedded:network/mqtt/client";
import config from "mc/config";
import Net from "net";
import { mqttSink, type OpenSink } from "xs-telemetry/mqtt";

export function openSink(): OpenSink {
  return mqttSink({
    io: MQTTClient,
    deviceId: config.deviceId ?? Net.get("MAC"),
    host: config.broker,
    port: Number(config.brokerPort),
    dns: { io: Resolver, servers: ["1.1.1.1"], socket: { io: UDP } },
    socket: { io: TCP },
  });
}
