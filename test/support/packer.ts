/** The result of `mcpack mcconfig` of Moddable's SDK 8.2.3 for an application that imports from this package: modules, C and preloads. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";

interface Manifest {
  readonly include?: string | readonly string[];
  readonly modules?: Readonly<Record<string, string | readonly string[]>>;
  readonly preload?: string | readonly string[];
}
interface PackageJson {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly moddable?: { readonly manifest?: Manifest };
}

/** Moddable's packer knows no others. */
const CONDITIONS = ["moddable", "import", "default"];

/** A source of a module: a file of the package, or the line that the packer writes for a name that is imported. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export interface Image {
  /** Modules by the names that they are linked under. */
  readonly modules: ReadonlyMap<string, Source>;
  /** C files. */
  readonly natives: readonly string[];
  readonly preloaded: ReadonlySet<string>;
}

const listed = (value: string | readonly string[] | undefined) => [value ?? []].flat() as string[];
const importsOf = (text: string) =>
  [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map(([, name]) => name!);

/** The file that a name of this package leads to, according to the conditions. Throws if there is none. */
function exported({ name, exports }: PackageJson, specifier: string): string {
  const target = exports[specifier.replace(name, ".")];
  const conditions = typeof target === "object" ? target : {};
  for (const [condition, file] of Object.entries(conditions))
    if (CONDITIONS.includes(condition)) return normalize(file);
  throw new Error(`the packer finds no ${specifier} in package.json`);
}

/** What the SDK's tools find for a module's path: files without their endings, or all of a folder. */
function filesLike(path: string): string[] {
  const base = basename(path);
  return readdirSync(dirname(path))
    .filter((file) => base === "*" || file.replace(/(\.d)?\.\w+$/, "") === base)
    .map((file) => join(dirname(path), file));
}

/**
 * The image of an application that imports these names. `twice` says which source a module has that two manifests name: with SDK 8.2.3 it is the
 * first; a file that already has a name is linked under no other.
 */
export function packed(pkg: PackageJson, imported: readonly string[], twice: "first" | "last"): Image {
  // The packer: each file by its package and path; each name that is imported, a line that leads there.
  const own = new Map<string, Source>();
  const queue = imported.map((specifier) => ({ specifier, file: exported(pkg, specifier) }));
  for (const { specifier, file } of queue) {
    const path = `${pkg.name}/${file}`;
    const name = path.replace(/\.js$/, "");
    if (specifier !== path) own.set(specifier, { file: "", text: `export * from "${path}";` });
    if (own.has(name)) continue;
    const text = readFileSync(file, "utf8");
    own.set(name, { file, text });
    for (const each of importsOf(text))
      if (each.startsWith(".")) {
        const target = join(dirname(file), each);
        queue.push({ specifier: `${pkg.name}/${target}`, file: target });
      } else if (each.split("/")[0] === pkg.name) queue.push({ specifier: each, file: exported(pkg, each) });
  }

  // mcconfig: manifests one after the other, what they include before them, the packer's own modules last.
  const sources = new Map<string, Source[]>();
  const natives = new Set<string>();
  const patterns: string[] = [];
  const add = (name: string, source: Source) => sources.set(name, [...(sources.get(name) ?? []), source]);
  const merged = new Set<string>();
  const merge = (manifest: Manifest, folder: string) => {
    for (const path of listed(manifest.include)) {
      const file = join(folder, path);
      if (path.startsWith("$(") || merged.has(file)) continue;
      merged.add(file);
      merge(JSON.parse(readFileSync(file, "utf8")), dirname(file));
    }
    for (const [name, paths] of Object.entries(manifest.modules ?? {}))
      for (const file of listed(paths).flatMap((path) => filesLike(join(folder, path)))) {
        if (file.endsWith(".c")) natives.add(file);
        else if (/\.m?js$/.test(file)) add(name, { file, text: readFileSync(file, "utf8") });
        else if (!/(\.d\.ts|\.h)$/.test(file)) throw new Error(`${name}: what is ${file} to mcconfig?`);
      }
    patterns.push(...listed(manifest.preload));
  };
  merge(pkg.moddable?.manifest ?? {}, ".");
  merge(JSON.parse(readFileSync("manifest.json", "utf8")), ".");
  for (const [name, source] of own) add(name, source);

  const modules = new Map<string, Source>();
  const linked = new Set<string>();
  for (const [name, all] of sources)
    for (const source of all) {
      if (source.file !== "" && linked.has(source.file)) continue;
      linked.add(source.file);
      if (twice === "last" || !modules.has(name)) modules.set(name, source);
    }
  const isPreloaded = (name: string) =>
    patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  return { modules, natives: [...natives], preloaded: new Set([...modules.keys()].filter(isPreloaded)) };
}

/** The file that a name leads to in an image, through lines that only re-export. Throws if it is not linked. */
export function fileOf(name: string, { modules }: Image): string {
  const source = modules.get(name.replace(/\.js$/, ""));
  if (source === undefined) throw new Error(`${name} is not linked`);
  const [, next] = /^export \* from "([^"]+)";\n?$/.exec(source.text) ?? [];
  return next === undefined ? source.file : fileOf(next, { modules } as Image);
}
