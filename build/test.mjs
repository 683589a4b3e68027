// `npm test`: fast checks first. Names of specs run those alone: `npm test -- ring reader`.
import { ensureCommands } from "./machine.mjs";
import { step } from "./run.mjs";

try {
  ensureCommands("gcc", "make", "babeltrace2");
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
step("build/build.mjs");
step("build/lint.mjs");
const names = process.argv.slice(2);
step("build/xs/setup.mjs");
if (names.length === 0) step("build/xs/selftest.mjs");
step("build/specs.mjs", ...names);
