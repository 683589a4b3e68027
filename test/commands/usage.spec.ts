import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { COMMAND, Run, run } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";

/** In its own terminal. */
function inTerminal(args: string, input = ""): { status: number | null; stdout: string } {
  const line = `'${process.execPath}' '${COMMAND}' ${args}`;
  return spawnSync("script", ["-qec", line, "/dev/null"], { input, encoding: "utf8", timeout: 20_000 });
}

describe("how the command is used", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("says its version by -v, too", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const option of ["-v", "--version"]) {
      const { status, stdout, stderr } = await run([option]);
      assert.deepEqual([status, stdout, stderr], [0, `${version}\n`, ""]);
    }
  });

  it("says what is wrong in one style, whoever has found it: who, a code, and the way out", async () => {
    for (const args of [
      ["valdate"],
      ["--frobnicate"],
      ["extract"],
      ["extract", "a", "b"],
      ["capture", "--stdin"],
      ["capture", "-o", "x"],
      ["capture", "-o", "", "--stdin"],
      ["capture", "-o", "x", "--udp", "70000"],
      ["tail", "--stdin", "--by-port"],
      ["validate", "--format", "xml", "x"],
      ["registry", "frobnicate"],
      ["simulate"],
    ]) {
      const { status, stdout, stderr } = await run(args, "", { cwd: folder });
      assert.deepEqual([status, stdout], [2, ""], args.join(" "));
      assert.match(
        stderr,
        /^xs-telemetry: E_USAGE: [^\n]+\n(\(Did you mean \w+\?\)\n)?(\(--help [^\n]+\n)?$/,
        args.join(" "),
      );
    }
  });

  it("says that a path is empty, as of a variable that nobody has set", async () => {
    for (const args of [["decode"], ["validate"], ["extract"], ["extract", "--frames"], ["migrate", "--to", "2.0.0"]]) {
      const { status, stderr } = await run([...args, ""]);
      assert.equal(status, 2, args.join(" "));
      assert.match(
        stderr,
        /^xs-telemetry: E_NOT_FOUND: the path is "": name a file( or folder)?, or - for standard input\n/,
      );
    }
  });

  it("names the limit and the way out where no more files may be opened, from its own files on", async () => {
    writeFileSync(join(folder, "log"), "hello\n");
    // If Node cannot even open the file that would report it, nobody does.
    const first = ["cli.js", ...readFileSync(COMMAND, "utf8").match(/chunk-\w+\.js/g)!].map((name) =>
      join(dirname(COMMAND), name),
    );
    let told = 0;
    for (let limit = 12; limit < 48; limit += 2) {
      const prefix = ["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"];
      const { status, signal, stderr } = await new Run(["extract", "log"], { cwd: folder }, prefix).outcome;
      if (signal !== null || first.some((path) => stderr.includes(`open '${path}'`)) || /^node: |node::/m.test(stderr))
        continue;
      if (
        /^xs-telemetry: E_FILES: this process may open no more files: raise the limit \(ulimit -n 1024; [^\n]+\n$/.test(
          stderr,
        )
      ) {
        assert.equal(status, 2);
        told++;
      } else assert.match(stderr, /^log: E_NO_LINES/, `${limit}`);
    }
    assert.ok(told > 2, `${told}`);
  });

  it("sends no frames to a terminal, unless forced", () => {
    const refused = inTerminal("simulate --stdout --events 20 --seed 1");
    assert.equal(refused.status, 2);
    assert.match(
      refused.stdout,
      /E_USAGE: --stdout would send binary frames .* pipe them into capture --stdin, or add --force/,
    );
    const forced = inTerminal("simulate --stdout --events 20 --seed 1 --force");
    assert.equal(forced.status, 0);
    assert.ok(forced.stdout.includes("\0"));
  });

  it("says at once that standard input is a terminal in cooked mode", () => {
    const { stdout } = inTerminal("tail --stdin --duration 1");
    assert.match(stdout, /W_COOKED_TERMINAL: it is a terminal in cooked mode, .*stty -F \/dev\/ttyUSB0 raw/);
    const raw = spawnSync(
      "script",
      ["-qec", `stty raw -echo; '${process.execPath}' '${COMMAND}' tail --stdin --duration 1`, "/dev/null"],
      {
        input: "",
        encoding: "utf8",
        timeout: 20_000,
      },
    );
    assert.match(raw.stdout, /0 events/);
    assert.doesNotMatch(raw.stdout, /W_COOKED/);
  });

  it("ends no line of JSON where other languages would: U+0085, U+2028, U+2029 are escaped", async () => {
    const ends = "a\u2028b\u2029c\u0085d";
    const { telemetry, reader } = emitter({ bootId: 42 });
    telemetry.connect(1, "10.0.0.1").received(telemetry.messageType(ends), ends);
    writeFileSync(join(folder, "packets.bin"), Buffer.concat(drain(reader)));
    const decoded = await run(["decode", "packets.bin"], "", { cwd: folder });
    writeFileSync(join(folder, "trace.jsonl"), decoded.stdout.replaceAll("\\u2028", "\u2028"));
    for (const { stdout, status, stderr } of [
      decoded,
      await run(["extract", "trace.jsonl"], "", { cwd: folder }),
      await run(["migrate", "--to", "2.0.0", "trace.jsonl"], "", { cwd: folder }),
      await run(["validate", "--format", "json", "-"], `{"event":"${ends}"}\n`),
    ]) {
      assert.ok(status !== 2, stderr);
      assert.doesNotMatch(stdout, /[\x85\u2028\u2029]/);
      assert.match(stdout, /a\\u2028b\\u2029c\\u0085d/);
      for (const line of stdout.trimEnd().split("\n")) JSON.parse(line);
    }
    const received = JSON.parse(decoded.stdout.trimEnd().split("\n")[1]!);
    assert.deepEqual([received.msgType, received.payloadSummary], [ends, ends]);
  });
});
