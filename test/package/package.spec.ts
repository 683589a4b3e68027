import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { outside } from "../bench/outside.ts";

const { platformFiles } = (await outside("build/platforms.mjs")) as { platformFiles(): Record<string, string> };
const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join("src", file));
/** A module's file as a manifest in manifests/ names it. */
const named = (file: string) => file.replace(/^\.\//, "../").replace(/\.js$/, "");
const inTypeScript = (file: string) => file.replace("/native/", "/");
const importsOf = (text: string) =>
  [...text.matchAll(/(?:from|import)\s*\(?["']([^"']+)["']/g)].map(([, specifier]) => specifier!);

/** What manifest.json brings. */
const NATIVE_MODULE = "./dist/moddable/native/xs-telemetry.js";
/** The same without C. */
const TYPESCRIPT_MODULE = "./dist/moddable/xs-telemetry.js";
/** What moves packets off the device, each in its own manifest. */
const LINKS = ["drainer", "console", "serial", "udp", "mqtt", "listeners", "flash"];
/** Those that move packets by themselves. */
const WITHOUT_DRAINER = ["drainer", "listeners", "flash"];
/** Those of them that the manifests combine with frames in C. */
const IN_C: Record<string, string> = {
  console: "./dist/moddable/native/console.js",
  serial: "./dist/moddable/native/serial.js",
  flash: "./dist/moddable/native/flash.js",
};
const PRIVACY_IN_C = "./dist/moddable/native/privacy.js";
/** Every module that the manifests take with C. */
const NATIVE_MODULES = [NATIVE_MODULE, ...Object.values(IN_C), PRIVACY_IN_C];

describe("the package", () => {
  const { exports, bin, files } = readJson("package.json");
  /** What the moddable condition names, and the forms without C. */
  const deviceModules = Object.values<{ moddable?: string }>(exports).flatMap(({ moddable }) =>
    moddable ? [...new Set([moddable, inTypeScript(moddable)])] : [],
  );
  const called = (file: string) =>
    [...readFileSync(file, "utf8").matchAll(/ative\("(\w+)"\)/g)].map(([, name]) => name!);

  it("exports files that the build made", () => {
    const paths = [
      ...Object.values(exports).flatMap((conditions) =>
        typeof conditions === "string" ? [] : Object.values(conditions as object),
      ),
      ...Object.values(bin),
    ] as string[];
    ok(paths.length >= 24);
    for (const path of paths) {
      ok(existsSync(path), path);
      ok(
        files.some((shipped: string) => normalize(path).startsWith(`${shipped}/`)),
        `${path} is shipped`,
      );
    }
  });

  it("has two manifests for Moddable: one with the natives, which the moddable condition names, one in TypeScript alone", () => {
    const byFile = `xs-telemetry/${NATIVE_MODULE.slice(2, -3)}`;
    deepEqual(readJson("manifest.json"), {
      include: ["./manifests/switch.json"],
      modules: {
        "*": "./src/moddable/native/*",
        "xs-telemetry": "./dist/moddable/native/index",
        [byFile]: NATIVE_MODULE.slice(0, -3),
      },
      preload: ["xs-telemetry", byFile],
    });
    equal(exports["."].moddable, NATIVE_MODULE);
    equal(readFileSync("dist/moddable/native/index.js", "utf8"), `export * from "${byFile}";\n`);
    const typescript = readJson("manifests/typescript.json");
    deepEqual(typescript.modules, { "xs-telemetry": named(TYPESCRIPT_MODULE) });
    deepEqual(typescript.preload, ["xs-telemetry"]);
  });

  it("has one switch: a module that no other contains, and that each manifest with an emitter brings", () => {
    const byFile = `xs-telemetry/${exports["./switch"].moddable.slice(2, -3)}`;
    deepEqual(readJson("manifests/switch.json"), {
      modules: {
        "xs-telemetry/switch": "../dist/moddable/native/switch-index",
        [byFile]: named(exports["./switch"].moddable),
      },
      preload: ["xs-telemetry/switch", byFile],
    });
    equal(readFileSync("dist/moddable/native/switch-index.js", "utf8"), `export * from "${byFile}";\n`);
    for (const name of ["typescript", "recorder"])
      ok(readJson(`manifests/${name}.json`).include.includes("./switch.json"), name);
    const isSwitch = (file: string) => normalize(file).endsWith("/switch.js");
    const host = readdirSync("dist/host", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
    const inNode = Object.values<{ default: string }>(exports).flatMap((entry) => entry.default ?? []);
    let users = 0;
    for (const file of [
      ...deviceModules,
      ...NATIVE_MODULES,
      ...inNode,
      ...host.map((file) => join("dist/host", file)),
    ]) {
      const text = readFileSync(file, "utf8");
      equal(/\benabled = /.test(text), isSwitch(file), `${file}: has a switch`);
      if (/\bonSwitch\(/.test(text) && !isSwitch(file)) {
        users++;
        ok(importsOf(text).includes("xs-telemetry/switch"), `${file} imports it`);
      }
    }
    ok(users >= 6, `${users} modules use it`);
  });

  it("has a manifest for the records of other registries", () => {
    const recorder = readJson("manifests/recorder.json");
    deepEqual(recorder, {
      include: readJson("manifests/typescript.json").include,
      modules: { "xs-telemetry/recorder": named(exports["./recorder"].moddable) },
      preload: ["xs-telemetry/recorder"],
    });
  });

  it("has a manifest for each link, which brings the drainer and nothing of the emitter", () => {
    for (const name of LINKS) {
      const manifest = readJson(`manifests/${name}.json`);
      const module = exports[`./${name}`].moddable;
      equal(module, IN_C[name] ?? inTypeScript(module));
      const include = [
        ...(WITHOUT_DRAINER.includes(name) ? [] : ["./drainer.json"]),
        ...(name in IN_C ? ["./frame.json"] : []),
      ];
      deepEqual(
        manifest,
        {
          ...(include.length > 0 ? { include } : {}),
          modules: { [`xs-telemetry/${name}`]: named(module) },
          preload: [`xs-telemetry/${name}`],
        },
        name,
      );
      for (const file of [module, inTypeScript(module), exports[`./${name}`].default])
        ok(!/eventSeq|RingReader|telemetry_emitter/.test(readFileSync(file, "utf8")), `${file} has no emitter`);
    }
    deepEqual(readJson("manifests/frame.json"), { modules: { "*": "../src/moddable/frame/telemetryFrame" } });
    for (const file of Object.values(IN_C)) deepEqual(called(file), ["xs_telemetry_frame_write"]);
    deepEqual(readdirSync("src/moddable/frame"), ["telemetryFrame.c"]);
    ok(files.includes("src/moddable/frame"));
    match(readFileSync("src/moddable/frame/telemetryFrame.c", "utf8"), /^void xs_telemetry_frame_write\(/m);
  });

  it("has a manifest for privacy, which brings nothing of the emitter, nor the emitter anything of it", () => {
    deepEqual(readJson("manifests/privacy.json"), {
      modules: {
        "*": "../src/moddable/privacy/telemetryUtf8Length",
        "xs-telemetry/privacy": named(PRIVACY_IN_C),
      },
      preload: ["xs-telemetry/privacy"],
    });
    deepEqual(called(PRIVACY_IN_C), ["xs_telemetry_utf8_length"]);
    deepEqual(readdirSync("src/moddable/privacy"), ["telemetryUtf8Length.c"]);
    match(readFileSync("src/moddable/privacy/telemetryUtf8Length.c", "utf8"), /^void xs_telemetry_utf8_length\(/m);
    const { moddable, default: inNode } = exports["./privacy"];
    equal(moddable, PRIVACY_IN_C);
    for (const file of [moddable, inTypeScript(moddable), inNode])
      ok(
        !/eventSeq|RingReader|telemetry_emitter|setEnabled/.test(readFileSync(file, "utf8")),
        `${file} has no emitter`,
      );
    for (const file of [NATIVE_MODULE, TYPESCRIPT_MODULE, exports["."].default])
      ok(!/utf8_length|ipPrefix|truncate/.test(readFileSync(file, "utf8")), `${file} has no policies`);
  });

  it("has a manifest for each adapter, which brings nothing else", () => {
    for (const name of ["websocket", "websocket-419"]) {
      deepEqual(readJson(`manifests/${name}.json`), {
        modules: { [`xs-telemetry/${name}`]: named(exports[`./${name}`].moddable) },
        preload: [`xs-telemetry/${name}`],
      });
      for (const file of [exports[`./${name}`].moddable, exports[`./${name}`].default])
        deepEqual(importsOf(readFileSync(file, "utf8")), [], `${file} imports nothing`);
    }
  });

  it("ships the natives: C files whose names and functions cannot be another's, and nothing else beside them", () => {
    ok(files.includes("src/moddable/native"));
    const names = readdirSync("src/moddable/native");
    ok(names.length >= 7, names.join());
    for (const name of names) match(name, /^telemetry[A-Z]\w+\.[ch]$/);
    const text = names.map((name) => readFileSync(`src/moddable/native/${name}`, "utf8")).join("\n");
    const defined = [...text.matchAll(/^void (xs_telemetry_\w+)\(/gm)].map(([, name]) => name!);
    ok(defined.length >= 15);
    deepEqual([...new Set(called(NATIVE_MODULE))].sort(), defined.sort());
  });

  it("ships flat device modules that import nothing but the switch, and the SDK's clock, timer and text encoder", () => {
    const imported = (file: string) => [...new Set(importsOf(readFileSync(file, "utf8")))].sort();
    for (const file of [TYPESCRIPT_MODULE, exports["./recorder"].moddable])
      deepEqual(imported(file), ["text/encoder", "time", "xs-telemetry/switch"]);
    for (const name of LINKS)
      deepEqual(
        imported(inTypeScript(exports[`./${name}`].moddable)),
        name === "drainer" || name === "listeners" ? ["timer"] : [],
      );
    deepEqual(imported(inTypeScript(exports["./privacy"].moddable)), ["text/encoder"]);
    deepEqual(imported(NATIVE_MODULE), ["xs-telemetry/switch"]);
    const alone = [...LINKS, "privacy", "switch"].map((name) => exports[`./${name}`].default);
    for (const file of [
      ...NATIVE_MODULES.filter((file) => file !== NATIVE_MODULE),
      ...alone,
      exports["./switch"].moddable,
    ])
      deepEqual(imported(file), []);
    deepEqual(imported(exports["."].default), ["node:crypto", "xs-telemetry/switch"]);
  });

  it("ships device modules that leave nothing for a frozen image to change", () => {
    // Preloaded modules are frozen into flash: no buffer, Map or Set may be made while the module itself runs.
    for (const file of deviceModules) {
      const topLevel = readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => /^(const|let|var|class|function|export) /.test(line));
      ok(topLevel.length >= 1, `${file}: ${topLevel.length} declarations found`);
      for (const line of topLevel)
        ok(!/new (ArrayBuffer|[A-Za-z0-9]*Array|Map|Set|DataView|TextEncoder|WeakRef)\b|Time\./.test(line), line);
      // Variables have a place in RAM, and the linker warns of it. The switch must have one, and so must what adapters read a message with.
      const mayChange = /\/websocket/.test(file)
        ? /^let (isCut|piecesOfType)\b/
        : file.endsWith("/switch.js")
          ? /^let (enabled|all)\b/
          : /^$/;
      const changing = topLevel.filter((line) => /^(let|var) |^const \w+ = [[{]/.test(line));
      deepEqual(
        changing.filter((line) => !mayChange.test(line)),
        [],
        file,
      );
    }
  });

  it("ships device modules that use no built-in that Moddable's linker strips: it keeps those whose names it reads", () => {
    for (const file of deviceModules)
      ok(!/\bSymbol\b/.test(readFileSync(file, "utf8")), `${file} has a key that is a symbol`);
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
        if (specifier in platformFiles()) continue;
        if (file.startsWith(join("src", "moddable")) && !specifier.startsWith(".")) continue;
        const target = normalize(join(file, "..", specifier));
        ok(specifier.startsWith(".") && target.startsWith("src"), `${file} imports ${specifier}`);
      }
    }
  });
});
