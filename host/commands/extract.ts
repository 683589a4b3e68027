import type { Command } from "commander";
import { extractFrames } from "../decode/extract-frames.ts";
import { MAGIC } from "../decode/own-bytes.ts";
import { InputSample } from "../receive/nothing-found.ts";
import { TelemetryError } from "../text/errors.ts";
import { extract } from "../text/extract.ts";
import { nameOf } from "../text/io-error.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { printItems } from "./decode.ts";
import { bytesDone, openCapture } from "./io.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";

const HELP = `
A line is telemetry when its text from the first "{", colours and carriage returns removed, has a key "event".
Valid ones are printed, broken ones are named on stderr with line, byte and what is wrong, and then the exit code is 1; it is
also 1 if there is none. gzip is unpacked, UTF-16 with a byte order mark is read; of Docker's and journald's JSON it is the inner line.

With --frames: the packets in the log's frames, or in a flash image, are decoded; bad frames are named on stderr, and
then the exit code is 1.

Examples:
  $ xs-telemetry extract serial.log > trace.jsonl
  $ xs-telemetry extract --frames serial.log > trace.jsonl
  $ xs-telemetry extract serial.log.gz
  $ kubectl logs bridge | xs-telemetry extract -
  $ xs-telemetry extract serial.log | xs-telemetry validate -`;

interface Options extends RegistryOption {
  readonly frames?: boolean;
}

export function addExtract(program: Command, context: Context): void {
  const command = program
    .command("extract")
    .summary("telemetry out of a raw serial log")
    .description("Prints the telemetry in a raw serial log as JSON lines.")
    .argument("<log>", "the log; - is standard input")
    .option("--frames", "decode the packets in frames, instead of printing telemetry lines");
  addRegistryOption(command)
    .addHelpText("after", HELP)
    .action((log: string, options: Options) =>
      options.frames ? runFrames(log, options, context) : runExtract(log, context),
    );
}

async function runFrames(log: string, options: Options, context: Context): Promise<void> {
  const registry = decodedRegistry(options, await registriesOf(options));
  const recording = await openCapture(log);
  const isDecoded = ["folder", "packets", "flash"].includes(recording.form);
  const decoding = { registry, output: "batches" } as const;
  const items = isDecoded ? recording.items(decoding) : extractFrames(recording.bytes(), decoding);
  await printItems(items, "extract", log, context);
}

async function runExtract(log: string, context: Context): Promise<void> {
  const progress = context.progress("extract", log, true);
  let readBytes = 0;
  const recording = await openCapture(log, (now) => {
    readBytes = now.readBytes;
    progress.update(() => bytesDone(now));
  });
  if (recording.form === "folder") {
    const message = `${nameOf(log)}: is a directory; name a file in it; captures are for decode, stats and show`;
    throw new TelemetryError("E_IS_DIRECTORY", message, 2);
  }
  if (recording.form === "flash")
    throw new TelemetryError("E_PACKETS", `${nameOf(log)} is a flash image: read it with decode, stats or show`, 1);
  const counts = { event: 0, broken: 0, skipped: 0 };
  let hasPackets = false;
  const sample = new InputSample();
  async function* watched(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of bytes) {
      sample.add(chunk);
      hasPackets ||= Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes(MAGIC);
      yield chunk;
    }
  }
  try {
    for await (const found of extract(watched(recording.bytes()))) {
      counts[found.kind] += 1;
      if (found.kind !== "skipped") sample.found();
      if (found.kind === "event") {
        context.output.writeLines(`${found.text}\n`);
        if (context.output.isFull) await context.output.flush();
        continue;
      }
      if (found.kind === "broken") context.worsen(1);
      progress.clear();
      context.sayProblem(found.problem, log);
    }
  } finally {
    progress.clear();
  }
  if (readBytes === 0) {
    throw new TelemetryError(
      "E_EMPTY",
      `${nameOf(log)} is empty (0 bytes), expected a serial log; check what wrote it`,
      1,
    );
  }
  const nothing = sample.nothingFound("lines");
  if (nothing !== undefined) {
    context.worsen(1);
    context.sayProblem(nothing.problem, log);
  } else if (hasPackets) {
    const message = "packets stand between the lines, and are not read: xs-telemetry extract --frames reads them";
    context.sayProblem({ code: "W_PACKETS", message }, log);
  }
  const skipped = counts.skipped > 0 ? `, ${counted(counts.skipped, "line")} too long to read` : "";
  context.say(`${nameOf(log)}: ${counted(counts.event, "telemetry line")}, ${counts.broken} broken${skipped}`);
}
