/** --with: the device, boot and time of an event, after the registry's attributes. */
import { type Command, InvalidArgumentError } from "commander";
import { CONTEXT_PARTS, type ContextChoice } from "../registry/context.ts";

export interface WithOption {
  readonly with?: ContextChoice;
}

export function addWithOption(command: Command): Command {
  return command.option(
    "--with <parts>",
    "add to each event any of device,boot,time; or none; or auto: all three if there is more than one boot (default: auto)",
    parseParts,
  );
}

function parseParts(text: string): ContextChoice {
  if (text === "auto" || text === "none") return text;
  return text.split(",").map((name) => {
    const part = CONTEXT_PARTS.find((known) => known === name.trim());
    if (part === undefined)
      throw new InvalidArgumentError(`Allowed are ${CONTEXT_PARTS.join(", ")}, or none, or auto.`);
    return part;
  });
}
