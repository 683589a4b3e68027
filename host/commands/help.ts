/** The order of help: what a command does, examples, arguments and options, then the rest; as wide as the terminal. */
import type { EventEmitter } from "node:events";
import { type Command, Help } from "commander";

/** Least width of a column of descriptions. */
const LEAST_COLUMNS = 20;
/** Where the first heading stands, of arguments, options or a group of them. */
const FIRST_GROUP = /^(?=\S[^\n]*:\n {2})/m;

/** Puts the texts that addHelpText added into that order, for a command and all of its subcommands. */
export function arrangeHelp(command: Command): void {
  const texts: string[] = [];
  // Commander is an EventEmitter, but its types do not declare listeners.
  const emitter = command as unknown as EventEmitter;
  for (const listener of emitter.listeners("afterHelp"))
    listener({ error: false, command, write: (text: string) => texts.push(text) });
  emitter.removeAllListeners("afterHelp");
  const [prose, examples] = parted(texts.join("\n"));
  command.configureHelp({
    minWidthToWrap: LEAST_COLUMNS,
    formatHelp(own, help) {
      const width = help.helpWidth ?? 80;
      const text = Help.prototype.formatHelp.call(help, own, help);
      const rest = prose.map((paragraph) => help.boxWrap(paragraph, width)).join("\n\n");
      const shown = examples === "" ? text : text.replace(FIRST_GROUP, () => `${examples}\n\n`);
      return `${shown.trimEnd()}\n${rest === "" ? "" : `\n${rest}\n`}`;
    },
  });
  for (const each of command.commands) arrangeHelp(each);
}

/** Splits a text into paragraphs, each on one line, and the examples. */
function parted(text: string): [prose: string[], examples: string] {
  const at = text.indexOf("Examples:");
  const prose = (at < 0 ? text : text.slice(0, at)).trim();
  const examples = at < 0 ? "" : text.slice(at).trim();
  const paragraphs = prose === "" ? [] : prose.split(/\n(?=Exit code)|\n\s*\n/);
  // A paragraph with an indented line is a list: it keeps its lines.
  return [paragraphs.map((each) => (/^ /m.test(each) ? each : each.replaceAll("\n", " "))), examples];
}
