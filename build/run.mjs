// Runs the steps of a command in order; the first that fails ends it.
import { spawnSync } from "node:child_process";

/** Runs `node ...args`; ends the process with its exit code if that is not 0. */
export function step(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
