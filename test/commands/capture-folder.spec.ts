// What capture does with its folder: who owns it, how it is started, continued and kept small.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Capturing, framed, traffic, upTo } from "../support/capturing.ts";
import { Run, run, WITHOUT_PRIVILEGES } from "../support/command.ts";
import { pause, until } from "../support/processes.ts";

describe("capture", () => {
  const at = new Capturing();
  const capture = (...args: string[]) => at.capture(...args);

  it("says that a folder is read-only, from the beginning or since, and a capture in one is decoded", async () => {
    const closed = join(at.folder, "read-only");
    mkdirSync(closed, { mode: 0o555 });
    const start = (name: string) =>
      new Run(["capture", "--stdin", "-o", join(closed, name)], { cwd: at.folder }, WITHOUT_PRIVILEGES);
    const refused = await start("new").outcome;
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /E_WRITE: .*read-only.new cannot be written: EACCES: you have no permission/);
    chmodSync(closed, 0o755);
    const since = start("since");
    await since.said(/capturing/);
    const packets = traffic(3);
    since.child.stdin!.write(framed(packets.slice(0, 2)));
    await until("packets", () => at.named("read-only/since").length > 0);
    const boot = join(closed, "since", at.named("read-only/since")[0]!);
    await until("data", () => existsSync(join(boot, "stream")));
    for (const path of [boot, join(closed, "since"), closed]) chmodSync(path, 0o555);
    chmodSync(join(boot, "stream"), 0o444);
    since.child.stdin!.write(framed(packets.slice(2)));
    const { status, stderr } = await since.outcome;
    assert.equal(status, 2, stderr);
    assert.match(stderr, /E_WRITE: .*stream cannot be written: EACCES: you have no permission/);
    const decode = new Run(["decode", join(closed, "since")], {}, WITHOUT_PRIVILEGES);
    const { status: decoded, stdout } = await decode.outcome;
    const events = Number(/since: (\d+) events?, 1 packet/.exec(stderr)![1]);
    assert.deepEqual([decoded, stdout.split("\n").length - 1], [0, events]);
    for (const path of [closed, join(closed, "since"), boot]) chmodSync(path, 0o755);
  });

  it("wants a new or empty folder that can be written", async () => {
    writeFileSync(join(at.folder, "file"), "");
    const cases: [output: string, said: RegExp][] = [
      [".", /^xs-telemetry: E_NOT_EMPTY: /],
      ["file/x", /^xs-telemetry: E_WRITE: /],
    ];
    // Where nobody can make a folder.
    if (existsSync("/proc"))
      for (const output of ["/proc/x", "/proc/x/y"])
        cases.push([output, /^xs-telemetry: E_WRITE: \/proc\/x.* cannot be written: ENOENT: .*name one on a disk/]);
    for (const [output, said] of cases) {
      const options = { cwd: at.folder, timeout: 20_000, killSignal: "SIGKILL" } as const;
      const { status, stderr } = await run(["capture", "--udp", "0", "-o", output], "", options);
      assert.equal(status, 2, output);
      assert.match(stderr, said);
    }
    const { status, stderr } = await run(["capture", "--stdin"]);
    assert.deepEqual([status, /required option '-o, --output <folder>'/.test(stderr)], [2, true]);
  });

  it("has its folder to itself from the start, though nothing has arrived; an empty one can be started again", async () => {
    const first = capture("--stdin", "-o", "same");
    await first.said(/capturing/);
    const second = await run(["capture", "--stdin", "-o", "same"], framed(traffic(31)), { cwd: at.folder });
    assert.equal(second.status, 2);
    assert.match(
      second.stderr,
      /^xs-telemetry: E_IN_USE: process \d+ on "[^"]+" is capturing into same: stop it, or name another folder/,
    );
    assert.equal((await first.end()).status, 0);
    const third = await run(["capture", "--stdin", "-o", "same"], framed(traffic(31)), { cwd: at.folder });
    assert.deepEqual([third.status, await at.decoded("same")], [0, upTo(100)], third.stderr);
    assert.ok(!existsSync(join(at.folder, "same", ".capturing")));
  });

  it("goes on after it was killed: at once if nothing had arrived, and else with --append, in the same folder", async () => {
    const killed = capture("--stdin", "-o", "killed");
    await killed.said(/capturing/);
    await killed.end("SIGKILL");
    const packets = traffic(31);
    const again = capture("--stdin", "-o", "killed");
    again.child.stdin!.write(framed(packets.slice(0, 3)));
    await again.until("packets", () => at.named("killed").length > 0);
    await pause(100);
    await again.end("SIGKILL");
    assert.match(again.stderr, /^killed: W_TAKEN_OVER: process \d+ on .* captured into it, and is gone\n/);
    const refused = await run(["capture", "--stdin", "-o", "killed"], framed(packets), { cwd: at.folder });
    assert.equal(refused.status, 2);
    assert.match(
      refused.stderr,
      /E_NOT_EMPTY: killed is not empty, .*add --append \(append: true\) to continue in this one/,
    );
    for (const codes of [/W_TAKEN_OVER: 1 time/, /W_REPEATED: \d+ times/]) {
      const args = ["capture", "--stdin", "-o", "killed", "--append"];
      const { status, stderr } = await run(args, framed(packets), { cwd: at.folder });
      assert.equal(status, 0, stderr);
      assert.match(stderr, codes);
      assert.deepEqual([at.named("killed").length, await at.decoded("killed")], [1, upTo(100)]);
    }
    const other = await run(["capture", "--udp", "0", "-o", "killed", "--append"], "", { cwd: at.folder });
    assert.equal(other.status, 2);
    assert.match(other.stderr, /E_OTHER_CAPTURE: killed holds "boot-0001-\w+": it is the capture of one device/);
  });

  it("takes the date into a folder's name, as UTC", async () => {
    const before = new Date();
    const args = ["capture", "--stdin", "-o", "dated/%Y-%m-%dT%H%M%S-100%%"];
    const { status, stderr } = await run(args, framed(traffic(1)), {
      cwd: at.folder,
      env: { ...process.env, TZ: "Asia/Tokyo" },
    });
    assert.equal(status, 0, stderr);
    const [name] = at.named("dated");
    const [, date, hour, minute, second] = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)-100%$/.exec(name!)!;
    const time = Date.parse(`${date}T${hour}:${minute}:${second}Z`);
    assert.ok(time >= before.getTime() - 1000 && time <= Date.now(), name);
    const unknown = await run(["capture", "--stdin", "-o", "x-%s"], "", { cwd: at.folder });
    assert.equal(unknown.status, 2);
    assert.match(
      unknown.stderr,
      /%s is unknown: use %Y %m %d %H %M %S for the date and time, and %% for a percent sign/,
    );
  });

  it("begins further parts by size, and keeps the newest", async () => {
    const packets = traffic(9, 20_000);
    const args = ["capture", "--stdin", "-o", "parts", "--rotate", "64k", "--keep", "2"];
    const { status, stderr } = await run(args, framed(packets), { cwd: at.folder });
    assert.equal(status, 0, stderr);
    assert.equal(readdirSync(join(at.folder, "parts")).filter((name) => name.startsWith("boot-")).length, 2);
    assert.match(stderr, /\n {2}\d+ events deleted with old parts \(--keep\)\n/);
  });
});
