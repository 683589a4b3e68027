/** Completion of commands and options in a shell, generated from the commands themselves. */
import { Argument, type Command, type Option } from "commander";
import type { Context } from "./context.ts";

const HELP = `
Examples:
  bash, in ~/.bashrc:
  $ source <(xs-telemetry completion bash)
  zsh, once:
  $ xs-telemetry completion zsh > "\${fpath[1]}/_xs-telemetry"
  fish, once:
  $ xs-telemetry completion fish > ~/.config/fish/completions/xs-telemetry.fish`;

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export function addCompletion(program: Command, context: Context): void {
  program
    .command("completion")
    .summary("print completion for bash, zsh or fish")
    .description("Prints a script with which a shell completes commands and options.")
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(Object.keys(SHELLS)))
    .addHelpText("after", HELP)
    .action((shell: keyof typeof SHELLS) => context.output.write(SHELLS[shell](entriesOf(program))));
}

/** A command, by its words. */
interface Entry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly Option[];
  /** The words that may follow: subcommands, or choices of its argument. */
  readonly next: readonly { readonly word: string; readonly summary: string }[];
}

function entriesOf(program: Command): Entry[] {
  const walk = (command: Command, words: readonly string[]): Entry[] => {
    const own = command.commands.map((each) => ({ word: each.name(), summary: each.summary() || each.description() }));
    const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
    const next = [...own, ...choices.map((word) => ({ word, summary: "" }))];
    const entry = { words, summary: command.summary(), options: command.options, next };
    return [entry, ...command.commands.flatMap((each) => walk(each, [...words, each.name()]))];
  };
  return walk(program, []);
}

const flagsOf = ({ short, long }: Option) => [short, long].filter((flag): flag is string => flag !== undefined);

/** As a single-quoted word of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function bashScript(entries: readonly Entry[]): string {
  const cases = entries.map(({ words, options, next }) => {
    const flags = [...options.flatMap(flagsOf), "--help"];
    const all = [...next.map(({ word }) => word), ...flags];
    return `    ${quoted(words.join(" "))}) words=${quoted(all.join(" "))} ;;`;
  });
  const values = choicesOf(entries).map(
    ([flag, choices]) => `    ${flag}) COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$cur")); return ;;`,
  );
  const commands = entries.filter(({ words }) => words.length > 0).map(({ words }) => quoted(words.join(" ")));
  return `# bash completion for xs-telemetry
_xs_telemetry() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word index words=""
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
${values.join("\n")}
  esac
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "\${path:+$path }$word" in
      ${commands.join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n "$path" && "$cur" != -* ]]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _xs_telemetry xs-telemetry
`;
}

function zshScript(entries: readonly Entry[]): string {
  return `#compdef xs-telemetry
autoload -U +X bashcompinit && bashcompinit
${bashScript(entries)}`;
}

function fishScript(entries: readonly Entry[]): string {
  const lines = ["# fish completion for xs-telemetry", "complete -c xs-telemetry -e"];
  for (const { words, options, next } of entries) {
    const conditions = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const inside = words.length === 0 ? "__fish_use_subcommand" : conditions.join("; and ");
    for (const { word, summary } of next)
      lines.push(
        `complete -c xs-telemetry -n ${quoted(inside)}${words.length === 0 ? " -f" : ""} -a ${quoted(word)} -d ${quoted(summary)}`,
      );
    for (const { long, short, description, argChoices } of options) {
      const flags = `${short === undefined ? "" : ` -s ${short.slice(1)}`}${long === undefined ? "" : ` -l ${long.slice(2)}`}`;
      const choices = argChoices === undefined ? "" : ` -x -a ${quoted(argChoices.join(" "))}`;
      lines.push(`complete -c xs-telemetry -n ${quoted(inside)}${flags}${choices} -d ${quoted(description)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The allowed values of each flag, where they are the same in all commands. */
function choicesOf(entries: readonly Entry[]): [flag: string, choices: readonly string[]][] {
  const choices = new Map<string, Set<string>>();
  for (const { options } of entries)
    for (const { long, argChoices } of options)
      if (long !== undefined && argChoices !== undefined)
        choices.set(long, new Set([...(choices.get(long) ?? []), ...argChoices]));
  return [...choices].map(([flag, found]) => [flag, [...found]]);
}
