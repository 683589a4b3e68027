import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile } from "../../host/export/output.ts";

let root = "";

describe("a file of an export", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-output-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("gets its name when it is whole; what was there stays until then, and nothing stays of one that is given up", async () => {
    const path = join(root, "it");
    writeFileSync(path, "before");
    const given = await openFile(path);
    given.write("x".repeat(300_000));
    await given.room();
    assert.deepEqual([readdirSync(root).length, readFileSync(path, "utf8")], [2, "before"]);
    await given.abandon();
    assert.deepEqual([readdirSync(root), readFileSync(path, "utf8")], [["it"], "before"]);
    const whole = await openFile(path);
    whole.write("a");
    whole.write(Buffer.from("é"));
    whole.write("b");
    await whole.finish();
    await whole.abandon();
    assert.deepEqual([readdirSync(root), readFileSync(path, "utf8")], [["it"], "aéb"]);
  });

  it("leaves nothing where its name is taken by a folder meanwhile; what a link leads to is replaced, not the link", async () => {
    const path = join(root, "it");
    const output = await openFile(path);
    output.write("x");
    mkdirSync(path);
    await assert.rejects(output.finish(), (error: { code: string }) => error.code === "E_WRITE");
    assert.deepEqual(readdirSync(root), ["it"]);
    writeFileSync(join(root, "target"), "before");
    symlinkSync("target", join(root, "link"));
    const linked = await openFile(join(root, "link"));
    linked.write("after");
    await linked.finish();
    assert.equal(readFileSync(join(root, "target"), "utf8"), "after");
    assert.deepEqual(readdirSync(root).sort(), ["it", "link", "target"]);
  });
});
