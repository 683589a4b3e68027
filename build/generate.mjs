// Runs the generator: `node build/generate.mjs [--check]`.
import { bundleForNode } from "./bundle.mjs";
import { step } from "./run.mjs";

step(await bundleForNode("host/generate/main.ts", "dist/build/generate.mjs"), ...process.argv.slice(2));
