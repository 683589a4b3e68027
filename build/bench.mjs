// `npm run bench [-- PART] [--json]`: builds what is shipped, which is what is measured, and bundles test/bench/cli.ts for Node.
import { bundleBenchmarks } from "./bundle.mjs";
import { buildQuietly, step } from "./run.mjs";

const args = process.argv.slice(2);
if (!args.some((arg) => arg === "--help" || arg === "-h")) buildQuietly();
step(await bundleBenchmarks("dist/bench"), ...args);
