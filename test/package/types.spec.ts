// The published declarations, far from our sources: packed, installed into a folder outside of the repository, compiled there.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import { outside } from "../bench/outside.ts";

const { packAndInstall } = (await outside("build/install.mjs")) as { packAndInstall(folder: string): unknown };

const TSC = resolve("node_modules/typescript/bin/tsc");
const PROGRAMS = "test/package/types";
const MODES = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  node16: { module: "node16", moduleResolution: "node16" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
} as const;
type Mode = keyof typeof MODES;

/** The only one whose declarations name another package: recording a server of `ws` in TypeScript needs `@types/ws`. */
const NEEDS_TYPES = "xs-telemetry/ws";

let folder = "";

/** Runs the command line of `ts` in the folder, checking declarations, too. Returns its output. */
function compile(mode: Mode, types: readonly string[], files: readonly string[]): string {
  const compilerOptions = {
    ...MODES[mode],
    types,
    target: "es2022",
    lib: ["es2022"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const { stdout, stderr, error } = spawnSync(process.execPath, [TSC, "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (error) throw error;
  return stdout + stderr;
}

/** With what npm installed for others (mqtt needs the types of Node) out of the way. */
function withoutTypes<T>(work: () => T): T {
  const [types, away] = [join(folder, "node_modules/@types"), join(folder, "away")];
  renameSync(types, away);
  try {
    return work();
  } finally {
    renameSync(away, types);
  }
}

/** `line: error` as a program announces it: the error of the next line of code. */
function expectedErrors(file: string): string[] {
  const lines = readFileSync(join(folder, file), "utf8").split("\n");
  return lines.flatMap((line, index) => {
    const [, error] = /^ *\/\/ (TS\d+: .*)$/.exec(line) ?? [];
    return error === undefined ? [] : [`${file}:${index + 2}: ${error}`];
  });
}

/** First lines of what tsc prints, in the same form. */
const errorsIn = (printed: string) =>
  [...printed.matchAll(/^(\S+)\((\d+),\d+\): error (TS\d+: .*)$/gm)].map(
    ([, file, line, error]) => `${file}:${line}: ${error}`,
  );

describe("the published types", function () {
  this.timeout(300_000);

  let entries: string[] = [];
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "xs-telemetry-types-")));
    packAndInstall(folder);
    const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
    const names = Object.keys(exports).filter((name) => name !== "./package.json");
    entries = names.map((name) => name.replace(".", "xs-telemetry"));
    ok(entries.length >= 15 && entries.includes(NEEDS_TYPES), entries.join());
    cpSync(PROGRAMS, folder, { recursive: true });
    const own = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ ...own, type: "module" }));
    const generate = ["registry", "generate", resolve("examples/sensor/sensor.yaml")];
    const cli = join(folder, "node_modules/xs-telemetry/dist/host/cli.js");
    const { status, stderr } = spawnSync(
      process.execPath,
      [cli, ...generate, "-o", "sensor.gen.ts", "--types", "sensor.events.ts"],
      { cwd: folder, encoding: "utf8" },
    );
    equal(status, 0, stderr);
    for (const [file, names] of [
      ["all.ts", entries],
      ["all-but-ws.ts", entries.filter((name) => name !== NEEDS_TYPES)],
    ] as const)
      writeFileSync(join(folder, file), names.map((name, index) => `export * as m${index} from "${name}";\n`).join(""));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("are compiled by TypeScript 6, and every program here is used", () => {
    match(ts.version, /^6\./);
    deepEqual(readdirSync(PROGRAMS).sort(), ["common.cts", "device.ts", "host.ts", "wrong.ts"]);
  });

  for (const mode of Object.keys(MODES) as Mode[]) {
    it(`compile with ${mode} and without @types/node, all but those of ${NEEDS_TYPES}`, () => {
      withoutTypes(() => equal(compile(mode, [], ["all-but-ws.ts", "device.ts", "host.ts"]), ""));
    });

    it(`compile with ${mode} and @types/node, all of them`, () => {
      equal(compile(mode, ["node"], ["all.ts", "device.ts", "host.ts"]), "");
    });

    it(`refuse what is wrong with ${mode}: tokens that are numbers, attributes that no event has`, () => {
      const expected = expectedErrors("wrong.ts");
      ok(expected.length >= 12, `${expected.length} errors are expected`);
      deepEqual(errorsIn(compile(mode, [], ["wrong.ts"])), expected);
    });
  }

  it(`say of ${NEEDS_TYPES} which package's types it needs, where they are missing`, () => {
    const errors = withoutTypes(() => errorsIn(compile("nodenext", [], ["all.ts"])));
    const files = new Set(errors.map((error) => error.split(":")[0]));
    deepEqual([...files], ["node_modules/xs-telemetry/dist/types/host/adapters/ws.d.ts"]);
    match(errors.join("\n"), /module 'ws'/);
    match(readFileSync("docs/adapters.md", "utf8"), /`@types\/ws`/);
  });

  it("are those of ES modules: CommonJS requires them with nodenext, is told to import() with node16, and a document says so", () => {
    equal(compile("nodenext", [], ["common.cts"]), "");
    const [error, ...more] = errorsIn(compile("node16", [], ["common.cts"]));
    match(error ?? "", /^common\.cts:2: TS1471: Module 'xs-telemetry' cannot be imported using this construct/);
    deepEqual(more, []);
    match(
      readFileSync("docs/node.md", "utf8"),
      /The package is ES modules only: CommonJS loads it with `require\(\)`, as Node 20\.19 and newer can, or with `import\(\)`\./,
    );
    for (const name of entries.filter((each) => each !== NEEDS_TYPES)) {
      const { status, stderr } = spawnSync(process.execPath, ["-e", `require(${JSON.stringify(name)})`], {
        cwd: folder,
        encoding: "utf8",
      });
      equal(status, 0, `require("${name}"): ${stderr}`);
    }
  });
});
