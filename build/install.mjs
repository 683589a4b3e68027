// The package as users get it: packed, and installed from the tarball into an empty folder.
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const npm = (cwd, ...args) =>
  execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });

/** Sum of the file sizes below it, not of disk blocks. */
function bytesIn(folder) {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    const stat = lstatSync(join(folder, name));
    if (stat.isFile()) bytes += stat.size;
  }
  return bytes;
}

/**
 * Packs the result of the last build and installs it into `folder`, which is emptied first. Packages come from npm's cache if possible,
 * else from the registry. Returns the tarball, the folder of the installed package, and their sizes.
 */
export function packAndInstall(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // The package was built already: building now would remove dist/ while others read it.
  const [packed] = JSON.parse(npm(".", "pack", "--json", "--ignore-scripts", "--pack-destination", folder));
  const tarball = join(folder, packed.filename);
  writeFileSync(join(folder, "package.json"), '{ "name": "empty", "private": true }\n');
  npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", resolve(tarball));
  const modules = join(folder, "node_modules");
  const installed = join(modules, "xs-telemetry");
  const all = Object.keys(JSON.parse(npm(folder, "ls", "--all", "--json", "--long")).dependencies);
  if (all.join() !== "xs-telemetry") throw new Error(`${folder} has ${all.join(" and ")} installed`);
  const packages = npm(folder, "ls", "--all", "--parseable").trim().split("\n").length - 2; // the folder itself, and our package
  return {
    tarball,
    installed,
    files: packed.files.map(({ path }) => path),
    sizes: {
      tarballBytes: statSync(tarball).size,
      packageBytes: bytesIn(installed),
      dependencies: packages,
      dependencyBytes: bytesIn(modules) - bytesIn(installed),
    },
  };
}
