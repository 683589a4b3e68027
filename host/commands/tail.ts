import { type Command, Option } from "commander";
import picocolors from "picocolors";
import { EventText } from "../decode/event-text.ts";
import { LiveDecoder, type LiveEvents, type LiveTotals } from "../decode/live-decoder.ts";
import { type BootRecord, bootText } from "../packet/boot-record.ts";
import type { DecodedEvent } from "../packet/records.ts";
import type { LinkEvents } from "../receive/links/link.ts";
import type { WallTime } from "../receive/wall-clock.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { oneLineEach, quotedList, visible, visibleLines } from "../text/lines.ts";
import { ProblemLog } from "../text/problem-log.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { deviceText, formatProblem } from "./io.ts";
import { listen } from "./listen.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { addSourceOptions, integerFrom, SOURCE_HELP, type SourceOptions, sourceOf, usage } from "./source.ts";
import { StatusLine } from "./status-line.ts";

const HELP = `${SOURCE_HELP}
Each event is a line: the time of day, as exactly as it is known; the device; the time since boot; what the event says. Log text
stands between them, dimmed. Filters of one kind widen the choice, those of several kinds narrow it.
Exit code 0: nothing was damaged, whatever was lost. 1: packets were damaged. 2: the source was refused or broke.

Examples:
  $ xs-telemetry tail --serial /dev/ttyUSB0
  $ xs-telemetry tail --udp 9419 --host 0.0.0.0 --event msg.recv --reason rate_limit
  $ xs-telemetry tail --mqtt mqtts://broker.example --device kitchen --no-log
  $ xs-telemetry tail --serial /dev/ttyUSB0 --format json | head -100 | xs-telemetry validate -`;

interface Options extends SourceOptions, RegistryOption {
  readonly event?: readonly string[];
  readonly client?: readonly number[];
  readonly reason?: readonly string[];
  readonly device?: readonly string[];
  readonly log: boolean;
  readonly format: "text" | "json";
}

export function addTail(program: Command, context: Context): void {
  const command = program
    .command("tail")
    .summary("events of devices, live")
    .description("Prints the events of devices as they come.");
  addRegistryOption(addSourceOptions(command))
    .option("--event <name>", "only events of this name; again for another", gathered(String))
    .option("--client <id>", "only events of this client; again for another", gathered(integerFrom(0, 2 ** 32 - 1)))
    .option("--reason <name>", "only events with this reason; again for another", gathered(String))
    .option("--device <name>", "only this device; again for another", gathered(String))
    .option("--no-log", "no log text")
    .addOption(new Option("--format <format>", "of the events").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action((options: Options) => runTail(options, context));
}

function gathered<T>(parse: (text: string) => T) {
  return (text: string, before: readonly T[] = []) => [...before, parse(text)];
}

async function runTail(options: Options, context: Context): Promise<void> {
  const source = sourceOf(options);
  if (options.device !== undefined && source.hasOneDevice)
    throw usage("--device chooses among several devices, but this source has one only: leave it out");
  const registry = decodedRegistry(options, await registriesOf(options));
  const isWanted = filterOf(options, registry);
  const screen = new Screen(options, source.hasOneDevice, registry, context);
  const problems = new ProblemLog((problem, device) => screen.problem(problem, device));
  const decoder = new LiveDecoder({
    registry,
    ...(!source.mayReorder && { reorderPackets: 0 }),
    reorderMs: REORDER_MS,
    onEvents({ device, lines, problems: found, lostOnDevice, timeOf, boot }) {
      for (const problem of found) problems.add(problem, device, Date.now());
      if (boot) screen.boot(boot, device, timeOf);
      if (lostOnDevice > 0) screen.lost(lostOnDevice, device);
      for (const line of lines) {
        const event: DecodedEvent = JSON.parse(line);
        if (isWanted(event)) screen.event(line, event, device, timeOf);
      }
    },
  });
  const isFollowed = (device: string | undefined) => device === undefined || (options.device?.includes(device) ?? true);
  const rate = new Rate();

  /** Whether it must be passed over: a device does not wait for whoever reads our output. The gap is told as one on the way. */
  const isTooMuch = (): boolean => {
    if (context.output.waitingBytes < MOST_WAITING_BYTES) return false;
    const message = `${MOST_WAITING_BYTES >> 20} MB of output are not read: until they are, what comes is passed over`;
    problems.add({ code: "W_OUTPUT_WAITS", message }, undefined, Date.now());
    return true;
  };
  const events: LinkEvents = {
    packet(device, packet, wallMs) {
      if (isFollowed(device) && !isTooMuch()) decoder.push(device, packet, wallMs);
    },
    text(device, line, wallMs) {
      if (isFollowed(device) && !isTooMuch()) screen.text(line, device, wallMs);
    },
    room: () => context.output.room(),
    problem(problem, device) {
      if (isFollowed(device)) problems.add(problem, device, Date.now());
    },
    say: (line) => screen.say(line),
  };
  try {
    const nothing = await listen({
      source,
      events,
      durationS: options.duration,
      opened: (description, said) => {
        screen.open(description, said);
        screen.status(decoder.totals(), 0);
      },
      clockSet: (byMs, isSure) => decoder.clockSet(byMs, isSure),
      tick: (wallMs) => {
        decoder.tick(wallMs);
        const totals = decoder.totals();
        screen.status(totals, rate.of(totals.events, wallMs));
      },
    });
    decoder.end();
    // Who ends it by hand has seen what there is.
    const isBounded = options.stdin === true || options.duration !== undefined;
    if (isBounded && nothing !== undefined) problems.add(nothing, undefined, Date.now());
  } finally {
    screen.close();
    if (problems.hasErrors) context.worsen(1);
  }
  context.say(summary(decoder.totals()));
  for (const [code, count] of problems.counts()) context.say(`  ${code}: ${counted(count, "time")}`);
}

/** Which events are shown. Throws TelemetryError E_USAGE if the registry has no such event, client or reason. */
function filterOf(options: Options, registry: RegistryModel): (event: DecodedEvent) => boolean {
  const tests: [key: string, wanted: readonly unknown[]][] = [];
  const add = (flag: string, key: string | undefined, wanted: readonly unknown[], known?: readonly string[]) => {
    if (key === undefined) throw usage(`${flag}: the registry has no attribute of that kind`);
    const unknown = known && wanted.filter((value) => !known.includes(String(value)));
    if (known && unknown!.length > 0)
      throw usage(`${flag} ${quotedList(unknown!)} is not in the registry; it has ${quotedList(known)}`);
    tests.push([key, wanted]);
  };
  const { attributes } = registry;
  const standingFor = (key: string) =>
    attributes.find((attribute) => attribute.key === key || attribute.sameAs === key);
  const { event, client, reason } = options;
  if (event)
    add(
      "--event",
      attributes.find(({ from }) => from === "event_name")?.key,
      event,
      registry.events.map(({ name }) => name),
    );
  if (client) add("--client", standingFor("clientId")?.key, client);
  if (reason) {
    const attribute = standingFor("reason");
    add(
      "--reason",
      attribute?.key,
      reason,
      attribute?.members.map(({ value }) => value).filter((value) => value !== ""),
    );
  }
  return (decoded) => {
    const values = decoded as unknown as Readonly<Record<string, unknown>>;
    return tests.every(([key, wanted]) => wanted.includes(values[key]));
  };
}

/** Colours, and the erase-line that tools write beside them: log text has them for a terminal of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const COLOURS = /\x1b\[[0-9;:]*[mK]/g;
const MOST_DEVICE_CHARS = 24;
const LOG_INDENT = " ".repeat(2);
const TIME_CHARS = "14:03:22.123 ±999ms".length;
/** Who watches waits no longer for a datagram that others have overtaken. */
const REORDER_MS = 300;

/** Output that a slow reader may leave unread. */
const MOST_WAITING_BYTES = 16 << 20;

/** The terminal, or the pipe. */
class Screen {
  readonly #options: Options;
  readonly #hasOneDevice: boolean;
  readonly #context: Context;
  readonly #colors: ReturnType<typeof picocolors.createColors>;
  readonly #text: EventText;
  readonly #status: StatusLine;
  readonly #isTerminal = process.stdout.isTTY === true;
  #description = "";
  #deviceChars = 0;
  /** Written together: a burst is one write. */
  #pending = "";

  constructor(options: Options, hasOneDevice: boolean, registry: RegistryModel, context: Context) {
    this.#options = options;
    this.#hasOneDevice = hasOneDevice;
    this.#context = context;
    this.#colors = picocolors.createColors(context.hasColor);
    this.#text = new EventText(registry, this.#colors);
    this.#status = new StatusLine(process.stdout, this.#isTerminal && process.env.TERM !== "dumb");
  }

  open(description: string, said: string): void {
    this.#description = description;
    this.say(`listening: ${said}`);
    if (!this.#isTerminal || this.#options.format === "json") return;
    const device = this.#hasOneDevice ? "" : "device  ";
    this.#write(this.#colors.dim(`${"time of day".padEnd(TIME_CHARS)}  ${device}${this.#text.heading}`));
  }

  event(line: string, event: DecodedEvent, device: string | undefined, timeOf: LiveEvents["timeOf"]): void {
    if (this.#options.format === "json") this.#write(this.#isTerminal ? visibleLines(line) : oneLineEach(line));
    else this.#write(`${this.#place(timeOf(this.#text.timeOf(event)), device)}${this.#text.line(event)}`);
  }

  text(line: string, device: string | undefined, wallMs: number): void {
    if (!this.#options.log || this.#options.format === "json") return;
    const shown = visible(line.replace(COLOURS, "")).trimEnd();
    this.#write(`${this.#place({ unixMs: wallMs, uncertaintyMs: 0 }, device)}${LOG_INDENT}${this.#colors.dim(shown)}`);
  }

  lost(events: number, device: string | undefined): void {
    if (this.#options.format === "json") return;
    const said = `${counted(events, "event")} lost on the device: overwritten or refused`;
    this.#write(`${this.#place(undefined, device)}${LOG_INDENT}${this.#colors.yellow(said)}`);
  }

  boot(record: BootRecord, device: string | undefined, timeOf: LiveEvents["timeOf"]): void {
    if (this.#options.format === "json") return;
    const said = `booted: ${bootText(record)}`;
    this.#write(`${this.#place(timeOf(record.timeMs), device)}${LOG_INDENT}${this.#colors.yellow(said)}`);
  }

  problem(problem: Problem, device: string | undefined): void {
    this.say(formatProblem(problem, device === undefined ? this.#description : deviceText(device)));
  }

  /** A line for people. */
  say(line: string): void {
    this.#flush();
    this.#status.above(() => this.#context.say(line));
  }

  status(totals: LiveTotals, eventsPerSecond: number): void {
    this.#flush();
    const { lostOnDevice, lostInTransit, ringFill, devices } = totals;
    const parts = [
      `${eventsPerSecond} events/s`,
      `lost ${lostOnDevice} on the device, ${lostInTransit} on the way`,
      ...(ringFill === undefined ? [] : [`ring ${Math.round(ringFill * 100)} % full`]),
      ...(this.#hasOneDevice ? [] : [counted(devices, "device")]),
      this.#description, // last: a narrow terminal cuts it
    ];
    this.#status.show(parts.join(" · "));
  }

  close(): void {
    this.#flush();
    this.#status.end();
  }

  #place(wall: WallTime | undefined, device: string | undefined): string {
    const time = wall === undefined ? "".padEnd(TIME_CHARS) : wallText(wall).padEnd(TIME_CHARS);
    if (device === undefined) return `${time}  `;
    const shown = deviceText(device);
    this.#deviceChars = Math.max(this.#deviceChars, Math.min(MOST_DEVICE_CHARS, shown.length));
    return `${time}  ${this.#colors.cyan(shown.padEnd(this.#deviceChars))}  `;
  }

  #write(line: string): void {
    if (!this.#isTerminal) {
      this.#context.output.write(`${line}\n`);
      return;
    }
    if (this.#pending === "") setImmediate(() => this.#flush());
    this.#pending += `${line}\n`;
  }

  #flush(): void {
    const text = this.#pending;
    if (text === "") return;
    this.#pending = "";
    this.#status.above(() => process.stdout.write(text));
  }
}

/** Events a second, over the last second. */
class Rate {
  #fromMs = 0;
  #fromEvents = 0;
  #perSecond = 0;

  of(events: number, wallMs: number): number {
    const elapsedMs = wallMs - this.#fromMs;
    if (elapsedMs >= 1000) {
      if (this.#fromMs > 0) this.#perSecond = Math.round(((events - this.#fromEvents) * 1000) / elapsedMs);
      this.#fromMs = wallMs;
      this.#fromEvents = events;
    }
    return this.#perSecond;
  }
}

/** `14:03:22.123 ±4ms`, in the time zone of whoever looks; without the uncertainty if it is 0. */
function wallText({ unixMs, uncertaintyMs }: WallTime): string {
  const date = new Date(unixMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
  if (uncertaintyMs === 0) return time;
  return `${time} ±${uncertaintyMs < 1000 ? `${uncertaintyMs}ms` : `${Math.ceil(uncertaintyMs / 1000)}s`}`;
}

function summary(totals: LiveTotals): string {
  const { events, packets, devices, lostOnDevice, lostInTransit, repeated, unnamedTokens } = totals;
  const lines = [`${counted(events, "event")}, ${counted(packets, "packet")}, ${counted(devices, "device")}`];
  if (lostOnDevice > 0) lines.push(`${counted(lostOnDevice, "event")} lost on the device: overwritten or refused`);
  if (lostInTransit > 0) lines.push(`${counted(lostInTransit, "event")} lost on the way, or in damaged packets`);
  if (unnamedTokens > 0) lines.push(`${counted(unnamedTokens, "message type")} without a name: "" stands for it`);
  if (repeated > 0) lines.push(`${counted(repeated, "packet")} passed over: came again, or too late`);
  return lines.join("\n  ");
}
