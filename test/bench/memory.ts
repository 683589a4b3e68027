/** Memory of `decode` for captures of different sizes: it must not grow with them. */
import { ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";
import { CLIENT_ID, MESSAGE_TYPE, PAYLOADS } from "./case.ts";
import { number, type Table } from "./format.ts";
import { CountingClock } from "./node/clock.ts";
import type { Say } from "./rows.ts";

/** The smaller one fills V8's young generation; beyond that memory must not grow. */
const CAPTURE_MB = [250, 1000];
const PACKET_BYTES = 1024;
const MOST_GROWTH = 1.1;
const FOLDER = "dist/bench/capture-memory";
/** At its end the process reports its own maximum on descriptor 3, in KB. */
const SAY_MAXIMUM =
  'data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>writeSync(3,String(process.resourceUsage().maxRSS)))';

export interface Memory {
  readonly captureMegabytes: number;
  readonly events: number;
  readonly seconds: number;
  readonly maxRssMegabytes: number;
}

/** Throws if the largest capture takes more than a tenth more than the smallest. Needs 1 GB in dist/. */
export async function measureMemory(say: Say): Promise<Memory[]> {
  const found: Memory[] = [];
  for (const captureMegabytes of CAPTURE_MB) {
    say(`memory: a capture of ${captureMegabytes} MB`);
    const events = writeCapture(captureMegabytes * 1e6);
    const from = performance.now();
    const command = ["--import", SAY_MAXIMUM, "dist/host/cli.js", "decode", FOLDER];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    let said = "";
    child.stdio[3]!.on("data", (bytes) => {
      said += bytes;
    });
    const [status] = await once(child, "close");
    rmSync(FOLDER, { recursive: true });
    ok(status === 0 && Number(said) > 0, `decode ended with ${status}, and said ${said}`);
    const seconds = (performance.now() - from) / 1000;
    found.push({ captureMegabytes, events, seconds, maxRssMegabytes: (Number(said) * 1024) / 1e6 });
  }
  const [least, most] = [found[0]!.maxRssMegabytes, found[found.length - 1]!.maxRssMegabytes];
  ok(most <= least * MOST_GROWTH, `decode took ${least} MB for the smallest capture, ${most} MB for the largest`);
  return found;
}

/** Messages with and without payload, drained as they come. Returns the number of events. */
function writeCapture(bytes: number): number {
  rmSync(FOLDER, { recursive: true, force: true });
  const telemetry = new Telemetry({ capacityBytes: 65_536, clock: new CountingClock() });
  const connection = telemetry.connect(CLIENT_ID);
  const token = telemetry.messageType(MESSAGE_TYPE);
  const writer = new CaptureWriter(FOLDER, { registry });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(PACKET_BYTES);
  let written = 0;
  while (written < bytes) {
    for (let made = 0; made < 200; made++) connection.received(token, made % 2 ? PAYLOADS[100] : undefined);
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer)) {
      writer.write(buffer.subarray(0, length));
      written += length;
    }
  }
  writer.close();
  return reader.counters().drained;
}

export function memoryTable(found: readonly Memory[]): Table {
  return {
    title: "Memory of decode",
    head: ["capture, MB", "events", "seconds", "most memory, MB"],
    rows: found.map(({ captureMegabytes, events, seconds, maxRssMegabytes }) => [
      number(captureMegabytes),
      number(events),
      number(seconds, 1),
      number(maxRssMegabytes),
    ]),
  };
}
