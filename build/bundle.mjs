// Bundles TypeScript of this repository for Node; packages stay outside, including xs-telemetry itself.
import { build } from "esbuild";
import { platformFiles, SWITCH } from "./platforms.mjs";
import { viewPage } from "./view-page.mjs";

/** For esbuild: if device code is part of a bundle, its switch is the shipped one. */
const oneSwitch = {
  name: "one switch",
  setup: ({ onResolve }) =>
    onResolve({ filter: SWITCH.file }, ({ importer }) => (importer ? { path: SWITCH.name, external: true } : null)),
};

export const NODE = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  alias: platformFiles(),
  plugins: [oneSwitch, viewPage],
  logLevel: "warning",
};

/**
 * Bundles the benchmarks for Node, in `outdir`. In pieces: code that needs the built module is loaded when it exists; node/*.ts measure in
 * separate processes.
 */
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
