import { spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { openFile } from "../export/output.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { bytesDone, checkOutput, openCapture } from "./io.ts";
import { bytesText } from "./numbers.ts";
import { addRegistryOption, decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";
import { type Moment, moment, timeAs } from "./show.ts";

const HELP = `
The page is a single file that opens from disk, without a network. It contains the data of the recording: whoever gets the page gets
the data. --since and --until work as in show: a time of day, or a time since boot such as "+1:02:03.5". A page holds at most 2
million events. Press ? in it for the keys.
Exit code 0: written. 1: something is damaged, or there is no event; the page has the good part. 2: a file could not be read or
written, or the recording is too large for a page.

Examples:
  $ xs-telemetry view capture/ -o capture.html --open
  $ xs-telemetry view fleet/ -o pump-7.html --device pump-7 \\
      --since "2026-11-28 03:54" --until "2026-11-28 05:00"
  $ xs-telemetry decode capture/ | grep pump-7 | xs-telemetry view - -o a.html
  $ xs-telemetry view --registry sensor.yaml capture/ -o sensor.html`;

interface Options extends RegistryOption {
  readonly output: string;
  readonly open?: true;
  readonly since?: Moment;
  readonly until?: Moment;
  readonly device?: readonly string[];
}

export function addView(program: Command, context: Context): void {
  const command = program
    .command("view")
    .summary("write a page that shows a recording in a browser")
    .description("Writes a web page that shows a recording: lanes, gaps, rates, search, details.")
    .argument("<recording>", "a capture folder, or a file of packets, frames or JSON lines; - for standard input")
    .requiredOption("-o, --output <file>", "the page to write; - for standard output");
  addRegistryOption(command)
    .option("--open", "open the page in the browser")
    .option("--device <name>", "only this device; repeat for more", (name: string, before: readonly string[] = []) => [
      ...before,
      name,
    ])
    .option("--since <time>", "only events at or after this time", moment)
    .option("--until <time>", "only events at or before this time", moment)
    .addHelpText("after", HELP)
    .action((recording: string, options: Options) => runView(recording, options, context));
}

async function runView(path: string, options: Options, context: Context): Promise<void> {
  const { output, device } = options;
  if (options.open && output === "-")
    throw new TelemetryError("E_USAGE", "--open needs a file: name one with -o, not -", 2);
  // Loaded when needed: it brings the page.
  const { writePage } = await import("../view/write-page.ts");
  const registries = await registriesOf(options);
  const registry = decodedRegistry(options, registries);
  checkOutput(path, output);
  const progress = context.progress("view", path, false);
  const recording = await openCapture(path, (input) => progress.update(() => bytesDone(input)));
  const isInTime = timeFilter(options);
  const pageOptions = {
    registry,
    registries,
    title: path === "-" ? "standard input" : basename(resolve(path)),
    ...(device !== undefined && { devices: device }),
    ...(isInTime !== undefined && { isInTime }),
    onProblem(problem: Parameters<Context["sayProblem"]>[0]) {
      // The page shows gaps where they are.
      if (problem.code === "W_LOST_IN_TRANSIT") return;
      if (problem.code.startsWith("E_")) context.worsen(1);
      progress.clear();
      context.sayProblem(problem, path);
    },
    onProgress: (events: number) => progress.update(() => counted(events, "event")),
  };
  let bytes = 0;
  try {
    const written = await into(output, context, (write) =>
      writePage(recording, pageOptions, (text) => {
        bytes += text.length;
        return write(text);
      }),
    );
    progress.clear();
    const { events, leftOut } = written;
    if (events === 0) {
      context.worsen(1);
      context.say(
        leftOut === 0
          ? `${nameOf(path)}: E_EMPTY: there is no event in it`
          : `${nameOf(path)}: E_EMPTY: none of ${counted(leftOut, "event")} fits the options`,
      );
    }
    if (output !== "-") context.say(`${nameOf(output)}: ${counted(events, "event")}, ${bytesText(bytes)}`);
  } finally {
    progress.clear();
  }
  if (options.open) openInBrowser(resolve(output), context);
}

function timeFilter({ since, until }: Options): ((deviceMs: number, unixMs: number) => boolean) | undefined {
  if (since === undefined && until === undefined) return undefined;
  // An unknown time is in no range.
  return (deviceMs, unixMs) =>
    (since === undefined || timeAs(since.kind, deviceMs, unixMs) >= since.ms) &&
    (until === undefined || timeAs(until.kind, deviceMs, unixMs) <= until.ms);
}

/**
 * Writes into standard output, or into a file that gets its name when it is complete. Throws TelemetryError, exit code
 * 2, if it cannot be written.
 */
async function into<T>(
  path: string,
  context: Context,
  fill: (write: (text: string) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  if (path === "-")
    return fill(async (text) => {
      context.output.write(text);
      if (context.output.isFull) await context.output.room();
    });
  const file = await openFile(path);
  try {
    const result = await fill((text) => {
      file.write(text);
      return file.room();
    });
    await file.finish();
    return result;
  } finally {
    await file.abandon();
  }
}

/** The command with which each system opens a file. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ["open"],
  win32: ["explorer.exe"],
};

function openInBrowser(file: string, context: Context): void {
  const [command, ...args] = process.env.BROWSER ? [process.env.BROWSER] : (OPENERS[process.platform] ?? ["xdg-open"]);
  const child = spawn(command!, [...args, file], { stdio: "ignore", detached: true });
  child.on("error", (error) => {
    context.worsen(2);
    process.exitCode = context.exitCode;
    context.say(`xs-telemetry: E_OPEN: ${nameOf(command!)}: ${error.message}: open ${nameOf(file)} by hand`);
  });
  child.unref();
}
