import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Reason } from "xs-telemetry";
import { type Broker, startBroker } from "../support/broker.ts";
import { COMMAND, Run, run } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";
import { frame } from "../support/frames.ts";
import { OTHER_FINGERPRINT, PacketSource } from "../support/packets.ts";
import { freePort, pause } from "../support/processes.ts";
import { openSerialLine } from "../support/pty.ts";

const HOSTILE = 'x\x1b]0;owned\x07\u202e\n{"event":';

/** Packets of a boot with one of each event, and what decode prints of them. */
function traffic(bootId = 7) {
  const { clock, telemetry, reader } = emitter({ bootId });
  clock.ms = 71_324;
  const connection = telemetry.connect(7, "192.168.0.25");
  connection.connected();
  connection.received(telemetry.messageType("getStatus"), '{"type":"getStatus"}');
  connection.rejected(Reason.rateLimit, telemetry.messageType(HOSTILE), HOSTILE);
  connection.sent(0);
  connection.disconnected();
  telemetry.connect(8).connected();
  return drain(reader);
}

const framed = (packets: readonly Uint8Array[]) => Buffer.concat(packets.map((packet) => frame(packet)));
/** Without the time of day at the beginning. */
const undated = (stdout: string) =>
  stdout.split("\n").map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3}( ±\d+ms)? +/, ""));

async function datagrams(port: number, packets: readonly Uint8Array[], socket = createSocket("udp4")) {
  for (const packet of packets) await new Promise((sent) => socket.send(packet, port, "127.0.0.1", sent));
  return socket;
}

describe("tail", () => {
  it("prints an event a line, with log text between, and sums up at the end", async () => {
    const input = Buffer.concat([
      Buffer.from("\x1b[0;32mI (1) boot\x1b[0m\r\n"),
      framed(traffic()),
      Buffer.from("evil \x1b[2J\n"),
    ]);
    const { status, stdout, stderr } = await run(["tail", "--stdin"], input);
    assert.deepEqual(undated(stdout), [
      "I (1) boot",
      "+00:01:11.324  7/0    ws.connect       192.168.0.25",
      "+00:01:11.324  7/0    ws.connected",
      '+00:01:11.324  7/0    msg.recv       getStatus ok  {"type":"getStatus"}',
      '+00:01:11.324  7/0    msg.recv       "x\\u001b]0;owned\\u0007\\u202e\\n{\\"event\\":" rejected rate_limit  x\\u001b]0;owned\\u0007\\u202e\\u000a{"event":',
      '+00:01:11.324  7/0    msg.send       ""',
      "+00:01:11.324  7/0    ws.disconnect",
      "+00:01:11.324  8/1    ws.connect",
      "+00:01:11.324  8/1    ws.connected",
      "evil \\u001b[2J",
      "",
    ]);
    assert.deepEqual([status, stderr], [0, "listening: standard input\n8 events, 2 packets, 1 device\n"]);
  });

  it("prints with --format json what decode prints, and nothing else", async () => {
    const packets = traffic();
    const decoded = await run(["decode", "-"], Buffer.concat(packets));
    const input = Buffer.concat([Buffer.from("log\n"), framed(packets)]);
    const { status, stdout } = await run(["tail", "--stdin", "--format", "json"], input);
    assert.deepEqual([status, stdout], [0, decoded.stdout]);
  });

  it("filters by event, client and reason", async () => {
    const filtered = async (...args: string[]) => {
      const { stdout } = await run(["tail", "--stdin", "--format", "json", ...args], framed(traffic()));
      const events = stdout.split("\n").filter((line) => line !== "");
      return events.map((line) => JSON.parse(line).eventSeq);
    };
    assert.deepEqual(await filtered("--event", "msg.recv", "--event", "msg.send"), [2, 3, 4]);
    assert.deepEqual(await filtered("--client", "8"), [6, 7]);
    assert.deepEqual(await filtered("--reason", "rate_limit"), [3]);
    assert.deepEqual(await filtered("--client", "7", "--event", "ws.connect"), [0]);
    const { stdout } = await run(
      ["tail", "--stdin", "--no-log", "--client", "9"],
      Buffer.concat([Buffer.from("log\n"), framed(traffic())]),
    );
    assert.equal(stdout, "");
  });

  it("shows losses on the device where they were, and reports damage: exit code 1", async () => {
    const source = new PacketSource({ bootId: 5 });
    const one = { event: "ws.connected", time: 5 } as const;
    const packets = [source.data([one]), source.data([one], 12), source.data([one]), source.data([one])].map(
      ({ bytes }) => bytes,
    );
    packets.splice(2, 1);
    const lost = await run(["tail", "--stdin"], framed(packets));
    assert.match(
      lost.stdout,
      /\n── 12 events lost on the device ──\n.*ws\.connected\n── 1 event lost on the way ──\n.*ws\.connected/,
    );
    assert.match(
      lost.stderr,
      /standard input: W_LOST_IN_TRANSIT at packet 4: packet 3 is missing: 1 event lost on the way/,
    );
    assert.match(
      lost.stderr,
      /\n3 events, 3 packets, 1 device\n {2}12 events lost on the device: .*\n {2}1 event lost on the way/,
    );
    assert.equal(lost.status, 0);
    const damaged = framed(packets);
    damaged[50] ^= 1;
    const { status, stderr } = await run(["tail", "--stdin"], damaged);
    assert.deepEqual([status, /E_FRAME/.test(stderr)], [1, true], stderr);
  });

  it("shows events of a serial line as they come, until it is told to end", async () => {
    const line = await openSerialLine();
    const tail = new Run(["tail", "--serial", line.hostPath, "--baud", "9600"]);
    await tail.said(/listening: .*host at 9600 baud/);
    const packets = traffic();
    for (const [index, packet] of packets.entries()) {
      await line.write(frame(packet));
      await tail.until(`packet ${index}`, () => tail.stdout.split("\n").length > (index === 0 ? 0 : 8));
    }
    const { status, signal, stderr } = await tail.end("SIGTERM");
    assert.deepEqual([status, signal], [0, null], stderr);
    assert.match(stderr, /\n8 events, 2 packets, 1 device\n$/);
    await line.close();
  });

  it("counts the packets that it took, not garbage", async () => {
    const port = await freePort();
    const tail = new Run(["tail", "--udp", String(port)]);
    await tail.said(/listening: UDP port/);
    const [tokens, data] = traffic(1);
    const other = new PacketSource({ fingerprint: OTHER_FINGERPRINT }).data([{ event: "ws.connected", time: 1 }]);
    const garbage = [Buffer.alloc(200, 1), other.bytes, data!.subarray(0, 110), Buffer.from("noise")];
    const socket = await datagrams(port, [...garbage, tokens!, data!, data!]);
    await tail.until("all events", () => tail.stdout.split("\n").length > 8);
    const { stderr } = await tail.end();
    assert.match(stderr, /\n8 events, 2 packets, 1 device\n {2}1 packet ignored: repeated, or too late\n/);
    socket.close();
  });

  it("distinguishes devices by UDP, and counts what is not a packet instead of reporting it each time", async () => {
    const port = await freePort();
    const tail = new Run(["tail", "--udp", String(port), "--format", "text"]);
    await tail.said(/listening: UDP port/);
    const first = await datagrams(port, traffic(1));
    const second = await datagrams(port, traffic(2));
    await datagrams(port, Array(50).fill(Buffer.from("noise")), first);
    const other = new PacketSource({ fingerprint: OTHER_FINGERPRINT }).data([{ event: "ws.connected", time: 1 }]);
    await datagrams(port, Array(50).fill(other.bytes), first);
    await datagrams(port, [Buffer.concat([traffic(3)[1], Buffer.alloc(16)]), traffic(3)[1].subarray(0, 120)], second);
    await tail.said(/E_CUT/);
    await tail.until("all events", () => tail.stdout.split("\n").length >= 16);
    const { status, stdout, stderr } = await tail.end();
    assert.equal(status, 1);
    const device = `127.0.0.1_${first.address().port}`;
    assert.equal(stdout.split(`  ${device}  `).length - 1, 8, stdout);
    assert.equal(stderr.split("E_DATAGRAM").length - 1, 2, stderr);
    assert.match(stderr, new RegExp(`${device}: E_DATAGRAM: a datagram of 5 bytes`));
    assert.match(stderr, new RegExp(`${device}: E_REGISTRY .*${OTHER_FINGERPRINT}.*--registry FILE`));
    assert.match(stderr, /\n {2}E_DATAGRAM: 50 times\n {2}E_REGISTRY: 50 times\n/);
    first.close();
    second.close();
  });

  it("puts datagrams that have overtaken each other back in order, and passes over those that come again", async () => {
    const port = await freePort();
    const tail = new Run(["tail", "--udp", String(port), "--format", "json"]);
    await tail.said(/listening/);
    const source = new PacketSource({ bootId: 5 });
    const packets = Array.from({ length: 6 }, (_, time) => source.data([{ event: "ws.connected", time }]).bytes);
    const socket = await datagrams(
      port,
      [0, 2, 1, 1, 5, 3, 4].map((index) => packets[index]),
    );
    await tail.until("all events", () => tail.stdout.split("\n").length > 6);
    const { status, stdout, stderr } = await tail.end();
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).eventSeq);
    assert.deepEqual([status, events], [0, [0, 1, 2, 3, 4, 5]]);
    assert.match(stderr, /\n {2}1 packet ignored: repeated, or too late\n$/);
    socket.close();
  });

  it("drops what comes while its output is not read, and reports how many events that were", async () => {
    const port = await freePort();
    const tail = new Run(["tail", "--udp", String(port), "--format", "json"]);
    await tail.said(/listening/);
    tail.child.stdout!.pause();
    const { telemetry, reader } = emitter({ capacityBytes: 1 << 20 });
    const connection = telemetry.connect(1);
    const socket = createSocket("udp4");
    for (let round = 0; round < 200 && !/W_OUTPUT_WAITS: 16 MB of output/.test(tail.stderr); round++) {
      for (let count = 0; count < 5000; count++) connection.sent(0);
      await datagrams(port, drain(reader, 1400), socket);
      await pause(20); // so that it takes them
    }
    tail.child.stdout!.resume();
    const size = () => tail.stdout.length;
    for (let before = -1; before !== size(); await pause(500)) before = size();
    // It may still be busy, and the system may drop a datagram: later packets show the loss.
    let isSeen = false;
    for (let tries = 0; tries < 20 && !isSeen; tries++) {
      connection.disconnected();
      const last = `"eventSeq":${telemetry.counters().emitted - 1},`;
      await datagrams(port, drain(reader, 1400), socket);
      for (let pauses = 0; pauses < 20 && !isSeen; pauses++) {
        await pause(50);
        isSeen = tail.stdout.slice(-1000).includes(last);
      }
    }
    assert.ok(isSeen, tail.stderr);
    const { stdout, stderr } = await tail.end();
    const lost = Number(/\n {2}(\d+) events lost on the way/.exec(stderr)?.[1] ?? 0);
    assert.ok(lost > 0, stderr);
    assert.equal(stdout.split("\n").length - 1 + lost, telemetry.counters().emitted);
    socket.close();
  });

  it("reads standard input no faster than its output is read", async () => {
    const tail = new Run(["tail", "--stdin", "--format", "json"]);
    tail.child.stdout!.pause();
    const { telemetry, reader } = emitter({ capacityBytes: 1 << 22 });
    const connection = telemetry.connect(1);
    for (let count = 1; count < 200_000; count++) connection.sent(0);
    tail.child.stdin!.end(framed(drain(reader)));
    await tail.said(/listening/);
    await pause(1000);
    assert.ok(tail.child.stdin!.writableLength > 0, "it waits");
    tail.child.stdout!.resume();
    const { status, stdout, stderr } = await tail.outcome;
    assert.deepEqual([status, stdout.split("\n").length - 1], [0, 200_000], stderr);
  });

  describe("with a broker", () => {
    let broker: Broker;
    before(async () => {
      broker = await startBroker({ user: { name: "u", password: "secret1word" } });
    });
    after(() => broker.close());

    it("follows the named devices, with the password from the environment", async () => {
      const env = { ...process.env, XS_TELEMETRY_MQTT_USERNAME: "u", XS_TELEMETRY_MQTT_PASSWORD: "secret1word" };
      const tail = new Run(["tail", "--mqtt", broker.url, "--device", "kitchen\u202e", "--event", "ws.disconnect"], {
        env,
      });
      await tail.said(/listening: xs-telemetry\/\+ of mqtt:/);
      const { connectAsync } = await import("mqtt");
      const client = await connectAsync(broker.url, { username: "u", password: "secret1word" });
      for (const device of ["cellar", "kitchen\u202e"])
        for (const packet of traffic()) await client.publishAsync(`xs-telemetry/${device}`, packet as Buffer);
      await client.endAsync();
      await tail.until("the event", () => tail.stdout.includes("\n"));
      const { status, stdout, stderr } = await tail.end();
      assert.deepEqual(undated(stdout), ["kitchen\\u202e  +00:01:11.324  7/0    ws.disconnect", ""]);
      assert.deepEqual([status, stderr.includes("secret1word")], [0, false]);
    });

    it("exits with 2 when the password is refused", async () => {
      const { status, stdout, stderr } = await run(["tail", "--mqtt", broker.url.replace("//", "//u:wrong1@")]);
      assert.deepEqual(
        [status, stdout, /^xs-telemetry: E_BROKER_REFUSED: .*refuses the user name/.test(stderr)],
        [2, "", true],
        stderr,
      );
      assert.doesNotMatch(stderr, /wrong1/);
    });
  });

  it("ends quietly when its reader has had enough", async () => {
    const line = await openSerialLine();
    const tail = new Run(["tail", "--serial", line.hostPath]);
    await tail.said(/listening/);
    const packets = traffic();
    await line.write(framed(packets));
    await once(tail.child.stdout!, "data");
    tail.child.stdout?.destroy();
    const source = new PacketSource({ bootId: 9 });
    for (let packets = 0; tail.child.exitCode === null && packets < 1000; packets++) {
      await line.write(frame(source.data([{ event: "ws.connected", time: 5 }]).bytes));
      await new Promise((later) => setTimeout(later, 5));
    }
    const { status, stderr } = await tail.outcome;
    assert.equal(status, 0);
    assert.match(stderr, /^listening: .*\n$/);
    await line.close();
  });

  it("escapes control and direction characters in JSON for a terminal, and for nobody else", async () => {
    const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
    const nasty = "\x7f\x9b31m\u202eevil";
    const { telemetry, reader } = emitter({ bootId: 1 });
    telemetry.connect(1).received(telemetry.messageType(nasty), nasty);
    const input = framed(drain(reader));
    writeFileSync(join(folder, "frames"), input);
    const line = `"${process.execPath}" "${COMMAND}" tail --stdin --format json < "${join(folder, "frames")}" 2>/dev/null`;
    const env = { ...process.env, TERM: "dumb" };
    const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], { env, encoding: "utf8", timeout: 20_000 });
    assert.doesNotMatch(stdout.replaceAll("\r\n", "\n"), /[^\P{Cc}\n]|\p{Cf}/u);
    const parsed = (text: string) =>
      text
        .trimEnd()
        .split(/\r?\n/)
        .map((json) => JSON.parse(json));
    const piped = (await run(["tail", "--stdin", "--format", "json"], input)).stdout;
    assert.ok(piped.includes(nasty));
    assert.deepEqual(parsed(stdout), parsed(piped));
    rmSync(folder, { recursive: true });
  });

  it("colours for a terminal, with a status line, but not where NO_COLOR is set", async () => {
    const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
    const frames = join(folder, "frames");
    writeFileSync(frames, framed(traffic()));
    const onTerminal = (env: NodeJS.ProcessEnv, columns = 160) => {
      const line = `(cat "${frames}"; sleep 0.5) | "${process.execPath}" "${COMMAND}" tail --stdin 2>/dev/null`;
      const args = ["-qec", `stty cols ${columns}; ${line}`, "/dev/null"];
      return spawnSync("script", args, { input: "", env, encoding: "latin1", timeout: 20_000 }).stdout;
    };
    const env: NodeJS.ProcessEnv = { ...process.env, TERM: "xterm" };
    delete env.NO_COLOR;
    const colored = onTerminal(env);
    assert.ok(colored.includes("\x1b[31mrejected\x1b[39m \x1b[31mrate_limit\x1b[39m"), colored);
    assert.ok(colored.includes(" \xc2\xb7 standard input"), colored);
    assert.ok(colored.endsWith("\r\x1b[K"), "the status line is wiped away");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
    const plain = (text: string) => Buffer.from(text.replace(/\x1b\[[0-9;]*[mK]/g, ""), "latin1").toString();
    for (const columns of [60, 80])
      for (const row of plain(onTerminal({ ...env, NO_COLOR: "1" }, columns)).split(/[\r\n]+/))
        assert.ok(row.length <= columns, `${row.length} columns of ${columns}: ${row}`);
    assert.ok(!onTerminal({ ...env, NO_COLOR: "1" }).includes("\x1b[3"));
    rmSync(folder, { recursive: true });
  });

  it("refuses wrong use, naming what is allowed: exit code 2", async () => {
    const cases: [string[], RegExp][] = [
      [[], /E_USAGE: no source: name one of --serial PATH, --udp PORT, --mqtt URL, --ws URL and --stdin/],
      [["--stdin", "--udp", "1"], /E_USAGE: --udp and --stdin: name one of/],
      [["--stdin", "--baud", "9600"], /E_USAGE: --baud works with --serial only, but the source is --stdin/],
      [["--stdin", "--ca", "x"], /E_USAGE: --ca works with --mqtt and --ws only, but the source is --stdin/],
      [["--udp", "5000", "--topic", "x"], /E_USAGE: --topic works with --mqtt only, but the source is --udp/],
      [["--udp", "65536"], /'--udp <port>' argument '65536' is invalid\. Expected a whole number from 0 to 65535/],
      [["--serial", "x", "--baud", "fast"], /Expected a whole number from 50/],
      [["--stdin", "--duration", "0"], /Expected a number of seconds/],
      [["--stdin", "--device", "x"], /E_USAGE: --device chooses among several devices/],
      [["--stdin", "--event", "msg"], /E_USAGE: --event "msg" is not in the registry; it has "ws\.connect", /],
      [["--stdin", "--reason", "ok"], /E_USAGE: --reason "ok" is not in the registry; it has "rate_limit", /],
      [["--stdin", "--client", "-1"], /Expected a whole number from 0 to 4294967295/],
      [["--stdin", "--format", "xml"], /Allowed choices are text, json/],
      [["--stdin", "--registry", "no-such.yaml"], /E_NOT_FOUND: no-such\.yaml/],
      [["--udp", "1", "--host", "192.0.2.1"], /E_ADDRESS: 192\.0\.2\.1/],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => run(["tail", ...args])));
    for (const [index, { status, stdout, stderr }] of outcomes.entries()) {
      const [args, message] = cases[index];
      assert.deepEqual([status, stdout], [2, ""], args.join(" "));
      assert.match(stderr, message);
    }
    const { status, stdout } = await run(["tail", "--help"]);
    assert.deepEqual([status, /Examples:\n {2}\$ xs-telemetry tail /.test(stdout)], [0, true]);
  });

  it("ends by itself after --duration", async () => {
    const { status, stderr } = await run(["tail", "--udp", "0", "--duration", "0.2"]);
    assert.deepEqual([status, stderr.split("\n")[1]], [0, "0 events, 0 packets, 0 devices"]);
  });
});
