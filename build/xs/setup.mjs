/**
 * Builds xs-host, the XS engine as a test target on Linux.
 * As a command: `node build/xs/setup.mjs [64|32|sanitize]...` builds 64 and 32 unless told otherwise, says on
 * stderr what it does, and prints the path of each executable on stdout.
 */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensure } from "../machine.mjs";
import { buildHost, say, tool } from "./builder.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Builds xs-host if it is not in the cache. Returns the path of the executable. Throws an Error that says what to
 * do if a tool is missing, the download is not what it should be, or a source does not compile. May be called many
 * times at once, also from several processes.
 *
 * @param {object} options
 * @param {64 | 32} options.bits 32 has the memory layout of a device.
 * @param {boolean} [options.sanitize] finds misuse of memory in natives, and puts lines in stack traces; 64 bits only.
 * @param {string[]} [options.natives] C files with more natives; a header beside them counts as a part of them.
 * @returns {Promise<string>}
 */
export async function xsHost({ bits, sanitize = false, natives = [] }) {
  if (bits !== 64 && bits !== 32) throw new Error(`xsHost: bits is ${bits}: it can be 64 or 32`);
  if (sanitize && bits !== 64) throw new Error("xsHost: sanitize works with 64 bits only");
  ensure("gcc", "make");
  const folder = await buildHost({
    variant: `${bits}${sanitize ? "-sanitize" : ""}`,
    compiler: (await tool("gcc", ["--version"])).stdout,
    makefile: join(here, "Makefile"),
    platformC: join(here, "linux.c"),
    variables: [`BITS=${bits}`, `SANITIZE=${sanitize ? 1 : ""}`],
    natives,
    prepare: bits === 32 ? ensure32 : undefined,
  });
  return join(folder, "xs-host");
}

/**
 * Compiles a module as Moddable's compiler does, without debug information. Returns { code, symbols, hosts }: bytes of
 * its bytecode, of the names in it, of its references to natives. Throws an Error if there is no such file.
 */
export async function bytecode(path) {
  return JSON.parse((await tool(await xsHost({ bits: 64 }), ["--bytecode", path])).stdout);
}

function ensure32() {
  if (process.arch !== "x64") throw new Error(`xsHost: 32 bits need an x86-64 machine, this is ${process.arch}`);
  ensure("gcc -m32");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const wanted = process.argv.slice(2);
  try {
    for (const name of wanted.length > 0 ? wanted : ["64", "32"]) {
      const options = { 64: { bits: 64 }, 32: { bits: 32 }, sanitize: { bits: 64, sanitize: true } }[name];
      if (!options) throw new Error(`"${name}" cannot be built: it is 64, 32 or sanitize`);
      const path = await xsHost(options);
      say(`${name} is ready`);
      process.stdout.write(`${path}\n`);
    }
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
