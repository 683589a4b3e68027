import { type Command, InvalidArgumentError, Option } from "commander";
import picocolors from "picocolors";
import { registry as emitted } from "../generated/registry.ts";
import { type ReadEvent, type ReadItem, type ReadPlace, readEvents } from "../read/events.ts";
import { followFolder } from "../read/follow.ts";
import type { RegistryModel } from "../registry/model.ts";
import { nameOf } from "../text/io-error.ts";
import { type Context, isFolder } from "./context.ts";
import { EventRows } from "./event-rows.ts";
import { addFilterOptions, type FilterOptions, filterOf } from "./filters.ts";
import { deviceText, openCapture } from "./io.ts";
import { bootNote, gapNotes, resetNote } from "./notes.ts";
import { countedText } from "./numbers.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { usage } from "./source.ts";

const HELP = `
A repeated filter matches any of its values; different filters must all match. --since and --until take a time of day
("2026-11-28 03:54:15", RFC 3339, or "03:54" on any day) or a time since boot ("+1:02:03.5"). Reboots and gaps have rows of their
own. The time of day is known if the recording is a capture, or if its lines have it.
Exit code 0: good. 1: something is damaged, or there is no event. 2: the recording could not be read, or an option is wrong.

Examples:
  $ xs-telemetry show capture/
  $ xs-telemetry show capture/ --event msg.recv --reason rate_limit
  $ xs-telemetry show capture/ --device pump-7 --since "2026-11-28 03:54"
  $ xs-telemetry show --last 20 --follow capture/
  $ xs-telemetry decode capture/ | grep getStatus | xs-telemetry show -`;

export type Moment = { readonly kind: "boot" | "unix" | "clock"; readonly ms: number };

interface Options extends RegistryOption, FilterOptions {
  readonly since?: Moment;
  readonly until?: Moment;
  readonly last?: number;
  readonly delta?: boolean;
  readonly follow?: boolean;
  readonly uncertainty?: boolean;
  readonly format: "text" | "json";
}

export function addShow(program: Command, context: Context): void {
  const command = program
    .command("show")
    .summary("print the events for people, one row each")
    .description("Prints the events of a recording for people, one row each.")
    .argument("<recording>", "a capture folder, or a file of packets, frames or JSON lines; - for standard input");
  addFilterOptions(addRegistryOption(command))
    .option("--since <time>", "only events at or after this time", moment)
    .option("--until <time>", "only events at or before this time", moment)
    .option("--last <count>", "only the last <count> events", count)
    .option("--delta", "print the time since the previous event, instead of since boot")
    .option("--follow", "keep printing as the capture grows, until Ctrl-C")
    .option("--uncertainty", "print the uncertainty of every time of day, not only if it exceeds a second")
    .addOption(new Option("--format <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action((recording: string, options: Options) => runShow(recording, options, context));
}

async function runShow(path: string, options: Options, context: Context): Promise<void> {
  const registries = await registriesOf(options);
  const registry = decodedRegistry(options, registries);
  const view = new View(options, options.registry === undefined ? emitted : registry, context);
  if (options.follow && !isFolder(path))
    throw usage("--follow needs a capture folder; a pipe is followed anyway: leave --follow out");
  const settings = { registry, registries };
  const batches = options.follow
    ? followFolder(path, settings, () => view.caughtUp())
    : readEvents(await openCapture(path), settings);
  for await (const items of batches) {
    for (const item of items) {
      if (item.kind === "problem") {
        if (item.problem.code.startsWith("E_")) context.worsen(1);
        else if (item.problem.code === "W_LOST_IN_TRANSIT") continue; // a row says it
        context.sayProblem(item.problem, path);
      } else view.add(item);
    }
    if (context.output.isFull) await context.output.flush();
  }
  view.end(path);
}

/** Prints rows as they come; with `last` when all have come. */
class View {
  readonly #options: Options;
  readonly #context: Context;
  #rows: EventRows | undefined;
  /** It is printed, or not wanted. */
  #hasHeading = process.stdout.isTTY !== true;
  readonly #first: RegistryModel;
  readonly #filters = new Map<RegistryModel, (event: object) => boolean>();
  #place: ReadPlace | undefined;
  /** The boot with the last reported reset. */
  #resetOf = "";
  /** Gaps before the next event that is shown. */
  #gaps: string[] = [];
  #last: (() => string)[] = [];
  #shown = 0;
  #untimed = 0;
  /** Between lines. */
  #missing = 0;
  #events = 0;

  constructor(options: Options, registry: RegistryModel, context: Context) {
    this.#options = options;
    this.#context = context;
    this.#first = registry;
    this.#filters.set(registry, filterOf(options, registry));
  }

  add(item: Exclude<ReadItem, { kind: "problem" }>): void {
    const { place } = item;
    if (this.#options.device !== undefined && !this.#options.device.includes(place.device ?? "")) return;
    if (item.kind === "gap") {
      // Lines may have been left out on purpose: a row for each gap would hide the rest.
      if (item.causes === undefined) this.#missing += item.missing;
      else this.#gaps.push(...gapNotes(item.causes, place.device));
      return;
    }
    if (item.kind === "boot") {
      // Each reader reports it.
      const whose = JSON.stringify([place.device, place.boot, place.bootId]);
      if (whose !== this.#resetOf) this.#gaps.push(resetNote(item.record, place.device));
      this.#resetOf = whose;
      return;
    }
    this.#events++;
    if (!this.#isWanted(item)) return;
    this.#shown++;
    const row = this.#rowOf(item);
    const { last } = this.#options;
    if (last === undefined || this.isLive) this.#write(row());
    else {
      this.#last.push(row);
      if (this.#last.length >= 2 * last + 1000) this.#last = this.#last.slice(-last);
    }
  }

  /** From now on events are shown as they come. */
  isLive = false;

  /** Everything that is there for now has come. */
  caughtUp(): void {
    const { last } = this.#options;
    if (last !== undefined) for (const row of this.#last.slice(-last)) this.#write(row());
    this.#last = [];
    this.isLive = true;
  }

  end(path: string): void {
    this.caughtUp();
    if (this.#events === 0) {
      this.#context.worsen(1);
      this.#context.say(`${nameOf(path)}: E_EMPTY: there is no event in it`);
    } else if (this.#shown === 0)
      this.#context.say(`${nameOf(path)}: none of ${countedText(this.#events, "event")} fits the filters`);
    if (this.#missing > 0)
      this.#context.say(
        `  ${countedText(this.#missing, "event")} missing between these lines: lost, or left out of the file; the lines do not say which`,
      );
    if (this.#untimed > 0)
      this.#context.say(
        `  ${countedText(this.#untimed, "event")} left out: their time of day is unknown; --since +1:30 counts from boot`,
      );
  }

  #write(text: string): void {
    if (text === "") return;
    if (this.#options.format === "json") this.#context.output.writeLines(text);
    else this.#context.output.write(text);
  }

  #isWanted(item: ReadEvent): boolean {
    const { since, until } = this.#options;
    let filter = this.#filters.get(item.registry);
    if (filter === undefined) {
      filter = filterOf(this.#options, item.registry);
      this.#filters.set(item.registry, filter);
    }
    if (!filter(item.event)) return false;
    for (const [limit, sign] of [[since, 1] as const, [until, -1] as const]) {
      if (limit === undefined) continue;
      const ms = timeAs(limit.kind, item.deviceMs, item.wall?.unixMs ?? Number.NaN);
      if (Number.isNaN(ms)) {
        this.#untimed++;
        return false;
      }
      if ((ms - limit.ms) * sign < 0) return false;
    }
    return true;
  }

  #rowsFor({ device }: ReadPlace): EventRows {
    const { uncertainty = false, delta = false } = this.#options;
    this.#rows ??= new EventRows({
      colors: picocolors.createColors(this.#context.hasColor),
      columns: process.stdout.isTTY ? process.stdout.columns || 80 : undefined,
      hasDevices: device !== undefined,
      uncertainty,
      delta,
    });
    return this.#rows;
  }

  /** Decides what precedes the event; the row is made when it is shown. */
  #rowOf({ place, event, registry, line, deviceMs, wall }: ReadEvent): () => string {
    if (this.#options.format === "json") return () => `${line}\n`;
    const before = this.#place;
    const notes: string[] = [];
    const isOther = before === undefined || before.device !== place.device || before.boot !== place.boot;
    if (isOther && place.boot !== undefined) {
      const goesOn = before !== undefined && before.device === place.device && place.boot > (before.boot ?? 0);
      notes.push(`${goesOn ? bootNote(place.device, place.boot) : beginNote(place)}${dayText(wall)}`);
    }
    if (before !== undefined && before.reader !== place.reader && !isOther) notes.push(`reader ${place.reader}`);
    notes.push(...this.#gaps);
    this.#gaps = [];
    this.#place = place;
    return () => {
      const rows = this.#rowsFor(place);
      const heading = this.#hasHeading ? [] : [rows.heading(this.#first, wall !== undefined)];
      this.#hasHeading = true;
      if (isOther) rows.restart();
      const own = rows.event(event, registry, place.device, deviceMs, wall);
      return `${[...heading, ...notes.map((note) => rows.note(note)), own].join("\n")}\n`;
    };
  }
}

function beginNote({ device, boot }: ReadPlace): string {
  return device === undefined ? `boot ${boot}` : `${deviceText(device)}: boot ${boot}`;
}

function dayText(wall: ReadEvent["wall"]): string {
  if (wall === undefined) return "";
  const date = new Date(wall.unixMs);
  const two = (value: number) => String(value).padStart(2, "0");
  return `, ${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The time of an event in the form of a moment; NaN if it is unknown. */
export function timeAs(kind: Moment["kind"], deviceMs: number, unixMs: number): number {
  if (kind === "boot") return deviceMs;
  if (kind === "unix" || Number.isNaN(unixMs)) return unixMs;
  const date = new Date(unixMs);
  return ((date.getHours() * 60 + date.getMinutes()) * 60 + date.getSeconds()) * 1000 + date.getMilliseconds();
}

const CLOCK = /^(\+)?(?:(?:(\d+)d ?)?(?:(\d+):)?(\d+):)?(\d+(?:\.\d{1,3})?)$/;
const HOURS_AND_MINUTES = /^\d{1,2}:\d{2}$/;

/** `+1:02:03.5` since boot, `03:54` or `03:54:15` on any day, or a date with a time. */
export function moment(text: string): Moment {
  const clock = HOURS_AND_MINUTES.test(text) ? CLOCK.exec(`${text}:00`) : CLOCK.exec(text);
  if (clock !== null && (clock[1] !== undefined || text.includes(":"))) {
    const [, plus, days = 0, hours = 0, minutes = 0, seconds] = clock;
    const ms = (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return { kind: plus === undefined ? "clock" : "boot", ms: Math.round(ms) };
  }
  const unixMs = /^\d{4}-\d{2}-\d{2}/.test(text)
    ? Date.parse(text.includes(":") ? text.replace(" ", "T") : `${text}T00:00`)
    : Number.NaN;
  if (!Number.isNaN(unixMs)) return { kind: "unix", ms: unixMs };
  throw new InvalidArgumentError(
    'Expected a time of day, such as "2026-11-28 03:54:15" or 03:54, or a time since boot, such as +1:02:03.5.',
  );
}

function count(text: string): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("Expected a whole number from 1 to 9999999.");
}
