// Writes examples/traces/*.jsonl with the present emitter; a test compares them.
import { writeFileSync } from "node:fs";
import { bundleForNode } from "./bundle.mjs";
import { step } from "./run.mjs";

step("build/build.mjs");
const contents = 'export { makeTraces } from "./examples/traces/traces.ts";';
const outfile = await bundleForNode({ contents, resolveDir: process.cwd(), loader: "ts" }, "dist/build/traces.mjs");
const { makeTraces } = await import(`${process.cwd()}/${outfile}`);
for (const [name, text] of await makeTraces()) writeFileSync(`examples/traces/${name}`, text);
