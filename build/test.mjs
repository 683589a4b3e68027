// `npm test`: fast checks first. Names of specs run those alone: `npm test -- ring reader`.
import { ensureOrExit } from "./machine.mjs";
import { step } from "./run.mjs";

const names = process.argv.slice(2);
ensureOrExit("gcc", "make", "gcc -m32", "riscv64-unknown-elf-gcc", "picolibc", "qemu-system-riscv32");
ensureOrExit("babeltrace2", "socat", "mosquitto", "openssl");
if (names.length > 0) {
  step("build/build.mjs");
} else {
  step("build/lint.mjs");
  step("build/xs/selftest.mjs");
  step("build/rv32/selftest.mjs");
}
step("build/specs.mjs", ...names);
