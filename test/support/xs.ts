// Runs a module inside the real engine.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { build } from "esbuild";

/** Bundles a TypeScript module for XS; xs-telemetry itself stays the file that is shipped. */
export async function bundleForXs(
  input: string | { contents: string; resolveDir: string },
  outfile: string,
): Promise<string> {
  mkdirSync("dist/xs", { recursive: true });
  await build({
    ...(typeof input === "string" ? { entryPoints: [input] } : { stdin: { ...input, loader: "ts" as const } }),
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["xs-telemetry"],
    logLevel: "warning",
  });
  return outfile;
}

/** Path of the engine's host, built on demand. */
export async function engine(bits: 32 | 64): Promise<string> {
  // Outside the bundle: it finds its C sources beside itself.
  const setUp = (await import(`${process.cwd()}/build/xs/setup.mjs`)) as {
    xsHost(options: { bits: 32 | 64 }): Promise<string>;
  };
  return setUp.xsHost({ bits });
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a bundle in XS; at most five minutes. */
export function runInXs(host: string, bundle: string, ...args: string[]): Ran {
  const { status, stdout, stderr, error } = spawnSync(
    host,
    ["--module", "xs-telemetry=dist/moddable/xs-telemetry.js", bundle, ...args],
    { encoding: "utf8", timeout: 300_000, maxBuffer: 1 << 28 },
  );
  if (error) throw error;
  return { status, stdout, stderr };
}
