// Runs a module inside the real engine.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/** Which emitter: dist/moddable/xs-telemetry.js, or dist/moddable/native/xs-telemetry.js with its natives. */
export type Variant = "typescript" | "native";

interface NativesBuild {
  readonly otherNativeFiles: string[];
  spellNatives(code: string): string;
  respell(file: string): string;
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
    if (conditions.moddable) modules[`xs-telemetry${name.slice(1)}`] = conditions.moddable;
  return modules;
}

/** Bundles a TypeScript module for XS; what is shipped stays the files that are. */
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
    external: [...Object.keys(SHIPPED), "time", "timer", "text/encoder"],
    logLevel: "warning",
  });
  if (variant === "native") writeFileSync(outfile, (await nativesBuild()).spellNatives(readFileSync(outfile, "utf8")));
  return outfile;
}

export interface Engine {
  host: string;
  /** What the host runs as xs-telemetry, and under the other names that are shipped. */
  modules: Record<string, string>;
}

/** The engine's host with an emitter, built on demand. */
export async function engine(
  bits: 32 | 64,
  { variant = "typescript", sanitize = false }: { variant?: Variant; sanitize?: boolean } = {},
): Promise<Engine> {
  const { xsHost } = (await outside("build/xs/setup.mjs")) as {
    xsHost(options: { bits: 32 | 64; sanitize: boolean; natives: string[] }): Promise<string>;
  };
  const modules: Record<string, string> = { ...SHIPPED, timer: "test/support/xs-timer.js" };
  if (variant === "typescript") return { host: await xsHost({ bits, sanitize, natives: [] }), modules };
  const { otherNativeFiles, nativeModule, respell } = await nativesBuild();
  const { module, natives } = await nativeModule();
  for (const [name, file] of Object.entries(SHIPPED)) {
    const native = file.replace("/moddable/", "/moddable/native/");
    if (existsSync(native)) modules[name] = respell(join(native));
  }
  modules["xs-telemetry"] = module;
  return { host: await xsHost({ bits, sanitize, natives: [...natives, ...otherNativeFiles] }), modules };
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a bundle in XS; at most ten minutes. `options` are the host's. */
export function runInXs({ host, modules }: Engine, bundle: string, args: string[] = [], options: string[] = []): Ran {
  const { status, stdout, stderr, error } = spawnSync(
    host,
    [
      ...Object.entries(modules).flatMap(([name, file]) => ["--module", `${name}=${file}`]),
      ...options,
      bundle,
      ...args,
    ],
    { encoding: "utf8", timeout: 600_000, maxBuffer: 1 << 28 },
  );
  if (error) throw error;
  return { status, stdout, stderr };
}
