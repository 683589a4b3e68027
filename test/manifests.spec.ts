// The manifests for Moddable's tools, all that there are.
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";

interface Manifest {
  readonly include?: string | readonly string[];
  readonly modules?: Readonly<Record<string, string | readonly string[]>>;
  readonly preload?: string | readonly string[];
}

/** What the SDK's manifests bring, as far as ours include them. */
const SDK_MODULES: Readonly<Record<string, readonly string[]>> = {
  "$(MODULES)/data/text/encoder/manifest.json": ["text/encoder"],
};
/** Every platform of the SDK has these in its own manifest, which every application includes. */
const PLATFORM_MODULES = ["time", "timer"];
/** What C may include beside files of its own folder. */
const SDK_HEADERS = /^(xs|xsmc|xsHost|xsPlatform|mc\.xs|std\w+|string|math)\.h$/;

const read = <T>(file: string) => JSON.parse(readFileSync(file, "utf8")) as T;
const manifests = readdirSync(".").filter((name) => /^manifest.*\.json$/.test(name));
const listed = (value: string | readonly string[] | undefined) => [value ?? []].flat() as string[];

/** Our manifests among these and what they include, each once; and what the SDK's bring. */
function withIncludes(name: string, ours = new Map<string, Manifest>(), theirs = new Set<string>()) {
  if (ours.has(name)) return { ours, theirs };
  const manifest = read<Manifest>(name);
  ours.set(name, manifest);
  for (const path of listed(manifest.include)) {
    if (path.startsWith("./")) withIncludes(normalize(path), ours, theirs);
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
    for (const path of listed(paths)) {
      if (module !== "*") files.push([module, `${normalize(path)}.js`]);
      else {
        const found = filesLike(path);
        ok(found.length > 0, `${name}: ${path} is no file`);
        for (const file of found) ok(/\.[ch]$/.test(file), `${name}: ${file} takes its name from its file: name it`);
        natives.push(...found);
      }
    }
  return { files, natives };
}

/** What the tools find for a path: its files without their endings, or all of a folder. */
function filesLike(path: string): string[] {
  const base = basename(path);
  return readdirSync(dirname(path))
    .filter((file) => base === "*" || file.replace(/\.\w+$/, "") === base)
    .map((file) => join(dirname(path), file));
}

const importsOf = (file: string) =>
  [...readFileSync(file, "utf8").matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map(([, name]) => name!);

describe("manifests", () => {
  const { files: shipped, exports } = read<{ files: string[]; exports: Record<string, Record<string, string>> }>(
    "package.json",
  );
  const isShipped = (file: string) => shipped.some((path) => file === path || file.startsWith(`${path}/`));

  it("are found, and shipped", () => {
    ok(manifests.length >= 3, manifests.join());
    for (const name of manifests) ok(isShipped(name), `${name} is shipped`);
  });

  for (const name of manifests)
    describe(name, () => {
      const { ours, theirs } = withIncludes(name);
      const { files, natives } = modulesOf(name);
      const all = [...ours.keys()].map(modulesOf);
      const allFiles = all.flatMap((each) => each.files);

      it("names files that are built and shipped", () => {
        ok(files.length + natives.length > 0);
        // Moddable's tools look for declarations beside the file; what is found at the package's name does not count.
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

      it("has C that includes nothing but its own headers and XS's", () => {
        for (const file of natives)
          for (const [, header] of readFileSync(file, "utf8").matchAll(/^#include ["<]([^">]+)[">]/gm))
            ok(
              natives.includes(join(dirname(file), header!)) || SDK_HEADERS.test(header!),
              `${file} includes ${header}`,
            );
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
          const entry = exports[module.replace("xs-telemetry", ".")];
          ok(entry?.moddable, `package.json exports no ${module} for Moddable`);
          ok(entry.default, `package.json exports no ${module} for Node`);
          const forms = [entry.moddable, entry.moddable.replace("dist/moddable/", "dist/moddable/native/")];
          ok(forms.map(normalize).includes(file), `${module} is ${file} here, ${entry.moddable} in package.json`);
        }
      });
    });

  it("bring every module that package.json exports for Moddable", () => {
    const named = manifests.flatMap((name) => modulesOf(name).files.map(([module]) => module));
    for (const [name, entry] of Object.entries(exports))
      if (entry.moddable) ok(named.includes(name.replace(".", "xs-telemetry")), `no manifest has ${name}`);
  });
});
