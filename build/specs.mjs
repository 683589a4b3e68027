// Bundles the specs with esbuild and runs them under mocha: `node build/specs.mjs [name…]`, all without a name.
// Packages stay outside the bundle, xs-telemetry itself too: specs run against what is shipped.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const OUT = "dist/test";

function specFiles() {
  const inFolder = (folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".spec.ts"))
      .map((name) => join(folder, name));
  return [...inFolder("test"), ...inFolder("test/xs")].sort();
}

const wanted = process.argv.slice(2);
const files = specFiles().filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".spec.ts")));
if (files.length === 0) {
  console.error(`no spec named ${wanted.join(" or ")} in test/ or test/xs/`);
  process.exit(2);
}
rmSync(OUT, { recursive: true, force: true });
await build({
  entryPoints: files,
  outdir: OUT,
  outbase: "test",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
const outputs = files.map((file) => file.replace(/^test/, OUT).replace(/\.ts$/, ".mjs"));
const mocha = spawnSync(
  process.execPath,
  [
    "--enable-source-maps",
    "node_modules/mocha/bin/mocha.js",
    "--timeout",
    "120000",
    "--forbid-only",
    "--forbid-pending",
    ...outputs,
  ],
  { stdio: "inherit" },
);
process.exit(mocha.status ?? 1);
