import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Run, WITHOUT_PRIVILEGES } from "../support/command.ts";
import { commandFolder, GOOD } from "../support/command-folder.ts";

describe("the command line", () => {
  const { path, run, write } = commandFolder();

  describe("help and usage", () => {
    it("explains itself and each command, with examples, and says its version", async () => {
      for (const args of [["--help"], ["help"], ["decode", "--help"], ["help", "extract"], ["validate", "-h"]]) {
        const { status, stdout, stderr } = await run(args);
        assert.deepEqual([status, stderr], [0, ""], args.join(" "));
        assert.match(stdout, /Examples:\n {2}\$ xs-telemetry /);
      }
      const { stdout, status } = await run(["--version"]);
      assert.deepEqual([stdout, status], [`${JSON.parse(readFileSync("package.json", "utf8")).version}\n`, 0]);
    });

    it("shows examples first, within 80 columns, in the help of every command", async () => {
      const tops = ["capture", "tail", "simulate", "info", "show", "stats", "decode", "view", "export", "forward"];
      tops.push("extract", "validate", "migrate", "bench", "selftest", "completion");
      const parts = ["check", "diff", "docs", "schema", "layout", "new", "generate"];
      for (const args of [[], ...tops.map((name) => [name]), ...parts.map((name) => ["registry", name])]) {
        const { stdout } = await run([...args, "--help"]);
        const name = args.join(" ");
        assert.equal(/^(\w[\w ]*):$/m.exec(stdout)?.[1], "Examples", name);
        for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${name}: ${line}`);
      }
    });

    it("names the commands that are there and no other", async () => {
      const { stdout } = await run(["--help"]);
      const groups = [...stdout.matchAll(/^([A-Z][a-z ]+):\n((?: {2,}\S.*\n)+)/gm)].map(([, name, lines]) => [
        name,
        ...(lines!.match(/^ {2}[a-z]+/gm) ?? []).map((command) => command.trim()),
      ]);
      assert.deepEqual(groups.slice(2), [
        ["Record", "capture", "tail", "simulate"],
        ["Read", "info", "show", "stats", "decode", "view", "export", "forward", "extract"],
        ["Check", "validate", "migrate", "bench", "selftest"],
        ["Registry and shell", "registry", "completion"],
        ["Commands", "help"],
      ]);
    });

    const wrong: [args: string, says: RegExp][] = [
      ["", /Usage: xs-telemetry/],
      ["frobnicate", /unknown command 'frobnicate'/],
      ["valdate x", /unknown command 'valdate'[\s\S]*Did you mean validate/],
      ["--frobnicate", /unknown option '--frobnicate'/],
      ["--\u001b[31m\u202e\u009b", /unknown option '--\\u001b\[31m\\u202e\\u009b'/],
      ["validate --format \u001b[31m x", /argument '\\u001b\[31m' is invalid/],
      ["\u001b[31m", /unknown command '\\u001b\[31m'/],
      ["extract", /missing required argument 'log'/],
      ["extract a b", /too many arguments/],
      ["extract --frobnicate x", /unknown option '--frobnicate'/],
      ["decode", /missing required argument 'recording'/],
      ["decode --schema-version 9.9.9 x", /schema version "9.9.9" is unknown; known: "1.0.0"/],
      ["decode --schema-version", /argument missing/],
      ["validate", /missing required argument 'file'/],
      ["validate --format xml x", /Allowed choices are text, json, github/],
      ["validate --checks schema,order x", /'schema,order' is invalid\. Allowed are schema, sequence/],
      ["validate --checks= x", /invalid\. Allowed are schema/],
      ["validate --schema-version 9.9.9 x", /schema version "9.9.9" is unknown; known: "1.0.0"/],
      ["validate - -", /standard input can only be read once/],
    ];
    for (const [args, says] of wrong) {
      it(`refuses \`${args}\` with exit code 2, nothing on standard output`, async () => {
        const { status, stdout, stderr } = await run(args.split(" ").filter((word) => word !== ""));
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, says);
      });
    }
  });

  describe("files that cannot be read", () => {
    it("names a file that does not exist, and exits with 2", async () => {
      for (const name of ["decode", "extract", "validate"]) {
        const { status, stdout, stderr } = await run([name, "no/such.file"]);
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, /^xs-telemetry: E_NOT_FOUND: no\/such\.file.* (check|expected)/);
      }
    });

    it("names a folder that is no file, or no capture, and exits with 2", async () => {
      const { status, stdout, stderr } = await run(["extract", "."]);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /E_IS_DIRECTORY: \.: is a directory; name a file in it/);
      for (const name of ["decode", "validate"]) {
        const outcome = await run([name, "."]);
        assert.deepEqual([outcome.status, outcome.stdout], [2, ""]);
        assert.match(outcome.stderr, /E_NO_CAPTURE: \. has no packets in it/);
        const other = await run([name, resolve("docs")]);
        assert.deepEqual([other.status, other.stdout], [2, ""]);
        assert.match(other.stderr, /E_NO_CAPTURE: .*docs is not a capture/);
      }
    });

    it("names a file that it may not read, and exits with 2", async () => {
      const file = write("secret.jsonl", GOOD);
      chmodSync(path(file), 0o000);
      for (const name of ["decode", "extract", "validate"]) {
        const outcome = await new Run([name, file], { cwd: path() }, WITHOUT_PRIVILEGES).outcome;
        assert.deepEqual([outcome.status, outcome.stdout], [2, ""], outcome.stderr);
        assert.match(outcome.stderr, /E_READ: secret\.jsonl/);
      }
    });

    it("names a file that fails while it is read, and exits with 2", async () => {
      // Reading its own memory from address 0 is an I/O error.
      for (const name of ["extract", "validate"]) {
        const { status, stdout, stderr } = await run([name, "/proc/self/mem"]);
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, /E_READ: \/proc\/self\/mem: cannot be read: EIO/);
      }
    });

    it("takes an empty file for bad data: exit code 1", async () => {
      write("empty", "");
      for (const name of ["decode", "extract", "validate"]) {
        for (const file of ["empty", "-"]) {
          const { status, stdout, stderr } = await run([name, file]);
          assert.equal(status, 1, name);
          assert.match(name === "validate" ? stdout : stderr, /E_EMPTY/);
        }
      }
    });

    it("does the other files when one is missing, and still exits with 2", async () => {
      const good = write("good.jsonl", GOOD);
      const { status, stdout, stderr } = await run(["validate", "--format", "json", "missing", good]);
      assert.match(stderr, /E_NOT_FOUND: missing/);
      const message = "missing: no such file; check the path, or use - for standard input";
      const issue = { line: 1, severity: "error", code: "E_NOT_FOUND", event: null, attribute: null, message };
      const reports = stdout.trimEnd().split("\n");
      assert.deepEqual(
        [status, ...reports.map((line) => JSON.parse(line))],
        [
          2,
          { file: "missing", issues: [issue], events: 0, valid: false },
          { file: "good.jsonl", issues: [], events: 1, valid: true },
        ],
      );
      const github = await run(["validate", "--format", "github", "missing", good]);
      assert.equal(github.status, 2);
      assert.equal(
        github.stdout,
        `::error file=missing,line=1,title=E_NOT_FOUND::${message}\n2 files: 1 event, 1 error, 0 warnings\n`,
      );
    });

    it("shows nothing of a file's name that a terminal would obey", async () => {
      const { stderr } = await run(["validate", "a\x1b[31m\n"]);
      assert.match(stderr, /E_NOT_FOUND: a\\u001b\[31m\\u000a: no such file/);
    });
  });
});
