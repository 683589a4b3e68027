// The command line as shipped, run as a process of its own.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { endsWithUs, until } from "./processes.ts";

/** The path of the command, for who runs it otherwise: under `script`, say. */
export const COMMAND = resolve(JSON.parse(readFileSync("package.json", "utf8")).bin["xs-telemetry"]);

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * In front of a command: takes from root what lets it read, and listen, where nobody else may; others have nothing of that.
 * Root goes on as root: another user might not get into the folder that the command stands in.
 */
export const WITHOUT_PRIVILEGES: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];

/** A run that goes on until it ends by itself, or is ended. */
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

  /** Waits until it has said this on stderr. Fails, with the last that it has said, if it ends or 20 s pass before. */
  async said(pattern: RegExp): Promise<void> {
    await this.until(`${pattern}`, () => pattern.test(this.stderr));
  }

  /** Waits for what is looked for while it runs. */
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
