import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

const command = resolve(JSON.parse(readFileSync("package.json", "utf8")).bin["xs-telemetry"]);

describe("xs-telemetry registry", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "registry-commands-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function run(args: readonly string[], input = "") {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, "registry", ...args], {
      cwd: folder,
      input,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }
  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return name;
  }
  const version = (text: string, to: string) => text.replace('value: "1.2.3"', () => `value: "${to}"`);
  const good = (name: string, version = "1.2.3") =>
    `${name}: version ${version}, 3 events, 19 attributes, 10 record types: good\n`;

  it("check says what is good", () => {
    deepEqual(run(["check", write("my.yaml", SMALL_REGISTRY)]), { status: 0, stdout: good("my.yaml"), stderr: "" });
    equal(run(["check", "-"], SMALL_REGISTRY).stdout, good("standard input"));
  });

  it("check without a file is of the registries of the package", () => {
    const { status, stdout } = run(["check"]);
    match(stdout, /registry\/1\.0\.0\.yaml: version 1\.0\.0, 5 events, 11 attributes, 25 record types: good\n/);
    equal(status, 0);
  });

  it("check names each mistake at its place, and goes on to the next file", () => {
    const bad = write("bad.yaml", SMALL_REGISTRY.replace("type: u8", "type: u9").replace("ref: port,", "ref: prot,"));
    const { status, stdout, stderr } = run(["check", bad, write("my.yaml", SMALL_REGISTRY)]);
    deepEqual(stdout.split("\n"), [
      'bad.yaml:63:34: E_VALUE: attributes.percent.annotations.wire.type: must be u8, u16, u32, i32, f32, f64, bool, enum, token, text or ip, is "u9"; did you mean u8?',
      'bad.yaml:134:16: E_REFERENCE: events.reading.attributes.prot.ref: no attribute has the key "prot"; did you mean "port"?',
      "bad.yaml: 2 mistakes",
      good("my.yaml").trimEnd(),
      "",
    ]);
    deepEqual([status, stderr], [1, ""]);
  });

  it("check compares versions in their order, however they are named", () => {
    const old = write("old.yaml", SMALL_REGISTRY);
    const later = write("later.yaml", version(SMALL_REGISTRY, "1.10.0"));
    const wrong = write("wrong.yaml", version(SMALL_REGISTRY.replace("{ id: 10 }", "{ id: 11 }"), "1.9.0"));
    deepEqual(run(["check", later, old]), { status: 0, stdout: good(old) + good(later, "1.10.0"), stderr: "" });
    for (const files of [
      [later, wrong, old],
      [wrong, "--against", old],
    ]) {
      const { status, stdout } = run(["check", ...files]);
      match(
        stdout,
        /^wrong\.yaml:111:1: E_EVOLUTION: record type 10: is gone \(1\.2\.3 → 1\.9\.0\): devices in the field send it; keep \{ id: 10 \} in station\.label\n/m,
      );
      equal(status, 1);
    }
    const released = run(["check", later, "--against", old]);
    deepEqual(released, { status: 0, stdout: good(later, "1.10.0"), stderr: "" });
    equal(run(["check", old, "--against", later]).status, 1, "a version before a released one");
    equal(run(["check", later, "--against", "-"], SMALL_REGISTRY).status, 0);
    equal(run(["check", "--against", old, later]).stdout, good(later, "1.10.0"), "in the other order");
    const alone = run(["check", "--against", old]);
    deepEqual([alone.status, alone.stdout], [2, ""]);
    match(alone.stderr, /E_USAGE: --against needs a registry to compare with it/);
  });

  it("check fails with 2 for what cannot be read, and goes on", () => {
    const { status, stdout, stderr } = run(["check", "none.yaml", write("my.yaml", SMALL_REGISTRY)]);
    deepEqual([status, stdout], [2, good("my.yaml")]);
    match(stderr, /^xs-telemetry: E_NOT_FOUND: none\.yaml: no such file/);
    deepEqual(run(["check", "-", "-"]).status, 2);
  });

  it("a hostile name cannot write to the terminal", () => {
    const { stdout } = run(["check", "-"], SMALL_REGISTRY.replace("key: percent", 'key: "\\e[31mred"'));
    ok(!stdout.includes("\x1b"), JSON.stringify(stdout));
    match(stdout, /\\u001b\[31mred/);
  });

  it("diff names each change, and how far the version must go", () => {
    const old = write("old.yaml", SMALL_REGISTRY);
    const later = write(
      "later.yaml",
      version(SMALL_REGISTRY.replace("{ id: 10 }", "{ id: 11 }").replace("Pascal.", "In Pascal."), "1.3.0"),
    );
    const { status, stdout, stderr } = run(["diff", old, later]);
    deepEqual(stdout.split("\n"), [
      "breaking: record type 10: is gone: devices in the field send it; no version may do this; keep { id: 10 } in station.label",
      "minor: record type 11: is added to station.label: the id was free",
      "patch: attribute pressure: other words in brief: only people read it",
      "1 breaking, 1 minor, 1 patch: the version needs a major step; 1.2.3 to 1.3.0 is not enough",
      "The records differ, and so does the fingerprint: named together, each version reads what it knows of the other's packets.",
      "",
    ]);
    deepEqual([status, stderr], [0, ""]);
    equal(
      run(["diff", old, old]).stdout,
      "0 breaking, 0 minor, 0 patch: the version may stay\nThe records are the same: packets of either version can be read as the other.\n",
    );
    const bad = run(["diff", old, write("bad.yaml", "a: 1\n")]);
    deepEqual([bad.status, bad.stdout], [1, ""]);
    match(bad.stderr, /^xs-telemetry: E_REGISTRY_FILE: bad\.yaml:1:1: E_/);
  });

  it("docs and schema are of any registry", () => {
    const file = write("my.yaml", SMALL_REGISTRY);
    match(run(["docs", file]).stdout, /## `station\.label`\n/);
    const { stdout } = run(["schema", file]);
    const conforms = new Ajv2020({ strict: true }).compile(JSON.parse(stdout));
    const event = { event: "station.label", uptime: 1, number: 2, label: "north", version: "1.2.3" };
    ok(conforms(event), JSON.stringify(conforms.errors));
    ok(!conforms({ ...event, label: 7 }));
    equal(run(["schema", file, "-o", "my.schema.json"]).stderr, "wrote my.schema.json\n");
    equal(readFileSync(join(folder, "my.schema.json"), "utf8"), stdout);
    equal(run(["docs", file, "-o", "none/reference.md"]).status, 2);
  });

  it("docs, schema and generate do not write over the registry, by whatever name", () => {
    write("mine.yaml", SMALL_REGISTRY);
    symlinkSync("mine.yaml", join(folder, "link.yaml"));
    for (const path of ["mine.yaml", "./mine.yaml", "link.yaml"])
      for (const name of ["docs", "schema", "generate"]) {
        const { status, stderr } = run([name, "mine.yaml", "-o", path]);
        equal(status, 2, `${name} -o ${path}`);
        match(stderr, /E_USAGE: /);
      }
    equal(readFileSync(join(folder, "mine.yaml"), "utf8"), SMALL_REGISTRY);
  });

  it("new is a registry without mistakes, and replaces nothing unless forced", () => {
    const { stdout } = run(["new"]);
    equal(run(["check", "-"], stdout).status, 0);
    equal(run(["new", "-o", "new.yaml"]).status, 0);
    equal(readFileSync(join(folder, "new.yaml"), "utf8"), stdout);
    write("new.yaml", "mine");
    const again = run(["new", "-o", "new.yaml"]);
    deepEqual([again.status, readFileSync(join(folder, "new.yaml"), "utf8")], [2, "mine"]);
    match(again.stderr, /E_EXISTS: new\.yaml already exists; name another, or add --force/);
    equal(run(["new", "-o", "new.yaml", "--force"]).status, 0);
    equal(readFileSync(join(folder, "new.yaml"), "utf8"), stdout);
  });

  it("has examples in the help of each", () => {
    for (const name of ["check", "diff", "docs", "schema", "new"]) {
      const { status, stdout } = run([name, "--help"]);
      equal(status, 0);
      match(stdout, new RegExp(`\\$ .*xs-telemetry registry ${name}`));
    }
  });
});
