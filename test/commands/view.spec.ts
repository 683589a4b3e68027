import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/command.ts";
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
      readdirSync(root).filter((name) => name.endsWith(".part")),
      [],
    );
  });
});
