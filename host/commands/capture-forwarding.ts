/** capture --forward: what is captured is on the disk, and is sent from there. */
import type { Context } from "./context.ts";
import { ForwardWork, untilSignal } from "./forward.ts";
import { decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import type { StatusLine } from "./status-line.ts";

interface Options extends RegistryOption {
  readonly output: string;
  readonly forward?: string;
}

/** Whatever happens to it, capturing continues. */
export class CaptureForwarding {
  readonly #path: string;
  readonly #context: Context;
  readonly #work: ForwardWork;
  readonly #release: () => void;
  readonly #stopped = new AbortController();
  #following: Promise<boolean> | undefined;

  /** Throws TelemetryError (exit code 2) for a receiver, or variables, that cannot be used. */
  static async of(options: Options, context: Context, status: StatusLine): Promise<CaptureForwarding> {
    const registry = decodedRegistry(options, await registriesOf(options));
    const { ended, release } = untilSignal();
    const work = new ForwardWork(
      { otlp: options.forward!, flag: "--forward" },
      registry,
      context,
      status,
      ended.signal,
    );
    try {
      await work.open();
    } catch (error) {
      release();
      throw error;
    }
    return new CaptureForwarding(options.output, context, work, release);
  }

  private constructor(path: string, context: Context, work: ForwardWork, release: () => void) {
    this.#path = path;
    this.#context = context;
    this.#work = work;
    this.#release = release;
  }

  /** The folder exists. */
  begin(): void {
    this.#following = this.#attempt(() => this.#work.follow(this.#path, this.#stopped.signal));
  }

  /** The folder is complete. `events`: that were captured. */
  async end(events: number): Promise<void> {
    this.#stopped.abort();
    if ((await this.#following) && events > 0) await this.#attempt(() => this.#work.rest(this.#path, events));
  }

  close(): void {
    this.#stopped.abort();
    this.#release();
    this.#work.close();
  }

  /** Returns false if it failed, which is reported. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#context.fail(error);
      return false;
    }
  }
}
