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

/** Bundles one file, or `{ contents, resolveDir, loader }`, for Node. Returns `outfile`. */
export async function bundleForNode(input, outfile) {
  await build({ ...NODE, ...(typeof input === "string" ? { entryPoints: [input] } : { stdin: input }), outfile });
  return outfile;
}
