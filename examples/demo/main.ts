// `npm run demo`: a real WebSocket server and real clients, telemetry drained to a capture folder, decoded, validated, and the
// same calls played again inside XS, where every byte must be the same.
import { createWriteStream, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { CaptureWriter, decodePath, registry, Validator } from "xs-telemetry/host";
import { bundleForXs, engine } from "../../test/support/xs.ts";
import { runClients } from "./clients.ts";
import { Recorder } from "./recorder.ts";
import { startServer } from "./server.ts";
import { Tally, table } from "./summary.ts";
import { measureThroughput } from "./throughput.ts";

const CAPACITY_BYTES = 16_384;
const DRAIN_EVERY_MS = 25;

function fail(message: string): never {
  console.error(`demo: ${message}`);
  process.exit(1);
}

function startCapture(): CaptureWriter {
  try {
    return new CaptureWriter(captureFolder, {
      registry,
      onProblem: (problem) => fail(`${problem.code}: ${problem.message}`),
    });
  } catch (error) {
    console.error(`demo: ${(error as Error).message}`);
    process.exit(2);
  }
}

const DEFAULT_OUT = "dist/demo";

function parseOut(): string {
  try {
    return parseArgs({ options: { out: { type: "string" } } }).values.out ?? DEFAULT_OUT;
  } catch (error) {
    console.error(`demo: ${(error as Error).message}. Usage: npm run demo -- [--out DIR]`);
    process.exit(2);
  }
}

const out = parseOut();
const captureFolder = join(out, "capture");
const traceFile = join(out, "trace.jsonl");
// Remains of an earlier run may go; anything else in its place stays, and the capture is refused.
if (existsSync(captureFolder) && readdirSync(captureFolder).every((name) => /^boot-\d{4}-/.test(name)))
  rmSync(captureFolder, { recursive: true });

// 1. Real traffic.
console.log("clients talk to a WebSocket server on loopback …");
const recorder = new Recorder(CAPACITY_BYTES);
const capture = startCapture();
const drain = () => {
  for (const packet of recorder.drain()) capture.write(packet);
};
const timer = setInterval(drain, DRAIN_EVERY_MS);
const server = await startServer(recorder);
await runClients(server.port);
await server.close();
clearInterval(timer);
drain();
capture.close();
const counters = recorder.telemetry.counters();

// 2. Decode and validate.
const tally = new Tally();
const validator = new Validator({ registries: [registry], strict: true });
const trace = createWriteStream(traceFile);
let lost = 0;
for await (const item of decodePath(captureFolder, { registry })) {
  if (item.kind === "problem") fail(`the capture does not decode: ${item.problem.code}: ${item.problem.message}`);
  if (item.kind === "summary")
    lost = item.summary.lostOnDevice + item.summary.lostInTransit + item.summary.beforeFirstPacket;
  if (item.kind !== "events") continue;
  for (const event of item.events) {
    const line = `${JSON.stringify(event)}\n`;
    tally.add(event, Buffer.byteLength(line));
    validator.checkEvent(event, tally.events);
    trace.write(line);
  }
}
trace.end();
await finished(trace);
const [issue] = validator.takeIssues();
if (issue) fail(`${validator.errorCount} issues in ${traceFile}; line ${issue.line}: ${issue.code}: ${issue.message}`);
if (counters.emitted !== tally.events + lost || counters.pending !== 0)
  fail(`${counters.emitted} events emitted, but ${tally.events} decoded, ${lost} lost, ${counters.pending} pending`);

// 3. The same calls inside XS, in TypeScript and in C.
const scriptFile = join(out, "calls.json");
const ascii = JSON.stringify(recorder.script).replace(
  /[\u0080-\uffff]/g,
  (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
);
writeFileSync(scriptFile, ascii);
console.log("the same calls are played again inside XS, the engine of the device; the first time it is compiled …");
const replay = await bundleForXs("examples/demo/replay.ts", "dist/xs/replay.js");
for (const variant of ["typescript", "native"] as const) {
  const { status, stdout, stderr } = await (await engine("host", variant)).run(replay, [scriptFile]);
  if (status !== 0) fail(`XS, ${variant}, ended with exit code ${status}: ${stderr}`);
  const replayed = stdout.trim().split("\n");
  const differing = recorder.packets.findIndex((packet, index) => packet !== replayed[index]);
  if (differing >= 0 || replayed.length !== recorder.packets.length)
    fail(
      `XS, ${variant}, wrote ${replayed.length} packets, Node ${recorder.packets.length}; packet ${differing} differs:\n${recorder.packets[differing]}\n${replayed[differing]}`,
    );
}

// 4. The summary.
const packetBytes = recorder.packets.reduce((sum, packet) => sum + packet.length / 2, 0);
const recordBytes = recorder.recordBytes;
const perEvent = (bytes: number) => (bytes / tally.events).toFixed(1);
const { emitNs, drainNs, decodedEventsPerSecond } = await measureThroughput();

console.log(`
events by kind
${table([...tally.byKind].sort())}

connections ${tally.connections.size} of ${tally.clients.size} clients; events ${tally.events}; lost ${lost}
counters ${counters.emitted} emitted = ${counters.drained} drained + ${counters.overwritten} overwritten + ${counters.discarded} discarded + ${counters.pending} pending

bytes an event
${table([
  ["records in the ring", perEvent(recordBytes)],
  ["packets, headers and token names included", perEvent(packetBytes)],
  ["the same events as JSON lines", perEvent(tally.jsonBytes)],
])}

throughput of Node on this machine, msg.recv without payload
${table([
  ["emit, ns an event", emitNs.toFixed(0)],
  ["drain, ns an event", drainNs.toFixed(0)],
  ["decode to JSON lines, events a second", Math.round(decodedEventsPerSecond).toLocaleString("en")],
])}

valid: every event follows registry ${registry.schemaVersion}
identical: ${recorder.packets.length} packets, ${packetBytes} bytes, the same from Node and from XS, in TypeScript and in C, for the same calls and clock readings

${captureFolder}  the capture: babeltrace2 ${JSON.stringify(captureFolder)}
${traceFile}  its events as JSON lines
${scriptFile}  the calls and clock readings
`);
