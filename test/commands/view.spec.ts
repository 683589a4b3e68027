import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMAND, run } from "../support/command.ts";
import { until } from "../support/processes.ts";
import { capture } from "../support/viewed.ts";

let root = "";

describe("the command view", () => {
  before(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-view-"));
    capture(root);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it("opens the page with --open in the browser that BROWSER names", async () => {
    const opener = join(root, "opener");
    writeFileSync(opener, `#!/bin/sh\necho "$1" > ${join(root, "opened")}\n`, { mode: 0o755 });
    const out = join(root, "open.html");
    const { status, stderr } = await run(["view", join(root, "capture"), "-o", out, "--open"], "", {
      env: { ...process.env, BROWSER: opener },
    });
    assert.equal(status, 0, stderr);
    await until("the browser is opened", () => existsSync(join(root, "opened")));
    assert.equal(readFileSync(join(root, "opened"), "utf8"), `${out}\n`);
    assert.equal((await run(["view", join(root, "capture"), "-o", "-", "--open"])).status, 2);
  });

  it("leaves no half of a page under its name, and says what is wrong", async () => {
    const nothing = join(root, "empty.jsonl");
    writeFileSync(nothing, "");
    const out = join(root, "other.html");
    const said = await run(["view", nothing, "-o", out]);
    assert.equal(said.status, 1);
    assert.match(said.stderr, /E_/);
    const full = await run(["view", join(root, "capture"), "-o", "/dev/full/x.html"]);
    assert.equal(full.status, 2);
    const none = await run(["view", join(root, "capture"), "-o", out, "--device", "pump-8"]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /none of 23 events fits the options/);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("leaves nothing of a page for which there is no room, whether a file or standard output; and stops when nobody reads on", async () => {
    const recording = join(root, "capture");
    const out = join(root, "large.html");
    const shell = (script: string) =>
      spawnSync("bash", ["-o", "pipefail", "-c", script, process.execPath, COMMAND, recording, out], {
        encoding: "utf8",
      });
    // A file may have 4 KB, and the signal for more is ignored, as if the disk were full.
    const small = shell('trap \'\' XFSZ; ulimit -f 4; "$0" "$1" view "$2" -o "$3"');
    assert.equal(small.status, 2, small.stderr);
    assert.match(small.stderr, /large\.html cannot be written: EFBIG: .*write elsewhere/);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.includes("large")),
      [],
    );
    const full = shell('"$0" "$1" view "$2" -o - > /dev/full');
    assert.equal(full.status, 2, full.stderr);
    assert.match(full.stderr, /E_WRITE|ENOSPC/);
    const stopped = shell('"$0" "$1" view "$2" -o - | head -c 100 > /dev/null');
    assert.deepEqual([stopped.status, stopped.stderr], [0, ""]);
  });
});
