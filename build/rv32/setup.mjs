// XS for the instruction set of an ESP32-C3. As a command: `node build/rv32/setup.mjs` builds it and prints the path of the ELF file.
import { pathToFileURL } from "node:url";
import { bareMachine, printElf } from "../bare/machine.mjs";

const description = {
  name: "rv32",
  needs: ["riscv64-unknown-elf-gcc", "picolibc", "qemu-system-riscv32"],
  gcc: "riscv64-unknown-elf-gcc",
  picolibc: "picolibc.specs",
  qemu: "qemu-system-riscv32",
  options: "-M virt -m 256M -cpu rv32 -bios none -semihosting-config enable=on,target=native",
  // One instruction takes one nanosecond of the machine's time; sleep=off keeps the host's time out of the count.
  counting: "-icount shift=0,sleep=off",
};

/** bareMachine() for an RV32, with the same `options`. */
export const rv32Machine = (options) => bareMachine(description, options);

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await printElf(rv32Machine);
