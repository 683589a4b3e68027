import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";

const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join("src", file));
const importsOf = (text: string) =>
  [...text.matchAll(/(?:from|import)\s*\(?["']([^"']+)["']/g)].map(([, specifier]) => specifier!);

describe("the package", () => {
  const { exports, bin, files } = readJson("package.json");

  it("exports files that the build made", () => {
    const paths = [
      ...Object.values(exports["."]),
      ...Object.values(exports["./host"]),
      ...Object.values(bin),
    ] as string[];
    ok(paths.length >= 6);
    for (const path of paths) {
      ok(existsSync(path), path);
      ok(
        files.some((shipped: string) => normalize(path).startsWith(`${shipped}/`)),
        `${path} is shipped`,
      );
    }
  });

  it("has one device module for Moddable, named alike by manifest.json and the moddable condition", () => {
    const manifest = readJson("manifest.json");
    deepEqual(Object.keys(manifest.modules), ["xs-telemetry"]);
    equal(`${manifest.modules["xs-telemetry"]}.js`, exports["."].moddable);
    deepEqual(manifest.preload, ["xs-telemetry"]);
  });

  it("ships a flat device module that imports nothing but the SDK's clock and text encoder", () => {
    deepEqual(importsOf(readFileSync(exports["."].moddable, "utf8")).sort(), ["text/encoder", "time"]);
    deepEqual(importsOf(readFileSync(exports["."].default, "utf8")), ["node:crypto"]);
  });

  it("ships a device module that leaves nothing for a frozen image to change", () => {
    // Preloaded modules are frozen into flash: no buffer, Map or Set may be made while the module itself runs.
    const module = readFileSync(exports["."].moddable, "utf8");
    const topLevel = module.split("\n").filter((line) => /^(const|let|var) /.test(line));
    ok(topLevel.length >= 10, `${topLevel.length} declarations found`);
    for (const line of topLevel)
      ok(!/new (ArrayBuffer|[A-Za-z0-9]*Array|Map|Set|DataView|TextEncoder)\b|Time\./.test(line), line);
  });

  it("has declarations without a trace of the sources' file names", () => {
    const declarations = readdirSync("dist/types", { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".d.ts"),
    );
    ok(declarations.length >= 10);
    for (const file of declarations)
      for (const specifier of importsOf(readFileSync(join("dist/types", file), "utf8")))
        if (specifier.startsWith(".")) match(specifier, /\.js$/, `${file} imports ${specifier}`);
  });
});

describe("device code", () => {
  it("imports device code alone, but for its platform", () => {
    ok(sources.length >= 12, `${sources.length} files found`);
    for (const file of sources) {
      for (const specifier of importsOf(readFileSync(file, "utf8"))) {
        if (specifier === "#platform") continue;
        if (file.startsWith(join("src", "moddable")) && !specifier.startsWith(".")) continue;
        const target = normalize(join(file, "..", specifier));
        ok(specifier.startsWith(".") && target.startsWith("src"), `${file} imports ${specifier}`);
      }
    }
  });
});
