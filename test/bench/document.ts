/** Writes what was measured into docs/performance.md and README.md, between their markers, and the chart. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { answersTable } from "./answers.ts";
import { chart } from "./chart.ts";
import { type Figure, figuresOf, isReached } from "./figures.ts";
import {
  figureLimit,
  figureMeasured,
  historyTable,
  markdownTable,
  number,
  sizesTable,
  sorted,
  type Table,
  tablesOf,
} from "./format.ts";
import {
  type Linked,
  linkedFigures,
  linkedOperationsTable,
  linkedRamTable,
  linkedRow,
  linkedServerTable,
  linkedSource,
  linkedTable,
  readLinked,
} from "./linked.ts";
import { type Memory, memoryTable } from "./memory.ts";
import { nodeFloorTable, type Operation, operationsTable } from "./operations.ts";
import { type Engine, find, type Path, type Row } from "./rows.ts";
import { nativesTable, type Sizes } from "./sizes.ts";

const DOCUMENT = "docs/performance.md";
const SCALE_DOCUMENT = "docs/scale.md";
const ADAPTERS_DOCUMENT = "docs/adapters.md";
const VIEWING_DOCUMENT = "docs/viewing.md";
const EXPORTING_DOCUMENT = "docs/exporting.md";
const README = "README.md";
const CHART = "docs/performance.svg";

/** The beginning of the README's line of figures that are measured separately. */
const LINKED_LABEL = "… linked for a device: ";

/** What is measured beside the rows. */
export interface Others {
  readonly sizes: readonly Sizes[];
  readonly operations: readonly Operation[];
  readonly memory: readonly Memory[];
  /** A sentence for each part that this machine cannot measure. */
  readonly missing: readonly string[];
}

/** Returns the files written. Throws if a marker is missing. */
export async function writeDocs(
  rows: readonly Row[],
  { sizes, operations, memory, missing }: Others,
): Promise<string[]> {
  const sections: Record<string, string> = {
    machine: [machine(), ...missing.map((line) => `\n**${line}**`)].join("\n"),
    answers: markdownTable(answersTable(rows, sizes)),
    figures: figuresTable(rows, sizes),
    calls: tablesOf(sorted(rows))
      .map((table) => `### ${table.title}\n\n${markdownTable(table)}`)
      .join("\n\n"),
    history: markdownTable(historyTable(rows)),
    sizes: markdownTable(sizesTable(sizes)),
    ...(sizes.length > 0 && { natives: markdownTable(await nativesTable()) }),
    ...(operations.length > 0 && { operations: markdownTable(operationsTable(operations)) }),
    "node floor": markdownTable(nodeFloorTable()),
    memory: markdownTable(memoryTable(memory)),
    ...linkedSections(readLinked()),
  };
  writeSections(DOCUMENT, sections);
  writeSections(README, { performance: readmeFigures(rows, sizes) });
  writeFileSync(CHART, chart(rows));
  return [DOCUMENT, README, CHART];
}

/** The document's section of test/bench/linked.json, which is measured separately. */
export function linkedSections(linked: Linked): Record<string, string> {
  const sourceLines = [`${linkedSource(linked)}; ${linked.compiler}.`, ...linked.how];
  return {
    "linked source": sourceLines.join("\n"),
    "linked figures": figureTableOf(linkedFigures(linked)),
    linked: markdownTable(linkedTable(linked)),
    "linked RAM": markdownTable(linkedRamTable(linked)),
    "linked operations": markdownTable(linkedOperationsTable(linked)),
    "linked server": markdownTable(linkedServerTable(linked)),
  };
}

/** What the README's table says of it. */
export function linkedReadmeLine(linked: Linked): string {
  const [native, json] = (["native", "JSON.stringify"] as const).map((path) => linkedRow(linked, path, 0));
  const cells = [
    `${LINKED_LABEL}${linked.engine}, ${linked.sdk}, by hand, ${linked.date}`,
    number(native!.instructions),
    number(json!.instructions),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Writes the sections of test/bench/linked.json, without measuring. Returns the files. */
export function writeLinked(): string[] {
  const linked = readLinked();
  writeSections(DOCUMENT, linkedSections(linked));
  const line = /^\| … linked for a device: .*$/m;
  const text = readFileSync(README, "utf8");
  if (!line.test(text)) throw new Error(`${README} has no line "| ${LINKED_LABEL}…"`);
  writeFileSync(README, text.replace(line, linkedReadmeLine(linked)));
  return [DOCUMENT, README];
}

/** Writes the measured parts of transport into its document; other parts stay. Returns the file. */
export function writeScale(loads: Table | undefined, fleets: Table | undefined): string {
  writeSections(SCALE_DOCUMENT, {
    machine: machine("transport"),
    ...(loads && { loads: markdownTable(loads) }),
    ...(fleets && { fleets: markdownTable(fleets) }),
  });
  return SCALE_DOCUMENT;
}

/** Writes what a server's messages cost into the document of adapters. Returns the file. */
export function writeAdapters(server: Table): string {
  writeSections(ADAPTERS_DOCUMENT, { machine: machine("server"), server: markdownTable(server) });
  return ADAPTERS_DOCUMENT;
}

export function writeViewing(view: Table): string {
  writeSections(VIEWING_DOCUMENT, { machine: machine("view"), view: markdownTable(view) });
  return VIEWING_DOCUMENT;
}

export function writeExporting(exports: Table, otlp: Table): string {
  writeSections(EXPORTING_DOCUMENT, {
    machine: machine("exports"),
    exports: markdownTable(exports),
    otlp: markdownTable(otlp),
  });
  return EXPORTING_DOCUMENT;
}

function writeSections(file: string, sections: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, "utf8");
  for (const [name, content] of Object.entries(sections)) text = replaceSection(file, text, name, content);
  writeFileSync(file, text);
}

/** What the README says: a call, the one line, and what both take on the device, beside JSON. */
function readmeFigures(rows: readonly Row[], sizes: readonly Sizes[]): string {
  const row = (engine: Engine, path: Path) => find(rows, { engine, path, event: "msg.recv", payloadChars: 0 });
  const [native, json] = [row("xs-rv32", "native"), row("xs-rv32", "JSON.stringify")];
  const [xtensa, xtensaJson] = [row("xs-xtensa", "native"), row("xs-xtensa", "JSON.stringify")];
  const guarded = row("xs-rv32", "disabled");
  const device = sizes.find(({ path }) => path === "native");
  const value = (found: number | null | undefined, decimals = 0) => number(found ?? null, decimals);
  /** The cost of the one line for a message received and answered, above the server without it. */
  const line = (path: Path): number => {
    const key = { engine: "xs-rv32", event: "server", payloadChars: 21, scene: "four-types" } as const;
    const found = ([path, "disabled"] as const).map((each) => find(rows, { ...key, path: each })?.instructions);
    return (found[0] ?? Number.NaN) - (found[1] ?? Number.NaN);
  };
  const [first, rule, counted, oneLine, onXtensa, ...others] = markdownTable({
    title: "",
    head: ["`connection.received(token)`", "xs-telemetry", "`JSON.stringify`"],
    rows: [
      [
        "instructions on the ESP32-C3's kind of processor, XS 13.3",
        value(native?.instructions),
        value(json?.instructions),
      ],
      [
        "… the one line, `instrument(server, telemetry)`: a message received and answered, two records",
        value(line("native")),
        "–",
      ],
      [
        "instructions on the ESP32's family, Xtensa (LX106), XS 13.3",
        value(xtensa?.instructions),
        value(xtensaJson?.instructions),
      ],
      [
        "bytes allocated / kept",
        `${value(native?.allocatedBytes)} / ${value(native?.recordBytes)}`,
        `${value(json?.allocatedBytes)} / ${value(json?.recordBytes)}`,
      ],
      ["switched off, instructions", value(guarded?.instructions), "–"],
      [
        "RAM in addition to the ring, with one reader, bytes",
        value(device && device.emitterBytes + device.readerBytes),
        "–",
      ],
      ["flash: code, bytes", value(device && device.bytecodeBytes + device.nativeBytes), "–"],
    ],
  }).split("\n");
  return [first, rule, counted, oneLine, linkedReadmeLine(readLinked()), onXtensa, ...others].join("\n");
}

function replaceSection(file: string, text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- generated: ${name} -->`, "<!-- end -->"];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} has no section "${begin}" … "${end}"`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}

function machine(command = "docs"): string {
  const said = (command: string, ...args: string[]) => {
    try {
      return execFileSync(command, args, { encoding: "utf8" }).split("\n")[0]!;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return `no ${command}`;
    }
  };
  const commit = said("git", "describe", "--always", "--dirty");
  const model = cpus()[0]!.model.trim();
  return [
    `Measured at commit ${commit} by \`npm run bench -- ${command}\`, on ${model}, ${cpus().length} cores; Node ${process.versions.node};`,
    `${said("riscv64-unknown-elf-gcc", "--version")}; ${said("xtensa-lx106-elf-gcc", "--version")};`,
    `${said("qemu-system-riscv32", "--version")}; ${said("gcc", "--version")}.`,
  ].join("\n");
}

function figuresTable(rows: readonly Row[], sizes: readonly Sizes[]): string {
  return figureTableOf(figuresOf(rows, sizes));
}

function figureTableOf(figures: readonly Figure[]): string {
  const cells = figures.map((figure) => {
    const verdict = Number.isNaN(figure.measured) ? "not measured" : isReached(figure) ? "✓" : "**no**";
    return [figure.what, figureLimit(figure), figureMeasured(figure), verdict];
  });
  return markdownTable({ title: "", head: ["Figure", "Goal", "Measured", ""], rows: cells });
}
