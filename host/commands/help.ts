/** Help as it is read: what a command does, its examples, its options, then the rest; as wide as the terminal. */
import type { EventEmitter } from "node:events";
import { type Command, Help } from "commander";

/** Columns that a description may be squeezed into, beside what it describes. */
const LEAST_COLUMNS = 20;

/** Puts what a command's help has after its options, by addHelpText, into that order; of all commands within it, too. */
export function arrangeHelp(command: Command): void {
  const texts: string[] = [];
  // Commander is an EventEmitter, which its types do not say of listeners.
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
      const rest = prose.map((paragraph) => help.boxWrap(paragraph, width)).join("\n");
      const shown = examples === "" ? text : text.replace(/^(?=Options:)/m, `${examples}\n\n`);
      return `${shown.trimEnd()}\n${rest === "" ? "" : `\n${rest}\n`}`;
    },
  });
  for (const each of command.commands) arrangeHelp(each);
}

/** Paragraphs, without their line ends, and the examples. */
function parted(text: string): [prose: string[], examples: string] {
  const at = text.indexOf("Examples:");
  const prose = (at < 0 ? text : text.slice(0, at)).trim();
  const examples = at < 0 ? "" : text.slice(at).trim();
  const paragraphs = prose === "" ? [] : prose.split(/\n(?=Exit code)|\n\s*\n/);
  // What is indented is a list, whose lines are lines.
  return [paragraphs.map((each) => (/^ /m.test(each) ? each : each.replaceAll("\n", " "))), examples];
}
