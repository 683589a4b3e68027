// The package as users get it: packed, installed into an empty folder, used there.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, normalize, resolve } from "node:path";
import { build, transformSync } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { outside } from "../bench/outside.ts";
import { anchorsOf, codeBlocks, linksOf } from "../support/markdown.ts";

interface Sizes {
  readonly tarballBytes: number;
  readonly packageBytes: number;
  readonly dependencies: number;
  readonly dependencyBytes: number;
}
const { packAndInstall } = (await outside("build/install.mjs")) as {
  packAndInstall(folder: string): { tarball: string; installed: string; files: string[]; sizes: Sizes };
};
const { sizesOfReadme } = (await outside("build/package-size.mjs")) as { sizesOfReadme(): Sizes };

const FOLDER = "dist/installed";
const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const importsOf = (text: string) =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)].map(([, specifier]) => specifier!);

/** Runs a program in the folder. Returns its output; throws with its messages if it fails. */
function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: FOLDER, encoding: "utf8" });
  if (error) throw error;
  ok(status === 0, `${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Files reached from these by relative imports, including themselves; declarations are beside files that end in .js. */
function reachable(root: string, from: Iterable<string>): Set<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      const target = normalize(join(file, "..", specifier));
      visit(file.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
    }
  };
  for (const file of from) visit(normalize(file));
  return found;
}

describe("the package, installed", function () {
  this.timeout(300_000);
  let tarball = "";
  let installed = "";
  let files: string[] = [];
  let sizes: Sizes;
  let subpaths: string[] = [];
  let manifests: string[] = [];

  before(() => {
    ({ tarball, installed, files, sizes } = packAndInstall(FOLDER));
    const names = Object.keys(readJson(join(installed, "package.json")).exports);
    subpaths = names.filter((name) => name !== "./package.json").map((name) => name.replace(".", "xs-telemetry"));
    const parts = readdirSync(join(installed, "manifests")).map((name) => join("manifests", name));
    manifests = ["manifest.json", ...parts];
    ok(subpaths.length >= 3 && manifests.length >= 3, `${subpaths.join()} ${manifests.join()}`);
  });

  it("holds what exports, commands and manifests reach, and documents: nothing else", () => {
    const { exports, bin, moddable } = readJson(join(installed, "package.json"));
    const roots = Object.values(exports).flatMap((target) =>
      typeof target === "string" ? [] : Object.values(target as Record<string, string>),
    );
    const modules = manifests.flatMap((name) => {
      const paths = Object.values(readJson(join(installed, name)).modules as object).flat() as string[];
      return paths.map((path) => join(dirname(name), path));
    });
    modules.push(...[moddable.manifest.modules["*"]].flat().map((path: string) => normalize(path)));
    const isNative = (path: string) => path.startsWith("src/");
    const natives = modules.filter(isNative).map((path) => path.replace(/\*$/, ""));
    const named = modules.filter((path) => !isNative(path)).flatMap((path) => [`${path}.js`, `${path}.d.ts`]);
    const reached = reachable(installed, [...roots, ...Object.values(bin as Record<string, string>), ...named]);
    // Forms without C of modules that exports name with it: mods, which cannot have C, name them by their files.
    for (const file of reached)
      if (existsSync(join(installed, file.replace("/native/", "/")))) reached.add(file.replace("/native/", "/"));
    const isWanted = (file: string) =>
      reached.has(file) ||
      // Every device module has declarations beside it, even if no manifest names that form of it.
      (file.startsWith("dist/moddable/") && reached.has(file.replace(/\.d\.ts$/, ".js"))) ||
      manifests.includes(file) ||
      natives.some((start) => file.startsWith(start)) ||
      /^examples\/(unit-test|firmware|restarts|sensor|traces)\/[\w./-]+\.(js|json|jsonl|ts|csv|yaml)$/.test(file) ||
      file === "examples/sdk.d.ts" ||
      /^(package\.json|LICENSE|[A-Z]+\.md|docs\/.*\.(md|svg|png)|registry\/.*\.(yaml|json|tsdl))$/.test(file);
    deepEqual(
      files.filter((file) => !isWanted(file)),
      [],
    );
    for (const file of reached) ok(files.includes(file), `${file} is shipped`);
  });

  it("describes itself to a registry, and names no address that does not exist", () => {
    const told = readJson(join(installed, "package.json"));
    for (const name of ["name", "version", "description", "license", "engines", "bin", "exports", "files"])
      ok(told[name] !== undefined, name);
    ok(told.keywords.length >= 8 && new Set(told.keywords).size === told.keywords.length, String(told.keywords));
    equal(told.funding, undefined);
    // While there is no public repository: whoever publishes it adds these, and changes this line.
    deepEqual([told.repository, told.homepage, told.bugs], [undefined, undefined, undefined]);
  });

  it("loads without doing anything, but for the command, as sideEffects says: what is not used can be left out", async () => {
    const { sideEffects } = readJson(join(installed, "package.json"));
    // Of the shipped files, only the command. The rest belongs to a clone, whose own bundles keep what they import.
    deepEqual(
      sideEffects.filter((path: string) => path.startsWith("./dist/")),
      ["./dist/host/cli.js", "./dist/host/cli-*.js"],
    );
    writeFileSync(join(FOLDER, "unused.mjs"), subpaths.map((name) => `import ${JSON.stringify(name)};\n`).join(""));
    const { outputFiles } = await build({
      entryPoints: [join(FOLDER, "unused.mjs")],
      bundle: true,
      platform: "node",
      format: "esm",
      write: false,
      packages: "bundle",
      logLevel: "silent",
    });
    equal(outputFiles[0]!.text.trim(), "");
    // Checks that it is true: nothing is added to the globals, nothing keeps the process alive, nothing is printed.
    writeFileSync(
      join(FOLDER, "loads.mjs"),
      `const before = Object.getOwnPropertyNames(globalThis);
for (const name of ${JSON.stringify(subpaths)}) await import(name);
const known = [...before, "regeneratorRuntime"]; // mqtt's, whose own package.json speaks for it
const added = Object.getOwnPropertyNames(globalThis).filter((name) => !known.includes(name));
if (added.length > 0) throw new Error(added.join());
`,
    );
    equal(run(process.execPath, "loads.mjs"), "");
  });

  it("has documents whose links lead to files of the package and headings of theirs, or to the web", () => {
    const folders = new Set(
      files.flatMap((file) => file.split("/").map((_, index, parts) => parts.slice(0, index).join("/"))),
    );
    const documents = files.filter((file) => file.endsWith(".md"));
    ok(documents.includes("README.md") && documents.length >= 40, documents.join());
    let found = 0;
    for (const document of documents)
      for (const link of linksOf(join(installed, document))) {
        if (/^(https?|mailto):/.test(link)) continue;
        found++;
        const [path, heading] = link.split("#") as [string, string?];
        const target = path === "" ? document : normalize(join(dirname(document), path)).replace(/\/$/, "");
        ok(files.includes(target) || folders.has(target), `${document}: ${link} is not in the package`);
        if (heading !== undefined)
          ok(anchorsOf(join(installed, target)).includes(heading), `${document}: ${link} is no heading there`);
      }
    ok(found >= 100, `${found} links`);
  });

  it("brings none of what only its makers need", () => {
    const { devDependencies, dependencies } = readJson("package.json");
    const brought = Object.keys(devDependencies).filter((name) => existsSync(join(FOLDER, "node_modules", name)));
    deepEqual(
      brought.filter((name) => !name.startsWith("@types/")),
      [],
    );
    for (const name of Object.keys(dependencies)) ok(existsSync(join(FOLDER, "node_modules", name)), name);
  });

  it("takes as much as the README says, within a tenth; what it depends on, which moves, within a quarter", () => {
    const said = sizesOfReadme();
    const near = (name: keyof Sizes, share: number) =>
      ok(
        Math.abs(said[name] - sizes[name]) <= share * sizes[name],
        `README says ${said[name]} ${name}, ${sizes[name]} measured: node build/package-size.mjs writes it anew`,
      );
    near("tarballBytes", 0.1);
    near("packageBytes", 0.1);
    near("dependencies", 0.25);
    near("dependencyBytes", 0.25);
  });

  it("runs the whole program of docs/node.md", () => {
    const [example] = codeBlocks("docs/node.md").filter(
      ({ language, text }) => language === "ts" && text.includes("new WebSocketServer("),
    );
    const { code } = transformSync(example!.text, { loader: "ts", format: "esm" });
    const count = "\nconsole.log(JSON.stringify(telemetry.counters()));\n";
    writeFileSync(join(FOLDER, "example.mjs"), code + count);
    const { emitted, drained } = JSON.parse(run(process.execPath, "example.mjs"));
    ok(emitted >= 5, `${emitted} emitted`);
    equal(drained, emitted);
  });

  it("runs the command line: help, version, a capture decoded, its lines validated", () => {
    match(run("npx", "--no-install", "xs-telemetry", "--help"), /^Usage: xs-telemetry /);
    equal(run("npx", "--no-install", "xs-telemetry", "--version").trim(), readJson("package.json").version);
    writeFileSync(
      join(FOLDER, "make-capture.mjs"),
      `import { Telemetry } from "xs-telemetry";
import { CaptureWriter, registry } from "xs-telemetry/host";
const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 5, clock: { now: () => 71 } });
const connection = telemetry.connect(7, "192.168.0.25");
connection.connected();
connection.received(telemetry.messageType("getStatus"), "{}");
const reader = telemetry.reader();
const buffer = new Uint8Array(1400);
const capture = new CaptureWriter("capture", { registry });
for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) capture.write(buffer.slice(0, bytes));
`,
    );
    run(process.execPath, "make-capture.mjs");
    const lines = run("npx", "--no-install", "xs-telemetry", "decode", "capture");
    const events = lines
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    deepEqual(
      events.map(({ event, clientId }) => [event, clientId]),
      [
        ["ws.connect", 7],
        ["ws.connected", 7],
        ["msg.recv", 7],
      ],
    );
    writeFileSync(join(FOLDER, "trace.jsonl"), lines);
    match(run("npx", "--no-install", "xs-telemetry", "validate", "trace.jsonl"), /3 events, 0 errors/);
  });

  it("has manifests whose relative paths lead to files of the package", () => {
    for (const name of manifests) {
      const { modules, include = [] } = readJson(join(installed, name));
      const folder = join(installed, dirname(name));
      for (const path of [include].flat()) if (path.startsWith(".")) ok(existsSync(join(folder, path)), path);
      for (const path of Object.values(modules as object).flat() as string[]) {
        match(path, /^\.\.?\/(dist|src)\//, `${name}: ${path}`);
        const beside = readdirSync(join(folder, path, ".."));
        if (/^\.\.?\/src\//.test(path))
          ok(path.endsWith("/*") || beside.includes(`${basename(path)}.c`), `${name}: ${path}`);
        else ok(existsSync(join(folder, `${path}.js`)), `${name}: ${path}.js`);
      }
    }
  });

  it("passes publint without a word", async () => {
    const bytes = readFileSync(tarball);
    const archive = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const { messages, pkg } = await publint({ pack: { tarball: archive }, level: "suggestion" });
    deepEqual(
      messages.map((message) => formatMessage(message, pkg!)),
      [],
    );
  });

  it("passes @arethetypeswrong/cli as the ES module that it is", () => {
    const attw = resolve("node_modules/@arethetypeswrong/cli/dist/index.js");
    const said = execFileSync(process.execPath, [attw, tarball, "--profile", "esm-only", "--format", "json"], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const { analysis } = JSON.parse(said);
    deepEqual(Object.keys(analysis.entrypoints).length, subpaths.length + 1);
  });
});
