import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { FlashStore } from "xs-telemetry/flash";
import { Collector } from "../../host/capture/collector.ts";
import type { DecodeItem } from "../../host/decode/types.ts";
import { registries, registry } from "../../host/generated/registry.ts";
import { readEvents } from "../../host/read/events.ts";
import { openRecording, recordingOf } from "../../host/read/recording.ts";
import { Validator } from "../../host/validate/validate.ts";
import { run } from "../support/command.ts";
import { NorFlash } from "../support/dying-flash.ts";
import { fleetPackets } from "../support/fleet.ts";
import { frame, printed } from "../support/frames.ts";
import { joined, mixedPackets, OTHER_FINGERPRINT, PacketSource } from "../support/packets.ts";

const PACKETS = mixedPackets();
const EVENTS = PACKETS.flatMap(({ events }) => events);
const LINES = EVENTS.map((event) => `${JSON.stringify(event)}\n`).join("");
const FRAMES = Buffer.concat(PACKETS.map(({ bytes }) => frame(bytes)));
let root = "";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size = bytes.length) {
  const recording = await recordingOf(pieces(bytes, size), "it");
  const items: DecodeItem[] = [];
  for await (const item of recording.items({ registry, with: "none" })) items.push(item);
  const events = items.flatMap((item) => (item.kind === "events" ? item.events : []));
  const problems = items.flatMap((item) => (item.kind === "problem" ? [item.problem] : []));
  return { form: recording.form, events, codes: problems.map(({ code }) => code), problems };
}

/** In the forms of kubectl, docker and journald. */
const docker = (text: string) =>
  text.replace(
    /.*\n/g,
    (line) => `${JSON.stringify({ log: line, stream: "stdout", time: "2026-11-28T03:54:15.1Z" })}\n`,
  );
const journald = (text: string) =>
  text.replace(/(.*)\n/g, (_, line) => `${JSON.stringify({ __CURSOR: "s=1", MESSAGE: line })}\n`);

describe("a recording", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-read-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("is recognised by its bytes: packets, frames in a log, each gzipped, in whatever pieces they come", async () => {
    const log = Buffer.concat([Buffer.from("I (1) boot\nW (2) é\n"), FRAMES, Buffer.from("bye\n")]);
    const long = Buffer.concat([Buffer.from("I (1) a line of log text\n".repeat(5000)), FRAMES]);
    for (const [form, bytes] of [
      ["packets", joined(PACKETS)],
      ["frames", FRAMES],
      ["frames", log],
      ["text", long],
    ] as const)
      for (const packed of [
        bytes,
        gzipSync(bytes),
        Buffer.concat([gzipSync(bytes.subarray(0, 99)), gzipSync(bytes.subarray(99))]),
      ])
        for (const size of [1, 7, 4096, packed.length]) {
          if (size === 1 && bytes === long) continue;
          const found = await read(packed, size);
          assert.deepEqual([found.form, found.events, found.codes], [form, EVENTS, []], `${form} by ${size}`);
        }
  });

  it("is JSON lines although a byte is damaged, in the first line or later; a brace alone makes none", async () => {
    const head = `${LINES.split("\n")[0]!}\n`;
    for (const at of [20, head.length + 20]) {
      const bytes = Buffer.from(LINES);
      bytes[at] = 0xff;
      for (const size of [7, bytes.length])
        assert.equal((await recordingOf(pieces(bytes, size), "it")).form, "lines", `${at} ${size}`);
      const path = join(root, "damaged.jsonl");
      writeFileSync(path, bytes);
      const { status, stdout, stderr } = await run(["show", path]);
      assert.equal(status, 1);
      assert.equal(stdout.trim().split("\n").length, EVENTS.length - 1);
      assert.match(stderr, new RegExp(`E_UTF8 at line ${at === 20 ? 1 : 2}`));
    }
    const noise = Buffer.concat([Buffer.from("{"), Buffer.from([0xff, 0xfe, 0x80, 0x0a, 0xc3, 0x28])]);
    assert.equal((await recordingOf(pieces(noise, 3), "it")).form, "bytes");
  });

  it("is a console's log with packets as lines, wherever the first is, in whatever pieces it comes", async () => {
    const lines = printed(PACKETS.map(({ bytes }) => bytes)).flat();
    const log = lines.map((line, index) => `I (${index}) main: \u00e9\nI (${index}) trace: ${line}`).join("");
    const late = "I (1) a line of log text\n".repeat(5000) + log;
    for (const [form, text] of [
      ["frames", log],
      ["text", late],
    ] as const)
      for (const size of [7, 4096, 65_536, text.length * 2]) {
        const found = await read(Buffer.from(text), size);
        assert.deepEqual([found.form, found.events, found.codes], [form, EVENTS, []], `${form} by ${size}`);
      }
    const path = join(root, "monitor.log");
    writeFileSync(path, log);
    for (const command of ["decode", "show", "stats", "info", "validate"]) {
      const { status, stderr } = await run([command, path]);
      assert.equal(status, 0, `${command}: ${stderr}`);
    }
    // A client's text in JSON lines that looks like such a line is none.
    const hostile = LINES.replace(/"type":"[^"]*"/, '"type":"~xt:AAAA."');
    assert.equal((await recordingOf(pieces(Buffer.from(hostile), 4096), "it")).form, "lines");
  });

  it("of frames with telemetry lines between them, or lines with frames, never leaves one of the two unsaid", async () => {
    for (const bytes of [Buffer.concat([FRAMES, Buffer.from(LINES)]), Buffer.concat([Buffer.from(LINES), FRAMES])]) {
      const path = join(root, "mixed");
      writeFileSync(path, bytes);
      for (const command of ["decode", "show", "stats", "info", "validate"]) {
        const { stderr, stdout } = await run([command, path]);
        assert.match(
          stderr + stdout,
          new RegExp(`W_LINES.*${EVENTS.length} telemetry lines between the frames are ignored`),
          command,
        );
      }
      const { stderr, stdout } = await run(["extract", path]);
      assert.match(stderr, /W_PACKETS: packets between the lines are ignored/);
      assert.ok(stdout.split("\n").length >= EVENTS.length);
    }
    const { codes } = await read(Buffer.concat([Buffer.from('I (1) {"level":1}\n'), FRAMES]));
    assert.ok(!codes.includes("W_LINES"), "other JSON in a log is none");
  });

  it("names bytes that are no packet, and where they begin", async () => {
    const text = Buffer.from("I (1) text\n".repeat(10_000));
    assert.deepEqual((await read(Buffer.concat([text, joined(PACKETS)]))).codes, ["E_STRAY"]);
    const bad = Buffer.concat([text, FRAMES]);
    bad[text.length + 400] ^= 1;
    for (const size of [50, 1000, bad.length]) {
      const { problems } = await read(bad, size);
      const found = problems.find(({ code }) => code === "E_FRAME")!;
      assert.equal(bad[found.offsetBytes! - 1], 0, "it is behind a zero");
      assert.ok(found.offsetBytes! > text.length && found.offsetBytes! <= text.length + 400, String(found.offsetBytes));
    }
    const other = new PacketSource({ fingerprint: OTHER_FINGERPRINT }).data([{ event: "ws.connected", time: 1 }]).bytes;
    assert.deepEqual((await read(other)).codes, ["E_REGISTRY"]);
    assert.deepEqual((await read(Buffer.concat([frame(other)]))).codes, ["E_REGISTRY"]);
    assert.deepEqual((await read(Buffer.alloc(0))).codes, ["E_EMPTY"]);
    for (const none of [LINES, "text\n", "\0".repeat(500)])
      assert.deepEqual((await read(Buffer.from(none))).codes, ["E_NO_PACKET"]);
  });

  it("is JSON lines, also in UTF-16 and in the lines of Docker's and journald's logs", async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(LINES, "utf16le")]);
    const noisy = `I (1) boot\n${LINES}W (2) no telemetry {"a":1}\n`;
    for (const bytes of [
      LINES,
      `\ufeff${LINES}`,
      utf16,
      gzipSync(LINES),
      docker(noisy),
      journald(noisy),
      gzipSync(docker(noisy)),
    ])
      for (const size of [13, 5000]) {
        const recording = await recordingOf(pieces(Buffer.from(bytes as string), size), "it");
        assert.equal(recording.form, "lines");
        let events = 0;
        for await (const items of readEvents(recording, { registry, registries }))
          for (const item of items) {
            if (item.kind === "problem") assert.fail(JSON.stringify(item));
            if (item.kind === "event") events++;
          }
        assert.equal(events, EVENTS.length);
      }
    // Docker cuts long lines into several.
    const cutLine = LINES.split("\n")[0]!;
    const parts = [cutLine.slice(0, 40), `${cutLine.slice(40)}\n`].map(
      (log) => `${JSON.stringify({ log, stream: "stdout" })}\n`,
    );
    const recording = await recordingOf(pieces(Buffer.from(parts.join("")), 9), "it");
    let text = "";
    for await (const chunk of recording.lines()) text += Buffer.from(chunk).toString();
    assert.equal(text.trim(), cutLine);
  });

  it("is what a command refuses with exit code 1 and a code where nothing can be made of it", async () => {
    const outcome = async (args: string[], input: string | Uint8Array) => {
      const { status, stderr, stdout } = await run(args, input);
      return [status, /E_[A-Z_]+/.exec(stderr + stdout)?.[0]];
    };
    assert.deepEqual(await outcome(["decode", "-"], LINES), [1, "E_NO_PACKET"]);
    assert.deepEqual(await outcome(["decode", "-"], gzipSync(FRAMES).subarray(0, 200)), [1, "E_GZIP"]);
    assert.deepEqual(await outcome(["extract", "-"], joined(PACKETS)), [1, "E_NO_LINES"]);
    assert.deepEqual(await outcome(["extract", "-"], FRAMES), [1, "E_NO_LINES"]);
    assert.deepEqual(await outcome(["extract", "-"], docker(LINES)), [0, undefined]);
    for (const command of ["show", "stats", "info"])
      assert.deepEqual((await outcome([command, "-"], "nothing\n"))[0], 1, command);
    assert.deepEqual(await outcome(["decode", ""], ""), [2, "E_NOT_FOUND"]);
  });

  it("piped as lines is judged exactly as the folder of a fleet is", async () => {
    for (const seed of [1, 2, 3]) {
      const folder = join(root, String(seed));
      const all = new Collector(folder, { registry });
      for (const [device, boots] of fleetPackets(seed, 4, 200))
        for (const packets of boots)
          for (const [index, packet] of packets.entries())
            if (index % 9 !== 4) all.packet(device, packet, 1e12 + index);
      all.close();
      const judged = async (bytes: AsyncIterable<Uint8Array>) => {
        const validator = new Validator({ registries });
        const issues: unknown[] = [];
        for await (const issue of validator.lines(bytes)) issues.push(issue);
        return { issues, losses: validator.losses() };
      };
      const text = async (choice: "all" | "auto") => {
        const chunks: Buffer[] = [];
        for await (const item of (await openRecording(folder)).items({ registry, output: "lines", with: choice }))
          if (item.kind === "lines") chunks.push(Buffer.from(item.lines));
        return Buffer.concat(chunks);
      };
      const piped = await judged(pieces(await text("auto"), 5000));
      assert.deepEqual(piped, await judged(pieces(await text("all"), 5000)));
      const codes = (issues: readonly unknown[]) => issues.map((issue) => (issue as { code: string }).code);
      assert.ok(
        !codes(piped.issues).some((code) => ["E_SEQUENCE", "E_TIME", "E_EPOCH"].includes(code)),
        "boots are kept apart",
      );
      const [asFolder, asLines] = [
        await run(["validate", "--format", "json", folder]),
        await run(["validate", "--format", "json", "-"], await text("auto")),
      ].map(
        ({ stdout }) =>
          JSON.parse(stdout) as { events: number; valid: boolean; issues: { code: string; line: number }[] },
      );
      const brief = ({ events, valid, issues }: typeof asFolder & {}) => [
        events,
        valid,
        issues.map(({ code, line }) => `${line} ${code}`),
      ];
      assert.deepEqual(brief(asFolder!), brief(asLines!));
      // Devices alternate, as tail prints them: each boot is followed separately.
      const lines = (await text("auto"))
        .toString()
        .trimEnd()
        .split("\n")
        .map((line, at) => ({ line, at, device: JSON.parse(line).device }));
      const devices = [...new Set(lines.map(({ device }) => device))];
      const turns = devices.map((device) => lines.filter((each) => each.device === device));
      const mixed: string[] = [];
      for (let at = 0; mixed.length < lines.length; at++)
        for (const turn of turns) if (turn[at] !== undefined) mixed.push(turn[at]!.line);
      const byTurns = await judged(pieces(Buffer.from(`${mixed.join("\n")}\n`), 5000));
      assert.equal(byTurns.issues.length, piped.issues.length);
      const sums = ({ losses }: typeof piped) => losses.map(({ line: _, ...loss }) => JSON.stringify(loss)).sort();
      assert.deepEqual(sums(byTurns), sums(piped));
    }
  });

  it("in which attributes of whose and when are wrong is named by validate; migrate passes them on", async () => {
    const good = `{"device":"a\u202e","boot":2,"bootId":"0000000000002a","time":"2026-11-28T03:54:15.123Z","timeUncertaintyMs":4}`;
    const first = LINES.split("\n")[0]!;
    const line = `${first.slice(0, -1)},${good.slice(1)}`;
    const { status, stdout } = await run(["validate", "--strict", "-"], `${line}\n`);
    assert.deepEqual([status, stdout], [0, "standard input: 1 event, 0 errors, 0 warnings\n"]);
    for (const [from, to, code] of [
      ['"a\u202e"', "7", "E_TYPE"],
      ['"boot":2', '"boot":0', "E_RANGE"],
      ["0000000000002a", "2A", "E_ENUM"],
      ["03:54:15.123Z", "3:54", "E_ENUM"],
      ['Ms":4', 'Ms":-1', "E_RANGE"],
      ['"boot":2', '"boot":2,"boot":3', "W_DUPLICATE"],
    ] as const) {
      const found = await run(["validate", "--strict", "-"], `${line.replace(from, to)}\n`);
      assert.match(found.stdout, new RegExp(code), to);
    }
    const there = await run(["migrate", "--to", "2.0.0", "-"], `${line}\n`);
    assert.ok(there.stdout.endsWith(`${good.slice(1)}\n`), there.stdout);
    const back = await run(["migrate", "--to", "1.0.0", "-"], there.stdout);
    assert.deepEqual(JSON.parse(back.stdout), JSON.parse(line));
  });
});

describe("a flash image", () => {
  it("is read in the order of its blocks, wherever in the image it begins", async () => {
    const flash = new NorFlash({ blockLength: 1024, blocks: 8 });
    const store = new FlashStore({ flash, maxPacketBytes: 600 });
    for (const { bytes } of PACKETS) store.write(bytes, bytes.length);
    const image = flash.bytes;
    for (const before of [0, 256, 4096]) {
      const found = await read(Buffer.concat([Buffer.alloc(before, 0xff), image]));
      assert.deepEqual([found.form, found.events], ["flash", EVENTS]);
    }
    assert.deepEqual((await read(gzipSync(image))).form, "flash");
  });
});
