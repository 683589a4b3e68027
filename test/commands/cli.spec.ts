import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Reason } from "xs-telemetry";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { registry } from "../../host/generated/registry.ts";
import { Run, WITHOUT_PRIVILEGES } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";

/** The command as shipped; bundled here when that is not there, or older than its source. */
const command = resolve(JSON.parse(readFileSync("package.json", "utf8")).bin["xs-telemetry"]);
let folder: string;

const GOOD = '{"event":"ws.connected","ts_mono_ms":1,"connEpoch":0,"eventSeq":0,"clientId":4,"schemaVersion":"1.0.0"}';
const BAD = GOOD.replace('"clientId":4', '"clientId":"4"');
const UNDECLARED = GOOD.replace("}", ',"ip":"0.0.0.0"}');

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], options: SpawnOptions = {}, nodeArgs: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...nodeArgs, command, ...args], { cwd: folder, ...options });
}

async function outcomeOf(child: ChildProcess, input: string | Uint8Array = ""): Promise<Outcome> {
  const said = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (said.stdout += chunk));
  child.stderr?.on("data", (chunk) => (said.stderr += chunk));
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const [status] = await once(child, "close");
  return { status, ...said };
}

function run(args: readonly string[], input: string | Uint8Array = ""): Promise<Outcome> {
  return outcomeOf(start(args), input);
}

function shell(line: string, env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  const child = spawn("sh", ["-c", line], { cwd: folder, env: { ...env, NODE: process.execPath, COMMAND: command } });
  return outcomeOf(child);
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

/** Records a few events on a ring that overwrites some, and returns the packets. */
function packets(): Uint8Array[] {
  let now = 1000;
  const clock = {
    now: () => {
      now += 3;
      return now;
    },
  };
  const { telemetry, reader } = emitter({ capacityBytes: 1024, bootId: 42, clock });
  const found: Uint8Array[] = [];
  const getStatus = telemetry.messageType("getStatus");
  for (let round = 0; round < 30; round++) {
    const connection = telemetry.connect(round, "10.0.0.1");
    connection.connected();
    connection.received(getStatus, '{"type":"getStatus"}');
    connection.rejected(Reason.rateLimit, getStatus);
    connection.disconnected();
    if (round < 10 || round >= 20) found.push(...drain(reader, 1024));
  }
  return found;
}

function writeCapture(name: string, content: readonly Uint8Array[]): string {
  const writer = new CaptureWriter(join(folder, name), { registry });
  for (const packet of content) writer.write(packet);
  writer.close();
  return name;
}

describe("the command line", () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  describe("help and usage", () => {
    it("explains itself and each command, with examples, and says its version", async () => {
      for (const args of [["--help"], ["help"], ["decode", "--help"], ["help", "extract"], ["validate", "-h"]]) {
        const { status, stdout, stderr } = await run(args);
        assert.deepEqual([status, stderr], [0, ""], args.join(" "));
        assert.match(stdout, /Examples:\n {2}\$ xs-telemetry /);
      }
      const { stdout, status } = await run(["--version"]);
      assert.deepEqual([stdout, status], [`${JSON.parse(readFileSync("package.json", "utf8")).version}\n`, 0]);
    });

    it("names the commands that are there and no other", async () => {
      const { stdout } = await run(["--help"]);
      const groups = [...stdout.matchAll(/^([A-Z][a-z ]+):\n((?: {2,}\S.*\n)+)/gm)].map(([, name, lines]) => [
        name,
        ...(lines!.match(/^ {2}[a-z]+/gm) ?? []).map((command) => command.trim()),
      ]);
      assert.deepEqual(groups.slice(2), [
        ["Record", "capture", "tail", "simulate"],
        ["Read", "info", "show", "stats", "decode", "view", "export", "forward", "extract"],
        ["Check", "validate", "migrate", "bench", "selftest"],
        ["Registry and shell", "registry", "completion"],
        ["Commands", "help"],
      ]);
    });

    const wrong: [args: string, says: RegExp][] = [
      ["", /Usage: xs-telemetry/],
      ["frobnicate", /unknown command 'frobnicate'/],
      ["valdate x", /unknown command 'valdate'[\s\S]*Did you mean validate/],
      ["--frobnicate", /unknown option '--frobnicate'/],
      ["--\u001b[31m\u202e\u009b", /unknown option '--\\u001b\[31m\\u202e\\u009b'/],
      ["validate --format \u001b[31m x", /argument '\\u001b\[31m' is invalid/],
      ["\u001b[31m", /unknown command '\\u001b\[31m'/],
      ["extract", /missing required argument 'log'/],
      ["extract a b", /too many arguments/],
      ["extract --frobnicate x", /unknown option '--frobnicate'/],
      ["decode", /missing required argument 'recording'/],
      ["decode --schema-version 9.9.9 x", /schema version "9.9.9" is not known; known: "1.0.0"/],
      ["decode --schema-version", /argument missing/],
      ["validate", /missing required argument 'file'/],
      ["validate --format xml x", /Allowed choices are text, json, github/],
      ["validate --checks schema,order x", /'schema,order' is invalid\. Allowed are schema, sequence/],
      ["validate --checks= x", /invalid\. Allowed are schema/],
      ["validate --schema-version 9.9.9 x", /schema version "9.9.9" is not known; known: "1.0.0"/],
      ["validate - -", /standard input can be read once/],
    ];
    for (const [args, says] of wrong) {
      it(`refuses \`${args}\` with exit code 2, nothing on standard output`, async () => {
        const { status, stdout, stderr } = await run(args.split(" ").filter((word) => word !== ""));
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, says);
      });
    }
  });

  describe("files that cannot be read", () => {
    it("names a file that does not exist, and exits with 2", async () => {
      for (const name of ["decode", "extract", "validate"]) {
        const { status, stdout, stderr } = await run([name, "no/such.file"]);
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, /^xs-telemetry: E_NOT_FOUND: no\/such\.file.* (check|expected)/);
      }
    });

    it("names a folder that is no file, or no capture, and exits with 2", async () => {
      const { status, stdout, stderr } = await run(["extract", "."]);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /E_IS_DIRECTORY: \.: is a directory; name a file in it/);
      for (const name of ["decode", "validate"]) {
        const outcome = await run([name, "."]);
        assert.deepEqual([outcome.status, outcome.stdout], [2, ""]);
        assert.match(outcome.stderr, /E_NO_CAPTURE: \. has no packets in it/);
        const other = await run([name, resolve("docs")]);
        assert.deepEqual([other.status, other.stdout], [2, ""]);
        assert.match(other.stderr, /E_NO_CAPTURE: .*docs is no capture/);
      }
    });

    it("names a file that it may not read, and exits with 2", async () => {
      const file = write("secret.jsonl", GOOD);
      chmodSync(join(folder, file), 0o000);
      for (const name of ["decode", "extract", "validate"]) {
        const outcome = await new Run([name, file], { cwd: folder }, WITHOUT_PRIVILEGES).outcome;
        assert.deepEqual([outcome.status, outcome.stdout], [2, ""], outcome.stderr);
        assert.match(outcome.stderr, /E_READ: secret\.jsonl/);
      }
    });

    it("names a file that fails while it is read, and exits with 2", async () => {
      // Reading one's own memory from address 0 is an I/O error.
      for (const name of ["extract", "validate"]) {
        const { status, stdout, stderr } = await run([name, "/proc/self/mem"]);
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, /E_READ: \/proc\/self\/mem: cannot be read: EIO/);
      }
    });

    it("takes an empty file for bad data: exit code 1", async () => {
      write("empty", "");
      for (const name of ["decode", "extract", "validate"]) {
        for (const file of ["empty", "-"]) {
          const { status, stdout, stderr } = await run([name, file]);
          assert.equal(status, 1, name);
          assert.match(name === "validate" ? stdout : stderr, /E_EMPTY/);
        }
      }
    });

    it("does the other files when one is missing, and still exits with 2", async () => {
      const good = write("good.jsonl", GOOD);
      const { status, stdout, stderr } = await run(["validate", "--format", "json", "missing", good]);
      assert.match(stderr, /E_NOT_FOUND: missing/);
      const message = "missing: no such file; check the path, or use - for standard input";
      const issue = { line: 1, severity: "error", code: "E_NOT_FOUND", event: null, attribute: null, message };
      const reports = stdout.trimEnd().split("\n");
      assert.deepEqual(
        [status, ...reports.map((line) => JSON.parse(line))],
        [
          2,
          { file: "missing", issues: [issue], events: 0, valid: false },
          { file: "good.jsonl", issues: [], events: 1, valid: true },
        ],
      );
      const github = await run(["validate", "--format", "github", "missing", good]);
      assert.equal(github.status, 2);
      assert.equal(
        github.stdout,
        `::error file=missing,line=1,title=E_NOT_FOUND::${message}\n2 files: 1 event, 1 error, 0 warnings\n`,
      );
    });

    it("shows nothing of a file's name that a terminal would obey", async () => {
      const { stderr } = await run(["validate", "a\x1b[31m\n"]);
      assert.match(stderr, /E_NOT_FOUND: a\\u001b\[31m\\u000a: no such file/);
    });
  });

  describe("extract", () => {
    const log = `[1] boot\n\x1b[0;32m[2]\x1b[0m ${GOOD}\r\n{"event":"msg.recv","payloadSummary":"{"a":1}"}\r\n${BAD}\n`;

    it("prints telemetry, names what is broken, and exits with 1", async () => {
      const { status, stdout, stderr } = await run(["extract", write("serial.log", log)]);
      assert.deepEqual([status, stdout], [1, `${GOOD}\n${BAD}\n`]);
      const [first, last, ...rest] = stderr.trimEnd().split("\n");
      assert.ok(
        first.startsWith(`serial.log: E_JSON at line 3, byte ${log.indexOf('{"event":"msg.recv"')}: no JSON: `),
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
      const device = join(folder, "foreign", "a\x1b[31m\u202e");
      const writer = new CaptureWriter(device, { registry });
      for (const packet of packets()) writer.write(packet);
      writer.close();
      symlinkSync("/dev/zero", join(device, "device.txt"));
      const { status, stdout } = await run(["validate", "foreign"]);
      assert.equal(status, 1);
      assert.match(
        stdout,
        /foreign.a\\u001b\[31m\\u202e.device.txt: a link that leads out of the capture, .*id is expected/,
      );
      assert.ok(!stdout.includes("\x1b"));
    });

    it("wants the schema version that it is told", async () => {
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

  describe("decode", () => {
    it("prints a capture as JSON lines that validate, tells losses, and exits with 0", async () => {
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
      const [boot] = readdirSync(join(folder, capture));
      const stream = join(folder, capture, boot, "stream");
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
        // What it had found out by then: errors.
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
