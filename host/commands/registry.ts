/** `registry check|diff|docs|schema|generate|layout|new`: the registry's own tools. What they do is loaded when one is called: it needs a YAML reader. */
import type { Command } from "commander";
import type { Context } from "./context.ts";
import { addRegistryGenerate } from "./registry-generate.ts";

const CHECK_HELP = `
Every mistake is shown as file:line:column, with the rule and the way out. Without a file: the registries of this package.
Several files are versions of one registry. In the order of their versions, each must keep what the one before promised:
ids and codes keep their meaning, nothing is removed, types and stability stay, and the version says how far it goes. What is
added to 1.0.0 by 1.1.0, the newest 2.x must have too, but 2.0.0 need not.

Examples:
  $ xs-telemetry registry check my.yaml
  $ xs-telemetry registry check registry/*.yaml
  $ xs-telemetry registry check my.yaml --against released/1.0.0.yaml
  $ git show v1:my.yaml | xs-telemetry registry check my.yaml --against -`;

const DIFF_HELP = `
Each change is patch (words), minor (more than before) or breaking, with the reason and the way out; the last line says
how far the version must go. Exit code 0, whatever changed; 1: a file has mistakes.

Examples:
  $ xs-telemetry registry diff registry/1.0.0.yaml my.yaml`;

const DOCS_HELP = `
Examples:
  $ xs-telemetry registry docs my.yaml > reference.md
  $ xs-telemetry registry docs my.yaml -o reference.md`;

const SCHEMA_HELP = `
Examples:
  $ xs-telemetry registry schema my.yaml > event.schema.json`;

const LAYOUT_HELP = `
offset_bits, and an enum's width_bits, may be left out of a draft. Each such field gets the first place that is free in all of its events;
what the file says already stays as it is. From then on the numbers stand in the file: a released version keeps them.

Examples:
  $ xs-telemetry registry layout my.yaml
  $ xs-telemetry registry layout my.yaml --write`;

const NEW_HELP = `
Examples:
  $ xs-telemetry registry new > my.yaml
  $ xs-telemetry registry new -o my.yaml`;

export function addRegistry(program: Command, context: Context): void {
  const registry = program
    .command("registry")
    .summary("check, compare and document registries, generate code")
    .description("Tools for registries: this package's, or one of your own.");
  registry
    .command("check")
    .summary("all mistakes in a registry, and what a version must not change")
    .description("Names every mistake in a registry, and what a version changes though it was promised.")
    .argument("[file...]", "registries; - is standard input")
    .option("--against <old>", "a released version of it; again for another", (file: string, before: string[] = []) => [
      ...before,
      file,
    ])
    .addHelpText("after", CHECK_HELP)
    .action(async (files: string[], { against = [] }: { against?: string[] }) => {
      const { runCheck } = await import("./registry-check.ts");
      await runCheck(files, against, context);
    });
  registry
    .command("diff")
    .summary("what changed, and how far the version must go")
    .description("Names what changed from one version of a registry to another.")
    .argument("<old>", "the earlier version; - is standard input")
    .argument("<new>", "the later version")
    .addHelpText("after", DIFF_HELP)
    .action(async (old: string, later: string) => {
      const { runDiff } = await import("./registry-diff.ts");
      await runDiff(old, later, context);
    });
  registry
    .command("docs")
    .summary("the registry's reference in Markdown")
    .description("Prints the reference of a registry in Markdown.")
    .argument("<file>", "the registry; - is standard input")
    .option("-o, --output <file>", "write it there")
    .addHelpText("after", DOCS_HELP)
    .action(async (file: string, { output }: { output?: string }) => {
      const { runDocs } = await import("./registry-documents.ts");
      await runDocs(file, output, context);
    });
  registry
    .command("schema")
    .summary("JSON Schema of the registry's events")
    .description("Prints the JSON Schema (2020-12) of one line of a trace.")
    .argument("<file>", "the registry; - is standard input")
    .option("-o, --output <file>", "write it there")
    .addHelpText("after", SCHEMA_HELP)
    .action(async (file: string, { output }: { output?: string }) => {
      const { runSchema } = await import("./registry-documents.ts");
      await runSchema(file, output, context);
    });
  addRegistryGenerate(registry, context);
  registry
    .command("layout")
    .summary("places for the fields of a draft")
    .description("Places the fields that have no offset_bits yet.")
    .argument("<file>", "the registry; - is standard input, and prints it with the places")
    .option("--write", "write them into the file")
    .addHelpText("after", LAYOUT_HELP)
    .action(async (file: string, { write }: { write?: true }) => {
      const { runLayout } = await import("./registry-layout.ts");
      await runLayout(file, write === true, context);
    });
  registry
    .command("new")
    .summary("a registry to begin from")
    .description("Prints a small, commented registry without mistakes.")
    .option("-o, --output <file>", "write it there, if there is no such file")
    .option("--force", "write over a file that is there")
    .addHelpText("after", NEW_HELP)
    .action(async (options: { output?: string; force?: true }) => {
      const { runNew } = await import("./registry-documents.ts");
      await runNew(options.output, options.force === true, context);
    });
}
