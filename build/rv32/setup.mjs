/**
 * Builds xs-host for the instruction set of an ESP32-C3 and runs it under QEMU, which counts instructions.
 * As a command: `node build/rv32/setup.mjs` builds, says on stderr what it does, and prints the path of the ELF file.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensure } from "../machine.mjs";
import { buildHost, say, tool } from "../xs/builder.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const gcc = "riscv64-unknown-elf-gcc";
const qemu = "qemu-system-riscv32";
const machine = "-M virt -m 256M -cpu rv32 -bios none";
// One instruction takes one nanosecond of the machine's time; sleep=off keeps the host's time out of the count.
const counting = "-icount shift=0,sleep=off";
const console = "-display none -serial none -monitor none -semihosting-config enable=on,target=native";

/**
 * Builds xs-host for RV32 if it is not in the cache. Throws an Error that says what to do if a tool is missing or a
 * source does not compile.
 *
 * @param {object} [options]
 * @param {string[]} [options.natives] C files with more natives; a header beside them counts as a part of them.
 */
export async function rv32Machine({ natives = [] } = {}) {
  ensure("make", gcc, "picolibc", qemu);
  const library = ["--specs=picolibc.specs", "-include", "picolibc.h", "-dM", "-E", "-x", "c", "/dev/null"];
  const folder = await buildHost({
    variant: "rv32",
    compiler: (await tool(gcc, ["--version"])).stdout + (await tool(gcc, library)).stdout,
    makefile: join(here, "Makefile"),
    platformC: join(here, "rv32.c"),
    natives,
  });
  const elf = join(folder, "xs-host.elf");
  return { elf, run: (options) => run(elf, options), sizes: () => sizes(folder, natives) };
}

/**
 * Runs a module to its end. Returns its exit code, as of xs-host, and what it wrote. A machine that takes longer than
 * timeoutMs is ended: status is then null, and stderr says so. Not counted, it is a quarter to a half faster: instructions()
 * and the clock then go by the host's time.
 */
function run(elf, { main, modules = {}, args = [], options = [], counted = true, timeoutMs = 600_000 }) {
  const given = Object.entries(modules).flatMap(([name, path]) => ["--module", `${name}=${resolve(path)}`]);
  const list = [...given, ...options, ...(main === undefined ? [] : [resolve(main)]), ...args];
  return new Promise((done, fail) => {
    const child = spawn(qemu, [...`${machine} ${counted ? counting : ""} ${console}`.split(/ +/), "-kernel", elf], {
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const output = { stdout: [], stderr: [] };
    for (const name of ["stdout", "stderr"]) child[name].on("data", (bytes) => output[name].push(bytes));
    child.on("error", fail);
    child.on("close", (status) => {
      if (status === null) output.stderr.push(Buffer.from(`xs-host: stopped: not at its end after ${timeoutMs} ms\n`));
      done({
        status,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      });
    });
    child.stdin.on("error", () => {}); // it may end before it has read its arguments
    child.stdin.end(list.map((argument) => `${argument}\0`).join(""));
  });
}

/** Returns what each native file takes on a device: [{ file, text, data, bss }], in bytes. */
async function sizes(folder, natives) {
  const lines = (await readFile(join(folder, "sizes.txt"), "utf8")).split("\n");
  return natives.map((file, index) => {
    const [text, data, bss] = lines[index + 1].trim().split(/\s+/).map(Number);
    return { file, text, data, bss };
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const { elf } = await rv32Machine();
    process.stdout.write(`${elf}\n`);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
