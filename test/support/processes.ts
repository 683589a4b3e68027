// Programs that specs start, and never leave running.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

/** Resolves when `isSo` is true, which is checked every few milliseconds. Fails after a minute, naming what was awaited. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited a minute for ${what}`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A port of loopback on which nothing listens: until somebody else takes it. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Makes sure that a child ends with this process at the latest. */
export function endsWithUs(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** A program that runs until stop(). It ends with this process at the latest. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #said = "";

  constructor(name: string, args: readonly string[]) {
    this.#name = name;
    this.#child = endsWithUs(spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] }));
    this.#child.stdout?.on("data", (text) => (this.#said += text));
    this.#child.stderr?.on("data", (text) => (this.#said += text));
    this.#child.on("error", (error) => (this.#said += error.message));
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Waits until the program is ready. Fails with its output if it ends first. */
  async ready(isReady: () => boolean | Promise<boolean>): Promise<void> {
    await until(`${this.#name} to be ready`, async () => {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null) throw new Error(`${this.#name} has ended: ${this.#said}`);
      return isReady();
    });
  }

  /** Resolves when it has ended. Fails, and kills it, if it has not done so after 20 s. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await this.#closed;
    clearTimeout(late);
    if (signal !== "SIGKILL" && this.#child.signalCode === "SIGKILL")
      throw new Error(`${this.#name} did not end by ${signal} within 20 s: ${this.#said}`);
  }
}
