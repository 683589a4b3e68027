/** A WebSocket server that records its traffic, and sends it even if an unhandled exception restarts the board first: {"type":"crash"} throws one. */
import UDP from "embedded:io/socket/udp";
import flash from "embedded:storage/flash";
import config from "mc/config";
import { Server } from "websocket";
import { Telemetry } from "xs-telemetry";
import { Drainer } from "xs-telemetry/drainer";
import { udpSink } from "xs-telemetry/udp";
import { instrument, type ServerConnection } from "xs-telemetry/websocket";
import { keepThroughRestarts } from "./keep";

const telemetry = new Telemetry({ capacityBytes: 16384 });
const source = keepThroughRestarts(telemetry, flash.open({ path: "telemetry" })); // a partition of partitions.csv
const { collector, collectorPort, localPort } = config;
const open = udpSink({ io: UDP, address: collector, port: Number(collectorPort), localPort: Number(localPort) });
new Drainer({ source, open });

const server = new Server({ port: 80 });
instrument(server, telemetry, { payloads: true });
server.callback = function (this: ServerConnection, message: number, value?: string | ArrayBuffer) {
  if (message !== Server.receive) return;
  if (value === '{"type":"crash"}') throw new Error("asked to");
  this.write('{"type":"status"}');
};
