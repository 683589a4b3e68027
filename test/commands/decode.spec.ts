import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { commandFolder, GOOD, packets } from "../support/command-folder.ts";

describe("the command line", () => {
  const { path, run, write, writeCapture } = commandFolder();

  describe("decode", () => {
    it("prints a capture as JSON lines that validate, reports losses, and exits with 0", async () => {
      const capture = writeCapture("capture", packets());
      const { status, stdout, stderr } = await run(["decode", capture]);
      assert.equal(status, 0, stderr);
      const events = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      const [connect, , { ts_mono_ms, ...received }] = events;
      assert.equal(ts_mono_ms, connect.ts_mono_ms + 6);
      assert.deepEqual(received, {
        event: "msg.recv",
        connEpoch: 0,
        eventSeq: 2,
        clientId: 0,
        msgType: "getStatus",
        result: "ok",
        reason: "",
        payloadSummary: '{"type":"getStatus"}',
        schemaVersion: "1.0.0",
      });
      const lost = 150 - events.length;
      assert.ok(lost > 0);
      assert.match(
        stderr,
        new RegExp(`^capture: ${events.length} events, \\d+ packets, 1 boot\\n {2}${lost} events lost on the device`),
      );
      assert.equal((await run(["validate", "--strict", "-"], stdout)).status, 0);

      const onTheFly = await run(["validate", "--strict", "--format", "json", capture]);
      const { issues, ...report } = JSON.parse(onTheFly.stdout);
      assert.deepEqual([onTheFly.status, report], [0, { file: capture, events: events.length, valid: true }]);
      const line = 1 + events.findIndex(({ eventSeq }, index) => eventSeq !== index);
      assert.deepEqual(
        issues.map((issue: { line: number; code: string; message: string }) => [issue.line, issue.code, issue.message]),
        [[line, "W_LOSS", `eventSeq is ${line - 1 + lost}, expected ${line - 1}: ${lost} events are missing`]],
      );
      const piped = await run(["decode", "--schema-version", "1.0.0", "-"], Buffer.concat(packets()));
      assert.deepEqual([piped.status, piped.stdout], [0, stdout]);
    });

    it("prints what is good of a damaged capture, names the damage, and exits with 1", async () => {
      const good = packets();
      const whole = (await run(["decode", "-"], Buffer.concat(good))).stdout.split("\n");
      const bytes = Buffer.concat(good);
      bytes[good[0].length + good[1].length + 30] ^= 0xff; // in the header of the third packet
      const { status, stdout, stderr } = await run(["decode", write("damaged.bin", bytes)]);
      assert.equal(status, 1);
      assert.match(stderr, /^damaged\.bin: E_HEADER at packet \d+, byte \d+: /);
      const lines = stdout.split("\n");
      assert.ok(lines.length < whole.length && lines.length > whole.length - 10);
      assert.ok(lines.every((line) => whole.includes(line)));
    });

    it("takes packets that went missing on the way for a loss, not for damage: exit code 0", async () => {
      const good = packets();
      const bytes = Buffer.concat(good.filter((_, index) => index !== 3));
      const { status, stderr } = await run(["decode", write("gap.bin", bytes)]);
      assert.equal(status, 0);
      assert.match(stderr, /^gap\.bin: W_LOST_IN_TRANSIT at packet \d+, byte \d+: /);
      assert.match(stderr, / lost on the way, or in damaged packets\n {2}1 packet missing/);
    });

    it("names damage in a capture that is validated as an issue of the line that comes next", async () => {
      const capture = writeCapture("damaged-capture", packets());
      const [boot] = readdirSync(path(capture));
      const stream = path(capture, boot, "stream");
      const bytes = readFileSync(stream);
      writeFileSync(stream, bytes.subarray(0, bytes.length - 8));
      const { status, stdout } = await run(["validate", "--format", "json", capture]);
      assert.equal(status, 1);
      const { issues: all, events, valid } = JSON.parse(stdout);
      const issues = all.filter(({ code }: { code: string }) => code !== "W_LOSS");
      assert.deepEqual([issues.length, issues[0].line, issues[0].code, valid], [1, events + 1, "E_CUT", false]);
      assert.match(issues[0].message, /stream, packet \d+, byte \d+: the data end/);
    });

    it("takes text for no capture: exit code 1", async () => {
      const { status, stdout, stderr } = await run(["decode", write("text", `${GOOD}\n`)]);
      assert.deepEqual([status, stdout], [1, ""]);
      assert.match(stderr, /^text: E_NO_PACKET/);
    });

    it("never breaks on a capture that is cut at any byte: the exit code says that it is", async () => {
      const bytes = Buffer.concat(packets().slice(0, 4));
      const offsets = [1, 3, 4, 95, 96, 100, 200, bytes.length - 1];
      const outcomes = await Promise.all(offsets.map((end) => run(["decode", "-"], bytes.subarray(0, end))));
      for (const [index, { status, stderr }] of outcomes.entries()) {
        assert.equal(status, 1, `cut at ${offsets[index]}: ${stderr}`);
        assert.doesNotMatch(stderr, /E_INTERNAL/);
      }
    });
  });
});
