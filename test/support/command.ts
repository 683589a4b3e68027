// The shipped command line, run in a separate process.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { endsWithUs, until } from "./processes.ts";

/** The path of the command, for other ways to run it, such as `script`. */
export const COMMAND = resolve(JSON.parse(readFileSync("package.json", "utf8")).bin["xs-telemetry"]);

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Prefix for a command: removes the privileges with which root may read, and listen, where nobody else may; other users have none. Root stays root,
 * because another user might not get into the folder of the command.
 */
export const WITHOUT_PRIVILEGES: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];

/** A run that continues until it ends by itself, or is ended. */
export class Run {
  stdout = "";
  stderr = "";
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;

  /** `prefix`: a command that runs the command, such as WITHOUT_PRIVILEGES. */
  constructor(args: readonly string[], options: SpawnOptions = {}, prefix: readonly string[] = []) {
    const [file, ...rest] = [...prefix, process.execPath, COMMAND, ...args];
    this.child = endsWithUs(spawn(file!, rest, options));
    this.child.stdout?.on("data", (text) => (this.stdout += text));
    this.child.stderr?.on("data", (text) => (this.stderr += text));
    this.child.stdin?.on("error", () => {});
    this.outcome = new Promise((done) =>
      this.child.once("close", (status, signal) => done({ status, signal, stdout: this.stdout, stderr: this.stderr })),
    );
  }

  /** Waits until it has printed this on stderr. Fails, with its last output, if it ends first or 20 s pass. */
  async said(pattern: RegExp): Promise<void> {
    await this.until(`${pattern}`, () => pattern.test(this.stderr));
  }

  /** Waits for a condition while it runs. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    try {
      await until(what, () => {
        if (isSo()) return true;
        if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`ended before ${what}`);
        return false;
      });
    } catch (error) {
      const end = (text: string) => (text.length > 2000 ? `… ${text.slice(-2000)}` : text);
      throw new Error(`${(error as Error).message}; stdout: ${end(this.stdout)}; stderr: ${end(this.stderr)}`);
    }
  }

  /** Ends it by a signal. */
  end(signal: NodeJS.Signals = "SIGINT"): Promise<Outcome> {
    this.child.kill(signal);
    return this.outcome;
  }
}

/** Runs the command to its end. */
export function run(
  args: readonly string[],
  input: string | Uint8Array = "",
  options: SpawnOptions = {},
  prefix: readonly string[] = [],
): Promise<Outcome> {
  const started = new Run(args, options, prefix);
  started.child.stdin?.end(input);
  return started.outcome;
}
