// Runs single specs inside XS: `node build/xs-specs.mjs [typescript|native] [rv32|xtensa|host|sanitize] FILE.spec.ts…`, on the result of
// the last build.
// All of them: `npm test -- rv32-native`, and the other names in test/engines/.
import { resolve } from "node:path";
import { bundleForNode } from "./bundle.mjs";

const args = process.argv.slice(2);
const take = (choices) => (choices.includes(args[0]) ? args.shift() : choices[0]);
const variant = take(["typescript", "native", "retained"]);
const machine = take(["rv32", "xtensa", "host", "sanitize"]);
if (args.length === 0) {
  console.error("usage: node build/xs-specs.mjs [typescript|native] [rv32|xtensa|host|sanitize] FILE.spec.ts…");
  process.exit(2);
}
const support = await bundleForNode("test/support/xs.ts", "dist/build/xs-support.mjs");
const { bundleForXs, engine } = await import(resolve(support));
const imports = args.map((file) => `import ${JSON.stringify(resolve(file))};`).join("\n");
const contents = `import { run } from "./test/support/xs-harness.ts";\n${imports}\nawait run();\n`;
const bundle = await bundleForXs({ contents, resolveDir: process.cwd() }, `dist/xs/one-${process.pid}.js`, variant);
const { run, isSlow } = await engine(machine, variant);
const { XS_TELEMETRY_CAMPAIGN = "usual", XS_TELEMETRY_SEED = "0" } = process.env;
const { status, stdout, stderr } = await run(
  bundle,
  [variant, "", XS_TELEMETRY_CAMPAIGN, XS_TELEMETRY_SEED, isSlow ? "slow" : "fast"],
  machine === "sanitize" ? ["--limit", "8000000000"] : [],
);
process.stderr.write(stderr);
let failed = status === 0 ? 0 : 1;
let ran = 0;
for (const line of stdout.trim().split("\n")) {
  let entry;
  try {
    entry = JSON.parse(line);
  } catch {
    entry = undefined;
  }
  if (entry?.title === undefined) console.log(line);
  else console.log(entry.error === "" ? `  ok ${entry.title}` : `FAIL ${entry.title}\n${entry.error}`);
  if (entry?.title !== undefined) ran++;
  if (entry?.error) failed++;
}
if (ran === 0) {
  console.error(`${args.join(" ")}: no case ran`);
  failed++;
}
process.exit(failed > 0 ? 1 : 0);
