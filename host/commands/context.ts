/** What a run of the command line shares: its output, and its result. */
import { statSync } from "node:fs";
import { registries } from "../generated/registry.ts";
import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { nameOf, tooManyFiles } from "../text/io-error.ts";
import { visibleLines } from "../text/lines.ts";
import { formatProblem, Output, Progress } from "./io.ts";

export type ExitCode = 0 | 1 | 2;

/** The known schema versions, the newest last. */
export const REGISTRIES: readonly RegistryModel[] = registries;

/** Also false for a path that does not exist: openInput reports that. */
export function isFolder(path: string): boolean {
  try {
    return path !== "-" && statSync(path).isDirectory();
  } catch {
    return false;
  }
}

export class Context {
  readonly output = new Output(process.stdout);
  #exitCode: ExitCode = 0;

  /** 0 good, 1 the data is bad, 2 usage or I/O: the worst so far. */
  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  worsen(exitCode: ExitCode): void {
    if (exitCode > this.#exitCode) this.#exitCode = exitCode;
  }

  /** A line for people, on stderr. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** A problem in the data; the work continues. */
  sayProblem(problem: Problem, path: string): void {
    this.say(formatProblem(problem, path));
  }

  /** An error that ends a command, or its work on one file. */
  fail(failure: unknown): void {
    const error = tooManyFiles(failure) ?? failure;
    if (error instanceof TelemetryError) {
      this.say(`xs-telemetry: ${error.code}: ${visibleLines(error.message)}`);
      this.worsen(error.exitCode);
    } else {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.say(`xs-telemetry: E_INTERNAL: this is a bug in xs-telemetry, please report it: ${visibleLines(said)}`);
      this.worsen(2);
    }
  }

  /** `writesAsItReads`: results that go to the same terminal show the progress themselves. */
  progress(command: string, path: string, writesAsItReads: boolean): Progress {
    return new Progress(`${command} ${nameOf(path)}`, !(writesAsItReads && process.stdout.isTTY));
  }

  /** On a terminal, and not disabled. */
  get hasColor(): boolean {
    return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  }
}
