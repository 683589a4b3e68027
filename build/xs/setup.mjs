/**
 * Builds xs-host, the XS engine as a program of this machine: 64 bits, x86-64 or arm64. The engine of 32 bits is ../rv32.
 * As a command: `node build/xs/setup.mjs [host|sanitize]...` builds the first unless told otherwise, says on stderr what it
 * does, and prints the path of each executable on stdout.
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
 * @param {object} [options]
 * @param {boolean} [options.sanitize] finds misuse of memory in natives, and puts lines in stack traces.
 * @param {string[]} [options.natives] C files with more natives; a header beside them counts as a part of them.
 * @returns {Promise<string>}
 */
export async function xsHost({ sanitize = false, natives = [] } = {}) {
  ensure("gcc", "make");
  const folder = await buildHost({
    variant: sanitize ? "sanitize" : "host",
    compiler: (await tool("gcc", ["-v"])).stderr,
    makefiles: [join(here, "Makefile")],
    platform: [join(here, "linux.c")],
    variables: [`SANITIZE=${sanitize ? 1 : ""}`],
    natives,
  });
  return join(folder, "xs-host");
}

/**
 * Compiles a module as Moddable's compiler does, without debug information. Returns { code, symbols, hosts }: bytes of
 * its bytecode, of the names in it, of its references to natives. Throws an Error if there is no such file.
 */
export async function bytecode(path) {
  return JSON.parse((await tool(await xsHost(), ["--bytecode", path])).stdout);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const wanted = process.argv.slice(2);
  try {
    for (const name of wanted.length > 0 ? wanted : ["host"]) {
      if (name !== "host" && name !== "sanitize") throw new Error(`"${name}" cannot be built: it is host or sanitize`);
      const path = await xsHost({ sanitize: name === "sanitize" });
      say(`${name} is ready`);
      process.stdout.write(`${path}\n`);
    }
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
