// Bundles the specs with esbuild and runs them under mocha: `node build/specs.mjs [name…]`, all without a name.
// Packages stay outside the bundle, xs-telemetry itself too: specs run against what is shipped.
import { readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "esbuild";
import Mocha from "mocha";
import { NODE } from "./bundle.mjs";

const wanted = process.argv.slice(2).sort();
const files = ["test", "test/xs"]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith(".spec.ts"))
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".spec.ts")))
  .sort();
if (files.length === 0) {
  console.error(`no spec named ${wanted.join(" or ")} in test/ or test/xs/`);
  process.exit(2);
}

// A folder of its own for each choice, so that two runs do not disturb each other.
const folder = `dist/test/${wanted.join("+") || "all"}`;
rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: files,
  outdir: folder,
  outbase: "test",
  ...NODE,
  splitting: true,
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
});

process.setSourceMapsEnabled(true);
const mocha = new Mocha({
  timeout: 120_000,
  color: process.stdout.isTTY === true && !process.env.NO_COLOR,
  forbidOnly: true,
  forbidPending: true,
});
for (const file of files) mocha.addFile(resolve(file.replace(/^test/, folder).replace(/\.ts$/, ".mjs")));
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes } = runner.stats;
  console.log(`${passes} passed, ${failures} failed`);
  process.exit(failures > 0 || passes === 0 ? 1 : 0);
});
