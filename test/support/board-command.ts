// A command that listens to a board, and the log that the board writes to its serial line once the command waits.
import { type ChildProcess, spawn } from "node:child_process";
import { until } from "./processes.ts";
import type { SerialLine } from "./pty.ts";

let child: ChildProcess | undefined;

/** Ends what the last call has started, if it is still running. */
export function endBoardCommand(): void {
  child?.kill();
}

/** Runs `xs-telemetry COMMAND --device …`; when it waits, the board writes its log line by line. Resolves when the command has ended. */
export async function listenToBoard(
  line: SerialLine,
  command: string,
  log: readonly string[],
  options: readonly string[],
) {
  const args = ["dist/host/cli.js", command, "--device", line.hostPath, ...options];
  const started = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  child = started;
  const said = { stdout: "", stderr: "" };
  started.stdout.on("data", (text) => (said.stdout += text));
  started.stderr.on("data", (text) => (said.stderr += text));
  const ended = new Promise<number | null>((resolve) => started.on("close", resolve));
  await until("the command to wait", () => said.stderr.includes("waiting for the board") || started.exitCode !== null);
  await line.write(log.map((text) => `${text}\r\n`).join(""));
  return { status: await ended, ...said };
}
