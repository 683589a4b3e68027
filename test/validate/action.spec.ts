// The CI check: its YAML has the form that GitHub requires, and its shell lines do what they should.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parse } from "yaml";
import { makeTraces } from "../../examples/traces/traces.ts";

const ACTION = ".github/actions/validate/action.yml";
const WORKFLOW = ".github/workflows/telemetry_schema_check.yml";
const TRACES = "examples/traces";

/** Whatever stands in a YAML file. */
type Fields = ReturnType<typeof parse>;

const action: Fields = parse(readFileSync(ACTION, "utf8"), { uniqueKeys: true });
const workflow: Fields = parse(readFileSync(WORKFLOW, "utf8"), { uniqueKeys: true });

describe("the traces of the examples", () => {
  it("are what the emitter records: `node build/traces.mjs` writes them", async () => {
    const made = await makeTraces();
    assert.ok(made.size >= 5);
    const names = readdirSync(TRACES).filter((name) => name.endsWith(".jsonl"));
    assert.deepEqual(names.sort(), [...made.keys()].sort());
    for (const [name, text] of made) assert.equal(readFileSync(join(TRACES, name), "utf8"), text, name);
  });
});

describe("the CI check", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-action-"));
    mkdirSync(join(folder, "bin"));
    // Replaces npm's, which would fetch the package: it reports its arguments and runs the built command.
    const npx = `#!/bin/sh\nprintf '%s\\n' "$@" > "$NPX_ARGUMENTS"\nshift 3\nshift 1\nexec "${process.execPath}" "${resolve("dist/host/cli.js")}" "$@"\n`;
    writeFileSync(join(folder, "bin", "npx"), npx);
    chmodSync(join(folder, "bin", "npx"), 0o755);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The action's step as a runner runs it: inputs in its environment, in bash with -e and pipefail. */
  function run(inputs: Record<string, string>, cwd = "."): { status: number | null; stdout: string; asked: string[] } {
    const [step] = action.runs.steps;
    const values: Record<string, string> = {};
    for (const [name, { default: value = "" }] of Object.entries<Fields>(action.inputs))
      values[name] = inputs[name] ?? value;
    const variables: Record<string, string> = {};
    for (const [name, text] of Object.entries<string>(step.env))
      variables[name] = text.replace(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, input: string) => values[input]!);
    const path = `${join(folder, "bin")}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, ...variables, PATH: path, NPX_ARGUMENTS: join(folder, "arguments") };
    const script = join(folder, "step.sh");
    writeFileSync(script, step.run);
    const { status, stdout } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
      cwd,
      env,
      encoding: "utf8",
    });
    return { status, stdout, asked: readFileSync(join(folder, "arguments"), "utf8").trimEnd().split("\n") };
  }

  it("is a composite action whose inputs are described and reach the shell as variables only", () => {
    assert.deepEqual(Object.keys(action), ["name", "description", "inputs", "runs"]);
    assert.equal(action.runs.using, "composite");
    for (const [name, input] of Object.entries<Fields>(action.inputs)) {
      assert.ok(input.description.length > 10, name);
      assert.ok(input.required === true || typeof input.default === "string", name);
    }
    for (const step of action.runs.steps) {
      assert.equal(step.shell, "bash");
      // An expression in a script would be code: anybody who can name a file could run it.
      assert.doesNotMatch(step.run, /\$\{\{/);
    }
    const used = [...JSON.stringify(action.runs).matchAll(/inputs\.([\w-]+)/g)].map(([, name]) => name);
    assert.deepEqual(used.sort(), Object.keys(action.inputs).sort());
  });

  it("finds nothing wrong with the examples' traces, as the workflow runs it", () => {
    const { steps } = workflow.jobs.validate;
    const last = steps.at(-1);
    assert.equal(resolve(last.uses), resolve(ACTION, ".."));
    assert.deepEqual(
      Object.keys(last.with).filter((name) => !(name in action.inputs)),
      [],
    );
    const { status, stdout, asked } = run({ ...last.with, package: "./some.tgz" });
    assert.equal(status, 0, stdout);
    assert.match(
      stdout,
      /^::warning file=examples\/traces\/losses\.jsonl,line=3,title=W_LOSS::.*\n5 files: \d+ events, 0 errors, 1 warning\n$/,
    );
    assert.deepEqual(
      asked.slice(0, 8),
      "--yes --package ./some.tgz xs-telemetry validate --format github --checks".split(" "),
    );
  });

  it("fails with an annotation for each mistake, in files with spaces too, and hands its inputs on", () => {
    const good = readFileSync(join(TRACES, "happy_path.jsonl"), "utf8");
    writeFileSync(join(folder, "a b.jsonl"), good.replace('"clientId":1', '"clientId":"1"'));
    writeFileSync(join(folder, "c.jsonl"), good.replace('"eventSeq":3', '"eventSeq":1'));
    const both = run({ files: "a b.jsonl\nc*.jsonl\n" }, folder);
    assert.equal(both.status, 1);
    assert.match(both.stdout, /^::error file=a b\.jsonl,line=1,title=E_TYPE::/);
    assert.match(both.stdout, /\n::error file=c\.jsonl,line=4,title=E_SEQUENCE::.*\n2 files: 26 events, 2 errors/);
    assert.equal(
      run({ files: "c.jsonl", checks: "schema", "schema-version": "1.0.0", strict: "true" }, folder).status,
      0,
    );
    const missing = run({ files: "none*.jsonl" }, folder);
    assert.deepEqual([missing.status, missing.stdout.split(",")[0]], [2, "::error file=none*.jsonl"]);
    const hostile = run({ files: "$(touch hacked)`touch hacked`;touch hacked" }, folder);
    assert.equal(hostile.status, 2);
    assert.ok(!readdirSync(folder).includes("hacked"));
  });

  it("is a workflow that may only read, on every push to main and every pull request", () => {
    assert.deepEqual(Object.keys(workflow), ["name", "on", "permissions", "jobs"]);
    assert.deepEqual(Object.keys(workflow.on), ["push", "pull_request"]);
    assert.deepEqual(workflow.permissions, { contents: "read" });
    const { steps } = workflow.jobs.validate;
    for (const step of steps) assert.ok("uses" in step !== "run" in step, JSON.stringify(step));
    const ids = steps.flatMap(({ id }: Fields) => id ?? []);
    const used = [...JSON.stringify(steps).matchAll(/steps\.(\w+)\./g)].map(([, id]) => id);
    assert.deepEqual(used, ids);
  });
});
