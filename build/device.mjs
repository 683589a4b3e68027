// The device library as one flat ES module for each platform: rollup joins, esbuild takes the types off.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { transform } from "esbuild";
import { rollup } from "rollup";

const { imports } = JSON.parse(readFileSync("package.json", "utf8"));

/** Bundles `input` (default: the library) for a package condition, "moddable" or "default". */
export async function bundleDevice(condition, file, input = "src/index.ts") {
  const platform = {
    name: "platform",
    resolveId: (id) => (id in imports ? resolve(imports[id][condition]) : null),
  };
  const typescript = {
    name: "typescript",
    async transform(source, id) {
      if (!id.endsWith(".ts")) return null;
      const { code } = await transform(source, { loader: "ts", target: "es2022" });
      return { code, map: null };
    },
  };
  const bundle = await rollup({
    input,
    plugins: [platform, typescript],
    external: ["time", "text/encoder", /^node:/],
    onwarn(warning) {
      throw new Error(`rollup: ${warning.message}`);
    },
  });
  await bundle.write({ file, format: "es", generatedCode: "es2015" });
  await bundle.close();
}
