// `npm run build`: everything that is shipped, into dist/.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";
import { bundleDevice, DEVICE_MODULES, NATIVE_MODULES } from "./device.mjs";
import { bundleSelftest } from "./selftest.mjs";

// Nothing from an earlier build is shipped.
for (const folder of ["moddable", "default", "types", "host"])
  rmSync(`dist/${folder}`, { recursive: true, force: true });

await bundleDevice(["moddable"], "dist/moddable/xs-telemetry.js");
await bundleDevice(["native", "moddable"], "dist/moddable/native/xs-telemetry.js");
await bundleDevice([], "dist/default/xs-telemetry.js");
for (const [name, input] of Object.entries(DEVICE_MODULES)) {
  await bundleDevice(["moddable"], `dist/moddable/${name}.js`, input);
  await bundleDevice([], `dist/default/${name}.js`, input);
}
for (const name of NATIVE_MODULES)
  await bundleDevice(["native", "moddable"], `dist/moddable/native/${name}.js`, DEVICE_MODULES[name]);
// The modules that manifests call "xs-telemetry" and "xs-telemetry/switch". Moddable's packer names every module by its package and file,
// and adds an entry
// for each imported name: with the same two names here, nothing is linked twice, whichever entry it uses.
const byFile = { "native/index": "native/xs-telemetry", "native/switch-index": "switch" };
for (const [name, file] of Object.entries(byFile))
  writeFileSync(`dist/moddable/${name}.js`, `export * from "xs-telemetry/dist/moddable/${file}";\n`);

await build({
  entryPoints: {
    index: "host/index.ts",
    "io/index": "host/io/index.ts",
    cli: "host/start.ts",
    "adapters/ws": "host/adapters/ws.ts",
  },
  outdir: "dist/host",
  outbase: "host",
  ...NODE,
  splitting: true,
});
chmodSync("dist/host/cli.js", 0o755);

// Not shipped: the cases of the benchmarks as a module for a board.
await build({
  entryPoints: ["examples/benchmark/main.ts"],
  outfile: "dist/examples/benchmark.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  external: ["xs-telemetry", "debug", "instrumentation", "mc/config", "microseconds", "text/encoder", "time", "timer"],
  logLevel: "warning",
});

await bundleSelftest("dist/examples/selftest");

const tsc = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "build/tsconfig.types.json"], {
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

// Where they are installed there are no .ts files beside the declarations; declarations that no exported one needs are not shipped.
const needed = new Set();
function finishDeclarations(path) {
  if (needed.has(path)) return;
  needed.add(path);
  const text = readFileSync(path, "utf8").replace(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"');
  writeFileSync(path, text);
  for (const [, specifier] of text.matchAll(/(?:from |import\()"(\.[^"]*)\.js"/g))
    finishDeclarations(join(path, "..", `${specifier}.d.ts`));
}
const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
for (const { types } of Object.values(exports)) if (types) finishDeclarations(join(types));
// Manifests name modules by their files, and Moddable's tools look for declarations beside them.
const indexes = { ".": ["dist/moddable/native/index.js"], "./switch": ["dist/moddable/native/switch-index.js"] };
for (const [name, { types, moddable }] of Object.entries(exports)) {
  if (!moddable) continue;
  const typescript = moddable.replace("/native/", "/");
  const native = typescript.replace("dist/moddable/", "dist/moddable/native/");
  for (const file of [typescript, native, ...(indexes[name] ?? [])]) {
    if (!existsSync(file)) continue;
    const declaration = relative(dirname(file), types).replace(/\.d\.ts$/, ".js");
    writeFileSync(file.replace(/\.js$/, ".d.ts"), `export * from "${declaration}";\n`);
  }
}
for (const file of readdirSync("dist/types", { recursive: true })) {
  const path = join("dist/types", file);
  if (path.endsWith(".d.ts") && !needed.has(path)) rmSync(path);
}

for (const file of ["dist/moddable/xs-telemetry.js", "dist/default/xs-telemetry.js", "dist/host/cli.js"])
  console.error(`${file}: ${statSync(file).size} bytes`);
