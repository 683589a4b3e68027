/**
 * `registry check|diff|docs|schema|generate|layout|new`: tools for registries. The code of each is loaded when it is
 * called, because it needs a YAML reader.
 */
import type { Command } from "commander";
import type { Context } from "./context.ts";
import { addRegistryGenerate } from "./registry-generate.ts";

const CHECK_HELP = `
Prints each mistake as file:line:column, with the rule it breaks and how to mend it. Without a file, checks the registries of this
package. Several files are versions of one registry, and each must keep the promises of the version before it: ids and codes keep
their meaning, nothing is removed, types and stability stay, and the version number fits the change. An addition that 1.1.0 makes
to 1.0.0 must be in the newest 2.x, but not in 2.0.0.
Exit code 0: no mistakes. 1: mistakes. 2: a file could not be read, or an option is wrong.

Examples:
  $ xs-telemetry registry check my.yaml
  $ xs-telemetry registry check registry/*.yaml
  $ xs-telemetry registry check my.yaml --against released/1.0.0.yaml
  $ git show v1:my.yaml | xs-telemetry registry check my.yaml --against -`;

const DIFF_HELP = `
Each change is patch (wording), minor (an addition) or breaking, with the reason and the way out. The last line says which step
the version number needs.
Exit code 0: compared, whatever changed. 1: a file has mistakes. 2: a file could not be read, or an option is wrong.

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
A draft may leave out offset_bits, and an enum's width_bits. Each such field gets the first place that is free in all of its events.
Places that the file already names stay. With --write the numbers go into the file; once released, they never change.

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
    .description("Tools for the registries of this package, or for your own.");
  registry
    .command("check")
    .summary("find mistakes and forbidden changes")
    .description("Reports every mistake in a registry, and every change that breaks a released version's promise.")
    .argument("[file...]", "registries; - for standard input")
    .option(
      "--against <old>",
      "a released version to compare with; repeat for more",
      (file: string, before: string[] = []) => [...before, file],
    )
    .addHelpText("after", CHECK_HELP)
    .action(async (files: string[], { against = [] }: { against?: string[] }) => {
      const { runCheck } = await import("./registry-check.ts");
      await runCheck(files, against, context);
    });
  registry
    .command("diff")
    .summary("list changes and the version step they need")
    .description("Lists what changed from one version of a registry to another.")
    .argument("<old>", "the earlier version; - for standard input")
    .argument("<new>", "the later version")
    .addHelpText("after", DIFF_HELP)
    .action(async (old: string, later: string) => {
      const { runDiff } = await import("./registry-diff.ts");
      await runDiff(old, later, context);
    });
  registry
    .command("docs")
    .summary("print the reference in Markdown")
    .description("Prints the reference of a registry in Markdown.")
    .argument("<file>", "the registry; - for standard input")
    .option("-o, --output <file>", "write to this file")
    .addHelpText("after", DOCS_HELP)
    .action(async (file: string, { output }: { output?: string }) => {
      const { runDocs } = await import("./registry-documents.ts");
      await runDocs(file, output, context);
    });
  registry
    .command("schema")
    .summary("print the JSON Schema of the events")
    .description("Prints the JSON Schema (2020-12) of one line of a trace.")
    .argument("<file>", "the registry; - for standard input")
    .option("-o, --output <file>", "write to this file")
    .addHelpText("after", SCHEMA_HELP)
    .action(async (file: string, { output }: { output?: string }) => {
      const { runSchema } = await import("./registry-documents.ts");
      await runSchema(file, output, context);
    });
  addRegistryGenerate(registry, context);
  registry
    .command("layout")
    .summary("place the fields of a draft")
    .description("Places the fields that have no offset_bits yet.")
    .argument("<file>", "the registry; - for standard input, which prints the registry with the places")
    .option("--write", "write them into the file")
    .addHelpText("after", LAYOUT_HELP)
    .action(async (file: string, { write }: { write?: true }) => {
      const { runLayout } = await import("./registry-layout.ts");
      await runLayout(file, write === true, context);
    });
  registry
    .command("new")
    .summary("print a registry to start from")
    .description("Prints a small, commented registry without mistakes.")
    .option("-o, --output <file>", "write to this file, unless it exists")
    .option("--force", "overwrite an existing file")
    .addHelpText("after", NEW_HELP)
    .action(async (options: { output?: string; force?: true }) => {
      const { runNew } = await import("./registry-documents.ts");
      await runNew(options.output, options.force === true, context);
    });
}
