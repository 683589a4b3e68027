// The device library as one flat ES module for each platform: rollup joins, esbuild removes the types, terser folds constants.
import { transform } from "esbuild";
import { rollup } from "rollup";
import { parseAst } from "rollup/parseAst";
import { minify } from "terser";
import { platformFiles, SWITCH } from "./platforms.mjs";

/** Modules that are shipped for the device besides the library itself: xs-telemetry/NAME, and where it is written. */
export const DEVICE_MODULES = {
  switch: "src/ring/switch.ts",
  recorder: "src/recorder.ts",
  drainer: "src/drain/drainer.ts",
  console: "src/drain/console.ts",
  serial: "src/drain/serial.ts",
  udp: "src/drain/udp.ts",
  mqtt: "src/drain/mqtt.ts",
  listeners: "src/drain/listeners.ts",
  flash: "src/flash/index.ts",
  privacy: "src/privacy/privacy.ts",
  websocket: "src/adapters/websocket.ts",
  "websocket-419": "src/adapters/websocket-419.ts",
};
/** Those with a part in C, or made for the emitter in C. */
export const NATIVE_MODULES = ["console", "serial", "flash", "privacy", "websocket", "websocket-419"];

// On XS each outer name that a function uses costs at every call, so constants are inlined. Statements stay as they were
// written, so that the shipped code can be read, and natives keep the form that Moddable's compiler binds. Texts stay where
// they were declared: see COMPARED.
const TEXT_CONSTANT = /^(const \w+ = )("(?:[^"\\]|\\.)*");$/gm;
const KEPT = /\bKEPT_TEXT\(("(?:[^"\\]|\\.)*")\)/g;
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

/**
 * Texts that checks compare with, and their names outside of functions. In a preloaded module XS copies each literal that a function
 * reaches to the chunk heap; a constant outside of functions is in flash (docs/design.md). In the sources they stay literals, because
 * TypeScript narrows a type by `typeof value === "string"` and not by a constant.
 */
const COMPARED = {
  string: "TYPE_STRING",
  number: "TYPE_NUMBER",
  boolean: "TYPE_BOOLEAN",
  object: "TYPE_OBJECT",
  function: "TYPE_FUNCTION",
  "": "EMPTY_TEXT",
  "\0": "NUL_TEXT",
};

/** Moves the literals of COMPARED out of functions. Throws if one of the names already has another meaning. */
export function hoistCompared(code) {
  const found = [];
  const visit = (node, isInFunction) => {
    if (Array.isArray(node)) for (const item of node) visit(item, isInFunction);
    if (typeof node?.type !== "string") return;
    if (node.type === "Identifier" && Object.values(COMPARED).includes(node.name))
      throw new Error(`${node.name} is a name that the build gives`);
    if (isInFunction && node.type === "Literal" && Object.hasOwn(COMPARED, node.value)) found.push(node);
    const isFunction = /Function|PropertyDefinition|StaticBlock/.test(node.type);
    for (const [key, value] of Object.entries(node)) {
      const isName = key === "key" && !node.computed;
      if (!isName) visit(value, isInFunction || isFunction);
    }
  };
  const { body } = parseAst(code);
  visit(body, false);
  let hoisted = code;
  for (const { start, end, value } of found.reverse())
    hoisted = hoisted.slice(0, start) + COMPARED[value] + hoisted.slice(end);
  const values = [...new Set(found.map(({ value }) => value))].sort();
  const constants = values.map((value) => `const ${COMPARED[value]} = ${JSON.stringify(value)};\n\n`).join("");
  const afterImports = body.filter(({ type }) => type === "ImportDeclaration").at(-1)?.end ?? 0;
  return `${hoisted.slice(0, afterImports)}\n\n${constants}${hoisted.slice(afterImports).trimStart()}`.trimStart();
}

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
      const kept = code.replace(TEXT_CONSTANT, "$1KEPT_TEXT($2);");
      const folded = (await minify(kept, FOLD)).code
        .replace(KEPT, "$1")
        // Moddable's compiler requires the base class of a native without parentheses.
        .replace(/ extends\((Native\("\w+"\))\)\{/g, " extends $1 {");
      return { code: conditions.includes("moddable") ? hoistCompared(folded) : folded, map: null };
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
