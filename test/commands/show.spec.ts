import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { registry } from "../../host/generated/registry.ts";
import { COMMAND, Run, run } from "../support/command.ts";
import { type BuiltPacket, OTHER_FINGERPRINT, PacketSource } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const ENV = { ...process.env, TZ: "UTC" };
const HOSTILE = "\u001b]0;owned\u0007\u202e-rf";
let root = "";
let folder = "";

/** A boot with an event a second; events are lost on the device before the third. */
function boot(bootId: number): BuiltPacket[] {
  const source = new PacketSource({ bootId });
  const said = { clientId: 3, connEpoch: 1, token: 1 };
  return [
    source.tokens([[1, HOSTILE]]),
    source.data([{ event: "ws.connect", time: 1000, clientId: 3, connEpoch: 1, ip: "10.0.0.7" }]),
    source.data([{ event: "msg.recv", time: 2000, ...said, reason: 1, payloadSummary: `{"😀":"${"x".repeat(50)}` }]),
    source.data([{ event: "msg.send", time: 3250, ...said }], 37),
  ];
}

function capture(devices: readonly string[]): Collector {
  const all = new Collector(folder, { registry });
  for (const device of devices)
    for (const [number, packets] of [boot(0xab), boot(0xcd)].entries())
      for (const { bytes } of packets) all.packet(device, bytes, T0 + number * 60_000 + 10);
  return all;
}

const show = async (...args: string[]) => run(["show", ...args], "", { env: ENV });

describe("show", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-show-"));
    folder = join(root, "capture");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("says how many events are missing between JSON lines, which may have been left out on purpose", async () => {
    const line = (eventSeq: number) =>
      `${JSON.stringify({ event: "ws.connected", ts_mono_ms: eventSeq, connEpoch: 0, eventSeq, clientId: 1, schemaVersion: "1.0.0" })}\n`;
    const { status, stdout, stderr } = await run(["show", "-"], line(0) + line(9));
    assert.equal(status, 0);
    assert.equal(stdout.split("\n").length, 3);
    assert.match(stderr, /^ {2}8 events missing between these lines: lost, or left out of the file/);
  });

  it("has a row for each event, reboot and gap, and no escape reaches the terminal", async () => {
    capture(["pump-7", HOSTILE]).close();
    const { status, stdout, stderr } = await show(folder, "--device", "pump-7");
    assert.deepEqual([status, stderr], [0, ""]);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((row) => row.replace(/^\d\d:\d\d:\d\d(\.\d{3}|) +(±\d+\w )? */, ""));
    const payload = `{"😀":"${"x".repeat(50)}`;
    const type = '"\\u001b]0;owned\\u0007\\u202e-rf"';
    const events = [
      "pump-7  +00:00:01.000  3/1    ws.connect       10.0.0.7",
      `pump-7  +00:00:02.000  3/1    msg.recv       ${type} rejected rate_limit  ${payload}`,
      "── pump-7: 37 events lost on the device ──",
      `pump-7  +00:00:03.250  3/1    msg.send       ${type}`,
    ];
    assert.deepEqual(rows, [
      "── pump-7: boot 1, 2026-01-02 ──",
      ...events,
      "── pump-7 rebooted: boot 2, 2026-01-02 ──",
      ...events,
    ]);
    for (const command of ["show", "stats", "info"])
      assert.doesNotMatch((await run([command, folder])).stdout.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
  });

  it("chooses by time of day, by time since boot, by filters and from the end", async () => {
    capture(["pump-7"]).close();
    const seen = async (...args: string[]) => {
      const { stdout } = await show(folder, "--format", "json", ...args);
      return stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => `${JSON.parse(line).boot}/${JSON.parse(line).eventSeq}`);
    };
    assert.deepEqual(await seen("--since", "+2.5"), ["1/39", "2/39"]);
    assert.deepEqual(await seen("--until", "+0:00:01"), ["1/0", "2/0"]);
    assert.deepEqual(await seen("--since", "2026-01-02T03:04:30Z"), ["2/0", "2/1", "2/39"]);
    assert.deepEqual(await seen("--until", "03:04:30"), ["1/0", "1/1", "1/39"]);
    assert.deepEqual(await seen("--last", "2"), ["2/1", "2/39"]);
    assert.deepEqual(await seen("--reason", "rate_limit", "--last", "1"), ["2/1"]);
    assert.deepEqual(await seen("--device", "pump-8"), []);
    const { stdout } = await show(folder, "--delta", "--last", "2");
    assert.match(stdout, /\+1\.250 {2}3\/1 +msg\.send/);
    for (const wrong of ["--since=yesterday", "--last=0", "--until=25"])
      assert.equal((await show(folder, wrong)).status, 2, wrong);
  });

  it("shows lines that were chosen otherwise, and says what it has not been able to place in time", async () => {
    capture(["pump-7", "pump-8"]).close();
    const { stdout: lines } = await run(["decode", folder]);
    const chosen = lines.split("\n").filter((line) => line.includes("msg.send"));
    const { stdout } = await run(["show", "-"], `${chosen.join("\n")}\n`, { env: ENV });
    assert.equal(stdout.split("\n").filter((row) => row.includes("msg.send")).length, 4);
    assert.equal(stdout.split("\n").filter((row) => row.startsWith("── pump-8 rebooted: boot 2")).length, 1);
    assert.doesNotMatch(stdout, /lost/);
    const { stdout: bare } = await run(["decode", "--with", "none", folder]);
    const { stderr } = await run(["show", "--since", "2026-01-01", "-"], bare);
    assert.match(stderr, /12 events left out: their time of day is unknown/);
  });

  it("keeps a row one row, and its columns in line, at 60, 80 and 160 columns", () => {
    capture(["a device with a name that is far too long for a row-7", "pump-8"]).close();
    for (const columns of [60, 80, 160]) {
      const line = `stty cols ${columns}; "${process.execPath}" "${COMMAND}" show "${folder}"`;
      const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], {
        input: "",
        env: { ...ENV, NO_COLOR: "1", TERM: "xterm" },
        encoding: "utf8",
      });
      const rows = stdout.trimEnd().split("\r\n");
      assert.equal(rows.length, 1 + 4 * (1 + 3 + 1), stdout);
      const places = new Set<number>();
      for (const row of rows) {
        const wide = row.replaceAll("😀", "xx");
        assert.ok(wide.length <= columns, `${wide.length} of ${columns}: ${row}`);
        if (!row.startsWith("──")) places.add(row.search(/ws\.conn|msg\.|event/));
      }
      assert.equal(places.size, 1, `the event's column: ${[...places]}\n${stdout}`);
    }
  });

  it("goes on with a capture that grows, without showing anything twice", async () => {
    const all = capture(["pump-7"]);
    const shown = new Run(["show", "--follow", "--format", "json", "--last", "1", folder]);
    const seen = () => shown.stdout.split("\n").length - 1;
    await shown.until("what is there", () => seen() === 1);
    for (const [number, bootId] of [1, 2, 3].entries()) {
      for (const { bytes } of boot(bootId)) all.packet("pump-7", bytes, T0 + 120_000);
      all.packet(`pump-${bootId + 8}`, boot(bootId)[1]!.bytes, T0 + 120_000);
      await shown.until(`boot ${bootId}`, () => seen() === 1 + 4 * (number + 1));
    }
    all.close();
    const { status } = await shown.end("SIGINT");
    assert.equal(status, 0);
    const keys = shown.stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const { device, boot: number, eventSeq } = JSON.parse(line);
        return `${device} ${number} ${eventSeq}`;
      });
    assert.equal(new Set(keys).size, keys.length);
  });

  it("reads a capture that grows meanwhile as it was, and is quiet when its reader leaves", async () => {
    const all = capture(["pump-7"]);
    const source = new PacketSource({ bootId: 77 });
    for (let index = 0; index < 3000; index++)
      all.packet("pump-7", source.data([{ event: "msg.send", time: index, token: 0 }]).bytes, T0 + index);
    const runs = [run(["stats", folder]), run(["info", folder]), run(["decode", folder])];
    for (let index = 3000; index < 6000; index++)
      all.packet("pump-7", source.data([{ event: "msg.send", time: index, token: 0 }]).bytes, T0 + index);
    for (const { status, stderr } of await Promise.all(runs))
      assert.deepEqual([status, /E_/.test(stderr)], [0, false], stderr);
    all.close();
    for (const command of ["show", "decode"]) {
      const { stderr, status } = spawnSync(
        "sh",
        ["-c", `"${process.execPath}" "${COMMAND}" ${command} "${folder}" | head -1 >/dev/null`],
        { encoding: "utf8" },
      );
      assert.deepEqual([status, /EPIPE|Error/.test(stderr)], [0, false], stderr);
    }
  });
});

describe("info", () => {
  it("says what a recording is, and what to go on with; so does a capture at its end", async () => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-info-"));
    folder = join(root, "ca pture");
    capture(["pump-7", "pump-8"]).close();
    const { status, stdout } = await run(["info", folder], "", { env: ENV });
    assert.equal(status, 0);
    assert.match(stdout, /12 events in 4 boots of 2 devices/);
    assert.match(stdout, /2026-01-02 03:04:0\d to 2026-01-02 03:05:0\d/);
    assert.match(stdout, new RegExp(`1\\.0\\.0, fingerprint ${registry.fingerprint}`));
    assert.match(stdout, /lost +148 on the device/);
    assert.match(stdout, /next: xs-telemetry stats '.*ca pture'\n$/);
    const json = JSON.parse((await run(["info", "--format", "json", folder])).stdout);
    assert.deepEqual([json.form, json.devices, json.boots, json.events, json.packets], ["folder", 2, 4, 12, 12]);
    const packets = Buffer.concat(boot(1).map(({ bytes }) => bytes));
    const damaged = await run(["info", "-"], packets.subarray(0, packets.length - 5));
    assert.match(damaged.stdout, /damaged +E_CUT 1/);
    assert.equal(damaged.status, 1);
    assert.match((await run(["info", "-"], packets)).stdout, /decoded as +schema 1\.0\.0, fingerprint/);
    const other = new PacketSource({ fingerprint: OTHER_FINGERPRINT }).data([{ event: "ws.connected", time: 1 }]).bytes;
    assert.match(
      (await run(["info", "-"], other)).stdout,
      /go on with: xs-telemetry info --registry FILE -, with the registry/,
    );
    assert.ok(statSync(folder).isDirectory());
    rmSync(root, { recursive: true });
  });
});

describe("completion", () => {
  it("knows all commands and their options, in each shell's language", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { status, stdout } = await run(["completion", shell]);
      assert.equal(status, 0);
      for (const word of ["capture", "show", "stats", "registry", "follow", "schema-version"])
        assert.ok(stdout.includes(word), `${shell}: ${word}`);
    }
    const script = (await run(["completion", "bash"])).stdout;
    const empty = mkdtempSync(join(tmpdir(), "completion-"));
    const complete = (...words: string[]) => {
      const { stdout, stderr } = spawnSync(
        "bash",
        [
          "-c",
          `${script}\nCOMP_WORDS=(xs-telemetry "$@"); COMP_CWORD=$#; _xs_telemetry; printf '%s\\n' "\${COMPREPLY[@]}"`,
          "bash",
          ...words,
        ],
        { encoding: "utf8", cwd: empty }, // it completes names of files, too
      );
      assert.equal(stderr, "");
      return stdout.trimEnd().split("\n");
    };
    assert.deepEqual(complete("val"), ["validate"]);
    assert.deepEqual(complete("show", "--fo"), ["--follow", "--format"]);
    assert.deepEqual(complete("show", "--format", "j"), ["json"]);
    assert.deepEqual(complete("registry", "di"), ["diff"]);
    rmSync(empty, { recursive: true });
    assert.equal((await run(["completion", "tcsh"])).status, 2);
  });
});
