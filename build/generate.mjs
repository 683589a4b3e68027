// Runs the generators: `node build/generate.mjs [--check]`.
import { bundleForNode } from "./bundle.mjs";
import { step } from "./run.mjs";

step(await bundleForNode("host/generate/main.ts", "dist/build/generate.mjs"), ...process.argv.slice(2));
step("build/api.mjs", ...process.argv.slice(2));
