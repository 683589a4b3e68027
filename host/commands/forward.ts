/** forward: sends recordings to an OpenTelemetry receiver. */
import { statSync } from "node:fs";
import type { Command } from "commander";
import type { Exporter } from "../export/exporter.ts";
import type { ExportItem } from "../export/source.ts";
import type { Forwarding, RecordingForwarding } from "../forward/forwarding.ts";
import type { SenderCounters } from "../forward/sender.ts";
import type { RegistryModel } from "../registry/model.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { ProblemLog } from "../text/problem-log.ts";
import { counted } from "../validate/report.ts";
import { type Context, isFolder, REGISTRIES } from "./context.ts";
import { bytesDone, checkOutput, openCapture } from "./io.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { usage } from "./source.ts";
import { StatusLine } from "./status-line.ts";

const HELP = `
Sends LogRecords over OTLP/HTTP as compressed protobuf: one request at a time, in order. A file beside each recording,
.forwarded-….json, keeps the position. Run the command again after a crash, or when the recording has grown: it sends what is new.
Each event arrives at least once; one that arrives twice has the same log.record.uid. A receiver that is busy or cannot be reached
is tried again until it takes the records. A request refused with status 413, or 400 in OTLP's form, is halved until only the bad
records are left.
Refused records go to --dead-letter; without it, the command ends.

These variables are read, as OTEL_EXPORTER_OTLP_… or OTEL_EXPORTER_OTLP_LOGS_…: ENDPOINT, HEADERS, COMPRESSION, TIMEOUT,
CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, PROTOCOL; also OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. Put secrets there:
other users of this machine can see options.

Exit code 0: everything was delivered. 1: something is damaged, there is no event, or records were refused; the good part was
delivered. 2: the receiver refuses requests, or was not reached before the command was stopped; a file could not be read or written; an option is
wrong.

Examples:
  $ xs-telemetry forward --otlp http://localhost:4318 capture/
  $ xs-telemetry forward --otlp https://collector.example fleet/ --follow \\
      --ca ca.pem --cert me.pem --key me.key
  $ export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318
  $ xs-telemetry forward capture/ --dead-letter refused.jsonl`;

export interface ReceiverFlags {
  readonly header?: readonly string[];
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly deadLetter?: string;
}

interface Options extends RegistryOption, ReceiverFlags {
  readonly otlp?: string;
  readonly follow?: true;
  readonly schemaVersion?: string;
}

export function addForward(program: Command, context: Context): void {
  const known = REGISTRIES.map(({ schemaVersion }) => schemaVersion).join(", ");
  const command = program
    .command("forward")
    .summary("send recordings to an OpenTelemetry Collector")
    .description("Sends the events of recordings to an OpenTelemetry receiver, each at least once.")
    .argument("<recordings...>", "capture folders, or files of packets, frames or JSON lines; - for standard input")
    .option("--otlp <url>", "the receiver, such as http://localhost:4318; the default path is /v1/logs")
    .option("--follow", "keep sending as capture folders grow, until SIGINT or SIGTERM")
    .option(
      "--header <line>",
      "a header, 'name: value'; repeat for more",
      (line: string, before: readonly string[] = []) => [...before, line],
    )
    .option("--ca <file>", "certificate (PEM) of the authority that signed the receiver's")
    .option("--cert <file>", "this client's certificate (PEM)")
    .option("--key <file>", "the key of --cert (PEM)")
    .option(
      "--dead-letter <file>",
      "append records that are refused for good to this file, as OTLP JSON, and continue",
    );
  addRegistryOption(command)
    .option(
      "--schema-version <version>",
      `schema version of the names: ${known}; with --registry, one of its versions (default: as decode)`,
    )
    .addHelpText("after", HELP)
    .action((recordings: readonly string[], options: Options) => runForward(recordings, options, context));
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** SIGINT, SIGTERM or SIGHUP triggers `ended`; a second one ends the process at once. */
export function untilSignal(): { readonly ended: AbortController; readonly release: () => void } {
  const ended = new AbortController();
  const release = () => {
    for (const signal of SIGNALS) process.off(signal, end);
  };
  const end = () => {
    release();
    ended.abort();
  };
  for (const signal of SIGNALS) process.on(signal, end);
  return { ended, release };
}

async function runForward(paths: readonly string[], options: Options, context: Context): Promise<void> {
  const { follow = false } = options;
  if (follow)
    for (const path of paths) if (!isFolder(path)) throw usage(`--follow ${nameOf(path)}: name capture folders`);
  const twice = paths.find((path, index) => paths.findIndex((each) => isSameFile(each, path)) < index);
  if (twice !== undefined) throw usage(`${nameOf(twice)} is named twice: name each recording once`);
  if (options.deadLetter !== undefined) for (const path of paths) checkOutput(path, options.deadLetter);
  const registry = decodedRegistry(options, await registriesOf(options));
  const { ended, release } = untilSignal();
  const status = new StatusLine(process.stderr, process.stderr.isTTY === true && process.env.TERM !== "dumb");
  const work = new ForwardWork(options, registry, context, status, ended.signal);
  try {
    if (follow) await Promise.all(paths.map((path) => work.follow(path)));
    else for (const path of paths) await work.forward(path);
    await work.finish();
  } catch (error) {
    // What was read before the failure is good and is sent. If the receiver has failed, its error is the one below.
    await work.finish().catch(() => {});
    // The other followed recordings end, too.
    ended.abort();
    throw error;
  } finally {
    work.close();
    release();
  }
}

/** The work of forward, and of capture --forward. */
export class ForwardWork {
  readonly #options: ReceiverFlags & { readonly otlp?: string; readonly flag?: string };
  readonly #registry: RegistryModel;
  readonly #context: Context;
  readonly #status: StatusLine;
  readonly #ended: AbortSignal;
  readonly #problems: ProblemLog;
  #forwarding: Forwarding | undefined;
  #counters: SenderCounters = { requests: 0, tries: 0, delivered: 0, rejected: 0, deadLetters: 0 };
  #events = 0;
  #missing = 0;
  #known = 0;
  #sentEvents = 0;
  /** Events of further readers. */
  #repeated = 0;

  constructor(
    options: ReceiverFlags & { readonly otlp?: string; readonly flag?: string },
    registry: RegistryModel,
    context: Context,
    status: StatusLine,
    ended: AbortSignal,
  ) {
    this.#options = options;
    this.#registry = registry;
    this.#context = context;
    this.#status = status;
    this.#ended = ended;
    this.#problems = new ProblemLog((problem, path) =>
      status.above(() => context.sayProblem(problem, path ?? "forward")),
    );
  }

  /** Sends a recording as it is. `isRest`: it is read to its end even after a signal, to know whether something is left. */
  async forward(path: string, isRest = false): Promise<void> {
    const { exportItems } = await import("../export/source.ts");
    const forwarding = await this.open();
    let own: RecordingForwarding | undefined;
    const before = this.#events;
    // What writes to standard input may be quiet for long.
    const leave = () => void (path === "-" && process.stdin.destroy());
    this.#ended.addEventListener("abort", leave, { once: true });
    if (this.#ended.aborted) leave();
    try {
      let read = "";
      const recording = await openCapture(path, (input) => {
        read = bytesDone(input);
      });
      own = forwarding.recording(canKeep(path) ? path : undefined, isFolder(path));
      for await (const items of exportItems(recording, this.#registry)) {
        await own.add(this.#taken(items, path));
        this.#status.show(`forward ${nameOf(path)}: ${read === "" ? "" : `${read}, `}${this.#progress()}`);
        if (this.#ended.aborted && !isRest) throw unfinished();
      }
      await own.end();
    } catch (error) {
      if (isRest || !this.#ended.aborted || forwarding.failed.aborted) throw error;
      await forwarding.flush();
      throw unfinished();
    } finally {
      this.#ended.removeEventListener("abort", leave);
      this.#known += own?.known ?? 0;
      this.#sentEvents += own?.sentEvents ?? 0;
    }
    if (this.#events === before && !this.#problems.counts().has("E_EMPTY"))
      this.#problem({ code: "E_EMPTY", message: "there is no event in it" }, path);
  }

  /** Sends a capture folder as it grows, until the command or `stopped` ends it. */
  async follow(path: string, stopped = this.#ended): Promise<void> {
    const { followedItems } = await import("../export/source.ts");
    const forwarding = await this.open();
    const own = forwarding.recording(path, true);
    const over = AbortSignal.any([stopped, forwarding.failed]);
    const caughtUp = () => this.#context.say(`forwarding ${nameOf(path)} as it grows; ${this.#progress()} so far`);
    for await (const items of followedItems(path, this.#registry, caughtUp, over)) {
      await own.add(this.#taken(items, path));
      this.#status.show(`forward ${nameOf(path)}: ${this.#progress()}`);
    }
    if (forwarding.failed.aborted) await forwarding.flush();
    await own.end();
    this.#known += own.known;
    this.#sentEvents += own.sentEvents;
  }

  /** Sends what is left of a followed folder that is complete now. `captured`: the events that were captured into it. */
  async rest(path: string, captured: number): Promise<void> {
    await this.finish();
    this.#forwarding?.save();
    const followed = this.#events;
    this.#events = 0;
    this.#missing = 0;
    try {
      await this.forward(path, true);
      await this.finish();
    } finally {
      // What was followed may be deleted by now, or not be read again.
      this.#events = Math.max(this.#events, followed);
      this.#known = 0;
    }
    const count = captured - this.#repeated - this.#sentEvents;
    if (count <= 0) return;
    const message = `at least ${counted(count, "event")} captured, but deleted before they were sent: raise --keep or --rotate, so that more can wait for the receiver`;
    this.#problem({ code: "E_GIVEN_UP", message, count }, path);
  }

  /** Resolves when everything is delivered. Fails as Forwarding.flush(). */
  async finish(): Promise<void> {
    await this.#forwarding?.flush();
  }

  /** Keeps the position, and prints the summary, however the work ended. */
  close(): void {
    this.#status.end();
    const forwarding = this.#forwarding;
    if (forwarding === undefined) return;
    this.#forwarding = undefined;
    if (this.#problems.hasErrors) this.#context.worsen(1);
    for (const [code, count] of this.#problems.counts())
      if (count > 1) this.#context.say(`  ${code}: ${counted(count, "time")}`);
    if (this.#events > 0) this.#context.say(this.#summary());
    forwarding.close();
  }

  /** Throws as receiverOf, and TelemetryError E_WRITE. */
  async open(): Promise<Forwarding> {
    if (this.#forwarding !== undefined) return this.#forwarding;
    const { receiverOf } = await import("../forward/receiver.ts");
    const { identityFrom } = await import("../export/otlp-identity.ts");
    const { Forwarding } = await import("../forward/forwarding.ts");
    this.#forwarding ??= new Forwarding({
      receiver: receiverOf(this.#options, process.env),
      registry: this.#registry,
      identity: identityFrom(process.env),
      deadLetter: this.#options.deadLetter,
      onProblem: (problem) => this.#problem(problem),
      ended: this.#ended,
    });
    this.#counters = this.#forwarding.counters;
    return this.#forwarding;
  }

  #taken(items: readonly ExportItem[], path: string): Parameters<Exporter["add"]>[0] {
    return items.filter((item): item is Parameters<Exporter["add"]>[0][number] => {
      if (item.kind === "problem") {
        this.#problem(item.problem, path);
        if (item.problem.code === "W_READER") this.#repeated += item.problem.count ?? 0;
      } else if (item.kind === "event") this.#events++;
      else if (item.kind === "gap") this.#missing += item.missing;
      return item.kind !== "problem" && item.kind !== "summary";
    });
  }

  #problem(problem: Parameters<ProblemLog["add"]>[0], path?: string): void {
    this.#problems.add(problem, path, Date.now());
  }

  #progress(): string {
    const { delivered, deadLetters } = this.#counters;
    const refused = deadLetters === 0 ? "" : `, ${deadLetters} to the dead-letter file`;
    return `${counted(delivered, "record")} delivered${refused}`;
  }

  #summary(): string {
    const { delivered, rejected, deadLetters, requests, tries } = this.#counters;
    const more = [
      [this.#known, `${counted(this.#known, "record")} delivered by earlier runs`],
      [rejected, `${rejected} rejected by the receiver`],
      [deadLetters, `${deadLetters} to the dead-letter file`],
      [this.#missing, `${counted(this.#missing, "event")} missing; the records show where`],
      [tries - requests, `tried again ${counted(tries - requests, "time")}`],
    ] as const;
    const said = more.filter(([count]) => count > 0).map(([, text]) => `; ${text}`);
    return `${counted(this.#events, "event")} read; ${counted(delivered, "record")} delivered in ${counted(requests, "request")}${said.join("")}`;
  }
}

/** Of two names. */
function isSameFile(a: string, b: string): boolean {
  if (a === b || a === "-" || b === "-") return a === b;
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

/** Beside a pipe or a device nothing can be kept. */
function canKeep(path: string): boolean {
  return path !== "-" && (isFolder(path) || statSync(path).isFile());
}

function unfinished(): TelemetryError {
  return new TelemetryError("E_UNSENT", "ended before everything was read: run it again to continue from here", 2);
}
