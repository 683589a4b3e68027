import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { registry } from "../../host/generated/registry.ts";
import { BAD, commandFolder, GOOD, packets, UNDECLARED } from "../support/command-folder.ts";
import { drain, emitter } from "../support/emit.ts";

describe("the command line", () => {
  const { path, run, shell, write } = commandFolder();

  describe("validate", () => {
    it("names each issue with its line for people, counts them, and exits with 1", async () => {
      const { status, stdout, stderr } = await run([
        "validate",
        "--checks=schema",
        write("bad.jsonl", `${GOOD}\n${BAD}\n${UNDECLARED}\n${BAD}`),
      ]);
      assert.deepEqual([status, stderr], [1, ""]);
      assert.equal(
        stdout,
        [
          "bad.jsonl: 4 events, 2 errors, 1 warning",
          "  error E_TYPE ws.connected: a value is of the wrong JSON type (2)",
          '    line 2: clientId is "4", expected an integer from 0 to 9007199254740991',
          '    line 4: clientId is "4", expected an integer from 0 to 9007199254740991',
          "  warning W_UNDECLARED ws.connected: the event does not declare the attribute (1)",
          '    line 3: ip is "0.0.0.0", but ws.connected has no such attribute in 1.0.0',
          "",
        ].join("\n"),
      );
    });

    it("exits with 0 for warnings alone, with 1 for them when strict", async () => {
      const file = write("warned.jsonl", UNDECLARED);
      assert.equal((await run(["validate", file])).status, 0);
      const strict = await run(["validate", "--strict", file]);
      assert.equal(strict.status, 1);
      assert.match(strict.stdout, /1 error, 0 warnings\n {2}error W_UNDECLARED/);
    });

    it("writes one line of JSON a file, every issue in it", async () => {
      const many = write("many.jsonl", `${BAD}\n`.repeat(5000));
      const { status, stdout } = await run(["validate", "--checks=schema", "--format", "json", many, "-"], GOOD);
      assert.equal(status, 1);
      const [first, second, rest] = stdout.split("\n");
      const report = JSON.parse(first);
      assert.deepEqual([report.file, report.events, report.valid, report.issues.length], [many, 5000, false, 5000]);
      assert.deepEqual(report.issues[4999], {
        line: 5000,
        severity: "error",
        code: "E_TYPE",
        event: "ws.connected",
        attribute: "clientId",
        message: 'clientId is "4", expected an integer from 0 to 9007199254740991',
      });
      assert.deepEqual(JSON.parse(second), { file: "-", issues: [], events: 1, valid: true });
      assert.equal(rest, "");
    });

    it("shows at most 20 lines of a kind and 100 kinds to people, and says how many more there are", async () => {
      const kinds = Array.from({ length: 150 }, (_, i) => GOOD.replace("}", `,"x${i}":1}`));
      const { stdout } = await run(["validate", "--checks=schema", "-"], [...kinds, ...Array(30).fill(BAD)].join("\n"));
      assert.match(stdout, /… and 80 issues of other kinds/);
      const alike = await run(["validate", "--checks=schema", "-"], `${BAD}\n`.repeat(30));
      assert.match(alike.stdout, /\(30\)\n( {4}line \d+: .*\n){20} {4}… and 10 more; --format json lists every one\n$/);
    });

    it("writes annotations that GitHub reads, with its escaping", async () => {
      const file = write(
        "a,b%:c.jsonl",
        `${BAD}\n${GOOD.replace('"eventSeq":0', '"eventSeq":1').replace("}", ',"50%":1}')}`,
      );
      const { status, stdout } = await run(["validate", "--format", "github", file]);
      assert.equal(status, 1);
      assert.deepEqual(stdout.trimEnd().split("\n"), [
        '::error file=a%2Cb%25%3Ac.jsonl,line=1,title=E_TYPE::clientId is "4", expected an integer from 0 to 9007199254740991',
        "::warning file=a%2Cb%25%3Ac.jsonl,line=2,title=W_UNDECLARED::50%25 is 1, but ws.connected has no such attribute in 1.0.0",
        "1 file: 2 events, 1 error, 1 warning",
      ]);
    });

    it("says which file of a capture is no regular one, whatever its folder is called", async () => {
      const device = path("foreign", "a\x1b[31m\u202e");
      const writer = new CaptureWriter(device, { registry });
      for (const packet of packets()) writer.write(packet);
      writer.close();
      symlinkSync("/dev/zero", join(device, "device.txt"));
      const { status, stdout } = await run(["validate", "foreign"]);
      assert.equal(status, 1);
      assert.match(
        stdout,
        /foreign.a\\u001b\[31m\\u202e.device.txt: a link that leads out of the capture: .*expected the device's id in it/,
      );
      assert.ok(!stdout.includes("\x1b"));
    });

    it("requires the schema version that is given", async () => {
      assert.equal((await run(["validate", "--schema-version", "1.0.0", "-"], GOOD)).status, 0);
      const { stdout } = await run(["validate", "-"], GOOD.replace("1.0.0", "9.9.9"));
      assert.match(stdout, /E_VERSION[\s\S]*schemaVersion is "9\.9\.9", expected a known version: "1\.0\.0"/);
    });

    it("shows a terminal JSON and annotations with control and direction characters escaped, equal to what a pipe gets", async () => {
      const nasty = "\x7f\x9b31m\u202eevil\u2066\u2028\u{e0001}\u00ad";
      const line = GOOD.replace('"clientId"', `"payload${nasty}":"${nasty}","clientId"`);
      const migrated = GOOD.replace("ws.connected", "ws.connect").replace("}", `,"ip":"${nasty}"}`);
      const name = write(`nasty-\u202e\x9b.jsonl`, `${line}\n${migrated}\n`);
      const { telemetry, reader } = emitter({ bootId: 42 });
      telemetry.connect(1, "10.0.0.1").received(telemetry.messageType(nasty), nasty);
      write("nasty.bin", Buffer.concat(drain(reader)));
      const nastyRow = (text: string) => JSON.parse(text.replaceAll("\r\n", "\n"));
      for (const command of [
        "decode nasty.bin",
        `validate --format json '${name}'`,
        `validate --format github '${name}'`,
        `extract '${name}'`,
        `migrate --to 2.0.0 '${name}'`,
      ]) {
        const shown = `script -qec '"$NODE" "$COMMAND" ${command.replaceAll("'", '"')} 2>/dev/null' /dev/null`;
        const { stdout } = await shell(shown, { ...process.env, TERM: "xterm", NO_COLOR: "1" });
        assert.doesNotMatch(stdout.replaceAll("\r\n", "\n"), /[^\P{Cc}\n]|\p{Cf}|\p{Zl}/u, command);
        assert.ok(stdout.includes("\\u202e"), command);
        const piped = await shell(`"$NODE" "$COMMAND" ${command}`);
        assert.match(piped.stdout, /\u202e/, command);
        if (command.includes("github")) continue;
        const lines = piped.stdout.trimEnd().split("\n");
        assert.deepEqual(stdout.trimEnd().split("\r\n").map(nastyRow), lines.map(nastyRow), command);
      }
    });

    it("colours for a terminal only, and not where NO_COLOR is set", async () => {
      const file = write("colour.jsonl", BAD);
      const onTerminal = `script -qec '"$NODE" "$COMMAND" validate ${file}' /dev/null`;
      const env: NodeJS.ProcessEnv = { ...process.env, TERM: "xterm" };
      delete env.NO_COLOR;
      assert.ok((await shell(onTerminal, env)).stdout.includes("\x1b[31merror"));
      assert.ok(!(await shell(onTerminal, { ...env, NO_COLOR: "1" })).stdout.includes("\x1b"));
      const piped = await shell(`"$NODE" "$COMMAND" validate ${file}`, { ...env, CI: "1", FORCE_COLOR: "1" });
      assert.match(piped.stdout, /error E_TYPE/);
      assert.ok(!piped.stdout.includes("\x1b"));
    });
  });
});
