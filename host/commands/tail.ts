import { type Command, Option } from "commander";
import picocolors from "picocolors";
import { LiveDecoder, type LiveEvents, type LiveTotals } from "../decode/live-decoder.ts";
import type { Gap } from "../decode/types.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import type { BootPlace } from "../packet/line-context.ts";
import type { LinkEvents } from "../receive/links/link.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { oneLineEach, visible, visibleLines } from "../text/lines.ts";
import { ProblemLog } from "../text/problem-log.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { EventRows } from "./event-rows.ts";
import { addFilterOptions, type FilterOptions, filterOf } from "./filters.ts";
import { deviceText, formatProblem } from "./io.ts";
import { listen } from "./listen.ts";
import { bootNote, gapNotes, resetNote } from "./notes.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { addSourceOptions, SOURCE_HELP, type SourceOptions, sourceOf, usage } from "./source.ts";
import { StatusLine } from "./status-line.ts";
import { addWithOption, type WithOption } from "./with.ts";

const HELP = `${SOURCE_HELP}

Each event is one line: time of day, as precisely as it is known; device; time since boot; what happened. Log text appears between
the events, dimmed. A repeated filter matches any of its values; different filters must all match.
Exit code 0: nothing was damaged; events may have been lost. 1: packets were damaged. 2: the source was refused, or failed.

Examples:
  $ xs-telemetry tail --serial /dev/ttyUSB0
  $ xs-telemetry tail --udp 9419 --host 0.0.0.0 --reason rate_limit
  $ xs-telemetry tail --mqtt mqtts://broker.example --device kitchen --no-log
  $ export XS_TELEMETRY_WS_TOKEN=…
  $ xs-telemetry tail --ws wss://board.example/telemetry
  $ xs-telemetry tail --serial /dev/ttyUSB0 --format json | head -100 |
      xs-telemetry validate -`;

interface Options extends SourceOptions, RegistryOption, FilterOptions, WithOption {
  readonly log: boolean;
  readonly uncertainty?: boolean;
  readonly format: "text" | "json";
}

export function addTail(program: Command, context: Context): void {
  const command = program
    .command("tail")
    .summary("print events live, as devices send them")
    .description("Prints events live, as devices send them.");
  addWithOption(addFilterOptions(addRegistryOption(addSourceOptions(command))))
    .option("--no-log", "print no log text")
    .option("--uncertainty", "print the uncertainty of every time of day, not only if it exceeds a second")
    .addOption(new Option("--format <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action((options: Options) => runTail(options, context));
}

async function runTail(options: Options, context: Context): Promise<void> {
  const source = sourceOf(options);
  if (options.device !== undefined && source.hasOneDevice)
    throw usage("--device chooses among several devices, but this source has only one: leave it out");
  const registry = decodedRegistry(options, await registriesOf(options));
  const isWanted = filterOf(options, registry);
  const screen = new Screen(options, source.hasOneDevice, registry, context);
  const { format, with: choice = format === "json" ? "auto" : "none" } = options;
  const problems = new ProblemLog((problem, device) => screen.problem(problem, device));
  const decoder = new LiveDecoder({
    registry,
    with: choice,
    ...(!source.mayReorder && { reorderPackets: 0 }),
    reorderMs: REORDER_MS,
    onEvents({ device, place, lines, problems: found, gap, timeOf, boot }) {
      for (const problem of found) problems.add(problem, device, Date.now());
      if (place !== undefined) screen.place(place);
      if (boot !== undefined) screen.boot(boot, device);
      if (gap !== undefined) screen.lost(gap, device);
      for (const line of lines) {
        const event: Readonly<Record<string, unknown>> = JSON.parse(line);
        if (isWanted(event)) screen.event(line, event, device, timeOf);
      }
    },
  });
  const isFollowed = (device: string | undefined) => device === undefined || (options.device?.includes(device) ?? true);
  const rate = new Rate();

  /**
   * Whether it must be dropped: a device does not wait for the reader of this output. The gap is reported as lost on
   * the way.
   */
  const isTooMuch = (): boolean => {
    if (context.output.waitingBytes < MOST_WAITING_BYTES) return false;
    const message = `${MOST_WAITING_BYTES >> 20} MB of output wait for their reader: new events are dropped until it catches up`;
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
    // A user who ends it by hand has seen what there is.
    const isBounded = options.stdin === true || options.duration !== undefined;
    if (isBounded && nothing !== undefined) problems.add(nothing, undefined, Date.now());
  } finally {
    screen.close();
    if (problems.hasErrors) context.worsen(1);
  }
  context.say(summary(decoder.totals()));
  for (const [code, count] of problems.counts()) context.say(`  ${code}: ${counted(count, "time")}`);
}

/** Colours, and the erase-line sequence that tools write beside them: log text contains them for its own terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const COLOURS = /\x1b\[[0-9;:]*[mK]/g;
/** A person watching does not wait longer for an overtaken datagram. */
const REORDER_MS = 300;

/** The most output that a slow reader may leave unread. */
const MOST_WAITING_BYTES = 16 << 20;

/** The most devices with a remembered boot. */
const MOST_BOOTS = 16_384;

/** The terminal, or the pipe. */
class Screen {
  readonly #options: Options;
  readonly #hasOneDevice: boolean;
  readonly #context: Context;
  readonly #rows: EventRows;
  readonly #registry: RegistryModel;
  readonly #status: StatusLine;
  readonly #isTerminal = process.stdout.isTTY === true;
  #description = "";
  /** The current boot of each device, the oldest first. */
  readonly #boots = new Map<string | undefined, number>();
  /** Written together: a burst is one write. */
  #pending = "";

  constructor(options: Options, hasOneDevice: boolean, registry: RegistryModel, context: Context) {
    this.#options = options;
    this.#hasOneDevice = hasOneDevice;
    this.#context = context;
    this.#registry = registry;
    this.#rows = new EventRows({
      colors: picocolors.createColors(context.hasColor),
      columns: this.#isTerminal ? process.stdout.columns || 80 : undefined,
      hasDevices: !hasOneDevice,
      uncertainty: options.uncertainty ?? false,
      delta: false,
    });
    this.#status = new StatusLine(process.stdout, this.#isTerminal && process.env.TERM !== "dumb");
  }

  open(description: string, said: string): void {
    this.#description = description;
    this.say(`listening: ${said}`);
    if (!this.#isTerminal || this.#options.format === "json") return;
    this.#write(this.#rows.heading(this.#registry, true));
  }

  event(
    line: string,
    event: Readonly<Record<string, unknown>>,
    device: string | undefined,
    timeOf: LiveEvents["timeOf"],
  ): void {
    if (this.#options.format === "json") this.#write(this.#isTerminal ? visibleLines(line) : oneLineEach(line));
    else {
      const deviceMs = this.#rows.textOf(this.#registry).timeOf(event);
      this.#write(this.#rows.event({ ...event }, this.#registry, device, deviceMs, timeOf(deviceMs)));
    }
  }

  text(line: string, device: string | undefined, wallMs: number): void {
    if (!this.#options.log || this.#options.format === "json") return;
    const shown = visible(line.replace(COLOURS, "")).trimEnd();
    this.#write(this.#rows.log(shown, device, { unixMs: wallMs, uncertaintyMs: 0 }));
  }

  /** Whose events come next: a change of the boot is reported. */
  place({ device, boot, bootId }: BootPlace): void {
    const before = this.#boots.get(device);
    if (before === bootId) return;
    this.#boots.delete(device);
    this.#boots.set(device, bootId);
    if (this.#boots.size > MOST_BOOTS) this.#boots.delete(this.#boots.keys().next().value);
    if (before !== undefined && this.#options.format === "text") this.#write(this.#rows.note(bootNote(device, boot)));
  }

  lost(gap: Gap, device: string | undefined): void {
    if (this.#options.format === "text") for (const said of gapNotes(gap, device)) this.#write(this.#rows.note(said));
  }

  boot(record: BootRecord, device: string | undefined): void {
    if (this.#options.format === "text") this.#write(this.#rows.note(resetNote(record, device)));
  }

  problem(problem: Problem, device: string | undefined): void {
    this.say(formatProblem(problem, device === undefined ? this.#description || "the source" : deviceText(device)));
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
      this.#description, // last, because a narrow terminal cuts it
    ];
    this.#status.show(parts.join(" · "));
  }

  close(): void {
    this.#flush();
    this.#status.end();
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

/** Events per second, over the last second. */
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

function summary(totals: LiveTotals): string {
  const { events, packets, devices, lostOnDevice, lostInTransit, repeated, unnamedTokens } = totals;
  const lines = [`${counted(events, "event")}, ${counted(packets, "packet")}, ${counted(devices, "device")}`];
  if (lostOnDevice > 0) lines.push(`${counted(lostOnDevice, "event")} lost on the device: overwritten or refused`);
  if (lostInTransit > 0) lines.push(`${counted(lostInTransit, "event")} lost on the way, or in damaged packets`);
  if (unnamedTokens > 0) lines.push(`${counted(unnamedTokens, "message type")} without a name: written as ""`);
  if (repeated > 0) lines.push(`${counted(repeated, "packet")} ignored: repeated, or too late`);
  return lines.join("\n  ");
}
