// Commands with an output never replace what they read.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMAND, run } from "../support/command.ts";
import { captureFleet } from "../support/exports.ts";
import { joined, mixedPackets } from "../support/packets.ts";

const FORMATS = ["perfetto", "chrome", "csv", "otlp", "har"];
const BYTES = joined(mixedPackets());
let root = "";

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

describe("an output", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-over-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("is not the recording that is read, by whatever name: nothing is changed", async () => {
    const path = join(root, "in.bin");
    writeFileSync(path, BYTES);
    symlinkSync("in.bin", join(root, "link"));
    linkSync(path, join(root, "hard"));
    const before = readdirSync(root);
    const commands = [...FORMATS.map((format) => ["export", "--to", format]), ["view"]];
    for (const command of commands)
      for (const name of ["in.bin", "link", "hard"]) {
        const { status, stderr } = await run([...command, path, "-o", join(root, name)]);
        assert.deepEqual(
          [status, stderr.includes("E_USAGE"), stderr.includes("which is read")],
          [2, true, true],
          stderr,
        );
      }
    const dead = await run(["forward", "--otlp", "http://127.0.0.1:1", path, "--dead-letter", path]);
    assert.match(dead.stderr, /E_USAGE: .*which is read: write to another place/);
    const stdin = openSync(path, "r");
    const args = [COMMAND, "export", "--to", "csv", "-", "-o", path];
    const piped = spawnSync(process.execPath, args, { stdio: [stdin, "pipe", "pipe"], encoding: "utf8" });
    assert.match(piped.stderr, /E_USAGE: .*is standard input, which is read/);
    assert.deepEqual([readdirSync(root), Buffer.compare(readFileSync(path), BYTES)], [before, 0]);
  });

  it("is no file of the capture that is read; a new file in it is none of it", async () => {
    const capture = join(root, "capture");
    captureFleet(3, capture);
    const files = filesIn(capture);
    const contents = files.map((file) => readFileSync(file));
    assert.ok(files.length > 2);
    for (const file of files)
      for (const command of [["export", "--to", "csv"], ["view"]]) {
        const { status, stderr } = await run([...command, capture, "-o", file]);
        assert.deepEqual([status, /E_USAGE: .*is a file of .*, which is read/.test(stderr)], [2, true], stderr);
      }
    assert.deepEqual(
      filesIn(capture).map((file) => readFileSync(file)),
      contents,
    );
    assert.equal((await run(["export", "--to", "csv", capture, "-o", join(capture, "new.csv")])).status, 0);
    assert.ok(readFileSync(join(capture, "new.csv")).length > 0);
  });
});
