import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runBoard } from "../../examples/sensor/board.ts";
import { Telemetry as Board } from "../../examples/sensor/telemetry.gen.ts";
import { emittedRegistry as bundled } from "../../host/generated/registry.ts";
import { Capturing, framed, traffic, upTo } from "../support/capturing.ts";
import { Run, run, WITHOUT_PRIVILEGES } from "../support/command.ts";
import { drain } from "../support/emit.ts";
import { OTHER_FINGERPRINT, PacketSource } from "../support/packets.ts";
import { freePort, pause, until } from "../support/processes.ts";
import { openSerialLine } from "../support/pty.ts";

describe("capture", () => {
  const at = new Capturing();
  const capture = (...args: string[]) => at.capture(...args);

  it("counts lines of log text that it wrote, not those that it could not", async () => {
    // No file may exceed 512 bytes: as on a full disk, except for the code.
    const full = ["sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh"];
    const run = new Run(["capture", "--stdin", "-o", "full"], { cwd: at.folder }, full);
    await run.said(/capturing/);
    run.child.stdin!.end("I (1) boot: hello\n".repeat(625));
    const { status, stderr } = await run.outcome;
    assert.equal(status, 2, stderr);
    assert.match(stderr, /full: 0 events, 0 packets, 0 devices|full: 0 events, 0 packets, 1 device\n/);
    assert.match(stderr, /\n {2}625 lines of log text not written\n/);
    assert.match(stderr, /E_WRITE: .*log.txt cannot be written/);
    assert.deepEqual(at.named("full"), []);
  });

  it("writes packets and log text of a serial line, also over an unplugging, and sums up", async () => {
    const line = await openSerialLine();
    const running = capture("--serial", line.hostPath, "-o", "serial");
    await running.said(/^capturing: .*host at 115200 baud, into serial\n/);
    const packets = traffic(1);
    const half = packets.length >> 1;
    await line.write(Buffer.concat([Buffer.from("I (1) up\n"), framed(packets.slice(0, half))]));
    const stream = () => readdirSync(join(at.folder, "serial")).find((name) => name.startsWith("boot-"));
    await running.until("the first half", () => stream() !== undefined);
    await pause(100);
    await line.unplug();
    await running.said(/has disappeared: it was unplugged/);
    await line.plug();
    await running.said(/is back/);
    await line.write(Buffer.concat([framed(packets.slice(half)), Buffer.from("I (2) done\n")]));
    const log = join(at.folder, "serial", "log.txt");
    await running.until("the last line", () => readFileSync(log, "utf8").includes("done"));
    const { status, signal, stdout, stderr } = await running.end("SIGINT");
    assert.deepEqual([status, signal, stdout], [0, null, ""], stderr);
    assert.match(
      stderr,
      /\nserial: 100 events, \d+ packets, 1 device, 2 lines of log text\n {2}next: xs-telemetry info serial\n$/,
    );
    assert.deepEqual(await at.decoded("serial"), upTo(100));
    await line.close();
  });

  it("reads standard input to its end; names bad frames, and exits with 1", async () => {
    const bytes = framed(traffic(2));
    const good = await run(["capture", "--stdin", "-o", "good"], bytes, { cwd: at.folder });
    assert.deepEqual([good.status, await at.decoded("good")], [0, upTo(100)], good.stderr);
    bytes[60] ^= 1;
    const bad = await run(["capture", "--stdin", "-o", "bad"], bytes, { cwd: at.folder });
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /standard input: E_FRAME at byte \d+: /);
    assert.match(bad.stderr, /\n {2}E_FRAME: 1 time\n/);
    const lossy = await run(["capture", "--stdin", "-o", "lossy"], framed(traffic(2).toSpliced(3, 1)), {
      cwd: at.folder,
    });
    assert.equal(lossy.status, 0, lossy.stderr);
    assert.match(lossy.stderr, /\n {2}\d+ events lost on the way, or in damaged packets\n {2}1 packet missing/);
  });

  it("writes a capture for each sender of datagrams, in order, and refuses what is not a packet", async () => {
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
    assert.equal(stderr.split("E_DATAGRAM: ").length - 1, 2, stderr); // reported once, and counted
    assert.match(stderr, /\n {2}30 packets refused: from another registry/);
    assert.match(stderr, /E_TOO_MANY_DEVICES: /);
    assert.equal(readdirSync(join(at.folder, "udp")).length, 3);
    for (const name of names.slice(0, 3)) assert.deepEqual(await at.decoded(join("udp", name)), upTo(100), name);
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
    await running.until("both", () => existsSync(join(at.folder, "mapped")) && at.named("mapped").length === 2);
    await pause(200);
    assert.equal((await running.end()).status, 0);
    const names = at.named("mapped").sort();
    assert.deepEqual(names, [`0--1_${six.address().port}`, `127.0.0.1_${socket.address().port}`]);
    const valid = await run(["validate", ...names], "", { cwd: join(at.folder, "mapped") });
    assert.equal(valid.status, 0, valid.stderr);
    socket.close();
    six.close();
  });

  it("says of a listener on loopback that it is for this machine only", async () => {
    const running = capture("--udp", "0", "-o", "loopback");
    await running.said(
      /^capturing: UDP port \d+ of 127.0.0.1 \(reachable from this machine only; --host 0.0.0.0 opens it to others\), into/,
    );
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
        new RegExp(`\\n127\\.0\\.0\\.1_${from}: E_NO_PACKET: 300 bytes that are not a whole packet\\n`),
      );
    for (const { port: from } of sockets.slice(0, 2).map((socket) => socket.address()))
      assert.match(stderr, new RegExp(`\\ndamaged/127\\.0\\.0\\.1_${from}: E_RECORD_TYPE at packet`));
    const damaged = 2 * traffic(30).filter((packet) => packet[20] === 0).length;
    assert.match(
      stderr,
      new RegExp(`\\n {2}${7 + damaged} packets refused: damaged, not packets at all, or from too many`),
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
      `E_REGISTRY.* ${bundled.fingerprint}, but (?!${bundled.fingerprint})[0-9a-f]{32} is in use`,
    );
    await Promise.all([own.said(both), tail.said(both)]);
    const [captured, live] = await Promise.all([own.end(), tail.end()]);
    assert.deepEqual([captured.status, live.status], [1, 1]);
    const { status, stdout, stderr } = await run(["decode", "--registry", sensor, join(at.folder, "own")]);
    assert.deepEqual([status, stdout, stdout.split("\n").length - 1], [0, live.stdout, 9], stderr);
    socket.close();
  });

  it("makes no folder when the source is refused, and says what to do: exit code 2", async () => {
    const port = await freePort();
    const line = await openSerialLine();
    chmodSync(line.hostPath, 0);
    const cases: [string[], RegExp][] = [
      [["--serial", "/dev/no-such-port"], /E_NO_PORT: \/dev\/no-such-port: no such port; /],
      [["--serial", line.hostPath], /E_PERMISSION: .*usermod -aG dialout/],
      [["--udp", "53"], /E_PERMISSION: UDP port 53 needs privileges, as all ports below 1024/],
      [["--udp", "5000", "--host", "192.0.2.1"], /E_ADDRESS: /],
      [["--mqtt", `mqtt://127.0.0.1:${port}`], /E_BROKER: .*nothing listens there/],
      [["--mqtt", "nonsense"], /E_URL: /],
      [["--ws", `ws://127.0.0.1:${port}`], /E_SERVER: .*nothing listens there/],
      [["--ws", "ws://user:secret@127.0.0.1"], /E_URL: .*XS_TELEMETRY_WS_TOKEN/],
      [[], /E_USAGE: no source/],
      [["--stdin", "--rotate", "1k"], /Expected a number of bytes, 64k or more/],
      [["--stdin", "--keep", "0"], /Expected a whole number from 1/],
      [["--stdin", "--registry", "none.yaml"], /E_NOT_FOUND/],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) => run(["capture", "-o", "refused", ...args], "", { cwd: at.folder }, WITHOUT_PRIVILEGES)),
    );
    for (const [index, { status, stdout, stderr }] of outcomes.entries()) {
      assert.deepEqual([status, stdout], [2, ""], `${cases[index][0].join(" ")}: ${stderr}`);
      assert.match(stderr, cases[index][1]);
    }
    const input = openSync(at.folder, "r");
    const { status, stderr } = await new Run(["capture", "--stdin", "-o", "refused"], {
      cwd: at.folder,
      stdio: [input, "pipe", "pipe"],
    }).outcome;
    closeSync(input);
    assert.equal(status, 2);
    assert.match(stderr, /^xs-telemetry: E_IS_DIRECTORY: standard input: is a directory; name a file in it/);
    assert.ok(!existsSync(join(at.folder, "refused")));
    await line.close();
  });

  it("ends at once on a second signal", async () => {
    const running = capture("--udp", "0", "-o", "twice");
    await running.said(/capturing/);
    running.child.kill("SIGINT");
    running.child.kill("SIGINT");
    await until("its end", () => running.child.exitCode !== null || running.child.signalCode !== null);
  });
});
