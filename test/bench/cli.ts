/** `npm run bench`: measures, and prints a table or JSON. Progress goes to stderr. */
import { Argument, Command, Option } from "commander";
import { NOT_MEASURED, orElse, unmeasured } from "./parts.ts";
import { printed, type Row } from "./rows.ts";
import type { Sizes } from "./sizes.ts";
import { report } from "./terminal.ts";
import type { XsEngine } from "./xs-engines.ts";

const HELP = `
Parts:
  xs-rv32    instructions and allocated bytes in XS on the ESP32-C3's kind of processor, under QEMU
  xs-xtensa  the same on Xtensa, the kind of processor of ESP32 and ESP32-S3: on its LX106
  xs-host    time and allocated bytes in XS on this machine
  node       time in Node, beside other packages
  decode     time to decode a capture, beside babeltrace2
  validate   time to validate a trace, beside a validator in Python and JSON.parse alone
  traffic    bytes an event, in the demo, in what simulate plays, in two traces of real devices
  server     processor time that a ws server with 100 clients takes for a message, with telemetry and without

Everything is measured in this run on the built module. Results go to standard output, progress to standard error.

Examples:
  $ npm run bench                            all parts, about ten minutes
  $ npm run bench -- xs-rv32                 instructions a call, exact
  $ npm run --silent bench -- node --json > node.json
  $ npm run bench -- operations              what single operations of XS cost
  $ npm run bench -- memory                  of decode, for a capture of 250 MB and one of 1 GB
  $ npm run bench -- server                  of each kind a million messages, with what the least adapter costs: four minutes
  $ npm run bench -- transport               a million events by UDP and a serial line, fleets by UDP and MQTT: ten minutes
  $ npm run bench -- view                    a page of a million events, in a real browser: a minute
  $ npm run bench -- exports                 the same recording, exported to each format, and forwarded: two minutes
  $ npm run bench -- budgets                 fails if a call, the code or the RAM has grown`;

/** Notes on parts that this machine cannot measure: they go into the document, too. */
const missing: string[] = [];
const say = (line: string) => {
  if (line.includes(NOT_MEASURED)) missing.push(line);
  process.stderr.write(`${line}\n`);
};

/** Each part loads its own code once the module that it measures is built. */
const PARTS: Readonly<Record<string, () => Promise<Row[]>>> = {
  "xs-rv32": () => measureEngine("xs-rv32"),
  "xs-xtensa": () => measureEngine("xs-xtensa"),
  "xs-host": () => measureEngine("xs-host"),
  node: async () => (await import("./node-engine.ts")).measureNode(say),
  decode: async () => (await import("./decode.ts")).measureDecode(say),
  validate: async () => (await import("./validate.ts")).measureValidate(say),
  traffic: async () => (await import("./traffic.ts")).measureTraffic(say),
  server: async () => {
    const { measureServer, serverRows } = await import("./server.ts");
    return serverRows(await measureServer(say));
  },
};

/** Rows without figures if the machine lacks what builds or runs the engine. */
async function measureEngine(engine: XsEngine): Promise<Row[]> {
  const { keysOfXs, measureXs } = await import("./xs-engines.ts");
  return orElse(
    engine,
    () => measureXs(engine, say),
    async () => unmeasured(engine, await keysOfXs()),
    say,
  );
}

interface Options {
  readonly json?: true;
}

async function runParts(names: readonly string[], { json }: Options): Promise<void> {
  const rows: Row[] = [];
  for (const name of names) rows.push(...(await PARTS[name]!()));
  if (json) process.stdout.write(`${JSON.stringify({ rows: rows.map(printed) }, null, 2)}\n`);
  else process.stdout.write(`${report(rows, await sizesFor(names))}\n`);
}

/** Sizes are part of the machine's own part. */
async function sizesFor(names: readonly string[]): Promise<Sizes[]> {
  if (!names.includes("xs-rv32")) return [];
  const { measureSizes } = await import("./sizes.ts");
  return orElse("sizes", measureSizes, () => [], say);
}

async function runDocs(): Promise<void> {
  const rows: Row[] = [];
  for (const measure of Object.values(PARTS)) rows.push(...(await measure()));
  const { measureOperations } = await import("./operations.ts");
  const { writeDocs } = await import("./document.ts");
  const { measureMemory } = await import("./memory.ts");
  const others = {
    sizes: await sizesFor(Object.keys(PARTS)),
    operations: await orElse(
      "operations",
      () => measureOperations(say),
      () => [],
      say,
    ),
    memory: await measureMemory(say),
    missing,
  };
  for (const file of await writeDocs(rows, others)) say(`wrote ${file}`);
}

async function runLinked(): Promise<void> {
  const { writeLinked } = await import("./document.ts");
  for (const file of writeLinked()) say(`wrote ${file}`);
}

async function runOperations(): Promise<void> {
  const { measureOperations, nodeFloorTable, operationsTable } = await import("./operations.ts");
  const { plainTable } = await import("./format.ts");
  for (const table of [operationsTable(await measureOperations(say)), nodeFloorTable()])
    process.stdout.write(`${plainTable(table).join("\n")}\n\n`);
}

async function runMemory(): Promise<void> {
  const { measureMemory, memoryTable } = await import("./memory.ts");
  const { plainTable } = await import("./format.ts");
  process.stdout.write(`${plainTable(memoryTable(await measureMemory(say))).join("\n")}\n`);
}

async function runTransport({ write, part }: { readonly write?: true; readonly part?: string }): Promise<void> {
  const { fleetTable, loadTable, measureFleets, measureLoads } = await import("./transport.ts");
  const { plainTable } = await import("./format.ts");
  const { writeScale } = await import("./document.ts");
  const loads = part === "fleets" ? undefined : loadTable(await measureLoads(say));
  const fleets = part === "loads" ? undefined : fleetTable(await measureFleets(say));
  for (const table of [loads, fleets])
    if (table) process.stdout.write(`${table.title}\n${plainTable(table).join("\n")}\n\n`);
  if (write) say(`wrote ${writeScale(loads, fleets)}`);
}

async function runServer({ write, json }: { readonly write?: true } & Options): Promise<void> {
  const { measureServer, serverRows, serverTable } = await import("./server.ts");
  const { plainTable } = await import("./format.ts");
  const costs = await measureServer(say);
  const table = serverTable(costs);
  if (json) process.stdout.write(`${JSON.stringify({ rows: serverRows(costs).map(printed) }, null, 2)}\n`);
  else process.stdout.write(`${table.title}\n${plainTable(table).join("\n")}\n`);
  if (write) say(`wrote ${(await import("./document.ts")).writeAdapters(table)}`);
}

async function runView({ write }: { readonly write?: true }): Promise<void> {
  const { isHeld, measureView, viewTable } = await import("./view.ts");
  const { plainTable } = await import("./format.ts");
  const found = await measureView(say);
  const table = viewTable(found);
  process.stdout.write(`${table.title}\n${plainTable(table).join("\n")}\n`);
  if (write) say(`wrote ${(await import("./document.ts")).writeViewing(table)}`);
  if (!found.every(isHeld)) process.exitCode = 1;
}

async function runExports({ write }: { readonly write?: true }): Promise<void> {
  const { exportTable, measureExports } = await import("./exports.ts");
  const { measureOtlp, otlpTable } = await import("./otlp.ts");
  const { plainTable } = await import("./format.ts");
  const tables = [exportTable(await measureExports(say)), otlpTable(await measureOtlp(say))] as const;
  for (const table of tables) process.stdout.write(`${table.title}\n${plainTable(table).join("\n")}\n\n`);
  if (write) say(`wrote ${(await import("./document.ts")).writeExporting(...tables)}`);
}

async function runBudgets({ accept }: { readonly accept?: true }): Promise<void> {
  const { acceptBudgets, measureBudgets, readBudgets, verdicts } = await import("./budgets.ts");
  const measured = await measureBudgets(say);
  if (accept) {
    say(`wrote ${acceptBudgets(measured)}`);
    return;
  }
  const found = verdicts(readBudgets(), measured);
  for (const { text } of found) process.stdout.write(`${text}\n`);
  if (found.some(({ isOver }) => isOver)) process.exitCode = 1;
}

const parts = new Argument("[part]", "one part; all of them without it").choices(Object.keys(PARTS));

const program = new Command("bench")
  .description("What telemetry costs: an event emitted, drained, decoded, validated; beside other ways to do it.")
  .showHelpAfterError("(--help shows the parts, with examples)")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .addHelpText("after", HELP);
program
  .command("measure", { isDefault: true })
  .description("measures and prints; what is done if nothing is said")
  .addArgument(parts)
  .option("--json", "rows as JSON on standard output")
  .addHelpText("after", HELP)
  .action((part: string | undefined, options: Options) => runParts(part ? [part] : Object.keys(PARTS), options));
program.command("docs").description("measures all, into docs/performance.md and docs/performance.svg").action(runDocs);
program
  .command("linked")
  .description("writes into documents what test/bench/linked.json has, which was measured by hand; measures nothing")
  .action(runLinked);
program
  .command("operations")
  .description("what single operations of XS cost, in instructions on RV32")
  .action(runOperations);
program.command("memory").description("what decode takes of memory, whatever the capture's size").action(runMemory);
program
  .command("transport")
  .description("from emitter to decoded capture, by each link; and what fleets of devices cost a host")
  .addOption(new Option("--part <part>", "one of the two").choices(["loads", "fleets"]))
  .option("--write", "writes the tables into docs/scale.md")
  .action(runTransport);
program
  .command("server")
  .description("what telemetry takes of a WebSocket server's throughput, and of what it consists")
  .option("--write", "writes the table into docs/adapters.md")
  .option("--json", "rows as JSON on standard output")
  .action(runServer);
program
  .command("view")
  .description(
    "what view takes for a million events, and what its page is in a browser; exit code 1 if a limit is not held",
  )
  .option("--write", "writes the table into docs/viewing.md")
  .action(runView);
program
  .command("exports")
  .description("how fast a million events are exported, in how much memory, and how large the files are")
  .option("--write", "writes the table into docs/exporting.md")
  .action(runExports);
program
  .command("budgets")
  .description("compares with test/bench/budgets.json; exit code 1 if something has grown")
  .option("--accept", "writes what is measured as the new budgets")
  .action(runBudgets);

try {
  await program.parseAsync();
} catch (error) {
  // A failed check, or a missing tool: both say what it is.
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
