/** What specs of the command line share: runs in a folder of their own, and what they are given. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Reason } from "xs-telemetry";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { registry } from "../../host/generated/registry.ts";
import { COMMAND } from "./command.ts";
import { drain, emitter } from "./emit.ts";

export const GOOD =
  '{"event":"ws.connected","ts_mono_ms":1,"connEpoch":0,"eventSeq":0,"clientId":4,"schemaVersion":"1.0.0"}';
export const BAD = GOOD.replace('"clientId":4', '"clientId":"4"');
export const UNDECLARED = GOOD.replace("}", ',"ip":"0.0.0.0"}');

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Records a few events on a ring that overwrites some, and returns the packets. */
export function packets(): Uint8Array[] {
  let now = 1000;
  const clock = {
    now: () => {
      now += 3;
      return now;
    },
  };
  const { telemetry, reader } = emitter({ capacityBytes: 1024, bootId: 42, clock });
  const found: Uint8Array[] = [];
  const getStatus = telemetry.messageType("getStatus");
  for (let round = 0; round < 30; round++) {
    const connection = telemetry.connect(round, "10.0.0.1");
    connection.connected();
    connection.received(getStatus, '{"type":"getStatus"}');
    connection.rejected(Reason.rateLimit, getStatus);
    connection.disconnected();
    if (round < 10 || round >= 20) found.push(...drain(reader, 1024));
  }
  return found;
}

export async function outcomeOf(child: ChildProcess, input: string | Uint8Array = ""): Promise<Outcome> {
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (said.stdout += chunk));
  child.stderr?.on("data", (chunk) => (said.stderr += chunk));
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const [status] = await once(child, "close");
  return { status, ...said };
}

/** The command, run in a folder that exists during the cases of a `describe`; call it inside one. */
export function commandFolder() {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function start(args: readonly string[], options: SpawnOptions = {}, nodeArgs: readonly string[] = []): ChildProcess {
    return spawn(process.execPath, [...nodeArgs, COMMAND, ...args], { cwd: folder, ...options });
  }

  function run(args: readonly string[], input: string | Uint8Array = ""): Promise<Outcome> {
    return outcomeOf(start(args), input);
  }

  function shell(line: string, env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
    const child = spawn("sh", ["-c", line], { cwd: folder, env: { ...env, NODE: process.execPath, COMMAND } });
    return outcomeOf(child);
  }

  function write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(folder, name), content);
    return name;
  }

  function writeCapture(name: string, content: readonly Uint8Array[]): string {
    const writer = new CaptureWriter(join(folder, name), { registry });
    for (const packet of content) writer.write(packet);
    writer.close();
    return name;
  }

  return { path: (...names: string[]) => join(folder, ...names), start, run, shell, write, writeCapture };
}
