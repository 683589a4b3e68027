// Runs the generator: `node build/generate.mjs [--check]`.
import { spawnSync } from "node:child_process";
import { build } from "esbuild";

const outfile = "dist/build/generate.mjs";
await build({
  entryPoints: ["host/generate/main.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
process.exit(spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1);
