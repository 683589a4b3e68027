// Bundles the specs with esbuild and runs them under mocha: `node build/specs.mjs [name…]`, all without a name.
// Packages stay outside the bundle, xs-telemetry itself too: specs run against what is shipped.
import { fork } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";

const wanted = process.argv.slice(2).sort();
const files = ["test", "test/xs"]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith(".spec.ts"))
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".spec.ts")))
  .sort();
if (files.length === 0) {
  console.error(`no spec named ${wanted.join(" or ")} in test/ or test/xs/`);
  process.exit(2);
}

// A folder of its own for each choice, so that two runs do not disturb each other; a file system takes names of so many bytes.
const folder = `dist/test/${wanted.join("+").slice(0, 200) || "all"}`;
rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: files,
  outdir: folder,
  outbase: "test",
  ...NODE,
  splitting: true,
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
});

// Most specs wait for what they have started, or for a processor that another has: those inside XS, which wait for nothing, go beside them.
const isInXs = (file) => basename(file, ".spec.ts") === "engine";
const groups = [files.filter((file) => !isInXs(file)), files.filter(isInXs)].filter((group) => group.length > 0);
const runs = groups.map((group, index) => runSpecs(group, index === 0 ? "inherit" : "pipe"));
const results = [];
for (const { said, result } of runs) {
  results.push(await result);
  process.stdout.write(Buffer.concat(said));
}
// Once more at the end, where whoever keeps only the last lines of a long log finds them.
const failures = results.flatMap((result) => result.failures);
for (const failure of failures) console.log(`failed: ${failure}\n`);
console.log(`${results.reduce((all, { passes }) => all + passes, 0)} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && results.every(({ code }) => code === 0) ? 0 : 1);

/** One process for these specs. What it says is kept if `output` is "pipe". A process that dies is a failure. */
function runSpecs(group, output) {
  const specs = group.map((file) => resolve(file.replace(/^test/, folder).replace(/\.ts$/, ".mjs")));
  const child = fork("build/mocha.mjs", specs, { stdio: ["ignore", output, output, "ipc"] });
  const said = [];
  child.stdout?.on("data", (bytes) => said.push(bytes));
  child.stderr?.on("data", (bytes) => said.push(bytes));
  let told;
  child.on("message", (message) => {
    told = message;
  });
  const result = new Promise((ended) =>
    child.on("close", (code, signal) =>
      ended({
        code,
        ...(told ?? {
          passes: 0,
          failures: [`${group.join(" ")}\nended by ${signal ?? `exit code ${code}`} before all of them had run`],
        }),
      }),
    ),
  );
  return { said, result };
}
