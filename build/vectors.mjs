// Adds vectors for scripts that have none. Existing ones are never changed, because devices in the field write those bytes. The file is
// that of the fingerprint that devices emit now; those of others are for the decoder to read.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { bundleForNode } from "./bundle.mjs";
import { step } from "./run.mjs";

step("build/build.mjs");
const contents =
  'export { scripts } from "./test/vectors/scripts.ts"; export { play } from "./test/support/script.ts";';
const outfile = await bundleForNode({ contents, resolveDir: process.cwd(), loader: "ts" }, "dist/build/vectors.mjs");
const { scripts, play } = await import(`${process.cwd()}/${outfile}`);
const fingerprint = Object.values(scripts).map((script) => play(script)[0].slice(8, 16))[0];
const FILE = `test/vectors/wire-format-1-${fingerprint}.json`;
const vectors = existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : {};
let added = 0;
for (const [name, script] of Object.entries(scripts)) {
  if (name in vectors) continue;
  vectors[name] = { packets: play(script) };
  added++;
}
writeFileSync(FILE, `${JSON.stringify(vectors, null, 2)}\n`);
console.error(`${FILE}: ${added} added, ${Object.keys(vectors).length} in all`);
