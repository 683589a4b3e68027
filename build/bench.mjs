// `npm run bench [-- PART] [--json]`: makes test/bench/cli.ts something Node runs; that builds what it measures.
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";
import { step } from "./run.mjs";

// In pieces: what needs the module built is loaded when it is. node/*.ts measure in processes of their own.
await build({
  entryPoints: ["test/bench/cli.ts", "test/bench/node/main.ts", "test/bench/node/ws-server.ts"],
  outdir: "dist/bench",
  ...NODE,
  splitting: true,
  outExtension: { ".js": ".mjs" },
});
step("dist/bench/cli.mjs", ...process.argv.slice(2));
