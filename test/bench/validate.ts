/**
 * Validating in Node, all checks, compared with a straightforward validator in Python that has only the schema checks, and with JSON.parse alone.
 * Commands that read the same trace, from start to end.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { Telemetry } from "xs-telemetry";
import { decode, registry } from "xs-telemetry/host";
import { IP, MESSAGE_TYPE, PAYLOADS } from "./case.ts";
import { CountingClock } from "./node/clock.ts";
import { outside } from "./outside.ts";
import { orElse, unmeasured } from "./parts.ts";
import type { Row, Say } from "./rows.ts";

/** So many that starting a process hardly matters. */
const EVENTS: Readonly<Record<number, number>> = { 0: 1_000_000, 100: 1_000_000 };
const ROUNDS = 3;
const TRACE = "dist/bench/validate.jsonl";
const CLIENTS = 4;
const MESSAGES_EACH = 50;

const PARSE_ALONE = `
let events = 0;
for (const line of require("fs").readFileSync(process.argv[1], "latin1").split("\\n"))
  if (line !== "") events += JSON.parse(line).clientId > 0 ? 1 : 0;
console.log(JSON.stringify({ events, badLines: [] }));`;

interface Found {
  readonly events: number;
  readonly badLines: readonly number[];
}

interface Contestant {
  readonly path: "validate" | "python" | "JSON.parse";
  readonly command: readonly string[];
  foundIn(output: string): Found;
}

const CONTESTANTS: readonly Contestant[] = [
  {
    path: "validate",
    command: [process.execPath, "dist/host/cli.js", "validate", "--format", "json"],
    foundIn(output) {
      const { events, issues } = JSON.parse(output) as { events: number; issues: { line: number }[] };
      return { events, badLines: [...new Set(issues.map(({ line }) => line))] };
    },
  },
  { path: "python", command: ["python3", "test/bench/validate.py"], foundIn: (output) => JSON.parse(output) },
  { path: "JSON.parse", command: [process.execPath, "-e", PARSE_ALONE], foundIn: (output) => JSON.parse(output) },
];

export async function measureValidate(say: Say): Promise<Row[]> {
  const { ensure } = await outside("build/machine.mjs");
  const available = await orElse(
    "validate: python",
    async () => {
      ensure("python3");
      return CONTESTANTS;
    },
    () => CONTESTANTS.filter(({ path }) => path !== "python"),
    say,
  );
  const rows: Row[] = [];
  for (const [chars, count] of Object.entries(EVENTS)) {
    const payloadChars = Number(chars);
    const lines = await traceOf(PAYLOADS[payloadChars], count);
    checkMistakes(lines.slice(0, 1000), available);
    writeFileSync(TRACE, `${lines.join("\n")}\n`);
    const ns = available.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      say(`validate: ${payloadChars} characters, round ${round + 1} of ${ROUNDS}, ${lines.length} lines`);
      for (const [index, contestant] of available.entries()) ns[index]!.push(await timed(contestant, lines.length));
    }
    for (const { path } of CONTESTANTS.filter((contestant) => !available.includes(contestant)))
      rows.push(...unmeasured("node", [{ path, event: "validate", payloadChars }]));
    for (const [index, { path }] of available.entries()) {
      const median = ns[index]!.sort((left, right) => left - right)[ROUNDS >> 1]!;
      const measured = { instructions: null, ns: Math.round(median), allocatedBytes: null, recordBytes: null };
      rows.push({ engine: "node", path, event: "validate", payloadChars, ...measured });
    }
    rmSync(TRACE);
  }
  return rows;
}

/** Clients that connect, exchange messages and leave, as the emitter records them and `decode` prints them. */
async function traceOf(payload: string | undefined, count: number): Promise<string[]> {
  const telemetry = new Telemetry({ capacityBytes: 1 << 20, clock: new CountingClock() });
  const token = telemetry.messageType(MESSAGE_TYPE);
  const reader = telemetry.reader();
  const packets: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  const drain = () => {
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
  };
  while (telemetry.counters().emitted < count) {
    const connections = Array.from({ length: CLIENTS }, (_, client) => telemetry.connect(client + 1, IP));
    for (const connection of connections) connection.connected();
    for (let turn = 0; turn < MESSAGES_EACH; turn++)
      for (const connection of connections) {
        connection.received(token, payload);
        connection.sent(token);
      }
    for (const connection of connections) connection.disconnected();
    drain();
  }
  const texts: string[] = [];
  for await (const item of decode(packets, { registry, output: "lines" }))
    if (item.kind === "lines") texts.push(Buffer.from(item.lines).toString());
  const lines = texts.join("").trimEnd().split("\n");
  equal(lines.length, telemetry.counters().emitted, "lines");
  return lines;
}

/** Both validators report the same lines of a trace with a mistake of every kind, so neither is fast because it checks less. */
function checkMistakes(lines: readonly string[], contestants: readonly Contestant[]): void {
  const mistakes: readonly ((line: string) => string)[] = [
    (line) => line.slice(0, -1),
    (line) => line.replace('"clientId":', '"client":'),
    (line) => line.replace(/"connEpoch":\d+/, '"connEpoch":"0"'),
    (line) => line.replace(/"connEpoch":\d+/, '"connEpoch":0.5'),
    (line) => line.replace(/"connEpoch":\d+/, '"connEpoch":-1'),
    (line) => line.replace(/"connEpoch":\d+/, '"connEpoch":true'),
    (line) => line.replace('"1.0.0"', '"9.9.9"'),
    (line) => line.replace('"event":"', '"event":"x'),
    (line) => line.replace("}", ',"more":1}'),
    () => "[]",
  ];
  const messages: readonly ((line: string) => string)[] = [
    (line) => line.replace('"ok"', '"rejected"'),
    (line) => line.replace('"reason":""', '"reason":"none"'),
    (line) => line.replace('"result":"ok","reason":""', '"result":"fine","reason":""'),
    (line) => line.replace(',"schemaVersion"', `,"payloadSummary":"${"x".repeat(101)}","schemaVersion"`),
  ];
  const isMessage = (line: string) => line.includes('"msg.recv"') && !line.includes("payloadSummary");
  const spoilt = [...lines];
  const expected: number[] = [];
  const spoil = (index: number, mistake: (line: string) => string) => {
    const before = spoilt[index]!;
    spoilt[index] = mistake(before);
    ok(spoilt[index] !== before, before);
    expected.push(index + 1);
  };
  mistakes.forEach((mistake, index) => {
    spoil(20 + 7 * index, mistake);
  });
  const places = spoilt.flatMap((line, index) => (index > 200 && isMessage(line) ? [index] : []));
  for (const [index, mistake] of messages.entries()) if (places.length > 0) spoil(places[5 * index]!, mistake);
  writeFileSync(TRACE, `${spoilt.join("\n")}\n`);
  for (const { path, command, foundIn } of contestants.filter((each) => each.path !== "JSON.parse")) {
    const { badLines } = foundIn(outputOf(command));
    deepEqual(badLines, expected, `lines that ${path} finds fault with`);
  }
}

function outputOf(command: readonly string[]): string {
  try {
    return execFileSync(command[0]!, [...command.slice(1), TRACE], { encoding: "utf8", maxBuffer: 1 << 26 });
  } catch (error) {
    // Exit code 1: the data is bad, as intended.
    const { status, stdout } = error as { status?: number; stdout?: string };
    if (status !== 1 || stdout === undefined) throw error;
    return stdout;
  }
}

/** A whole run, in ns per line; its output is checked. */
async function timed({ path, command, foundIn }: Contestant, lines: number): Promise<number> {
  const from = performance.now();
  const child = spawn(command[0]!, [...command.slice(1), TRACE], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const [status] = await once(child, "close");
  const ms = performance.now() - from;
  equal(status, 0, `exit code of ${command.join(" ")}`);
  deepEqual(foundIn(output), { events: lines, badLines: [] }, path);
  return (ms * 1e6) / lines;
}
