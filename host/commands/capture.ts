import { existsSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { Collector, type CollectorCounters } from "../capture/collector.ts";
import { mustSuit, recover } from "../capture/earlier-parts.ts";
import { makeCaptureFolder } from "../capture/files.ts";
import { FolderLock, ownerDecided } from "../capture/lock.ts";
import { uuidsOf } from "../packet/packet.ts";
import type { LinkEvents } from "../receive/links/link.ts";
import type { Problem } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { ProblemLog } from "../text/problem-log.ts";
import { counted } from "../validate/report.ts";
import { CaptureForwarding } from "./capture-forwarding.ts";
import type { Context } from "./context.ts";
import { quotedPath } from "./info.ts";
import { deviceText } from "./io.ts";
import { listen } from "./listen.ts";
import { addRegistryOption, capturedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { addSourceOptions, integerFrom, SOURCE_HELP, type SourceOptions, sourceOf } from "./source.ts";
import { StatusLine } from "./status-line.ts";

const HELP = `${SOURCE_HELP}

A serial line, a board's server or standard input gives one capture. UDP or a broker gives a folder with one capture per device.
You can read a capture at any time, even after its process was killed. SIGINT and SIGTERM write everything, then end the process.
Use --append for a service: it continues in its folder, however the last process ended, and writes no packet twice.
Exit code 0: nothing was damaged; events may have been lost. 1: packets were damaged or refused; the good ones are captured.
2: the source was refused, or the folder could not be written.

Examples:
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/ --duration 60
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o /var/lib/xs-telemetry --append
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o captures/%Y-%m-%dT%H%M%S
  $ xs-telemetry capture --udp 9419 --host 0.0.0.0 -o captures/ \\
      --rotate 64M --keep 20
  $ xs-telemetry capture --mqtt mqtts://broker.example -o captures-1/ \\
      --group captures --client-id capture-1
  $ xs-telemetry capture --ws ws://192.168.0.7 -o capture/
  $ xs-telemetry capture --udp 9419 -o captures/ --append \\
      --forward http://localhost:4318
  $ cat serial.log | xs-telemetry capture --stdin -o capture/`;

interface Options extends SourceOptions, RegistryOption {
  readonly output: string;
  readonly append?: true;
  readonly rotate?: number;
  readonly keep?: number;
  readonly maxDevices?: number;
  readonly forward?: string;
}

export function addCapture(program: Command, context: Context): void {
  const command = program
    .command("capture")
    .summary("write packets from devices into a folder")
    .description("Writes packets and log text from devices into a capture folder, as they arrive.")
    .requiredOption(
      "-o, --output <folder>",
      "a new or empty folder, created once the source is open; %Y %m %d %H %M %S become the date and time (UTC)",
      (text) => dated(text, new Date()),
    );
  addRegistryOption(addSourceOptions(command))
    .option("--append", "continue in a folder that already holds a capture")
    .option("--rotate <size>", "start a new part of a boot after this many bytes, such as 64M", size)
    .option("--keep <parts>", "keep only the newest N parts of each device (default: all)", integerFrom(1, 9999))
    .option("--forward <url>", "also send the events to an OpenTelemetry Collector, as forward --follow does")
    .option("--max-devices <count>", "refuse devices beyond this number (default: 10000)", integerFrom(1, 1_000_000))
    .addHelpText("after", HELP)
    .action((options: Options) => runCapture(options, context));
}

/** Returns the name of a folder with the parts of a date filled in. Throws InvalidArgumentError. */
export function dated(text: string, date: Date): string {
  const [, Y, m, d, H, M, S] = /^([+-]?\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/.exec(date.toISOString())!;
  const parts: Readonly<Record<string, string | undefined>> = { Y, m, d, H, M, S, "%": "%" };
  if (text === "") throw new InvalidArgumentError("It is empty: name a folder.");
  return text.replace(/%(.?)/gsu, (found, letter) => {
    const part = parts[letter];
    if (part === undefined)
      throw new InvalidArgumentError(
        `${found} is unknown: use %Y %m %d %H %M %S for the date and time, and %% for a percent sign.`,
      );
    return part;
  });
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
const LEAST_PART_BYTES = 2 ** 16;

/** Bytes, with k, M or G for 2^10, 2^20 and 2^30. */
function size(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,12})([kMG]?)$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (bytes >= LEAST_PART_BYTES && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new InvalidArgumentError("Expected a number of bytes, 64k or more, such as 64M or 1G.");
}

async function runCapture(options: Options, context: Context): Promise<void> {
  const source = sourceOf(options);
  const registry = capturedRegistry(options, await registriesOf(options));
  const folder = nameOf(options.output);
  const status = new StatusLine(process.stderr, process.stderr.isTTY === true && process.env.TERM !== "dumb");
  let description = "the source";
  const problems = new ProblemLog((problem, device) =>
    status.above(() => context.sayProblem(problem, device === undefined ? description : deviceText(device))),
  );

  const forwarding = options.forward === undefined ? undefined : await CaptureForwarding.of(options, context, status);
  let made: Collector | undefined;
  let lock: FolderLock | undefined;
  // Not before the link is open, or brings something: a source that is refused leaves no folder.
  const collector = (): Collector => {
    if (made !== undefined) return made;
    const { append = false, rotate, keep, maxDevices } = options;
    const own = makeCaptureFolder(options.output, append);
    if (append) mustSuit(own.path, source.hasOneDevice);
    lock = new FolderLock(own.path);
    const add = (problem: Problem, device?: string) => problems.add(problem, device, Date.now());
    if (lock.takenOver !== undefined) {
      add({ code: "W_TAKEN_OVER", message: lock.takenOver.message, file: own.path });
      if (append) recover(own, uuidsOf(registry), lock.takenOver.atMs, add);
    }
    made = new Collector(own, {
      registry,
      onProblem: add,
      append,
      ...(rotate !== undefined && { rotateBytes: rotate }),
      ...(keep !== undefined && { keepParts: keep }),
      ...(maxDevices !== undefined && { mostDevices: maxDevices }),
      // A packet is written when it is taken: only then is it acknowledged to the broker.
      ...(!source.mayReorder && { reorderPackets: 0 }),
    });
    return made;
  };
  const events: LinkEvents = {
    packet: (device, packet, wallMs) => collector().packet(device, packet, wallMs),
    text: (device, line, wallMs) => collector().text(device, line, wallMs),
    problem: (problem, device) => problems.add(problem, device, Date.now()),
    say: (line) => status.above(() => context.say(line)),
  };
  try {
    if (existsSync(options.output)) {
      // Before the source is open, so that waiting for the owner loses nothing.
      await ownerDecided(options.output, (line) => context.say(line));
      collector();
    }
    const nothing = await listen({
      source,
      events,
      durationS: options.duration,
      opened: (opened, said) => {
        description = opened;
        collector();
        forwarding?.begin();
        context.say(`capturing: ${said}, into ${folder}`);
      },
      clockSet: (byMs, isSure) => made?.clockSet(byMs, isSure),
      tick: (wallMs) => {
        lock?.beat();
        collector().tick(wallMs);
        status.show(`${progress(collector().counters())} · ${description}`);
      },
    });
    made?.close();
    lock?.release();
    await forwarding?.end(made?.counters().events ?? 0);
    if (nothing !== undefined) problems.add(nothing, undefined, Date.now());
  } catch (error) {
    try {
      made?.close();
    } catch {
      // The first error must be reported.
    }
    throw error;
  } finally {
    forwarding?.close();
    status.end();
    if (problems.hasErrors) context.worsen(1);
    lock?.release();
    if (made !== undefined) {
      saySummary(made.counters(), problems.counts(), folder, context);
      if (made.counters().events > 0) context.say(`  next: xs-telemetry info ${quotedPath(options.output)}`);
    }
  }
}

function progress({ events, packets, devices, lostOnDevice, lostInTransit }: CollectorCounters): string {
  const counts = `${counted(events, "event")}, ${counted(packets, "packet")}, ${counted(devices, "device")}`;
  return `${counts} · lost ${lostOnDevice} on the device, ${lostInTransit} on the way`;
}

function saySummary(
  counters: CollectorCounters,
  problems: ReadonlyMap<string, number>,
  folder: string,
  context: Context,
): void {
  const { events, packets, devices, lines: text } = counters;
  context.say(
    `${folder}: ${counted(events, "event")}, ${counted(packets, "packet")}, ${counted(devices, "device")}` +
      (text > 0 ? `, ${counted(text, "line")} of log text` : ""),
  );
  const { repeated, late, stray } = counters;
  const { unwrittenLines, waiting } = counters;
  const lines: [count: number, said: string][] = [
    [unwrittenLines, `${counted(unwrittenLines, "line")} of log text not written`],
    [waiting, `${counted(waiting, "packet")} not written: still waiting for earlier ones`],
    [counters.lostOnDevice, `${counted(counters.lostOnDevice, "event")} lost on the device: overwritten or refused`],
    [counters.lostInTransit, `${counted(counters.lostInTransit, "event")} lost on the way, or in damaged packets`],
    [counters.missingPackets, `${counted(counters.missingPackets, "packet")} missing or damaged`],
    [
      counters.beforeFirstPacket,
      `${counted(counters.beforeFirstPacket, "event")} sent before the first packet of this recording`,
    ],
    [repeated + late, `${counted(repeated + late, "packet")} ignored: repeated, or too late`],
    [stray, `${counted(stray, "packet")} ignored: numbered far from all others`],
    [counters.refused, `${counted(counters.refused, "packet")} refused: from another registry or wire format`],
    [
      counters.damaged,
      `${counted(counters.damaged, "packet")} refused: damaged, not packets at all, or from too many boots`,
    ],
    [
      counters.ofRefusedDevices,
      `${counters.ofRefusedDevices} packets and lines refused: from devices beyond --max-devices`,
    ],
    [counters.givenUp, `${counted(counters.givenUp, "event")} deleted with old parts (--keep)`],
  ];
  for (const [count, said] of lines) if (count > 0) context.say(`  ${said}`);
  for (const [code, count] of problems) context.say(`  ${code}: ${counted(count, "time")}`);
}
