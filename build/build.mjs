// `npm run build`: everything that is shipped, into dist/.
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { NODE } from "./bundle.mjs";
import { bundleDevice } from "./device.mjs";

// Nothing of an earlier build is shipped.
for (const folder of ["moddable", "default", "types", "host"])
  rmSync(`dist/${folder}`, { recursive: true, force: true });

await bundleDevice(["moddable"], "dist/moddable/xs-telemetry.js");
await bundleDevice(["native", "moddable"], "dist/moddable/native/xs-telemetry.js");
await bundleDevice([], "dist/default/xs-telemetry.js");
await bundleDevice(["moddable"], "dist/moddable/recorder.js", "src/recorder.ts");
await bundleDevice([], "dist/default/recorder.js", "src/recorder.ts");
await bundleDevice(["moddable"], "dist/moddable/websocket.js", "src/adapters/websocket.ts");
await bundleDevice([], "dist/default/websocket.js", "src/adapters/websocket.ts");
await bundleDevice(["moddable"], "dist/moddable/websocket-419.js", "src/adapters/websocket-419.ts");
await bundleDevice([], "dist/default/websocket-419.js", "src/adapters/websocket-419.ts");

await build({
  entryPoints: { index: "host/index.ts", cli: "host/cli.ts", ws: "host/adapters/ws.ts" },
  outdir: "dist/host",
  ...NODE,
  splitting: true,
});
chmodSync("dist/host/cli.js", 0o755);

const tsc = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "build/tsconfig.types.json"], {
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
for (const file of readdirSync("dist/types", { recursive: true })) {
  const path = join("dist/types", file);
  if (!path.endsWith(".d.ts")) continue;
  // The declarations stand beside no .ts file where they are installed.
  writeFileSync(path, readFileSync(path, "utf8").replace(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}

for (const file of ["dist/moddable/xs-telemetry.js", "dist/default/xs-telemetry.js", "dist/host/cli.js"])
  console.error(`${file}: ${statSync(file).size} bytes`);
