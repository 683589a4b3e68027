/** Checks of code blocks in documents, as a reader who follows the document would meet them. Each check throws what is wrong. */

import { equal, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { buildSync } from "esbuild";
import { isMap, isScalar, isSeq, type Node, parse, parseDocument } from "yaml";

const CLI = resolve("dist/host/cli.js");
const TIMEOUT_MS = 60_000;

/**
 * Commands of documents that cannot run here. Their arguments are checked as far as possible: npm's scripts exist, a package that npx runs is one of
 * ours or is named here. Nothing is installed.
 */
const SHIMS: Readonly<Record<string, string>> = {
  "xs-telemetry": `exec node "${CLI}" "$@"`,
  npx: `while [ $# -gt 0 ]; do case "$1" in --yes|--no-install) shift;; --package) shift 2;; *) break;; esac; done
tool=$1; shift
case "$tool" in xs-telemetry) exec node "${CLI}" "$@";; esbuild|tsc) exec "${resolve("node_modules/.bin")}/$tool" "$@";; esac
echo "npx $tool: not a command of this package's documents" >&2; exit 1`,
  npm: `case "$1" in ci|pack) exit 0;; install) exit 0;; test) script=test;; run) shift; [ "$1" = --silent ] && shift; script=$1;; esac
node -e 'const { scripts } = require("${resolve("package.json")}"); if (!(process.argv[1] in scripts)) { console.error("no script " + process.argv[1]); process.exit(1); }' "$script"`,
  // Moddable's tools: docs/firmware.md has their results for the examples, tried by hand.
  mcconfig: "exit 0",
  mcpack: `[ "$1" = mcconfig ] && [ -f package.json ] && [ -f main.js ]`,
};

/** Commands that need a device, a port or a broker, unless they use a pipe: their options are checked, nothing is run. */
const NEED_A_DEVICE = /^(capture|tail|simulate|bench|forward)$/;

/** A folder in which a document's commands find the files that they name. */
export class Workspace {
  readonly folder: string;
  readonly #bin: string;
  #database: Promise<DuckDBConnection> | undefined;
  /** Where the last TypeScript block went. */
  #lastFile = "";
  #lastText = "";
  /** What the last shell block printed, on stdout and stderr. */
  #lastOutput = "";
  #count = 0;
  readonly sources: { file: string; place: string }[] = [];

  constructor(name: string) {
    this.folder = resolve("dist/docs", name.replace(/\W+/g, "-"));
    this.#bin = join(this.folder, ".bin");
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.#bin, { recursive: true });
    for (const [command, script] of Object.entries(SHIMS))
      writeFileSync(join(this.#bin, command), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const happy = readFileSync("examples/traces/happy_path.jsonl");
    mkdirSync(join(this.folder, "traces"));
    for (const file of ["trace.jsonl", "traces/happy.jsonl", "serial.log", "FILE", "FILE…"])
      writeFileSync(join(this.folder, file), happy);
    // What npm would have installed: a document may give its folder a package.json.
    mkdirSync(join(this.folder, "node_modules/@moddable"), { recursive: true });
    symlinkSync(resolve("."), join(this.folder, "node_modules/xs-telemetry"));
    symlinkSync(resolve("node_modules/@moddable/xs-typings"), join(this.folder, "node_modules/@moddable/typings"));
    cpSync("examples/sensor/sensor.yaml", join(this.folder, "my.yaml"));
    cpSync("examples", join(this.folder, "examples"), { recursive: true });
    this.#run(process.execPath, ["--input-type=module", "-e", MAKE_CAPTURE]);
  }

  /** Runs what can be run here, line by line; options of the rest are looked up in the command's help. */
  checkShell(text: string): void {
    const lines = text.replaceAll("\\\n", " ").split("\n");
    const kept = lines.filter((line) => {
      const calls = [...line.matchAll(/(?:^|[|&;]\s*|npx (?:--[\w-]+(?: xs-telemetry)? )*)xs-telemetry ([^|&;#]*)/g)];
      const isRun =
        calls.every(([, words]) => !NEED_A_DEVICE.test(words!.split(" ")[0]!) || / --std(in|out)\b/.test(words!)) &&
        !line.includes("/dev/");
      if (!isRun) for (const [, words] of calls) this.#checkUsage(words!.trim().split(/\s+/));
      return isRun;
    });
    this.#lastOutput = this.#run("/bin/sh", ["-eu", "-c", `exec 2>&1\n${kept.join("\n")}`]);
  }

  /** It is the output of the previous shell block or program. */
  checkOutput(text: string): void {
    equal(this.#lastOutput.trimEnd(), text.trimEnd());
  }

  /** Runs a document's statements one after the other in one DuckDB, which finds files as commands do. */
  async checkSql(text: string): Promise<void> {
    this.#database ??= (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
    const connection = await this.#database;
    await connection.run(`SET file_search_path = '${this.folder}'`);
    await connection.run(text);
  }

  /** The command is there, and its options are in its help. */
  #checkUsage(words: readonly string[]): void {
    const options = words.filter((word) => word.startsWith("-") && word !== "-");
    const commands: string[] = [];
    for (const word of words)
      if (/^[a-z]+$/.test(word) && commands.length < (words[0] === "registry" ? 2 : 1)) commands.push(word);
    const help = this.#run(process.execPath, [CLI, ...commands, "--help"]);
    ok(help.startsWith(`Usage: xs-telemetry ${commands.join(" ")}`), `there is no command ${commands.join(" ")}`);
    for (const option of options)
      ok(
        new RegExp(`^ +(-\\w, )?${option.replace(/=.*/, "")}\\b|^ +${option}, `, "m").test(help),
        `xs-telemetry ${commands.join(" ")} has no option ${option}`,
      );
  }

  /**
   * Writes a block as a module, after the previous block if it continues that. Returns the file. `file`: its name in the workspace, if the document
   * gives one.
   */
  writeModule(text: string, place: string, { continues = false, file = "" }): string {
    if (continues) ok(this.#lastFile !== "", "continues nothing");
    const name = continues
      ? this.#lastFile.replace(/(\+\d+)?\.ts$/, `+${++this.#count}.ts`)
      : file || `block-${++this.#count}.ts`;
    const path = join(this.folder, name);
    const whole = continues ? `${this.#lastText}\n${text}` : text;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, whole.includes("import ") ? whole : `${whole}\nexport {};\n`);
    this.#lastFile = name;
    this.#lastText = whole;
    this.sources.push({ file: path, place });
    return path;
  }

  /** A file that later commands of the document use. */
  writeFile(text: string, name: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Runs a module in Node. If it makes the capture that other blocks read, that is not there before. */
  runModule(path: string): void {
    if (/new (CaptureWriter|Collector)\("capture"/.test(readFileSync(path, "utf8")))
      rmSync(join(this.folder, "capture"), { recursive: true, force: true });
    const outfile = path.replace(/\.ts$/, ".run.mjs");
    buildSync({
      entryPoints: [path],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      logLevel: "silent",
    });
    this.#lastOutput = this.#run(process.execPath, [outfile]);
  }

  /** One document, or JSON lines. Includes and modules of ours in a manifest exist; events of the registry are valid. */
  checkJson(text: string): void {
    const values = /^\{.*\}$/m.test(text.split("\n")[0]!) ? text.trim().split("\n") : [text];
    for (const value of values) {
      const parsed = JSON.parse(value);
      for (const path of [parsed.include ?? []].flat())
        if (path.includes("xs-telemetry/")) {
          const name = path.replace(/^.*\bxs-telemetry\//, "");
          ok(existsSync(name), `the package has no ${name}`);
        }
      for (const path of Object.values<string | string[]>(parsed.modules ?? {}).flat())
        if (path.includes("xs-telemetry/")) {
          const name = `${path.replace(/^.*\/xs-telemetry\//, "")}.js`;
          ok(existsSync(name), `the package has no ${name}`);
        }
      if (parsed.event !== undefined) this.#checkEvent(value);
    }
  }

  #checkEvent(line: string): void {
    const own = join(this.folder, "telemetry.yaml");
    writeFileSync(join(this.folder, "event.jsonl"), `${line}\n`);
    const registry = existsSync(own) ? ["--registry", own] : [];
    this.#run(process.execPath, [CLI, "validate", "--checks", "schema", ...registry, "event.jsonl"]);
  }

  /** A part of a released registry or of the template; steps of a workflow with existing actions; or a cluster's object that runs a command. */
  checkYaml(text: string): void {
    const document = parseDocument(text);
    ok(document.errors.length + document.warnings.length === 0, String(document.errors[0] ?? document.warnings[0]));
    const value = document.toJS();
    if (Array.isArray(value) && value.some((step) => "uses" in step)) {
      checkSteps(value);
      return;
    }
    if (value?.apiVersion !== undefined) {
      for (const { command } of value.spec.template.spec.containers)
        this.#checkUsage(command.slice(command.indexOf("xs-telemetry") + 1));
      return;
    }
    if (value?.file_format !== undefined) {
      writeFileSync(join(this.folder, "block.yaml"), text);
      this.#run(process.execPath, [CLI, "registry", "check", "block.yaml"]);
      return;
    }
    const registries = readdirSync("registry").filter((name) => name.endsWith(".yaml"));
    const texts = registries.map((name) => readFileSync(join("registry", name), "utf8"));
    texts.push(this.#run(process.execPath, [CLI, "registry", "new"]));
    ok(
      texts.some((registry) => hasPart(parseDocument(registry).contents as Node, document.contents as Node)),
      `no part of a registry: ${registries.join(", ")}, nor of what "registry new" writes`,
    );
  }

  #run(command: string, args: readonly string[]): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: this.folder,
      encoding: "utf8",
      timeout: TIMEOUT_MS,
      input: "",
      env: { ...process.env, PATH: `${this.#bin}${delimiter}${process.env.PATH}` },
    });
    if (error) throw error;
    ok(status === 0, `${basename(command)} ${args.at(-1)} ended with ${status}:\n${stderr}${stdout}`);
    return stdout;
  }
}

/** `part` is somewhere in `whole`: mappings there may have more keys, lists more items. */
function hasPart(whole: unknown, part: Node): boolean {
  if (isWithin(whole, part)) return true;
  if (isMap(whole)) return whole.items.some(({ value }) => hasPart(value, part));
  return isSeq(whole) && whole.items.some((item) => hasPart(item, part));
}

function isWithin(whole: unknown, part: unknown): boolean {
  if (isMap(part)) return isMap(whole) && part.items.every(({ key, value }) => isWithin(whole.get(key, true), value));
  if (isSeq(part))
    return isSeq(whole) && part.items.every((item) => whole.items.some((other) => isWithin(other, item)));
  return isScalar(part) && isScalar(whole) && part.value === whole.value;
}

interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

function checkSteps(steps: readonly Step[]): void {
  for (const { uses = "", with: inputs = {} } of steps) {
    const own = /xs-telemetry\/(\.github\/actions\/\w+)@/.exec(uses)?.[1];
    if (own === undefined) continue;
    const known = parse(readFileSync(join(own, "action.yml"), "utf8")).inputs;
    for (const [name, { required, default: fallback }] of Object.entries<{ required?: boolean; default?: string }>(
      known,
    ))
      ok(!required || fallback !== undefined || name in inputs, `${uses} needs ${name}`);
    for (const name of Object.keys(inputs)) ok(name in known, `${uses} takes no ${name}`);
  }
}

/** A capture, as folder and as a stream of packets, under the names that documents use. */
const MAKE_CAPTURE = `
import { writeFileSync } from "node:fs";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";
const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 5, clock: { now: () => 71 } });
const connection = telemetry.connect(7, "192.168.0.25");
connection.connected();
connection.received(telemetry.messageType("getStatus"), "{}");
const reader = telemetry.reader();
const buffer = new Uint8Array(1400);
const packets = [];
for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
for (const name of ["capture", "CAPTURE"]) {
  const capture = new CaptureWriter(name, { registry });
  for (const packet of packets) capture.write(packet);
}
writeFileSync("packets.bin", Buffer.concat(packets));
`;
