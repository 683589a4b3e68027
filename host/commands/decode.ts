import type { Command } from "commander";
import type { DecodeItem, DecodeSummary } from "../decode/types.ts";
import { registry as written } from "../generated/registry.ts";
import type { RegistryModel } from "../registry/model.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import { type Context, REGISTRIES } from "./context.ts";
import { openCapture } from "./io.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { addWithOption, type WithOption } from "./with.ts";

const HELP = `
The recording is a capture folder, the folder of one of its boots, or a folder of captures. Or it is a file: packets as the device
wrote them, a serial log with frames in it, or a flash image, gzipped or not. Its bytes decide which, not its name.
Losses and damage are reported on standard error.
Exit code 0: nothing is damaged; events may have been lost. 1: packets are damaged, or there are none; the good ones are decoded.
2: the recording could not be read, or an option is wrong.

Examples:
  $ xs-telemetry decode capture/ > trace.jsonl
  $ cat packets.bin | xs-telemetry decode -
  $ xs-telemetry decode --schema-version 2.0.0 capture/ > trace-2.jsonl
  $ xs-telemetry decode --registry sensor.yaml capture/
  $ xs-telemetry decode capture/ | xs-telemetry validate -`;

interface Options extends RegistryOption, WithOption {
  readonly schemaVersion?: string;
}

export function addDecode(program: Command, context: Context): void {
  const known = REGISTRIES.map(({ schemaVersion }) => schemaVersion).join(", ");
  const command = program
    .command("decode")
    .summary("print the events as JSON lines")
    .description("Prints the events of a recording as JSON lines, attributes in the registry's order.")
    .argument("<recording>", "a capture folder, or a file of packets or frames; - for standard input");
  addWithOption(addRegistryOption(command))
    .option(
      "--schema-version <version>",
      `schema version of the output: ${known} (default: ${written.schemaVersion}); with --registry, one of its versions (default: the newest)`,
    )
    .addHelpText("after", HELP)
    .action((capture: string, options: Options) => runDecode(capture, options, context));
}

async function runDecode(capture: string, options: Options, context: Context): Promise<void> {
  const registry = decodedRegistry(options, await registriesOf(options));
  await printItems(await decodedItems(capture, registry, options), "decode", capture, context);
}

/** Returns the events of any recording as batches of lines. */
export async function decodedItems(
  capture: string,
  registry: RegistryModel,
  { with: choice = "auto" }: WithOption,
): Promise<AsyncIterable<DecodeItem>> {
  return (await openCapture(capture)).items({ registry, output: "batches", with: choice });
}

/** Prints batches of lines; problems and the summary go to standard error. */
export async function printItems(
  items: AsyncIterable<DecodeItem>,
  name: string,
  capture: string,
  context: Context,
): Promise<void> {
  const progress = context.progress(name, capture, true);
  let events = 0;
  try {
    for await (const item of items) {
      if (item.kind === "batch") {
        events += item.count;
        progress.update(() => counted(events, "event"));
        context.output.writeLines(item.lines, true);
        await context.output.flush(); // the next batch overwrites this one
      } else if (item.kind === "problem") {
        progress.clear();
        if (item.problem.code.startsWith("E_")) context.worsen(1);
        context.sayProblem(item.problem, capture);
      } else if (item.kind === "summary") {
        progress.clear();
        saySummary(item.summary, events, capture, context);
      }
    }
  } finally {
    progress.clear();
  }
}

function saySummary(summary: DecodeSummary, events: number, capture: string, context: Context): void {
  const { packets, boots } = summary;
  context.say(
    `${nameOf(capture)}: ${counted(events, "event")}, ${counted(packets, "packet")}, ${counted(boots, "boot")}`,
  );
  const lines: [count: number, said: string][] = [
    [summary.lostOnDevice, `${counted(summary.lostOnDevice, "event")} lost on the device: overwritten or refused`],
    [
      summary.suppressed ?? 0,
      `${counted(summary.suppressed ?? 0, "message")} beyond the device's limits, not recorded`,
    ],
    [summary.lostInTransit, `${counted(summary.lostInTransit, "event")} lost on the way, or in damaged packets`],
    [summary.missingPackets, `${counted(summary.missingPackets, "packet")} missing or damaged`],
    [
      summary.beforeFirstPacket,
      `${counted(summary.beforeFirstPacket, "event")} sent before the first packet of this recording`,
    ],
    [summary.repeated, `${counted(summary.repeated, "packet")} ignored: repeated, or too late`],
    [summary.refused, `${counted(summary.refused, "packet")} refused: from another registry or wire format`],
    [summary.damaged, `${counted(summary.damaged, "damage")} reported above`],
    [summary.unnamedTokens, `${counted(summary.unnamedTokens, "message type")} without a name: written as ""`],
    [summary.timeJumps, `${counted(summary.timeJumps, "time jump")} of 2^31 ms or more`],
  ];
  for (const [count, said] of lines) if (count > 0) context.say(`  ${said}`);
  for (const [said, count] of Object.entries(summary.bootRecords ?? {}))
    context.say(`  reset: ${said}${count === 1 ? "" : ` (${count} times)`}`);
  for (const [key, count] of Object.entries(summary.leftOut ?? {}))
    context.say(
      `  ${visible(key)} of ${counted(count, "event")} left out: only a newer schema version has it (--schema-version)`,
    );
}
