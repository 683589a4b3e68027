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
A line is telemetry if the text from its first "{" has a key "event", once colours and carriage returns are removed. Valid lines
are printed. Broken ones are reported on standard error, with line, byte and what is wrong. gzip is unpacked, UTF-16 with a byte
order mark is read, and the lines inside the JSON of Docker and journald are found.
With --frames, the packets in the log's frames, or in a flash image, are decoded. Bad frames are reported on standard error.
Exit code 0: good. 1: a line or frame is broken, or there is no telemetry. 2: the log could not be read, or an option is wrong.

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
    .summary("pick the telemetry out of a raw serial log")
    .description("Prints the telemetry in a raw serial log as JSON lines.")
    .argument("<log>", "the log; - for standard input")
    .option("--frames", "decode the packets in the log's frames, instead of printing telemetry lines");
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
    const message = `${nameOf(log)}: is a directory; name a file in it; for a capture use decode, stats or show`;
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
    const message = "packets between the lines are ignored: read them with xs-telemetry extract --frames";
    context.sayProblem({ code: "W_PACKETS", message }, log);
  }
  const skipped = counts.skipped > 0 ? `, ${counted(counts.skipped, "line")} too long to read` : "";
  context.say(`${nameOf(log)}: ${counted(counts.event, "telemetry line")}, ${counts.broken} broken${skipped}`);
}
