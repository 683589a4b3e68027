// Mutated inputs through all that receives: `node build/fuzz.mjs [--runs N] [--seed S]`. Prints the seed; exit code 1 when something does not hold.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";

const { values } = parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } });
const runs = Number(values.runs ?? 1_000_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const outfile = "dist/fuzz/receiving.mjs";
await build({ entryPoints: ["test/fuzz/receiving.ts"], outfile, ...NODE, sourcemap: "inline" });
process.setSourceMapsEnabled(true);
const { fuzzReceiving } = await import(resolve(outfile));

console.log(`${runs} runs, seed ${seed}`);
const startMs = performance.now();
let mostMb = 0;
try {
  const result = await fuzzReceiving(runs, seed, (done) => {
    mostMb = Math.max(mostMb, process.memoryUsage.rss() / 1e6);
    if (done % 100_000 === 0) console.log(`${done} runs, ${Math.round((performance.now() - startMs) / 1000)} s`);
  });
  console.log(JSON.stringify(result));
  console.log(
    `held in ${Math.round((performance.now() - startMs) / 1000)} s, at most ${Math.round(mostMb)} MB of memory`,
  );
} catch (error) {
  console.error(error.message, error.stack);
  process.exitCode = 1;
}
