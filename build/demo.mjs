// `npm run demo [-- --out DIR]`: builds what it needs, then runs the demo.
import { build } from "esbuild";
import { ensureCommands } from "./machine.mjs";
import { step } from "./run.mjs";

try {
  ensureCommands("gcc", "make");
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
step("build/build.mjs");
const outfile = "dist/build/demo.mjs";
await build({
  entryPoints: ["examples/demo/main.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
step(outfile, ...process.argv.slice(2));
