import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOCK_FILE } from "../../host/capture/folder.ts";
import { FolderLock, ownerDecided } from "../../host/capture/lock.ts";
import type { TelemetryError } from "../../host/text/errors.ts";
import { Run } from "../support/command.ts";
import { until } from "../support/processes.ts";

describe("the lock of a capture folder", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-lock-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const file = () => join(dir, LOCK_FILE);
  const write = (owner: unknown) => writeFileSync(file(), typeof owner === "string" ? owner : JSON.stringify(owner));
  const touch = (agoMs: number) => utimesSync(file(), new Date(), new Date(Date.now() - agoMs));
  const own = () => {
    const lock = new FolderLock(dir);
    const owner = JSON.parse(readFileSync(file(), "utf8"));
    lock.release();
    return owner;
  };
  const inUse = (said: RegExp) => (error: TelemetryError) =>
    error.code === "E_IN_USE" && error.exitCode === 2 && said.test(error.message);

  it("names pid, start, host and the machine's boot, and is one process's alone", () => {
    const lock = new FolderLock(dir);
    const { pid, started, host, boot } = JSON.parse(readFileSync(file(), "utf8"));
    assert.equal(pid, process.pid);
    assert.ok([started, host, boot].every((text) => text.length >= 2));
    assert.equal(lock.takenOver, undefined);
    assert.throws(() => new FolderLock(dir), inUse(new RegExp(`process ${pid} on .* is capturing into .*: stop it`)));
    lock.beat();
    lock.release();
    lock.release();
    assert.deepEqual(readdirSync(dir), []);
  });

  it("is taken over from a process that is gone, or whose pid another one has by now, and says so", () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    for (const gone of [
      { ...own(), pid },
      { ...own(), started: "1" },
    ]) {
      write(gone);
      const lock = new FolderLock(dir);
      assert.match(
        lock.takenOver!.message,
        new RegExp(`^process ${gone.pid} on "[^"]+" captured into it, and is gone$`),
      );
      assert.deepEqual(readdirSync(dir), [LOCK_FILE]);
      lock.release();
    }
  });

  it("goes to one of many that find it at the same time", async () => {
    write({ ...own(), started: "1" });
    const runs = Array.from({ length: 5 }, () => new Run(["capture", "--stdin", "-o", dir]));
    const refused = () => runs.filter(({ stderr }) => /E_IN_USE/.test(stderr));
    await until("four that are refused", () => refused().length === 4);
    const winner = runs.find((run) => !refused().includes(run))!;
    await winner.said(/capturing/);
    assert.equal((await winner.end()).status, 0, winner.stderr);
    assert.match(winner.stderr, /W_TAKEN_OVER/);
    assert.deepEqual(readdirSync(dir), []);
  });

  it("waits for a process that cannot be looked up: it lives if it touches its lock, and is gone if it does not", async () => {
    const said: string[] = [];
    const decided = () => ownerDecided(dir, (line) => said.push(line), 1500);
    for (const owner of [{ ...own(), host: "elsewhere" }, { ...own(), boot: "before" }, "", "of an older version"]) {
      said.length = 0;
      write(owner);
      assert.throws(() => new FolderLock(dir), inUse(/is capturing into/));
      await decided();
      assert.ok(!existsSync(file()));
      assert.equal(said.length, 1);
      write(owner);
      setTimeout(() => touch(1), 700);
      await decided();
      assert.throws(() => new FolderLock(dir), inUse(/is capturing into/));
      touch(100_000);
      said.length = 0;
      await decided();
      assert.deepEqual(said, []);
      assert.ok(new FolderLock(dir).takenOver);
      rmSync(file());
    }
  });

  it("ends a capture whose folder another one has taken meanwhile", async () => {
    const run = new Run(["capture", "--stdin", "-o", dir]);
    await run.said(/capturing/);
    write({ ...own, pid: 1, started: "1", host: "elsewhere", boot: "" });
    const { status, stderr } = await run.outcome;
    assert.equal(status, 2);
    assert.match(stderr, /E_IN_USE: process 1 on "elsewhere" is capturing into/);
    assert.match(readFileSync(file(), "utf8"), /elsewhere/);
  });

  it("follows no link, and does not read what is no small file", () => {
    write("x".repeat(5000));
    assert.throws(
      () => new FolderLock(dir),
      (error: TelemetryError) => error.code === "E_WRITE",
    );
  });
});
