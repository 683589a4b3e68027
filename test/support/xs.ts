// Runs a module inside the real engine.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";
import { isFull } from "./campaign.ts";

/** Which emitter: dist/moddable/xs-telemetry.js, or dist/moddable/native/xs-telemetry.js with its natives. */
export type Variant = "typescript" | "native" | "retained";

/** With memory that outlives a reset, in the variant "retained": the natives as in manifests/retained.json. */
const RETAINED_BYTES = 8192;

interface NativesBuild {
  readonly otherNativeFiles: string[];
  spellNatives(code: string): string;
  respell(file: string): string;
  retainedNatives(bytes: number): string[];
  nativeModule(): Promise<{ module: string; natives: string[] }>;
}

// Outside the bundle: these find files beside themselves.
const outside = (path: string) => import(`${process.cwd()}/${path}`);
const nativesBuild = (): Promise<NativesBuild> => outside("build/natives.mjs");
const { platformFiles } = (await outside("build/platforms.mjs")) as {
  platformFiles(conditions: readonly string[]): Record<string, string>;
};

/** What is shipped for the device: specifiers, and their files in TypeScript. */
const SHIPPED: Record<string, string> = shippedModules();

function shippedModules(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
  const modules: Record<string, string> = {};
  for (const [name, conditions] of Object.entries<{ moddable?: string }>(exports))
    if (conditions.moddable) modules[`xs-telemetry${name.slice(1)}`] = conditions.moddable.replace("/native/", "/");
  return modules;
}

/** Bundles a TypeScript module for XS; the shipped modules stay separate files. */
export async function bundleForXs(
  input: string | { contents: string; resolveDir: string },
  outfile: string,
  variant: Variant = "typescript",
): Promise<string> {
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    ...(typeof input === "string" ? { entryPoints: [input] } : { stdin: { ...input, loader: "ts" as const } }),
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    alias: platformFiles(variant === "native" ? ["native", "moddable"] : ["moddable"]),
    external: ["reset", ...Object.keys(SHIPPED), "time", "timer", "text/encoder"],
    logLevel: "warning",
  });
  if (variant === "native") writeFileSync(outfile, (await nativesBuild()).spellNatives(readFileSync(outfile, "utf8")));
  return outfile;
}

/** XS as a program of this machine, 64 bits; the same with checks of memory; XS on the instruction set of an ESP32-C3, and of an ESP8266, 32 bits. */
export type EngineName = "host" | "sanitize" | "rv32" | "xtensa";

export interface Ran {
  /** The engine's exit code; null if it was stopped. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Engine {
  /** For people: which engine it is, and how it runs. */
  title: string;
  /** Emulated, or with AddressSanitizer. */
  isSlow: boolean;
  /** Runs a bundle to its end, ten minutes at most; of campaigns at full size, ten times that. `options` are the host's, such as `["--limit", "8000000000"]`. */
  run(bundle: string, args?: readonly string[], options?: readonly string[]): Promise<Ran>;
}

const TIMEOUT_MS = isFull ? 6_000_000 : 600_000;

/** An engine with an emitter, built if necessary. `counted`: instructions() and the clock of a bare machine count. */
export async function engine(name: EngineName, variant: Variant = "typescript", counted = false): Promise<Engine> {
  const { modules, natives } = await modulesOf(variant);
  const isBare = name === "rv32" || name === "xtensa";
  return isBare ? bare(name, modules, natives, counted) : onThisMachine(name === "sanitize", modules, natives);
}

/** The module that the engine runs as xs-telemetry and the other shipped names, and the C files that those need. */
async function modulesOf(variant: Variant): Promise<{ modules: Record<string, string>; natives: string[] }> {
  const modules: Record<string, string> = { ...SHIPPED, timer: "test/support/xs-timer.js" };
  if (variant === "typescript") return { modules, natives: [] };
  const { otherNativeFiles, nativeModule, respell, retainedNatives } = await nativesBuild();
  const { module, natives: plain } = await nativeModule();
  const natives = variant === "retained" ? retainedNatives(RETAINED_BYTES) : plain;
  for (const [name, file] of Object.entries(SHIPPED)) {
    const native = file.replace("/moddable/", "/moddable/native/");
    if (existsSync(native)) modules[name] = respell(join(native));
  }
  modules["xs-telemetry"] = module;
  if (variant === "retained") {
    modules.reset = "test/retained/reset.js";
    return { modules, natives: [...natives, ...otherNativeFiles, "test/retained/reset.c"] };
  }
  return { modules, natives: [...natives, ...otherNativeFiles] };
}

async function onThisMachine(sanitize: boolean, modules: Record<string, string>, natives: string[]): Promise<Engine> {
  const { xsHost } = (await outside("build/xs/setup.mjs")) as {
    xsHost(options: { sanitize: boolean; natives: string[] }): Promise<string>;
  };
  const host = await xsHost({ sanitize, natives });
  const given = Object.entries(modules).flatMap(([name, file]) => ["--module", `${name}=${file}`]);
  return {
    title: sanitize ? "64 bits with AddressSanitizer and UBSan, native" : `64 bits, native`,
    isSlow: sanitize,
    run: (bundle, args = [], options = []) =>
      new Promise((done) => {
        const settings = { encoding: "utf8", timeout: TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: 1 << 28 } as const;
        execFile(host, [...given, ...options, bundle, ...args], settings, (error, stdout, stderr) => {
          const status = error ? (typeof error.code === "number" ? error.code : null) : 0;
          done({ status, stdout, stderr: status === null ? `${stderr}${error?.message}` : stderr });
        });
      }),
  };
}

async function bare(
  name: "rv32" | "xtensa",
  modules: Record<string, string>,
  natives: string[],
  counted: boolean,
): Promise<Engine> {
  interface Machine {
    run(program: object): Promise<Ran>;
  }
  const setup = (await outside(`build/${name}/setup.mjs`)) as Record<
    `${typeof name}Machine`,
    (options: { natives: string[] }) => Promise<Machine>
  >;
  const machine = await setup[`${name}Machine`]({ natives });
  return {
    title: `32 bits, ${name === "rv32" ? "RV32" : "Xtensa"} emulated by QEMU`,
    isSlow: true,
    run: (bundle, args = [], options = []) =>
      machine.run({
        main: bundle,
        modules,
        args: args.map((arg) => (existsSync(arg) ? resolve(arg) : arg)),
        options,
        counted,
        timeoutMs: TIMEOUT_MS,
      }),
  };
}
