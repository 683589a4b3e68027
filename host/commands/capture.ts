import { type Command, InvalidArgumentError } from "commander";
import { Collector, type CollectorCounters } from "../capture/collector.ts";
import { claimFolder, releaseFolder } from "../capture/files.ts";
import type { LinkEvents } from "../receive/links/link.ts";
import { nameOf } from "../text/io-error.ts";
import { ProblemLog } from "../text/problem-log.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { quotedPath } from "./info.ts";
import { deviceText } from "./io.ts";
import { listen } from "./listen.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { addSourceOptions, integerFrom, SOURCE_HELP, type SourceOptions, sourceOf } from "./source.ts";
import { StatusLine } from "./status-line.ts";

const HELP = `${SOURCE_HELP}
From a serial line or standard input the folder is one capture; from UDP or a broker it holds a capture for each device. What is
written can be read at any moment, also after the process was killed; SIGINT and SIGTERM end it with everything written.
Exit code 0: nothing was damaged, whatever was lost. 1: packets were damaged or refused; the good ones are captured. 2: the source
was refused, or the folder could not be written.

Examples:
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/
  $ xs-telemetry capture --udp 9419 --host 0.0.0.0 -o captures/ --rotate 64M --keep 20
  $ xs-telemetry capture --mqtt mqtts://broker.example --group captures --client-id capture-1 -o captures-1/
  $ cat serial.log | xs-telemetry capture --stdin -o capture/
  $ xs-telemetry capture --serial /dev/ttyUSB0 -o capture/ --duration 60 && xs-telemetry decode capture/`;

interface Options extends SourceOptions, RegistryOption {
  readonly output: string;
  readonly rotate?: number;
  readonly keep?: number;
  readonly maxDevices?: number;
}

export function addCapture(program: Command, context: Context): void {
  const command = program
    .command("capture")
    .summary("packets of devices into a capture folder")
    .description("Writes the packets of devices into a capture folder as they come, and log text beside them.")
    .requiredOption("-o, --output <folder>", "a new or empty folder; made once the source is open");
  addRegistryOption(addSourceOptions(command))
    .option("--rotate <size>", "begin a further part of a boot after so many bytes, such as 64M", size)
    .option("--keep <parts>", "keep so many parts of a device, the newest (default: all)", integerFrom(1, 9999))
    .option("--max-devices <count>", "refuse further devices (default: 10000)", integerFrom(1, 1_000_000))
    .addHelpText("after", HELP)
    .action((options: Options) => runCapture(options, context));
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
const LEAST_PART_BYTES = 2 ** 16;

/** Bytes, with k, M or G for 2^10, 2^20 and 2^30. */
function size(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,12})([kMG]?)$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (bytes >= LEAST_PART_BYTES && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new InvalidArgumentError("Expected bytes, 64k or more, such as 64M or 1G.");
}

async function runCapture(options: Options, context: Context): Promise<void> {
  const source = sourceOf(options);
  const registry = decodedRegistry(options, await registriesOf(options));
  const folder = nameOf(options.output);
  const status = new StatusLine(process.stderr, process.stderr.isTTY === true && process.env.TERM !== "dumb");
  let description = "";
  const problems = new ProblemLog((problem, device) =>
    status.above(() => context.sayProblem(problem, device === undefined ? description : deviceText(device))),
  );

  let made: Collector | undefined;
  // Not before the link stands, or brings something: a source that is refused leaves no folder.
  const collector = (): Collector => {
    if (made !== undefined) return made;
    const { rotate, keep, maxDevices } = options;
    const collector = new Collector(options.output, {
      registry,
      onProblem: (problem, device) => problems.add(problem, device, Date.now()),
      ...(rotate !== undefined && { rotateBytes: rotate }),
      ...(keep !== undefined && { keepParts: keep }),
      ...(maxDevices !== undefined && { mostDevices: maxDevices }),
      // A packet is written when it is taken: only then is the broker told.
      ...(!source.mayReorder && { reorderPackets: 0 }),
    });
    claimFolder(options.output);
    made = collector;
    return made;
  };
  const events: LinkEvents = {
    packet: (device, packet, wallMs) => collector().packet(device, packet, wallMs),
    text: (device, line, wallMs) => collector().text(device, line, wallMs),
    problem: (problem, device) => problems.add(problem, device, Date.now()),
    say: (line) => status.above(() => context.say(line)),
  };
  try {
    await listen({
      source,
      events,
      durationS: options.duration,
      opened: (opened) => {
        description = opened;
        collector();
        context.say(`capturing: ${opened}, into ${folder}`);
      },
      clockSet: (byMs) => made?.clockSet(byMs),
      tick: (wallMs) => {
        collector().tick(wallMs);
        status.show(`${progress(collector().counters())} · ${description}`);
      },
    });
    made?.close();
  } catch (error) {
    try {
      made?.close();
    } catch {
      // What went wrong first is what must be said.
    }
    throw error;
  } finally {
    status.end();
    if (problems.hasErrors) context.worsen(1);
    if (made !== undefined) {
      releaseFolder(options.output);
      saySummary(made.counters(), problems.counts(), folder, context);
      if (made.counters().events > 0) context.say(`  go on with: xs-telemetry info ${quotedPath(options.output)}`);
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
    [waiting, `${counted(waiting, "packet")} that waited for others not written`],
    [counters.lostOnDevice, `${counted(counters.lostOnDevice, "event")} lost on the device: overwritten or refused`],
    [counters.lostInTransit, `${counted(counters.lostInTransit, "event")} lost on the way, or in damaged packets`],
    [counters.missingPackets, `${counted(counters.missingPackets, "packet")} missing or damaged`],
    [counters.beforeFirstPacket, `${counted(counters.beforeFirstPacket, "event")} sent before the first packet here`],
    [repeated + late, `${counted(repeated + late, "packet")} passed over: came again, or too late`],
    [stray, `${counted(stray, "packet")} passed over: with a number far from all others`],
    [counters.refused, `${counted(counters.refused, "packet")} refused: of another registry or wire format`],
    [
      counters.damaged,
      `${counted(counters.damaged, "packet")} refused: damaged, no packet at all, or of too many boots`,
    ],
    [
      counters.ofRefusedDevices,
      `${counters.ofRefusedDevices} packets and lines refused: of devices beyond --max-devices`,
    ],
    [counters.givenUp, `${counted(counters.givenUp, "event")} deleted with old parts, as --keep says`],
  ];
  for (const [count, said] of lines) if (count > 0) context.say(`  ${said}`);
  for (const [code, count] of problems) context.say(`  ${code}: ${counted(count, "time")}`);
}
