// Input that is not a trace, or too much of one: reported, in bounded memory, and nothing good is lost.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { CaptureWriter, registry } from "xs-telemetry/host";
import { Validator } from "../../host/validate/validate.ts";
import { arbitraryEvent } from "../support/arbitrary-events.ts";
import { drain, emitter } from "../support/emit.ts";
import { runs } from "../support/properties.ts";
import { issuesOf, Trace } from "../support/traces.ts";

const command = resolve("dist/host/cli.js");
let folder: string;

function validate(args: readonly string[], input: string | Uint8Array = "") {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, "validate", ...args], {
    cwd: folder,
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

async function briefOf(bytes: Uint8Array, chunkBytes: number): Promise<string[]> {
  const validator = new Validator({ registries: [registry] });
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const found: string[] = [];
  for await (const { line, code } of validator.lines(chunks())) found.push(`${line} ${code}`);
  return [...found, `${validator.eventCount} events`];
}

/** Three boots of a device that reconnects, and loses events. */
function packetsOfBoots(): Uint8Array[] {
  return [1, 2, 3].flatMap((bootId) => {
    const { clock, telemetry, reader } = emitter({ capacityBytes: 512, bootId });
    clock.ms = 1000 * (4 - bootId);
    const packets: Uint8Array[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const connection = telemetry.connect(4);
      clock.ms += 5;
      connection.connected();
      for (let sent = 0; sent < 8 * turn; sent++) connection.received(telemetry.messageType("x"));
      connection.disconnected();
      packets.push(...drain(reader));
    }
    return packets;
  });
}

describe("validate, whatever it is given", () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-input-"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("finds the same in the same lines, however they end, begin and are cut into chunks", async () => {
    const lines = fc.array(
      fc.oneof(
        arbitraryEvent(registry).map((event) => JSON.stringify(event)),
        fc.constantFrom("no JSON", "[]", '{"event":"ü😀"}', "null", "7", '"x"', '{"a":[{"a":1}]}'),
      ),
      { minLength: 1, maxLength: 6 },
    );
    const ends = fc.constantFrom("\n", "\r\n", "\n\n", "\r\n \t\r\n");
    await fc.assert(
      fc.asyncProperty(
        lines,
        ends,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 70 }),
        async (texts, end, hasMark, isEnded, chunkBytes) => {
          const text = `${hasMark ? "\ufeff" : ""}${texts.join(end)}${isEnded ? end : ""}`;
          // Blank lines count as lines.
          const step = end.split("\n").length - 1;
          const expected = issuesOf(texts).map(({ line, code }) => `${(line - 1) * step + 1} ${code}`);
          const events = texts.filter((each) => each.startsWith("{")).length;
          assert.deepEqual(await briefOf(Buffer.from(text), chunkBytes), [...expected, `${events} events`]);
        },
      ),
      runs(1200, 100),
    );
  });

  it("reports a line that is cut within a character, and checks the others as usual", async () => {
    const good = new Trace().add("ws.connect", 1, 0).add("ws.connected", 1, 0).add("ws.disconnect", 1, 0).events;
    const [first, , last] = good.map((event) => `${JSON.stringify(event)}\n`);
    const cut = Buffer.from('{"event":"😀').subarray(0, -1);
    const bytes = Buffer.concat([Buffer.from(first!), cut, Buffer.from(`\n${last}`), cut]);
    for (const chunkBytes of [1, 3, 1000])
      assert.deepEqual(await briefOf(bytes, chunkBytes), ["2 E_UTF8", "4 E_UTF8", "2 events"]);
  });

  it("takes huge strings, numbers, arrays and keys for what they are, in short messages", () => {
    const event = new Trace().add("msg.recv", 1, 0).events[0]!;
    for (const key of Object.keys(event))
      for (const huge of [
        `"${"x".repeat(500_000)}"`,
        "9".repeat(500_000),
        `[${"1,".repeat(200_000)}1]`,
        `{"${"k".repeat(500_000)}":{}}`,
      ]) {
        const line = JSON.stringify({ ...event, [key]: "@@" }).replace('"@@"', huge);
        const issues = issuesOf([line]);
        assert.equal(issues.length, huge.startsWith('"') && key === "msgType" ? 0 : 1, `${key} ${huge.slice(0, 20)}`);
        for (const { message } of issues) assert.ok(message.length < 400, message);
      }
  });

  it("reads a file of packets as decode does; lines that are packets are recognised", async () => {
    const bytes = Buffer.concat(packetsOfBoots());
    for (const chunkBytes of [1, 3, 64, 100_000])
      assert.deepEqual(await briefOf(bytes, chunkBytes), ["1 E_PACKETS", "0 events"]);
    writeFileSync(join(folder, "packets.bin"), bytes);
    const { status, stdout } = validate(["--format", "json", "packets.bin"]);
    const { issues, events, valid } = JSON.parse(stdout);
    const codes = issues.map(({ code }: { code: string }) => code);
    assert.deepEqual([status, new Set(codes), events > 0, valid], [0, new Set(["W_LOSS"]), true, true]);
    // Piped lines are checked alike.
    const piped = spawnSync(
      "sh",
      ["-c", `"$NODE" "$COMMAND" decode packets.bin | "$NODE" "$COMMAND" validate --strict -`],
      {
        cwd: folder,
        env: { ...process.env, NODE: process.execPath, COMMAND: command },
        encoding: "utf8",
      },
    );
    assert.equal(piped.status, 0, piped.stdout);
    assert.match(piped.stdout, /0 errors, \d+ warnings/);
  });

  it("takes the boots of a capture as the decoder knows them, and reports their losses", () => {
    const writer = new CaptureWriter(join(folder, "capture"), { registry });
    for (const packet of packetsOfBoots()) writer.write(packet);
    writer.close();
    for (const version of ["1.0.0", "2.0.0"]) {
      const { status, stdout } = validate(["--strict", "--format", "json", "--schema-version", version, "capture"]);
      const { issues, valid } = JSON.parse(stdout);
      assert.deepEqual([status, valid, issues.length > 3], [0, true, true], stdout);
      for (const { code } of issues) assert.equal(code, "W_LOSS");
    }
  });

  it("gives a file that cannot be read a line of the report, with what it is, and exits with 2", () => {
    for (const [file, code] of [
      ["missing.jsonl", "E_NOT_FOUND"],
      // Opens, and fails when it is read.
      ["/proc/self/mem", "E_READ"],
    ]) {
      const { status, stdout, stderr } = validate(["--format", "json", file!]);
      const { issues, ...rest } = JSON.parse(stdout);
      assert.deepEqual([status, rest], [2, { file, events: 0, valid: false }]);
      assert.deepEqual([issues.length, issues[0].line, issues[0].severity, issues[0].code], [1, 1, "error", code]);
      assert.match(stderr, new RegExp(`^xs-telemetry: ${code}: `));
      const github = validate(["--format", "github", file!]);
      assert.match(github.stdout, new RegExp(`^::error file=${file},line=1,title=${code}::`));
      assert.equal(validate([file!]).stdout, "");
    }
  });

  it("follows a flood of connections that never end in bounded memory", async () => {
    const child = spawn(process.execPath, ["--max-old-space-size=24", command, "validate", "--format", "json", "-"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let stdout = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    const closed = once(child, "close");
    const count = 400_000;
    let block = "";
    for (let index = 0; index < count; index++) {
      // Every other one of the same client.
      const clientId = index % 2 === 0 ? 0 : index;
      const common = `"ts_mono_ms":${index},"connEpoch":${index},"eventSeq":${index},"clientId":${clientId}`;
      block += `{"event":"ws.connect",${common},"schemaVersion":"1.0.0"}\n`;
      if (block.length > 100_000 || index === count - 1) {
        if (!child.stdin.write(block)) await once(child.stdin, "drain");
        block = "";
      }
    }
    child.stdin.end();
    const [status] = await closed;
    const { events, valid, issues } = JSON.parse(stdout);
    assert.deepEqual([status, events, valid, issues.length, issues[0].code], [0, count, true, 1, "W_FORGOTTEN"]);
  });
});
