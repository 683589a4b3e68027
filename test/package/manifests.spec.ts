// All manifests for Moddable's tools.
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { fileOf, packed } from "../support/packer.ts";

interface Manifest {
  readonly include?: string | readonly string[];
  readonly modules?: Readonly<Record<string, string | readonly string[]>>;
  readonly preload?: string | readonly string[];
}

/** What the SDK's manifests bring, as far as ours include them. */
const SDK_MODULES: Readonly<Record<string, readonly string[]>> = {
  "$(MODDABLE)/modules/data/text/encoder/manifest.json": ["text/encoder"],
};
/** Every platform of the SDK has these in its own manifest, which every application includes. */
const PLATFORM_MODULES = ["time", "timer"];
/** What C may include besides files of the package: XS's, the C library's, and ESP-IDF's where it is needed. */
const SDK_HEADERS = /^(xs|xsmc|xsHost|xsPlatform|mc\.xs|mc\.defines|std\w+|string|math|esp_attr|esp_system)\.h$/;

const read = <T>(file: string) => JSON.parse(readFileSync(file, "utf8")) as T;
/** The emitter's, which Moddable's packer looks for at the top, and one for each other part. */
const manifests = ["manifest.json", ...readdirSync("manifests").map((name) => join("manifests", name))];
/** Those of the examples: a folder's own, and what it includes beside it. */
const exampleManifests = readdirSync("examples", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".json") && /^(benchmark|firmware|restarts)\b/.test(name))
  .map((name) => join("examples", name));
const listed = (value: string | readonly string[] | undefined) => [value ?? []].flat() as string[];

/** Our manifests among these and those that they include, each once; and what the SDK's bring. */
function withIncludes(name: string, ours = new Map<string, Manifest>(), theirs = new Set<string>()) {
  if (ours.has(name)) return { ours, theirs };
  const manifest = read<Manifest>(name);
  ours.set(name, manifest);
  for (const path of listed(manifest.include)) {
    if (path.startsWith(".")) withIncludes(join(dirname(name), path), ours, theirs);
    else {
      ok(path in SDK_MODULES, `${name} includes ${path}: say here what that brings`);
      for (const module of SDK_MODULES[path]!) theirs.add(module);
    }
  }
  return { ours, theirs };
}

/** Module names with their files, and the C files, of one manifest by itself. */
function modulesOf(name: string) {
  const files: [module: string, file: string][] = [];
  const natives: string[] = [];
  for (const [module, paths] of Object.entries(read<Manifest>(name).modules ?? {}))
    for (const path of listed(paths).map((each) => join(dirname(name), each))) {
      if (module !== "*") files.push([module, `${path}.js`]);
      else {
        const found = filesLike(path);
        ok(found.length > 0, `${name}: ${path} is no file`);
        for (const file of found) ok(/\.[ch]$/.test(file), `${name}: ${file} takes its name from its file: name it`);
        natives.push(...found);
      }
    }
  return { files, natives };
}

/** What the tools find for a path: its files without their endings, or everything in a folder. */
function filesLike(path: string): string[] {
  const base = basename(path);
  return readdirSync(dirname(path))
    .filter((file) => base === "*" || file.replace(/(\.d)?\.\w+$/, "") === base)
    .map((file) => join(dirname(path), file));
}

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);
const importsOf = (file: string) =>
  matches(readFileSync(file, "utf8"), /(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g);

describe("manifests", () => {
  const { files: shipped, exports } = read<{ files: string[]; exports: Record<string, Record<string, string>> }>(
    "package.json",
  );
  const isShipped = (file: string) => shipped.some((path) => file === path || file.startsWith(`${path}/`));

  it("are found, and shipped", () => {
    ok(manifests.length >= 3, manifests.join());
    for (const name of manifests) ok(isShipped(name), `${name} is shipped`);
  });

  it("are found in the examples", () => ok(exampleManifests.length >= 6, exampleManifests.join()));

  for (const name of [...manifests, ...exampleManifests]) {
    it(`${name} can be included before the SDK's own, and by a mod: it uses no variable that those set`, () => {
      const variables = [...readFileSync(name, "utf8").matchAll(/\$\((\w+)\)/g)].map(([, variable]) => variable!);
      const own = Object.keys(read<{ build?: object }>(name).build ?? {}).map((key) => key.replace(" ?=", ""));
      for (const variable of variables) ok(["MODDABLE", ...own].includes(variable), `$(${variable})`);
    });

    it(`${name} names modules by paths that are one source each`, () => {
      for (const [module, paths] of Object.entries(read<Manifest>(name).modules ?? {}))
        for (const path of listed(paths)) {
          // Not the declarations, which the tools only read; anything else of the same name is a module to them, JSON too.
          const found = filesLike(join(dirname(name), path)).filter((file) => !file.endsWith(".d.ts"));
          if (!/\/\*$/.test(path)) deepEqual(found.length, 1, `${module}: ${found.join()}`);
        }
    });
  }

  for (const name of manifests)
    describe(name, () => {
      const { ours, theirs } = withIncludes(name);
      const { files, natives } = modulesOf(name);
      const all = [...ours.keys()].map(modulesOf);
      const allFiles = all.flatMap((each) => each.files);

      it("names files that are built and shipped", () => {
        ok(files.length + natives.length > 0);
        // Moddable's tools look for declarations beside the file; those at the package's name do not count.
        for (const [module, file] of files)
          for (const each of [file, file.replace(/\.js$/, ".d.ts")])
            ok(existsSync(each) && isShipped(each), `${module}: ${each}`);
        for (const file of natives) ok(isShipped(file), file);
      });

      it("names each module and each file once, with what it includes", () => {
        const names = [...allFiles.map(([module]) => module), ...theirs];
        const paths = [...allFiles.map(([, file]) => file), ...all.flatMap((each) => each.natives)];
        for (const list of [names, paths]) deepEqual(list, [...new Set(list)]);
      });

      it("has modules that import nothing but what it brings", () => {
        const brought = [...allFiles.map(([module]) => module), ...theirs, ...PLATFORM_MODULES];
        for (const [module, file] of files)
          for (const specifier of importsOf(file))
            ok(brought.includes(specifier), `${module} imports ${specifier}, which ${name} does not bring`);
      });

      it("has C that includes nothing but the package's headers and XS's", () => {
        const isOwnHeader = (path: string) => existsSync(path) && isShipped(path);
        for (const file of natives)
          for (const [, header] of readFileSync(file, "utf8").matchAll(/^#include ["<]([^">]+)[">]/gm))
            ok(isOwnHeader(join(dirname(file), header!)) || SDK_HEADERS.test(header!), `${file} includes ${header}`);
      });

      it("has C that takes memory as the platform's XS does: c_calloc, c_free", () => {
        for (const file of natives)
          ok(!/\b(malloc|calloc|realloc|free)\s*\(/.test(readFileSync(file, "utf8")), `${file} takes the C library's`);
      });

      it("preloads all of its modules: in flash they take no RAM", () => {
        const preloaded = listed(read<Manifest>(name).preload).sort();
        deepEqual(preloaded, files.map(([module]) => module).sort());
      });

      it("names modules as users import them, and none that cannot be imported in Node by the same name", () => {
        for (const [module, file] of files) {
          if (`${module}.js` === `xs-telemetry/${file}`) continue; // by its file, as Moddable's packer names it
          const entry = exports[module.replace("xs-telemetry", ".")];
          ok(entry?.moddable, `package.json exports no ${module} for Moddable`);
          ok(entry.default, `package.json exports no ${module} for Node`);
          const [, next] = /^export \* from "xs-telemetry\/([^"]+)";\n$/.exec(readFileSync(file, "utf8")) ?? [];
          const forms = [entry.moddable, entry.moddable.replace("/native/", "/")];
          ok(forms.map(normalize).includes(next ? `${next}.js` : file), `${module} is ${file}, not ${entry.moddable}`);
        }
      });
    });

  it("bring every module that package.json exports for Moddable", () => {
    const named = manifests.flatMap((name) => modulesOf(name).files.map(([module]) => module));
    for (const [name, entry] of Object.entries(exports))
      if (entry.moddable) ok(named.includes(name.replace(".", "xs-telemetry")), `no manifest has ${name}`);
  });
});

describe("an application that Moddable's packer makes", () => {
  const pkg = read<Parameters<typeof packed>[0]>("package.json");
  const names = Object.entries(pkg.exports)
    .filter(([, target]) => typeof target === "object" && "moddable" in target)
    .map(([name]) => name.replace(".", "xs-telemetry"));
  /** A module that imports one name, and one that imports all; whichever of two sources of a name the tools use. */
  const images = [...names.map((name) => [name]), names].flatMap((imported) =>
    (["first", "last"] as const).map((twice) => ({ imported, ...packed(pkg, imported, twice) })),
  );
  const EMITTER = "dist/moddable/native/xs-telemetry.js";

  it("may import every name that package.json has for Moddable", () => {
    ok(names.length >= 10, names.join());
    for (const image of images)
      for (const name of image.imported) {
        const target = pkg.exports[name.replace("xs-telemetry", ".")] as Record<string, string>;
        deepEqual(fileOf(name, image), normalize(target.moddable!));
      }
  });

  it("has the emitter in C, once, and no other", () => {
    for (const image of images) {
      deepEqual(fileOf("xs-telemetry", image), EMITTER);
      deepEqual(fileOf("xs-telemetry/dist/moddable/native/xs-telemetry", image), EMITTER);
      const files = [...image.modules.values()].flatMap(({ file }) => file || []);
      deepEqual(files, [...new Set(files)], "no file is linked twice");
      for (const file of files) ok(file !== "dist/moddable/xs-telemetry.js", image.imported.join());
    }
  });

  it("has frames and policies in C: what is there in both forms is taken with its natives", () => {
    const both = readdirSync("dist/moddable").filter((file) => existsSync(join("dist/moddable/native", file)));
    ok(both.length >= 4, both.join());
    for (const { modules } of images)
      for (const { file } of modules.values()) ok(!both.includes(file.replace("dist/moddable/", "")), file);
  });

  it("has a place in C for each native, and one", () => {
    for (const { modules, natives } of images) {
      const functions = natives.flatMap((file) => matches(readFileSync(file, "utf8"), /^void (xs_telemetry_\w+)\(/gm));
      deepEqual(functions, [...new Set(functions)]);
      const called = [...modules.values()].flatMap(({ text }) => matches(text, /ative\("(\w+)"\)/g));
      ok(called.length >= 15);
      for (const name of called) ok(functions.includes(name), `${name} is in no C file that is compiled`);
    }
  });

  it("preloads all of ours: in flash they take no RAM", () => {
    for (const { modules, preloaded } of images) deepEqual([...preloaded].sort(), [...modules.keys()].sort());
  });

  it("imports what is linked with it, or the SDK's", () => {
    const theirs = [...PLATFORM_MODULES, ...Object.values(SDK_MODULES).flat()];
    for (const { modules } of images)
      for (const [name, { text }] of modules)
        for (const to of matches(text, /^(?:import|export) .*["']([^"']+)["'];$/gm))
          ok(modules.has(to.replace(/\.js$/, "")) || theirs.includes(to), `${name} imports ${to}`);
  });
});
