// XS for Xtensa, the family of ESP32 and ESP32-S3. As a command: `node build/xtensa/setup.mjs` builds it and prints the path of the ELF file.
import { pathToFileURL } from "node:url";
import { bareMachine, printElf } from "../bare/machine.mjs";
import { XTENSA_PICOLIBC } from "../machine.mjs";

const description = {
  name: "xtensa",
  needs: ["xtensa-lx106-elf-gcc", "picolibc of xtensa", "qemu-system-xtensa"],
  gcc: "xtensa-lx106-elf-gcc",
  picolibc: XTENSA_PICOLIBC,
  qemu: "qemu-system-xtensa",
  options: "-M sim -m 256M -cpu lx106 -semihosting",
  // One instruction takes 32 ns of the machine's time, which xtensa.c relies on.
  counting: "-icount shift=5,sleep=off",
  alwaysCounts: true,
};

/** bareMachine() for an Xtensa, with the same `options`. */
export const xtensaMachine = (options) => bareMachine(description, options);

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await printElf(xtensaMachine);
