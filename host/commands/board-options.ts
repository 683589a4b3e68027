import type { Command } from "commander";
import { TelemetryError } from "../text/errors.ts";
import { visible } from "../text/lines.ts";

/** Options of the commands that listen to a board's console. */
export interface BoardOptions {
  readonly device: string;
  readonly baud: number;
  readonly timeout: number;
}

/** The rate of Moddable's release builds with instrumentation. */
const DEFAULT_BAUD = 460_800;
const DEFAULT_TIMEOUT_S = 120;

export function addBoardOptions(command: Command): Command {
  return command
    .requiredOption("--device <path>", "the board's serial port")
    .option("--baud <number>", "bits per second", integer("--baud", 1, 20_000_000), DEFAULT_BAUD)
    .option(
      "--timeout <seconds>",
      "give up after this long without a line",
      integer("--timeout", 1, 86_400),
      DEFAULT_TIMEOUT_S,
    );
}

function integer(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new TelemetryError("E_USAGE", `${name} is ${visible(text)}, expected an integer from ${least} to ${most}`, 2);
  };
}
