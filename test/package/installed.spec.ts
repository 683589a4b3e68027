// The package as its users get it: packed, installed into an empty folder, used there.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, normalize, resolve } from "node:path";
import { transformSync } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { outside } from "../bench/outside.ts";
import { codeBlocks } from "../support/markdown.ts";

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

/** Runs a program in the folder. Returns what it prints; throws with what it says if it fails. */
function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: FOLDER, encoding: "utf8" });
  if (error) throw error;
  ok(status === 0, `${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Files reached from these by relative imports, themselves among them; declarations stand beside names that end in .js. */
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
    // Forms without C of what exports name with it: mods, which can have none, name them by their files.
    for (const file of reached)
      if (existsSync(join(installed, file.replace("/native/", "/")))) reached.add(file.replace("/native/", "/"));
    const isWanted = (file: string) =>
      reached.has(file) ||
      // Beside every device module there are declarations, also where no manifest names that form of it.
      (file.startsWith("dist/moddable/") && reached.has(file.replace(/\.d\.ts$/, ".js"))) ||
      manifests.includes(file) ||
      natives.some((start) => file.startsWith(start)) ||
      /^examples\/unit-test\/[a-z.]+\.js$/.test(file) ||
      /^(package\.json|LICENSE|[A-Z]+\.md|docs\/.*\.(md|svg)|registry\/.*\.(yaml|json|tsdl))$/.test(file);
    deepEqual(
      files.filter((file) => !isWanted(file)),
      [],
    );
    for (const file of reached) ok(files.includes(file), `${file} is shipped`);
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

  it("runs the README's example in Node", () => {
    const [example] = codeBlocks("README.md").filter(
      ({ language, text }) => language === "ts" && text.includes("new Telemetry("),
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

  for (const [title, options] of [
    ["module nodenext", { module: "nodenext", moduleResolution: "nodenext" }],
    ["moduleResolution bundler", { module: "esnext", moduleResolution: "bundler" }],
  ] as const)
    it(`gives TypeScript its types with ${title}, in strict programs that check declarations too`, () => {
      const folder = join(FOLDER, options.moduleResolution);
      mkdirSync(folder, { recursive: true });
      const all = (names: readonly string[]) => {
        const imports = names.map((name, index) => `import * as m${index} from "${name}";\n`).join("");
        return `${imports}export const all: readonly object[] = [${names.map((_, index) => `m${index}`).join(", ")}];\n`;
      };
      const { exports } = readJson(join(installed, "package.json"));
      const isForDevices = (name: string) => "moddable" in exports[name.replace("xs-telemetry", ".")];
      writeFileSync(join(folder, "device.ts"), all(subpaths.filter(isForDevices)));
      writeFileSync(join(folder, "all.ts"), all(subpaths));
      writeFileSync(
        join(folder, "program.ts"),
        `import { type Connection, type Counters, Reason, Telemetry } from "xs-telemetry";
import { type DecodedEvent, decodePath, registry, TelemetryError } from "xs-telemetry/host";
import { Recorder } from "xs-telemetry/recorder";

const telemetry = new Telemetry({ capacityBytes: 4096 });
const connection: Connection = telemetry.connect(1);
connection.rejected(Reason.rateLimit, telemetry.messageType("a"), new Uint8Array(1));
// @ts-expect-error A message type is a token.
connection.sent("getStatus");
export const counters: Counters = telemetry.counters();
export const recorder: typeof Recorder = Recorder;
export const fail = (): never => {
  throw new TelemetryError("E_MINE", "mine", 1);
};
export async function connects(path: string): Promise<DecodedEvent[]> {
  const events: DecodedEvent[] = [];
  for await (const item of decodePath(path, { registry })) if (item.kind === "events") events.push(...item.events);
  return events.filter(({ event }) => event === "ws.connect");
}
`,
      );
      const common = { ...options, target: "es2022", lib: ["es2022"], strict: true, skipLibCheck: false, noEmit: true };
      const check = (files: string[], types: string[]) => {
        writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...common, types }, files }));
        run(process.execPath, resolve("node_modules/typescript/bin/tsc"), "-p", options.moduleResolution);
      };
      check(["device.ts"], []);
      check(["all.ts", "program.ts"], ["node"]);
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
