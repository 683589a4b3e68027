/**
 * Builds XS hosts, for Linux and for bare machines: gets XS's sources, runs make, and keeps the results in a cache whose folders are either
 * complete or missing.
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Unavailable } from "../machine.mjs";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const engineSettings = ["common.mk", "platform.h"];
const sharedFiles = ["host.h", "mc.xs.h", "host.c", "linker.c", "globals.c", "modules.c", "natives.c"];

// XS 13.3, in a package that was published for another purpose: only XS's sources in it are used.
const xsPackage = "@agoric/xsnap@0.15.0";
const xsIntegrity = "sha512-ZBm4DZxbtfacxMHVVdJjZi0Y8zOxN77vpu1WwI5RWfPkaRh0aHkz/dVdTGKXalDNzWfz183lljKxlxl3/h0n+A==";
const xsFolders = ["sources", "includes", "platforms"];

/** Reports the progress of a build on stderr. */
export const say = (line) => process.stderr.write(`xs-host: ${line}\n`);

/**
 * Builds a host if it is not in the cache. Returns the folder with what its makefile made. Throws an Error that says
 * what to do if the download is not what it should be or a source does not compile. May be called many times at
 * once, also from several processes.
 *
 * @param {object} options
 * @param {string} options.variant a name for the kind of host: of its folders, and for messages.
 * @param {string} options.compiler the versions of all that decides what a source becomes.
 * @param {string[]} options.makefiles the first has the targets `engine` and `host`, the others are what it includes.
 * @param {string[]} options.platform the C files with what the platform gives, and their headers.
 * @param {string[]} [options.variables] for make.
 * @param {string[]} [options.natives] C files with more natives; a header beside them counts as a part of them.
 * @returns {Promise<string>}
 */
export async function buildHost({ variant, compiler, makefiles, platform, variables = [], natives = [] }) {
  const extraFiles = natives.map((path) => resolve(path));
  for (const path of [here, cacheRoot(), ...extraFiles]) {
    if (/\s/.test(path)) throw new Error(`make cannot work with a space in a path, and there is one in ${path}`);
  }
  const own = sharedFiles.map((name) => join(here, name));
  const engineFiles = [...makefiles, ...engineSettings.map((name) => join(here, name))];
  const engineKey = hash([variant, compiler, xsIntegrity, ...(await readAll(engineFiles))]);
  const hostFiles = [...platform, ...own, ...extraFiles, ...(await headersBeside(extraFiles))];
  const hostKey = hash([engineKey, ...(await readAll(hostFiles))]);

  const started = Date.now();
  return cached(`host-${variant}-${hostKey}`, async (out) => {
    const xs = await cached(`xs-${hash([xsIntegrity])}`, fetchXS);
    const settings = [`XS=${xs}`, ...variables];
    const engine = await cached(`engine-${variant}-${engineKey}`, async (engineOut) => {
      say(`compiling XS for ${variant}: once, up to two minutes on a slow machine; the result stays in ${cacheRoot()}`);
      await make(makefiles[0], ["engine", `OUT=${engineOut}`, ...settings]);
    });
    await make(makefiles[0], [
      "host",
      `OUT=${out}`,
      `ENGINE=${engine}`,
      `EXTRA_C=${extraFiles.join(" ")}`,
      ...settings,
    ]);
    say(`${variant} built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  });
}

function cacheRoot() {
  return resolve(process.env.XS_TELEMETRY_CACHE || join(here, "../../node_modules/.cache/xs-telemetry"));
}

const underWay = new Map();

/** Returns the folder `name` of the cache; if it is missing, makes it first with fill(folder). */
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
  // Filled under another name, then renamed: nobody ever sees an incomplete folder.
  const unfinished = join(cacheRoot(), `unfinished-${randomUUID()}`);
  await mkdir(unfinished, { recursive: true });
  try {
    await fill(unfinished);
    await rename(unfinished, folder).catch((error) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      // Another process was faster, with the same content: use its folder.
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
    await tool("npm", ["pack", xsPackage], { cwd: folder }).catch((error) => {
      throw new Unavailable(`XS's sources cannot be had: ${error.message}`);
    });
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

const make = (makefile, args) => tool("make", ["-s", `-j${availableParallelism()}`, "-f", makefile, ...args]);

/** Runs a command. Returns its output. If it fails, throws an Error with all of its output. */
export async function tool(command, args, options = {}) {
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
  // The length in front distinguishes ["ab", "c"] from ["a", "bc"].
  for (const part of parts) sum.update(`${part.length}:`).update(part);
  return sum.digest("hex").slice(0, 16);
}

const readAll = (paths) => Promise.all(paths.map((path) => readFile(path)));

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );
