/** Runs the cases inside XS: on this machine (xs-host) and on the kinds of processor of devices (xs-rv32, xs-xtensa). */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { build } from "esbuild";
import { PAYLOAD_LENGTHS, XS_BASELINES } from "./case.ts";
import { outside } from "./outside.ts";
import { type CaseKey, isMachine, type MachineName, type Row, type Say } from "./rows.ts";

export type XsEngine = MachineName | "xs-host";

/** Rounds, and the factor by which batches are larger: a clock is not exact, a count of instructions is. */
const ACCURACY = { clock: ["15", "3"], count: ["1", "1"] } as const;
const TIMEOUT_MS = 300_000;
/** What each form of the emitter imports. */
export const SWITCH_MODULE = "dist/moddable/switch.js";

/** The emitter for XS in one of its forms: the module, and the C files with its natives. */
export interface Variant {
  readonly path: "typescript" | "native";
  readonly module: string;
  readonly natives: readonly string[];
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Machine {
  sizes(): Promise<readonly { file: string; text: number; data: number; bss: number }[]>;
  run(program: {
    main: string;
    modules: Readonly<Record<string, string>>;
    args?: readonly string[];
    timeoutMs?: number;
  }): Promise<Ran>;
}

export async function xsHost(natives: readonly string[]): Promise<string> {
  return (await outside("build/xs/setup.mjs")).xsHost({ natives });
}

/** Bytes of Moddable's compiler output for a module. */
export async function bytecodeOf(module: string): Promise<{ code: number }> {
  return (await outside("build/xs/setup.mjs")).bytecode(module);
}

export async function rv32Machine(natives: readonly string[]): Promise<Machine> {
  return (await outside("build/rv32/setup.mjs")).rv32Machine({ natives });
}

async function xtensaMachine(natives: readonly string[]): Promise<Machine> {
  return (await outside("build/xtensa/setup.mjs")).xtensaMachine({ natives });
}

export async function variants(): Promise<Variant[]> {
  const { module, natives } = await (await outside("build/natives.mjs")).nativeModule();
  return [
    { path: "typescript", module: "dist/moddable/xs-telemetry.js", natives: [] },
    { path: "native", module, natives },
  ];
}

/** What is shipped beside the emitter and measured too: preloaded, as on a device. */
const otherModules = (natives: readonly string[]): Readonly<Record<string, string>> => ({
  "xs-telemetry/switch": SWITCH_MODULE,
  "xs-telemetry/websocket": `dist/moddable/${natives.length > 0 ? "native/" : ""}websocket.js`,
});

/** The benchmark's own code as one module; xs-telemetry itself stays the files that are shipped. */
export async function bundleBench(entry = "test/bench/xs/main.ts", outfile = "dist/bench/xs.js"): Promise<string> {
  mkdirSync("dist/bench", { recursive: true });
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["xs-telemetry", ...Object.keys(otherModules([])), "time", "text/encoder"],
    logLevel: "warning",
  });
  return outfile;
}

/** Runs a module in xs-host. Returns its output. Throws with its messages if it fails. */
export async function runInHost(natives: readonly string[], module: string, main: string, ...args: string[]) {
  const host = await xsHost(natives);
  const named = Object.entries({ "xs-telemetry": module, ...otherModules(natives) });
  const modules = named.flatMap(([name, path]) => ["--module", `${name}=${path}`]);
  const child = spawn(host, [...modules, main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  return printed("xs-host", { status, stdout, stderr });
}

/** Runs a module on the RV32 machine, or the one for Xtensa. Returns its output. Throws with its messages if it fails. */
const runIn =
  (engine: MachineName) =>
  async (natives: readonly string[], module: string, main: string, ...args: string[]) => {
    const machine = await (engine === "xs-rv32" ? rv32Machine : xtensaMachine)(natives);
    const modules = { "xs-telemetry": module, ...otherModules(natives) };
    return printed(engine, await machine.run({ main, modules, args, timeoutMs: TIMEOUT_MS }));
  };

export const runInRv32 = runIn("xs-rv32");

function printed(engine: string, { status, stdout, stderr }: Ran): string {
  if (status !== 0) throw new Error(`${engine} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

interface Measured extends CaseKey {
  readonly cost: number;
  readonly allocatedBytes: number;
  readonly recordBytes: number | null;
}

/** What measureXs() measures, for a machine that cannot: the cases are the same code in Node. */
export async function keysOfXs(): Promise<CaseKey[]> {
  const { clockCase, emitterCases } = await import("./emitter-cases.ts");
  const { adapterCases } = await import("./adapter-cases.ts");
  const baselines = PAYLOAD_LENGTHS.flatMap((payloadChars) =>
    XS_BASELINES.map((path): CaseKey => ({ path, event: "msg.recv", payloadChars })),
  );
  const own = (path: "typescript" | "native"): CaseKey[] => [...emitterCases(path), ...adapterCases(path)];
  return [...own("typescript"), clockCase(() => 0), ...baselines, ...adapterCases("disabled"), ...own("native")];
}

/** The cases of each variant of the emitter in one engine, or of one of them; with or without the baselines. */
export async function measureXs(
  engine: XsEngine,
  say: Say,
  withBaselines = true,
  only?: Variant["path"],
): Promise<Row[]> {
  const main = await bundleBench();
  const [run, accuracy] = isMachine(engine) ? [runIn(engine), ACCURACY.count] : [runInHost, ACCURACY.clock];
  const rows: Row[] = [];
  for (const { path, module, natives } of await variants()) {
    if (only && path !== only) continue;
    const isCompared = withBaselines && path === "typescript";
    say(`${engine}: ${path}${isCompared ? " and baselines" : ""}`);
    const output = await run(natives, module, main, path, String(isCompared), ...accuracy);
    const lines = output.trim().split("\n");
    const { cases } = JSON.parse(lines.pop()!) as { cases: number };
    if (cases !== lines.length) throw new Error(`${engine} ${path}: ${cases} cases, but ${lines.length} results`);
    for (const line of lines) rows.push(rowOf(engine, JSON.parse(line)));
  }
  return rows;
}

function rowOf(engine: XsEngine, { cost, allocatedBytes, recordBytes, ...key }: Measured): Row {
  const counted = isMachine(engine)
    ? { instructions: Math.round(cost), ns: null }
    : { instructions: null, ns: Math.round(cost * 10) / 10 };
  return { engine, ...key, ...counted, allocatedBytes, recordBytes };
}
