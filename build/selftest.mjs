// The specs of test/xs/ and test/engine/ as modules for a board: dist/examples/selftest/NAME.js, each a function that declares its cases.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { DEVICE_MODULES } from "./device.mjs";
import { platformFiles } from "./platforms.mjs";

const FOLDERS = ["test/xs", "test/engine"];
const OUTSIDE = [
  "xs-telemetry",
  ...Object.keys(DEVICE_MODULES).map((name) => `xs-telemetry/${name}`),
  "time",
  "timer",
  "text/encoder",
];

/**
 * Writes them, and specs.js, which names them in order. A module that ran its cases when loaded would hold all of its closures for good:
 * here they go with the call, so that a board needs memory for one spec at a time.
 */
export async function bundleSelftest(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // It is about the text/encoder of the project's own host for XS.
  const isOfDevice = (file) => file.endsWith(".spec.ts") && !file.endsWith("/encoder.spec.ts");
  const specs = FOLDERS.flatMap((from) => readdirSync(from).map((file) => join(from, file))).filter(isOfDevice);
  const names = specs.map((file) =>
    file
      .replace(/^test\//, "")
      .replace(/\.spec\.ts$/, "")
      .replace("/", "-"),
  );
  // Their own emitter is TypeScript, besides the shipped one; what manifests bring in C, they have in C.
  const { "#emitter": emitter } = platformFiles(["moddable"]);
  const alias = { ...platformFiles(["native", "moddable"]), "#emitter": emitter };
  for (const [index, file] of specs.entries()) {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      alias,
      external: OUTSIDE,
      write: false,
      outdir: folder,
      logLevel: "warning",
    });
    writeFileSync(join(folder, `${names[index]}.js`), asFunction(outputFiles[0].text));
  }
  writeFileSync(join(folder, "specs.js"), `export default Object.freeze(${JSON.stringify(names)});\n`);
  writeFileSync(join(folder, "specs.d.ts"), "declare const names: readonly string[];\nexport default names;\n");
}

/** A module whose default export runs the code. Imports, each a line of esbuild's, stay outside. */
function asFunction(code) {
  const imports = [];
  const body = code.replace(/^import (?:[^;]* from )?"[^"]+";$/gm, (line) => {
    imports.push(line);
    return "";
  });
  if (/^(?:import|export)\b/m.test(body))
    throw new Error(`an import or export is left: ${body.match(/^(?:import|export).*/m)}`);
  return `${imports.join("\n")}\nexport default async function () {\n${body}\n}\n`;
}
