import assert from "node:assert/strict";
import { once } from "node:events";
import { BAD, commandFolder, GOOD, outcomeOf } from "../support/command-folder.ts";

describe("the command line", () => {
  const { run, start, write } = commandFolder();

  describe("extract", () => {
    const log = `[1] boot\n\x1b[0;32m[2]\x1b[0m ${GOOD}\r\n{"event":"msg.recv","payloadSummary":"{"a":1}"}\r\n${BAD}\n`;

    it("prints telemetry, names what is broken, and exits with 1", async () => {
      const { status, stdout, stderr } = await run(["extract", write("serial.log", log)]);
      assert.deepEqual([status, stdout], [1, `${GOOD}\n${BAD}\n`]);
      const [first, last, ...rest] = stderr.trimEnd().split("\n");
      assert.ok(
        first.startsWith(`serial.log: E_JSON at line 3, byte ${log.indexOf('{"event":"msg.recv"')}: not JSON: `),
      );
      assert.match(first, /position \d+.*"payloadSummary":"\{"a":1/);
      assert.deepEqual([last, rest], ["serial.log: 2 telemetry lines, 1 broken", []]);
    });

    it("exits with 0 when nothing is broken, from standard input too", async () => {
      const { status, stdout } = await run(["extract", "-"], `x\n${GOOD}`);
      assert.deepEqual([status, stdout], [0, `${GOOD}\n`]);
    });

    it("prints a line of a live log when it comes, not when the log ends", async () => {
      const child = start(["extract", "-"]);
      child.stdin?.write(`${GOOD}\n`);
      const [chunk] = await once(child.stdout!, "data");
      assert.equal(String(chunk), `${GOOD}\n`);
      assert.equal((await outcomeOf(child)).status, 0);
    });
  });
});
