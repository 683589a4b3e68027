/** A capture as users have it, and how long a command takes for it. */
import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";

export const EVENTS = 1_000_000;
export const CLIENTS = 96;
const PACKET_BYTES = 1400;
const TYPES = ["getStatus", "setLight", "subscribe", "ping", "firmwareChunk", "report"];
/** At its end the process reports its own maximum on descriptor 3, in KB. */
const SAY_MAXIMUM =
  'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>writeSync(3,String(process.resourceUsage().maxRSS)))';

/** Connections of many clients that come and go, messages with different payloads, some rejected. */
export function writeRecording(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  let now = 0;
  const telemetry = new Telemetry({ capacityBytes: 1 << 20, clock: { now: () => now | 0 } });
  const tokens = TYPES.map((type) => telemetry.messageType(type));
  const connections = Array.from({ length: CLIENTS }, (_, client) => telemetry.connect(client, `192.168.1.${client}`));
  const writer = new CaptureWriter(folder, { registry });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(PACKET_BYTES);
  const drain = () => {
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
      writer.write(buffer.subarray(0, length), Date.UTC(2026, 0, 2) + now);
  };
  let random = 1;
  const below = (limit: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return (random >>> 8) % limit;
  };
  let made = CLIENTS;
  while (made < EVENTS) {
    now += below(30);
    const client = below(CLIENTS);
    const type = below(TYPES.length);
    const payload = `{"type":"${TYPES[type]}","to":"light/${below(40)}","level":${below(256)}}`;
    const connection = connections[client]!;
    if (below(500) === 0 && made + 2 <= EVENTS) {
      connection.disconnected();
      connections[client] = telemetry.connect(client, `192.168.1.${client}`);
      made += 2;
    } else if (below(40) === 0) {
      connection.rejected(1, tokens[type]!, payload);
      made++;
    } else if (made % 2 === 0) {
      connection.received(tokens[type]!, payload);
      made++;
    } else {
      connection.sent(tokens[type]!);
      made++;
    }
    if (made % 1024 < 2) drain();
  }
  drain();
  writer.close();
  equal(reader.counters().drained, EVENTS, "drained");
}

/** The cost of `xs-telemetry ...args`. Throws if it fails. */
export async function timeCommand(
  args: readonly string[],
): Promise<{ readonly seconds: number; readonly maxRssMegabytes: number }> {
  const from = performance.now();
  const child = spawn(process.execPath, ["--import", SAY_MAXIMUM, "dist/host/cli.js", ...args], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stdio[3]!.on("data", (bytes) => {
    said += bytes;
  });
  const [status] = await once(child, "close");
  ok(status === 0 && Number(said) > 0, `${args[0]} ended with ${status}, and said ${said}`);
  return { seconds: (performance.now() - from) / 1000, maxRssMegabytes: (Number(said) * 1024) / 1e6 };
}
