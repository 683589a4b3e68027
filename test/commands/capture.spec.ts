import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { runBoard } from "../../examples/sensor/board.ts";
import { Telemetry as Board } from "../../examples/sensor/telemetry.gen.ts";
import { emittedRegistry as bundled } from "../../host/generated/registry.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { Run, run, WITHOUT_PRIVILEGES } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";
import { frame } from "../support/frames.ts";
import { OTHER_FINGERPRINT, PacketSource } from "../support/packets.ts";
import { freePort, pause, until } from "../support/processes.ts";
import { openSerialLine } from "../support/pty.ts";

/** Packets of a device that has sent so many messages, in more than one packet. */
function traffic(bootId: number, messages = 100): Uint8Array[] {
  const { telemetry, reader } = emitter({ bootId, capacityBytes: 1 << 20 });
  const connection = telemetry.connect(1);
  for (let count = 1; count < messages; count++) connection.sent(telemetry.messageType("tick"));
  return drain(reader, 512);
}

const framed = (packets: readonly Uint8Array[]) => Buffer.concat(packets.map((packet) => frame(packet)));

describe("capture", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const capture = (...args: string[]) => new Run(["capture", ...args], { cwd: folder });
  /** Event numbers that decode finds in a folder of the test's, in order. */
  const decoded = async (name: string) => {
    const { status, stdout, stderr } = await run(["decode", join(folder, name)]);
    assert.equal(status, 0, stderr);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).eventSeq as number);
  };
  /** What readers see in a folder of the test's. */
  const named = (name: string) => readdirSync(join(folder, name)).filter((entry) => !entry.startsWith("."));
  const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);

  it("says that a folder is read-only, from the beginning or since, and a capture in one is decoded", async () => {
    const closed = join(folder, "read-only");
    mkdirSync(closed, { mode: 0o555 });
    const start = (name: string) =>
      new Run(["capture", "--stdin", "-o", join(closed, name)], { cwd: folder }, WITHOUT_PRIVILEGES);
    const refused = await start("new").outcome;
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /E_WRITE: .*read-only.new cannot be written: EACCES: there is no permission/);
    chmodSync(closed, 0o755);
    const since = start("since");
    await since.said(/capturing/);
    const packets = traffic(3);
    since.child.stdin!.write(framed(packets.slice(0, 2)));
    await until("packets", () => named("read-only/since").length > 0);
    const boot = join(closed, "since", named("read-only/since")[0]!);
    await until("data", () => existsSync(join(boot, "stream")));
    for (const path of [boot, join(closed, "since"), closed]) chmodSync(path, 0o555);
    chmodSync(join(boot, "stream"), 0o444);
    since.child.stdin!.write(framed(packets.slice(2)));
    const { status, stderr } = await since.outcome;
    assert.equal(status, 2, stderr);
    assert.match(stderr, /E_WRITE: .*stream cannot be written: EACCES: there is no permission/);
    const decode = new Run(["decode", join(closed, "since")], {}, WITHOUT_PRIVILEGES);
    const { status: decoded, stdout } = await decode.outcome;
    const events = Number(/since: (\d+) events?, 1 packet/.exec(stderr)![1]);
    assert.deepEqual([decoded, stdout.split("\n").length - 1], [0, events]);
    for (const path of [closed, join(closed, "since"), boot]) chmodSync(path, 0o755);
  });

  it("counts lines of log text that it wrote, not those that it could not", async () => {
    // No file may be over 512 bytes: as on a full disk, but for the code.
    const full = ["sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh"];
    const run = new Run(["capture", "--stdin", "-o", "full"], { cwd: folder }, full);
    await run.said(/capturing/);
    run.child.stdin!.end("I (1) boot: hello\n".repeat(625));
    const { status, stderr } = await run.outcome;
    assert.equal(status, 2, stderr);
    assert.match(stderr, /full: 0 events, 0 packets, 0 devices|full: 0 events, 0 packets, 1 device\n/);
    assert.match(stderr, /\n {2}625 lines of log text not written\n/);
    assert.match(stderr, /E_WRITE: .*log.txt cannot be written/);
    assert.deepEqual(named("full"), []);
  });

  it("writes packets and log text of a serial line, also over an unplugging, and sums up", async () => {
    const line = await openSerialLine();
    const running = capture("--serial", line.hostPath, "-o", "serial");
    await running.said(/^capturing: .*host at 115200 baud, into serial\n/);
    const packets = traffic(1);
    const half = packets.length >> 1;
    await line.write(Buffer.concat([Buffer.from("I (1) up\n"), framed(packets.slice(0, half))]));
    const stream = () => readdirSync(join(folder, "serial")).find((name) => name.startsWith("boot-"));
    await running.until("the first half", () => stream() !== undefined);
    await pause(100);
    await line.unplug();
    await running.said(/is gone: unplugged/);
    await line.plug();
    await running.said(/is there again/);
    await line.write(Buffer.concat([framed(packets.slice(half)), Buffer.from("I (2) done\n")]));
    const log = join(folder, "serial", "log.txt");
    await running.until("the last line", () => readFileSync(log, "utf8").includes("done"));
    const { status, signal, stdout, stderr } = await running.end("SIGINT");
    assert.deepEqual([status, signal, stdout], [0, null, ""], stderr);
    assert.match(
      stderr,
      /\nserial: 100 events, \d+ packets, 1 device, 2 lines of log text\n {2}go on with: xs-telemetry info serial\n$/,
    );
    assert.deepEqual(await decoded("serial"), upTo(100));
    await line.close();
  });

  it("reads standard input to its end; names bad frames, and exits with 1", async () => {
    const bytes = framed(traffic(2));
    const good = await run(["capture", "--stdin", "-o", "good"], bytes, { cwd: folder });
    assert.deepEqual([good.status, await decoded("good")], [0, upTo(100)], good.stderr);
    bytes[60] ^= 1;
    const bad = await run(["capture", "--stdin", "-o", "bad"], bytes, { cwd: folder });
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /standard input: E_FRAME at byte \d+: /);
    assert.match(bad.stderr, /\n {2}E_FRAME: 1 time\n/);
    const lossy = await run(["capture", "--stdin", "-o", "lossy"], framed(traffic(2).toSpliced(3, 1)), { cwd: folder });
    assert.equal(lossy.status, 0, lossy.stderr);
    assert.match(lossy.stderr, /\n {2}\d+ events lost on the way, or in damaged packets\n {2}1 packet missing/);
  });

  it("writes a capture for each sender of datagrams, in order, and refuses what is none", async () => {
    const port = await freePort();
    const running = capture("--udp", String(port), "-o", "udp", "--max-devices", "3");
    await running.said(/capturing/);
    const sockets = [3, 4, 5, 6].map((bootId) => ({ socket: createSocket("udp4"), packets: traffic(bootId) }));
    const names: string[] = [];
    for (const { socket, packets } of sockets) {
      [packets[1], packets[2]] = [packets[2], packets[1]];
      for (const packet of packets) await new Promise((sent) => socket.send(packet, port, "127.0.0.1", sent));
      names.push(`127.0.0.1_${socket.address().port}`);
    }
    const { bytes } = new PacketSource({ fingerprint: OTHER_FINGERPRINT }).data([{ event: "ws.connected", time: 1 }]);
    for (let count = 0; count < 30; count++)
      for (const noise of [Buffer.from("noise"), bytes])
        await new Promise((sent) => sockets[0].socket.send(noise, port, "127.0.0.1", sent));
    await running.said(/E_REGISTRY/);
    await pause(200);
    const { status, stderr } = await running.end("SIGTERM");
    assert.equal(status, 1);
    assert.equal(stderr.split("E_DATAGRAM: ").length - 1, 2, stderr); // said once, and counted
    assert.match(stderr, /\n {2}30 packets refused: of another registry/);
    assert.match(stderr, /E_TOO_MANY_DEVICES: /);
    assert.equal(readdirSync(join(folder, "udp")).length, 3);
    for (const name of names.slice(0, 3)) assert.deepEqual(await decoded(join("udp", name)), upTo(100), name);
    for (const { socket } of sockets) socket.close();
  });

  it("names devices of IPv4 by their address on all of IPv6, too: decode * and validate * take their folders", async () => {
    const port = await freePort();
    const running = capture("--udp", String(port), "--host", "::", "-o", "mapped");
    await running.said(/^capturing: UDP port \d+ of ::, into mapped\n/);
    const socket = createSocket("udp4");
    for (const packet of traffic(3)) await new Promise((sent) => socket.send(packet, port, "127.0.0.1", sent));
    const six = createSocket("udp6");
    for (const packet of traffic(4)) await new Promise((sent) => six.send(packet, port, "::1", sent));
    await running.until("both", () => existsSync(join(folder, "mapped")) && named("mapped").length === 2);
    await pause(200);
    assert.equal((await running.end()).status, 0);
    const names = named("mapped").sort();
    assert.deepEqual(names, [`0--1_${six.address().port}`, `127.0.0.1_${socket.address().port}`]);
    const valid = await run(["validate", ...names], "", { cwd: join(folder, "mapped") });
    assert.equal(valid.status, 0, valid.stderr);
    socket.close();
    six.close();
  });

  it("says of a listener on loopback that it is for this machine only", async () => {
    const running = capture("--udp", "0", "-o", "loopback");
    await running.said(/^capturing: UDP port \d+ of 127.0.0.1 \(this machine only; --host 0.0.0.0 for others\), into/);
    await running.end();
  });

  it("names each device that sends damage, and counts all of it", async () => {
    const port = await freePort();
    const running = capture("--udp", String(port), "-o", "damaged");
    await running.said(/capturing/);
    const sockets = Array.from({ length: 7 }, () => createSocket("udp4"));
    const send = (socket: Socket, bytes: Uint8Array) =>
      new Promise((sent) => socket.send(bytes, port, "127.0.0.1", sent));
    for (const socket of sockets) await send(socket, Buffer.alloc(300, 1));
    for (const [index, socket] of sockets.slice(0, 2).entries())
      for (const packet of traffic(30 + index)) {
        if (packet[20] === 0) packet[100] = 239; // the first record's type
        await send(socket, packet);
      }
    await running.said(/E_RECORD_TYPE.*\n(.*\n)*.*E_RECORD_TYPE/);
    await pause(200);
    const { status, stderr } = await running.end();
    assert.equal(status, 1);
    for (const { port: from } of sockets.map((socket) => socket.address()))
      assert.match(
        stderr,
        new RegExp(`\\n127\\.0\\.0\\.1_${from}: E_NO_PACKET: 300 bytes that are no whole packet\\n`),
      );
    for (const { port: from } of sockets.slice(0, 2).map((socket) => socket.address()))
      assert.match(stderr, new RegExp(`\\ndamaged/127\\.0\\.0\\.1_${from}: E_RECORD_TYPE at packet`));
    const damaged = 2 * traffic(30).filter((packet) => packet[20] === 0).length;
    assert.match(
      stderr,
      new RegExp(`\\n {2}${7 + damaged} packets refused: damaged, no packet at all, or of too many`),
    );
    assert.match(stderr, new RegExp(`\\n {2}E_NO_PACKET: 7 times\\n {2}E_RECORD_TYPE: ${damaged} times\\n`));
    for (const socket of sockets) socket.close();
  });

  it("reads packets of one's own registry over a link, as tail and decode do, and refuses the others', naming both", async () => {
    const [sensor, ports] = ["examples/sensor/sensor.yaml", [await freePort(), await freePort()]];
    const own = capture("--udp", String(ports[0]), "-o", "own", "--registry", join(process.cwd(), sensor));
    const tail = new Run(["tail", "--udp", String(ports[1]), "--format", "json", "--registry", sensor]);
    await Promise.all([own.said(/capturing/), tail.said(/listening/)]);
    const board = new Board({ capacityBytes: 4096, bootId: 7, clock: { now: () => 10 } });
    runBoard(board);
    const socket = createSocket("udp4");
    for (const packet of [...drain(board.reader()), ...traffic(1, 2)])
      for (const port of ports) await new Promise((sent) => socket.send(packet, port, "127.0.0.1", sent));
    const both = new RegExp(
      `E_REGISTRY.* ${bundled.fingerprint}, the one in use (?!${bundled.fingerprint})[0-9a-f]{32}`,
    );
    await Promise.all([own.said(both), tail.said(both)]);
    const [captured, live] = await Promise.all([own.end(), tail.end()]);
    assert.deepEqual([captured.status, live.status], [1, 1]);
    const { status, stdout, stderr } = await run(["decode", "--registry", sensor, join(folder, "own")]);
    assert.deepEqual([status, stdout, stdout.split("\n").length - 1], [0, live.stdout, 9], stderr);
    socket.close();
  });

  describe("with a broker", () => {
    let broker: Broker;
    let devices: MqttClient;
    before(async () => {
      broker = await startBroker();
      devices = await connectAsync(broker.url, { reconnectPeriod: 100 });
    });
    after(async () => {
      await devices.endAsync(true);
      await broker.close();
    });
    const publish = async (device: string, packets: readonly Uint8Array[]) => {
      for (const packet of packets) await devices.publishAsync(`xs-telemetry/${device}`, packet as Buffer, { qos: 1 });
    };

    it("loses nothing when the broker is restarted, nor when it is killed itself", async () => {
      const args = ["--mqtt", broker.url, "--client-id", "captures"];
      const first = capture(...args, "-o", "mqtt/1");
      await first.said(/capturing: xs-telemetry\/\+ of mqtt:/);
      const packets = traffic(7, 400);
      const third = Math.floor(packets.length / 3);
      await publish("kitchen", packets.slice(0, third));
      await broker.stop();
      await first.said(/has ended the connection; trying again/);
      await broker.start();
      await first.said(/is there again/);
      await publish("kitchen", packets.slice(third, 2 * third));
      await first.until("packets on disk", () => existsSync(join(folder, "mqtt/1/kitchen")));
      const killed = await first.end("SIGKILL");
      assert.equal(killed.signal, "SIGKILL");
      await publish("kitchen", packets.slice(2 * third));
      await publish("..", traffic(8));
      const second = capture(...args, "-o", "mqtt/2");
      await second.until(
        "what the broker kept",
        () => existsSync(join(folder, "mqtt/2")) && named("mqtt/2").length > 1,
      );
      await pause(300);
      const { status, stderr } = await second.end();
      assert.equal(status, 0, stderr);
      for (const part of ["mqtt", "mqtt/2"])
        assert.ok(!readdirSync(join(folder, part)).some((name) => name.startsWith("boot-")));
      const whole = await run(["decode", join(folder, "mqtt")]);
      const events = whole.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
      assert.equal(events.length, 500, whole.stderr);
    });

    it("says a device's id in one line, however long it is", async () => {
      const running = capture("--mqtt", broker.url, "-o", "mqtt/long");
      await running.said(/capturing/);
      await devices.publishAsync(`xs-telemetry/${"\u202e".repeat(9000)}`, "noise", { qos: 1 });
      await running.said(/E_MESSAGE: .*\n/);
      const { stderr } = await running.end();
      assert.ok(stderr.length < 600, stderr);
    });

    it("divides a broker's packets among processes, one of which is killed and comes back: together they have all", async () => {
      const member = (id: number, run: number) =>
        capture("--mqtt", broker.url, "--group", "g", "--client-id", `g-${id}`, "-o", `group/${id}-${run}`);
      const [first, second] = [member(1, 1), member(2, 1)];
      await Promise.all([first.said(/capturing/), second.said(/capturing/)]);
      const bootIds = [21, 22, 23, 24];
      const all = bootIds.map((bootId) => traffic(bootId, 300));
      const count = all[0].length;
      const publishFrom = async (from: number, to: number) => {
        for (let index = from; index < to; index++)
          for (const [device, packets] of all.entries()) await publish(`g${device}`, packets.slice(index, index + 1));
      };
      await publishFrom(0, count >> 1);
      await until("the first has some", () => named("group/1-1").length > 0);
      first.child.kill("SIGKILL");
      await publishFrom(count >> 1, count);
      assert.equal((await first.outcome).signal, "SIGKILL");
      const back = member(1, 2);
      await back.said(/capturing/);
      const found = async () => {
        const { stdout } = await run(["decode", join(folder, "group")]);
        return stdout.split("\n").length - 1;
      };
      await until("all events", async () => (await found()) >= 300 * bootIds.length);
      assert.deepEqual([(await back.end()).status, (await second.end()).status], [0, 0]);
      const { status, stderr } = await run(["decode", join(folder, "group")]);
      assert.equal(status, 0, stderr);
      assert.equal(await found(), 300 * bootIds.length);
      assert.doesNotMatch(stderr, /lost|missing/);
      const parts = ["1-1", "2-1", "1-2"].map((name) => named(`group/${name}`).length);
      assert.ok(
        parts.every((devices) => devices > 0),
        `each process has had some: ${parts}`,
      );
    });
  });

  it("makes no folder when the source is refused, and says what to do: exit code 2", async () => {
    const port = await freePort();
    const line = await openSerialLine();
    chmodSync(line.hostPath, 0);
    const cases: [string[], RegExp][] = [
      [["--serial", "/dev/no-such-port"], /E_NO_PORT: \/dev\/no-such-port: no such port; /],
      [["--serial", line.hostPath], /E_PERMISSION: .*usermod -aG dialout/],
      [["--udp", "53"], /E_PERMISSION: UDP port 53 needs permission: ports below 1024/],
      [["--udp", "5000", "--host", "192.0.2.1"], /E_ADDRESS: /],
      [["--mqtt", `mqtt://127.0.0.1:${port}`], /E_BROKER: .*nothing listens there/],
      [["--mqtt", "nonsense"], /E_URL: /],
      [["--ws", `ws://127.0.0.1:${port}`], /E_SERVER: .*nothing listens there/],
      [["--ws", "ws://user:secret@127.0.0.1"], /E_URL: .*XS_TELEMETRY_WS_TOKEN/],
      [[], /E_USAGE: no source/],
      [["--stdin", "--rotate", "1k"], /Expected bytes, 64k or more/],
      [["--stdin", "--keep", "0"], /Expected a whole number from 1/],
      [["--stdin", "--registry", "none.yaml"], /E_NOT_FOUND/],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) => run(["capture", "-o", "refused", ...args], "", { cwd: folder }, WITHOUT_PRIVILEGES)),
    );
    for (const [index, { status, stdout, stderr }] of outcomes.entries()) {
      assert.deepEqual([status, stdout], [2, ""], `${cases[index][0].join(" ")}: ${stderr}`);
      assert.match(stderr, cases[index][1]);
    }
    const input = openSync(folder, "r");
    const { status, stderr } = await new Run(["capture", "--stdin", "-o", "refused"], {
      cwd: folder,
      stdio: [input, "pipe", "pipe"],
    }).outcome;
    closeSync(input);
    assert.equal(status, 2);
    assert.match(stderr, /^xs-telemetry: E_IS_DIRECTORY: standard input: is a directory; name a file in it/);
    assert.ok(!existsSync(join(folder, "refused")));
    await line.close();
  });

  it("wants a new or empty folder that can be written", async () => {
    writeFileSync(join(folder, "file"), "");
    const cases: [output: string, said: RegExp][] = [
      [".", /^xs-telemetry: E_NOT_EMPTY: /],
      ["file/x", /^xs-telemetry: E_WRITE: /],
    ];
    // Where no folder can be made, whoever asks.
    if (existsSync("/proc"))
      for (const output of ["/proc/x", "/proc/x/y"])
        cases.push([output, /^xs-telemetry: E_WRITE: \/proc\/x.* cannot be written: ENOENT: .*name one on a disk/]);
    for (const [output, said] of cases) {
      const options = { cwd: folder, timeout: 20_000, killSignal: "SIGKILL" } as const;
      const { status, stderr } = await run(["capture", "--udp", "0", "-o", output], "", options);
      assert.equal(status, 2, output);
      assert.match(stderr, said);
    }
    const { status, stderr } = await run(["capture", "--stdin"]);
    assert.deepEqual([status, /required option '-o, --output <folder>'/.test(stderr)], [2, true]);
  });

  it("has its folder to itself from the start, though nothing has arrived; one that brought nothing can be begun anew", async () => {
    const first = capture("--stdin", "-o", "same");
    await first.said(/capturing/);
    const second = await run(["capture", "--stdin", "-o", "same"], framed(traffic(31)), { cwd: folder });
    assert.equal(second.status, 2);
    assert.match(
      second.stderr,
      /^xs-telemetry: E_IN_USE: same is captured into by process \d+ on "[^"]+": end that one, or name another folder/,
    );
    assert.equal((await first.end()).status, 0);
    const third = await run(["capture", "--stdin", "-o", "same"], framed(traffic(31)), { cwd: folder });
    assert.deepEqual([third.status, await decoded("same")], [0, upTo(100)], third.stderr);
    assert.ok(!existsSync(join(folder, "same", ".capturing")));
  });

  it("goes on after it was killed: at once if nothing had arrived, and else with --append, in the same folder", async () => {
    const killed = capture("--stdin", "-o", "killed");
    await killed.said(/capturing/);
    await killed.end("SIGKILL");
    const packets = traffic(31);
    const again = capture("--stdin", "-o", "killed");
    again.child.stdin!.write(framed(packets.slice(0, 3)));
    await again.until("packets", () => named("killed").length > 0);
    await pause(100);
    await again.end("SIGKILL");
    assert.match(again.stderr, /^killed: W_TAKEN_OVER: it was captured into by process \d+ on .*, which is gone\n/);
    const refused = await run(["capture", "--stdin", "-o", "killed"], framed(packets), { cwd: folder });
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /E_NOT_EMPTY: killed is not empty, .*add --append if it is to go on in this one/);
    for (const codes of [/W_TAKEN_OVER: 1 time/, /W_REPEATED: \d+ times/]) {
      const args = ["capture", "--stdin", "-o", "killed", "--append"];
      const { status, stderr } = await run(args, framed(packets), { cwd: folder });
      assert.equal(status, 0, stderr);
      assert.match(stderr, codes);
      assert.deepEqual([named("killed").length, await decoded("killed")], [1, upTo(100)]);
    }
    const other = await run(["capture", "--udp", "0", "-o", "killed", "--append"], "", { cwd: folder });
    assert.equal(other.status, 2);
    assert.match(other.stderr, /E_OTHER_CAPTURE: killed holds "boot-0001-\w+": it is the capture of one device/);
  });

  it("takes the date into a folder's name, as UTC", async () => {
    const before = new Date();
    const args = ["capture", "--stdin", "-o", "dated/%Y-%m-%dT%H%M%S-100%%"];
    const { status, stderr } = await run(args, framed(traffic(1)), {
      cwd: folder,
      env: { ...process.env, TZ: "Asia/Tokyo" },
    });
    assert.equal(status, 0, stderr);
    const [name] = named("dated");
    const [, date, hour, minute, second] = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)-100%$/.exec(name!)!;
    const time = Date.parse(`${date}T${hour}:${minute}:${second}Z`);
    assert.ok(time >= before.getTime() - 1000 && time <= Date.now(), name);
    const unknown = await run(["capture", "--stdin", "-o", "x-%s"], "", { cwd: folder });
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /%s is not known: %Y %m %d %H %M %S are parts of the date, %% is a percent sign/);
  });

  it("begins further parts by size, and keeps the newest", async () => {
    const packets = traffic(9, 20_000);
    const args = ["capture", "--stdin", "-o", "parts", "--rotate", "64k", "--keep", "2"];
    const { status, stderr } = await run(args, framed(packets), { cwd: folder });
    assert.equal(status, 0, stderr);
    assert.equal(readdirSync(join(folder, "parts")).filter((name) => name.startsWith("boot-")).length, 2);
    assert.match(stderr, /\n {2}\d+ events deleted with old parts, as --keep says\n/);
  });

  it("ends at once on a second signal", async () => {
    const running = capture("--udp", "0", "-o", "twice");
    await running.said(/capturing/);
    running.child.kill("SIGINT");
    running.child.kill("SIGINT");
    await until("its end", () => running.child.exitCode !== null || running.child.signalCode !== null);
  });
});
