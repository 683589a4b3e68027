/** OpenTelemetry's LogRecords: the cost of making and encoding them, and `export` and `forward` from start to end. */
import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";
import { OtlpRecords } from "../../host/export/otlp.ts";
import { identityFrom } from "../../host/export/otlp-identity.ts";
import { OtlpLines } from "../../host/export/otlp-json.ts";
import { OtlpBatch, OtlpEncoder } from "../../host/export/otlp-protobuf.ts";
import type { ExportEvent } from "../../host/export/source.ts";
import { number, type Table } from "./format.ts";
import type { Say } from "./rows.ts";

const A_REQUEST = 1000;
const REQUESTS = 300;
const ROUNDS = 5;
const EVENTS = 500_000;
const FOLDER = "dist/bench/capture-otlp";
const FILE = "dist/bench/otlp.jsonl";
const PACKET_BYTES = 1400;
const PAYLOAD = '{"type":"setLight","to":"light/17","level":128}';

export interface OtlpFigure {
  readonly what: string;
  readonly recordsPerSecond: number;
  readonly bytesPerRecord: number;
}

export async function measureOtlp(say: Say): Promise<OtlpFigure[]> {
  const found: OtlpFigure[] = [];
  const events = sampleEvents();
  const identity = identityFrom({});
  const protobuf = (): Buffer => {
    const records = new OtlpRecords(registry, identity);
    const batch = new OtlpBatch(new OtlpEncoder(records.scope));
    for (const event of events) for (const record of records.of(event)) batch.add(record);
    return batch.request();
  };
  const json = (): Buffer => {
    const records = new OtlpRecords(registry, identity);
    const lines = new OtlpLines(records.scope);
    for (const event of events) for (const record of records.of(event)) lines.add(record);
    return Buffer.from(lines.take());
  };
  const ways: [string, () => Buffer][] = [
    ["protobuf", protobuf],
    ["protobuf, gzip level 1", () => gzipSync(protobuf(), { level: 1 })],
    ["JSON", json],
  ];
  for (const [what, encode] of ways) {
    say(`otlp: ${what}`);
    found.push({ what: `encoded: ${what}`, ...encodedAt(encode) });
  }
  say(`otlp: a capture of ${number(EVENTS)} events`);
  writeCapture();
  try {
    say("otlp: export");
    const exportSeconds = await seconds(["export", "--to", "otlp", FOLDER, "-o", FILE]);
    found.push({
      what: "`export --to otlp`",
      recordsPerSecond: EVENTS / exportSeconds,
      bytesPerRecord: statSync(FILE).size / EVENTS,
    });
    say("otlp: forward");
    found.push({ what: "`forward`, to a receiver on this machine", ...(await forwarded()) });
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
    rmSync(FILE, { force: true });
  }
  return found;
}

function sampleEvents(): ExportEvent[] {
  const boot = { index: 0, device: "192.168.0.25", boot: 1, bootId: "0000000000002a" };
  return Array.from({ length: A_REQUEST }, (_, index) => ({
    kind: "event",
    boot,
    event: {
      event: "msg.recv",
      ts_mono_ms: 1000 + index * 7,
      connEpoch: index % 9,
      eventSeq: index,
      clientId: index % 40,
      msgType: "setLight",
      result: "ok",
      reason: "",
      payloadSummary: PAYLOAD,
      schemaVersion: "1.0.0",
    },
    deviceMs: 1000 + index * 7,
    unixMs: Date.UTC(2026, 0, 2) + index * 7,
    uncertaintyMs: 0,
  }));
}

function encodedAt(encode: () => Buffer): Omit<OtlpFigure, "what"> {
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const from = performance.now();
    for (let request = 0; request < REQUESTS; request++) bytes = encode().length;
    times.push(performance.now() - from);
  }
  ok(bytes > 20 * A_REQUEST, "records are in it");
  // The first round compiles.
  const median = times.slice(1).sort((a, b) => a - b)[ROUNDS >> 1]!;
  return { recordsPerSecond: (REQUESTS * A_REQUEST * 1000) / median, bytesPerRecord: bytes / A_REQUEST };
}

function writeCapture(): void {
  rmSync(FOLDER, { recursive: true, force: true });
  let now = 0;
  const telemetry = new Telemetry({ capacityBytes: 1 << 20, clock: { now: () => now++ | 0 } });
  const connection = telemetry.connect(1, "192.168.0.25");
  const type = telemetry.messageType("setLight");
  const writer = new CaptureWriter(FOLDER, { registry });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(PACKET_BYTES);
  for (let made = 1; made < EVENTS; made++) {
    connection.received(type, PAYLOAD);
    if (made % 1000 === 0 || made === EVENTS - 1)
      for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
        writer.write(buffer.subarray(0, length), Date.UTC(2026, 0, 2) + now);
  }
  writer.close();
  equal(reader.counters().drained, EVENTS, "drained");
}

async function seconds(args: readonly string[]): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, ["dist/host/cli.js", ...args], { stdio: "ignore" });
  const [status] = await once(child, "close");
  equal(status, 0, args[0]);
  return (performance.now() - from) / 1000;
}

/** The receiver, in this process, unpacks the requests after the forwarder has ended. */
async function forwarded(): Promise<Omit<OtlpFigure, "what">> {
  const bodies: Buffer[] = [];
  const server = createServer((request, answer) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      bodies.push(Buffer.concat(parts));
      answer.writeHead(200, { "content-type": "application/x-protobuf" }).end(Buffer.from([0x0a, 0x00]));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const took = await seconds(["forward", "--otlp", `http://127.0.0.1:${port}`, FOLDER]);
    const name = Buffer.from("log.record.uid");
    let records = 0;
    for (const body of bodies) {
      const bytes = gunzipSync(body);
      for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) records++;
    }
    equal(records, EVENTS, "records that arrived");
    const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
    return { recordsPerSecond: EVENTS / took, bytesPerRecord: bytes / EVENTS };
  } finally {
    server.close();
  }
}

export function otlpTable(found: readonly OtlpFigure[]): Table {
  return {
    title: `OpenTelemetry's LogRecords: msg.recv with ${PAYLOAD.length} characters; encoded ${number(A_REQUEST)} a request, commands with ${number(EVENTS)}`,
    head: ["", "records a second", "bytes a record"],
    rows: found.map(({ what, recordsPerSecond, bytesPerRecord }) => [
      what,
      number(recordsPerSecond),
      number(bytesPerRecord),
    ]),
  };
}
