import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { ANCHORS_FILE, listBoots, TOKENS_FILE } from "../../host/capture/folder.ts";
import { NotRegular, openRegular, readSmall } from "../../host/capture/regular-file.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { Problem, TelemetryError } from "../../host/text/errors.ts";
import { mixedPackets, PacketSource } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const packets = mixedPackets();
const eventCount = packets.reduce((sum, { events }) => sum + events.length, 0);

let root = "";
let dir = "";

function capture(path = dir): void {
  const all = new Collector(path, { registry });
  for (const { bytes } of packets) all.packet("a", bytes, T0);
  all.text("a", "hello", T0);
  all.close();
}

async function decoded(path = dir): Promise<{ events: number; problems: Problem[] }> {
  let events = 0;
  const problems: Problem[] = [];
  for await (const item of decodePath(path, { registry })) {
    if (item.kind === "events") events += item.events.length;
    else if (item.kind === "problem") problems.push(item.problem);
  }
  return { events, problems };
}

const mkfifo = (path: string) => execFileSync("mkfifo", [path]);

const linkToFifo = (path: string) => {
  mkfifo(join(dir, ".fifo"));
  symlinkSync(join(dir, ".fifo"), path);
};

/** Puts a link in place of a path, and restores it. */
function swap(path: string, target: string): { out: () => void; back: () => void } {
  return {
    out() {
      renameSync(path, `${path}-`);
      symlinkSync(target, path);
    },
    back() {
      rmSync(path);
      renameSync(`${path}-`, path);
    },
  };
}

/** What somebody may put where a file is expected, and what is reported of it. */
const PLANTS: readonly [name: string, plant: (path: string) => void, said: RegExp][] = [
  ["a link to /dev/zero", (path) => symlinkSync("/dev/zero", path), /^a link that leads out of the capture/],
  ["a FIFO", mkfifo, /^not a regular file/],
  ["a link to a FIFO within", linkToFifo, /^not a regul/],
  ["a folder", (path) => mkdirSync(path), /^not a regular file/],
  ["a link to a file elsewhere", (path) => symlinkSync(join(root, "secret"), path), /^a link that leads out/],
  ["a relative link to it", (path) => symlinkSync("../../../../../../../../etc/passwd", path), /^a link that leads/],
  ["a link to nothing", (path) => symlinkSync("nothing", path), /^a link that leads nowhere/],
  ["a link to itself", (path) => symlinkSync(path, path), /^a link that leads nowhere/],
];

describe("a capture folder of somebody else's", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-foreign-"));
    dir = join(root, "capture");
    writeFileSync(join(root, "secret"), "secret");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  for (const [name, plant, said] of PLANTS) {
    it(`is decoded, and says that a file of it is ${name}`, async () => {
      capture();
      const boot = listBoots(join(dir, "a"))[0]!.path;
      for (const file of [join(dir, "a", "device.txt"), join(boot, TOKENS_FILE), join(boot, "stream")]) {
        const content = readFileSync(file);
        rmSync(file);
        plant(file);
        const { events, problems } = await decoded();
        const [problem, ...others] = problems;
        assert.deepEqual([problem!.code, problem!.file], ["E_READ", file]);
        // The names are in the metadata, too.
        assert.deepEqual(
          others.map(({ code }) => code),
          file.endsWith("tokens") ? ["W_NO_TOKENS"] : [],
        );
        assert.match(problem!.message, said);
        assert.equal(events, file.endsWith("stream") ? 0 : eventCount);
        rmSync(file, { recursive: true });
        rmSync(join(dir, ".fifo"), { force: true });
        writeFileSync(file, content);
      }
      assert.deepEqual(await decoded(), { events: eventCount, problems: [] });
    });
  }

  it("is put together from several processes, too, with links in it", async () => {
    for (const name of ["1", "2"]) capture(join(dir, name));
    const stream = join(listBoots(join(dir, "2", "a"))[0]!.path, "stream");
    rmSync(stream);
    symlinkSync("/dev/zero", stream);
    const { events, problems } = await decoded();
    assert.deepEqual([events, problems.map(({ file }) => file)], [eventCount, [stream]]);
  });

  it("may have links within itself, and be reached over links", async () => {
    capture();
    const boot = listBoots(join(dir, "a"))[0]!.path;
    renameSync(join(boot, "stream"), join(dir, "a", ".moved"));
    symlinkSync("../.moved", join(boot, "stream"));
    symlinkSync(dir, join(root, "link"));
    assert.deepEqual(await decoded(join(root, "link")), { events: eventCount, problems: [] });
  });

  it("has no device id of a terabyte", async () => {
    capture();
    truncateSync(join(dir, "a", "device.txt"), 2 ** 40);
    const { events, problems } = await decoded();
    assert.equal(events, eventCount);
    assert.match(problems[0]!.message, /^more than 65535 bytes: too large to read/);
    assert.equal(readSmall(join(root, "secret"), root, 6)!.toString(), "secret");
    assert.throws(() => readSmall(join(root, "secret"), root, 5), NotRegular);
  });

  it("is not read where a link is put in place while a file is opened", async () => {
    capture();
    const path = join(listBoots(join(dir, "a"))[0]!.path, "stream");
    const folder = join(path, "..");
    mkdirSync(join(root, "other"));
    writeFileSync(join(root, "other", "stream"), "secret");
    const swaps = [swap(path, join(root, "secret")), swap(folder, join(root, "other"))];
    const { statSync } = fs;
    for (const { out, back } of swaps) {
      // Behind the last look before it is opened.
      Reflect.set(fs, "statSync", (...args: Parameters<typeof statSync>) => {
        const stat = statSync(...args);
        out();
        return stat;
      });
      try {
        await assert.rejects(openRegular(path, dir));
        back();
        assert.throws(() => readSmall(path, dir, 1e6));
        back();
      } finally {
        Reflect.set(fs, "statSync", statSync);
      }
      const opened = await openRegular(path, dir);
      await opened!.file.close();
    }
  });
});

describe("a capture folder that others can write to", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-foreign-"));
    dir = join(root, "capture");
    writeFileSync(join(root, "secret"), "secret");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const refused = (said: RegExp) => (error: TelemetryError) =>
    error.code === "E_WRITE" && error.exitCode === 2 && said.test(error.message);

  /** A capture that goes on; each of these writes one file more. */
  function open() {
    const all = new Collector(dir, { registry, reorderPackets: 0 });
    const device = join(dir, "a");
    all.packet("a", packets[0]!.bytes, T0);
    all.packet("a", packets[1]!.bytes, T0);
    all.text("a", "hello", T0);
    all.tick(T0);
    const boot = listBoots(device)[0]!.path;
    const text = () => {
      all.text("a", "more", T0 + 1);
      all.tick(T0 + 1);
    };
    const writes: [file: string, write: () => void][] = [
      [join(boot, "stream"), () => all.packet("a", packets[2]!.bytes, T0 + 1)],
      [join(device, "log.txt"), text],
      [join(boot, ANCHORS_FILE), () => all.packet("a", packets[2]!.bytes, T0 + 120_000)],
    ];
    return { all, device, boot, writes };
  }

  it("is not written through a link, a FIFO or a device that somebody put there", () => {
    for (const [name, plant, said] of [
      ["link", (path: string) => symlinkSync(join(root, "secret"), path), /it is a link|leads out/],
      ["FIFO", mkfifo, /not a regular file/],
      ["device", (path: string) => symlinkSync("/dev/null", path), /it is a link|leads out/],
      ["folder", (path: string) => mkdirSync(path), /EISDIR|not a regular file/],
    ] as const) {
      for (let index = 0; index < 3; index++) {
        dir = join(root, `${name} ${index}`);
        const [file, write] = open().writes[index]!;
        rmSync(file);
        plant(file);
        assert.throws(write, refused(said), `${name}: ${file}`);
        assert.equal(readFileSync(join(root, "secret"), "utf8"), "secret");
      }
    }
  });

  it("has its files replaced, not what a link under a temporary name leads to", () => {
    const { all, boot } = open();
    symlinkSync(join(root, "secret"), join(boot, ".metadata"));
    symlinkSync(join(root, "secret"), join(boot, "xs-telemetry", ".anchors.jsonl"));
    const source = new PacketSource({ bootId: 0x1234, packetNumber: 50 });
    all.clockSet(5000);
    all.packet("a", source.tokens([[9, "new"]], 9000).bytes, T0 + 5001);
    all.close();
    assert.equal(readFileSync(join(root, "secret"), "utf8"), "secret");
    assert.deepEqual(readdirSync(boot).sort(), ["metadata", "stream", "xs-telemetry"]);
  });

  it("is not written where another folder has taken its place, or did while a file was opened", () => {
    for (const level of ["capture", "device", "boot"] as const) {
      dir = join(root, level, "capture");
      const { all, device, boot, writes } = open();
      const packetWrite = () => all.packet("a", packets[3]!.bytes, T0 + 1);
      const folder = { capture: dir, device, boot }[level];
      const other = join(root, level, "other");
      fs.cpSync(folder, other, { recursive: true });
      const before = fs.readdirSync(other, { recursive: true }).map(String).sort();
      const sizes = () => before.map((name) => fs.statSync(join(other, name)).size);
      const unchanged = sizes();
      const { out, back } = swap(folder, other);
      const { openSync } = fs;
      fs.openSync = ((...args: Parameters<typeof openSync>) => {
        out();
        const file = openSync(...args);
        back();
        return file;
      }) as typeof openSync;
      try {
        assert.throws(writes[0]![1], refused(/another (file|folder) has taken its place/));
      } finally {
        fs.openSync = openSync;
      }
      out();
      const [, text, anchors] = writes;
      const stream: (typeof writes)[number] = [join(boot, "stream"), packetWrite];
      for (const [file, write] of level === "boot" ? [stream, anchors!] : [stream, text!, anchors!])
        assert.throws(write, refused(/another folder has taken its place/), `${level}: ${file}`);
      if (level === "capture") assert.throws(() => all.packet("b", packets[0]!.bytes, T0), refused(/another folder/));
      if (level === "device") assert.throws(() => all.packet("a", mixedPackets({ bootId: 9 })[0]!.bytes, T0));
      assert.deepEqual(fs.readdirSync(other, { recursive: true }).map(String).sort(), before);
      assert.deepEqual(sizes(), unchanged);
    }
  });

  it("continues where it was moved, if a link to it has taken its place", async () => {
    const { all } = open();
    renameSync(dir, join(root, "moved"));
    symlinkSync(join(root, "moved"), dir);
    for (const { bytes } of packets.slice(2)) all.packet("a", bytes, T0);
    all.close();
    assert.deepEqual(await decoded(), { events: eventCount, problems: [] });
  });

  it("is said to be read-only where it is", () => {
    if (process.getuid?.() === 0) {
      // The superuser writes wherever the disk can be written.
      assert.ok(existsSync("/sys/kernel"));
      assert.throws(() => new Collector("/sys/kernel/capture", { registry }), refused(/cannot be written: E/));
      return;
    }
    fs.chmodSync(root, 0o555);
    assert.throws(() => new Collector(dir, { registry }), refused(/no permission to write there/));
    fs.chmodSync(root, 0o755);
    const { writes, boot } = open();
    fs.chmodSync(boot, 0o555);
    assert.throws(writes[2]![1], refused(/no permission to write there/));
    fs.chmodSync(boot, 0o755);
  });
});
