/**
 * Bundles the specs with esbuild and runs them under mocha, spec files in parallel processes: `node build/specs.mjs [--full] [--record]
 * [--campaigns] [--quiet] [--seed N] [NAME…]`. Without a name all of them; --full: campaigns at their full size; --record: writes what they
 * did into docs/testing.md; --campaigns: only specs that have one; --quiet: counts cases, and prints only failures. Packages stay outside
 * the bundle, including xs-telemetry itself: specs run against the shipped files.
 */
import { fork } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";
import { readTally, record, tallyLines } from "./campaigns.mjs";

const options = {
  full: { type: "boolean" },
  record: { type: "boolean" },
  campaigns: { type: "boolean" },
  quiet: { type: "boolean" },
  seed: { type: "string" },
};
const { values, positionals: names } = parseArgs({ options, allowPositionals: true });
const seed = values.seed ?? `${Math.floor(Math.random() * 2 ** 31)}`;
if (!/^\d{1,10}$/.test(seed) || Number(seed) >= 2 ** 32) {
  console.error(`--seed ${seed}: it is a whole number below 2^32`);
  process.exit(2);
}
if (values.record && !values.full) {
  console.error("--record is of campaigns at their full size: npm run test:full -- --record");
  process.exit(2);
}

/**
 * The slowest begin first: engines, then specs that wait for other clocks, then the one that installs a package; short ones end the run.
 */
const FIRST = ["test/engines/", "test/e2e/", "test/package/", "test/commands/"];
const rank = (file) => (FIRST.findIndex((folder) => file.startsWith(folder)) + FIRST.length + 1) % (FIRST.length + 1);
/** Matches a spec by its name, its folder's, or the end of its path: deframer, receive, links/mqtt. */
const isNamed = (file) => {
  const path = `/${file.replace(/\.spec\.m?[jt]s$/, "")}`;
  return names.length === 0 || names.some((name) => path.endsWith(`/${name}`) || path.includes(`/${name}/`));
};
const hasCampaign = (file) =>
  !values.campaigns ||
  file.startsWith("test/engines/") ||
  /\/(campaign|properties)\.ts"/.test(readFileSync(file, "utf8"));
const files = ["test", "build"]
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
  // Those of test/engine/ run only inside XS, by way of test/engines/.
  .filter((file) => /\.spec\.m?[jt]s$/.test(file) && !file.startsWith("test/engine/"))
  .filter((file) => isNamed(file) && hasCampaign(file))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
if (files.length === 0) {
  console.error(`no spec named ${names.join(" or ")} in test/ or build/`);
  process.exit(2);
}

// A separate folder for each choice, so that two runs do not disturb each other; a file system limits the length of names.
const folder = `dist/test/${[...names].sort().join("+").replaceAll("/", "-").slice(0, 200) || "all"}`;
rmSync(folder, { recursive: true, force: true });
// Specs of build/ find files beside themselves: they run as they are.
const isBundled = (file) => file.startsWith("test/");
await build({
  entryPoints: files.filter(isBundled),
  outdir: folder,
  outbase: "test",
  ...NODE,
  splitting: true,
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
});

// Many specs wait for processes that they have started: one file more than there are processors.
const jobs = availableParallelism() + 1;
const tally = process.env.XS_TELEMETRY_TALLY ?? resolve(folder, "ran.jsonl");
const specs = files.map((file) =>
  resolve(isBundled(file) ? file.replace(/^test/, folder).replace(/\.ts$/, ".mjs") : file),
);
console.log(`running ${files.length} spec files, ${jobs} at a time; a file's cases are said when it is through`);
const startMs = performance.now();
const child = fork("build/mocha.mjs", [values.quiet ? "min" : "spec", `${jobs}`, ...specs], {
  stdio: ["ignore", values.quiet ? "ignore" : "inherit", "inherit", "ipc"],
  env: {
    ...process.env,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --enable-source-maps`,
    XS_TELEMETRY_CAMPAIGN: values.full ? "full" : "usual",
    XS_TELEMETRY_SEED: seed,
    XS_TELEMETRY_TALLY: tally,
  },
});
const passes = new Map();
const failures = [];
const heardOf = new Set();
let isOver = false;
child.on("message", (message) => {
  if (message.file) heardOf.add(message.file);
  if (message.where) passes.set(message.where, (passes.get(message.where) ?? 0) + 1);
  if (message.failure)
    failures.push(message.file ? `${files[specs.indexOf(message.file)]}: ${message.failure}` : message.failure);
  isOver ||= message.isOver === true;
});
const { code, signal } = await new Promise((ended) => child.on("close", (code, signal) => ended({ code, signal })));
if (!isOver)
  failures.push(
    `the run ended by ${signal ?? `exit code ${code}`} before all files were through: a process of it was ended`,
  );
for (const [index, spec] of specs.entries())
  if (!heardOf.has(spec))
    failures.push(
      `${files[index]}: no case of it is known: it has none, did not load, or its process ended before it was through`,
    );

const seconds = Math.round((performance.now() - startMs) / 1000);
console.log(`\nWhat ran where, in ${seconds} s:`);
for (const [where, cases] of [...passes].sort())
  console.log(`${cases.toLocaleString("en").padStart(7)} cases  ${where}`);
const campaigns = readTally(tally);
if (campaigns.size > 0) console.log("What campaigns did, in sum:");
for (const line of tallyLines(campaigns)) console.log(line);
console.log(
  values.full
    ? `Campaigns at their full size, seed ${seed}.`
    : `Campaigns in part, seed ${seed} (--seed ${seed} repeats it); npm run test:full has all of them.`,
);
// Repeated at the end, for readers who keep only the last lines of a long log.
for (const failure of failures) console.log(`failed: ${failure}\n`);
const passed = [...passes.values()].reduce((all, cases) => all + cases, 0);
if (values.record) record(campaigns, { seed, passed, failures, seconds, names });
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && code === 0 ? 0 : 1);
