/** Builds xs-host for a bare machine, and runs it under QEMU, which counts instructions. ../rv32 and ../xtensa describe the machines. */
import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ensure } from "../machine.mjs";
import { buildHost, say, tool } from "../xs/builder.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const console = "-display none -serial none -monitor none";

/**
 * What makes one bare machine another.
 * @typedef {object} Description
 * @property {string} name of its folder in build/, whose C files and makefile are its own, and of what it builds.
 * @property {string[]} needs what ../machine.mjs is asked for.
 * @property {string} gcc
 * @property {string} picolibc the file of its specs.
 * @property {string} qemu
 * @property {string} options of QEMU, with semihosting.
 * @property {string} counting more of them, by which instructions() and the clock count instructions.
 * @property {boolean} [alwaysCounts] its clock is nothing else.
 */

/**
 * Builds xs-host for a machine if it is not in the cache. Throws an Error that says what to do if a tool is missing or a
 * source does not compile.
 *
 * @param {Description} description
 * @param {object} [options]
 * @param {string[]} [options.natives] C files with more natives; a header beside them counts as a part of them.
 */
export async function bareMachine(description, { natives = [] } = {}) {
  const { name, needs, gcc, picolibc } = description;
  ensure("make", ...needs);
  const library = [`--specs=${picolibc}`, "-include", "picolibc.h", "-dM", "-E", "-x", "c", "/dev/null"];
  const own = join(here, "..", name);
  const folder = await buildHost({
    variant: name,
    compiler: (await tool(gcc, ["--version"])).stdout + (await tool(gcc, library)).stdout,
    makefiles: [join(own, "Makefile"), join(here, "bare.mk")],
    platform: [...(await sourcesIn(own)), ...(await sourcesIn(here))],
    variables: [`PICOLIBC=${picolibc}`],
    natives,
  });
  const elf = join(folder, "xs-host.elf");
  return { elf, run: (options) => run(description, elf, options), sizes: () => sizes(folder, natives) };
}

const sourcesIn = async (folder) =>
  (await readdir(folder))
    .filter((name) => /\.(c|h|ld)$/.test(name))
    .sort()
    .map((name) => join(folder, name));

/**
 * Runs a module to its end. Returns its exit code, as from xs-host, and its output. A machine that takes longer than timeoutMs is ended:
 * status is then null, and stderr says so. Without counting it is a quarter to a half faster: instructions() and the clock then follow the
 * host's time, on machines that do not always count.
 */
function run(description, elf, { main, modules = {}, args = [], options = [], counted = true, timeoutMs = 600_000 }) {
  const { qemu, options: machine, counting, alwaysCounts = false } = description;
  const given = Object.entries(modules).flatMap(([name, path]) => ["--module", `${name}=${resolve(path)}`]);
  const list = [...given, ...options, ...(main === undefined ? [] : [resolve(main)]), ...args];
  const words = `${machine} ${counted || alwaysCounts ? counting : ""} ${console}`.split(/ +/);
  return new Promise((done, fail) => {
    const child = spawn(qemu, [...words, "-kernel", elf], { timeout: timeoutMs, killSignal: "SIGKILL" });
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

/** The command of a setup.mjs: builds, reports progress on stderr, and prints the path of the ELF file. */
export async function printElf(machine) {
  try {
    const { elf } = await machine();
    process.stdout.write(`${elf}\n`);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
