// Runs a module inside the real engine.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { build } from "esbuild";

/** Which emitter: dist/moddable/xs-telemetry.js, or dist/moddable/native/xs-telemetry.js with its natives. */
export type Variant = "typescript" | "native";

interface NativesBuild {
  spellNatives(code: string): string;
  nativeModule(): Promise<{ module: string; natives: string[] }>;
}

// Outside the bundle: these find files beside themselves.
const outside = (path: string) => import(`${process.cwd()}/${path}`);
const nativesBuild = (): Promise<NativesBuild> => outside("build/natives.mjs");

/** Bundles a TypeScript module for XS; xs-telemetry itself stays the file that is shipped. */
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
    conditions: variant === "native" ? ["native", "moddable"] : ["moddable"],
    external: ["xs-telemetry", "xs-telemetry/recorder", "xs-telemetry/flash", "time", "text/encoder"],
    logLevel: "warning",
  });
  if (variant === "native") writeFileSync(outfile, (await nativesBuild()).spellNatives(readFileSync(outfile, "utf8")));
  return outfile;
}

export interface Engine {
  host: string;
  /** What the host runs as xs-telemetry. */
  module: string;
}

/** The engine's host with an emitter, built on demand. */
export async function engine(
  bits: 32 | 64,
  { variant = "typescript", sanitize = false }: { variant?: Variant; sanitize?: boolean } = {},
): Promise<Engine> {
  const { xsHost } = (await outside("build/xs/setup.mjs")) as {
    xsHost(options: { bits: 32 | 64; sanitize: boolean; natives: string[] }): Promise<string>;
  };
  if (variant === "typescript")
    return { host: await xsHost({ bits, sanitize, natives: [] }), module: "dist/moddable/xs-telemetry.js" };
  const { module, natives } = await (await nativesBuild()).nativeModule();
  return { host: await xsHost({ bits, sanitize, natives }), module };
}

const RECORDER = "dist/moddable/recorder.js";
const FLASH = "dist/moddable/flash.js";

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a bundle in XS; at most ten minutes. `options` are the host's. */
export function runInXs({ host, module }: Engine, bundle: string, args: string[] = [], options: string[] = []): Ran {
  const { status, stdout, stderr, error } = spawnSync(
    host,
    [
      "--module",
      `xs-telemetry=${module}`,
      "--module",
      `xs-telemetry/recorder=${RECORDER}`,
      "--module",
      `xs-telemetry/flash=${FLASH}`,
      ...options,
      bundle,
      ...args,
    ],
    { encoding: "utf8", timeout: 600_000, maxBuffer: 1 << 28 },
  );
  if (error) throw error;
  return { status, stdout, stderr };
}
