// The device library as one flat ES module for each platform: rollup joins, esbuild takes the types off, terser folds constants.
import { transform } from "esbuild";
import { rollup } from "rollup";
import { minify } from "terser";
import { platformFiles, SWITCH } from "./platforms.mjs";

/** What is shipped for the device beside the library itself: xs-telemetry/NAME, and where it is written. */
export const DEVICE_MODULES = {
  switch: "src/switch.ts",
  recorder: "src/recorder.ts",
  drainer: "src/drainer.ts",
  serial: "src/sinks/serial.ts",
  udp: "src/sinks/udp.ts",
  mqtt: "src/sinks/mqtt.ts",
  flash: "src/flash/index.ts",
  privacy: "src/privacy.ts",
  websocket: "src/adapters/websocket.ts",
  "websocket-419": "src/adapters/websocket-419.ts",
};
/** Those of them with a part in C. */
export const NATIVE_MODULES = ["serial", "flash", "privacy"];

// On XS each name that a function uses of those around it costs with every call: constants are put in place. Statements stay as
// they were written, so that what is shipped can be read, and natives keep the form that Moddable's compiler binds.
const FOLD = {
  module: true,
  ecma: 2020,
  mangle: false,
  compress: {
    defaults: false,
    toplevel: true,
    evaluate: true,
    reduce_vars: true,
    unused: true,
    dead_code: true,
    passes: 2,
  },
  format: { beautify: true, indent_level: 2, comments: /^\*/ },
};

/** Bundles `input` (default: the library) for package conditions: "moddable", or "native" and "moddable", or none. */
export async function bundleDevice(conditions, file, input = "src/index.ts") {
  const files = platformFiles(conditions);
  const platform = {
    name: "platform",
    resolveId(id, importer) {
      if (importer && SWITCH.file.test(id)) return { id: SWITCH.name, external: true };
      return files[id] ?? null;
    },
  };
  const typescript = {
    name: "typescript",
    async transform(source, id) {
      if (!id.endsWith(".ts")) return null;
      const { code } = await transform(source, { loader: "ts", target: "es2022" });
      return { code, map: null };
    },
  };
  const fold = {
    name: "fold",
    async renderChunk(code) {
      const folded = await minify(code, FOLD);
      // Moddable's compiler takes the base class of a native without parentheses.
      return { code: folded.code.replace(/ extends\((Native\("\w+"\))\)\{/g, " extends $1 {"), map: null };
    },
  };
  const bundle = await rollup({
    input,
    plugins: [platform, typescript, fold],
    external: ["time", "timer", "text/encoder", /^node:/],
    treeshake: { moduleSideEffects: "no-external" },
    onwarn(warning) {
      throw new Error(`rollup: ${warning.message}`);
    },
  });
  await bundle.write({ file, format: "es", generatedCode: "es2015" });
  await bundle.close();
}
