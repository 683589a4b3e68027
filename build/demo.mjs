// `npm run demo [-- --out DIR]`: builds what it needs, then runs the demo.
import { bundleForNode } from "./bundle.mjs";
import { ensureOrExit } from "./machine.mjs";
import { step } from "./run.mjs";

ensureOrExit("gcc", "make");
console.log("building xs-telemetry …");
step("build/build.mjs");
step(await bundleForNode("examples/demo/main.ts", "dist/build/demo.mjs"), ...process.argv.slice(2));
