// TypeScript of this repository as something Node runs; packages stay outside, xs-telemetry itself too.
import { build } from "esbuild";
import { platformFiles, SWITCH } from "./platforms.mjs";
import { viewPage } from "./view-page.mjs";

/** For esbuild: where device code is part of a bundle, its switch is the one that is shipped. */
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
