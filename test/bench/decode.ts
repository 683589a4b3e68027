/** Decoding in Node compared with babeltrace2: two commands that turn the same capture into text, from start to end. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";
import { CLIENT_ID, MESSAGE_TYPE, PAYLOADS } from "./case.ts";
import { CountingClock } from "./node/clock.ts";
import { outside } from "./outside.ts";
import { orElse, unmeasured } from "./parts.ts";
import type { Row, Say } from "./rows.ts";

/** So many that starting a process hardly matters. */
const EVENTS: Readonly<Record<number, number>> = { 0: 2_000_000, 100: 500_000 };
const ROUNDS = 3;
/** A datagram's worth, as in the README. */
const PACKET_BYTES = 1400;

interface Decoder {
  readonly path: "typescript" | "babeltrace2";
  readonly command: readonly string[];
  /** Throws unless this is the line of the capture's last event. */
  checkLast(line: string, payload: string | undefined, events: number): void;
}

const DECODERS: readonly Decoder[] = [
  {
    path: "typescript",
    command: [process.execPath, "dist/host/cli.js", "decode"],
    checkLast(line, payload, events) {
      const { event, eventSeq, clientId, msgType, payloadSummary } = JSON.parse(line);
      const expected = ["msg.recv", events, CLIENT_ID, MESSAGE_TYPE, payload];
      deepEqual([event, eventSeq, clientId, msgType, payloadSummary], expected, line);
    },
  },
  {
    path: "babeltrace2",
    command: ["babeltrace2"],
    checkLast(line, payload) {
      ok(line.includes(" msg.recv: ") && line.includes(`"${MESSAGE_TYPE}"`), line);
      ok(payload === undefined || line.includes(payload.slice(2, 6)), line);
    },
  },
];

export async function measureDecode(say: Say): Promise<Row[]> {
  const { ensure } = await outside("build/machine.mjs");
  const available = await orElse(
    "decode: babeltrace2",
    async () => {
      ensure("babeltrace2");
      return DECODERS;
    },
    () => DECODERS.filter(({ path }) => path === "typescript"),
    say,
  );
  const rows: Row[] = [];
  for (const [chars, events] of Object.entries(EVENTS)) {
    const payloadChars = Number(chars);
    const payload = PAYLOADS[payloadChars];
    const folder = `dist/bench/capture-${chars}`;
    writeCapture(folder, payload, events);
    for (const decoder of available) await check(decoder, folder, payload, events);
    const ns = available.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      say(`decode: ${payloadChars} characters, round ${round + 1} of ${ROUNDS}, ${events} events`);
      for (const [index, { command }] of available.entries()) ns[index]!.push(await timed(command, folder, events));
    }
    for (const { path } of DECODERS.filter((decoder) => !available.includes(decoder)))
      rows.push(...unmeasured("node", [{ path, event: "decode", payloadChars }]));
    for (const [index, { path }] of available.entries()) {
      const median = ns[index]!.sort((left, right) => left - right)[ROUNDS >> 1]!;
      const recordBytes = 16 + Math.ceil(payloadChars / 16) * 16;
      const measured = { instructions: null, ns: Math.round(median), allocatedBytes: null, recordBytes };
      rows.push({ engine: "node", path, event: "decode", payloadChars, ...measured });
    }
    rmSync(folder, { recursive: true });
  }
  return rows;
}

/** A connection, then so many messages of it. */
function writeCapture(folder: string, payload: string | undefined, events: number): void {
  rmSync(folder, { recursive: true, force: true });
  const capacityBytes = (events + 8) * (payload === undefined ? 16 : 128);
  const telemetry = new Telemetry({ capacityBytes, clock: new CountingClock() });
  const connection = telemetry.connect(CLIENT_ID);
  const token = telemetry.messageType(MESSAGE_TYPE);
  for (let made = 0; made < events; made++) connection.received(token, payload);
  const writer = new CaptureWriter(folder, { registry });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(PACKET_BYTES);
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) writer.write(buffer.subarray(0, bytes));
  writer.close();
  equal(reader.counters().drained, events + 1, "drained");
}

/** Its output, once, not measured: as many lines as events, and the last one is right. */
async function check(
  { path, command, checkLast }: Decoder,
  folder: string,
  payload: string | undefined,
  events: number,
) {
  const child = spawn(command[0]!, [...command.slice(1), folder], { stdio: ["ignore", "pipe", "ignore"] });
  let lines = 0;
  let last = "";
  for await (const line of createInterface(child.stdout)) {
    lines++;
    last = line;
  }
  equal(lines, events + 1, `${path}: lines`);
  checkLast(last, payload, events);
}

async function timed(command: readonly string[], folder: string, events: number): Promise<number> {
  const from = performance.now();
  const [status] = await once(spawn(command[0]!, [...command.slice(1), folder], { stdio: "ignore" }), "close");
  const ms = performance.now() - from;
  equal(status, 0, `exit code of ${command.join(" ")}`);
  return (ms * 1e6) / events;
}
