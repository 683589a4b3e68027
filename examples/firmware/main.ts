/**
 * A WebSocket server with traffic that is recorded and drained. One line of manifest.json says where to: SINK is udp, serial or mqtt. It answers
 * {"type":"getStatus"} and {"type":"setLight","on":true}, and rejects everything else.
 */
import config from "mc/config";
import { openSink } from "sink";
import Time from "time";
import { Server } from "websocket";
import { Reason, Telemetry } from "xs-telemetry";
import { Drainer } from "xs-telemetry/drainer";
import { instrument, type ServerConnection } from "xs-telemetry/websocket";

const telemetry = new Telemetry({ capacityBytes: Number(config.ringBytes) });
const server = new Server({ port: Number(config.port) });
const recorded = instrument(server, telemetry, { payloads: true });
new Drainer({ source: telemetry.reader(), open: openSink() });

let isOn = false;

server.callback = function (this: ServerConnection, message: number, value?: string | ArrayBuffer) {
  if (message !== Server.receive) return;
  const answer = answerTo(value);
  if (answer === undefined) recorded.reject(this, Reason.parseError);
  else this.write(JSON.stringify(answer));
};

/** undefined: not a message that this server knows. */
function answerTo(message: unknown): object | undefined {
  try {
    const { type, on } = JSON.parse(String(message));
    if (type === "setLight" && typeof on === "boolean") isOn = on;
    else if (type !== "getStatus") return undefined;
    return { type: "status", isOn, uptimeMs: Time.ticks };
  } catch {
    return undefined;
  }
}
