/**
 * Builds xs-host, the XS engine as a test target on Linux, and keeps it in a cache.
 * As a command: `node build/xs/setup.mjs [64|32|sanitize]...` builds 64 and 32 unless told otherwise, says on
 * stderr what it does, and prints the path of each executable on stdout.
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ensure } from "../machine.mjs";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const hostFiles = ["Makefile", "platform.h", "host.h", "host.c", "globals.c", "modules.c", "natives.c"];

// XS 13.3, as it was published for another purpose: of all that is in it, only XS's sources are used.
const xsPackage = "@agoric/xsnap@0.15.0";
const xsIntegrity = "sha512-ZBm4DZxbtfacxMHVVdJjZi0Y8zOxN77vpu1WwI5RWfPkaRh0aHkz/dVdTGKXalDNzWfz183lljKxlxl3/h0n+A==";
const xsFolders = ["sources", "includes", "platforms"];

const say = (line) => process.stderr.write(`xs-host: ${line}\n`);

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
  const extraFiles = natives.map((path) => resolve(path));
  for (const path of [here, cacheRoot(), ...extraFiles]) {
    if (/\s/.test(path))
      throw new Error(`xsHost: make cannot work with a space in a path, and there is one in ${path}`);
  }
  const variant = `${bits}${sanitize ? "-sanitize" : ""}`;

  const compiler = await compilerVersion();
  const read = async (paths) => Promise.all(paths.map((path) => readFile(path)));
  const own = new Map(hostFiles.map((name) => [name, join(here, name)]));
  const engineKey = hash([
    variant,
    compiler,
    xsIntegrity,
    ...(await read([own.get("Makefile"), own.get("platform.h")])),
  ]);
  const extra = [...extraFiles, ...(await headersBeside(extraFiles))];
  const hostKey = hash([engineKey, ...(await read([...own.values(), ...extra]))]);

  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const folder = await cached(`host-${variant}-${hostKey}`, async (out) => {
    const xs = await cached(`xs-${hash([xsIntegrity])}`, fetchXS);
    if (bits === 32) ensure32();
    const settings = [`XS=${xs}`, `BITS=${bits}`, `SANITIZE=${sanitize ? 1 : ""}`];
    const engine = await cached(`engine-${variant}-${engineKey}`, async (engineOut) => {
      say(`compiling XS for ${variant} bits`);
      await make(["engine", `OUT=${engineOut}`, ...settings]);
    });
    await make(["host", `OUT=${out}`, `ENGINE=${engine}`, `EXTRA_C=${extraFiles.join(" ")}`, ...settings]);
    say(`${variant} bits built in ${seconds()}`);
  });
  return join(folder, "xs-host");
}

function cacheRoot() {
  return resolve(process.env.XS_TELEMETRY_CACHE || join(here, "../../node_modules/.cache/xs-telemetry"));
}

const underWay = new Map();

/** Returns the folder `name` of the cache; makes it first, by fill(folder), if it is not there. */
function cached(name, fill) {
  const folder = join(cacheRoot(), name);
  if (!underWay.has(folder)) {
    const forget = () => underWay.delete(folder);
    underWay.set(folder, fillIfMissing(folder, fill).finally(forget));
  }
  return underWay.get(folder);
}

async function fillIfMissing(folder, fill) {
  if (await exists(folder)) return folder;
  // Filled under another name, then renamed: whoever sees the folder sees all of it.
  const unfinished = join(cacheRoot(), `unfinished-${randomUUID()}`);
  await mkdir(unfinished, { recursive: true });
  try {
    await fill(unfinished);
    await rename(unfinished, folder).catch((error) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      // Another process was faster, with the same content: take that.
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

async function fetchXS(folder) {
  let tarball = process.env.XS_TELEMETRY_XS_TARBALL;
  if (!tarball) {
    say(`fetching ${xsPackage} with npm`);
    await tool("npm", ["pack", xsPackage], { cwd: folder });
    tarball = join(
      folder,
      (await readdir(folder)).find((name) => name.endsWith(".tgz")),
    );
  }
  const bytes = await readFile(tarball);
  const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  if (integrity !== xsIntegrity) {
    throw new Error(
      `${tarball} is not the ${xsPackage} this host was written for, and is not used:\n` +
        `  its integrity is ${integrity}\n  expected was     ${xsIntegrity}\n` +
        "Ask your registry why it differs; or get the tarball elsewhere and set XS_TELEMETRY_XS_TARBALL to its path.",
    );
  }
  const wanted = xsFolders.map((name) => `package/moddable/xs/${name}`);
  await tool("tar", ["-xzf", tarball, "-C", folder, "--strip-components=3", ...wanted]);
  if (!process.env.XS_TELEMETRY_XS_TARBALL) await rm(tarball);
}

async function compilerVersion() {
  ensure("gcc", "make");
  return (await tool("gcc", ["--version"])).stdout;
}

function ensure32() {
  if (process.arch !== "x64") throw new Error(`xsHost: 32 bits need an x86-64 machine, this is ${process.arch}`);
  ensure("gcc -m32");
}

const make = (args) => tool("make", ["-s", `-j${availableParallelism()}`, "-f", join(here, "Makefile"), ...args]);

/** Runs a command. Returns its output. Throws an Error with all it said if it fails. */
async function tool(command, args, options = {}) {
  try {
    return await run(command, args, { maxBuffer: 64 * 1024 * 1024, ...options });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stderr || error.stdout || error.message}`.trimEnd());
  }
}

async function headersBeside(files) {
  const folders = [...new Set(files.map((path) => dirname(path)))];
  const listed = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  return listed
    .flat()
    .filter((path) => path.endsWith(".h"))
    .sort();
}

function hash(parts) {
  const sum = createHash("sha256");
  // The length in front keeps ["ab", "c"] apart from ["a", "bc"].
  for (const part of parts) sum.update(`${part.length}:`).update(part);
  return sum.digest("hex").slice(0, 16);
}

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

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
