import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { listBoots } from "../../host/capture/folder.ts";

let dir = "";

describe("listing the boots of a capture folder", () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-boots-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("passes over what is no trace folder", () => {
    const names = [
      "boot-0001-00000000000001",
      "boot-1-00000000000001",
      "boot-0001-0000000000000",
      "boot-0001-0000000000000g",
      "boot-0001-00000000000001-r0",
      "boot-0001-00000000000001-r",
      "Boot-0001-00000000000001",
      "other",
    ];
    for (const name of names) mkdirSync(join(dir, name));
    writeFileSync(join(dir, "boot-0002-00000000000001"), "");
    symlinkSync(dir, join(dir, "boot-0003-00000000000001"));
    assert.deepEqual(
      listBoots(dir).map(({ path }) => basename(path)),
      ["boot-0001-00000000000001"],
    );
  });

  it("takes a trace folder of any name for one boot, of which the name says nothing", () => {
    writeFileSync(join(dir, "stream"), "");
    assert.deepEqual(listBoots(dir), [{ path: dir, bootId: undefined, reader: undefined }]);
  });

  it("throws what the file system throws", () => {
    assert.throws(() => listBoots(join(dir, "none")), /ENOENT/);
  });
});
