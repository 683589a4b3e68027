import assert from "node:assert/strict";
import { once } from "node:events";
import { BAD, commandFolder, GOOD } from "../support/command-folder.ts";

describe("the command line", () => {
  const { start, shell, write } = commandFolder();

  describe("pipes", () => {
    it("ends quietly when its reader has had enough", async () => {
      for (const args of [
        ["extract", "-"],
        ["validate", "--format", "github", "-"],
      ]) {
        const child = start(args);
        let stderr = "";
        child.stderr?.on("data", (chunk) => (stderr += chunk));
        child.stdin?.on("error", () => {});
        // Endless input: only the closed pipe can end it.
        const feed = () => {
          while (child.stdin?.writable && child.stdin.write(`${BAD}\n`.repeat(100)));
        };
        child.stdin?.on("drain", feed);
        feed();
        child.stdout?.once("data", () => child.stdout?.destroy());
        const [status, signal] = await once(child, "exit");
        assert.deepEqual([signal, stderr], [null, ""]);
        // What it had found by then: errors.
        assert.equal(status, args[0] === "validate" ? 1 : 0);
        child.stdin?.destroy();
      }
    });

    it("shows progress on a terminal when the work takes long, and wipes it away", async () => {
      write("slow.jsonl", `${GOOD}\n`);
      // The work takes until progress is there, and half a minute at most; the second time as long as it took then.
      const slowInput = (isEnough: string) =>
        `(n=0; until ${isEnough} || [ $n = 60 ]; do cat slow.jsonl; n=$((n+1)); sleep 0.5; done)`;
      const validate = '"$NODE" "$COMMAND" validate -';
      const shown = 'grep -q "0.0 MB" typescript';
      const { stdout } = await shell(`: >typescript; script -qefc '${slowInput(shown)} | ${validate}' typescript`, {
        ...process.env,
        NO_COLOR: "1",
      });
      assert.ok(stdout.includes("\r\x1b[Kvalidate standard input: 0.0 MB"), JSON.stringify(stdout));
      const [, count] = /\[Kstandard input: (\d+) event/.exec(stdout) ?? [];
      assert.ok(count && stdout.includes(`\r\x1b[Kstandard input: ${count} `), JSON.stringify(stdout));
      assert.equal((await shell(`${slowInput(`[ $n = ${count} ]`)} | ${validate}`)).stderr, "");
    });

    it("says when standard output cannot be written, and exits with 2", async () => {
      write("full.jsonl", BAD);
      const { status, stderr } = await shell('"$NODE" "$COMMAND" validate full.jsonl > /dev/full');
      assert.equal(status, 2);
      assert.match(stderr, /^xs-telemetry: E_WRITE: standard output: .*ENOSPC/);
    });

    it("waits for a slow reader in bounded memory, and loses nothing", async () => {
      const child = start(["validate", "--checks=schema", "--format", "json", "-"], {}, ["--max-old-space-size=40"]);
      const block = `${BAD}\n`.repeat(1000);
      const blocks = 600;
      let issues = 0;
      let tail = "";
      const done = once(child, "close");
      child.stdout?.on("data", (chunk: Buffer) => {
        const text = tail + chunk;
        issues += text.split('"line":').length - 1;
        tail = text.slice(1 - '"line":'.length);
        child.stdout?.pause();
        setTimeout(() => child.stdout?.resume(), 1);
      });
      for (let i = 0; i < blocks; i++) if (!child.stdin?.write(block)) await once(child.stdin!, "drain");
      child.stdin?.end();
      const [status] = await done;
      assert.deepEqual([status, issues], [1, blocks * 1000]);
    });
  });
});
