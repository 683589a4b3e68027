/**
 * `npm test`: all checks, campaigns in part. `npm run test:full`: campaigns at their full size.
 *   npm test -- ring reader               only those specs
 *   npm test -- --seed 7                  the cases of a run that printed this seed
 *   npm run test:full -- --record         writes what campaigns did into docs/testing.md; with names, the lines of those
 *   npm run test:full -- --minutes 10     only specs that have a campaign, again and again with new seeds, until the time is over
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureOrExit } from "./machine.mjs";
import { allOrExit, step } from "./run.mjs";

function parse() {
  try {
    const full = { type: "boolean" };
    const options = { full, record: full, minutes: { type: "string" }, seed: { type: "string" } };
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    console.error(`test: ${error.message}`);
    process.exit(2);
  }
}

const { values, positionals: names } = parse();
const minutes = Number(values.minutes ?? 0);
if (values.minutes !== undefined && !(minutes > 0 && minutes <= 1440)) {
  console.error(`test: --minutes ${values.minutes}: it is a number above 0, at most 1440`);
  process.exit(2);
}
if (values.seed !== undefined && !(/^\d{1,10}$/.test(values.seed) && Number(values.seed) < 2 ** 31)) {
  console.error(`test: --seed ${values.seed}: it is a whole number below 2^31`);
  process.exit(2);
}
ensureOrExit(
  ...["gcc", "make", "riscv64-unknown-elf-gcc", "picolibc", "qemu-system-riscv32"],
  ...["xtensa-lx106-elf-gcc", "picolibc of xtensa", "qemu-system-xtensa"],
);
if (values.record && (!values.full || minutes > 0)) {
  console.error(
    "test: --record writes what campaigns do at their full size: npm run test:full -- --record, without --minutes",
  );
  process.exit(2);
}
ensureOrExit(
  ...["babeltrace2", "socat", "mosquitto", "openssl"],
  ...["chromium", "firefox-esr", "protoc", "opentelemetry-proto"],
);
const seed = values.seed ? ["--seed", values.seed] : [];
const engines = ["build/engines.mjs"];
if (minutes > 0) {
  step("build/build.mjs");
  step(...engines);
  slices();
} else {
  // Compiling XS does not depend on lint.
  await allOrExit(names.length > 0 ? ["build/build.mjs"] : ["build/lint.mjs"], engines);
  step(
    "build/specs.mjs",
    ...(values.full ? ["--full"] : []),
    ...(values.record ? ["--record"] : []),
    ...seed,
    ...names,
  );
}

/** Each slice is a separate run with its own seed; none begins that would not end in time, going by the length of the last one. */
function slices() {
  const startMs = performance.now();
  const elapsedMinutes = () => (performance.now() - startMs) / 60_000;
  const base = values.seed ? Number(values.seed) : Math.floor(Math.random() * 2 ** 31);
  const tally = resolve("dist/test/slices.jsonl");
  rmSync(tally, { force: true });
  let passed = 0;
  let slice = 0;
  let longest = 0;
  while (slice === 0 || elapsedMinutes() + longest <= minutes) {
    const from = elapsedMinutes();
    const { status, stdout } = spawnSync(
      process.execPath,
      ["build/specs.mjs", "--campaigns", "--quiet", "--seed", `${base + slice}`, ...names],
      {
        stdio: ["ignore", "pipe", "inherit"],
        encoding: "utf8",
        maxBuffer: 1 << 28,
        env: { ...process.env, XS_TELEMETRY_TALLY: tally },
      },
    );
    process.stdout.write(stdout);
    if (status !== 0) process.exit(status ?? 1);
    passed += Number(/(\d+) passed, 0 failed\n$/.exec(stdout)[1]);
    longest = Math.max(longest, elapsedMinutes() - from);
    slice++;
  }
  console.log(
    `${slice} ${slice === 1 ? "slice" : "slices"} of the campaign in ${elapsedMinutes().toFixed(1)} minutes, seeds ${base} to ${base + slice - 1}`,
  );
  console.log(`${passed} passed, 0 failed`);
}
