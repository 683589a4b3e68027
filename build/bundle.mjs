// TypeScript of this repository as something Node runs; packages stay outside, xs-telemetry itself too.
import { build } from "esbuild";
import { platformFiles } from "./platforms.mjs";

export const NODE = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  alias: platformFiles(),
  logLevel: "warning",
};

/** Makes the benchmarks something Node runs, in `outdir`. In pieces: what needs the module built is loaded when it is; node/*.ts measure in processes of their own. */
export async function bundleBenchmarks(outdir) {
  await build({
    entryPoints: ["test/bench/cli.ts", "test/bench/node/main.ts", "test/bench/node/ws-server.ts"],
    outdir,
    ...NODE,
    splitting: true,
    outExtension: { ".js": ".mjs" },
  });
  return `${outdir}/cli.mjs`;
}

/** Bundles one file, or `{ contents, resolveDir, loader }`, for Node. Returns `outfile`. */
export async function bundleForNode(input, outfile) {
  await build({ ...NODE, ...(typeof input === "string" ? { entryPoints: [input] } : { stdin: input }), outfile });
  return outfile;
}
