// Runs the steps of a command in order; the first failure ends it.
import { spawn, spawnSync } from "node:child_process";

/** Runs `node ...args`; ends the process with its exit code if that is not 0. */
export function step(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs the build; its messages go to stderr, because stdout has results. */
export function buildQuietly() {
  const { status } = spawnSync(process.execPath, ["build/build.mjs"], { stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs several `node ...args` at once, to their end; exits with the code of one that is not 0. */
export async function allOrExit(...steps) {
  const ended = (args) =>
    new Promise((done) =>
      spawn(process.execPath, args, { stdio: "inherit" }).on("close", (status) => done(status ?? 1)),
    );
  const failed = (await Promise.all(steps.map(ended))).find((status) => status !== 0);
  if (failed !== undefined) process.exit(failed);
}
