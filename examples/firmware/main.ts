/**
 * A WebSocket server whose traffic is recorded and drained. Where to, one line of manifest.json says: SINK is udp, serial or mqtt.
 * It answers {"type":"getStatus"} and {"type":"setLight","on":true}, and rejects all else.
 */
import config from "mc/config";
import { openSink } from "sink";
import Time from "time";
import { Server } from "websocket";
import { type Connection, Reason, Telemetry } from "xs-telemetry";
import { Drainer } from "xs-telemetry/drainer";

/** A connection of the server, as its callback sees it. */
interface Client {
  readonly socket: { get(name: string): string };
  telemetry: Connection;
  write(message: string): void;
}

const telemetry = new Telemetry({ capacityBytes: Number(config.ringBytes) });
const getStatus = telemetry.messageType("getStatus");
const server = new Server({ port: Number(config.port) });
new Drainer({ source: telemetry.reader(), open: openSink() });

let clients = 0;
let isOn = false;

server.callback = function (this: Client, message: number, value?: string | ArrayBuffer) {
  switch (message) {
    case Server.connect:
      this.telemetry = telemetry.connect(++clients, this.socket.get("REMOTE_IP"));
      break;
    case Server.handshake:
      this.telemetry.connected();
      break;
    case Server.receive: {
      const answer = answerTo(value);
      if (answer === undefined) this.telemetry.rejected(Reason.parseError, 0, value as string);
      else {
        this.telemetry.received(getStatus, value as string);
        this.write(JSON.stringify(answer));
        this.telemetry.sent(getStatus);
      }
      break;
    }
    case Server.disconnect:
      this.telemetry.disconnected();
  }
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
