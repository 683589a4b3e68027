// What the tests need of the machine beside npm's packages: installed where that is possible, else named with the line to type.
import { spawnSync } from "node:child_process";

/** Debian package by the command that it brings. */
const PACKAGES = { gcc: "gcc", make: "make", babeltrace2: "babeltrace2" };

const works = (command, ...args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** Makes sure that the commands are there. Throws an Error that says what to type. */
export function ensureCommands(...commands) {
  const missing = commands.filter((command) => !works(command, "--version"));
  if (missing.length === 0) return;
  const line = `apt-get update && apt-get install -y ${missing.map((command) => PACKAGES[command]).join(" ")}`;
  if (process.getuid?.() === 0 && works("apt-get", "--version")) {
    console.error(`installing ${missing.join(", ")}: ${line}`);
    spawnSync("sh", ["-c", `(${line}) >&2`], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  }
  const left = missing.filter((command) => !works(command, "--version"));
  if (left.length > 0)
    throw new Error(`${left.join(" and ")} not found. Type this and try again: sudo sh -c '${line}'`);
}
