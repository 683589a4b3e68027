/** Writes what was measured into docs/performance.md, between its markers, and the chart beside it. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { chart } from "./chart.ts";
import { figuresOf, isReached } from "./figures.ts";
import { figureLimit, figureMeasured, historyTable, markdownTable, sizesTable, sorted, tablesOf } from "./format.ts";
import { type Operation, operationsTable } from "./operations.ts";
import type { Row } from "./rows.ts";
import type { Sizes } from "./sizes.ts";

const DOCUMENT = "docs/performance.md";
const CHART = "docs/performance.svg";

/** Returns the files written. Throws if a marker is missing. */
export async function writeDocs(
  rows: readonly Row[],
  sizes: readonly Sizes[],
  operations: readonly Operation[],
): Promise<string[]> {
  const sections: Record<string, string> = {
    machine: machine(),
    figures: figuresTable(rows, sizes),
    calls: tablesOf(sorted(rows))
      .map((table) => `### ${table.title}\n\n${markdownTable(table)}`)
      .join("\n\n"),
    history: markdownTable(historyTable(rows)),
    sizes: markdownTable(sizesTable(sizes)),
    operations: markdownTable(operationsTable(operations)),
  };
  let text = readFileSync(DOCUMENT, "utf8");
  for (const [name, content] of Object.entries(sections)) text = replaceSection(text, name, content);
  writeFileSync(DOCUMENT, text);
  writeFileSync(CHART, chart(rows));
  return [DOCUMENT, CHART];
}

function replaceSection(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- generated: ${name} -->`, "<!-- end -->"];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${DOCUMENT} has no section "${begin}" … "${end}"`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}

function machine(): string {
  const said = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: "utf8" }).split("\n")[0]!;
  const commit = said("git", "describe", "--always", "--dirty");
  const model = cpus()[0]!.model.trim();
  return [
    `Measured at commit ${commit} by \`npm run bench -- docs\`, on ${model}, ${cpus().length} cores; Node ${process.versions.node};`,
    `${said("riscv64-unknown-elf-gcc", "--version")}; ${said("qemu-system-riscv32", "--version")}; ${said("gcc", "--version")}.`,
  ].join("\n");
}

function figuresTable(rows: readonly Row[], sizes: readonly Sizes[]): string {
  const cells = figuresOf(rows, sizes).map((figure) => {
    const verdict = Number.isNaN(figure.measured) ? "not measured" : isReached(figure) ? "✓" : "**no**";
    return [figure.what, figureLimit(figure), figureMeasured(figure), verdict];
  });
  return markdownTable({ title: "", head: ["Figure", "Reach", "Measured", ""], rows: cells });
}
