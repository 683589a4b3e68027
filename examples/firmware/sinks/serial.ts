/** Frames on a separate UART, for `xs-telemetry capture --serial PATH --baud 921600` at the other end of the wire. */
import Serial from "embedded:io/serial";
import config from "mc/config";
import { type OpenSink, serialSink } from "xs-telemetry/serial";

export function openSink(): OpenSink {
  return serialSink({ io: Serial, ...config.serial });
}
